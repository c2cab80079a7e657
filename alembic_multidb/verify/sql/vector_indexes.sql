-- Vector indexes with what they are asked by: expression, operator, condition. What casts a vector to its own type
-- reads what is stored out of line once, however often the result is used.
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS index, c.relname::text AS name, am.amname::text AS method,
       tn.nspname::text AS schema, t.relname::text AS table,
       coalesce(rn.nspname, tn.nspname)::text AS root_schema, coalesce(r.relname, t.relname)::text AS root_table,
       pg_catalog.pg_get_indexdef(i.indexrelid, 1, false) AS expression,
       pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS condition,
       yn.nspname::text AS type_schema, y.typname::text AS type_name, opn.nspname::text AS operator_schema,
       o.oprname::text AS operator, flatn.nspname::text AS flat_schema, flat.proname::text AS flat_name
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid AND c.relkind = 'i'
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_am AS am ON am.oid = c.relam AND am.amname IN ('hnsw', 'ivfflat')
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
LEFT JOIN pg_catalog.pg_class AS r ON t.relispartition AND r.oid = pg_catalog.pg_partition_root(t.oid)
LEFT JOIN pg_catalog.pg_namespace AS rn ON rn.oid = r.relnamespace
JOIN pg_catalog.pg_opclass AS k ON k.oid = i.indclass[0]
JOIN pg_catalog.pg_amop AS p ON p.amopfamily = k.opcfamily AND p.amoppurpose = 'o' AND p.amoplefttype = k.opcintype
JOIN pg_catalog.pg_operator AS o ON o.oid = p.amopopr
JOIN pg_catalog.pg_namespace AS opn ON opn.oid = o.oprnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = 1
JOIN pg_catalog.pg_type AS y ON y.oid = a.atttypid
JOIN pg_catalog.pg_namespace AS yn ON yn.oid = y.typnamespace
LEFT JOIN pg_catalog.pg_cast AS f ON f.castsource = k.opcintype AND f.casttarget = k.opcintype
LEFT JOIN pg_catalog.pg_proc AS flat ON flat.oid = f.castfunc AND flat.pronargs = 3
LEFT JOIN pg_catalog.pg_namespace AS flatn ON flatn.oid = flat.pronamespace
WHERE i.indisvalid AND c.relpersistence <> 't'
ORDER BY 1
