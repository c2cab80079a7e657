"""Which databases there are, and which tables are at home in each."""

from alembic_multidb import Database, Databases, SoftReference
from notes.models import Base

databases = Databases(
    Database("core", metadata=Base.metadata, url="env:DATABASE_URL", default=True),
    Database(
        "ai",
        metadata=Base.metadata,
        url="env:AI_DATABASE_URL",
        tables=["ai_documents", "ai_memories"],
        extensions={"vector": ">=0.5"},
        soft_references=[SoftReference("ai_memories.user_id", "users.id", ondelete="CASCADE")],
    ),
)
