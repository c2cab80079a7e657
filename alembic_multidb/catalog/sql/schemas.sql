-- Schemas of users.
SELECT 'pg_namespace' AS catalog, n.oid, 0::oid AS relation, quote_ident(n.nspname) AS identity, '{}'::jsonb AS definition
FROM pg_namespace AS n
WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
