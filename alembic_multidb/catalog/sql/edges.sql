-- Which object depends on which, as PostgreSQL keeps it, with the kind of each edge. What the system itself is made of
-- is pinned and stands nowhere in pg_depend.
SELECT d.classid::regclass::text AS catalog, d.objid AS oid,
       d.refclassid::regclass::text AS used_catalog, d.refobjid AS used_oid, d.deptype::text AS kind
FROM pg_depend AS d
WHERE d.objid >= 16384 AND (d.classid, d.objid) <> (d.refclassid, d.refobjid)
GROUP BY 1, 2, 3, 4, 5
