-- What belongs to the database itself, which no dump of it alone takes along.
SELECT pg_catalog.pg_get_userbyid(d.datdba)::text AS owner,
       (SELECT pg_catalog.string_agg(pg_catalog.concat(x.name, ': ', x.privilege_type), ', '
                                     ORDER BY x.name COLLATE "C", x.privilege_type COLLATE "C")
        FROM (SELECT CASE e.grantee WHEN 0 THEN 'PUBLIC' WHEN d.datdba THEN 'the owner'
                                    ELSE pg_catalog.pg_get_userbyid(e.grantee)::text END AS name,
                     e.privilege_type
              FROM pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) AS e) AS x) AS grants,
       pg_catalog.shobj_description(d.oid, 'pg_database') AS comment,
       pg_catalog.pg_encoding_to_char(d.encoding)::text AS encoding
FROM pg_catalog.pg_database AS d
WHERE d.datname = pg_catalog.current_database()
