-- The options of user mappings on foreign servers, and whether this login may see them. Their values may be secrets.
SELECT pg_catalog.format('%s on %I', CASE WHEN m.umuser = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(m.usename) END,
                         m.srvname) AS name,
       m.umoptions AS options,
       m.umoptions IS NOT NULL
       OR pg_catalog.current_setting('is_superuser') = 'on'
       OR pg_catalog.pg_has_role(s.srvowner, 'USAGE') AND (m.umuser = 0 OR m.usename = current_user)
       OR m.usename = current_user AND pg_catalog.has_server_privilege(s.oid, 'USAGE') AS is_visible
FROM pg_catalog.pg_user_mappings AS m
JOIN pg_catalog.pg_foreign_server AS s ON s.oid = m.srvid
