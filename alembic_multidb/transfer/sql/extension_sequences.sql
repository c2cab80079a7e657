-- Sequences of extensions that stand where users have left them: those that pg_dump takes along, and those of columns of
-- such tables.
SELECT DISTINCT c.oid::int8 AS oid
FROM pg_catalog.pg_extension AS e
CROSS JOIN LATERAL unnest(e.extconfig) AS x (oid)
JOIN pg_catalog.pg_class AS c ON c.relkind = 'S' AND (c.oid = x.oid OR EXISTS (
    SELECT FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = x.oid AND d.deptype IN ('a', 'i')))
WHERE e.extname = ANY (%s::text[])
ORDER BY 1
