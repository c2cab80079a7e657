-- Foreign data wrappers and servers. Options of user mappings hold passwords: they are not read.
SELECT 'pg_foreign_server' AS catalog, s.oid, 0::oid AS relation, 'server ' || quote_ident(s.srvname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'wrapper', w.fdwname, 'type', s.srvtype, 'version', s.srvversion,
           'options', (SELECT jsonb_agg(o ORDER BY o) FROM unnest(s.srvoptions) AS o WHERE o !~* '^[^=]*(password|secret|key)'))
       ) AS definition
FROM pg_foreign_server AS s
JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
UNION ALL
SELECT 'pg_foreign_data_wrapper', w.oid, 0::oid, 'wrapper ' || quote_ident(w.fdwname),
       jsonb_strip_nulls(jsonb_build_object('handler', nullif(w.fdwhandler::regproc::text, '-'),
                                            'validator', nullif(w.fdwvalidator::regproc::text, '-')))
FROM pg_foreign_data_wrapper AS w
