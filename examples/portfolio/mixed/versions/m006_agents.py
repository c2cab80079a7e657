"""agents that answer questions, and what they know and remember"""

import pgvector.sqlalchemy
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "m006"
down_revision = "m003"
branch_labels = None
depends_on = None


def pgvector_is_here() -> bool:
    """Developers may work on a server without pgvector; then documents are found by their words only."""
    connection = op.get_bind()
    if connection.scalar(sa.text("SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'")):
        op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    return bool(connection.scalar(sa.text("SELECT count(*) FROM pg_extension WHERE extname = 'vector'")))


def upgrade() -> None:
    op.create_table(
        "agent_conversations",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=True),
        sa.Column("mode", sa.String(length=50), server_default="green", nullable=False),
        sa.Column("metadata", JSONB(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("mode IN ('green', 'blue', 'indigo', 'violet')", name=op.f("ck_agent_conversations_mode")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_agent_conversations_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_conversations")),
    )
    op.create_index(
        "ix_agent_conversations_user_id_latest",
        "agent_conversations",
        ["user_id", sa.literal_column("updated_at DESC")],
    )
    op.create_table(
        "agent_messages",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("role", sa.Enum("system", "user", "assistant", "tool", name="message_role"), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("tool_calls", JSONB(), nullable=True),
        sa.Column("error", JSONB(), nullable=True),
        sa.Column("model", sa.String(length=100), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["agent_conversations.id"],
            name=op.f("fk_agent_messages_conversation_id_agent_conversations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_messages")),
        sa.UniqueConstraint("conversation_id", "sequence", name=op.f("uq_agent_messages_conversation_id_sequence")),
    )
    op.create_index(
        "ix_agent_messages_errors", "agent_messages", ["created_at"], postgresql_where=sa.text("error IS NOT NULL")
    )
    op.create_table(
        "ai_kb_documents",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("scope", sa.String(length=50), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("metadata", JSONB(), server_default="{}", nullable=False),
        *([sa.Column("embedding", pgvector.sqlalchemy.VECTOR(1536), nullable=True)] if pgvector_is_here() else []),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_kb_documents")),
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
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_ai_memories_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_memories")),
    )
    op.create_index(op.f("ix_ai_memories_scope"), "ai_memories", ["scope"])
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


def downgrade() -> None:
    op.drop_table("ai_feedback")
    op.drop_table("ai_memories")
    op.drop_table("ai_kb_documents")
    op.drop_table("agent_messages")
    op.drop_table("agent_conversations")
    op.execute("DROP TYPE message_role")
