-- Columns and indexes of pgvector.
CREATE SCHEMA extensions;
CREATE EXTENSION vector SCHEMA extensions;
CREATE TABLE app.vectors (id int PRIMARY KEY, v extensions.vector(3) NOT NULL DEFAULT '[1,2,3]', h extensions.halfvec(4), s extensions.sparsevec(10), b bit(8),
                          CHECK (extensions.vector_dims(v) BETWEEN 1 AND 3 AND extensions.vector_norm(v) > 0));
CREATE INDEX vectors_hnsw ON app.vectors USING hnsw (v extensions.vector_cosine_ops) WITH (m = 8, ef_construction = 32);
CREATE INDEX vectors_ivfflat ON app.vectors USING ivfflat (v extensions.vector_l2_ops) WITH (lists = 1);
CREATE INDEX vectors_cast ON app.vectors USING hnsw ((v::extensions.halfvec(3)) extensions.halfvec_ip_ops) WHERE id IN (1, 2);
CREATE VIEW app.v_vectors AS SELECT id, v OPERATOR(extensions.<->) '[0,0,0]' AS distance, extensions.avg(v) OVER () FROM app.vectors ORDER BY 2;
