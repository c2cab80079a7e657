-- Rules, without those that make a view.
SELECT 'pg_rewrite' AS catalog, r.oid, r.ev_class AS relation,
       format('%I on %I.%I', r.rulename, n.nspname, c.relname) AS identity,
       jsonb_build_object('definition', pg_get_ruledef(r.oid), 'state', r.ev_enabled::text) AS definition
FROM pg_rewrite AS r
JOIN pg_class AS c ON c.oid = r.ev_class
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN'
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
