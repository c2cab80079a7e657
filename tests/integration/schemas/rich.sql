-- A schema as hostile as we could make it, for PostgreSQL 15 and later. Run by one transaction; the roles
-- snapshot_reader and "Odd Role" exist.
CREATE SCHEMA app;
CREATE SCHEMA audit;
CREATE SCHEMA "Odd schema.with ""quotes"" % :colon";

-- Types.
CREATE TYPE app.status AS ENUM ('new', 'it''s open', 'closed');
ALTER TYPE app.status ADD VALUE 'waiting' BEFORE 'closed';
CREATE DOMAIN app.code AS varchar(10) DEFAULT 'none' CHECK (VALUE IN ('a', 'b', 'none'));
CREATE DOMAIN app.short_code AS app.code NOT NULL CHECK (length(VALUE) BETWEEN 1 AND 4 AND VALUE <> 'xx');
CREATE DOMAIN app.codes AS text[] CHECK (array_length(VALUE, 1) > -1::int);
CREATE DOMAIN app.positive AS numeric(12, 3) CONSTRAINT is_positive CHECK (VALUE > 0) CONSTRAINT is_small CHECK (VALUE < 1e6);
CREATE DOMAIN app.sorted AS text COLLATE "C";
CREATE TYPE app.point3 AS (x numeric(10, 2), y double precision, label varchar(20) COLLATE "C");
CREATE TYPE app.segment AS (from_point app.point3, to_point app.point3, tags text[], state app.status);
CREATE FUNCTION app.time_difference(a time, b time) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT extract(epoch FROM (a - b))::double precision';
CREATE TYPE app.time_range AS RANGE (subtype = time, subtype_diff = app.time_difference, multirange_type_name = app.time_ranges);
CREATE TYPE app.text_range AS RANGE (subtype = text, collation = "C");
CREATE TYPE app.shell;
CREATE COLLATION app.binary_order (provider = libc, locale = 'C');

-- Sequences.
CREATE SEQUENCE app.free_sequence AS smallint START 5 INCREMENT 3 MINVALUE 2 MAXVALUE 900 CACHE 7 CYCLE;
CREATE SEQUENCE app.downwards INCREMENT -1 MAXVALUE -1 MINVALUE -1000;
CREATE UNLOGGED SEQUENCE app.unlogged_sequence;

-- Tables.
CREATE TABLE app.users (
    id bigint GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 5 CACHE 3) PRIMARY KEY,
    email varchar(320) NOT NULL UNIQUE,
    name text COLLATE "C" CONSTRAINT users_name_filled NOT NULL,
    dropped_early int,
    status app.status DEFAULT 'new' NOT NULL,
    role varchar DEFAULT 'member' CHECK (role IN ('member', 'admin', 'owner')),
    kind varchar(10) CONSTRAINT users_kind CHECK (kind IN ('a', 'b') OR kind IS NULL OR kind NOT IN ('x', 'y')),
    letter char(3) CHECK (letter IN ('abc', 'de')),
    flag "char" DEFAULT 'x' CHECK (flag IN ('x', 'y')),
    age int CHECK (age BETWEEN 0 AND 150 AND age <> 13),
    score numeric(10, 2) DEFAULT -1.5::numeric,
    rank int DEFAULT -1::int CHECK (rank > -1::int OR rank NOT BETWEEN 5 AND 10 OR rank = -5),
    big bigint DEFAULT -9223372036854775808 CHECK (big IN (1, 2, 30000000000)),
    small smallint DEFAULT '-3',
    ratio double precision DEFAULT 1e-7,
    tags text[] DEFAULT ARRAY[]::text[] NOT NULL,
    words varchar(5)[] DEFAULT ARRAY['one', 'two']::varchar(5)[],
    grid text[][] DEFAULT ARRAY[ARRAY['a'::varchar], ARRAY['b'::varchar]]::text[],
    states app.status[] DEFAULT '{new,closed}',
    created timestamptz DEFAULT now(),
    created_day date DEFAULT CURRENT_DATE - 1,
    expires timestamptz(3) DEFAULT now() + interval '1 year 2 days 03:04:05.6',
    fixed timestamptz DEFAULT '2020-01-01 12:00+02',
    pause interval DEFAULT '-1 day +02:03',
    wait interval day to second(2) DEFAULT '3 days',
    bits bit(4) DEFAULT B'1010',
    more_bits bit varying(8) DEFAULT B'1',
    data jsonb DEFAULT '{"a": [1, 2, "%s"]}' CHECK (data ? 'a' OR data @> '{"b": 1}' OR (data -> 'c' ->> 'd') LIKE '%100%%'),
    raw bytea DEFAULT '\x00ff',
    path text DEFAULT 'C:\dir\' || E'\n',
    code app.short_code DEFAULT 'a',
    codes app.code[] DEFAULT ARRAY['a', 'b']::app.code[],
    list app.codes,
    home app.point3 DEFAULT ROW(1, 2, 'origin')::app.point3 CHECK ((home).x > 0 AND (home).label IN ('origin', 'other')),
    way app.segment,
    hours app.time_range DEFAULT '[09:00,17:00)',
    all_hours app.time_ranges,
    owner_name name DEFAULT CURRENT_USER,
    a_class regclass DEFAULT 'app.free_sequence',
    number int DEFAULT nextval('app.free_sequence'),
    full_name text GENERATED ALWAYS AS (name || ' <' || email || '>') STORED,
    is_kind boolean GENERATED ALWAYS AS (kind IN ('a', 'b') AND age BETWEEN 1 AND 2) STORED,
    CONSTRAINT users_row CHECK ((age, rank) = (1, 2) AND age > 0 OR (age, rank) < (3, 4) OR ROW(age, rank) IS DISTINCT FROM ROW(1, 2)),
    CONSTRAINT users_case CHECK (CASE kind WHEN 'a' THEN age > 1 WHEN 'b' THEN rank = ANY (ARRAY[1, 2]) ELSE true END),
    CONSTRAINT users_nested CHECK (((age > 1 OR age < 0) AND (rank > 1 AND (rank < 5 AND rank <> 3))) OR NOT (age = 1 AND rank = 2)),
    CONSTRAINT users_any CHECK (email LIKE ANY (ARRAY['%@a%', '%@b%']) AND email <> ALL ('{x,y}'::varchar[]) AND email ~~* 'x%'),
    CONSTRAINT users_local CHECK (coalesce(nullif(name, ''), email) <> '') NO INHERIT
) WITH (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_vacuum_threshold = 9);
ALTER TABLE app.users DROP COLUMN dropped_early;
ALTER TABLE app.users ADD COLUMN added_late text DEFAULT 'x' CHECK (added_late SIMILAR TO '[a-z]+');
ALTER TABLE app.users ALTER COLUMN name SET STORAGE EXTERNAL, ALTER COLUMN data SET COMPRESSION pglz,
    ALTER COLUMN email SET STATISTICS 500, ALTER COLUMN age SET (n_distinct = 100);

