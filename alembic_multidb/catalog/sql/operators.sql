-- Operators. A negator or commutator that only the other one names is one as well: after a dump, both do.
SELECT 'pg_operator' AS catalog, o.oid, 0::oid AS relation,
       format('%I.%s(%s, %s)', n.nspname, o.oprname, format_type(nullif(o.oprleft, 0), NULL),
              format_type(nullif(o.oprright, 0), NULL)) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'result', format_type(o.oprresult, NULL), 'function', nullif(o.oprcode::regprocedure::text, '-'),
           'commutator', (SELECT min(c.oid::regoperator::text) FROM pg_operator AS c WHERE c.oid = o.oprcom OR c.oprcom = o.oid),
           'negator', (SELECT min(c.oid::regoperator::text) FROM pg_operator AS c
                       WHERE c.oid = o.oprnegate OR c.oprnegate = o.oid),
           'restrict', nullif(o.oprrest::regprocedure::text, '-'), 'join', nullif(o.oprjoin::regprocedure::text, '-'),
           'hashes', o.oprcanhash, 'merges', o.oprcanmerge)) AS definition
FROM pg_operator AS o
JOIN pg_namespace AS n ON n.oid = o.oprnamespace
WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
