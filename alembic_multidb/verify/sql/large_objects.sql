-- Large objects: who owns them and may do what, their comment and size, and a digest of what they hold, read in pieces
-- of 256 kB.
SELECT m.oid::text AS oid, pg_catalog.pg_get_userbyid(m.lomowner)::text AS owner,
       (SELECT pg_catalog.string_agg(pg_catalog.concat(x.name, ': ', x.words), ', '
                                     ORDER BY x.name COLLATE "C", x.words COLLATE "C")
        FROM (SELECT CASE e.grantee WHEN 0 THEN 'PUBLIC' WHEN m.lomowner THEN 'the owner'
                                    ELSE pg_catalog.pg_get_userbyid(e.grantee)::text END AS name,
                     pg_catalog.concat(e.privilege_type, CASE WHEN e.is_grantable THEN ' with grant option' END) AS words
              FROM pg_catalog.aclexplode(coalesce(m.lomacl, pg_catalog.acldefault('L', m.lomowner))) AS e) AS x) AS grants,
       pg_catalog.obj_description(m.oid, 'pg_largeobject') AS comment,
       z.bytes::text AS bytes, z.digest::text AS digest
FROM pg_catalog.pg_largeobject_metadata AS m
CROSS JOIN LATERAL (
    SELECT s.bytes, pg_catalog.sum(pg_catalog.hash_record_extended(ROW(pg_catalog.int8send(
               pg_catalog.hash_record_extended(ROW(pg_catalog.int8send(p.n),
                                                   pg_catalog.lo_get(m.oid, p.n * 262144, 262144)), 1))), 1)) AS digest
    FROM (SELECT pg_catalog.lo_lseek64(pg_catalog.lo_open(m.oid, 262144), 0, 2) AS bytes OFFSET 0) AS s
    CROSS JOIN LATERAL pg_catalog.generate_series(0::int8, s.bytes / 262144) AS p (n)
    GROUP BY s.bytes
) AS z
ORDER BY m.oid
