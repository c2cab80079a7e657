-- What only PostgreSQL 18 with its contrib modules has, beside split.sql.
-- [core] extension:citext
CREATE EXTENSION citext;
-- [core ai] extension:pg_trgm
-- [core ai] schema:extensions
CREATE SCHEMA extensions;
CREATE EXTENSION pg_trgm SCHEMA extensions;
-- [ai] extension:unaccent
-- [ai] schema:"Odd.extensions"
CREATE SCHEMA "Odd.extensions";
CREATE EXTENSION unaccent SCHEMA "Odd.extensions";
ALTER TABLE rag.runs ADD COLUMN token text DEFAULT "Odd.extensions".unaccent('x');
-- [outside] extension:postgres_fdw
CREATE EXTENSION postgres_fdw;
-- [outside] server:remote
CREATE SERVER remote FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'elsewhere');
-- [core] table:public.modern
-- [core] table constraint:modern_loose on public.modern
-- [core] table constraint:modern_pkey on public.modern
CREATE TABLE public.modern (id int4range, during daterange, name citext, twice int GENERATED ALWAYS AS (3 * 2) VIRTUAL, a int CONSTRAINT named_a NOT NULL,
    b int, CONSTRAINT modern_loose CHECK (b > 0) NOT ENFORCED, CONSTRAINT modern_pkey PRIMARY KEY (id, during WITHOUT OVERLAPS));
ALTER TABLE public.modern ADD CONSTRAINT late_b NOT NULL b NOT VALID;
COMMENT ON CONSTRAINT named_a ON public.modern IS 'Not null';
COMMENT ON CONSTRAINT late_b ON public.modern IS 'Not yet valid';
-- [core] index:public.users_trigrams
CREATE INDEX users_trigrams ON public.users USING gin (name extensions.gin_trgm_ops);
-- [ai] index:public.ai_memories_trigrams
CREATE INDEX ai_memories_trigrams ON public.ai_memories USING gist (content extensions.gist_trgm_ops);
-- [core] collation:crm.builtin
CREATE COLLATION crm.builtin (provider = builtin, locale = 'C.UTF-8');
-- A body that calls an extension's function, where the extension does not go.
-- [core] function:crm.plain(pg_catalog.text)
CREATE FUNCTION crm.plain(t text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN "Odd.extensions".unaccent(t); END $$;
