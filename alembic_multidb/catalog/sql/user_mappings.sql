-- Who is mapped to somebody on a foreign server; the options of a mapping hold passwords and are not asked for.
SELECT 'pg_user_mapping' AS catalog, m.umid AS oid, 0::oid AS relation,
       format('%s on %I', CASE WHEN m.umuser = 0 THEN 'PUBLIC' ELSE quote_ident(m.usename) END, m.srvname) AS identity,
       '{}'::jsonb AS definition
FROM pg_user_mappings AS m
