-- Who is a member of the roles that own something here or have rights here, directly or through others. Who may only
-- pass a membership on (PostgreSQL 16 gives that to whoever makes a role) has no rights by it.
WITH RECURSIVE known AS (
    SELECT p.refobjid AS role FROM pg_catalog.pg_shdepend AS p
    JOIN pg_catalog.pg_database AS d ON p.dbid = d.oid AND d.datname = pg_catalog.current_database()
    WHERE p.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
    UNION
    SELECT m.member FROM pg_catalog.pg_auth_members AS m JOIN known AS k ON k.role = m.roleid
)
SELECT pg_catalog.format('%I in %I', r.rolname, g.rolname) AS name,
       pg_catalog.concat_ws(', ', CASE WHEN pg_catalog.bool_or(x.inherits) THEN 'inherits' ELSE 'does not inherit' END,
                            CASE WHEN pg_catalog.bool_or(m.admin_option) THEN 'with admin option' END) AS words
FROM pg_catalog.pg_auth_members AS m
JOIN known AS k ON k.role = m.roleid
JOIN pg_catalog.pg_roles AS g ON g.oid = m.roleid
JOIN pg_catalog.pg_roles AS r ON r.oid = m.member
CROSS JOIN LATERAL (
    SELECT coalesce((pg_catalog.to_jsonb(m) ->> 'inherit_option')::bool, r.rolinherit) AS inherits,
           coalesce((pg_catalog.to_jsonb(m) ->> 'set_option')::bool, true) AS may_become
) AS x
WHERE x.inherits OR x.may_become
GROUP BY r.rolname, g.rolname
