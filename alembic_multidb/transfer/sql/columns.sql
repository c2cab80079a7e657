-- Columns that are stored, and whether their values can go as bytes: every type that they consist of has a binary form,
-- and none holds the number of an object, which is another one elsewhere. An xml value loses its declaration on its way
-- out, unless it is read as the text that it is.
WITH RECURSIVE wanted AS (
    SELECT a.attrelid, a.attnum, a.attname, a.atttypid
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = ANY (%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
), parts (type, part) AS (
    SELECT DISTINCT atttypid, atttypid FROM wanted
    UNION
    SELECT p.type, x.part
    FROM parts AS p
    JOIN pg_catalog.pg_type AS t ON t.oid = p.part
    CROSS JOIN LATERAL (
        SELECT t.typbasetype WHERE t.typtype = 'd'
        UNION ALL
        SELECT t.typelem WHERE t.typelem <> 0 AND t.typlen = -1
        UNION ALL
        SELECT a.atttypid FROM pg_catalog.pg_attribute AS a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT r.rngsubtype FROM pg_catalog.pg_range AS r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
    ) AS x (part)
), forms AS (
    SELECT p.type,
           bool_and(t.typsend <> 0 AND t.typreceive <> 0 AND t.oid <> 'pg_catalog.xml'::pg_catalog.regtype
                    AND NOT (t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace AND t.typname LIKE 'reg%%'))
               AS is_binary
    FROM parts AS p
    JOIN pg_catalog.pg_type AS t ON t.oid = p.part
    GROUP BY p.type
), bases (type, base) AS (
    SELECT DISTINCT atttypid, atttypid FROM wanted
    UNION
    SELECT b.type, t.typbasetype FROM bases AS b JOIN pg_catalog.pg_type AS t ON t.oid = b.base WHERE t.typtype = 'd'
)
SELECT w.attrelid::int8 AS table, w.attname::text AS name, f.is_binary,
       (SELECT CASE WHEN b.base = 'pg_catalog.xml'::pg_catalog.regtype THEN 'pg_catalog.text'
                    WHEN b.base = 'pg_catalog.xml[]'::pg_catalog.regtype THEN 'pg_catalog.text[]' END
        FROM bases AS b
        WHERE b.type = w.atttypid AND b.base IN ('pg_catalog.xml'::pg_catalog.regtype,
                                                 'pg_catalog.xml[]'::pg_catalog.regtype)) AS written_as
FROM wanted AS w
JOIN forms AS f ON f.type = w.atttypid
ORDER BY w.attrelid, w.attnum
