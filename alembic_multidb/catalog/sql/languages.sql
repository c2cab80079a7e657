-- Languages and transforms, access methods, and conversions of encodings, which only a superuser makes.
SELECT 'pg_language' AS catalog, l.oid, 0::oid AS relation, 'language ' || quote_ident(l.lanname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'trusted', l.lanpltrusted, 'handler', nullif(l.lanplcallfoid::regprocedure::text, '-'),
           'inline', nullif(l.laninline::regprocedure::text, '-'),
           'validator', nullif(l.lanvalidator::regprocedure::text, '-'))) AS definition
FROM pg_language AS l
WHERE l.oid >= 16384
UNION ALL
SELECT 'pg_transform', t.oid, 0::oid, format('transform for %s language %I', format_type(t.trftype, NULL), l.lanname),
       jsonb_strip_nulls(jsonb_build_object('from sql', nullif(t.trffromsql::regprocedure::text, '-'),
                                            'to sql', nullif(t.trftosql::regprocedure::text, '-')))
FROM pg_transform AS t
JOIN pg_language AS l ON l.oid = t.trflang
UNION ALL
SELECT 'pg_am', a.oid, 0::oid, 'access method ' || quote_ident(a.amname),
       jsonb_build_object('type', a.amtype::text, 'handler', a.amhandler::regprocedure::text)
FROM pg_am AS a
WHERE a.oid >= 16384
UNION ALL
SELECT 'pg_conversion', c.oid, 0::oid, format('conversion %I.%I', n.nspname, c.conname),
       jsonb_build_object('from', pg_encoding_to_char(c.conforencoding), 'to', pg_encoding_to_char(c.contoencoding),
                          'function', c.conproc::regprocedure::text, 'default', c.condefault)
FROM pg_conversion AS c
JOIN pg_namespace AS n ON n.oid = c.connamespace
WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
