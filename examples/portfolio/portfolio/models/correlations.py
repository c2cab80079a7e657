"""What moves together."""

from datetime import date
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portfolio.models.base import Base, Key, Money, Now, Ratio


class CorrelationCalculation(Base):
    __tablename__ = "correlation_calculations"
    __table_args__ = (
        UniqueConstraint("portfolio_id", "duration_days", "calculation_date"),
        CheckConstraint("duration_days > 0", name="duration_days"),
    )

    id: Mapped[Key]
    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    duration_days: Mapped[int]
    calculation_date: Mapped[date]
    overall_correlation: Mapped[Ratio]
    concentration_score: Mapped[Ratio | None]
    effective_positions: Mapped[Ratio | None]
    data_quality: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[Now]


class PairwiseCorrelation(Base):
    __tablename__ = "pairwise_correlations"
    __table_args__ = (CheckConstraint("correlation BETWEEN -1 AND 1", name="correlation"),)

    calculation_id: Mapped[UUID] = mapped_column(
        ForeignKey("correlation_calculations.id", ondelete="CASCADE"), primary_key=True
    )
    symbol_1: Mapped[str] = mapped_column(String(32), primary_key=True)
    symbol_2: Mapped[str] = mapped_column(String(32), primary_key=True)
    correlation: Mapped[Ratio]
    data_points: Mapped[int]
    p_value: Mapped[float | None]


class CorrelationCluster(Base):
    __tablename__ = "correlation_clusters"
    __table_args__ = (UniqueConstraint("calculation_id", "cluster_number"),)

    id: Mapped[Key]
    calculation_id: Mapped[UUID] = mapped_column(ForeignKey("correlation_calculations.id", ondelete="CASCADE"))
    cluster_number: Mapped[int]
    nickname: Mapped[str] = mapped_column(String(100))
    avg_correlation: Mapped[Ratio]
    total_value: Mapped[Money]
    created_at: Mapped[Now]


class CorrelationClusterPosition(Base):
    __tablename__ = "correlation_cluster_positions"

    cluster_id: Mapped[UUID] = mapped_column(
        ForeignKey("correlation_clusters.id", ondelete="CASCADE"), primary_key=True
    )
    position_id: Mapped[UUID] = mapped_column(
        ForeignKey("positions.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    symbol: Mapped[str] = mapped_column(String(32))
    value: Mapped[Money]
    correlation_to_cluster: Mapped[Ratio | None]
