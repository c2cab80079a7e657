-- Tables of extensions that hold what users have put into them: what pg_dump takes along, with its own condition. Each
-- comes after those that it refers to; its foreign keys are there before its rows.
WITH RECURSIVE listed AS (
    SELECT unnest(e.extconfig) AS oid FROM pg_catalog.pg_extension AS e
), deep (oid, steps) AS (
    SELECT l.oid, 0 FROM listed AS l
    UNION
    SELECT k.conrelid, d.steps + 1
    FROM deep AS d
    JOIN pg_catalog.pg_constraint AS k ON k.contype = 'f' AND k.confrelid = d.oid AND k.conrelid <> d.oid
    JOIN listed AS l ON l.oid = k.conrelid
    WHERE d.steps < (SELECT count(*) FROM listed)
)
SELECT c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS name,
       c.relpersistence = 'u' AS is_unlogged,
       coalesce(pg_catalog.pg_table_size(c.oid), 0) AS bytes, 0::int8 AS heap,
       c.oid::int8 AS root, n.nspname::text AS root_schema, c.relname::text AS root_name,
       false AS is_hashed, x.condition, c.relkind::text AS kind, e.extname::text AS extension
FROM pg_catalog.pg_extension AS e
CROSS JOIN LATERAL unnest(e.extconfig, e.extcondition) AS x (oid, condition)
JOIN pg_catalog.pg_class AS c ON c.oid = x.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'S')
ORDER BY (SELECT max(d.steps) FROM deep AS d WHERE d.oid = c.oid), c.oid
