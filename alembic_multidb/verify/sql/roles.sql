-- Roles that own something here or have rights here, the owner of the database among them, and the members of these.
WITH RECURSIVE known AS (
    SELECT p.refobjid AS role FROM pg_catalog.pg_shdepend AS p
    JOIN pg_catalog.pg_database AS d ON d.oid = p.dbid AND d.datname = pg_catalog.current_database()
    WHERE p.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
    UNION
    SELECT d.datdba FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database()
    UNION
    SELECT m.member FROM pg_catalog.pg_auth_members AS m JOIN known AS k ON k.role = m.roleid
)
SELECT r.rolname::text AS name FROM known AS k JOIN pg_catalog.pg_roles AS r ON r.oid = k.role
