-- Owners.
SELECT x.catalog, x.oid, x.relation, concat(o.type, ' ', o.identity) AS identity,
       jsonb_build_object('owner', pg_get_userbyid(x.owner)) AS definition
FROM (
    SELECT 'pg_class' AS catalog, c.oid, c.oid AS relation, c.relowner AS owner FROM pg_class AS c
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND c.relpersistence <> 't' AND c.oid >= 16384
      AND c.relnamespace NOT IN (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname LIKE 'pg\_%')
    UNION ALL SELECT 'pg_proc', p.oid, 0::oid, p.proowner FROM pg_proc AS p WHERE p.oid >= 16384
    UNION ALL SELECT 'pg_type', t.oid, 0::oid, t.typowner FROM pg_type AS t
              WHERE t.oid >= 16384 AND t.typtype IN ('e', 'd', 'r')
    UNION ALL SELECT 'pg_namespace', n.oid, 0::oid, n.nspowner FROM pg_namespace AS n
              WHERE n.oid >= 16384 AND n.nspname NOT LIKE 'pg\_%'
) AS x
CROSS JOIN LATERAL pg_identify_object(x.catalog::regclass, x.oid, 0) AS o
