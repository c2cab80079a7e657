"""find what was sold when, without locking the table"""

from alembic import op

revision = "c014"
down_revision = "c013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # An interrupted run leaves the index behind without a record of it: begin anew.
        op.drop_index(
            "ix_position_realized_events_portfolio_id_trade_date",
            table_name="position_realized_events",
            if_exists=True,
            postgresql_concurrently=True,
        )
        op.create_index(
            "ix_position_realized_events_portfolio_id_trade_date",
            "position_realized_events",
            ["portfolio_id", "trade_date"],
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(
            "ix_position_realized_events_portfolio_id_trade_date",
            table_name="position_realized_events",
            if_exists=True,
            postgresql_concurrently=True,
        )
