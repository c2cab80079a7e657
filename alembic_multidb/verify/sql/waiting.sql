-- Who has tables of this database for itself alone, or waits to have them.
SELECT c.oid::pg_catalog.regclass::text AS name, l.pid, l.granted, coalesce(a.usename, 'somebody')::text AS login,
       nullif(a.application_name, '') AS application,
       pg_catalog.to_char(coalesce((pg_catalog.to_jsonb(l) ->> 'waitstart')::timestamptz, a.xact_start) AT TIME ZONE 'UTC',
                          'YYYY-MM-DD HH24:MI:SS "UTC"') AS since
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_catalog.pg_backend_pid()
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
ORDER BY c.relkind NOT IN ('r', 'p'), l.granted DESC, a.xact_start, 1
LIMIT 1
