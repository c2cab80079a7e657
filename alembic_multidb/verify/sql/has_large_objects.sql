-- A row, if there is any large object.
SELECT 1 AS one FROM pg_catalog.pg_largeobject_metadata LIMIT 1
