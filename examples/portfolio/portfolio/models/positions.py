"""Positions, what they are called, and what happened to them."""

import enum
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, Numeric, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from portfolio.models.base import Base, JsonOrEmpty, Key, Money, Now, Price, Prose, Ratio, Timestamp, Words, labels


class PositionType(enum.Enum):
    LONG = "LONG"
    SHORT = "SHORT"
    LONG_CALL = "LC"
    LONG_PUT = "LP"
    SHORT_CALL = "SC"
    SHORT_PUT = "SP"


class InvestmentClass(enum.Enum):
    PUBLIC = "PUBLIC"
    OPTIONS = "OPTIONS"
    PRIVATE = "PRIVATE"


class EquityChangeType(enum.Enum):
    CONTRIBUTION = "contribution"
    WITHDRAWAL = "withdrawal"


class Position(Base):
    __tablename__ = "positions"

    id: Mapped[Key]
    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    symbol: Mapped[str] = mapped_column(String(32))
    position_type: Mapped[PositionType] = mapped_column(labels(PositionType, "position_type"))
    quantity: Mapped[Decimal] = mapped_column(Numeric(20, 8), comment="negative for what is held short")
    entry_price: Mapped[Price]
    entry_date: Mapped[date] = mapped_column()
    exit_price: Mapped[Price | None]
    exit_date: Mapped[date | None]
    last_price: Mapped[Price | None]
    strike_price: Mapped[Price | None]
    expiration_date: Mapped[date | None] = mapped_column(comment="infinity: perpetual")
    underlying_symbol: Mapped[str | None] = mapped_column(String(32))
    keywords: Mapped[Words]
    attributes: Mapped[JsonOrEmpty]
    notes: Mapped[Prose | None]
    created_at: Mapped[Now]
    updated_at: Mapped[Now]
    deleted_at: Mapped[Timestamp | None]
    investment_class: Mapped[InvestmentClass] = mapped_column(labels(InvestmentClass, "investment_class"))
    market_value: Mapped[Decimal | None] = mapped_column(Numeric, Computed("quantity * last_price", persisted=True))

    __table_args__ = (
        CheckConstraint("quantity <> 0", name="quantity"),
        CheckConstraint("exit_date >= entry_date", name="exit_after_entry"),
        CheckConstraint("investment_class <> 'OPTIONS' OR strike_price IS NOT NULL", name="option_has_strike"),
        Index("ix_positions_portfolio_id_symbol", "portfolio_id", "symbol"),
        Index("ix_positions_portfolio_id_open", "portfolio_id", postgresql_where=text("exit_date IS NULL")),
        Index("ix_positions_entry_date_desc", entry_date.desc()),
        Index(
            "ix_positions_attributes",
            "attributes",
            postgresql_using="gin",
            postgresql_ops={"attributes": "jsonb_path_ops"},
        ),
        Index("ix_positions_keywords", "keywords", postgresql_using="gin"),
        {"comment": "One holding of one portfolio, from its entry to its exit"},
    )


class Tag(Base):
    """Kept for old clients; TagV2 is what is used."""

    __tablename__ = "tags"
    __table_args__ = (UniqueConstraint("user_id", "name"), {"comment": "Superseded by tags_v2"})

    id: Mapped[Key]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(50))
    color: Mapped[str | None] = mapped_column(String(7))
    created_at: Mapped[Now]


class TagV2(Base):
    __tablename__ = "tags_v2"
    __table_args__ = (
        CheckConstraint("color ~ '^#[0-9A-Fa-f]{6}$'", name="color"),
        CheckConstraint("is_archived = (archived_at IS NOT NULL)", name="archived"),
        Index(
            "ix_tags_v2_user_id_name_active",
            "user_id",
            "name",
            unique=True,
            postgresql_where=text("NOT is_archived"),
        ),
    )

    id: Mapped[Key]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(50))
    color: Mapped[str] = mapped_column(String(7), server_default="#4A90E2")
    description: Mapped[Prose | None]
    display_order: Mapped[int] = mapped_column(server_default=text("0"))
    is_archived: Mapped[bool] = mapped_column(server_default=text("false"))
    archived_at: Mapped[Timestamp | None]
    archived_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[Now]
    updated_at: Mapped[Now]


class PositionTag(Base):
    __tablename__ = "position_tags"

    position_id: Mapped[UUID] = mapped_column(ForeignKey("positions.id", ondelete="CASCADE"), primary_key=True)
    tag_id: Mapped[UUID] = mapped_column(ForeignKey("tags_v2.id", ondelete="CASCADE"), primary_key=True, index=True)
    assigned_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    assigned_at: Mapped[Now]


class PortfolioTargetPrice(Base):
    __tablename__ = "portfolio_target_prices"
    __table_args__ = (
        UniqueConstraint("portfolio_id", "symbol"),
        CheckConstraint("target_price_eoy >= 0 AND downside_target_price >= 0", name="not_negative"),
    )

    id: Mapped[Key]
    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    position_id: Mapped[UUID | None] = mapped_column(ForeignKey("positions.id", ondelete="SET NULL"), index=True)
    symbol: Mapped[str] = mapped_column(String(32))
    target_price_eoy: Mapped[Price | None]
    target_price_next_year: Mapped[Price | None]
    downside_target_price: Mapped[Price | None]
    expected_return: Mapped[Ratio | None]
    analyst_notes: Mapped[Prose | None]
    data_source: Mapped[str | None] = mapped_column(String(50))
    created_at: Mapped[Now]
    updated_at: Mapped[Now]


class EquityChange(Base):
    __tablename__ = "equity_changes"

    id: Mapped[Key]
    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    change_type: Mapped[EquityChangeType] = mapped_column(labels(EquityChangeType, "equity_change_type"))
    amount: Mapped[Money]
    change_date: Mapped[date] = mapped_column()
    notes: Mapped[Prose | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[Now]
    deleted_at: Mapped[Timestamp | None]

    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        Index("ix_equity_changes_portfolio_id_change_date", portfolio_id, change_date.desc()),
    )


class PositionRealizedEvent(Base):
    __tablename__ = "position_realized_events"
    __table_args__ = (
        CheckConstraint("quantity_closed <> 0", name="quantity_closed"),
        Index("ix_position_realized_events_portfolio_id_trade_date", "portfolio_id", "trade_date"),
    )

    id: Mapped[Key]
    position_id: Mapped[UUID] = mapped_column(ForeignKey("positions.id", ondelete="CASCADE"), index=True)
    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    trade_date: Mapped[date]
    quantity_closed: Mapped[Decimal] = mapped_column(Numeric(20, 8))
    realized_pnl: Mapped[Money]
    notes: Mapped[Prose | None]
    created_at: Mapped[Now]
