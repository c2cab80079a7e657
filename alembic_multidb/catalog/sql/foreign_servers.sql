-- Foreign data wrappers and servers, without what an option whose name sounds like a secret holds.
SELECT 'pg_foreign_server' AS catalog, s.oid, 0::oid AS relation, 'server ' || quote_ident(s.srvname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'wrapper', w.fdwname, 'type', s.srvtype, 'version', s.srvversion,
           'options', (
               SELECT jsonb_agg(CASE WHEN o ~* '^[^=]*(pass(word|wd|phrase)|secret|token|credential|(access|private|api|ssl)_?key)'
                                     THEN split_part(o, '=', 1) || '=...' ELSE o END ORDER BY o COLLATE "C")
               FROM unnest(s.srvoptions) AS o))) AS definition
FROM pg_foreign_server AS s
JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
UNION ALL
SELECT 'pg_foreign_data_wrapper', w.oid, 0::oid, 'wrapper ' || quote_ident(w.fdwname),
       jsonb_strip_nulls(jsonb_build_object(
           'handler', nullif(w.fdwhandler::regprocedure::text, '-'),
           'validator', nullif(w.fdwvalidator::regprocedure::text, '-'),
           'options', (
               SELECT jsonb_agg(CASE WHEN o ~* '^[^=]*(pass(word|wd|phrase)|secret|token|credential|(access|private|api|ssl)_?key)'
                                     THEN split_part(o, '=', 1) || '=...' ELSE o END ORDER BY o COLLATE "C")
               FROM unnest(w.fdwoptions) AS o)))
FROM pg_foreign_data_wrapper AS w
