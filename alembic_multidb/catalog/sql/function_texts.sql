-- The bodies of functions that PostgreSQL keeps as text and does not look into: not those in C, nor those that begin
-- with BEGIN ATOMIC or RETURN, whose dependencies it knows. With mode and name of each argument.
SELECT p.oid, l.lanname AS language, p.prosrc AS body, p.proretset AS is_set,
       CASE WHEN p.prokind = 'p' THEN '' ELSE format_type(p.prorettype, NULL) END AS result,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(coalesce(p.proargmodes[i], 'i'), coalesce(p.proargnames[i], ''))
                                  ORDER BY i), '[]')
        FROM generate_series(1, coalesce(cardinality(p.proallargtypes), p.pronargs)) AS i) AS arguments
FROM pg_proc AS p
JOIN pg_language AS l ON l.oid = p.prolang
WHERE p.oid >= 16384 AND l.lanname NOT IN ('c', 'internal') AND p.prosqlbody IS NULL AND p.prokind <> 'a'
