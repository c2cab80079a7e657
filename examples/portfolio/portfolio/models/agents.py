"""Conversations with the agents."""

import enum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portfolio.models.base import Base, Json, JsonOrEmpty, Key, Now, Prose, Ratio, labels


class MessageRole(enum.Enum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class AgentConversation(Base):
    __tablename__ = "agent_conversations"

    id: Mapped[Key]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str | None] = mapped_column(String(200))
    mode: Mapped[str] = mapped_column(String(50), server_default="green")
    # "metadata" is taken by SQLAlchemy; the column keeps its name.
    metadata_: Mapped[JsonOrEmpty] = mapped_column("metadata")
    created_at: Mapped[Now]
    updated_at: Mapped[Now] = mapped_column()

    __table_args__ = (
        CheckConstraint("mode IN ('green', 'blue', 'indigo', 'violet')", name="mode"),
        Index("ix_agent_conversations_user_id_latest", user_id, updated_at.desc()),
    )


class AgentMessage(Base):
    __tablename__ = "agent_messages"
    __table_args__ = (
        UniqueConstraint("conversation_id", "sequence"),
        CheckConstraint("latency_ms >= 0", name="latency_ms"),
        Index("ix_agent_messages_errors", "created_at", postgresql_where=text("error IS NOT NULL")),
    )

    id: Mapped[Key]
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("agent_conversations.id", ondelete="CASCADE"))
    sequence: Mapped[int]
    role: Mapped[MessageRole] = mapped_column(labels(MessageRole, "message_role"))
    content: Mapped[Prose]
    tool_calls: Mapped[list[dict[str, object]] | None] = mapped_column(JSONB)
    error: Mapped[Json | None]
    model: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[Now]
    latency_ms: Mapped[int | None]
    cost: Mapped[Ratio | None] = mapped_column(comment="in US dollars, as billed")
