-- Comments on whatever has one.
SELECT d.classoid::regclass::text AS catalog, d.objoid AS oid,
       CASE WHEN d.classoid = 'pg_class'::regclass THEN d.objoid ELSE 0::oid END AS relation,
       concat(o.type, ' ', o.identity) AS identity, jsonb_build_object('comment', d.description) AS definition
FROM pg_description AS d
CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) AS o
WHERE d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass AND d.objoid = 'public'::regnamespace