CREATE TABLE app.notes (
    id serial PRIMARY KEY,
    small_id smallserial,
    user_id bigint NOT NULL REFERENCES app.users ON DELETE CASCADE ON UPDATE RESTRICT,
    editor_id bigint CONSTRAINT notes_editor REFERENCES app.users (id) ON DELETE SET NULL (editor_id) DEFERRABLE INITIALLY DEFERRED,
    parent_id int REFERENCES app.notes MATCH FULL,
    slug text,
    title varchar(100),
    body text,
    valid_during tstzrange,
    booked int4range,
    seats int DEFAULT 1,
    note_kind int GENERATED BY DEFAULT AS IDENTITY (MINVALUE 10 MAXVALUE 5000 CYCLE),
    CONSTRAINT notes_slug UNIQUE NULLS NOT DISTINCT (slug) INCLUDE (title) WITH (fillfactor = 90),
    CONSTRAINT notes_pair UNIQUE (user_id, title) DEFERRABLE INITIALLY IMMEDIATE,
    CONSTRAINT notes_no_overlap EXCLUDE USING gist (booked WITH &&, valid_during WITH &&) WHERE (seats BETWEEN 1 AND 5 AND seats <> 3),
    CONSTRAINT notes_seats EXCLUDE (seats WITH =) DEFERRABLE
);
ALTER TABLE app.notes ADD CONSTRAINT notes_not_valid CHECK (seats > 0) NOT VALID;
ALTER TABLE app.notes ADD CONSTRAINT notes_title_fk FOREIGN KEY (slug) REFERENCES app.notes (slug) NOT VALID;
CREATE TABLE audit.notes (LIKE app.notes INCLUDING ALL);
CREATE TABLE audit.users (id int PRIMARY KEY, name text);
CREATE UNLOGGED TABLE app.scratch (id int GENERATED ALWAYS AS IDENTITY, junk text) WITH (fillfactor = 50);
CREATE TABLE app.of_type OF app.point3 (x WITH OPTIONS NOT NULL DEFAULT 3, PRIMARY KEY (x));
CREATE TABLE app.nothing ();
CREATE TABLE audit.plain (id int, amount numeric(10, 2), at timestamptz, name varchar(5), code text, more int);
CREATE TYPE app.unused AS (a int, b text);
CREATE OPERATOR app.@@@ (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl);
CREATE TABLE app.by_index (id int NOT NULL, other int);
CREATE UNIQUE INDEX by_index_id ON app.by_index (id);
ALTER TABLE app.by_index REPLICA IDENTITY USING INDEX by_index_id;
ALTER TABLE audit.users REPLICA IDENTITY FULL;
ALTER TABLE app.users CLUSTER ON users_email_key;

