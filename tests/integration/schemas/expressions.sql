-- Expressions and queries that several versions, or a dump, write differently. PostgreSQL 15 and later.
CREATE SCHEMA expressions;
CREATE TABLE expressions.t (id int primary key, a int, b int, v varchar(10), w text, ts timestamptz, arr int[], j jsonb, n numeric, c char(2), "json" text, "Order" int, d date, i interval, big bigint, r real, dp float8, bl boolean);
CREATE TABLE expressions.u (id int references expressions.t, "json" int, v varchar, k text);
CREATE DOMAIN expressions.ints AS int[];
CREATE DOMAIN expressions.vc AS varchar;
CREATE TABLE expressions.d (x expressions.vc, y expressions.vc[], z varchar[] );
ALTER TABLE expressions.d ADD CHECK (x IN ('a','b')), ADD CHECK (y && ARRAY['a','b']::expressions.vc[]), ADD CHECK (z <@ ARRAY['a','b']::varchar[]), ADD CHECK (z = ARRAY['a']::varchar[]), ADD CHECK ('a' = ANY (z)), ADD CHECK (ARRAY[1,2]::expressions.ints IS NOT NULL), ADD CHECK (x = ANY (ARRAY['a','b']::varchar(3)[])), ADD CHECK (x = ANY ('{a,b}')), ADD CHECK (x NOT IN ('a', 'b', x || 'c'));
ALTER TABLE expressions.t ADD CHECK (v || 'x' IN ('a','b')), ADD CHECK (n IN (1, 2.5, -3)), ADD CHECK (n > -1 AND n < 1.5e3), ADD CHECK (r IN (1.5, -2)), ADD CHECK (dp BETWEEN -1 AND 1 AND dp <> 0),
  ADD CHECK (ts > '2020-01-01' AND d BETWEEN '2020-01-01' AND '2021-01-01' AND bl), ADD CHECK (i > '-1 day' OR i = interval '1' month), ADD CHECK (a & 1 = 0 AND a # 3 > - b), ADD CHECK (-a > - 3 AND - (a + 1) < -(-(2))),
  ADD CHECK (bl IS TRUE AND NOT bl IS UNKNOWN AND (bl = (a > 1)) AND bl IS NOT FALSE), ADD CHECK ((a = 1) = (b = 2) AND (a > 1) IS DISTINCT FROM (b > 1)), ADD CHECK (NOT (NOT (a > 1 AND b > 1))), ADD CHECK (v::char(2) = 'ab' AND c::varchar = 'x' AND c IN ('a','b') AND v > 'a'),
  ADD CHECK (CASE WHEN a BETWEEN 1 AND 2 AND bl THEN b BETWEEN 3 AND 4 AND bl ELSE v IN ('x','y') END), ADD CHECK (coalesce(a, b) BETWEEN 1 AND 2 AND least(a, b, 3) IN (1, 2)), ADD CHECK (arr[1] = 1 AND arr[1:2] = ARRAY[1,2] AND 1 = ALL (arr) AND array_length(arr, 1) BETWEEN 1 AND 5 AND bl),
  ADD CHECK (w ~ '^a\d+$' AND w NOT LIKE 'x\_%' AND w SIMILAR TO '(a|b)%' AND length(trim(w)) > 0), ADD CHECK (j ? 'a' AND j ->> 'b' IN ('x', 'y') AND (j -> 'n')::int BETWEEN 1 AND 5 AND bl AND jsonb_typeof(j) = 'object'), ADD CHECK (v::text = ANY (ARRAY['a'::text, 'b'])), ADD CHECK (v = ANY (ARRAY['a'::varchar, 'b'::varchar]::text[])),
  ADD CHECK (big IN (1, 2) AND big = ANY (ARRAY[1, 2]) AND a::bigint IN (1, 30000000000)), ADD CHECK (("json" IN ('a','b')) AND "Order" BETWEEN 1 AND 2 AND a > 1), ADD CHECK (ROW(a, b) IN (ROW(1, 2), ROW(3, 4)) AND bl), ADD CHECK ((a, b) BETWEEN (1, 2) AND (3, 4) AND bl), ADD CHECK ((a IS NULL) <> (b IS NULL) AND num_nonnulls(a, b) = 1 AND bl), ADD CHECK (extract(year FROM d) > 2000 AND date_trunc('day', ts) = ts AND ts AT TIME ZONE 'UTC' > '2020-01-01'),
  ADD CHECK (a % 2 = 0 AND a ^ 2 > 4 AND |/ a > 1 AND @ a < 5 AND ~a <> 1), ADD CHECK (+a > +1 AND a = +5), ADD CHECK (a - -1 > 0 AND a - (-1) > 0 AND a * -1::int < 5 AND 2 ^ -1::int > 0 AND -2 ^ 2 > 1), ADD CHECK (-2147483648 < a AND -2147483649 < a AND - 9223372036854775808 < a AND -1.0 < a AND -.5 < a AND -1e3 < a AND -'1.5'::numeric < a AND -1.5::real < r AND -1::smallint < a AND -1::numeric < n AND -1.50::numeric(4,1) < n);
CREATE VIEW expressions.v1 AS SELECT a AS b, b AS a FROM expressions.t ORDER BY t.a, t.b;
CREATE VIEW expressions.v2 AS SELECT "json", "Order" AS "select", id AS "user" FROM expressions.t WHERE "json" IN ('a', 'b');
CREATE VIEW expressions.v3 AS SELECT t.id, (SELECT count(*) FROM expressions.u WHERE u.id = t.id AND u.v IN ('a','b') AND EXISTS (SELECT 1 FROM expressions.t AS t2 WHERE t2.id = u.id AND t2.a = t.a)) AS n FROM expressions.t;
CREATE VIEW expressions.v4 AS SELECT t.id FROM expressions.t AS t (id, x) WHERE x > 1 ORDER BY x;
CREATE VIEW expressions.v5 AS SELECT sub.* FROM (SELECT id, a FROM expressions.t UNION SELECT id, 1 FROM expressions.u) AS sub WHERE a BETWEEN 1 AND 2 AND id > 1;
CREATE VIEW expressions.v6 AS SELECT id, sum(a) OVER w AS s, sum(b) OVER (PARTITION BY v ORDER BY id) FROM expressions.t WINDOW w AS (PARTITION BY b ORDER BY a ROWS 2 PRECEDING) ORDER BY sum(a) OVER w;
CREATE VIEW expressions.v7 AS SELECT v, count(*) AS c FROM expressions.t GROUP BY v HAVING count(*) > 1 AND max(a) BETWEEN 1 AND 2 AND min(a) > 0 ORDER BY count(*) DESC, v LIMIT 5;
CREATE VIEW expressions.v8 AS SELECT a + 1 AS x, count(*) FROM expressions.t GROUP BY a + 1 ORDER BY a + 1;
CREATE VIEW expressions.v9 AS SELECT x, count(*) FROM (SELECT a + 1 AS x FROM expressions.t) q GROUP BY x HAVING x > 1;
CREATE VIEW expressions.v10 AS SELECT t.*, u.k FROM expressions.t LEFT JOIN expressions.u ON u.id = t.id AND (u.v IN ('a') OR u.v BETWEEN 'b' AND 'c') WHERE u.k IS NULL OR u.k = 'x' OR t.a BETWEEN 1 AND 2;
CREATE VIEW expressions.v11 AS SELECT * FROM expressions.t JOIN (SELECT id, k FROM expressions.u) AS u2 USING (id);
CREATE VIEW expressions.v12 AS TABLE expressions.u;
CREATE VIEW expressions.v13 AS (SELECT id FROM expressions.t INTERSECT ALL SELECT id FROM expressions.u) UNION (SELECT 5 EXCEPT SELECT 6) ORDER BY 1;
CREATE VIEW expressions.v14 AS WITH x AS (SELECT * FROM expressions.t WHERE v IN ('a','b')), y AS (SELECT id FROM x WHERE a BETWEEN 1 AND 2 AND b > 1) SELECT * FROM y;
CREATE VIEW expressions.v15 AS SELECT (t).id, (t.*) IS NULL AS isnull, row_to_json(t) AS js, t::text AS txt FROM expressions.t;
CREATE VIEW expressions.v16 AS SELECT id, rank FROM (SELECT id, rank() OVER (ORDER BY a) AS rank FROM expressions.t) AS r WHERE rank <= 3 AND rank BETWEEN 1 AND 2;
CREATE VIEW expressions.v17 AS SELECT x.a, x.b FROM json_to_recordset('[{"a":1}]') AS x (a int, b varchar(5)) WHERE x.b IN ('a', 'b');
CREATE VIEW expressions.v18 AS SELECT generate_series(1, 3) AS g, unnest(arr) AS u, id FROM expressions.t ORDER BY g;
CREATE VIEW expressions.v19 AS SELECT DISTINCT v FROM expressions.t ORDER BY v;
CREATE VIEW expressions.v20 AS SELECT count(*) FILTER (WHERE v IN ('a','b')) AS x, array_agg(DISTINCT v ORDER BY v) AS y, jsonb_object_agg(id, v) AS z, mode() WITHIN GROUP (ORDER BY v) AS m FROM expressions.t;
CREATE VIEW expressions.v21 AS SELECT t.id FROM expressions.t, LATERAL (SELECT 1 AS one WHERE t.v IN ('a', 'b')) AS l;
CREATE VIEW expressions.v22 AS SELECT id FROM expressions.t WHERE (a, b) = (SELECT 1, 2) OR (a, b) = ANY (SELECT id, 1 FROM expressions.u) OR a > ALL (SELECT id FROM expressions.u) OR id = ANY (ARRAY(SELECT id FROM expressions.u));
CREATE VIEW expressions.v23 AS SELECT current_date AS a, now() - interval '1 day' AS b, '1 day 02:00'::interval * 2 AS c, '2020-01-01 10:00+01'::timestamptz AS d, time '10:00' AS e, timestamp(3) '2020-01-01 10:00' AS f;
CREATE VIEW expressions.v24 AS SELECT m.id, o.id AS id2 FROM expressions.t m JOIN (expressions.u o JOIN expressions.t p ON o.id = p.id AND p.v IN ('a','b')) ON m.id = o.id;
CREATE FUNCTION expressions.f(a int, b text) RETURNS SETOF expressions.t LANGUAGE sql STABLE BEGIN ATOMIC SELECT * FROM expressions.t WHERE t.a = f.a AND t.v IN ('a', 'b') ORDER BY t.id; END;
CREATE FUNCTION expressions.g() RETURNS int LANGUAGE sql BEGIN ATOMIC INSERT INTO expressions.u (id, v) SELECT id, v FROM expressions.t WHERE v IN ('a', 'b') AND a BETWEEN 1 AND 2 AND b > 0 RETURNING id; END;
CREATE FUNCTION expressions.merge() RETURNS void LANGUAGE sql AS $$ MERGE INTO expressions.u USING expressions.t ON u.id = t.id WHEN MATCHED THEN DELETE $$;
CREATE RULE r1 AS ON INSERT TO expressions.u WHERE NEW.v IN ('a', 'b') AND NEW.id BETWEEN 1 AND 2 AND NEW.k = 'x' DO INSTEAD UPDATE expressions.t SET v = NEW.v, (a, b) = (SELECT 1, 2) FROM expressions.u AS o WHERE o.id = t.id AND o.v IN ('x', 'y');
CREATE TABLE expressions.gen (a int, b varchar, c boolean GENERATED ALWAYS AS (a BETWEEN 1 AND 2 AND a > 1) STORED, d boolean GENERATED ALWAYS AS (b IN ('a','b')) STORED, e int GENERATED ALWAYS AS (a * -1::int) STORED, f text GENERATED ALWAYS AS (CASE WHEN b IN ('x', 'y') THEN 'p' ELSE 'q' END) STORED);
CREATE TABLE expressions.part (a varchar(3), b date) PARTITION BY LIST (a);
CREATE TABLE expressions.part_x PARTITION OF expressions.part FOR VALUES IN ('b', 'a') PARTITION BY RANGE (b);
CREATE TABLE expressions.part_x1 PARTITION OF expressions.part_x (CHECK (a IN ('a', 'b')), UNIQUE (a)) FOR VALUES FROM (MINVALUE) TO ('2020-01-01');
CREATE TABLE expressions.neg (a int) PARTITION BY RANGE (a);
CREATE TABLE expressions.neg1 PARTITION OF expressions.neg FOR VALUES FROM (-5) TO (-1);
CREATE TABLE expressions.flt (a numeric) PARTITION BY LIST (a);
CREATE TABLE expressions.flt1 PARTITION OF expressions.flt FOR VALUES IN (-1.5, 2, NULL);
CREATE TABLE expressions.like_all (LIKE expressions.t INCLUDING ALL);
CREATE UNIQUE INDEX uq ON expressions.t (a) ; ALTER TABLE expressions.t ADD CONSTRAINT renamed_uq UNIQUE USING INDEX uq;
CREATE TABLE expressions.nn (a int NOT NULL, b int NOT NULL, PRIMARY KEY (a)); CREATE TABLE expressions.nn_child (c int) INHERITS (expressions.nn);
CREATE TABLE expressions.late (id int, x int); CREATE TABLE expressions.late_child (y int) INHERITS (expressions.late); ALTER TABLE expressions.late ADD PRIMARY KEY (id); ALTER TABLE expressions.late ALTER x SET NOT NULL;
