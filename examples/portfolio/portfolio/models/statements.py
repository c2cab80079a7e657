"""What companies report: one row a company, period and kind of statement."""

import enum
from datetime import date
from typing import Annotated

from sqlalchemy import CHAR, CheckConstraint, ForeignKey, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portfolio.models.base import Amount, Base, Json, Key, Now, labels


class ReportingPeriod(enum.Enum):
    ANNUAL = "annual"
    QUARTERLY = "quarterly"


# One type of the database, used by three tables.
REPORTING_PERIOD = labels(ReportingPeriod, "reporting_period")

Company = Annotated[str, mapped_column(String(32), ForeignKey("company_profiles.symbol", ondelete="CASCADE"))]
Quarter = Annotated[int, mapped_column(SmallInteger)]


class IncomeStatement(Base):
    __tablename__ = "income_statements"
    __table_args__ = (
        UniqueConstraint("symbol", "period_end", "period"),
        CheckConstraint("fiscal_quarter BETWEEN 1 AND 4", name="fiscal_quarter"),
    )

    id: Mapped[Key]
    symbol: Mapped[Company]
    period_end: Mapped[date]
    period: Mapped[ReportingPeriod] = mapped_column(REPORTING_PERIOD)
    fiscal_year: Mapped[int]
    fiscal_quarter: Mapped[Quarter | None] = mapped_column(comment="empty for a whole year")
    currency: Mapped[str] = mapped_column(CHAR(3), server_default="USD")
    revenue: Mapped[Amount | None]
    gross_profit: Mapped[Amount | None]
    operating_income: Mapped[Amount | None]
    net_income: Mapped[Amount | None]
    diluted_shares: Mapped[Amount | None]
    raw: Mapped[Json | None]
    created_at: Mapped[Now]


class BalanceSheet(Base):
    __tablename__ = "balance_sheets"
    __table_args__ = (
        UniqueConstraint("symbol", "period_end", "period"),
        CheckConstraint("fiscal_quarter BETWEEN 1 AND 4", name="fiscal_quarter"),
    )

    id: Mapped[Key]
    symbol: Mapped[Company]
    period_end: Mapped[date]
    period: Mapped[ReportingPeriod] = mapped_column(REPORTING_PERIOD)
    fiscal_year: Mapped[int]
    fiscal_quarter: Mapped[Quarter | None] = mapped_column(comment="empty for a whole year")
    currency: Mapped[str] = mapped_column(CHAR(3), server_default="USD")
    total_assets: Mapped[Amount | None]
    total_liabilities: Mapped[Amount | None]
    total_equity: Mapped[Amount | None]
    cash_and_equivalents: Mapped[Amount | None]
    long_term_debt: Mapped[Amount | None]
    created_at: Mapped[Now]


class CashFlow(Base):
    __tablename__ = "cash_flows"
    __table_args__ = (
        UniqueConstraint("symbol", "period_end", "period"),
        CheckConstraint("fiscal_quarter BETWEEN 1 AND 4", name="fiscal_quarter"),
    )

    id: Mapped[Key]
    symbol: Mapped[Company]
    period_end: Mapped[date]
    period: Mapped[ReportingPeriod] = mapped_column(REPORTING_PERIOD)
    fiscal_year: Mapped[int]
    fiscal_quarter: Mapped[Quarter | None] = mapped_column(comment="empty for a whole year")
    currency: Mapped[str] = mapped_column(CHAR(3), server_default="USD")
    operating: Mapped[Amount | None]
    investing: Mapped[Amount | None]
    financing: Mapped[Amount | None]
    capital_expenditure: Mapped[Amount | None]
    created_at: Mapped[Now]
