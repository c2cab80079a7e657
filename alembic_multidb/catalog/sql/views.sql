-- Views and materialized views; whether one is filled is a matter of rows.
SELECT 'pg_class' AS catalog, c.oid, c.oid AS relation, format('%I.%I', n.nspname, c.relname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'kind', CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END,
           'query', pg_get_viewdef(c.oid),
           'columns', (SELECT jsonb_agg(jsonb_build_array(a.attname, format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
                       FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
           'defaults', (SELECT jsonb_object_agg(a.attname, pg_get_expr(d.adbin, d.adrelid))
                        FROM pg_attrdef AS d JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
                        WHERE d.adrelid = c.oid),
           'column options', (
               SELECT jsonb_object_agg(a.attname, jsonb_strip_nulls(jsonb_build_object(
                   'storage', CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text END,
                   'compression', nullif(a.attcompression::text, ''),
                   'statistics target', CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END,
                   'options', to_jsonb(a.attoptions))))
               FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
               WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                 AND (a.attstorage <> t.typstorage OR a.attcompression <> '' OR a.attstattarget >= 0
                      OR a.attoptions IS NOT NULL)),
           'toast options', (SELECT jsonb_agg(o ORDER BY o COLLATE "C") FROM unnest(toast.reloptions) AS o),
           'access method', CASE WHEN am.amname <> 'heap' THEN am.amname END,
           'options', (SELECT jsonb_agg(o ORDER BY o COLLATE "C") FROM unnest(c.reloptions) AS o))) AS definition
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_am AS am ON am.oid = c.relam
LEFT JOIN pg_class AS toast ON toast.oid = c.reltoastrelid
WHERE c.relkind IN ('v', 'm') AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
