-- Rights that new objects get.
SELECT 'pg_default_acl' AS catalog, d.oid, 0::oid AS relation, o.identity,
       jsonb_build_object('granted', (
           SELECT jsonb_agg(concat(a.name, ': ', a.privilege, a.option)
                            ORDER BY a.name COLLATE "C", a.privilege COLLATE "C")
           FROM (SELECT CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(e.grantee)::text END AS name,
                        e.privilege_type AS privilege, CASE WHEN e.is_grantable THEN ' with grant option' END AS option
                 FROM aclexplode(d.defaclacl) AS e) AS a)) AS definition
FROM pg_default_acl AS d
CROSS JOIN LATERAL pg_identify_object('pg_default_acl'::regclass, d.oid, 0) AS o
