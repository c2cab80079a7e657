-- Versions of extensions.
SELECT 'pg_extension' AS catalog, e.oid, 0::oid AS relation, quote_ident(e.extname) AS identity,
       jsonb_build_object('version', e.extversion) AS definition
FROM pg_extension AS e
WHERE e.extname <> 'plpgsql'
