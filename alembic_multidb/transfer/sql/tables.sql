-- Tables that hold rows themselves: where each lies, how large it is, and through which table its rows go. A row that is
-- put into a partition by a hash may belong into another one on another server: the outermost table finds it.
SELECT c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS name,
       c.relpersistence = 'u' AS is_unlogged,
       coalesce(pg_catalog.pg_table_size(c.oid), 0) AS bytes,
       coalesce(pg_catalog.pg_relation_size(c.oid), 0) AS heap,
       r.oid::int8 AS root, rn.nspname::text AS root_schema, r.relname::text AS root_name,
       r.oid <> c.oid AND EXISTS (
           SELECT FROM pg_catalog.pg_partition_tree(r.oid) AS t
           JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = t.relid
           WHERE p.partstrat = 'h') AS is_hashed,
       NULL::text AS condition
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class AS r
    ON r.oid = CASE WHEN c.relispartition THEN pg_catalog.pg_partition_root(c.oid)::oid ELSE c.oid END
JOIN pg_catalog.pg_namespace AS rn ON rn.oid = r.relnamespace
WHERE c.relkind = 'r' AND c.oid = ANY (%s::oid[])
ORDER BY c.oid
