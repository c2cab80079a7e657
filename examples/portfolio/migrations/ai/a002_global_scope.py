"""find what is known to everybody, without locking the table"""

from alembic import op

revision = "a002"
down_revision = "a001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # An interrupted run leaves the index behind without a record of it: begin anew.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_ai_kb_documents_scope_global")
        op.execute(
            """
            CREATE INDEX CONCURRENTLY ix_ai_kb_documents_scope_global
            ON ai_kb_documents (scope) WHERE scope = 'global'
            """
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_ai_kb_documents_scope_global")
