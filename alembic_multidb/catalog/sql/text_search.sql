-- Text search dictionaries, configurations, templates and parsers.
SELECT 'pg_ts_dict' AS catalog, d.oid, 0::oid AS relation, format('dictionary %I.%I', n.nspname, d.dictname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'template', (SELECT format('%I.%I', tn.nspname, t.tmplname) FROM pg_ts_template AS t
                        JOIN pg_namespace AS tn ON tn.oid = t.tmplnamespace WHERE t.oid = d.dicttemplate),
           'options', d.dictinitoption)) AS definition
FROM pg_ts_dict AS d
JOIN pg_namespace AS n ON n.oid = d.dictnamespace
WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
UNION ALL
SELECT 'pg_ts_config', c.oid, 0::oid, format('configuration %I.%I', n.nspname, c.cfgname),
       jsonb_build_object(
           'parser', (SELECT format('%I.%I', pn.nspname, p.prsname) FROM pg_ts_parser AS p
                      JOIN pg_namespace AS pn ON pn.oid = p.prsnamespace WHERE p.oid = c.cfgparser),
           'mapping', (SELECT jsonb_agg(jsonb_build_array(m.maptokentype, m.mapseqno, m.mapdict::regdictionary::text)
                                        ORDER BY m.maptokentype, m.mapseqno)
                       FROM pg_ts_config_map AS m WHERE m.mapcfg = c.oid))
FROM pg_ts_config AS c
JOIN pg_namespace AS n ON n.oid = c.cfgnamespace
WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
UNION ALL
SELECT 'pg_ts_template', t.oid, 0::oid, format('template %I.%I', n.nspname, t.tmplname),
       jsonb_strip_nulls(jsonb_build_object('init', nullif(t.tmplinit::regprocedure::text, '-'),
                                            'lexize', t.tmpllexize::regprocedure::text))
FROM pg_ts_template AS t
JOIN pg_namespace AS n ON n.oid = t.tmplnamespace
WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
UNION ALL
SELECT 'pg_ts_parser', p.oid, 0::oid, format('parser %I.%I', n.nspname, p.prsname),
       jsonb_strip_nulls(jsonb_build_object(
           'start', p.prsstart::regprocedure::text, 'token', p.prstoken::regprocedure::text,
           'end', p.prsend::regprocedure::text, 'headline', nullif(p.prsheadline::regprocedure::text, '-'),
           'types', p.prslextype::regprocedure::text))
FROM pg_ts_parser AS p
JOIN pg_namespace AS n ON n.oid = p.prsnamespace
WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
