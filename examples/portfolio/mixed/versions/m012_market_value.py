"""what positions are worth, and their keywords; longer scopes"""

import sqlalchemy as sa
from alembic import op

revision = "m012"
down_revision = "m011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "positions", sa.Column("market_value", sa.Numeric(), sa.Computed("quantity * last_price", persisted=True))
    )
    op.create_index("ix_positions_keywords", "positions", ["keywords"], postgresql_using="gin")
    op.execute(
        "ALTER TABLE market_data_cache ADD CONSTRAINT ck_market_data_cache_high_and_low CHECK (high >= low) NOT VALID"
    )
    op.execute("ALTER TABLE market_data_cache VALIDATE CONSTRAINT ck_market_data_cache_high_and_low")
    op.alter_column(
        "ai_kb_documents",
        "scope",
        type_=sa.String(length=100),
        existing_type=sa.String(length=50),
        existing_nullable=False,
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_market_data_cache_high_and_low"), "market_data_cache")
    op.drop_index("ix_positions_keywords", table_name="positions")
    op.drop_column("positions", "market_value")
    op.alter_column(
        "ai_kb_documents",
        "scope",
        type_=sa.String(length=50),
        existing_type=sa.String(length=100),
        existing_nullable=False,
    )
