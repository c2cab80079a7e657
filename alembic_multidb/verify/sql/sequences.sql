-- Sequences, each with the columns that take their values from it, and the tables that own it or use it in a default.
SELECT c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS name, s.seqincrement AS increment,
       e.extension,
       coalesce(u.columns, '[]') AS columns, coalesce(u.tables, '[]') AS tables
FROM pg_catalog.pg_sequence AS s
JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT pg_catalog.jsonb_agg(DISTINCT pg_catalog.jsonb_build_array(tn.nspname, t.relname)) AS tables,
           pg_catalog.jsonb_agg(DISTINCT pg_catalog.jsonb_build_array(tn.nspname, t.relname, a.attname))
               FILTER (WHERE x.is_source AND a.atttypid IN (20, 21, 23, 1700)) AS columns
    FROM (
        SELECT d.refobjid AS relid, d.refobjsubid::int2 AS attnum, d.deptype = 'i' AS is_source
        FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.refobjsubid > 0
          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
        UNION
        SELECT f.adrelid, f.adnum, pg_catalog.pg_get_expr(f.adbin, f.adrelid) ~ '^nextval\(''[^'']+''::regclass\)$'
        FROM pg_catalog.pg_depend AS d
        JOIN pg_catalog.pg_attrdef AS f ON f.oid = d.objid
        WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid
    ) AS x
    JOIN pg_catalog.pg_class AS t ON t.oid = x.relid AND t.relkind IN ('r', 'p')
    JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = x.attnum
) AS u ON true
LEFT JOIN LATERAL (
    SELECT x.extname::text AS extension FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_extension AS x ON x.oid = d.refobjid
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
) AS e ON true
WHERE c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
ORDER BY n.nspname, c.relname
