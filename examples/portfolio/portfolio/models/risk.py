"""How positions and portfolios answer to the market: greeks, betas, factors, stress tests."""

import enum
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Numeric, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from portfolio.models.base import Base, Json, JsonOrEmpty, Key, Money, Now, Prose, Ratio, labels


class ScenarioSeverity(enum.Enum):
    BASE = "base"
    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"
    EXTREME = "extreme"


class FactorDefinition(Base):
    __tablename__ = "factor_definitions"
    __table_args__ = ({"comment": "Seeded by a revision; more may be added"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[Prose | None]
    factor_type: Mapped[str] = mapped_column(String(20), server_default="style")
    etf_proxy: Mapped[str | None] = mapped_column(String(10))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    display_order: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[Now]


class PositionGreeks(Base):
    __tablename__ = "position_greeks"
    __table_args__ = (UniqueConstraint("position_id", "calculation_date"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    position_id: Mapped[UUID] = mapped_column(ForeignKey("positions.id", ondelete="CASCADE"))
    calculation_date: Mapped[date]
    delta: Mapped[Ratio]
    gamma: Mapped[Ratio]
    theta: Mapped[Ratio]
    vega: Mapped[Ratio]
    rho: Mapped[Ratio | None]
    implied_volatility: Mapped[float | None] = mapped_column(comment="NaN: the model did not converge")
    created_at: Mapped[Now]


class PositionFactorExposure(Base):
    __tablename__ = "position_factor_exposures"

    id: Mapped[Key]
    position_id: Mapped[UUID] = mapped_column(ForeignKey("positions.id", ondelete="CASCADE"))
    factor_id: Mapped[int] = mapped_column(ForeignKey("factor_definitions.id", ondelete="RESTRICT"))
    calculation_date: Mapped[date] = mapped_column()
    exposure_value: Mapped[Ratio]
    quality_flag: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[Now]

    __table_args__ = (
        UniqueConstraint("position_id", "factor_id", "calculation_date"),
        Index("ix_position_factor_exposures_factor_id_latest", factor_id, calculation_date.desc()),
    )


class PositionMarketBeta(Base):
    __tablename__ = "position_market_betas"
    __table_args__ = (
        UniqueConstraint("position_id", "calculation_date", "market_index"),
        CheckConstraint("r_squared BETWEEN 0 AND 1", name="r_squared"),
    )

    id: Mapped[Key]
    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"), index=True)
    position_id: Mapped[UUID] = mapped_column(ForeignKey("positions.id", ondelete="CASCADE"))
    calculation_date: Mapped[date]
    market_index: Mapped[str] = mapped_column(String(10), server_default="SPY")
    beta: Mapped[Ratio]
    r_squared: Mapped[Ratio | None]
    observations: Mapped[int]
    created_at: Mapped[Now]


class PositionVolatility(Base):
    __tablename__ = "position_volatility"
    __table_args__ = (UniqueConstraint("position_id", "calculation_date"),)

    id: Mapped[Key]
    position_id: Mapped[UUID] = mapped_column(ForeignKey("positions.id", ondelete="CASCADE"))
    calculation_date: Mapped[date]
    realized_21d: Mapped[Ratio]
    realized_63d: Mapped[Ratio | None]
    expected_21d: Mapped[Ratio | None]
    trend: Mapped[str | None] = mapped_column(String(20))
    observations: Mapped[int]
    created_at: Mapped[Now]


class PositionInterestRateBeta(Base):
    __tablename__ = "position_interest_rate_betas"
    __table_args__ = (
        UniqueConstraint("position_id", "calculation_date", "maturity"),
        CheckConstraint("r_squared BETWEEN 0 AND 1", name="r_squared"),
    )

    id: Mapped[Key]
    position_id: Mapped[UUID] = mapped_column(ForeignKey("positions.id", ondelete="CASCADE"))
    calculation_date: Mapped[date]
    maturity: Mapped[str] = mapped_column(String(10), server_default="10y")
    rate_beta: Mapped[Ratio]
    r_squared: Mapped[Ratio | None]
    created_at: Mapped[Now]


class FactorExposure(Base):
    __tablename__ = "factor_exposures"
    __table_args__ = (UniqueConstraint("portfolio_id", "factor_id", "calculation_date"),)

    id: Mapped[Key]
    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    factor_id: Mapped[int] = mapped_column(ForeignKey("factor_definitions.id", ondelete="RESTRICT"), index=True)
    calculation_date: Mapped[date]
    exposure_value: Mapped[Ratio]
    exposure_dollar: Mapped[Money | None]
    created_at: Mapped[Now]


class FactorCorrelation(Base):
    __tablename__ = "factor_correlations"
    __table_args__ = (
        UniqueConstraint("factor_1_id", "factor_2_id", "calculation_date"),
        CheckConstraint("correlation BETWEEN -1 AND 1", name="correlation"),
    )

    id: Mapped[Key]
    factor_1_id: Mapped[int] = mapped_column(ForeignKey("factor_definitions.id", ondelete="RESTRICT"))
    factor_2_id: Mapped[int] = mapped_column(ForeignKey("factor_definitions.id", ondelete="RESTRICT"))
    calculation_date: Mapped[date]
    correlation: Mapped[Ratio]
    created_at: Mapped[Now]


class StressTestScenario(Base):
    __tablename__ = "stress_test_scenarios"

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(String(50), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[Prose | None]
    severity: Mapped[ScenarioSeverity] = mapped_column(labels(ScenarioSeverity, "scenario_severity"))
    shocks: Mapped[Json] = mapped_column(comment="factor code to relative change")
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[Now]
    updated_at: Mapped[Now]


class StressTestResult(Base):
    __tablename__ = "stress_test_results"
    __table_args__ = (
        UniqueConstraint("portfolio_id", "scenario_id", "calculation_date"),
        Index("ix_stress_test_results_factor_impacts", "factor_impacts", postgresql_using="gin"),
    )

    id: Mapped[Key]
    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    scenario_id: Mapped[UUID] = mapped_column(ForeignKey("stress_test_scenarios.id", ondelete="CASCADE"), index=True)
    calculation_date: Mapped[date]
    direct_pnl: Mapped[Money]
    correlated_pnl: Mapped[Money]
    factor_impacts: Mapped[JsonOrEmpty]
    created_at: Mapped[Now]


class MarketRiskScenario(Base):
    __tablename__ = "market_risk_scenarios"

    id: Mapped[Key]
    portfolio_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("portfolios.id", ondelete="CASCADE"), index=True, comment="empty: for every portfolio"
    )
    name: Mapped[str] = mapped_column(String(100))
    scenario_type: Mapped[str] = mapped_column(String(50))
    shock: Mapped[Decimal] = mapped_column(Numeric(10, 6))
    predicted_pnl: Mapped[Money | None]
    period_start: Mapped[date | None] = mapped_column(comment="historical scenarios may be very old")
    period_end: Mapped[date | None]
    calculation_date: Mapped[date]
    created_at: Mapped[Now]
