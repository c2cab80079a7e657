-- What can live in neither home of split.sql, and what stands on it.
-- [crossing] view:public.v_cross
CREATE VIEW public.v_cross AS SELECT u.email, m.content FROM public.users AS u JOIN public.ai_memories AS m ON m.user_id = u.id;
-- [crossing] view:crm.v_above
CREATE VIEW crm.v_above AS SELECT email FROM public.v_cross;
-- [crossing] materialized view:crm.m_cross
-- [crossing] index:crm.m_cross_email
CREATE MATERIALIZED VIEW crm.m_cross AS SELECT * FROM crm.v_above;
CREATE INDEX m_cross_email ON crm.m_cross (email);
-- [crossing] function:public.both_rows(public.users,public.ai_memories)
CREATE FUNCTION public.both_rows(u public.users, m public.ai_memories) RETURNS text LANGUAGE sql AS 'SELECT 1::text';
-- [crossing] function:common.cross_count()
CREATE FUNCTION common.cross_count() RETURNS bigint LANGUAGE sql BEGIN ATOMIC
    SELECT count(*) FROM public.users, public.ai_documents; END;
-- [crossing] rule:crosses on public.scratch
CREATE RULE crosses AS ON INSERT TO public.scratch DO ALSO INSERT INTO public.ai_memories (content) VALUES (NEW.id::text);
-- [crossing] policy:crosses on public.ai_memories
CREATE POLICY crosses ON public.ai_memories USING (EXISTS (SELECT FROM public.users AS u WHERE u.id = ai_memories.user_id));
-- [crossing] trigger:crosses on public.ai_memories
CREATE TRIGGER crosses BEFORE INSERT ON public.ai_memories FOR EACH ROW WHEN (NEW.user_id IS NULL AND public.full_name(NULL::public.users) IS NULL)
    EXECUTE FUNCTION common.touch();
-- [crossing] table:public.ai_heir
-- [crossing] table constraint:ai_heir_check on public.ai_heir
CREATE TABLE public.ai_heir (more text CONSTRAINT ai_heir_check CHECK (more <> '')) INHERITS (public.parent);
-- [crossing] table:public.ai_of_row
CREATE TABLE public.ai_of_row (id int, who public.users);
-- [crossing] table:public.with_vector
-- [crossing] index:public.with_vector_hnsw
CREATE TABLE public.with_vector (id int, v vector(3));
CREATE INDEX with_vector_hnsw ON public.with_vector USING hnsw (v vector_l2_ops);
-- [crossing] table:public.ai_default
CREATE TABLE public.ai_default (id bigint DEFAULT common.cross_count());
-- [crossing] type:common.both_row
CREATE TYPE common.both_row AS (u public.users, m public.ai_memories);
-- What needs something that no dump holds, or something that needs it.
-- [outside] function:pg_catalog.split_own(integer)
CREATE FUNCTION pg_catalog.split_own(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
-- [crossing] view:public.v_own
CREATE VIEW public.v_own AS SELECT pg_catalog.split_own(id::int) AS id FROM public.users;
-- [crossing] view:public.v_on_own
CREATE VIEW public.v_on_own AS SELECT id FROM public.v_own;
