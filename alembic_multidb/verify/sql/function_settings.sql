-- Settings that functions bring along.
SELECT pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) AS function,
       p.proconfig AS settings
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.proconfig IS NOT NULL AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
