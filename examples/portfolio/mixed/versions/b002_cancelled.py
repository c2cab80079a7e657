"""jobs can be cancelled"""

import sqlalchemy as sa
from alembic import op

revision = "b002"
down_revision = "b001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("ALTER TYPE batch_status ADD VALUE IF NOT EXISTS 'cancelled'")


def downgrade() -> None:
    # A label cannot be taken out of a type: the column gets a new one, and what mentions the old one goes first.
    op.drop_index("ix_batch_jobs_waiting", table_name="batch_jobs")
    op.execute("ALTER TABLE batch_jobs ALTER COLUMN status DROP DEFAULT")
    op.execute("ALTER TYPE batch_status RENAME TO batch_status_before")
    op.execute("CREATE TYPE batch_status AS ENUM ('pending', 'running', 'completed', 'failed')")
    op.execute(
        """
        ALTER TABLE batch_jobs ALTER COLUMN status TYPE batch_status
            USING CASE status WHEN 'cancelled' THEN 'failed' ELSE status::text END::batch_status
        """
    )
    op.execute("DROP TYPE batch_status_before")
    op.execute("ALTER TABLE batch_jobs ALTER COLUMN status SET DEFAULT 'pending'")
    op.create_index(
        "ix_batch_jobs_waiting", "batch_jobs", ["created_at"], postgresql_where=sa.text("status = 'pending'")
    )
