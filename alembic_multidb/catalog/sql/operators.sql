-- Operators.
SELECT 'pg_operator' AS catalog, o.oid, 0::oid AS relation,
       format('%I.%s(%s, %s)', n.nspname, o.oprname, format_type(nullif(o.oprleft, 0), NULL),
              format_type(nullif(o.oprright, 0), NULL)) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'result', format_type(o.oprresult, NULL), 'function', nullif(o.oprcode::regprocedure::text, '-'),
           'commutator', CASE WHEN o.oprcom <> 0 THEN o.oprcom::regoperator::text END,
           'negator', CASE WHEN o.oprnegate <> 0 THEN o.oprnegate::regoperator::text END,
           'restrict', nullif(o.oprrest::regprocedure::text, '-'), 'join', nullif(o.oprjoin::regprocedure::text, '-'),
           'hashes', o.oprcanhash, 'merges', o.oprcanmerge)) AS definition
FROM pg_operator AS o
JOIN pg_namespace AS n ON n.oid = o.oprnamespace
WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
