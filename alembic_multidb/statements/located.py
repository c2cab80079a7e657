"""Where names without a schema lead, after a statement has set ``search_path``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from postgast import pg_query_pb2 as nodes

from alembic_multidb.statements.facts import Made, Part, Statement, Thing
from alembic_multidb.statements.names import strings

# Schemas in their order; None stands for the default one.
Path = tuple["str | None", ...]
DEFAULT_PATH: Path = (None,)
_IN_SCHEMAS = frozenset({"relation", "type", "function", "statistics", "collation", "text search configuration"})
_DEFAULTS = (nodes.VAR_SET_DEFAULT, nodes.VAR_RESET, nodes.VAR_RESET_ALL)


def path_set_by(which: str, node: Any) -> Path | None:
    """Return the search path that a statement sets; None if it sets none.

    Args:
        which: the parser's name of its kind.
        node: the statement.
    """
    if which == "variable_set_stmt" and node.name in ("search_path", ""):
        if node.kind in _DEFAULTS:
            return DEFAULT_PATH
        return _path(item.a_const.sval.sval for item in node.args) if node.name else None
    for target in node.target_list if which == "select_stmt" else ():
        call = target.res_target.val.func_call
        if strings(call.funcname)[-1:] == ("set_config",) and len(call.args) > 1:
            name, value = (item.a_const.sval.sval for item in call.args[:2])
            return _path(value.split(",")) if name == "search_path" else None
    return None


def _path(names: Iterable[str]) -> Path:
    found = (name.strip().strip('"') for name in names)
    return tuple(None if name == "public" else name for name in found if name not in ("", "$user"))


def located(statement: Statement, path: Path, is_there: Callable[[Thing], bool]) -> Statement:
    """Return a statement whose names lead where the search path leads them.

    Args:
        statement: as it is written.
        path: schemas in their order.
        is_there: tells whether there is something of a name.
    """
    return statement if path == DEFAULT_PATH or not path else _Locator(path, is_there).of(statement)


@dataclass(frozen=True)
class _Locator:
    path: Path
    is_there: Callable[[Thing], bool]

    def of(self, statement: Statement) -> Statement:
        new = {each.thing for each in statement.makes if each.part_of is None and each.role != "temporary"}

        def find(thing: Thing) -> Thing:
            return thing._replace(schema=self.path[0]) if thing in new and _is_free(thing) else self._find(thing)

        def several(things: Iterable[Thing]) -> tuple[Thing, ...]:
            return tuple(map(find, things))

        makes = tuple(self._made(each, find) for each in statement.makes)
        return replace(
            statement,
            subjects=several(statement.subjects),
            makes=makes,
            renames=tuple(self._renamed(find(before), after) for before, after in statement.renames),
            mentions=frozenset(several(statement.mentions)),
            uses=frozenset(several(statement.uses)),
            hints=frozenset(several(statement.hints)),
            references=tuple(each._replace(target=find(each.target)) for each in statement.references),
            body=frozenset(several(statement.body)),
            parts=tuple(
                Part(name, frozenset(several(uses)), frozenset(several(body))) for name, uses, body in statement.parts
            ),
            inner=tuple(map(self.of, statement.inner)),
        )

    def _find(self, thing: Thing) -> Thing:
        """Return the first of a name on the path; the name as it is if there is none."""
        places: Sequence[Thing] = [thing._replace(schema=schema) for schema in self.path] if _is_free(thing) else ()
        return next(filter(self.is_there, places), thing)

    def _made(self, made: Made, find: Callable[[Thing], Thing]) -> Made:
        """Return what is made; an index lies where its table does."""
        if made.part_of is None or made.role == "table":
            return made._replace(thing=find(made.thing), part_of=made.part_of and find(made.part_of))
        owner = find(made.part_of)
        return made._replace(thing=made.thing._replace(schema=owner.schema), part_of=owner)

    @staticmethod
    def _renamed(before: Thing, after: Thing) -> tuple[Thing, Thing]:
        return before, after._replace(schema=before.schema) if after.schema is None else after


def _is_free(thing: Thing) -> bool:
    return thing.schema is None and thing.kind in _IN_SCHEMAS
