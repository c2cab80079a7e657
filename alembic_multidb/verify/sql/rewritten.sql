-- Of some locked tables, those whose file is not the one that this transaction's snapshot knows.
SELECT c.oid::regclass::text AS name
FROM pg_catalog.pg_class AS c
WHERE c.oid = ANY (%s::oid[]) AND c.relkind = 'r'
  AND c.relfilenode IS DISTINCT FROM pg_catalog.pg_relation_filenode(c.oid)
ORDER BY 1
