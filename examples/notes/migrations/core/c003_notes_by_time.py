"""find notes by time, without locking the table"""

from alembic import op

revision = "c003"
down_revision = "c002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # An interrupted run leaves the index behind without a record of it: begin anew.
        op.drop_index("ix_notes_created_at", table_name="notes", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_notes_created_at", "notes", ["created_at"], postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_notes_created_at", table_name="notes", if_exists=True, postgresql_concurrently=True)
