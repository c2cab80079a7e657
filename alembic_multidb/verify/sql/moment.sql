-- Which server and database this is, and at which point of its history.
SELECT pg_catalog.current_setting('server_version_num') AS server_version,
       pg_catalog.current_database()::text AS database,
       pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time,
       (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
             ELSE pg_catalog.pg_current_wal_lsn() END)::text AS lsn,
       pg_catalog.pg_current_snapshot()::text AS transactions,
       (SELECT pg_catalog.jsonb_object_agg(e.extname, e.extversion) FROM pg_catalog.pg_extension AS e) AS extensions,
       (SELECT s.system_identifier FROM pg_catalog.pg_control_system() AS s)::text AS system
