-- Sequences, those of identity columns too; where one stands is a matter of rows.
SELECT 'pg_class' AS catalog, c.oid, coalesce(o.refobjid, 0::oid) AS relation,
       format('%I.%I', n.nspname, c.relname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'type', format_type(s.seqtypid, NULL), 'start', s.seqstart, 'increment', s.seqincrement, 'minimum', s.seqmin,
           'maximum', s.seqmax, 'cache', s.seqcache, 'cycles', s.seqcycle,
           'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
           'owned by', CASE WHEN o.refobjid IS NOT NULL THEN
               format('%s.%I', o.refobjid::regclass, (SELECT a.attname FROM pg_attribute AS a
                                                     WHERE a.attrelid = o.refobjid AND a.attnum = o.refobjsubid)) END))
       AS definition
FROM pg_sequence AS s
JOIN pg_class AS c ON c.oid = s.seqrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_depend AS o ON o.classid = 'pg_class'::regclass AND o.objid = c.oid AND o.refclassid = 'pg_class'::regclass
                        AND o.deptype IN ('a', 'i') AND o.refobjsubid > 0
WHERE c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
