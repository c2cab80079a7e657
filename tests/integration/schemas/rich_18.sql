-- What only PostgreSQL 18 has.
CREATE SCHEMA new;
CREATE TABLE new.named (id int CONSTRAINT named_id NOT NULL, a int CONSTRAINT named_a NOT NULL NO INHERIT, b int,
                        twice int GENERATED ALWAYS AS (a * -1::int) VIRTUAL, CONSTRAINT loose CHECK (b > 0) NOT ENFORCED);
ALTER TABLE new.named ADD CONSTRAINT named_b NOT NULL b NOT VALID;
CREATE TABLE new.named_child (c int) INHERITS (new.named);
CREATE TABLE new.period (id int4range, during daterange, CONSTRAINT period_pkey PRIMARY KEY (id, during WITHOUT OVERLAPS));
CREATE TABLE new.period_note (id int4range, during daterange, FOREIGN KEY (id, PERIOD during) REFERENCES new.period (id, PERIOD during));
CREATE TABLE new.loose_note (id int PRIMARY KEY, other int REFERENCES new.loose_note NOT ENFORCED);
CREATE VIEW new.v_json AS SELECT j.a, json_object('x' : 1 ABSENT ON NULL) AS o, json_value('{}', '$.a' RETURNING int DEFAULT -1::int ON EMPTY) AS v
    FROM JSON_TABLE('[1]'::jsonb, '$[*]' COLUMNS (a int PATH '$' DEFAULT 0 ON EMPTY)) AS j WHERE a > 0 OR '{}' IS JSON;
CREATE COLLATION new.builtin (provider = builtin, locale = 'C.UTF-8');
COMMENT ON CONSTRAINT named_id ON new.named IS 'Not null';
