-- Rows that are lost, changed or refused by those who move them carelessly. Tables named ai_* belong to ai.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (label text, feeling mood, at timestamptz);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN moods AS mood[];
CREATE TYPE span AS RANGE (subtype = numeric);

CREATE TABLE times (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, d date, t timestamp, tz timestamptz, i interval, only_time timetz);
INSERT INTO times (d, t, tz, i, only_time) VALUES
    ('infinity', '-infinity', 'infinity', '1 day', '24:00:00+14'),
    ('0044-03-15 BC', '0001-01-01 BC', '4713-01-01 BC', '24 hours', '00:00:00-12'),
    ('2024-02-03', '2024-02-03 04:05:06.789', '2024-02-03 04:05:06+07', '1 mon -1 day +00:00:01', '12:00+05:45'),
    ('5874897-12-31', '294276-12-31', '294276-01-01', '-178000000 years', NULL);

CREATE TABLE numbers (n numeric, f float8, r float4, m money, p positive, s span, mr nummultirange);
INSERT INTO numbers VALUES
    ('NaN', 'NaN', 'NaN', '-1.5', 1, '[1,2)', '{[1,2),[3,4)}'), ('Infinity', '-Infinity', '-0', '0', 2, 'empty', '{}'),
    (1.0, 0.1, 0.1, 1, 3, '(,)', NULL), (1.00, -0.0, 1e-37, NULL, NULL, '[1.0,1.00]', '{[1.10,2.20)}'),
    (('1' || repeat('0', 1000))::numeric, 1e308, 3e38, 9.99, 2147483647, NULL, NULL);

CREATE TABLE texts (j json, jb jsonb, a text[], e mood[], es moods, c pair, cs pair[], b bytea, ch char(5));
INSERT INTO texts VALUES
    ('{"a": 1, "a":  2}', '{"a": 1, "a": 2}', ARRAY['x', NULL, 'NULL', '', E'a\tb\n\\.'], ARRAY['sad', NULL, 'happy']::mood[],
     ARRAY['ok']::mood[], ROW('a,b"(', 'sad', 'infinity'), ARRAY[ROW(NULL, 'ok', NULL)::pair, NULL],
     '\x00ff5c', 'x'),
    (NULL, 'null', '{{1,2},{3,NULL}}', '{}', NULL, NULL, '{}', '', ''),
    ('"\u0041"', '"\\N"', '[2:3]={a,b}', NULL, NULL, ROW(NULL, NULL, NULL), NULL, NULL, E'\\N');

CREATE TABLE names (c regclass, p regprocedure, t regtype, ts regtype[], o oid, ns regnamespace);
INSERT INTO names VALUES ('times', 'pg_catalog.now()', 'mood', ARRAY['pair', 'int']::regtype[], 12345, 'public'),
    (NULL, NULL, 'int4', '{}', NULL, NULL);

