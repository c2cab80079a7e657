-- Settings of this database, of roles, and of roles in it, from the weakest to the strongest.
SELECT r.rolname::text AS role, s.setdatabase <> 0 AS is_here, s.setconfig AS settings
FROM pg_catalog.pg_db_role_setting AS s
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole
WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database()))
ORDER BY s.setrole <> 0, s.setdatabase <> 0
