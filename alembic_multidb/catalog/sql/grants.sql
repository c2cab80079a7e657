-- Rights that were granted or taken, and those that new objects get.
SELECT x.catalog, x.oid, x.relation, concat(o.type, ' ', o.identity) AS identity,
       jsonb_build_object('grants', (SELECT jsonb_agg(a::text ORDER BY a::text) FROM unnest(x.acl) AS a)) AS definition
FROM (
    SELECT 'pg_class' AS catalog, c.oid, 0 AS sub, c.oid AS relation, c.relacl AS acl FROM pg_class AS c
    WHERE c.relacl IS NOT NULL AND c.oid >= 16384
    UNION ALL SELECT 'pg_class', a.attrelid, a.attnum, a.attrelid, a.attacl FROM pg_attribute AS a
              WHERE a.attacl IS NOT NULL AND a.attrelid >= 16384 AND NOT a.attisdropped
    UNION ALL SELECT 'pg_proc', p.oid, 0, 0::oid, p.proacl FROM pg_proc AS p WHERE p.proacl IS NOT NULL AND p.oid >= 16384
    UNION ALL SELECT 'pg_type', t.oid, 0, 0::oid, t.typacl FROM pg_type AS t WHERE t.typacl IS NOT NULL AND t.oid >= 16384
    UNION ALL SELECT 'pg_namespace', n.oid, 0, 0::oid, n.nspacl FROM pg_namespace AS n
              WHERE n.nspacl IS NOT NULL AND (n.oid >= 16384 OR n.nspname = 'public')
    UNION ALL SELECT 'pg_default_acl', d.oid, 0, 0::oid, d.defaclacl FROM pg_default_acl AS d
) AS x
CROSS JOIN LATERAL pg_identify_object(x.catalog::regclass, x.oid, x.sub) AS o
