"""find open positions, without locking the table"""

from alembic import op

revision = "m011"
down_revision = "m010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # An interrupted run leaves the index behind without a record of it: begin anew.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_positions_portfolio_id_open")
        op.execute(
            """
            CREATE INDEX CONCURRENTLY ix_positions_portfolio_id_open
            ON positions (portfolio_id) WHERE exit_date IS NULL
            """
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_positions_portfolio_id_open")
