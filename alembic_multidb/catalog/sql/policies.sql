-- Row security policies.
SELECT 'pg_policy' AS catalog, p.oid, p.polrelid AS relation,
       format('%I on %I.%I', p.polname, n.nspname, c.relname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'command', p.polcmd::text, 'permissive', p.polpermissive,
           'roles', (SELECT jsonb_agg(coalesce(r.rolname, 'public') ORDER BY r.rolname COLLATE "C")
                     FROM unnest(p.polroles) AS o LEFT JOIN pg_roles AS r ON r.oid = o),
           'using', pg_get_expr(p.polqual, p.polrelid), 'with check', pg_get_expr(p.polwithcheck, p.polrelid))) AS definition
FROM pg_policy AS p
JOIN pg_class AS c ON c.oid = p.polrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
