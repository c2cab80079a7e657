-- Constraints of tables and domains. Not the NOT NULL ones (they are their column's); of the copies that partitions have of
-- their parent's only those that are in another state. The index behind a constraint is part of it: that of a partitioned
-- table is not valid as long as a partition is without one.
SELECT 'pg_constraint' AS catalog, k.oid, k.conrelid AS relation,
       format('%I on %s', k.conname,
              CASE WHEN k.conrelid <> 0 THEN format('%I.%I', n.nspname, c.relname)
                   ELSE 'domain ' || format_type(k.contypid, NULL) END) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'kind', CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' WHEN 'f' THEN 'foreign key'
                                  WHEN 'c' THEN 'check' WHEN 'x' THEN 'exclusion' END,
           'definition', pg_get_constraintdef(k.oid),
           'index', CASE WHEN k.contype IN ('p', 'u', 'x') THEN pg_get_indexdef(k.conindid) END,
           -- ALTER TABLE ... DISABLE TRIGGER ALL switches a foreign key off, and says so only at the triggers behind it.
           'enforced by triggers', (SELECT jsonb_agg(DISTINCT t.tgenabled::text ORDER BY t.tgenabled::text)
                                    FROM pg_trigger AS t WHERE t.tgconstraint = k.oid AND k.contype = 'f'
                                      AND t.tgisinternal HAVING bool_or(t.tgenabled <> 'O')),
           'valid', CASE WHEN NOT (i.indisvalid AND i.indisready) THEN false END,
           'clustered', CASE WHEN i.indisclustered THEN true END,
           'replica identity', CASE WHEN i.indisreplident THEN true END,
           'no inherit', CASE WHEN k.connoinherit AND k.contype = 'c' THEN true END)) AS definition
FROM pg_constraint AS k
LEFT JOIN pg_class AS c ON c.oid = k.conrelid
LEFT JOIN pg_index AS i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x')
LEFT JOIN pg_class AS x ON x.oid = i.indexrelid
LEFT JOIN pg_inherits AS h ON h.inhrelid = x.oid
LEFT JOIN pg_class AS parent ON parent.oid = h.inhparent
JOIN pg_namespace AS n ON n.oid = coalesce(c.relnamespace, k.connamespace)
WHERE k.contype IN ('p', 'u', 'f', 'c', 'x') AND coalesce(c.relpersistence, 'p') <> 't'
  AND (k.conparentid = 0 OR NOT i.indisvalid OR i.indisclustered OR x.reloptions IS DISTINCT FROM parent.reloptions
       OR EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgconstraint = k.oid AND t.tgisinternal AND t.tgenabled <> 'O'))
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
  -- A check that a partition only has from its parent.
  AND (k.conrelid = 0 OR k.conislocal OR k.contype <> 'c')
