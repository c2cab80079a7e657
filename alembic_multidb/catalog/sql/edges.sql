-- Which object depends on which, as PostgreSQL keeps it, with the kind of each edge. What the system itself is made of
-- is pinned and stands nowhere in pg_depend.
SELECT c.relname AS catalog, d.objid AS oid, u.relname AS used_catalog, d.refobjid AS used_oid, d.deptype::text AS kind
FROM (SELECT DISTINCT classid, objid, refclassid, refobjid, deptype FROM pg_depend) AS d
JOIN pg_class AS c ON c.oid = d.classid
JOIN pg_class AS u ON u.oid = d.refclassid
WHERE d.objid >= 16384 AND (d.classid, d.objid) <> (d.refclassid, d.refobjid)
ORDER BY 1, 2, 3, 4, 5
