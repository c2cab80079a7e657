-- Comments on whatever has one. An index belongs to its table.
SELECT d.classoid::regclass::text AS catalog, d.objoid AS oid,
       CASE WHEN d.classoid = 'pg_class'::regclass THEN coalesce(i.indrelid, d.objoid) ELSE 0::oid END AS relation,
       concat(o.type, ' ', o.identity) AS identity, jsonb_build_object('comment', d.description) AS definition
FROM pg_description AS d
LEFT JOIN pg_index AS i ON d.classoid = 'pg_class'::regclass AND i.indexrelid = d.objoid
CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) AS o
WHERE d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass AND d.objoid = to_regnamespace('public')
