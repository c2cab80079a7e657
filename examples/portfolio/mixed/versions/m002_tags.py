"""tags, twice, and target prices"""

import sqlalchemy as sa
from alembic import op

revision = "m002"
down_revision = "m001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tags",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("color", sa.String(length=7), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tags_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tags")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_tags_user_id_name")),
        comment="Superseded by tags_v2",
    )
    op.create_table(
        "tags_v2",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("color", sa.String(length=7), server_default="#4A90E2", nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("display_order", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_archived", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("archived_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("color ~ '^#[0-9A-Fa-f]{6}$'", name=op.f("ck_tags_v2_color")),
        sa.CheckConstraint("is_archived = (archived_at IS NOT NULL)", name=op.f("ck_tags_v2_archived")),
        sa.ForeignKeyConstraint(
            ["archived_by"], ["users.id"], name=op.f("fk_tags_v2_archived_by_users"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tags_v2_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tags_v2")),
    )
    op.create_index(
        "ix_tags_v2_user_id_name_active",
        "tags_v2",
        ["user_id", "name"],
        unique=True,
        postgresql_where=sa.text("NOT is_archived"),
    )
    op.create_table(
        "position_tags",
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("tag_id", sa.Uuid(), nullable=False),
        sa.Column("assigned_by", sa.Uuid(), nullable=True),
        sa.Column("assigned_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assigned_by"], ["users.id"], name=op.f("fk_position_tags_assigned_by_users"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["position_id"], ["positions.id"], name=op.f("fk_position_tags_position_id_positions"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tag_id"], ["tags_v2.id"], name=op.f("fk_position_tags_tag_id_tags_v2"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("position_id", "tag_id", name=op.f("pk_position_tags")),
    )
    op.create_index(op.f("ix_position_tags_tag_id"), "position_tags", ["tag_id"])
    op.create_table(
        "portfolio_target_prices",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("portfolio_id", sa.Uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=True),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("target_price_eoy", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("target_price_next_year", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("downside_target_price", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("expected_return", sa.Numeric(precision=12, scale=6), nullable=True),
        sa.Column("analyst_notes", sa.Text(), nullable=True),
        sa.Column("data_source", sa.String(length=50), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint(
            "target_price_eoy >= 0 AND downside_target_price >= 0", name=op.f("ck_portfolio_target_prices_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_portfolio_target_prices_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["position_id"],
            ["positions.id"],
            name=op.f("fk_portfolio_target_prices_position_id_positions"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portfolio_target_prices")),
        sa.UniqueConstraint("portfolio_id", "symbol", name=op.f("uq_portfolio_target_prices_portfolio_id_symbol")),
    )
    op.create_index(op.f("ix_portfolio_target_prices_position_id"), "portfolio_target_prices", ["position_id"])


def downgrade() -> None:
    op.drop_table("portfolio_target_prices")
    op.drop_table("position_tags")
    op.drop_table("tags_v2")
    op.drop_table("tags")
