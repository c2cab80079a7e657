"""snapshots, exports, modeling sessions and events; batch jobs know their portfolio"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "m009"
down_revision = "m008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "portfolio_snapshots",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("portfolio_id", sa.Uuid(), nullable=False),
        sa.Column("snapshot_date", sa.Date(), nullable=False),
        sa.Column("total_value", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("cash_value", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("long_value", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("short_value", sa.Numeric(precision=18, scale=2), nullable=False, comment="zero or negative"),
        sa.Column("daily_pnl", sa.Numeric(precision=18, scale=2), nullable=True),
        sa.Column("daily_return", sa.Numeric(precision=12, scale=6), nullable=True),
        sa.Column("positions_count", sa.Integer(), nullable=False),
        sa.Column("sector_exposure", JSONB(), server_default="{}", nullable=False),
        sa.Column("is_complete", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("short_value <= 0", name=op.f("ck_portfolio_snapshots_short_value")),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_portfolio_snapshots_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portfolio_snapshots")),
        sa.UniqueConstraint(
            "portfolio_id", "snapshot_date", name=op.f("uq_portfolio_snapshots_portfolio_id_snapshot_date")
        ),
    )
    op.create_index(
        "ix_portfolio_snapshots_latest",
        "portfolio_snapshots",
        ["portfolio_id", sa.literal_column("snapshot_date DESC")],
    )
    op.create_table(
        "export_history",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("portfolio_id", sa.Uuid(), nullable=True),
        sa.Column("export_format", sa.Enum("csv", "json", "xlsx", "pdf", name="export_format"), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=True),
        sa.Column("checksum", sa.LargeBinary(), nullable=True),
        sa.Column("parameters", JSONB(), server_default="{}", nullable=False),
        sa.Column("exported_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_export_history_portfolio_id_portfolios"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_export_history_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_history")),
    )
    op.create_index("ix_export_history_user_id_exported_at", "export_history", ["user_id", "exported_at"])
    op.create_table(
        "modeling_session_snapshots",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("portfolio_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("base_weights", JSONB(), nullable=False),
        sa.Column("modified_weights", JSONB(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_modeling_session_snapshots_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_modeling_session_snapshots_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_modeling_session_snapshots")),
        sa.UniqueConstraint("session_id", "version", name=op.f("uq_modeling_session_snapshots_session_id_version")),
    )
    op.create_index(op.f("ix_modeling_session_snapshots_portfolio_id"), "modeling_session_snapshots", ["portfolio_id"])
    op.create_index(op.f("ix_modeling_session_snapshots_user_id"), "modeling_session_snapshots", ["user_id"])
    op.create_table(
        "equity_changes",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("portfolio_id", sa.Uuid(), nullable=False),
        sa.Column("change_type", sa.Enum("contribution", "withdrawal", name="equity_change_type"), nullable=False),
        sa.Column("amount", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("change_date", sa.Date(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount > 0", name=op.f("ck_equity_changes_amount")),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_equity_changes_created_by_users"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_equity_changes_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_equity_changes")),
    )
    op.create_index(
        "ix_equity_changes_portfolio_id_change_date",
        "equity_changes",
        ["portfolio_id", sa.literal_column("change_date DESC")],
    )
    op.create_table(
        "position_realized_events",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("portfolio_id", sa.Uuid(), nullable=False),
        sa.Column("trade_date", sa.Date(), nullable=False),
        sa.Column("quantity_closed", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("realized_pnl", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("quantity_closed <> 0", name=op.f("ck_position_realized_events_quantity_closed")),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_position_realized_events_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["position_id"],
            ["positions.id"],
            name=op.f("fk_position_realized_events_position_id_positions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_position_realized_events")),
    )
    op.create_index(op.f("ix_position_realized_events_position_id"), "position_realized_events", ["position_id"])
    op.add_column("batch_jobs", sa.Column("portfolio_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_batch_jobs_portfolio_id_portfolios"),
        "batch_jobs",
        "portfolios",
        ["portfolio_id"],
        ["id"],
        ondelete="SET NULL",
    )


def downgrade() -> None:
    op.drop_column("batch_jobs", "portfolio_id")
    op.drop_table("position_realized_events")
    op.drop_table("equity_changes")
    op.drop_table("modeling_session_snapshots")
    op.drop_table("export_history")
    op.drop_table("portfolio_snapshots")
    op.execute("DROP TYPE equity_change_type")
    op.execute("DROP TYPE export_format")
