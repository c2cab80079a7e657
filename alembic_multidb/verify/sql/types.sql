-- Types, with the functions that send and write their values, and whether these take the type itself or any of its kind.
SELECT t.oid::int8 AS oid, n.nspname::text AS schema, t.typname::text AS name, t.typtype::text AS kind,
       t.typbasetype::int8 AS base, r.rngsubtype::int8 AS subtype,
       CASE WHEN t.typelem <> 0 AND s.proname = 'array_send' THEN t.typelem::int8 END AS element,
       (SELECT pg_catalog.array_agg(a.atttypid::int8) FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped AND t.typtype = 'c') AS attributes,
       CASE WHEN s.proargtypes[0] = t.oid OR sa.typtype = 'p' THEN ARRAY[sn.nspname::text, s.proname::text] END AS send,
       CASE WHEN o.proargtypes[0] = t.oid OR oa.typtype = 'p' THEN ARRAY[onsp.nspname::text, o.proname::text] END AS write,
       EXISTS (SELECT FROM pg_catalog.pg_operator AS q
               WHERE q.oprname = '=' AND q.oprleft = t.oid AND q.oprright = t.oid AND q.oprnamespace = t.typnamespace)
           AS has_equality
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_range AS r ON t.oid IN (r.rngtypid, r.rngmultitypid)
LEFT JOIN pg_catalog.pg_proc AS s ON s.oid = t.typsend
LEFT JOIN pg_catalog.pg_namespace AS sn ON sn.oid = s.pronamespace
LEFT JOIN pg_catalog.pg_type AS sa ON sa.oid = s.proargtypes[0]
LEFT JOIN pg_catalog.pg_proc AS o ON o.oid = t.typoutput
LEFT JOIN pg_catalog.pg_namespace AS onsp ON onsp.oid = o.pronamespace
LEFT JOIN pg_catalog.pg_type AS oa ON oa.oid = o.proargtypes[0]
