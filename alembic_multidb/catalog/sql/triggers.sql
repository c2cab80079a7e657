-- Triggers with their state; of a partition's copies of its parent's only those that are in another state.
SELECT 'pg_trigger' AS catalog, t.oid, t.tgrelid AS relation,
       format('%I on %I.%I', t.tgname, n.nspname, c.relname) AS identity,
       jsonb_build_object(
           'definition', pg_get_triggerdef(t.oid),
           'state', CASE t.tgenabled WHEN 'O' THEN 'enabled' WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica'
                                     ELSE 'always' END) AS definition
FROM pg_trigger AS t
JOIN pg_class AS c ON c.oid = t.tgrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_trigger AS parent ON parent.oid = t.tgparentid
WHERE NOT t.tgisinternal AND (t.tgparentid = 0 OR parent.tgenabled <> t.tgenabled)
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
