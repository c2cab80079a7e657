"""how long answers take"""

from alembic import op

revision = "m007"
down_revision = "m006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE agent_messages
            ADD COLUMN latency_ms integer CONSTRAINT ck_agent_messages_latency_ms CHECK (latency_ms >= 0)
        """
    )


def downgrade() -> None:
    op.execute("ALTER TABLE agent_messages DROP COLUMN latency_ms")
