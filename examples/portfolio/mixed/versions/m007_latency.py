"""how long answers take, and finding documents by meaning"""

from alembic import op

revision = "m007"
down_revision = "m006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE agent_messages
            ADD COLUMN latency_ms integer CONSTRAINT ck_agent_messages_latency_ms CHECK (latency_ms >= 0)
        """
    )
    op.execute("CREATE INDEX ix_ai_memories_tenant_id ON ai_memories (tenant_id)")
    op.execute("CREATE INDEX ix_ai_feedback_rating ON ai_feedback (rating)")
    op.execute(
        """
        DO $$
        BEGIN
            IF EXISTS (
                SELECT FROM pg_attribute WHERE attrelid = 'ai_kb_documents'::regclass AND attname = 'embedding'
            ) THEN
                CREATE INDEX ix_ai_kb_documents_embedding_hnsw ON ai_kb_documents
                    USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64);
            END IF;
        END
        $$
        """
    )


def downgrade() -> None:
    op.execute("DROP INDEX IF EXISTS ix_ai_kb_documents_embedding_hnsw")
    op.execute("DROP INDEX ix_ai_feedback_rating")
    op.execute("DROP INDEX ix_ai_memories_tenant_id")
    op.execute("ALTER TABLE agent_messages DROP COLUMN latency_ms")
