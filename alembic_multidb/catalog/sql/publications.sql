-- Publications and subscriptions; they belong to how a database is run, not to its schema. A subscription's connection
-- string may hold a password, and not everybody may read it: it is not asked for.
SELECT 'pg_publication' AS catalog, p.oid, 0::oid AS relation, 'publication ' || quote_ident(p.pubname) AS identity,
       jsonb_build_object(
           'all tables', p.puballtables, 'insert', p.pubinsert, 'update', p.pubupdate, 'delete', p.pubdelete,
           'truncate', p.pubtruncate, 'via root', p.pubviaroot,
           'tables', (SELECT jsonb_agg(jsonb_build_array(r.prrelid::regclass::text, pg_get_expr(r.prqual, r.prrelid), (
                                 SELECT jsonb_agg(a.attname ORDER BY a.attname COLLATE "C") FROM pg_attribute AS a
                                 WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)))
                                       ORDER BY r.prrelid::regclass::text COLLATE "C")
                      FROM pg_publication_rel AS r WHERE r.prpubid = p.oid),
           'schemas', (SELECT jsonb_agg(n.nspname ORDER BY n.nspname COLLATE "C") FROM pg_publication_namespace AS s
                       JOIN pg_namespace AS n ON n.oid = s.pnnspid WHERE s.pnpubid = p.oid)) AS definition
FROM pg_publication AS p
UNION ALL
SELECT 'pg_subscription', s.oid, 0::oid, 'subscription ' || quote_ident(s.subname),
       jsonb_build_object('enabled', s.subenabled, 'publications', to_jsonb(s.subpublications), 'slot', s.subslotname)
FROM pg_subscription AS s
WHERE s.subdbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
