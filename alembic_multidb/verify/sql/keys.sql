-- The primary key of each table, or else the unique index of the fewest columns that are never null.
SELECT DISTINCT ON (i.indrelid) i.indrelid::int8 AS table, k.names
FROM pg_catalog.pg_index AS i
CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg(a.attname::text ORDER BY u.place) AS names, pg_catalog.bool_and(a.attnotnull) AS is_full
    FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS u (attnum, place)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = u.attnum
    WHERE u.place <= i.indnkeyatts
) AS k
WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND k.is_full
ORDER BY i.indrelid, i.indisprimary DESC, i.indnkeyatts, i.indexrelid
