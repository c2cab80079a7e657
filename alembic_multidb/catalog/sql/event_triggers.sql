-- Event triggers, which belong to the database as a whole.
SELECT 'pg_event_trigger' AS catalog, e.oid, 0::oid AS relation, quote_ident(e.evtname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
           'event', e.evtevent, 'function', e.evtfoid::regprocedure::text, 'state', e.evtenabled::text,
           'tags', to_jsonb(e.evttags))) AS definition
FROM pg_event_trigger AS e
