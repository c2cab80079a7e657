-- Tables that hold rows, partitions included, with what they take on disk beside their indexes. Of an extension's table,
-- which of its rows are a user's and not the extension's own, if the extension says so.
SELECT c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
       CASE WHEN c.relispartition THEN pg_catalog.pg_partition_root(c.oid)::oid ELSE c.oid END::int8 AS root,
       p.partstrat::text AS strategy, c.reltuples::float8 AS tuples,
       coalesce(pg_catalog.pg_table_size(c.oid), 0) AS bytes,
       coalesce(pg_catalog.pg_relation_size(c.oid), 0) AS heap,
       EXISTS (SELECT FROM pg_catalog.pg_constraint AS k
               WHERE k.conrelid = c.oid AND k.contype = 'p' AND k.conname LIKE '%\_pkc') AS has_alembics_key,
       e.extension, e.condition
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = c.oid
LEFT JOIN LATERAL (
    SELECT x.extname::text AS extension,
           nullif(x.extcondition[pg_catalog.array_position(x.extconfig, c.oid)], '') AS condition
    FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_extension AS x ON x.oid = d.refobjid
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
) AS e ON true
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
ORDER BY n.nspname, c.relname
