-- What only a superuser makes, beside split.sql.
-- [core] function:crm.c_lower(pg_catalog.text)
CREATE FUNCTION crm.c_lower(text) RETURNS text LANGUAGE internal IMMUTABLE STRICT AS 'lower';
-- [ai] function:rag.c_plus(integer,integer)
CREATE FUNCTION rag.c_plus(int, int) RETURNS int LANGUAGE internal IMMUTABLE STRICT LEAKPROOF AS 'int4pl';
-- [core] type:crm.shell
CREATE TYPE crm.shell;
-- [core] type:crm.base
-- [core] function:crm.base_in(pg_catalog.cstring)
-- [core] function:crm.base_out(crm.base)
CREATE TYPE crm.base;
CREATE FUNCTION crm.base_in(cstring) RETURNS crm.base LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION crm.base_out(crm.base) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE crm.base (INPUT = crm.base_in, OUTPUT = crm.base_out, LIKE = text);
-- [core] cast:(crm.base AS pg_catalog.text)
CREATE CAST (crm.base AS text) WITHOUT FUNCTION;
-- [core] operator family:crm.integers USING btree
CREATE OPERATOR FAMILY crm.integers USING btree;
-- [core] operator class:crm.integer_class USING btree
CREATE OPERATOR CLASS crm.integer_class FOR TYPE int USING btree FAMILY crm.integers AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
-- [core] index:crm.orders_class
CREATE INDEX orders_class ON crm.orders (id crm.integer_class);
-- [core] text search template:crm.template
CREATE TEXT SEARCH TEMPLATE crm.template (LEXIZE = dsimple_lexize, INIT = dsimple_init);
-- [core] text search parser:crm.parser
CREATE TEXT SEARCH PARSER crm.parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
-- [core] function:crm.handler()
CREATE FUNCTION crm.handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
-- [core] language:mine
CREATE LANGUAGE mine HANDLER crm.handler;
-- [core] function:crm.in_mine()
CREATE FUNCTION crm.in_mine() RETURNS int LANGUAGE mine AS 'BEGIN RETURN 1; END';
-- [core] access method:my_heap
CREATE ACCESS METHOD my_heap TYPE TABLE HANDLER heap_tableam_handler;
-- [core] table:crm.on_my_heap
CREATE TABLE crm.on_my_heap (id int) USING my_heap;
-- [core] function:crm.address_from(pg_catalog.internal)
CREATE FUNCTION crm.address_from(internal) RETURNS internal LANGUAGE internal IMMUTABLE AS 'textin';
-- [core] transform:for crm.address language mine
CREATE TRANSFORM FOR crm.address LANGUAGE mine (FROM SQL WITH FUNCTION crm.address_from(internal));
-- [core] aggregate:crm.middle(double precision,pg_catalog.anyelement)
CREATE AGGREGATE crm.middle(double precision ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal,
    FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);

-- Outside.
-- [core] function:crm.on_ddl()
CREATE FUNCTION crm.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
-- [outside] event trigger:split_ddl
CREATE EVENT TRIGGER split_ddl ON ddl_command_end WHEN TAG IN ('CREATE CONVERSION') EXECUTE FUNCTION crm.on_ddl();
-- [outside] foreign-data wrapper:split_wrapper
CREATE FOREIGN DATA WRAPPER split_wrapper OPTIONS (debug 'true');
-- [outside] server:split_server
CREATE SERVER split_server FOREIGN DATA WRAPPER split_wrapper OPTIONS (host 'elsewhere');
-- [outside] user mapping:public on server split_server
CREATE USER MAPPING FOR PUBLIC SERVER split_server OPTIONS (user 'somebody', password 'hunter2-split');
-- [outside] foreign table:public.far
-- [outside] table constraint:far_check on public.far
CREATE FOREIGN TABLE public.far (id int, name text CONSTRAINT far_check CHECK (name <> '')) SERVER split_server;
-- [outside] view:public.v_far
CREATE VIEW public.v_far AS SELECT f.id FROM public.far AS f JOIN public.users AS u ON u.id = f.id;
-- A foreign table as a partition stays behind, its root goes; so does what inherits on a foreign server.
-- [core] table:crm.measured
CREATE TABLE crm.measured (id int, day date) PARTITION BY RANGE (day);
-- [core] table:crm.measured_here
CREATE TABLE crm.measured_here PARTITION OF crm.measured FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
-- [outside] foreign table:crm.measured_there
CREATE FOREIGN TABLE crm.measured_there PARTITION OF crm.measured DEFAULT SERVER split_server;
-- [outside] foreign table:public.heir_there
CREATE FOREIGN TABLE public.heir_there (more int DEFAULT 1) INHERITS (public.parent) SERVER split_server;
-- What lies in a schema of PostgreSQL's own is in no dump.
-- [outside] function:pg_catalog.split_own(integer)
CREATE FUNCTION pg_catalog.split_own(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
-- A table that an extension has taken is no object of the user's any more.
CREATE TABLE public.taken (id int);
ALTER EXTENSION vector ADD TABLE public.taken;
-- [outside] large object:4242
-- [outside] publication:split_publication
CREATE PUBLICATION split_publication FOR TABLE public.users, public.ai_memories;
-- [outside] publication:split_schema
CREATE PUBLICATION split_schema FOR TABLES IN SCHEMA rag;
-- [outside] subscription:split_subscription
CREATE SUBSCRIPTION split_subscription CONNECTION 'host=nowhere password=hunter2-split' PUBLICATION p WITH (connect = false);

-- Owners, and rights to what is not ours.
ALTER TABLE rag.runs OWNER TO "Split ""Odd"" role";
ALTER SCHEMA empty OWNER TO split_reader;
REVOKE ALL ON FUNCTION pg_catalog.pg_sleep(double precision) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.cosine_distance(vector, vector) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.cosine_distance(vector, vector) TO split_reader;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO split_reader;
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
GRANT USAGE ON LANGUAGE plpgsql TO split_reader, PUBLIC;
COMMENT ON SCHEMA public IS 'Everybody''s';
COMMENT ON LANGUAGE mine IS 'A language';
COMMENT ON OPERATOR CLASS crm.integer_class USING btree IS 'A class';
COMMENT ON OPERATOR FAMILY crm.integers USING btree IS 'A family';
COMMENT ON EVENT TRIGGER split_ddl IS 'An event trigger';
COMMENT ON EXTENSION vector IS 'Vectors';
COMMENT ON FOREIGN TABLE public.far IS 'Far';
COMMENT ON TRANSFORM FOR crm.address LANGUAGE mine IS 'A transform';
SELECT lo_create(4242);
