-- Operator families with their members, and operator classes.
SELECT 'pg_opfamily' AS catalog, f.oid, 0::oid AS relation,
       format('family %I.%I using %s', n.nspname, f.opfname, am.amname) AS identity,
       jsonb_build_object(
           'operators', (SELECT jsonb_agg(jsonb_build_array(o.amopstrategy, o.amopopr::regoperator::text, o.amoppurpose::text)
                                          ORDER BY o.amopstrategy, o.amopopr::regoperator::text COLLATE "C")
                         FROM pg_amop AS o WHERE o.amopfamily = f.oid),
           'functions', (SELECT jsonb_agg(jsonb_build_array(s.amprocnum, s.amproc::regprocedure::text)
                                          ORDER BY s.amprocnum, s.amproc::regprocedure::text COLLATE "C")
                         FROM pg_amproc AS s WHERE s.amprocfamily = f.oid)) AS definition
FROM pg_opfamily AS f
JOIN pg_namespace AS n ON n.oid = f.opfnamespace
JOIN pg_am AS am ON am.oid = f.opfmethod
WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
UNION ALL
SELECT 'pg_opclass', c.oid, 0::oid, format('class %I.%I using %s', n.nspname, c.opcname, am.amname),
       jsonb_strip_nulls(jsonb_build_object(
           'type', format_type(c.opcintype, NULL), 'default', c.opcdefault,
           'key type', format_type(nullif(c.opckeytype, 0), NULL),
           'family', format('%I.%I', fn.nspname, f.opfname)))
FROM pg_opclass AS c
JOIN pg_namespace AS n ON n.oid = c.opcnamespace
JOIN pg_am AS am ON am.oid = c.opcmethod
JOIN pg_opfamily AS f ON f.oid = c.opcfamily
JOIN pg_namespace AS fn ON fn.oid = f.opfnamespace
WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
