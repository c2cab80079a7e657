-- A mixed database as hostile as a plain owner can make it, for PostgreSQL 15 and later. The line before each statement
-- says which objects it makes and where each goes: [core], [ai], [core ai], [outside], [crossing], [soft reference].
-- At home in ai are tables public.ai_* and schema rag; everything else is core's. The roles split_reader and
-- "Split ""Odd"" role" exist; the extension vector is there.

-- [core ai] schema:public
-- [ai] extension:vector

-- [ai] schema:rag
CREATE SCHEMA rag;
-- [core] schema:crm
CREATE SCHEMA crm;
-- [core ai] schema:common
CREATE SCHEMA common;
-- [core] schema:empty
CREATE SCHEMA empty;
-- [core] schema:"Odd ""schema"", with. % :x"
CREATE SCHEMA "Odd ""schema"", with. % :x";

-- Types that both homes use, that one uses, that none uses.
-- [core ai] type:common.state
CREATE TYPE common.state AS ENUM ('new', 'it''s', 'done');
-- [core] type:crm.kind
CREATE TYPE crm.kind AS ENUM ('a', 'b');
-- [ai] type:common.source_kind
CREATE TYPE common.source_kind AS ENUM ('web', 'file');
-- [core] type:common.unused
CREATE TYPE common.unused AS ENUM ('x');
-- [core ai] type:common.email
-- [core ai] domain constraint:email_check on common.email
CREATE DOMAIN common.email AS text CONSTRAINT email_check CHECK (VALUE LIKE '%@%');
-- [ai] type:rag.score
-- [ai] domain constraint:score_range on rag.score
CREATE DOMAIN rag.score AS double precision NOT NULL CONSTRAINT score_range CHECK (VALUE BETWEEN 0 AND 1);
-- [ai] type:common.chunk
CREATE TYPE common.chunk AS (part int, content text, kind common.source_kind, about common.email);
-- [core] type:crm.address
CREATE TYPE crm.address AS (street text, city varchar(50) COLLATE "C");
-- [core] function:crm.span_difference(double precision,double precision)
CREATE FUNCTION crm.span_difference(a double precision, b double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE AS 'SELECT a - b';
-- [core] type:crm.span
CREATE TYPE crm.span AS RANGE (subtype = double precision, subtype_diff = crm.span_difference, multirange_type_name = crm.spans);
-- [core ai] collation:common.by_byte
CREATE COLLATION common.by_byte (provider = libc, locale = 'C');
-- [core] collation:crm.own
CREATE COLLATION crm.own (provider = libc, locale = 'C');

-- Sequences: of serial columns, of identity columns, nobody's, everybody's, and one that another home borrows.
-- [core ai] sequence:common.numbers
CREATE SEQUENCE common.numbers START 100 INCREMENT 5 CACHE 3;
-- [core] sequence:crm.alone
CREATE SEQUENCE crm.alone AS smallint CYCLE;
-- [ai] sequence:rag.lonely
CREATE SEQUENCE rag.lonely;

-- Functions that tables use.
-- [core ai] function:common.touch()
CREATE FUNCTION common.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.touched := now(); RETURN NEW; END $$;
-- [ai] function:common.next_number(pg_catalog.text)
CREATE FUNCTION common.next_number(prefix text DEFAULT 'n') RETURNS text LANGUAGE sql
    RETURN prefix || nextval('common.numbers'::regclass);
-- [core] function:crm.is_vip(integer)
CREATE FUNCTION crm.is_vip(points int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT points > 100';
-- [core] function:public.slug(pg_catalog.text)
CREATE FUNCTION public.slug(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN lower(t); END $$;

-- Tables of core.
-- [core] table:public.users
-- [core] sequence:public.users_id_seq
-- [core] table constraint:users_pkey on public.users
-- [core] table constraint:users_email_key on public.users
-- [core] table constraint:users_age_check on public.users
-- [core] table constraint:users_invited_by_fkey on public.users
CREATE TABLE public.users (
    id bigint GENERATED ALWAYS AS IDENTITY (START 10 CACHE 2) PRIMARY KEY,
    email common.email UNIQUE, name text COLLATE common.by_byte, state common.state DEFAULT 'new', kind crm.kind,
    age int CHECK (age BETWEEN 0 AND 150), points int DEFAULT 0, number bigint DEFAULT nextval('common.numbers'),
    home crm.address, span crm.span, all_spans crm.spans, states common.state[], touched timestamptz,
    invited_by bigint REFERENCES public.users ON DELETE SET NULL,
    slug text GENERATED ALWAYS AS (public.slug(name)) STORED, is_vip boolean GENERATED ALWAYS AS (crm.is_vip(points)) STORED,
    gone int, later text COLLATE crm.own
) WITH (fillfactor = 70);
ALTER TABLE public.users DROP COLUMN gone;
ALTER TABLE public.users ALTER COLUMN name SET STORAGE EXTERNAL, ALTER COLUMN email SET STATISTICS 300;
-- [core] table:crm.orders
-- [core] sequence:crm.orders_id_seq
-- [core] table constraint:orders_pkey on crm.orders
-- [core] table constraint:orders_user_id_fkey on crm.orders
-- [core] table constraint:orders_excl on crm.orders
CREATE TABLE crm.orders (
    id serial PRIMARY KEY, user_id bigint NOT NULL REFERENCES public.users ON DELETE CASCADE DEFERRABLE,
    number text DEFAULT 'o', during int4range, total numeric(12, 2), data jsonb,
    CONSTRAINT orders_excl EXCLUDE USING gist (during WITH &&)
);
-- [core] index:crm.orders_data
CREATE INDEX orders_data ON crm.orders USING gin (data jsonb_path_ops);
-- [core] index:public.users_lower
CREATE UNIQUE INDEX users_lower ON public.users (lower(name) DESC) INCLUDE (points) WHERE points > 0;
-- [core] statistics object:crm.orders_statistics
CREATE STATISTICS crm.orders_statistics (ndistinct) ON user_id, total FROM crm.orders;
-- [core] table:public.parent
-- [core] table constraint:parent_pkey on public.parent
-- [core] table constraint:parent_check on public.parent
CREATE TABLE public.parent (id int PRIMARY KEY, amount int CONSTRAINT parent_check CHECK (amount > 0));
-- [core] table:public.child
CREATE TABLE public.child (extra text) INHERITS (public.parent);
-- [core] table:public.nothing
CREATE TABLE public.nothing ();
-- [core] table:public.scratch
CREATE UNLOGGED TABLE public.scratch (id int);
-- [core] table:public.of_type
CREATE TABLE public.of_type OF crm.address (street NOT NULL);
-- [core] table:"Odd ""schema"", with. % :x"."Table, 12; 1259 5 TABLE public ai_x"
-- [core] table constraint:"Odd, key" on "Odd ""schema"", with. % :x"."Table, 12; 1259 5 TABLE public ai_x"
CREATE TABLE "Odd ""schema"", with. % :x"."Table, 12; 1259 5 TABLE public ai_x" (
    "Column ""1""" int CONSTRAINT "Odd, key" PRIMARY KEY, "new
line" text DEFAULT '%s :x', "ünïcödé 漢字" text, "select" int);
-- [core] index:"Odd ""schema"", with. % :x"."Index: ""odd"" %"
CREATE INDEX "Index: ""odd"" %" ON "Odd ""schema"", with. % :x"."Table, 12; 1259 5 TABLE public ai_x" ("select");
-- A partitioned table whose partitions' names say otherwise is core's, all of it.
-- [core] table:crm.events
-- [core] sequence:crm.events_id_seq
-- [core] table constraint:events_pkey on crm.events
-- [core] table constraint:events_region_check on crm.events
-- [core] table constraint:events_user_id_fkey on crm.events
CREATE TABLE crm.events (
    id bigint GENERATED BY DEFAULT AS IDENTITY, happened date NOT NULL, region text NOT NULL CHECK (region <> ''),
    user_id bigint REFERENCES public.users, PRIMARY KEY (id, happened, region)
) PARTITION BY RANGE (happened);
-- [core] table:crm.events_2020
CREATE TABLE crm.events_2020 PARTITION OF crm.events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01') PARTITION BY LIST (region);
-- [core] table:crm.events_2020_eu
CREATE TABLE crm.events_2020_eu PARTITION OF crm.events_2020 FOR VALUES IN ('eu');
-- [core] table:crm.events_rest
CREATE TABLE crm.events_rest PARTITION OF crm.events DEFAULT;
-- [core] index:crm.events_user
CREATE INDEX events_user ON crm.events (user_id);

-- Tables of ai.
-- [ai] table:public.ai_documents
-- [ai] table constraint:ai_documents_pkey on public.ai_documents
-- [ai] table constraint:ai_documents_scope_check on public.ai_documents
CREATE TABLE public.ai_documents (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), scope text NOT NULL CHECK (scope IN ('global', 'own')),
    title text COLLATE common.by_byte, state common.state DEFAULT 'new', source common.source_kind, score rag.score DEFAULT 0.5,
    chunks common.chunk[], number bigint DEFAULT nextval('common.numbers'), label text DEFAULT common.next_number(),
    metadata jsonb NOT NULL DEFAULT '{}', embedding vector(8), small halfvec(8), touched timestamptz,
    reply_to common.email, search tsvector GENERATED ALWAYS AS (to_tsvector('english'::regconfig, coalesce(title, ''))) STORED
);
-- [ai] index:public.ai_documents_hnsw
CREATE INDEX ai_documents_hnsw ON public.ai_documents USING hnsw (embedding vector_cosine_ops) WITH (m = 8, ef_construction = 32);
-- [ai] index:public.ai_documents_ivfflat
CREATE INDEX ai_documents_ivfflat ON public.ai_documents USING ivfflat (embedding vector_l2_ops) WITH (lists = 1);
-- [ai] index:public.ai_documents_search
CREATE INDEX ai_documents_search ON public.ai_documents USING gin (search);
-- [ai] table:public.ai_memories
-- [ai] sequence:public.ai_memories_id_seq
-- [ai] table constraint:ai_memories_pkey on public.ai_memories
-- [soft reference] table constraint:ai_memories_user_id_fkey on public.ai_memories
-- [ai] table constraint:ai_memories_document_id_fkey on public.ai_memories
CREATE TABLE public.ai_memories (
    id serial PRIMARY KEY, user_id bigint REFERENCES public.users ON DELETE CASCADE,
    document_id uuid REFERENCES public.ai_documents, content text NOT NULL, tags jsonb DEFAULT '{}'
);
-- A default that borrows a sequence which a table of core owns: each home gets it.
-- [ai] table:rag.runs
-- [ai] table constraint:runs_pkey on rag.runs
-- [soft reference] table constraint:runs_order_fkey on rag.runs
-- [core ai] sequence:public.borrowed_id_seq
-- [core] table:public.borrowed
CREATE TABLE public.borrowed (id serial, note text);
CREATE TABLE rag.runs (
    id int PRIMARY KEY DEFAULT nextval('public.borrowed_id_seq'), order_id int, order_user bigint, at timestamptz DEFAULT now(),
    CONSTRAINT runs_order_fkey FOREIGN KEY (order_id) REFERENCES crm.orders (id) ON DELETE SET NULL (order_id)
);
-- A partitioned table of ai with a foreign key that crosses: its partitions' copies of the key are nobody's.
-- [ai] table:rag.usage
-- [ai] sequence:rag.usage_id_seq
-- [soft reference] table constraint:usage_user_id_fkey on rag.usage
CREATE TABLE rag.usage (id bigint GENERATED ALWAYS AS IDENTITY, day date, user_id bigint REFERENCES public.users ON DELETE SET NULL) PARTITION BY RANGE (day);
-- [ai] table:rag.usage_old
CREATE TABLE rag.usage_old PARTITION OF rag.usage FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
-- [ai] table:rag.usage_new
CREATE TABLE rag.usage_new PARTITION OF rag.usage DEFAULT;
-- [ai] index:rag.usage_day
CREATE INDEX usage_day ON rag.usage (day);

-- Functions: of row types, of types of one home, aggregates, procedures, with bodies that PostgreSQL knows.
-- [core] function:public.full_name(public.users)
CREATE FUNCTION public.full_name(u public.users) RETURNS text LANGUAGE sql STABLE AS 'SELECT u.name';
-- [ai] function:public.nearest(public.vector,integer)
CREATE FUNCTION public.nearest(v vector, k int DEFAULT 5) RETURNS SETOF public.ai_documents LANGUAGE sql STABLE
    AS 'SELECT * FROM public.ai_documents ORDER BY embedding <=> v LIMIT k';
-- [ai] function:common.kind_name(common.source_kind)
CREATE FUNCTION common.kind_name(k common.source_kind) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT k::text';
-- [ai] function:common.memory_count(bigint)
CREATE FUNCTION common.memory_count(u bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC
    SELECT count(*) FROM public.ai_memories WHERE ai_memories.user_id = u; END;
-- [core] procedure:crm.close_order(integer)
CREATE PROCEDURE crm.close_order(o int) LANGUAGE sql BEGIN ATOMIC UPDATE crm.orders SET total = 0 WHERE orders.id = o; END;
-- [core] function:public.unused(integer)
CREATE FUNCTION public.unused(a int) RETURNS int LANGUAGE sql AS 'SELECT a';
-- [ai] function:public.text_only()
CREATE FUNCTION public.text_only() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM public.ai_memories -- of ai';
-- [core] function:public.dynamic(pg_catalog.text)
CREATE FUNCTION public.dynamic(t text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DELETE FROM ' || t; PERFORM nextval('rag.lonely') FROM crm.orders; END $$;
-- [core] function:public.add_up(numeric,numeric)
CREATE FUNCTION public.add_up(a numeric, b numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT coalesce(a, 0) + b';
-- [core] aggregate:public.total(numeric)
CREATE AGGREGATE public.total(numeric) (SFUNC = public.add_up, STYPE = numeric, INITCOND = '0');
-- [ai] function:rag.weigh(double precision,rag.score)
CREATE FUNCTION rag.weigh(a double precision, b rag.score) RETURNS double precision LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
-- [ai] aggregate:rag.weight(rag.score)
CREATE AGGREGATE rag.weight(rag.score) (SFUNC = rag.weigh, STYPE = double precision, INITCOND = '0');
-- [core] function:crm.same(crm.address,crm.address)
CREATE FUNCTION crm.same(a crm.address, b crm.address) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT (a).street = (b).street';
-- [core] operator:crm.===(crm.address,crm.address)
CREATE OPERATOR crm.=== (LEFTARG = crm.address, RIGHTARG = crm.address, FUNCTION = crm.same, COMMUTATOR = OPERATOR(crm.===));
-- A negator that was a mere name when the first of the two was made, and does not name that one.
-- [core] operator:crm.<#>(crm.address,crm.address)
CREATE OPERATOR crm.<#> (LEFTARG = crm.address, RIGHTARG = crm.address, FUNCTION = crm.same, NEGATOR = OPERATOR(crm.!<#>));
-- [core] operator:crm.!<#>(crm.address,crm.address)
CREATE OPERATOR crm.!<#> (LEFTARG = crm.address, RIGHTARG = crm.address, FUNCTION = crm.same);
-- [ai] function:common.chunk_text(common.chunk)
CREATE FUNCTION common.chunk_text(c common.chunk) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT (c).content';
-- [ai] cast:(common.chunk AS pg_catalog.text)
CREATE CAST (common.chunk AS text) WITH FUNCTION common.chunk_text (common.chunk);
-- [core] conversion:crm.my_conversion
CREATE CONVERSION crm.my_conversion FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
-- [core] text search dictionary:crm.words
CREATE TEXT SEARCH DICTIONARY crm.words (TEMPLATE = simple, STOPWORDS = english);
-- [core] text search configuration:crm.search
CREATE TEXT SEARCH CONFIGURATION crm.search (COPY = english);
ALTER TEXT SEARCH CONFIGURATION crm.search ALTER MAPPING FOR asciiword WITH crm.words, english_stem;
-- [core] index:crm.orders_search
CREATE INDEX orders_search ON crm.orders USING gin (to_tsvector('crm.search', number));
-- [ai] text search dictionary:rag.words
CREATE TEXT SEARCH DICTIONARY rag.words (TEMPLATE = simple);
-- [ai] text search configuration:rag.search
CREATE TEXT SEARCH CONFIGURATION rag.search (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION rag.search ALTER MAPPING FOR word WITH rag.words;

-- Views.
-- [core] view:public.v_users
CREATE VIEW public.v_users AS SELECT id, email, crm.is_vip(points) AS vip FROM public.users;
-- [core] view:crm.v_on_view
CREATE VIEW crm.v_on_view WITH (security_barrier) AS SELECT o.id, u.email FROM crm.orders AS o JOIN public.v_users AS u ON u.id = o.user_id;
-- [ai] view:public.v_near
CREATE VIEW public.v_near AS SELECT id, embedding <-> '[0,0,0,0,0,0,0,0]' AS distance FROM public.ai_documents;
-- [ai] view:public.v_on_function
CREATE VIEW public.v_on_function AS SELECT n.id FROM public.nearest('[0,0,0,0,0,0,0,0]') AS n;
-- [core] view:public.v_constant
CREATE VIEW public.v_constant AS SELECT 1 AS one;
-- [core] materialized view:crm.m_orders
CREATE MATERIALIZED VIEW crm.m_orders AS SELECT user_id, count(*) AS n FROM crm.orders GROUP BY user_id;
-- [core] index:crm.m_orders_user
CREATE UNIQUE INDEX m_orders_user ON crm.m_orders (user_id);
-- [ai] materialized view:public.m_documents
CREATE MATERIALIZED VIEW public.m_documents AS SELECT scope, count(*) FROM public.ai_documents GROUP BY scope WITH NO DATA;

-- Triggers, rules, policies.
-- [core] trigger:touch on public.users
CREATE TRIGGER touch BEFORE UPDATE ON public.users FOR EACH ROW WHEN (NEW.points > 0) EXECUTE FUNCTION common.touch();
-- [ai] trigger:touch on public.ai_documents
CREATE TRIGGER touch BEFORE UPDATE OF title ON public.ai_documents FOR EACH ROW EXECUTE FUNCTION common.touch('x');
ALTER TABLE public.ai_documents ENABLE ALWAYS TRIGGER touch;
-- [core] function:crm.log_event()
CREATE FUNCTION crm.log_event() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
-- [core] trigger:log on crm.events
CREATE TRIGGER log AFTER INSERT ON crm.events FOR EACH ROW EXECUTE FUNCTION crm.log_event();
ALTER TABLE crm.events_rest DISABLE TRIGGER log;
-- [core] trigger:later on crm.orders
CREATE CONSTRAINT TRIGGER later AFTER DELETE ON crm.orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION crm.log_event();
-- [core] trigger:instead on public.v_users
CREATE TRIGGER instead INSTEAD OF INSERT ON public.v_users FOR EACH ROW EXECUTE FUNCTION crm.log_event();
-- [core] rule:quiet on public.nothing
CREATE RULE quiet AS ON DELETE TO public.nothing DO INSTEAD NOTHING;
-- [ai] rule:log on rag.runs
CREATE RULE log AS ON UPDATE TO rag.runs DO ALSO INSERT INTO public.ai_memories (content) VALUES (NEW.id::text);
ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.ai_documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.ai_documents FORCE ROW LEVEL SECURITY;
-- [core] policy:own on public.users
CREATE POLICY own ON public.users FOR SELECT TO split_reader, "Split ""Odd"" role" USING (name = CURRENT_USER);
-- [ai] policy:"Odd ""policy""" on public.ai_documents
CREATE POLICY "Odd ""policy""" ON public.ai_documents AS RESTRICTIVE USING (EXISTS (SELECT FROM public.ai_memories AS m WHERE m.document_id = ai_documents.id))
    WITH CHECK (scope <> 'x');

-- Comments, rights, owners, defaults for new objects.
COMMENT ON SCHEMA common IS 'Of both';
COMMENT ON TABLE public.users IS 'Users, % and :x';
COMMENT ON COLUMN public.ai_documents.title IS 'A title
on two lines';
COMMENT ON CONSTRAINT ai_memories_user_id_fkey ON public.ai_memories IS 'It crosses';
COMMENT ON CONSTRAINT users_age_check ON public.users IS 'A check';
COMMENT ON CONSTRAINT email_check ON DOMAIN common.email IS 'Of a domain';
COMMENT ON INDEX public.ai_documents_hnsw IS 'A graph';
COMMENT ON TYPE common.state IS 'A type';
COMMENT ON COLUMN common.chunk.part IS 'An attribute';
COMMENT ON FUNCTION public.nearest(vector, int) IS 'A function';
COMMENT ON AGGREGATE public.total(numeric) IS 'An aggregate';
COMMENT ON CAST (common.chunk AS text) IS 'A cast';
COMMENT ON OPERATOR crm.=== (crm.address, crm.address) IS 'An operator';
COMMENT ON TRIGGER touch ON public.ai_documents IS 'A trigger';
COMMENT ON RULE log ON rag.runs IS 'A rule';
COMMENT ON POLICY own ON public.users IS 'A policy';
COMMENT ON VIEW public.v_near IS 'A view';
COMMENT ON MATERIALIZED VIEW crm.m_orders IS 'A materialized view';
COMMENT ON SEQUENCE common.numbers IS 'A sequence';
COMMENT ON STATISTICS crm.orders_statistics IS 'Statistics';
COMMENT ON COLLATION common.by_byte IS 'A collation';
COMMENT ON CONVERSION crm.my_conversion IS 'A conversion';
COMMENT ON TEXT SEARCH CONFIGURATION rag.search IS 'A configuration';
COMMENT ON TEXT SEARCH DICTIONARY crm.words IS 'A dictionary';
-- [outside] role:split_reader
-- [outside] role:"Split ""Odd"" role"
GRANT USAGE ON SCHEMA common, rag, crm TO split_reader;
GRANT SELECT, INSERT ON public.users TO split_reader WITH GRANT OPTION;
GRANT SELECT (id, title), UPDATE (title) ON public.ai_documents TO split_reader;
GRANT ALL ON rag.runs TO "Split ""Odd"" role";
GRANT USAGE ON SEQUENCE common.numbers, public.ai_memories_id_seq TO split_reader;
GRANT USAGE ON TYPE common.state TO split_reader;
REVOKE ALL ON FUNCTION public.nearest(vector, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.nearest(vector, int) TO split_reader;
REVOKE USAGE ON TYPE rag.score FROM PUBLIC;
-- [core ai] default acl:for role {owner} in schema common on tables
ALTER DEFAULT PRIVILEGES IN SCHEMA common GRANT SELECT ON TABLES TO split_reader;
-- [core ai] default acl:for role {owner} on functions
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
