-- Rights to what the system or an extension brought along, where they are not those that it brought along: functions,
-- tables, views, columns, types, schemas, languages. Roles that are gone are left out.
SELECT pg_catalog.concat(o.type, ' ', o.identity) AS name, x.extension, c.changes
FROM (
    SELECT y.*, e.extension, coalesce(i.initprivs, pg_catalog.acldefault(y.type, y.owner)) AS before
    FROM (
        SELECT 'pg_catalog.pg_class'::pg_catalog.regclass AS catalog, c.oid, 0 AS sub, c.relacl AS acl, c.relowner AS owner,
               (CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char" AS type
        FROM pg_catalog.pg_class AS c WHERE c.relacl IS NOT NULL
        UNION ALL
        SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, a.attrelid, a.attnum, a.attacl, c.relowner, 'c'
        FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
        WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
        UNION ALL
        SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 0, p.proacl, p.proowner, 'f'
        FROM pg_catalog.pg_proc AS p WHERE p.proacl IS NOT NULL
        UNION ALL
        SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, 0, t.typacl, t.typowner, 'T'
        FROM pg_catalog.pg_type AS t WHERE t.typacl IS NOT NULL
        UNION ALL
        SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid, 0, n.nspacl, n.nspowner, 'n'
        FROM pg_catalog.pg_namespace AS n WHERE n.nspacl IS NOT NULL AND n.nspname <> 'public'
        UNION ALL
        SELECT 'pg_catalog.pg_language'::pg_catalog.regclass, l.oid, 0, l.lanacl, l.lanowner, 'l'
        FROM pg_catalog.pg_language AS l WHERE l.lanacl IS NOT NULL
        UNION ALL
        SELECT 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, w.oid, 0, w.fdwacl, w.fdwowner, 'F'
        FROM pg_catalog.pg_foreign_data_wrapper AS w WHERE w.fdwacl IS NOT NULL
        UNION ALL
        SELECT i.classoid, i.objoid, i.objsubid, NULL, p.proowner, 'f'
        FROM pg_catalog.pg_init_privs AS i JOIN pg_catalog.pg_proc AS p ON p.oid = i.objoid
        WHERE i.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.proacl IS NULL
    ) AS y
    LEFT JOIN LATERAL (
        SELECT m.extname::text AS extension FROM pg_catalog.pg_depend AS d
        JOIN pg_catalog.pg_extension AS m ON m.oid = d.refobjid
        WHERE d.classid = y.catalog AND d.objid = y.oid AND d.deptype = 'e'
    ) AS e ON true
    LEFT JOIN pg_catalog.pg_init_privs AS i ON i.classoid = y.catalog AND i.objoid = y.oid AND i.objsubid = y.sub
    WHERE e.extension IS NOT NULL OR y.oid < 16384
) AS x
CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg(pg_catalog.concat(z.words, CASE z.grantee WHEN 0 THEN 'PUBLIC' ELSE r.rolname::text END, ': ',
                                z.privilege_type, CASE WHEN z.is_grantable THEN ' with grant option' END)
                                ORDER BY z.words, r.rolname COLLATE "C", z.privilege_type COLLATE "C") AS changes
    FROM (
        SELECT '+' AS words, g.* FROM (
            SELECT a.grantee, a.privilege_type, a.is_grantable
            FROM pg_catalog.aclexplode(coalesce(x.acl, pg_catalog.acldefault(x.type, x.owner))) AS a
            EXCEPT SELECT b.grantee, b.privilege_type, b.is_grantable FROM pg_catalog.aclexplode(x.before) AS b) AS g
        UNION ALL
        SELECT '-', g.* FROM (
            SELECT b.grantee, b.privilege_type, b.is_grantable FROM pg_catalog.aclexplode(x.before) AS b
            EXCEPT SELECT a.grantee, a.privilege_type, a.is_grantable
            FROM pg_catalog.aclexplode(coalesce(x.acl, pg_catalog.acldefault(x.type, x.owner))) AS a) AS g
    ) AS z
    LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = z.grantee
    WHERE z.grantee = 0 OR r.oid IS NOT NULL
) AS c
CROSS JOIN LATERAL pg_catalog.pg_identify_object(x.catalog, x.oid, x.sub) AS o
WHERE c.changes IS NOT NULL AND (x.extension IS NOT NULL OR 'pg_catalog' IN (o.schema, o.identity))
