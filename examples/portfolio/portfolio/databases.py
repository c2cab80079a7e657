"""Which databases there are, and which tables are at home in each."""

from alembic_multidb import Database, Databases, SoftReference
from portfolio.models import Base

databases = Databases(
    Database("core", metadata=Base.metadata, url="env:DATABASE_URL", default=True),
    Database(
        "ai",
        metadata=Base.metadata,
        url="env:AI_DATABASE_URL",
        tables=["ai_kb_documents", "ai_memories", "ai_feedback"],
        extensions={"vector": ">=0.7"},
        soft_references=[
            SoftReference("ai_memories.user_id", "users.id", ondelete="CASCADE"),
            "ai_feedback.message_id -> agent_messages.id",
        ],
    ),
)
