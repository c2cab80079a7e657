"""How pgvector's types get into generated revisions, with the import that they need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy.types import TypeEngine

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

EXTENSION = "vector"
PGVECTOR_IMPORT = "import pgvector.sqlalchemy"


def register_types() -> None:
    """Teach SQLAlchemy's reflection pgvector's types; without it a vector column reads as NullType."""
    import pgvector.sqlalchemy  # noqa: F401  # registers its types when imported


def is_pgvector(type_: object) -> bool:
    """Tell whether a column type, or the item type of an array, is one of pgvector's."""
    item = getattr(type_, "item_type", type_)
    return isinstance(item, TypeEngine) and type(item).__module__.split(".")[0] == "pgvector"


def render_item(type_: str, item: Any, autogen_context: AutogenContext) -> str | Literal[False]:
    """Render a pgvector type by its public name, which stays valid when pgvector moves its modules.

    Alembic's own rendering is ``pgvector.sqlalchemy.vector.VECTOR(dim=3)``, without any import.
    """
    if type_ != "type" or not is_pgvector(item) or hasattr(item, "item_type"):
        return False
    autogen_context.imports.add(PGVECTOR_IMPORT)
    dimensions = getattr(item, "dim", getattr(item, "length", None))
    return f"pgvector.sqlalchemy.{type(item).__name__}({'' if dimensions is None else dimensions})"
