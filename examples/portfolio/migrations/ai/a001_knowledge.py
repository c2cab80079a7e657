"""what the agents know, remember and are told, as the mixed database had it"""

import pgvector.sqlalchemy
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "a001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ai_kb_documents",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("scope", sa.String(length=100), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("metadata", JSONB(), server_default="{}", nullable=False),
        sa.Column("embedding", pgvector.sqlalchemy.VECTOR(1536), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_kb_documents")),
    )
    op.create_index(
        "ix_ai_kb_documents_embedding_hnsw",
        "ai_kb_documents",
        ["embedding"],
        postgresql_using="hnsw",
        postgresql_with={"m": 16, "ef_construction": 64},
        postgresql_ops={"embedding": "vector_cosine_ops"},
    )
    op.create_index(op.f("ix_ai_kb_documents_scope"), "ai_kb_documents", ["scope"])
    op.create_table(
        "ai_memories",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=True),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("tags", JSONB(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_memories")),
    )
    op.create_index(op.f("ix_ai_memories_scope"), "ai_memories", ["scope"])
    op.create_index(op.f("ix_ai_memories_tenant_id"), "ai_memories", ["tenant_id"])
    op.create_index(op.f("ix_ai_memories_user_id"), "ai_memories", ["user_id"])
    op.create_table(
        "ai_feedback",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("rating", sa.String(length=10), nullable=False),
        sa.Column("edited_text", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_feedback")),
    )
    op.create_index(op.f("ix_ai_feedback_message_id"), "ai_feedback", ["message_id"])
    op.create_index(op.f("ix_ai_feedback_rating"), "ai_feedback", ["rating"])


def downgrade() -> None:
    op.drop_table("ai_feedback")
    op.drop_table("ai_memories")
    op.drop_table("ai_kb_documents")
