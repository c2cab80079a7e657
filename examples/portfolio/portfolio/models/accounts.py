"""Who uses the application, and the portfolios that they keep."""

import enum
from datetime import date
from uuid import UUID

from sqlalchemy import CHAR, CheckConstraint, ForeignKey, Index, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from portfolio.models.base import Base, JsonOrEmpty, Key, Money, Now, Prose, Timestamp, labels


class AccountType(enum.Enum):
    TAXABLE = "taxable"
    IRA = "ira"
    ROTH_IRA = "roth ira"
    EMPLOYER_PLAN = "401k"
    TRUST = "trust"
    OTHER = "other"


class RiskTolerance(enum.Enum):
    CAUTIOUS = "cautious"
    BALANCED = "balanced"
    BOLD = "bold"


class User(Base):
    __tablename__ = "users"

    id: Mapped[Key]
    email: Mapped[str] = mapped_column(String(320), unique=True)
    full_name: Mapped[str | None] = mapped_column(String(200))
    hashed_password: Mapped[str] = mapped_column(String(255), comment="argon2id; never the password itself")
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    locale: Mapped[str] = mapped_column(String(10), server_default="en")
    settings: Mapped[JsonOrEmpty]
    invited_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    last_login_at: Mapped[Timestamp | None]
    created_at: Mapped[Now]
    updated_at: Mapped[Now]

    __table_args__ = (
        # The address is kept as typed; two that differ in case only are one user.
        Index("ix_users_email_lower", func.lower(email), unique=True),
        {"comment": "People who can sign in"},
    )


class Portfolio(Base):
    __tablename__ = "portfolios"

    id: Mapped[Key]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[Prose | None]
    account_type: Mapped[AccountType] = mapped_column(
        labels(AccountType, "account_type"), server_default=AccountType.TAXABLE.value
    )
    base_currency: Mapped[str] = mapped_column(CHAR(3), server_default="USD", comment="ISO 4217")
    cash_balance: Mapped[Money] = mapped_column(server_default=text("0"))
    equity_balance: Mapped[Money | None]
    benchmark: Mapped[str | None] = mapped_column(String(20))
    inception_date: Mapped[date | None]
    settings: Mapped[JsonOrEmpty]
    created_at: Mapped[Now]
    updated_at: Mapped[Now]
    deleted_at: Mapped[Timestamp | None]
    risk_tolerance: Mapped[RiskTolerance] = mapped_column(
        labels(RiskTolerance, "risk_tolerance"), server_default=RiskTolerance.BALANCED.value
    )

    __table_args__ = (
        CheckConstraint("base_currency ~ '^[A-Z]{3}$'", name="base_currency"),
        # A name is free again once its portfolio is deleted.
        Index(
            "ix_portfolios_user_id_name_live",
            "user_id",
            "name",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_portfolios_risk_tolerance", "risk_tolerance"),
        {"comment": "What one user holds in one account"},
    )
