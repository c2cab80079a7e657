"""old rows get what new ones have"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ENUM

revision = "m010"
down_revision = "m009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TYPE investment_class AS ENUM ('PUBLIC', 'OPTIONS', 'PRIVATE')")
    op.add_column(
        "positions", sa.Column("investment_class", ENUM(name="investment_class", create_type=False), nullable=True)
    )
    op.execute(
        """
        UPDATE positions
        SET investment_class = CASE
            WHEN position_type IN ('LONG', 'SHORT') THEN 'PUBLIC'
            WHEN strike_price IS NULL THEN 'PRIVATE'
            ELSE 'OPTIONS'
        END::investment_class
        """
    )
    op.alter_column("positions", "investment_class", nullable=False)
    op.create_check_constraint(
        op.f("ck_positions_option_has_strike"), "positions", "investment_class <> 'OPTIONS' OR strike_price IS NOT NULL"
    )
    op.execute(
        """
        INSERT INTO tags_v2 (id, user_id, name, color, created_at)
        SELECT id, user_id, name, CASE WHEN color ~ '^#[0-9A-Fa-f]{6}$' THEN color ELSE '#4A90E2' END, created_at
        FROM tags
        ON CONFLICT DO NOTHING
        """
    )
    op.execute("UPDATE ai_kb_documents SET scope = 'global' WHERE scope IN ('', 'public')")


def downgrade() -> None:
    op.execute("DELETE FROM tags_v2 USING tags WHERE tags.id = tags_v2.id")
    op.drop_constraint(op.f("ck_positions_option_has_strike"), "positions")
    op.drop_column("positions", "investment_class")
    op.execute("DROP TYPE investment_class")
