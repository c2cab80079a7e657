"""What the application keeps about its own work: snapshots, exports, modeling sessions."""

import enum
from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from portfolio.models.base import Base, Json, JsonOrEmpty, Key, Money, Now, Ratio, Timestamp, labels


class ExportFormat(enum.Enum):
    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"
    PDF = "pdf"


class PortfolioSnapshot(Base):
    __tablename__ = "portfolio_snapshots"

    id: Mapped[Key]
    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    snapshot_date: Mapped[date] = mapped_column()
    total_value: Mapped[Money]
    cash_value: Mapped[Money]
    long_value: Mapped[Money]
    short_value: Mapped[Money] = mapped_column(comment="zero or negative")
    daily_pnl: Mapped[Money | None]
    daily_return: Mapped[Ratio | None]
    positions_count: Mapped[int]
    sector_exposure: Mapped[JsonOrEmpty]
    is_complete: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[Now]

    __table_args__ = (
        UniqueConstraint("portfolio_id", "snapshot_date"),
        CheckConstraint("short_value <= 0", name="short_value"),
        Index("ix_portfolio_snapshots_latest", portfolio_id, snapshot_date.desc()),
    )


class ExportHistory(Base):
    __tablename__ = "export_history"
    __table_args__ = (Index("ix_export_history_user_id_exported_at", "user_id", "exported_at"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    portfolio_id: Mapped[UUID | None] = mapped_column(ForeignKey("portfolios.id", ondelete="SET NULL"))
    export_format: Mapped[ExportFormat] = mapped_column(labels(ExportFormat, "export_format"))
    file_name: Mapped[str] = mapped_column(String(255))
    file_size: Mapped[int | None] = mapped_column(BigInteger)
    checksum: Mapped[bytes | None] = mapped_column(LargeBinary)
    parameters: Mapped[JsonOrEmpty]
    exported_at: Mapped[Now]
    expires_at: Mapped[Timestamp | None]


class ModelingSessionSnapshot(Base):
    __tablename__ = "modeling_session_snapshots"
    __table_args__ = (UniqueConstraint("session_id", "version"),)

    id: Mapped[Key]
    session_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str | None] = mapped_column(String(200))
    base_weights: Mapped[Json]
    modified_weights: Mapped[Json | None]
    created_at: Mapped[Now]
