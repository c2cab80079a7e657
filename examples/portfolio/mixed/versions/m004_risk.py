"""greeks, betas, volatility and factors, with the factors that everybody needs"""

import sqlalchemy as sa
from alembic import op

revision = "m004"
down_revision = "m003"
branch_labels = None
depends_on = None

FACTORS = sa.table(
    "factor_definitions",
    sa.column("code", sa.String),
    sa.column("name", sa.String),
    sa.column("etf_proxy", sa.String),
    sa.column("display_order", sa.Integer),
)
SEED = [
    ("market_beta", "Market beta", "SPY"),
    ("value", "Value", "VTV"),
    ("growth", "Growth", "VUG"),
    ("momentum", "Momentum", "MTUM"),
    ("quality", "Quality", "QUAL"),
    ("size", "Size", "IWM"),
    ("low_volatility", "Low volatility", "USMV"),
    ("interest_rate_beta", "Interest rate beta", None),
]


def upgrade() -> None:
    op.create_table(
        "factor_definitions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("factor_type", sa.String(length=20), server_default="style", nullable=False),
        sa.Column("etf_proxy", sa.String(length=10), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("display_order", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factor_definitions")),
        sa.UniqueConstraint("code", name=op.f("uq_factor_definitions_code")),
        comment="Seeded by a revision; more may be added",
    )
    op.create_table(
        "position_greeks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("calculation_date", sa.Date(), nullable=False),
        sa.Column("delta", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("gamma", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("theta", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("vega", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("rho", sa.Numeric(precision=12, scale=6), nullable=True),
        sa.Column("implied_volatility", sa.Double(), nullable=True, comment="NaN: the model did not converge"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["position_id"], ["positions.id"], name=op.f("fk_position_greeks_position_id_positions"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_position_greeks")),
        sa.UniqueConstraint(
            "position_id", "calculation_date", name=op.f("uq_position_greeks_position_id_calculation_date")
        ),
    )
    op.create_table(
        "position_factor_exposures",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("factor_id", sa.Integer(), nullable=False),
        sa.Column("calculation_date", sa.Date(), nullable=False),
        sa.Column("exposure_value", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("quality_flag", sa.String(length=20), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["factor_id"],
            ["factor_definitions.id"],
            name=op.f("fk_position_factor_exposures_factor_id_factor_definitions"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["position_id"],
            ["positions.id"],
            name=op.f("fk_position_factor_exposures_position_id_positions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_position_factor_exposures")),
        sa.UniqueConstraint(
            "position_id",
            "factor_id",
            "calculation_date",
            name=op.f("uq_position_factor_exposures_position_id_factor_id_calculation_date"),
        ),
    )
    op.create_index(
        "ix_position_factor_exposures_factor_id_latest",
        "position_factor_exposures",
        ["factor_id", sa.literal_column("calculation_date DESC")],
    )
    op.create_table(
        "position_market_betas",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("portfolio_id", sa.Uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("calculation_date", sa.Date(), nullable=False),
        sa.Column("market_index", sa.String(length=10), server_default="SPY", nullable=False),
        sa.Column("beta", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("r_squared", sa.Numeric(precision=12, scale=6), nullable=True),
        sa.Column("observations", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("r_squared BETWEEN 0 AND 1", name=op.f("ck_position_market_betas_r_squared")),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_position_market_betas_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["position_id"],
            ["positions.id"],
            name=op.f("fk_position_market_betas_position_id_positions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_position_market_betas")),
        sa.UniqueConstraint(
            "position_id",
            "calculation_date",
            "market_index",
            name=op.f("uq_position_market_betas_position_id_calculation_date_market_index"),
        ),
    )
    op.create_index(op.f("ix_position_market_betas_portfolio_id"), "position_market_betas", ["portfolio_id"])
    op.create_table(
        "position_volatility",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("calculation_date", sa.Date(), nullable=False),
        sa.Column("realized_21d", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("realized_63d", sa.Numeric(precision=12, scale=6), nullable=True),
        sa.Column("expected_21d", sa.Numeric(precision=12, scale=6), nullable=True),
        sa.Column("trend", sa.String(length=20), nullable=True),
        sa.Column("observations", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["position_id"],
            ["positions.id"],
            name=op.f("fk_position_volatility_position_id_positions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_position_volatility")),
        sa.UniqueConstraint(
            "position_id", "calculation_date", name=op.f("uq_position_volatility_position_id_calculation_date")
        ),
    )
    op.create_table(
        "position_interest_rate_betas",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("calculation_date", sa.Date(), nullable=False),
        sa.Column("maturity", sa.String(length=10), server_default="10y", nullable=False),
        sa.Column("rate_beta", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("r_squared", sa.Numeric(precision=12, scale=6), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("r_squared BETWEEN 0 AND 1", name=op.f("ck_position_interest_rate_betas_r_squared")),
        sa.ForeignKeyConstraint(
            ["position_id"],
            ["positions.id"],
            name=op.f("fk_position_interest_rate_betas_position_id_positions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_position_interest_rate_betas")),
        sa.UniqueConstraint(
            "position_id",
            "calculation_date",
            "maturity",
            name=op.f("uq_position_interest_rate_betas_position_id_calculation_date_maturity"),
        ),
    )
    op.create_table(
        "factor_exposures",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("portfolio_id", sa.Uuid(), nullable=False),
        sa.Column("factor_id", sa.Integer(), nullable=False),
        sa.Column("calculation_date", sa.Date(), nullable=False),
        sa.Column("exposure_value", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("exposure_dollar", sa.Numeric(precision=18, scale=2), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["factor_id"],
            ["factor_definitions.id"],
            name=op.f("fk_factor_exposures_factor_id_factor_definitions"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_factor_exposures_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factor_exposures")),
        sa.UniqueConstraint(
            "portfolio_id",
            "factor_id",
            "calculation_date",
            name=op.f("uq_factor_exposures_portfolio_id_factor_id_calculation_date"),
        ),
    )
    op.create_index(op.f("ix_factor_exposures_factor_id"), "factor_exposures", ["factor_id"])
    op.create_table(
        "factor_correlations",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("factor_1_id", sa.Integer(), nullable=False),
        sa.Column("factor_2_id", sa.Integer(), nullable=False),
        sa.Column("calculation_date", sa.Date(), nullable=False),
        sa.Column("correlation", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("correlation BETWEEN -1 AND 1", name=op.f("ck_factor_correlations_correlation")),
        sa.ForeignKeyConstraint(
            ["factor_1_id"],
            ["factor_definitions.id"],
            name=op.f("fk_factor_correlations_factor_1_id_factor_definitions"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["factor_2_id"],
            ["factor_definitions.id"],
            name=op.f("fk_factor_correlations_factor_2_id_factor_definitions"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factor_correlations")),
        sa.UniqueConstraint(
            "factor_1_id",
            "factor_2_id",
            "calculation_date",
            name=op.f("uq_factor_correlations_factor_1_id_factor_2_id_calculation_date"),
        ),
    )
    op.bulk_insert(
        FACTORS,
        [
            {"code": code, "name": name, "etf_proxy": proxy, "display_order": order}
            for order, (code, name, proxy) in enumerate(SEED)
        ],
    )


def downgrade() -> None:
    op.drop_table("factor_correlations")
    op.drop_table("factor_exposures")
    op.drop_table("position_interest_rate_betas")
    op.drop_table("position_volatility")
    op.drop_table("position_market_betas")
    op.drop_table("position_factor_exposures")
    op.drop_table("position_greeks")
    op.drop_table("factor_definitions")
