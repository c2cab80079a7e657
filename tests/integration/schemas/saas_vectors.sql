-- What the same application keeps to be found by meaning, in a database of its own.
CREATE TABLE collections (id uuid PRIMARY KEY, name varchar NOT NULL UNIQUE, more json);
CREATE TABLE chunks (
    id varchar PRIMARY KEY, collection_id uuid REFERENCES collections ON DELETE CASCADE, embedding vector,
    document varchar, more jsonb);
CREATE INDEX ix_chunks_more ON chunks USING gin (more jsonb_path_ops);
CREATE TABLE embeddings (
    id bigserial PRIMARY KEY, organization_id text NOT NULL, user_id uuid, content text NOT NULL, embedding vector(4),
    model varchar(100) DEFAULT 'small', updated_at timestamptz DEFAULT now());
CREATE INDEX ON embeddings USING hnsw (embedding vector_cosine_ops) WITH (m = 8, ef_construction = 32);
CREATE TRIGGER updated BEFORE UPDATE ON embeddings FOR EACH ROW EXECUTE FUNCTION set_updated_at();
INSERT INTO collections VALUES (md5('c')::uuid, 'docs', '{"a": 1}');
INSERT INTO chunks
    SELECT 'e' || i, md5('c')::uuid, ARRAY[i, 1, 2]::vector, 'text', '{"k": 1}' FROM generate_series(1, 100) AS i;
INSERT INTO embeddings (organization_id, user_id, content, embedding)
    SELECT md5('o' || 1 + i % 20)::uuid, md5('u' || i)::uuid, 'text', ARRAY[i, 1, 2, 3]::vector
    FROM generate_series(1, 60) AS i;
INSERT INTO embeddings (organization_id, user_id, content)
    SELECT md5('o1')::uuid, md5('nobody' || i)::uuid, 'lost' FROM generate_series(1, 3) AS i;
