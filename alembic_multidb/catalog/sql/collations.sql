-- Collations; the locale's column has had three names (colliculocale, colllocale, collcollate).
SELECT 'pg_collation' AS catalog, c.oid, 0::oid AS relation, format('%I.%I', n.nspname, c.collname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'provider', c.collprovider::text, 'deterministic', c.collisdeterministic,
           'locale', coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale', c.collcollate),
           'ctype', c.collctype,
           'rules', to_jsonb(c) -> 'collicurules')) AS definition
FROM pg_collation AS c
JOIN pg_namespace AS n ON n.oid = c.collnamespace
WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
