-- Indexes that stand behind no constraint; of those that a partition has from its parent's index, only the ones with
-- other options or in another state.
SELECT 'pg_class' AS catalog, c.oid, i.indrelid AS relation, format('%I.%I', n.nspname, c.relname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'table', i.indrelid::regclass::text,
           'definition', pg_get_indexdef(c.oid),
           'valid', CASE WHEN NOT (i.indisvalid AND i.indisready) THEN false END,
           'clustered', CASE WHEN i.indisclustered THEN true END,
           'replica identity', CASE WHEN i.indisreplident THEN true END,
           'statistics targets', (SELECT jsonb_object_agg(a.attnum, a.attstattarget) FROM pg_attribute AS a
                                  WHERE a.attrelid = c.oid AND a.attstattarget >= 0))) AS definition
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_inherits AS h ON h.inhrelid = c.oid
LEFT JOIN pg_class AS parent ON parent.oid = h.inhparent
WHERE (NOT c.relispartition OR c.reloptions IS DISTINCT FROM parent.reloptions OR NOT i.indisvalid OR NOT i.indisready
       OR i.indisclustered
       OR EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attstattarget >= 0))
  AND c.relpersistence <> 't'
  AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
