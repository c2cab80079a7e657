-- What is there, but not in force: indexes behind constraints and of partitions included, which stand in no snapshot.
SELECT 'index' AS kind, pg_catalog.format('%I.%I', n.nspname, c.relname) AS object, tn.nspname::text AS schema,
       t.relname::text AS name, CASE WHEN i.indisvalid THEN 'is not ready' ELSE 'is not valid' END AS state
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
WHERE NOT (i.indisvalid AND i.indisready AND i.indislive) AND c.relpersistence <> 't' AND tn.nspname NOT LIKE 'pg\_%'
UNION ALL
SELECT 'constraint', pg_catalog.format('%I on %I.%I', k.conname, n.nspname, c.relname), n.nspname, c.relname,
       CASE WHEN pg_catalog.to_jsonb(k) ->> 'conenforced' = 'false' THEN 'is not enforced' ELSE 'is not validated' END
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT k.convalidated AND c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\_%'
UNION ALL
SELECT 'trigger', pg_catalog.format('%I on %I.%I', g.tgname, n.nspname, c.relname), n.nspname, c.relname,
       'is in state ' || g.tgenabled::text
FROM pg_catalog.pg_trigger AS g
JOIN pg_catalog.pg_class AS c ON c.oid = g.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT g.tgisinternal AND g.tgenabled <> 'O' AND n.nspname NOT LIKE 'pg\_%'
UNION ALL
SELECT 'materialized view', pg_catalog.format('%I.%I', n.nspname, c.relname), n.nspname, c.relname, 'is not populated'
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND NOT c.relispopulated AND n.nspname NOT LIKE 'pg\_%'
