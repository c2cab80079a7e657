-- The indexes of pgvector, with what the memory for building them depends on: rows, dimensions, bytes of a dimension, how
-- many neighbours an element of the graph has, and into how many lists the vectors go.
SELECT i.indexrelid AS oid, i.indrelid AS table, am.amname AS method, t.reltuples::bigint AS rows,
       greatest(a.atttypmod, 0) AS dimensions, ty.typname AS type,
       (SELECT split_part(o, '=', 2)::int FROM unnest(c.reloptions) AS o WHERE o LIKE 'm=%') AS m,
       (SELECT split_part(o, '=', 2)::int FROM unnest(c.reloptions) AS o WHERE o LIKE 'lists=%') AS lists
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_am AS am ON am.oid = c.relam
JOIN pg_class AS t ON t.oid = i.indrelid
JOIN pg_attribute AS a ON a.attrelid = i.indexrelid AND a.attnum = 1
JOIN pg_type AS ty ON ty.oid = a.atttypid
WHERE am.amname IN ('hnsw', 'ivfflat') AND c.relkind = 'i'
