"""What the agents know, remember and are told: at home in the ai database, which alone has pgvector."""

from uuid import UUID

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from portfolio.models.base import Base, JsonOrEmpty, Key, Now, Prose

DIMENSIONS = 1536


class AiKbDocument(Base):
    __tablename__ = "ai_kb_documents"
    __table_args__ = (
        Index(
            "ix_ai_kb_documents_embedding_hnsw",
            "embedding",
            postgresql_using="hnsw",
            postgresql_with={"m": 16, "ef_construction": 64},
            postgresql_ops={"embedding": "vector_cosine_ops"},
        ),
        Index("ix_ai_kb_documents_scope_global", "scope", postgresql_where=text("scope = 'global'")),
    )

    id: Mapped[Key]
    scope: Mapped[str] = mapped_column(String(100), index=True)
    title: Mapped[str] = mapped_column(String(500))
    content: Mapped[Prose]
    # "metadata" is taken by SQLAlchemy; the column keeps its name.
    metadata_: Mapped[JsonOrEmpty] = mapped_column("metadata")
    embedding: Mapped[list[float] | None] = mapped_column(VECTOR(DIMENSIONS))
    created_at: Mapped[Now]
    updated_at: Mapped[Now]


class AiMemory(Base):
    __tablename__ = "ai_memories"

    id: Mapped[Key]
    # users live in another database: a soft reference, see databases.py.
    user_id: Mapped[UUID | None] = mapped_column(index=True)
    tenant_id: Mapped[UUID | None] = mapped_column(index=True)
    scope: Mapped[str] = mapped_column(String(20), index=True)
    content: Mapped[Prose]
    tags: Mapped[JsonOrEmpty]
    created_at: Mapped[Now]


class AiFeedback(Base):
    __tablename__ = "ai_feedback"

    id: Mapped[Key]
    # agent_messages live in another database: a soft reference, see databases.py.
    message_id: Mapped[UUID] = mapped_column(index=True)
    rating: Mapped[str] = mapped_column(String(10), index=True)
    edited_text: Mapped[Prose | None]
    comment: Mapped[Prose | None]
    created_at: Mapped[Now]
