-- Tables with rows of many types, and one of each thing that a comparison must not overlook. Kept to what PostgreSQL 16
-- without contrib has, too.
CREATE EXTENSION vector;
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('glad', 'sad', 'so so');
CREATE TYPE app.pair AS (a numeric, b text);
CREATE TYPE app.tagged AS (mood app.mood, place public.vector);
CREATE DOMAIN app.short AS varchar(20) CHECK (value <> 'no');
CREATE DOMAIN app.moods AS app.mood[];
CREATE TYPE app.span AS RANGE (subtype = numeric);
CREATE SEQUENCE app.shared_number START 100;
CREATE SEQUENCE app.countdown INCREMENT -1 START 50 MINVALUE 1 MAXVALUE 100;

CREATE TABLE app.kinds (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    small smallint, number integer, big bigint, amount numeric, real_ real, double_ double precision, money_ money,
    yes boolean, name text, code varchar(20), padded char(6), one "char", label name, short app.short,
    bytes bytea, day date, hour time, hour_tz timetz, moment timestamp, moment_tz timestamptz, lasts interval,
    uid uuid, data json, datab jsonb, doc xml, mood app.mood, moods app.moods, pair app.pair, tagged app.tagged,
    numbers integer[], words text[], spans app.span, ranges int4range, many int4multirange,
    address inet, net cidr, mac macaddr, bits bit(5), varbits bit varying, point_ point, box_ box,
    search tsvector, wanted tsquery, lsn pg_lsn, xid_ xid8, class_ regclass, type_ regtype, classes regclass[],
    vec vector(3), half halfvec(3), sparse sparsevec(5), vecs vector[],
    twice integer GENERATED ALWAYS AS (number * 2) STORED
);
INSERT INTO app.kinds (small, number, big, amount, real_, double_, money_, yes, name, code, padded, one, label, short,
    bytes, day, hour, hour_tz, moment, moment_tz, lasts, uid, data, datab, mood, moods, pair, tagged, numbers, words,
    spans, ranges, many, address, net, mac, bits, varbits, point_, box_, search, wanted, lsn, xid_, class_, type_, classes,
    vec, half, sparse, vecs)
SELECT n % 100, n, n * 10000000000, n / 7.0, n / 3.0, n / 9.0, n::numeric::money, n % 2 = 0, 'name ' || n, 'code ' || n,
       'p' || n, chr(65 + n % 26)::"char", 'l' || n, 's' || n, decode(md5(n::text), 'hex'), date '2024-02-03' + n,
       time '10:00' + n * interval '1 second', timetz '10:00+02' + n * interval '1 second',
       timestamp '2024-02-03 04:05:06.789' + n * interval '1 day', timestamptz '2024-02-03 04:05:06+05:45' + n * interval '1 h',
       n * interval '1 day', md5(n::text)::uuid, format('{"a": %s}', n)::json, format('{"a": %s.0, "b": null}', n)::jsonb,
       (ARRAY['glad', 'sad', 'so so'])[1 + n % 3]::app.mood, ARRAY['glad', 'sad']::app.mood[], ROW(n / 4.0, 'x' || n)::app.pair,
       ROW('sad', '[1,2,3]')::app.tagged, ARRAY[n, NULL, n + 1], ARRAY['a', NULL, 'NULL', ''], app.span(n, n + 1.50),
       int4range(n, n + 5), '{[1,3),[5,8)}', ('10.0.0.' || n % 250)::inet, '10.1.0.0/16', '08:00:2b:01:02:03', B'10101',
       B'101'::varbit, point(n, 2), box '((0,0),(1,1))', to_tsvector('simple', 'word ' || n), to_tsquery('simple', 'word & x'),
       '0/16B3748', '12', 'app.kinds', 'app.mood', ARRAY['app.kinds'::regclass], ARRAY[n, 2, 3]::real[]::vector,
       ARRAY[n, 2, 3]::real[]::vector::halfvec, '{1:1,3:2}/5', ARRAY['[1,2]'::vector, '[3]'::vector]
FROM generate_series(1, 60) AS n;
INSERT INTO app.kinds (name, amount, double_, lasts, code, vec) VALUES (NULL, 'NaN', 'Infinity', '24 hours', '', NULL);
INSERT INTO app.kinds (name, amount, double_, lasts, moment) VALUES ('', 1.0, 0, '1 day', 'infinity');

