-- Every object that has a name of its own, and what PostgreSQL calls it: what pg_dump writes, and what it leaves to the
-- server as a whole. What only comes along with another object is left out: row, array and multirange types, indexes
-- behind constraints, copies that partitions have of their parent's, NOT NULL constraints, members of extensions.
SELECT x.catalog, x.oid, o.type, o.identity, o.schema
FROM (
    SELECT 'pg_namespace' AS catalog, n.oid FROM pg_namespace AS n
    WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'alembic_multidb')
    UNION ALL
    SELECT 'pg_extension', e.oid FROM pg_extension AS e WHERE e.extname <> 'plpgsql'
    UNION ALL
    SELECT 'pg_class', c.oid FROM pg_class AS c
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'i', 'I') AND c.relpersistence <> 't'
      AND NOT (c.relkind IN ('i', 'I')
               AND (c.relispartition
                    OR EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))))
    UNION ALL
    SELECT 'pg_constraint', k.oid FROM pg_constraint AS k LEFT JOIN pg_class AS c ON c.oid = k.conrelid
    WHERE k.contype IN ('p', 'u', 'f', 'c', 'x') AND k.conparentid = 0 AND (k.conrelid = 0 OR k.conislocal)
      AND coalesce(c.relpersistence, 'p') <> 't'
    UNION ALL
    SELECT 'pg_type', t.oid FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = t.typrelid
    WHERE t.typtype IN ('e', 'd', 'c', 'r', 'b', 'p') AND coalesce(c.relkind, 'c') = 'c'
      AND NOT EXISTS (SELECT FROM pg_type AS e WHERE e.typarray = t.oid)
    UNION ALL
    SELECT 'pg_proc', p.oid FROM pg_proc AS p
    -- The constructors of range types come and go with them.
    WHERE NOT EXISTS (SELECT FROM pg_depend AS d
                      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
    UNION ALL SELECT 'pg_operator', o.oid FROM pg_operator AS o
    UNION ALL SELECT 'pg_opclass', o.oid FROM pg_opclass AS o
    UNION ALL SELECT 'pg_opfamily', o.oid FROM pg_opfamily AS o
    UNION ALL SELECT 'pg_cast', c.oid FROM pg_cast AS c
    -- The cast of a range to its multirange comes with the range.
    WHERE NOT EXISTS (SELECT FROM pg_depend AS d
                      WHERE d.classid = 'pg_cast'::regclass AND d.objid = c.oid AND d.deptype = 'i')
    UNION ALL SELECT 'pg_transform', t.oid FROM pg_transform AS t
    UNION ALL SELECT 'pg_conversion', c.oid FROM pg_conversion AS c
    UNION ALL SELECT 'pg_collation', c.oid FROM pg_collation AS c
    UNION ALL SELECT 'pg_ts_config', c.oid FROM pg_ts_config AS c
    UNION ALL SELECT 'pg_ts_dict', d.oid FROM pg_ts_dict AS d
    UNION ALL SELECT 'pg_ts_parser', p.oid FROM pg_ts_parser AS p
    UNION ALL SELECT 'pg_ts_template', t.oid FROM pg_ts_template AS t
    UNION ALL SELECT 'pg_language', l.oid FROM pg_language AS l
    UNION ALL SELECT 'pg_am', a.oid FROM pg_am AS a
    UNION ALL SELECT 'pg_rewrite', r.oid FROM pg_rewrite AS r WHERE r.rulename <> '_RETURN'
    UNION ALL SELECT 'pg_trigger', t.oid FROM pg_trigger AS t WHERE NOT t.tgisinternal AND t.tgparentid = 0
    UNION ALL SELECT 'pg_policy', p.oid FROM pg_policy AS p
    UNION ALL SELECT 'pg_statistic_ext', s.oid FROM pg_statistic_ext AS s
    UNION ALL SELECT 'pg_default_acl', d.oid FROM pg_default_acl AS d
    UNION ALL SELECT 'pg_event_trigger', e.oid FROM pg_event_trigger AS e
    UNION ALL SELECT 'pg_publication', p.oid FROM pg_publication AS p
    UNION ALL
    SELECT 'pg_subscription', s.oid FROM pg_subscription AS s
    WHERE s.subdbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    UNION ALL SELECT 'pg_foreign_data_wrapper', w.oid FROM pg_foreign_data_wrapper AS w
    UNION ALL SELECT 'pg_foreign_server', s.oid FROM pg_foreign_server AS s
    UNION ALL SELECT 'pg_user_mapping', m.umid FROM pg_user_mappings AS m
) AS x
CROSS JOIN LATERAL pg_identify_object(x.catalog::regclass, x.oid, 0) AS o
WHERE (x.oid >= 16384 OR x.catalog = 'pg_namespace') AND o.identity IS NOT NULL
  AND coalesce(o.schema, '') <> 'alembic_multidb' AND coalesce(o.schema, '') NOT LIKE 'pg\_toast%'
  AND coalesce(o.schema, '') NOT LIKE 'pg\_temp%'
  AND NOT EXISTS (SELECT FROM pg_depend AS e
                  WHERE e.classid = x.catalog::regclass AND e.objid = x.oid AND e.deptype = 'e')
ORDER BY 3, 4
