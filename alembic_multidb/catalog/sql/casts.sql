-- Casts that a user made; those of the system have small oids, that of a range to its multirange is part of the type.
SELECT 'pg_cast' AS catalog, c.oid, 0::oid AS relation,
       format('%s as %s', format_type(c.castsource, NULL), format_type(c.casttarget, NULL)) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'function', CASE WHEN c.castfunc <> 0 THEN c.castfunc::regprocedure::text END,
           'context', c.castcontext::text, 'method', c.castmethod::text)) AS definition
FROM pg_cast AS c
WHERE c.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_cast'::regclass AND d.objid = c.oid AND d.deptype = 'i')
