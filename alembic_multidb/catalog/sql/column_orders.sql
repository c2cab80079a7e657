-- The order of the columns, which nothing but SELECT * and COPY without a list sees.
SELECT 'pg_class' AS catalog, c.oid, c.oid AS relation, format('%I.%I', n.nspname, c.relname) AS identity,
       jsonb_build_object('columns', jsonb_agg(a.attname ORDER BY a.attnum)) AS definition
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
GROUP BY c.oid, n.nspname, c.relname
