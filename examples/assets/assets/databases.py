"""Which databases there are, and which tables are at home in each."""

from alembic_multidb import Database, Databases, SoftReference
from assets.models import Base

databases = Databases(
    Database("main", metadata=Base.metadata, url="env:DATABASE_URL", default=True),
    Database(
        "vectors",
        metadata=Base.metadata,
        url="env:VECTOR_DATABASE_URL",
        tables=["asset_embeddings"],
        extensions={"vector": ">=0.5"},
        soft_references=[SoftReference("asset_embeddings.asset_id", "assets.id", ondelete="CASCADE")],
    ),
)
