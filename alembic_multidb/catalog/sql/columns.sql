-- Columns of tables. PostgreSQL 18 lists NOT NULL as a constraint of its own, earlier ones do not: here it belongs to
-- its column, and only what is odd about it (not valid, not inherited) is told of it, never its name. Partitions have
-- their root's identity since PostgreSQL 17, none before: it is the root's alone. Storage, compression and collation
-- only where they are not the type's own. What an option whose name sounds like a secret holds is left out.
SELECT 'pg_class' AS catalog, c.oid, c.oid AS relation,
       format('%I.%I.%I', n.nspname, c.relname, a.attname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'type', format_type(a.atttypid, a.atttypmod),
           'not null', a.attnotnull,
           'not null for every row', CASE WHEN NOT k.convalidated THEN false END,
           'not null inherited', CASE WHEN k.connoinherit THEN false END,
           'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
           'generated', CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END,
           'generated as', CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END,
           'identity', CASE WHEN NOT c.relispartition
                            THEN CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END END,
           'collation', CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END,
           'storage', CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text END,
           'compression', nullif(a.attcompression::text, ''),
           'statistics target', CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END,
           'options', (SELECT jsonb_agg(o ORDER BY o COLLATE "C") FROM unnest(a.attoptions) AS o),
           'foreign options', (
               SELECT jsonb_agg(CASE WHEN o ~* '^[^=]*(pass(word|wd|phrase)|secret|token|credential|(access|private|api|ssl)_?key)'
                                     THEN split_part(o, '=', 1) || '=...' ELSE o END ORDER BY o COLLATE "C")
               FROM unnest(a.attfdwoptions) AS o))) AS definition
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_constraint AS k ON k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
