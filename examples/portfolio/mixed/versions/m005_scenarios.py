"""correlations and stress tests"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "m005"
down_revision = "m004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "correlation_calculations",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("portfolio_id", sa.Uuid(), nullable=False),
        sa.Column("duration_days", sa.Integer(), nullable=False),
        sa.Column("calculation_date", sa.Date(), nullable=False),
        sa.Column("overall_correlation", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("concentration_score", sa.Numeric(precision=12, scale=6), nullable=True),
        sa.Column("effective_positions", sa.Numeric(precision=12, scale=6), nullable=True),
        sa.Column("data_quality", sa.String(length=20), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("duration_days > 0", name=op.f("ck_correlation_calculations_duration_days")),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_correlation_calculations_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correlation_calculations")),
        sa.UniqueConstraint(
            "portfolio_id",
            "duration_days",
            "calculation_date",
            name=op.f("uq_correlation_calculations_portfolio_id_duration_days_calculation_date"),
        ),
    )
    op.create_table(
        "pairwise_correlations",
        sa.Column("calculation_id", sa.Uuid(), nullable=False),
        sa.Column("symbol_1", sa.String(length=32), nullable=False),
        sa.Column("symbol_2", sa.String(length=32), nullable=False),
        sa.Column("correlation", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("data_points", sa.Integer(), nullable=False),
        sa.Column("p_value", sa.Double(), nullable=True),
        sa.CheckConstraint("correlation BETWEEN -1 AND 1", name=op.f("ck_pairwise_correlations_correlation")),
        sa.ForeignKeyConstraint(
            ["calculation_id"],
            ["correlation_calculations.id"],
            name=op.f("fk_pairwise_correlations_calculation_id_correlation_calculations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("calculation_id", "symbol_1", "symbol_2", name=op.f("pk_pairwise_correlations")),
    )
    op.create_table(
        "correlation_clusters",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("calculation_id", sa.Uuid(), nullable=False),
        sa.Column("cluster_number", sa.Integer(), nullable=False),
        sa.Column("nickname", sa.String(length=100), nullable=False),
        sa.Column("avg_correlation", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("total_value", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["calculation_id"],
            ["correlation_calculations.id"],
            name=op.f("fk_correlation_clusters_calculation_id_correlation_calculations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correlation_clusters")),
        sa.UniqueConstraint(
            "calculation_id", "cluster_number", name=op.f("uq_correlation_clusters_calculation_id_cluster_number")
        ),
    )
    op.create_table(
        "correlation_cluster_positions",
        sa.Column("cluster_id", sa.Uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("value", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("correlation_to_cluster", sa.Numeric(precision=12, scale=6), nullable=True),
        sa.ForeignKeyConstraint(
            ["cluster_id"],
            ["correlation_clusters.id"],
            name=op.f("fk_correlation_cluster_positions_cluster_id_correlation_clusters"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["position_id"],
            ["positions.id"],
            name=op.f("fk_correlation_cluster_positions_position_id_positions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("cluster_id", "position_id", name=op.f("pk_correlation_cluster_positions")),
    )
    op.create_index(
        op.f("ix_correlation_cluster_positions_position_id"), "correlation_cluster_positions", ["position_id"]
    )
    op.create_table(
        "stress_test_scenarios",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column(
            "severity",
            sa.Enum("base", "mild", "moderate", "severe", "extreme", name="scenario_severity"),
            nullable=False,
        ),
        sa.Column("shocks", JSONB(), nullable=False, comment="factor code to relative change"),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stress_test_scenarios")),
        sa.UniqueConstraint("code", name=op.f("uq_stress_test_scenarios_code")),
    )
    op.create_table(
        "stress_test_results",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("portfolio_id", sa.Uuid(), nullable=False),
        sa.Column("scenario_id", sa.Uuid(), nullable=False),
        sa.Column("calculation_date", sa.Date(), nullable=False),
        sa.Column("direct_pnl", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("correlated_pnl", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("factor_impacts", JSONB(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_stress_test_results_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["scenario_id"],
            ["stress_test_scenarios.id"],
            name=op.f("fk_stress_test_results_scenario_id_stress_test_scenarios"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stress_test_results")),
        sa.UniqueConstraint(
            "portfolio_id",
            "scenario_id",
            "calculation_date",
            name=op.f("uq_stress_test_results_portfolio_id_scenario_id_calculation_date"),
        ),
    )
    op.create_index(
        "ix_stress_test_results_factor_impacts", "stress_test_results", ["factor_impacts"], postgresql_using="gin"
    )
    op.create_index(op.f("ix_stress_test_results_scenario_id"), "stress_test_results", ["scenario_id"])
    op.create_table(
        "market_risk_scenarios",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("portfolio_id", sa.Uuid(), nullable=True, comment="empty: for every portfolio"),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("scenario_type", sa.String(length=50), nullable=False),
        sa.Column("shock", sa.Numeric(precision=10, scale=6), nullable=False),
        sa.Column("predicted_pnl", sa.Numeric(precision=18, scale=2), nullable=True),
        sa.Column("period_start", sa.Date(), nullable=True, comment="historical scenarios may be very old"),
        sa.Column("period_end", sa.Date(), nullable=True),
        sa.Column("calculation_date", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_market_risk_scenarios_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_market_risk_scenarios")),
    )
    op.create_index(op.f("ix_market_risk_scenarios_portfolio_id"), "market_risk_scenarios", ["portfolio_id"])


def downgrade() -> None:
    op.drop_table("market_risk_scenarios")
    op.drop_table("stress_test_results")
    op.drop_table("stress_test_scenarios")
    op.drop_table("correlation_cluster_positions")
    op.drop_table("correlation_clusters")
    op.drop_table("pairwise_correlations")
    op.drop_table("correlation_calculations")
    op.execute("DROP TYPE scenario_severity")
