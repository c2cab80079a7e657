-- Extensions; the version is a row of its own, so that another one is only reported.
SELECT 'pg_extension' AS catalog, e.oid, 0::oid AS relation, quote_ident(e.extname) AS identity,
       jsonb_build_object('schema', n.nspname) AS definition
FROM pg_extension AS e
JOIN pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname <> 'plpgsql'
