-- The functions of extensions, of which bodies of functions may be the only users.
SELECT DISTINCT d.refobjid AS extension, n.nspname AS schema, p.proname AS name
FROM pg_depend AS d
JOIN pg_proc AS p ON p.oid = d.objid
JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
  AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'language_handler'::regtype)
