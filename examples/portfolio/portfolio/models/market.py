"""Prices, companies, benchmarks and funds: the same for everybody."""

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portfolio.models.base import Amount, Base, Json, Key, Now, Price, Prose, Ratio, Words


class MarketData(Base):
    __tablename__ = "market_data_cache"
    __table_args__ = (
        CheckConstraint("high >= low", name="high_and_low"),
        Index("ix_market_data_cache_price_date", "price_date"),
        {"comment": "Daily prices, kept so that the provider is asked once"},
    )

    symbol: Mapped[str] = mapped_column(String(32), primary_key=True)
    price_date: Mapped[date] = mapped_column(primary_key=True)
    open: Mapped[Price | None]
    high: Mapped[Price | None]
    low: Mapped[Price | None]
    close: Mapped[Price]
    volume: Mapped[int | None] = mapped_column(BigInteger)
    data_source: Mapped[str] = mapped_column(String(50))
    updated_at: Mapped[Now]


class CompanyProfile(Base):
    __tablename__ = "company_profiles"
    __table_args__ = (
        Index("ix_company_profiles_sector_industry", "sector", "industry"),
        Index("ix_company_profiles_peers", "peers", postgresql_using="gin"),
    )

    symbol: Mapped[str] = mapped_column(String(32), primary_key=True)
    company_name: Mapped[str] = mapped_column(String(300))
    sector: Mapped[str | None] = mapped_column(String(100))
    industry: Mapped[str | None] = mapped_column(String(100))
    country: Mapped[str | None] = mapped_column(String(100))
    website: Mapped[str | None] = mapped_column(String(500))
    description: Mapped[Prose | None]
    employees: Mapped[int | None]
    market_cap: Mapped[Amount | None]
    pe_ratio: Mapped[float | None] = mapped_column(comment="infinite where there are no earnings")
    founded_on: Mapped[date | None]
    officers: Mapped[list[dict[str, str]]] = mapped_column(JSONB, server_default=text("'[]'"))
    peers: Mapped[Words]
    is_fund: Mapped[bool] = mapped_column(server_default=text("false"))
    updated_at: Mapped[Now]


class BenchmarkSectorWeight(Base):
    __tablename__ = "benchmarks_sector_weights"
    __table_args__ = (
        UniqueConstraint("benchmark", "as_of", "sector"),
        CheckConstraint("weight BETWEEN 0 AND 1", name="weight"),
    )

    id: Mapped[Key]
    benchmark: Mapped[str] = mapped_column(String(32))
    as_of: Mapped[date]
    sector: Mapped[str] = mapped_column(String(100))
    weight: Mapped[Ratio]
    market_cap: Mapped[Amount | None]
    stock_count: Mapped[int | None] = mapped_column(SmallInteger)
    created_at: Mapped[Now]


class FundHolding(Base):
    __tablename__ = "fund_holdings"

    fund_symbol: Mapped[str] = mapped_column(
        ForeignKey("company_profiles.symbol", ondelete="CASCADE"), primary_key=True
    )
    holding_symbol: Mapped[str] = mapped_column(String(32), primary_key=True, index=True)
    as_of: Mapped[date] = mapped_column(primary_key=True)
    weight: Mapped[Ratio]
    shares: Mapped[Amount | None]
    import_id: Mapped[UUID | None]
    raw: Mapped[Json | None]
