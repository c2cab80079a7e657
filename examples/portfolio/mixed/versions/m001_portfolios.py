"""users, their portfolios and what is in them"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "m001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("full_name", sa.String(length=200), nullable=True),
        sa.Column(
            "hashed_password", sa.String(length=255), nullable=False, comment="argon2id; never the password itself"
        ),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("locale", sa.String(length=10), server_default="en", nullable=False),
        sa.Column("settings", JSONB(), server_default="{}", nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=True),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["invited_by"], ["users.id"], name=op.f("fk_users_invited_by_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        comment="People who can sign in",
    )
    op.create_index("ix_users_email_lower", "users", [sa.literal_column("lower(email)")], unique=True)
    op.create_index(op.f("ix_users_invited_by"), "users", ["invited_by"])
    op.create_table(
        "portfolios",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column(
            "account_type",
            sa.Enum("taxable", "ira", "roth ira", "401k", "trust", "other", name="account_type"),
            server_default="taxable",
            nullable=False,
        ),
        sa.Column("base_currency", sa.CHAR(length=3), server_default="USD", nullable=False, comment="ISO 4217"),
        sa.Column("cash_balance", sa.Numeric(precision=18, scale=2), server_default=sa.text("0"), nullable=False),
        sa.Column("equity_balance", sa.Numeric(precision=18, scale=2), nullable=True),
        sa.Column("benchmark", sa.String(length=20), nullable=True),
        sa.Column("inception_date", sa.Date(), nullable=True),
        sa.Column("settings", JSONB(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("base_currency ~ '^[A-Z]{3}$'", name=op.f("ck_portfolios_base_currency")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_portfolios_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portfolios")),
        comment="What one user holds in one account",
    )
    op.create_index(op.f("ix_portfolios_user_id"), "portfolios", ["user_id"])
    op.create_index(
        "ix_portfolios_user_id_name_live",
        "portfolios",
        ["user_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "positions",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("portfolio_id", sa.Uuid(), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column(
            "position_type", sa.Enum("LONG", "SHORT", "LC", "LP", "SC", "SP", name="position_type"), nullable=False
        ),
        sa.Column(
            "quantity", sa.Numeric(precision=20, scale=8), nullable=False, comment="negative for what is held short"
        ),
        sa.Column("entry_price", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("entry_date", sa.Date(), nullable=False),
        sa.Column("exit_price", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("exit_date", sa.Date(), nullable=True),
        sa.Column("last_price", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("strike_price", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("expiration_date", sa.Date(), nullable=True, comment="infinity: perpetual"),
        sa.Column("underlying_symbol", sa.String(length=32), nullable=True),
        sa.Column("keywords", ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("attributes", JSONB(), server_default="{}", nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("exit_date >= entry_date", name=op.f("ck_positions_exit_after_entry")),
        sa.CheckConstraint("quantity <> 0", name=op.f("ck_positions_quantity")),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name=op.f("fk_positions_portfolio_id_portfolios"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_positions")),
        comment="One holding of one portfolio, from its entry to its exit",
    )
    op.create_index(
        "ix_positions_attributes",
        "positions",
        ["attributes"],
        postgresql_using="gin",
        postgresql_ops={"attributes": "jsonb_path_ops"},
    )
    op.create_index("ix_positions_entry_date_desc", "positions", [sa.literal_column("entry_date DESC")])
    op.create_index("ix_positions_portfolio_id_symbol", "positions", ["portfolio_id", "symbol"])


def downgrade() -> None:
    op.drop_table("positions")
    op.drop_table("portfolios")
    op.drop_table("users")
    op.execute("DROP TYPE position_type")
    op.execute("DROP TYPE account_type")
