-- Settings of this database, of roles, and of roles in it, from the weakest to the strongest. Roles' own settings are
-- told for those roles that own something here, or have rights here.
SELECT r.rolname::text AS role, s.setdatabase <> 0 AS is_here, s.setconfig AS settings
FROM pg_catalog.pg_db_role_setting AS s
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole
CROSS JOIN (SELECT oid, datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AS d
WHERE s.setdatabase = d.oid
   OR s.setdatabase = 0 AND (s.setrole IN (0, d.datdba) OR EXISTS (
       SELECT FROM pg_catalog.pg_shdepend AS p
       WHERE p.dbid = d.oid AND p.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND p.refobjid = s.setrole))
ORDER BY s.setrole <> 0, s.setdatabase <> 0
