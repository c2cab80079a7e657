-- The bodies of functions that PostgreSQL keeps as text and does not look into: not those in C, nor those that begin
-- with BEGIN ATOMIC or RETURN, whose dependencies it knows.
SELECT p.oid, l.lanname AS language, p.prosrc AS body
FROM pg_proc AS p
JOIN pg_language AS l ON l.oid = p.prolang
WHERE p.oid >= 16384 AND l.lanname NOT IN ('c', 'internal') AND p.prosqlbody IS NULL AND p.prokind <> 'a'
