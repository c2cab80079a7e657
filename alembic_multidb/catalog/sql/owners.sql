-- Owners.
SELECT x.catalog, x.oid, x.relation, concat(x.kind, ' ', x.identity) AS identity,
       jsonb_build_object('owner', pg_get_userbyid(x.owner)) AS definition
FROM (
    SELECT 'pg_class' AS catalog, c.oid, c.oid AS relation, c.relowner AS owner,
           CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
                          WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind,
           format('%I.%I', n.nspname, c.relname) AS identity
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND c.relpersistence <> 't' AND c.oid >= 16384
    UNION ALL
    SELECT 'pg_proc', p.oid, 0::oid, p.proowner, 'function',
           format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes))
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE p.oid >= 16384
    UNION ALL
    SELECT 'pg_type', t.oid, 0::oid, t.typowner, 'type', format('%I.%I', n.nspname, t.typname)
    FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace WHERE t.oid >= 16384
    UNION ALL
    SELECT 'pg_namespace', n.oid, 0::oid, n.nspowner, 'schema', quote_ident(n.nspname) FROM pg_namespace AS n
    UNION ALL
    SELECT 'pg_extension', e.oid, 0::oid, e.extowner, 'extension', quote_ident(e.extname) FROM pg_extension AS e
    UNION ALL
    SELECT 'pg_foreign_server', s.oid, 0::oid, s.srvowner, 'server', quote_ident(s.srvname) FROM pg_foreign_server AS s
    UNION ALL
    SELECT 'pg_event_trigger', e.oid, 0::oid, e.evtowner, 'event trigger', quote_ident(e.evtname)
    FROM pg_event_trigger AS e
    UNION ALL
    SELECT 'pg_statistic_ext', s.oid, 0::oid, s.stxowner, 'statistics', format('%I.%I', n.nspname, s.stxname)
    FROM pg_statistic_ext AS s JOIN pg_namespace AS n ON n.oid = s.stxnamespace
    UNION ALL
    SELECT 'pg_collation', c.oid, 0::oid, c.collowner, 'collation', format('%I.%I', n.nspname, c.collname)
    FROM pg_collation AS c JOIN pg_namespace AS n ON n.oid = c.collnamespace WHERE c.oid >= 16384
    UNION ALL
    SELECT 'pg_ts_config', c.oid, 0::oid, c.cfgowner, 'text search configuration', format('%I.%I', n.nspname, c.cfgname)
    FROM pg_ts_config AS c JOIN pg_namespace AS n ON n.oid = c.cfgnamespace WHERE c.oid >= 16384
    UNION ALL
    SELECT 'pg_ts_dict', d.oid, 0::oid, d.dictowner, 'text search dictionary', format('%I.%I', n.nspname, d.dictname)
    FROM pg_ts_dict AS d JOIN pg_namespace AS n ON n.oid = d.dictnamespace WHERE d.oid >= 16384
    UNION ALL
    SELECT 'pg_foreign_data_wrapper', w.oid, 0::oid, w.fdwowner, 'foreign data wrapper', quote_ident(w.fdwname)
    FROM pg_foreign_data_wrapper AS w
    UNION ALL
    SELECT 'pg_language', l.oid, 0::oid, l.lanowner, 'language', quote_ident(l.lanname)
    FROM pg_language AS l WHERE l.oid >= 16384
    UNION ALL
    SELECT 'pg_opclass', k.oid, 0::oid, k.opcowner, 'operator class',
           format('%I.%I USING %I', n.nspname, k.opcname, m.amname)
    FROM pg_opclass AS k JOIN pg_namespace AS n ON n.oid = k.opcnamespace JOIN pg_am AS m ON m.oid = k.opcmethod
    WHERE k.oid >= 16384
    UNION ALL
    SELECT 'pg_opfamily', k.oid, 0::oid, k.opfowner, 'operator family',
           format('%I.%I USING %I', n.nspname, k.opfname, m.amname)
    FROM pg_opfamily AS k JOIN pg_namespace AS n ON n.oid = k.opfnamespace JOIN pg_am AS m ON m.oid = k.opfmethod
    WHERE k.oid >= 16384
    UNION ALL
    SELECT 'pg_operator', o.oid, 0::oid, o.oprowner, 'operator',
           format('%I.%s(%s, %s)', n.nspname, o.oprname, format_type(nullif(o.oprleft, 0), NULL),
                  format_type(nullif(o.oprright, 0), NULL))
    FROM pg_operator AS o JOIN pg_namespace AS n ON n.oid = o.oprnamespace WHERE o.oid >= 16384
) AS x
