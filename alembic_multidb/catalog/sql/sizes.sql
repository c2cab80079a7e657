-- How large each table is, leaf by leaf: the rows that the last ANALYZE saw (-1: none has), bytes with TOAST, bytes of
-- indexes.
SELECT c.oid, c.reltuples::bigint AS rows, pg_table_size(c.oid) AS bytes, pg_indexes_size(c.oid) AS index_bytes
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
