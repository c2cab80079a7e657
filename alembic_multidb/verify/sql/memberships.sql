-- Who is a member of which role. Who may only pass a membership on (PostgreSQL 16 gives that to whoever makes a role)
-- has no rights by it.
SELECT g.rolname::text AS role, pg_catalog.format('%%I in %%I', r.rolname, g.rolname) AS name,
       pg_catalog.concat_ws(', ', CASE WHEN pg_catalog.bool_or(x.inherits) THEN 'inherits' ELSE 'does not inherit' END,
                            CASE WHEN pg_catalog.bool_or(m.admin_option) THEN 'with admin option' END) AS words
FROM pg_catalog.pg_auth_members AS m
JOIN pg_catalog.pg_roles AS g ON g.oid = m.roleid
JOIN pg_catalog.pg_roles AS r ON r.oid = m.member
CROSS JOIN LATERAL (
    SELECT coalesce((pg_catalog.to_jsonb(m) ->> 'inherit_option')::bool, r.rolinherit) AS inherits,
           coalesce((pg_catalog.to_jsonb(m) ->> 'set_option')::bool, true) AS may_become
) AS x
WHERE g.rolname = ANY (%s) AND (x.inherits OR x.may_become)
GROUP BY r.rolname, g.rolname
