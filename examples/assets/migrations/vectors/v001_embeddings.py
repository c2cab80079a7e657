"""embeddings of assets, whose keys are texts here"""

import pgvector.sqlalchemy
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "v001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "asset_embeddings",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("asset_id", sa.String(36), nullable=False),
        sa.Column("embedding", pgvector.sqlalchemy.VECTOR(1536), nullable=True),
        sa.Column("source_text", sa.Text(), nullable=True),
        sa.Column("embedding_model", sa.String(100), server_default="text-embedding-3-small", nullable=True),
        sa.Column("metadata", JSONB(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_embeddings")),
    )
    op.create_index(op.f("ix_asset_embeddings_asset_id"), "asset_embeddings", ["asset_id"])
    op.create_index(
        "ix_asset_embeddings_embedding_hnsw",
        "asset_embeddings",
        ["embedding"],
        postgresql_using="hnsw",
        postgresql_with={"m": 16, "ef_construction": 64},
        postgresql_ops={"embedding": "vector_cosine_ops"},
    )


def downgrade() -> None:
    op.drop_table("asset_embeddings")
