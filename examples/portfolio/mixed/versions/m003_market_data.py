"""prices, companies and what they report"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, ENUM, JSONB

revision = "m003"
down_revision = "m002"
branch_labels = None
depends_on = None

# Three tables use it, so none of them creates it.
PERIOD = ENUM(name="reporting_period", create_type=False)


def upgrade() -> None:
    op.execute("CREATE TYPE reporting_period AS ENUM ('annual', 'quarterly')")
    op.create_table(
        "market_data_cache",
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("price_date", sa.Date(), nullable=False),
        sa.Column("open", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("high", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("low", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("close", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("volume", sa.BigInteger(), nullable=True),
        sa.Column("data_source", sa.String(length=50), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", "price_date", name=op.f("pk_market_data_cache")),
        comment="Daily prices, kept so that the provider is asked once",
    )
    op.create_index("ix_market_data_cache_price_date", "market_data_cache", ["price_date"])
    op.create_table(
        "company_profiles",
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("company_name", sa.String(length=300), nullable=False),
        sa.Column("sector", sa.String(length=100), nullable=True),
        sa.Column("industry", sa.String(length=100), nullable=True),
        sa.Column("country", sa.String(length=100), nullable=True),
        sa.Column("website", sa.String(length=500), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("employees", sa.Integer(), nullable=True),
        sa.Column("market_cap", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("pe_ratio", sa.Double(), nullable=True, comment="infinite where there are no earnings"),
        sa.Column("founded_on", sa.Date(), nullable=True),
        sa.Column("officers", JSONB(), server_default="[]", nullable=False),
        sa.Column("peers", ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("is_fund", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", name=op.f("pk_company_profiles")),
    )
    op.create_index("ix_company_profiles_peers", "company_profiles", ["peers"], postgresql_using="gin")
    op.create_index("ix_company_profiles_sector_industry", "company_profiles", ["sector", "industry"])
    op.create_table(
        "benchmarks_sector_weights",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("benchmark", sa.String(length=32), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("sector", sa.String(length=100), nullable=False),
        sa.Column("weight", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("market_cap", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("stock_count", sa.SmallInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("weight BETWEEN 0 AND 1", name=op.f("ck_benchmarks_sector_weights_weight")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_benchmarks_sector_weights")),
        sa.UniqueConstraint(
            "benchmark", "as_of", "sector", name=op.f("uq_benchmarks_sector_weights_benchmark_as_of_sector")
        ),
    )
    op.create_table(
        "fund_holdings",
        sa.Column("fund_symbol", sa.String(length=32), nullable=False),
        sa.Column("holding_symbol", sa.String(length=32), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("weight", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("shares", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("import_id", sa.Uuid(), nullable=True),
        sa.Column("raw", JSONB(), nullable=True),
        sa.ForeignKeyConstraint(
            ["fund_symbol"],
            ["company_profiles.symbol"],
            name=op.f("fk_fund_holdings_fund_symbol_company_profiles"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("fund_symbol", "holding_symbol", "as_of", name=op.f("pk_fund_holdings")),
    )
    op.create_index(op.f("ix_fund_holdings_holding_symbol"), "fund_holdings", ["holding_symbol"])
    op.create_table(
        "income_statements",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("period", PERIOD, nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("fiscal_quarter", sa.SmallInteger(), nullable=True, comment="empty for a whole year"),
        sa.Column("currency", sa.CHAR(length=3), server_default="USD", nullable=False),
        sa.Column("revenue", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("gross_profit", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("operating_income", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("net_income", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("diluted_shares", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("raw", JSONB(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("fiscal_quarter BETWEEN 1 AND 4", name=op.f("ck_income_statements_fiscal_quarter")),
        sa.ForeignKeyConstraint(
            ["symbol"],
            ["company_profiles.symbol"],
            name=op.f("fk_income_statements_symbol_company_profiles"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_income_statements")),
        sa.UniqueConstraint(
            "symbol", "period_end", "period", name=op.f("uq_income_statements_symbol_period_end_period")
        ),
    )
    op.create_table(
        "balance_sheets",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("period", PERIOD, nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("fiscal_quarter", sa.SmallInteger(), nullable=True, comment="empty for a whole year"),
        sa.Column("currency", sa.CHAR(length=3), server_default="USD", nullable=False),
        sa.Column("total_assets", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("total_liabilities", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("total_equity", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("cash_and_equivalents", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("long_term_debt", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("fiscal_quarter BETWEEN 1 AND 4", name=op.f("ck_balance_sheets_fiscal_quarter")),
        sa.ForeignKeyConstraint(
            ["symbol"],
            ["company_profiles.symbol"],
            name=op.f("fk_balance_sheets_symbol_company_profiles"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_balance_sheets")),
        sa.UniqueConstraint("symbol", "period_end", "period", name=op.f("uq_balance_sheets_symbol_period_end_period")),
    )
    op.create_table(
        "cash_flows",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("period", PERIOD, nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("fiscal_quarter", sa.SmallInteger(), nullable=True, comment="empty for a whole year"),
        sa.Column("currency", sa.CHAR(length=3), server_default="USD", nullable=False),
        sa.Column("operating", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("investing", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("financing", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("capital_expenditure", sa.Numeric(precision=24, scale=2), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("fiscal_quarter BETWEEN 1 AND 4", name=op.f("ck_cash_flows_fiscal_quarter")),
        sa.ForeignKeyConstraint(
            ["symbol"],
            ["company_profiles.symbol"],
            name=op.f("fk_cash_flows_symbol_company_profiles"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cash_flows")),
        sa.UniqueConstraint("symbol", "period_end", "period", name=op.f("uq_cash_flows_symbol_period_end_period")),
    )


def downgrade() -> None:
    op.drop_table("cash_flows")
    op.drop_table("balance_sheets")
    op.drop_table("income_statements")
    op.drop_table("fund_holdings")
    op.drop_table("benchmarks_sector_weights")
    op.drop_table("company_profiles")
    op.drop_table("market_data_cache")
    op.execute("DROP TYPE reporting_period")
