-- Enums, domains, composite and range types, and base types written in C. Row types of tables and array types come
-- along with what they belong to.
SELECT 'pg_type' AS catalog, t.oid, 0::oid AS relation, format('%I.%I', n.nspname, t.typname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'kind', CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite'
                                  WHEN 'r' THEN 'range' ELSE 'base' END,
           'labels', (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = t.oid),
           'base', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
           'not null', CASE WHEN t.typtype = 'd' THEN t.typnotnull END,
           'default', CASE WHEN t.typtype IN ('d', 'b') THEN coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault) END,
           'collation', CASE WHEN t.typtype = 'd' AND t.typcollation <> b.typcollation
                             THEN t.typcollation::regcollation::text END,
           'attributes', (SELECT jsonb_agg(jsonb_build_array(a.attname, format_type(a.atttypid, a.atttypmod),
                                 CASE WHEN a.attcollation <> at.typcollation THEN a.attcollation::regcollation::text END)
                                 ORDER BY a.attnum)
                          FROM pg_attribute AS a JOIN pg_type AS at ON at.oid = a.atttypid
                          WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped),
           'subtype', format_type(r.rngsubtype, NULL),
           'operator class', (SELECT format('%I.%I', ocn.nspname, oc.opcname) FROM pg_opclass AS oc
                              JOIN pg_namespace AS ocn ON ocn.oid = oc.opcnamespace WHERE oc.oid = r.rngsubopc),
           'range collation', CASE WHEN r.rngcollation <> 0 THEN r.rngcollation::regcollation::text END,
           'canonical', CASE WHEN r.rngcanonical <> 0 THEN r.rngcanonical::regprocedure::text END,
           'difference', CASE WHEN r.rngsubdiff <> 0 THEN r.rngsubdiff::regprocedure::text END,
           'multirange', format_type(r.rngmultitypid, NULL),
           'functions', CASE WHEN t.typtype = 'b' THEN jsonb_build_array(t.typinput::regproc, t.typoutput::regproc,
                                                                       t.typreceive::regproc, t.typsend::regproc) END,
           'length', CASE WHEN t.typtype = 'b' THEN t.typlen END)) AS definition
FROM pg_type AS t
JOIN pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN pg_class AS c ON c.oid = t.typrelid
LEFT JOIN pg_range AS r ON r.rngtypid = t.oid
LEFT JOIN pg_type AS b ON b.oid = t.typbasetype
WHERE t.typtype IN ('e', 'd', 'c', 'r', 'b') AND coalesce(c.relkind, 'c') = 'c' AND t.typisdefined
  AND NOT EXISTS (SELECT FROM pg_type AS e WHERE e.typarray = t.oid)
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
