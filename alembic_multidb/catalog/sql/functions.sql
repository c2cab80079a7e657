-- Functions, procedures, window functions and aggregates. The body is the text as it was written, or, for one that
-- begins with BEGIN ATOMIC or RETURN, what PostgreSQL makes of it.
SELECT 'pg_proc' AS catalog, p.oid, 0::oid AS relation,
       format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'kind', CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' WHEN 'w' THEN 'window function'
                                  ELSE 'function' END,
           'arguments', pg_get_function_arguments(p.oid),
           'returns', pg_get_function_result(p.oid),
           'language', l.lanname,
           'body', CASE WHEN p.prokind <> 'a' AND p.prosqlbody IS NULL THEN p.prosrc END,
           'sql body', pg_get_function_sqlbody(p.oid),
           'library', p.probin,
           'volatility', p.provolatile::text,
           'parallel', p.proparallel::text,
           'strict', CASE WHEN p.proisstrict THEN true END,
           'security definer', CASE WHEN p.prosecdef THEN true END,
           'leakproof', CASE WHEN p.proleakproof THEN true END,
           'cost', p.procost,
           'rows', CASE WHEN p.proretset THEN p.prorows END,
           'support', CASE WHEN p.prosupport <> 0 THEN p.prosupport::regprocedure::text END,
           'settings', (
               SELECT jsonb_agg(CASE WHEN o ~* '^[^=]*(pass(word|wd|phrase)|secret|token|credential|(access|private|api|ssl)_?key)'
                                     THEN split_part(o, '=', 1) || '=...' ELSE o END ORDER BY o COLLATE "C")
               FROM unnest(p.proconfig) AS o),
           'transforms', (SELECT jsonb_agg(format_type(x, NULL) ORDER BY format_type(x, NULL) COLLATE "C")
                          FROM unnest(p.protrftypes) AS x),
           'aggregate', CASE WHEN p.prokind = 'a' THEN jsonb_strip_nulls(jsonb_build_object(
               'kind', a.aggkind::text, 'direct arguments', a.aggnumdirectargs,
               'step', a.aggtransfn::regprocedure::text,
               'final', nullif(a.aggfinalfn::regprocedure::text, '-'),
               'combine', nullif(a.aggcombinefn::regprocedure::text, '-'),
               'serial', nullif(a.aggserialfn::regprocedure::text, '-'),
               'deserial', nullif(a.aggdeserialfn::regprocedure::text, '-'),
               'moving step', nullif(a.aggmtransfn::regprocedure::text, '-'),
               'inverse', nullif(a.aggminvtransfn::regprocedure::text, '-'),
               'moving final', nullif(a.aggmfinalfn::regprocedure::text, '-'),
               'final extra', a.aggfinalextra, 'final modifies', a.aggfinalmodify::text,
               'moving final extra', a.aggmfinalextra, 'moving final modifies', a.aggmfinalmodify::text,
               'sort', CASE WHEN a.aggsortop <> 0 THEN a.aggsortop::regoperator::text END,
               'state', format_type(a.aggtranstype, NULL), 'space', a.aggtransspace,
               'moving state', format_type(nullif(a.aggmtranstype, 0), NULL), 'moving space', a.aggmtransspace,
               'initial', a.agginitval, 'moving initial', a.aggminitval)) END)) AS definition
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_language AS l ON l.oid = p.prolang
LEFT JOIN pg_aggregate AS a ON a.aggfnoid = p.oid
WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
  -- The constructors of range types come and go with them.
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
