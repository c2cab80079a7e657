-- Sequences, those of identity columns too; where one stands is a matter of rows. Bounds only where they are not the
-- type's own. A dump gives the sequence of an identity column the column's type, LIKE ... INCLUDING IDENTITY gives it
-- bigint: its type is not told.
SELECT 'pg_class' AS catalog, c.oid, coalesce(o.refobjid, 0::oid) AS relation,
       format('%I.%I', n.nspname, c.relname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'type', CASE WHEN o.deptype IS DISTINCT FROM 'i' THEN format_type(s.seqtypid, NULL) END,
           'start', s.seqstart, 'increment', s.seqincrement,
           'minimum', nullif(s.seqmin, CASE WHEN s.seqincrement > 0 THEN 1 ELSE -b.greatest - 1 END),
           'maximum', nullif(s.seqmax, CASE WHEN s.seqincrement > 0 THEN b.greatest ELSE -1 END),
           'cache', s.seqcache, 'cycles', s.seqcycle,
           'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
           'owned by', CASE WHEN o.refobjid IS NOT NULL THEN
               format('%s.%I', o.refobjid::regclass, (SELECT a.attname FROM pg_attribute AS a
                                                     WHERE a.attrelid = o.refobjid AND a.attnum = o.refobjsubid)) END))
       AS definition
FROM pg_sequence AS s
JOIN pg_class AS c ON c.oid = s.seqrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT CASE s.seqtypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647
                           ELSE 9223372036854775807 END AS greatest
) AS b
LEFT JOIN pg_depend AS o ON o.classid = 'pg_class'::regclass AND o.objid = c.oid AND o.refclassid = 'pg_class'::regclass
                        AND o.deptype IN ('a', 'i') AND o.refobjsubid > 0
WHERE c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
