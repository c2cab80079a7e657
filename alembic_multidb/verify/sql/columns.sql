-- Columns of tables, those that are worked out included. A name is compared byte by byte where its order is C's.
SELECT a.attrelid::int8 AS table, a.attname::text AS name, a.atttypid::int8 AS type,
       a.attnotnull AS is_full,
       (a.attcollation IN (950, 951)
        OR a.attcollation = 100 AND coalesce(pg_catalog.to_jsonb(d) ->> 'datlocprovider', 'c') = 'c'
           AND d.datcollate IN ('C', 'POSIX')) AND d.encoding = 6 AS is_bytewise
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_database AS d ON d.datname = pg_catalog.current_database()
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
ORDER BY a.attrelid, a.attname COLLATE "C"
