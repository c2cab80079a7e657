-- Rights that were granted beyond those that a new object of its kind has, and rights of these that were revoked.
-- pg_dump writes nothing for an object whose rights are again those of a new one.
SELECT x.catalog, x.oid, x.relation, concat(o.type, ' ', o.identity) AS identity,
       jsonb_strip_nulls(jsonb_build_object('granted', x.granted, 'revoked', x.revoked)) AS definition
FROM (
    SELECT y.catalog, y.oid, y.sub, y.relation,
           (SELECT jsonb_agg(concat(a.name, ': ', a.privilege, a.option)
                             ORDER BY a.name COLLATE "C", a.privilege COLLATE "C")
            FROM (SELECT CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(e.grantee)::text END AS name,
                         e.privilege_type AS privilege, CASE WHEN e.is_grantable THEN ' with grant option' END AS option
                  FROM (SELECT grantee, privilege_type, is_grantable FROM aclexplode(y.acl)
                        EXCEPT SELECT grantee, privilege_type, is_grantable FROM aclexplode(acldefault(y.type, y.owner))
                       ) AS e) AS a) AS granted,
           (SELECT jsonb_agg(concat(a.name, ': ', a.privilege) ORDER BY a.name COLLATE "C", a.privilege COLLATE "C")
            FROM (SELECT CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(e.grantee)::text END AS name,
                         e.privilege_type AS privilege
                  FROM (SELECT grantee, privilege_type FROM aclexplode(acldefault(y.type, y.owner))
                        EXCEPT SELECT grantee, privilege_type FROM aclexplode(y.acl)) AS e) AS a) AS revoked
    FROM (
        SELECT 'pg_class' AS catalog, c.oid, 0 AS sub, c.oid AS relation, c.relacl AS acl, c.relowner AS owner,
               CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END AS type
        FROM pg_class AS c WHERE c.relacl IS NOT NULL AND c.oid >= 16384
        UNION ALL
        SELECT 'pg_class', a.attrelid, a.attnum, a.attrelid, a.attacl, c.relowner, 'c'
        FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
        WHERE a.attacl IS NOT NULL AND a.attrelid >= 16384 AND NOT a.attisdropped
        UNION ALL
        SELECT 'pg_proc', p.oid, 0, 0::oid, p.proacl, p.proowner, 'f' FROM pg_proc AS p
        WHERE p.proacl IS NOT NULL AND p.oid >= 16384
        UNION ALL
        SELECT 'pg_type', t.oid, 0, 0::oid, t.typacl, t.typowner, 'T' FROM pg_type AS t
        WHERE t.typacl IS NOT NULL AND t.oid >= 16384
        UNION ALL
        SELECT 'pg_namespace', n.oid, 0, 0::oid, n.nspacl, n.nspowner, 'n' FROM pg_namespace AS n
        WHERE n.nspacl IS NOT NULL AND (n.oid >= 16384 OR n.nspname = 'public')
        UNION ALL
        SELECT 'pg_language', l.oid, 0, 0::oid, l.lanacl, l.lanowner, 'l' FROM pg_language AS l
        WHERE l.lanacl IS NOT NULL
        UNION ALL
        SELECT 'pg_foreign_server', s.oid, 0, 0::oid, s.srvacl, s.srvowner, 'S' FROM pg_foreign_server AS s
        WHERE s.srvacl IS NOT NULL
        UNION ALL
        SELECT 'pg_foreign_data_wrapper', w.oid, 0, 0::oid, w.fdwacl, w.fdwowner, 'F' FROM pg_foreign_data_wrapper AS w
        WHERE w.fdwacl IS NOT NULL
    ) AS y
) AS x
CROSS JOIN LATERAL pg_identify_object(x.catalog::regclass, x.oid, x.sub) AS o
WHERE x.granted IS NOT NULL OR x.revoked IS NOT NULL
