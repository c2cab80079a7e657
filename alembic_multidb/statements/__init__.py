"""What SQL statements say: what they make, change and mention, for whoever has to decide where they run."""

from alembic_multidb.statements.facts import Kind, Made, Part, Reference, Role, Statement, Thing
from alembic_multidb.statements.located import DEFAULT_PATH, Path, located
from alembic_multidb.statements.read import read
from alembic_multidb.statements.rewrite import without

__all__ = [
    "DEFAULT_PATH",
    "Kind",
    "Made",
    "Part",
    "Path",
    "Reference",
    "Role",
    "Statement",
    "Thing",
    "located",
    "read",
    "without",
]
