"""how much risk a portfolio may take, and what answers cost: the first change after the split"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ENUM

revision = "c013"
down_revision = "m012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TYPE risk_tolerance AS ENUM ('cautious', 'balanced', 'bold')")
    op.add_column(
        "portfolios",
        sa.Column(
            "risk_tolerance",
            ENUM(name="risk_tolerance", create_type=False),
            server_default="balanced",
            nullable=False,
        ),
    )
    op.create_index("ix_portfolios_risk_tolerance", "portfolios", ["risk_tolerance"])
    op.add_column(
        "agent_messages",
        sa.Column("cost", sa.Numeric(precision=12, scale=6), nullable=True, comment="in US dollars, as billed"),
    )


def downgrade() -> None:
    op.drop_column("agent_messages", "cost")
    op.drop_column("portfolios", "risk_tolerance")
    op.execute("DROP TYPE risk_tolerance")