CREATE TABLE nothing ();
INSERT INTO nothing SELECT FROM generate_series(1, 7);
CREATE TABLE only_generated (g int GENERATED ALWAYS AS (6 * 7) STORED);
INSERT INTO only_generated SELECT FROM generate_series(1, 3);
CREATE FUNCTION doubled(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION shout(v text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN upper(v) || doubled(2)::text; END';
CREATE TABLE computed (a text, loud text GENERATED ALWAYS AS (shout(a)) STORED, CHECK (length(shout(a)) < 100), gone int, z int);
INSERT INTO computed (a, z) SELECT 'v' || g, g FROM generate_series(1, 50) AS g;
ALTER TABLE computed DROP COLUMN gone;
CREATE UNLOGGED TABLE volatile (id int PRIMARY KEY, v text);
INSERT INTO volatile SELECT g, md5(g::text) FROM generate_series(1, 100) AS g;
CREATE TABLE keyless (a int, b text);
INSERT INTO keyless SELECT g % 3, 'same' FROM generate_series(1, 500) AS g;

CREATE TABLE by_mood (m mood, id int, v text) PARTITION BY HASH (m);
CREATE TABLE by_mood_0 PARTITION OF by_mood FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE by_mood_1 PARTITION OF by_mood FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO by_mood SELECT (enum_range(NULL::mood))[1 + g % 3], g, md5(g::text) FROM generate_series(1, 300) AS g;
CREATE TABLE by_day (id int, day date NOT NULL, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE by_day_1 PARTITION OF by_day FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
CREATE TABLE by_day_2 (v text, day date NOT NULL, id int NOT NULL);
ALTER TABLE by_day ATTACH PARTITION by_day_2 DEFAULT;
INSERT INTO by_day SELECT g, '2023-12-30'::date + g, 'x' FROM generate_series(0, 9) AS g;
CREATE TABLE parent (id serial PRIMARY KEY, v text);
CREATE TABLE child (more int) INHERITS (parent);
INSERT INTO parent (v) VALUES ('p'); INSERT INTO child (v, more) VALUES ('c', 1), ('d', 2);

CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE, boss int REFERENCES users DEFERRABLE);
INSERT INTO users VALUES (1, 'a', 2), (2, 'b', 1), (3, 'c', NULL);
CREATE TABLE orders (id bigserial PRIMARY KEY, user_id int REFERENCES users ON DELETE CASCADE, note text);
INSERT INTO orders (user_id, note) SELECT 1 + g % 3, repeat(md5(g::text), 20) FROM generate_series(1, 5000) AS g;
SELECT setval('orders_id_seq', 7000, false);
CREATE INDEX orders_note ON orders (md5(note));
CREATE TABLE log (at timestamptz DEFAULT now(), what text);
CREATE FUNCTION note_it() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO public.log (what) VALUES (TG_OP); RETURN NULL; END';
CREATE TRIGGER noted AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION note_it();
CREATE TRIGGER swallowed BEFORE INSERT ON keyless FOR EACH ROW EXECUTE FUNCTION note_it();
CREATE RULE silent AS ON INSERT TO volatile DO INSTEAD NOTHING;
CREATE SEQUENCE never_used START 10; CREATE SEQUENCE used; SELECT nextval('used'), nextval('used');
CREATE MATERIALIZED VIEW stale AS SELECT count(*) AS many FROM orders;
CREATE MATERIALIZED VIEW staler AS SELECT many + 1 AS more FROM stale;
CREATE MATERIALIZED VIEW unfilled AS SELECT 1 AS one WITH NO DATA;
CREATE UNIQUE INDEX stale_many ON stale (many);
ALTER TABLE users ADD CONSTRAINT unchecked CHECK (id > 1) NOT VALID;
CREATE VIEW grouped AS SELECT id, email FROM users GROUP BY id;
CREATE TABLE secrets (id int PRIMARY KEY, owner text);
INSERT INTO secrets VALUES (1, 'a'), (2, 'b');
CREATE POLICY own ON secrets USING (owner = current_user);
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
CREATE TABLE "odd ""name"" %s
x" ("a %s b" int, "select" text);
INSERT INTO "odd ""name"" %s
x" VALUES (1, '%s'), (2, NULL);

CREATE TABLE ai_documents (id uuid PRIMARY KEY, body text, embedding vector(64), small halfvec(8), vs vector(3)[]);
INSERT INTO ai_documents
SELECT md5(g::text)::uuid, repeat(md5(g::text), 200),
       (SELECT array_agg(sin(g * 100 + i)) FROM generate_series(1, 64) AS i)::vector,
       '[1,2,3,4,5,6,7,0.5]', ARRAY['[1,2,3]'::vector, NULL]
FROM generate_series(1, 2000) AS g;
CREATE INDEX ai_documents_hnsw ON ai_documents USING hnsw (embedding vector_l2_ops);
CREATE INDEX ai_documents_lists ON ai_documents USING ivfflat (embedding vector_cosine_ops) WITH (lists = 4);
CREATE TABLE ai_feedback (id serial PRIMARY KEY, user_id int REFERENCES users, feeling mood);
INSERT INTO ai_feedback (user_id, feeling) VALUES (1, 'ok'), (2, NULL);