CREATE TABLE app.texts (key text PRIMARY KEY, value text, "odd 100% ""name" integer DEFAULT 7);
INSERT INTO app.texts SELECT 'k' || md5(n::text), 'v' || n FROM generate_series(1, 3000) AS n;
INSERT INTO app.texts VALUES ('ä', 'ö'), ('a''b"c%', '\n'), ('', 'empty');

CREATE TABLE app.doubles (a integer NOT NULL, b text NOT NULL, c integer, d integer, UNIQUE (a, b));
INSERT INTO app.doubles SELECT n % 10, 'b' || n, n, -n FROM generate_series(1, 2500) AS n;

CREATE TABLE app.heap (a integer, b text);
INSERT INTO app.heap SELECT n % 700, 'x' || n % 1400 FROM generate_series(1, 2800) AS n;
INSERT INTO app.heap VALUES (NULL, NULL), (NULL, ''), (1, NULL);

CREATE TABLE app.empty (id integer PRIMARY KEY);
CREATE TABLE app.nothing ();
INSERT INTO app.nothing DEFAULT VALUES;

CREATE TABLE app.events (id bigint, at date NOT NULL, what text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE app.events_2023 PARTITION OF app.events FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE app.events_2024 PARTITION OF app.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
INSERT INTO app.events SELECT n, date '2023-06-01' + n, 'e' || n FROM generate_series(1, 500) AS n;
CREATE TABLE app.hashed (id integer PRIMARY KEY, mood app.mood) PARTITION BY HASH (id);
CREATE TABLE app.hashed_0 PARTITION OF app.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.hashed_1 PARTITION OF app.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO app.hashed SELECT n, 'sad' FROM generate_series(1, 200) AS n;
CREATE TABLE app.parent (id integer PRIMARY KEY, name text);
CREATE TABLE app.child (more text) INHERITS (app.parent);
INSERT INTO app.parent VALUES (1, 'p');
INSERT INTO app.child VALUES (2, 'c', 'm');

CREATE TABLE app.users (id serial PRIMARY KEY, email varchar(80) NOT NULL DEFAULT 'none', number integer DEFAULT nextval('app.shared_number'));
INSERT INTO app.users (email) SELECT 'u' || n FROM generate_series(1, 100) AS n;
CREATE TABLE app.orders (
    id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, user_id integer REFERENCES app.users ON DELETE CASCADE,
    total numeric(10, 2) CHECK (total >= 0)
);
INSERT INTO app.orders (user_id, total) SELECT 1 + n % 100, n FROM generate_series(1, 300) AS n;
CREATE INDEX orders_total ON app.orders (total) WITH (fillfactor = 80);
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql SET hnsw.ef_search = '50' AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touch BEFORE UPDATE ON app.orders FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE VIEW app.totals AS SELECT user_id, sum(total) AS total FROM app.orders GROUP BY 1;
CREATE MATERIALIZED VIEW app.counted AS SELECT count(*) AS many FROM app.orders;
COMMENT ON TABLE app.orders IS 'Orders';
COMMENT ON COLUMN app.orders.total IS 'In euros';

CREATE TABLE app.documents (id uuid PRIMARY KEY, title text, embedding vector(8));
INSERT INTO app.documents
SELECT md5(n::text)::uuid, 't' || n, ARRAY[sin(n), cos(n), sin(2 * n), cos(3 * n), n % 7, n % 5, sin(n * n), 1]::real[]::vector
FROM generate_series(1, 400) AS n;
CREATE INDEX documents_embedding ON app.documents USING hnsw (embedding vector_cosine_ops) WITH (m = 8, ef_construction = 32);
ALTER TABLE app.documents ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_documents ON app.documents USING (true);

CREATE TABLE app.many (id bigint PRIMARY KEY, payload text);
ALTER TABLE app.many ALTER payload SET STORAGE EXTERNAL;
INSERT INTO app.many SELECT n, repeat(md5(n::text), 3) FROM generate_series(1, 12000) AS n;

SELECT lo_from_bytea(4711, 'large'), lo_from_bytea(4712, convert_to(repeat('x', 300000), 'UTF8'));
GRANT SELECT ON app.users TO verify_reader;
GRANT UPDATE (total) ON app.orders TO verify_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO verify_reader;
