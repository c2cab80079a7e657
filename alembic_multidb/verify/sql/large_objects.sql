-- Large objects: who owns them, their size, and a digest of what they hold, read in pieces of 256 kB.
SELECT m.oid::text AS oid, pg_catalog.pg_get_userbyid(m.lomowner)::text AS owner, m.lomacl::text AS grants,
       z.bytes, z.digest::text AS digest
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