CREATE TABLE "Odd schema.with ""quotes"" % :colon"."Table.with ""dots"" and %s :x" (
    "Column ""1""" int PRIMARY KEY,
    "ünïcödé 漢字 😀" text CHECK ("ünïcödé 漢字 😀" IN ('ä', E'\\back', 'per%cent', ':colon')),
    "UPPER" "text" DEFAULT 'it''s %(x)s',
    "select" int,
    "system_user" int,
    "json_array" int CHECK ("json_array" > 0),
    "a_column_whose_name_takes_all_sixty_three_bytes_that_there_are_x" int,
    " " int, "new
line" int, "user" varchar CHECK ("user" IN ('a', 'b')),
    "$dollar" int
);
CREATE INDEX "Index.with ""odd"" %name" ON "Odd schema.with ""quotes"" % :colon"."Table.with ""dots"" and %s :x" ((" " + "new
line")) WHERE "user" IN ('x', 'y');
CREATE INDEX on_keyword ON "Odd schema.with ""quotes"" % :colon"."Table.with ""dots"" and %s :x" ("system_user");
CREATE TYPE "Odd schema.with ""quotes"" % :colon"."Odd, type[]" AS ENUM ('a,b', '"', '');
CREATE FUNCTION "Odd schema.with ""quotes"" % :colon"."Odd function("("Arg, 1" "Odd schema.with ""quotes"" % :colon"."Odd, type[]" DEFAULT 'a,b')
    RETURNS int LANGUAGE sql AS 'SELECT 1 -- %s :x';
CREATE VIEW "Odd schema.with ""quotes"" % :colon"."View %" AS
    SELECT "UPPER" AS "lower ""case""", "select", "system_user" AS "system" FROM "Odd schema.with ""quotes"" % :colon"."Table.with ""dots"" and %s :x"
    WHERE "user" IN ('a', 'b') AND "$dollar" % 2 = 0;

-- Inheritance.
CREATE TABLE app.parent (id int PRIMARY KEY, amount int NOT NULL, CONSTRAINT parent_amount CHECK (amount BETWEEN 1 AND 9 AND amount <> 5),
                         CONSTRAINT parent_only CHECK (id > 0) NO INHERIT, shared int CONSTRAINT shared_check CHECK (shared > 0));
CREATE TABLE app.other_parent (other text DEFAULT 'o', amount int);
CREATE TABLE app.child (extra text, CONSTRAINT shared_check CHECK (shared > 0), CONSTRAINT child_own CHECK (extra IN ('a', 'b')))
    INHERITS (app.parent, app.other_parent);
CREATE TABLE app.grandchild (amount int DEFAULT 4) INHERITS (app.child);
ALTER TABLE app.grandchild ALTER COLUMN other SET NOT NULL, ALTER COLUMN other SET DEFAULT 'g';
CREATE TABLE app.adopted (id int, amount int NOT NULL, shared int, CONSTRAINT parent_amount CHECK (amount BETWEEN 1 AND 9 AND amount <> 5),
                          CONSTRAINT shared_check CHECK (shared > 0));
ALTER TABLE app.adopted ALTER COLUMN id SET NOT NULL;
ALTER TABLE app.adopted INHERIT app.parent;

-- Partitions.
CREATE TABLE app.events (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    happened timestamptz NOT NULL,
    region varchar(10) NOT NULL DEFAULT 'eu',
    user_id bigint REFERENCES app.users (id),
    payload jsonb DEFAULT '{}',
    CONSTRAINT events_region CHECK (region IN ('eu', 'us', 'asia')),
    PRIMARY KEY (id, happened, region)
) PARTITION BY RANGE (happened);
CREATE TABLE app.events_2020 PARTITION OF app.events FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2021-01-01 00:00+00')
    PARTITION BY LIST (region);
CREATE TABLE app.events_2020_eu PARTITION OF app.events_2020 (region DEFAULT 'eu') FOR VALUES IN ('eu', 'uk') WITH (fillfactor = 60);
CREATE TABLE app.events_2020_rest PARTITION OF app.events_2020 DEFAULT;
CREATE TABLE app.events_2021 (LIKE app.events INCLUDING DEFAULTS INCLUDING CONSTRAINTS, CONSTRAINT own_check CHECK (user_id > 0));
CREATE INDEX events_2021_happened ON app.events_2021 (happened DESC) WHERE region IN ('eu', 'us');
ALTER TABLE app.events ATTACH PARTITION app.events_2021 FOR VALUES FROM ('2021-01-01 00:00+00') TO (MAXVALUE);
CREATE TABLE app.events_rest PARTITION OF app.events DEFAULT PARTITION BY HASH (id, region);
CREATE TABLE app.events_rest_0 PARTITION OF app.events_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.events_rest_1 PARTITION OF app.events_rest FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX events_happened ON app.events (happened DESC) WHERE region IN ('eu', 'us');
CREATE INDEX events_partial ON ONLY app.events (user_id);
CREATE INDEX events_2020_eu_own ON app.events_2020_eu (payload);
CREATE TABLE app.event_notes (event_id bigint, happened timestamptz, region varchar(10),
    FOREIGN KEY (event_id, happened, region) REFERENCES app.events ON DELETE CASCADE);
CREATE TABLE app.by_expression (a int, b text, c varchar) PARTITION BY RANGE (lower(b), (a + 1), (c IN ('a', 'b')) );
CREATE TABLE app.by_expression_1 PARTITION OF app.by_expression FOR VALUES FROM ('a', MINVALUE, MINVALUE) TO ('b', MAXVALUE, MAXVALUE);
CREATE TABLE app.by_collation (a text COLLATE "C") PARTITION BY LIST (a COLLATE "C" text_pattern_ops);
CREATE TABLE app.by_collation_null PARTITION OF app.by_collation FOR VALUES IN (NULL, 'x''y');

-- Indexes.
CREATE INDEX users_kind_in ON app.users (kind) WHERE role IN ('admin', 'owner') AND age BETWEEN 1 AND 2 AND status IN ('new', 'closed');
CREATE UNIQUE INDEX users_lower ON app.users (lower(email) varchar_pattern_ops, (data ->> 'a') COLLATE "C" DESC NULLS LAST) INCLUDE (name, age)
    NULLS NOT DISTINCT WITH (fillfactor = 80, deduplicate_items = off) WHERE NOT (kind IN ('a', 'b'));
CREATE INDEX users_hash ON app.users USING hash (email);
CREATE INDEX users_data ON app.users USING gin (data jsonb_path_ops, tags) WITH (fastupdate = off, gin_pending_list_limit = 128);
CREATE INDEX users_created ON app.users USING brin (created timestamptz_minmax_multi_ops (values_per_range = 16)) WITH (pages_per_range = 8); -- codespell:ignore brin
CREATE INDEX users_search ON app.users USING gin (to_tsvector('english', coalesce(name, '') || ' ' || email));
CREATE INDEX users_case_index ON app.users ((CASE WHEN kind IN ('a', 'b') THEN 1 WHEN age = -1 THEN -2 ELSE NULL END), (age = ANY ('{1,2}'::int[])));
CREATE INDEX notes_spgist ON app.notes USING spgist (slug text_ops);
ALTER INDEX app.users_case_index ALTER COLUMN 1 SET STATISTICS 300;
CREATE INDEX notes_invalid ON app.notes (body);

-- Statistics.
CREATE STATISTICS app.users_statistics (ndistinct, mcv) ON kind, age FROM app.users;
CREATE STATISTICS app.users_expressions ON (lower(email)), (age + rank), (kind IN ('a', 'b')) FROM app.users;
ALTER STATISTICS app.users_statistics SET STATISTICS 77;

-- Functions.
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = app, pg_temp AS $body$
BEGIN
    -- $$ and %, 'quotes', "names" and a backslash \
    NEW.name := upper(NEW.name);
    RETURN NEW;
END
$body$;
CREATE FUNCTION app.log_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION app.to_notes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION app.of_row(u app.users, "limit" int DEFAULT 10, VARIADIC rest text[] DEFAULT ARRAY['a', 'b']::varchar[]::text[])
    RETURNS SETOF app.users LANGUAGE sql STABLE ROWS 12 COST 3 AS 'SELECT u.*';
CREATE FUNCTION app.defaults(a varchar[] DEFAULT ARRAY['x', 'y'], b interval DEFAULT '1 day', c int DEFAULT -1::int, d app.status DEFAULT 'new',
    e boolean DEFAULT 1 BETWEEN 0 AND 2 AND true, OUT f int, INOUT g timestamptz DEFAULT '2020-01-01 00:00+00') -- codespell:ignore inout
    LANGUAGE plpgsql IMMUTABLE PARALLEL RESTRICTED LEAKPROOF AS $$ BEGIN f := 1; END $$;
CREATE FUNCTION app.atomic(k varchar, n int DEFAULT 3) RETURNS TABLE (id bigint, label text) LANGUAGE sql BEGIN ATOMIC
    SELECT users.id, users.name FROM app.users WHERE users.kind IN ('a', 'b') AND users.age BETWEEN 1 AND n AND users.rank > -1::int;
    WITH one AS (SELECT u.id, count(*) AS many FROM app.users AS u JOIN app.notes AS m ON m.user_id = u.id WHERE u.kind = k GROUP BY u.id)
    SELECT one.id, one.many::text FROM one WHERE one.many NOT BETWEEN 1 AND 2 OR one.many = 3 ORDER BY 2 DESC LIMIT n;
END;
CREATE FUNCTION app.atomic_change(k varchar) RETURNS void LANGUAGE sql BEGIN ATOMIC
    INSERT INTO audit.users AS a (id, name) VALUES (1, k), (-1::int, 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.name || a.name
        WHERE a.name IN ('a', 'b');
    UPDATE audit.users SET (id, name) = (SELECT 1, k) WHERE users.id BETWEEN 1 AND 2 AND users.id <> 3;
    DELETE FROM audit.users USING app.notes AS n WHERE n.id = users.id AND n.title IN ('a', 'b');
END;
CREATE FUNCTION app.returned(k varchar, n int) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN k IN ('a', 'b') AND n BETWEEN 1 AND 2 AND n > 0;
CREATE FUNCTION app.returned(k text) RETURNS text LANGUAGE sql IMMUTABLE RETURN lower(k) || 'x';
CREATE PROCEDURE app.work(a int, OUT c int, INOUT b text DEFAULT 'b') LANGUAGE plpgsql AS $$ BEGIN c := a; COMMIT; END $$; -- codespell:ignore inout
CREATE PROCEDURE app.atomic_work(k varchar) LANGUAGE sql BEGIN ATOMIC
    DELETE FROM app.notes WHERE notes.title IN ('a', 'b') AND notes.seats BETWEEN 1 AND 2 AND notes.slug = k;
END;
CREATE FUNCTION app.total_add(state numeric, value numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT coalesce(state, 0) + value';
CREATE FUNCTION app.total_remove(state numeric, value numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT state - value';
CREATE FUNCTION app.total_final(state numeric) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT state::text';
CREATE AGGREGATE app.total(numeric) (SFUNC = app.total_add, STYPE = numeric, FINALFUNC = app.total_final, INITCOND = '0', COMBINEFUNC = numeric_add,
    MSFUNC = app.total_add, MINVFUNC = app.total_remove, MSTYPE = numeric, MFINALFUNC = app.total_final, MINITCOND = '0', PARALLEL = SAFE);
CREATE AGGREGATE app.my_percentile(double precision ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal,
    FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
CREATE AGGREGATE app.my_max(int) (SFUNC = int4larger, STYPE = int, SORTOP = >);
CREATE FUNCTION app.same(a app.point3, b app.point3) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT (a).x = (b).x';
CREATE OPERATOR app.=== (LEFTARG = app.point3, RIGHTARG = app.point3, FUNCTION = app.same, COMMUTATOR = OPERATOR(app.===), RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE FUNCTION app.negate(a app.point3) RETURNS app.point3 LANGUAGE sql IMMUTABLE AS 'SELECT a';
CREATE OPERATOR app.!! (RIGHTARG = app.point3, FUNCTION = app.negate);
CREATE OPERATOR FAMILY app.int_family USING btree;
CREATE OPERATOR CLASS app.int_class FOR TYPE int USING btree FAMILY app.int_family AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
CREATE INDEX notes_class ON app.notes (seats app.int_class);
CREATE FUNCTION app.point_text(p app.point3) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT (p).label';
CREATE CAST (app.point3 AS text) WITH FUNCTION app.point_text (app.point3) AS ASSIGNMENT;
CREATE CAST (app.status AS app.code) WITH INOUT; -- codespell:ignore inout
CREATE CONVERSION app.my_conversion FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;

-- Text search.
CREATE TEXT SEARCH DICTIONARY app.simple_dictionary (TEMPLATE = simple, STOPWORDS = english, ACCEPT = false);
CREATE TEXT SEARCH CONFIGURATION app.search (COPY = english);
ALTER TEXT SEARCH CONFIGURATION app.search ALTER MAPPING FOR asciiword, word WITH app.simple_dictionary, english_stem;
CREATE INDEX notes_search ON app.notes USING gin (to_tsvector('app.search', body));
CREATE TEXT SEARCH TEMPLATE app.my_template (LEXIZE = dsimple_lexize, INIT = dsimple_init);
CREATE TEXT SEARCH PARSER app.my_parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);

-- Views.
CREATE VIEW app.v_one AS SELECT id, name AS label, status, age + 1 AS next_age FROM app.users WHERE age BETWEEN 1 AND 5 AND kind IN ('a', 'b')
    ORDER BY label, users.id DESC;
CREATE VIEW app.v_star AS SELECT * FROM app.users;
CREATE VIEW app.v_alias AS SELECT u.id, u.email AS id2, (u.home).x AS x, (u.way).from_point AS start, u.words[1:2] AS w, u.data['a'] AS a FROM app.users AS u
    WHERE (u.id, u.age) IN (SELECT n.user_id, n.seats FROM app.notes AS n WHERE n.user_id = u.id AND n.title IN ('a', 'b'));
CREATE VIEW app.v_swap AS SELECT name AS email, email AS name FROM app.users ORDER BY users.name, users.email;
CREATE VIEW app.v_correlated AS SELECT id, (SELECT count(*) FROM app.notes WHERE notes.user_id = users.id AND title IN ('a', 'b')) AS many,
    EXISTS (SELECT FROM app.notes AS n WHERE n.editor_id = users.id) AS edits, ARRAY(SELECT title FROM app.notes WHERE user_id = users.id ORDER BY 1) AS titles
    FROM app.users WHERE id NOT IN (SELECT user_id FROM app.notes);
CREATE VIEW app.v_cte AS WITH RECURSIVE tree (id, depth, path) AS (
        SELECT id, 0, ARRAY[id] FROM app.notes WHERE parent_id IS NULL
        UNION ALL SELECT n.id, depth + 1, path || n.id FROM app.notes AS n JOIN tree AS t ON t.id = n.parent_id WHERE depth BETWEEN 0 AND 9 AND n.seats > 0
    ) SEARCH DEPTH FIRST BY id SET ordering CYCLE id SET is_cycle USING cycle_path, other AS MATERIALIZED (SELECT 1 AS one)
    SELECT id, depth, tree.path, is_cycle, one FROM tree, other WHERE NOT is_cycle ORDER BY ordering;
CREATE VIEW app.v_cte_one AS WITH c AS NOT MATERIALIZED (SELECT id, name FROM app.users WHERE kind IN ('a', 'b')) SELECT id, upper(name) FROM c WHERE id > -1::int;
CREATE VIEW app.v_union AS SELECT id, name, 1 AS n FROM app.users WHERE kind IN ('a', 'b') UNION ALL (SELECT id, title, NULL FROM app.notes ORDER BY 1 LIMIT 3)
    EXCEPT SELECT 1, 'x', 2.5 ORDER BY 2 DESC NULLS LAST, 1 LIMIT 10 OFFSET 2;
CREATE VIEW app.v_window AS SELECT id, rank() OVER w, sum(age) FILTER (WHERE kind IN ('a', 'b')) OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES),
    lag(name, 1, 'none') OVER (PARTITION BY status ORDER BY id RANGE UNBOUNDED PRECEDING), row_number() OVER () FROM app.users
    WINDOW w AS (PARTITION BY kind ORDER BY age DESC NULLS LAST, id);
CREATE VIEW app.v_group AS SELECT kind, lower(name) AS low, count(*), count(DISTINCT age) AS ages, string_agg(name, ',' ORDER BY id DESC), max(age) AS age,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY age) AS median, rank(5) WITHIN GROUP (ORDER BY age) AS hypothetical, 'x' AS x,
    count(*) FILTER (WHERE status IN ('new', 'closed') AND age BETWEEN 1 AND 2) AS filtered, grouping(kind)
    FROM app.users GROUP BY GROUPING SETS ((kind, lower(name)), ROLLUP (kind), CUBE (lower(name)), ()) HAVING count(*) BETWEEN 1 AND 5 AND max(age) > 1 ORDER BY 2, kind;
CREATE VIEW app.v_group_one AS SELECT status, age / 10 AS decade, count(*) AS n FROM app.users GROUP BY 1, age / 10 HAVING sum(rank) > 0 ORDER BY age / 10, status;
CREATE VIEW app.v_group_distinct AS SELECT DISTINCT age % 10 AS d, kind FROM app.users GROUP BY DISTINCT ROLLUP (age % 10), kind;
CREATE VIEW app.v_distinct AS SELECT DISTINCT ON (kind, lower(name)) id, kind FROM app.users ORDER BY kind, lower(name), id DESC;
CREATE VIEW app.v_lateral AS SELECT u.id, x.title, g.*, j.key FROM app.users AS u CROSS JOIN LATERAL (SELECT n.title FROM app.notes AS n WHERE n.user_id = u.id LIMIT 1) AS x
    LEFT JOIN LATERAL jsonb_each(u.data) AS j ON true, generate_series(1, 3) WITH ORDINALITY AS g (value, position), unnest(u.tags);
CREATE VIEW app.v_join AS SELECT id, a.title, b.title AS other, m.most FROM app.notes AS a JOIN audit.notes AS b USING (id) FULL JOIN app.notes AS c USING (id)
    NATURAL LEFT JOIN (SELECT id, max(seats) AS most FROM app.notes GROUP BY id) AS m;
CREATE VIEW app.v_join_alias AS SELECT j.id, a.title FROM (app.notes AS a JOIN audit.notes AS b USING (id) AS j) LEFT JOIN app.users ON users.id = j.id AND users.kind IN ('a', 'b');
CREATE VIEW app.v_same_names AS SELECT users.id, a.id AS audit_id FROM app.users, audit.users AS a WHERE users.id = a.id;
CREATE VIEW app.v_unaliased AS SELECT app.users.id, audit.users.id AS audit_id FROM app.users, audit.users;
CREATE VIEW app.v_values AS SELECT * FROM (VALUES (1, 'a'), (2.5, NULL), (-3, 'x')) AS v (n, t) WHERE n > -1.5::numeric AND t IN ('a', 'b');
CREATE VIEW app.v_pure_values AS VALUES (1, 'a'::varchar), (2, 'b');
CREATE VIEW app.v_function AS SELECT value, position FROM generate_series(1, 5) WITH ORDINALITY AS s (value, position) WHERE value IN (1, 2);
CREATE VIEW app.v_functions AS SELECT a, b FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY['a', 'b'])) AS f (a, b);
CREATE VIEW app.v_sample AS SELECT id, name FROM app.users TABLESAMPLE bernoulli (10) REPEATABLE (3) WHERE id > 0;
CREATE VIEW app.v_whole AS SELECT u, u.*::text AS as_text, ROW(u.id, u.name)::text AS r, (ROW(1, 2, 'a')::app.of_type).x FROM app.users AS u;
CREATE VIEW app.v_whole_one AS SELECT users, app.of_row(users) AS more FROM app.users;
CREATE VIEW app.v_constants AS SELECT 'x' AS a, NULL AS b, -1 AS c, - 1.5 AS d, -1::int AS e, 1e10 AS f, B'01' AS g, X'ff' AS h, DATE '2020-02-03' AS i,
    INTERVAL '1-2' YEAR TO MONTH AS j, true AND NOT false AS k, '2020-01-01 00:00+05'::timestamptz AS l, U&'\00e4' AS m, 'a'::char(3) AS n, 'abc'::varchar(2) AS o,
    ARRAY[[1, 2], [3, 4]]::numeric[] AS p, (ARRAY['a', 'b']::varchar[])::text[] AS q, ARRAY[ARRAY['a'::varchar, 'b']]::text[][] AS r, '{1,2}'::int[] AS s,
    ARRAY[ROW(1, 2, 'a')::app.point3] AS t, 2147483648 AS u, 1.50::numeric(5, 1) AS v, CAST(NULL AS app.status) AS w, ARRAY[NULL, 'new']::app.status[] AS x,
    '-1'::int AS y, - 2::bigint AS z, -(-1) AS aa, 'NaN'::float AS bb, - '5'::int AS cc, - 1e-5 AS dd;
CREATE VIEW app.v_calls AS SELECT substring(name FROM 1 FOR 2) AS a, position('x' IN name) AS b, trim(both 'x' FROM name) AS c, overlay(name PLACING 'x' FROM 1) AS d,
    extract(year FROM created) AS e, created AT TIME ZONE 'UTC' AS f, (created, created) OVERLAPS (created, interval '1 day') AS g, CURRENT_TIMESTAMP(3) AS h,
    LOCALTIME AS i, name COLLATE "C" < 'x' AS j, name IS NORMALIZED AS k, greatest(age, 1.5) AS l, (app.defaults(c => 3, a => ARRAY['q'])).f AS m,
    format('%s %I', VARIADIC ARRAY['a', 'b']) AS n, app.of_row(users, 3, 'a', 'b') AS o, home OPERATOR(app.===) home AS p, OPERATOR(app.!!) home AS q,
    age IS NOT DISTINCT FROM 1 AS r, age IS NULL AS s, (age > 1) IS NOT TRUE AS t, name LIKE 'a!%' ESCAPE '!' AS u, name NOT ILIKE 'x' AS v, nullif(age, 1) AS w,
    ctid AS x, tableoid::regclass AS y, CASE WHEN kind IN ('a', 'b') THEN 1 END AS z, age IN (rank, 1, 2) OR age = 3 AS aa, extract(epoch FROM interval '1 day') AS bb,
    name ~ '^[a-z]+$' AND status = ANY (states) AND status <> ALL ('{new,closed}') AS cc, SESSION_USER AS dd, pg_typeof(name) AS ee, 'x' || age AS ff,
    age BETWEEN SYMMETRIC 5 AND 1 AND rank = 1 AS gg FROM app.users;
CREATE VIEW app.v_checked WITH (security_barrier = true, check_option = 'cascaded') AS SELECT id, name FROM audit.users WHERE name IN ('a', 'b');
CREATE VIEW app.v_invoker WITH (security_invoker) AS SELECT id, name FROM audit.users WITH LOCAL CHECK OPTION;
CREATE VIEW app.v_default AS SELECT id, name FROM audit.users;
ALTER VIEW app.v_default ALTER COLUMN name SET DEFAULT 'view';
CREATE VIEW app.v_columns (a, b) AS SELECT x, y FROM audit.users AS aliased (x, y) WHERE y IN ('a', 'b') FOR UPDATE;
CREATE VIEW app.v_subselect AS SELECT s.id, s.low FROM (SELECT id, lower(name) AS low FROM app.users WHERE kind IN ('a', 'b') OFFSET 0) AS s WHERE low BETWEEN 'a' AND 'b' AND low <> 'x';
CREATE VIEW app.v_nested_alias AS SELECT users.id FROM (SELECT users.id FROM app.users JOIN app.notes ON notes.user_id = users.id) AS users;
CREATE VIEW app.v_partition AS SELECT * FROM ONLY app.parent WHERE id IN (SELECT id FROM app.events);
CREATE VIEW app.v_ties AS SELECT id FROM app.users ORDER BY age FETCH FIRST 3 ROWS WITH TIES;
CREATE VIEW app.v_empty AS SELECT FROM app.users;
CREATE VIEW app.v_renamed AS SELECT n.id, n.seats FROM app.notes AS n JOIN audit.notes AS m USING (seats);
CREATE TABLE app.renamed (old_name int, other int);
CREATE VIEW app.v_of_renamed AS SELECT a.*, b.other AS more FROM app.renamed AS a JOIN app.renamed AS b USING (old_name);
ALTER TABLE app.renamed RENAME COLUMN old_name TO new_name;
ALTER VIEW app.v_of_renamed RENAME COLUMN more TO even_more;
ALTER TABLE app.renamed ADD COLUMN added int;
CREATE MATERIALIZED VIEW app.m_users WITH (fillfactor = 60) AS SELECT kind, count(*) AS n, max(name) AS name FROM app.users WHERE role IN ('admin', 'owner') GROUP BY kind;
CREATE UNIQUE INDEX m_users_kind ON app.m_users (kind) WHERE n BETWEEN 1 AND 2 AND n <> 3;
CREATE MATERIALIZED VIEW audit.m_empty AS SELECT id FROM app.v_one WITH NO DATA;

-- Rules and triggers.
CREATE RULE notes_log AS ON UPDATE TO app.notes WHERE OLD.title IS DISTINCT FROM NEW.title AND NEW.title IN ('a', 'b') DO ALSO (
    INSERT INTO audit.users (id, name) SELECT NEW.id, u.name FROM app.users AS u WHERE u.id = OLD.user_id AND u.kind IN ('a', 'b');
    UPDATE audit.users SET name = NEW.title WHERE users.id = OLD.id AND users.name BETWEEN 'a' AND 'b');
CREATE RULE nothing_notify AS ON INSERT TO app.nothing DO ALSO NOTIFY something;
CREATE RULE nothing_delete AS ON DELETE TO app.nothing DO INSTEAD NOTHING;
CREATE RULE v_default_insert AS ON INSERT TO app.v_default DO INSTEAD INSERT INTO audit.users (id, name) VALUES (NEW.id, NEW.name) RETURNING id, name;
ALTER TABLE app.nothing DISABLE RULE nothing_delete;
CREATE TRIGGER users_touch BEFORE INSERT OR UPDATE OF name, email ON app.users FOR EACH ROW
    WHEN (NEW.kind IN ('a', 'b') AND NEW.age BETWEEN 1 AND 2 AND NEW.rank > -1::int) EXECUTE FUNCTION app.touch();
CREATE TRIGGER users_log AFTER UPDATE ON app.users REFERENCING OLD TABLE AS old_rows NEW TABLE AS "New Rows" FOR EACH STATEMENT EXECUTE FUNCTION app.log_change('x', 'it''s');
CREATE CONSTRAINT TRIGGER users_later AFTER DELETE ON app.users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.* IS NOT NULL) EXECUTE FUNCTION app.log_change();
CREATE TRIGGER v_one_insert INSTEAD OF INSERT ON app.v_one FOR EACH ROW EXECUTE FUNCTION app.to_notes();
CREATE TRIGGER events_touch AFTER INSERT ON app.events FOR EACH ROW EXECUTE FUNCTION app.log_change();
CREATE TRIGGER notes_truncate BEFORE TRUNCATE ON app.notes EXECUTE FUNCTION app.log_change();
CREATE TRIGGER notes_replica BEFORE DELETE ON app.notes FOR EACH ROW EXECUTE FUNCTION app.log_change();
CREATE TRIGGER notes_always BEFORE DELETE ON app.notes FOR EACH ROW EXECUTE FUNCTION app.log_change();
ALTER TABLE app.users DISABLE TRIGGER users_log;
ALTER TABLE app.notes ENABLE REPLICA TRIGGER notes_replica, ENABLE ALWAYS TRIGGER notes_always;
ALTER TABLE app.events_2021 DISABLE TRIGGER events_touch;
CREATE FUNCTION app.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER rich_ddl ON ddl_command_end WHEN TAG IN ('CREATE OPERATOR CLASS', 'DROP OPERATOR CLASS') EXECUTE FUNCTION app.on_ddl();

-- Row security.
ALTER TABLE app.users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON app.users FOR SELECT TO snapshot_reader, "Odd Role" USING (kind IN ('a', 'b') AND age BETWEEN 1 AND 2 AND id IN (
    SELECT n.user_id FROM app.notes AS n WHERE n.editor_id = users.id AND n.title IN ('x', 'y')));
CREATE POLICY "Odd ""policy""" ON app.users AS RESTRICTIVE USING (name = CURRENT_USER) WITH CHECK (name <> ALL (ARRAY['root', 'admin']));
CREATE POLICY insert_only ON app.notes FOR INSERT WITH CHECK (EXISTS (SELECT 1 FROM app.users WHERE users.id = notes.user_id AND users.role IN ('admin', 'owner')));

-- Foreign data.
CREATE FOREIGN DATA WRAPPER rich_wrapper OPTIONS (debug 'true');
CREATE SERVER rich_server TYPE 'odd' VERSION '1.2' FOREIGN DATA WRAPPER rich_wrapper OPTIONS (host 'elsewhere', dbname 'x');
CREATE USER MAPPING FOR PUBLIC SERVER rich_server OPTIONS (user 'somebody', password 'hunter2-mapping');
CREATE FOREIGN TABLE app.far (id int OPTIONS (column_name 'ID') NOT NULL, name varchar(10) DEFAULT 'x' CHECK (name IN ('a', 'b'))) SERVER rich_server OPTIONS (table_name 'far %');

-- What is only reported.
COMMENT ON SCHEMA app IS 'The application''s schema';
COMMENT ON TABLE app.users IS 'Users, % and :x';
COMMENT ON COLUMN app.users.email IS 'Unique';
COMMENT ON CONSTRAINT users_kind ON app.users IS 'A constraint';
COMMENT ON CONSTRAINT is_positive ON DOMAIN app.positive IS 'A domain''s constraint';
COMMENT ON INDEX app.users_hash IS 'An index';
COMMENT ON INDEX app.users_pkey IS 'An index of a constraint';
COMMENT ON TYPE app.status IS 'A type';
COMMENT ON COLUMN app.point3.x IS 'An attribute';
COMMENT ON FUNCTION app.touch() IS 'A function';
COMMENT ON AGGREGATE app.total(numeric) IS 'An aggregate';
COMMENT ON OPERATOR app.=== (app.point3, app.point3) IS 'An operator';
COMMENT ON CAST (app.point3 AS text) IS 'A cast';
COMMENT ON TRIGGER users_touch ON app.users IS 'A trigger';
COMMENT ON RULE notes_log ON app.notes IS 'A rule';
COMMENT ON POLICY own_rows ON app.users IS 'A policy';
COMMENT ON VIEW app.v_one IS 'A view';
COMMENT ON MATERIALIZED VIEW app.m_users IS 'A materialized view';
COMMENT ON SEQUENCE app.free_sequence IS 'A sequence';
COMMENT ON STATISTICS app.users_statistics IS 'Statistics';
COMMENT ON EVENT TRIGGER rich_ddl IS 'An event trigger';
COMMENT ON SERVER rich_server IS 'A server';
COMMENT ON COLLATION app.binary_order IS 'A collation';
COMMENT ON TEXT SEARCH CONFIGURATION app.search IS 'A configuration';
GRANT USAGE ON SCHEMA app TO snapshot_reader;
GRANT SELECT, INSERT ON app.users TO snapshot_reader WITH GRANT OPTION;
GRANT UPDATE (name) ON app.users TO PUBLIC;
GRANT ALL ON FUNCTION app.touch() TO "Odd Role";
REVOKE ALL ON FUNCTION app.defaults FROM PUBLIC;
GRANT USAGE ON SEQUENCE app.free_sequence TO snapshot_reader;
GRANT USAGE ON TYPE app.status TO snapshot_reader;
GRANT USAGE ON FOREIGN SERVER rich_server TO snapshot_reader;
GRANT SELECT ON app.notes TO snapshot_reader;
REVOKE SELECT ON app.notes FROM snapshot_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO snapshot_reader;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER TABLE app.by_index OWNER TO "Odd Role";
ALTER SCHEMA audit OWNER TO "Odd Role";
CREATE PUBLICATION rich_columns FOR TABLE app.notes (id, title, seats) WHERE (id IN (1, 2) AND id BETWEEN 1 AND 2 AND seats > 0);
CREATE PUBLICATION rich_schema FOR TABLES IN SCHEMA audit WITH (publish = 'insert');
