"""All databases at once: where each stands, and bringing each of them forward."""

from alembic_multidb.operate.project import Project

__all__ = ["Project"]
