-- Which user's object uses which, as PostgreSQL itself keeps it: every edge of pg_depend between objects that can
-- lead from a view, trigger, function, policy, rule, default or constraint to a table.
-- Bodies that are kept as text (PL/pgSQL, SQL functions in quotes) have no edges.
WITH members AS (  -- what belongs to an extension is not the user's
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
)
SELECT d.classid::regclass::text AS class, d.objid AS object,
       d.refclassid::regclass::text AS used_class, d.refobjid AS used_object
FROM pg_depend AS d
WHERE d.deptype IN ('n', 'a', 'i', 'P', 'S')
  AND d.classid IN ('pg_class'::regclass, 'pg_rewrite'::regclass, 'pg_trigger'::regclass, 'pg_proc'::regclass,
                    'pg_policy'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_type'::regclass)
  AND d.refclassid IN ('pg_class'::regclass, 'pg_rewrite'::regclass, 'pg_trigger'::regclass, 'pg_proc'::regclass,
                       'pg_policy'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_type'::regclass)
  AND (d.classid, d.objid) <> (d.refclassid, d.refobjid)
  AND NOT EXISTS (SELECT FROM members AS m WHERE (m.classid, m.objid) = (d.classid, d.objid))
  AND NOT EXISTS (SELECT FROM members AS m WHERE (m.classid, m.objid) = (d.refclassid, d.refobjid))
