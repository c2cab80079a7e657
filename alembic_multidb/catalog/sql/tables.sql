-- Tables, partitioned tables, partitions and foreign tables. A partition's bound and its parent are part of it; whether
-- a column was inherited or its own is not, since a dump attaches partitions that a revision creates as such.
SELECT 'pg_class' AS catalog, c.oid, c.oid AS relation, format('%I.%I', n.nspname, c.relname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'kind', CASE c.relkind WHEN 'f' THEN 'foreign table' WHEN 'p' THEN 'partitioned table' ELSE 'table' END,
           'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
           'access method', CASE WHEN am.amname <> 'heap' THEN am.amname END,
           'options', (SELECT jsonb_agg(o ORDER BY o COLLATE "C") FROM unnest(c.reloptions) AS o),
           'toast options', (SELECT jsonb_agg(o ORDER BY o COLLATE "C") FROM unnest(t.reloptions) AS o),
           'partition key', pg_get_partkeydef(c.oid),
           'partition of', CASE WHEN c.relispartition THEN parents.names -> 0 END,
           'partition is being detached', CASE WHEN parents.is_leaving THEN true END,
           'partition bound', pg_get_expr(c.relpartbound, c.oid),
           'inherits', CASE WHEN NOT c.relispartition THEN parents.names END,
           'row security', CASE WHEN c.relrowsecurity THEN true END,
           'force row security', CASE WHEN c.relforcerowsecurity THEN true END,
           'replica identity', CASE WHEN c.relreplident NOT IN ('d', 'n') OR (c.relreplident = 'n' AND c.relkind <> 'f')
                                    THEN c.relreplident::text END,
           'replica identity index', CASE WHEN c.relreplident = 'i' THEN (
               SELECT i.indexrelid::regclass::text FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisreplident) END,
           'of type', CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END,
           'server', s.srvname,
           'foreign options', (
               SELECT jsonb_agg(CASE WHEN o ~* '^[^=]*(pass(word|wd|phrase)|secret|token|credential|(access|private|api|ssl)_?key)'
                                     THEN split_part(o, '=', 1) || '=...' ELSE o END ORDER BY o COLLATE "C")
               FROM unnest(f.ftoptions) AS o))) AS definition
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_am AS am ON am.oid = c.relam
LEFT JOIN pg_class AS t ON t.oid = c.reltoastrelid
LEFT JOIN pg_foreign_table AS f ON f.ftrelid = c.oid
LEFT JOIN pg_foreign_server AS s ON s.oid = f.ftserver
LEFT JOIN LATERAL (
    SELECT jsonb_agg(i.inhparent::regclass::text ORDER BY i.inhseqno) AS names, bool_or(i.inhdetachpending) AS is_leaving
    FROM pg_inherits AS i WHERE i.inhrelid = c.oid
) AS parents ON true
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
