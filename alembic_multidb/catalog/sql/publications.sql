-- Publications and their tables; they belong to how a database is run, not to its schema.
SELECT 'pg_publication' AS catalog, p.oid, 0::oid AS relation, quote_ident(p.pubname) AS identity,
       jsonb_build_object(
           'all tables', p.puballtables, 'insert', p.pubinsert, 'update', p.pubupdate, 'delete', p.pubdelete,
           'truncate', p.pubtruncate, 'via root', p.pubviaroot,
           'tables', (SELECT jsonb_agg(r.prrelid::regclass::text ORDER BY r.prrelid::regclass::text)
                      FROM pg_publication_rel AS r WHERE r.prpubid = p.oid)) AS definition
FROM pg_publication AS p
