-- Settings of this database, of roles, and of roles in it, from the weakest to the strongest. Roles' own settings are
-- told for those roles that own something here or have rights here, and for the members of such roles.
WITH RECURSIVE d AS (
    SELECT oid, datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
), known AS (
    SELECT p.refobjid AS role FROM pg_catalog.pg_shdepend AS p
    JOIN d ON p.dbid = d.oid WHERE p.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
    UNION
    SELECT datdba FROM d
    UNION
    SELECT m.member FROM pg_catalog.pg_auth_members AS m JOIN known AS k ON k.role = m.roleid
)
SELECT r.rolname::text AS role, s.setdatabase <> 0 AS is_here, s.setconfig AS settings
FROM pg_catalog.pg_db_role_setting AS s
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole
CROSS JOIN d
WHERE s.setdatabase = d.oid OR s.setdatabase = 0 AND (s.setrole = 0 OR s.setrole IN (SELECT role FROM known))
ORDER BY s.setrole <> 0, s.setdatabase <> 0
