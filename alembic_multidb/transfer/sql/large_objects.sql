-- Large objects with what belongs to them.
SELECT m.oid::int8 AS oid, pg_catalog.pg_get_userbyid(m.lomowner)::text AS owner,
       (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                   'role', CASE WHEN a.grantee <> 0 THEN pg_catalog.pg_get_userbyid(a.grantee) END,
                   'right', a.privilege_type, 'is_grantable', a.is_grantable))
        FROM pg_catalog.aclexplode(m.lomacl) AS a WHERE a.grantee <> m.lomowner) AS grants,
       pg_catalog.obj_description(m.oid, 'pg_largeobject') AS comment
FROM pg_catalog.pg_largeobject_metadata AS m
ORDER BY m.oid
