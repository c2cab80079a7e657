-- Settings of this database, and of roles in it; a setting's value may be a secret of an application's own.
SELECT 'pg_db_role_setting' AS catalog, s.setrole AS oid, 0::oid AS relation,
       concat('setting of ', CASE WHEN s.setrole = 0 THEN 'the database' ELSE 'role ' || pg_get_userbyid(s.setrole) END)
       AS identity,
       jsonb_build_object('settings', (SELECT jsonb_agg(split_part(c, '=', 1) || '='
                              || CASE WHEN split_part(c, '=', 1) LIKE '%.%' THEN '...' ELSE substr(c, strpos(c, '=') + 1) END
                              ORDER BY c COLLATE "C") FROM unnest(s.setconfig) AS c)) AS definition
FROM pg_db_role_setting AS s
WHERE s.setdatabase = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
