"""Histories drawn by lot: valid on the mixed database, about tables of both homes, and what ties these together.

Some have branches, each about tables and types of its own and those that it makes, and merges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

HOMES = {"core": "", "ai": "ai_"}


@dataclass
class Table:
    """A table of the mixed database.

    Attributes:
        name: what it is called now.
        home: where it will be at home, by its last name.
        types: the types of its columns.
        indexes: by name.
        foreign_keys: by name.
        views: on it.
    """

    name: str
    home: str
    types: set[str] = field(default_factory=set)
    indexes: list[str] = field(default_factory=list)
    foreign_keys: list[str] = field(default_factory=list)
    views: list[str] = field(default_factory=list)
    is_referred: bool = False


class Drawn(NamedTuple):
    """A revision: what its functions say, and the numbers of those right before it."""

    upgrade: str
    downgrade: str
    parents: tuple[int, ...]


@dataclass
class History:
    """A history in the making.

    Attributes:
        random: draws.
        revisions: in an order in which they can be run.
        undoable: whether all of it can be taken back.
    """

    random: Random
    revisions: list[Drawn] = field(default_factory=list)
    undoable: bool = True
    _tables: list[Table] = field(default_factory=list)
    _types: list[str] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)
    _count: int = 0
    _up: list[str] = field(default_factory=list)
    _down: list[str] = field(default_factory=list)

    def draw(self) -> History:
        """Draw all of it."""
        self._revise(self.random.randint(5, 9))
        for _ in range(self.random.randint(1, 5)):
            if self.random.random() < 0.3:
                self._branch()
            self._revise(self.random.randint(1, 5))
        return self

    def _revise(self, operations: int, parents: tuple[int, ...] | None = None) -> int:
        """Draw a revision, by default after the newest one, and return its number."""
        self._up, self._down = [], []
        for _ in range(operations):
            self.random.choice(self._choices())()
        parents = parents if parents is not None else tuple(range(len(self.revisions)))[-1:]
        self.revisions.append(Drawn("\n".join(self._up) or "pass", "\n".join(reversed(self._down)) or "pass", parents))
        return len(self.revisions) - 1

    def _branch(self) -> None:
        """Draw two branches and their merge; what both might change is left alone until then."""
        begin, tables, types = len(self.revisions) - 1, self._tables, self._types
        sides = [[], tables] if len(tables) < 4 else [tables[::2], tables[1::2]]
        used = [set[str]().union(*(table.types for table in side)) for side in sides]
        shared = [name for name in types if (name in used[0]) == (name in used[1])]
        heads, left, known = [], list[Table](), list(shared)
        for side, names in zip(sides, used, strict=True):
            self._tables, self._types = list(side), sorted(names - {*shared})
            for step in range(self.random.randint(1, 3)):
                head = self._revise(self.random.randint(1, 4), (begin,) if step == 0 else None)
            heads.append(head)
            left += self._tables
            known += self._types
        self._tables, self._types = left, known
        self._revise(self.random.randint(0, 2), tuple(heads))

    def _choices(self) -> list[Callable[[], None]]:
        if len(self._tables) < 2:
            return [self._create_table]
        return [
            *(self._create_table, self._create_table, self._add_column, self._add_column, self._raw_alter),
            *(self._create_type, self._add_value, self._index, self._drop_index, self._rename, self._foreign_key),
            *(self._drop_foreign_key, self._view, self._trigger, self._rows, self._block, self._comment, self._batch),
            *(self._drop_table, self._sequence, self._concurrently, self._rename_type, self._grant, self._function),
        ]

    def _new(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def _do(self, up: str, down: str) -> None:
        self._up.append(up)
        self._down.append(down)

    def _sql(self, up: str, down: str) -> None:
        self._do(f"op.execute({up!r})", f"op.execute({down!r})" if down else "pass")

    def _table(self) -> Table:
        return self.random.choice(self._tables)

    def _create_table(self) -> None:
        home = self.random.choice(list(HOMES))
        table = Table(self._new(f"{HOMES[home]}t"), home)
        columns = ['sa.Column("id", sa.Integer, primary_key=True)', 'sa.Column("body", sa.Text)']
        made = ""
        if self.random.random() < 0.4:
            made = self._new("e")
            self._types.append(made)
            table.types.add(made)
            columns.append(f'sa.Column("kind", sa.Enum("a", "b", name="{made}"), index=True)')
            table.indexes.append(f"ix_{table.name}_kind")
        elif self._types and self.random.random() < 0.5:
            known = self.random.choice(self._types)
            table.types.add(known)
            columns.append(f'sa.Column("kind", postgresql.ENUM(name="{known}", create_type=False))')
        if self._tables and self.random.random() < 0.6:
            other = self._table()
            other.is_referred = True
            table.foreign_keys.append(self._new("fk"))
            columns += [
                'sa.Column("other_id", sa.Integer)',
                f'sa.ForeignKeyConstraint(["other_id"], ["{other.name}.id"], name="{table.foreign_keys[-1]}")',
            ]
        if self.random.random() < 0.3 and home == "ai":
            columns.append('sa.Column("v", VECTOR(3))')
        down = f'op.drop_table("{table.name}")' + (f'\nop.execute("DROP TYPE {made}")' if made else "")
        self._do(f'op.create_table("{table.name}", {", ".join(columns)})', down)
        self._tables.append(table)

    def _add_column(self) -> None:
        table, name = self._table(), self._new("c")
        kind, rest = "sa.Integer", ""
        if self._types and self.random.random() < 0.4:
            known = self.random.choice(self._types)
            table.types.add(known)
            kind = f'postgresql.ENUM(name="{known}", create_type=False)'
        elif self.random.random() < 0.5:
            other = self._table()
            other.is_referred = True
            rest = f', sa.ForeignKey("{other.name}.id")'
        self._do(
            f'op.add_column("{table.name}", sa.Column("{name}", {kind}{rest}))',
            f'op.drop_column("{table.name}", "{name}")',
        )

    def _raw_alter(self) -> None:
        table, other, name = self._table(), self._table(), self._new("c")
        other.is_referred = True
        key = self._new("fk")
        self._sql(
            f"ALTER TABLE {table.name} ADD COLUMN {name} int CHECK ({name} > 0), "
            f"ADD COLUMN {name}_b text DEFAULT 'x : 1', "
            f"ADD CONSTRAINT {key} FOREIGN KEY ({name}) REFERENCES {other.name} ON DELETE CASCADE",
            f"ALTER TABLE {table.name} DROP CONSTRAINT {key}, DROP COLUMN {name}, DROP COLUMN {name}_b",
        )

    def _create_type(self) -> None:
        name = self._new("e")
        self._types.append(name)
        self._sql(f"CREATE TYPE {name} AS ENUM ('a', 'b')", f"DROP TYPE {name}")

    def _add_value(self) -> None:
        if self._types:
            self._sql(f"ALTER TYPE {self.random.choice(self._types)} ADD VALUE IF NOT EXISTS '{self._new('v')}'", "")

    def _rename_type(self) -> None:
        if self._types:
            before, after = self._types.pop(0), self._new("e")
            self._types.append(after)
            for table in self._tables:
                table.types = {after if name == before else name for name in table.types}
            self._taken = {after if name == before else name for name in self._taken}
            self._sql(f"ALTER TYPE {before} RENAME TO {after}", f"ALTER TYPE {after} RENAME TO {before}")

    def _index(self) -> None:
        table, name = self._table(), self._new("ix")
        table.indexes.append(name)
        self._do(f'op.create_index("{name}", "{table.name}", ["body"])', f'op.drop_index("{name}")')

    def _drop_index(self) -> None:
        table = self._table()
        if table.indexes and not table.indexes[-1].startswith("ix_"):
            name = table.indexes.pop()
            self._sql(f"DROP INDEX {name}", f"CREATE INDEX {name} ON {table.name} (body)")

    def _concurrently(self) -> None:
        table, name = self._table(), self._new("ix")
        table.indexes.append(name)
        block = "with op.get_context().autocommit_block():\n    op.execute({!r})"
        self._do(
            block.format(f"CREATE INDEX CONCURRENTLY {name} ON {table.name} (id, body)"),
            block.format(f"DROP INDEX CONCURRENTLY {name}"),
        )

    def _rename(self) -> None:
        table = self._table()
        before, after = table.name, self._new(f"{HOMES[table.home]}r")
        table.name = after
        self._do(f'op.rename_table("{before}", "{after}")', f'op.rename_table("{after}", "{before}")')

    def _foreign_key(self) -> None:
        table, other, name = self._table(), self._table(), self._new("fk")
        other.is_referred = True
        table.foreign_keys.append(name)
        self._do(
            f'op.create_foreign_key("{name}", "{table.name}", "{other.name}", ["id"], ["id"])',
            f'op.drop_constraint("{name}", "{table.name}")',
        )

    def _drop_foreign_key(self) -> None:
        table = self._table()
        if table.foreign_keys:
            self.undoable = False
            self._do(f'op.drop_constraint("{table.foreign_keys.pop()}", "{table.name}", type_="foreignkey")', "pass")

    def _view(self) -> None:
        table, name = self._table(), self._new("w")
        table.views.append(name)
        self._sql(f"CREATE VIEW {name} AS SELECT id, body FROM {table.name}", f"DROP VIEW {name}")

    def _trigger(self) -> None:
        name = self._new("f")
        tables = {self._table().name, self._table().name}
        self._sql(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
            f"DROP FUNCTION {name}()",
        )
        for table in sorted(tables):
            self._sql(
                f"CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
                f"DROP TRIGGER {name} ON {table}",
            )

    def _function(self) -> None:
        """Make a function that nothing uses, or a view alone: it takes a type, or reads a table.

        A view over a function that follows a type stays where it was made, and has no part in this.
        """
        name, view = self._new("f"), self._new("w")
        is_of_type = bool(self._types) and self.random.random() < 0.6
        if is_of_type:
            known = self.random.choice(self._types)
            self._taken.add(known)
            head, body = f"{name}(k {known} DEFAULT NULL)", "AS $$ SELECT count(k) $$"
        else:
            table = self._table()
            table.is_referred = True
            head, body = f"{name}()", f"BEGIN ATOMIC SELECT count(*) FROM {table.name}; END"
        self._sql(f"CREATE FUNCTION {head} RETURNS bigint LANGUAGE sql {body}", f"DROP FUNCTION {name}")
        if not is_of_type and self.random.random() < 0.4:
            self._sql(f"CREATE VIEW {view} AS SELECT {name}() AS n", f"DROP VIEW {view}")

    def _sequence(self) -> None:
        table, name = self._table(), self._new("s")
        self._sql(f"CREATE SEQUENCE {name}", f"DROP SEQUENCE {name}")
        self._sql(
            f"ALTER TABLE {table.name} ADD COLUMN {name}_n bigint DEFAULT nextval('{name}')",
            f"ALTER TABLE {table.name} DROP COLUMN {name}_n",
        )

    def _rows(self) -> None:
        table = self._table()
        self._do(
            f"op.get_bind().execute(sa.text(\"UPDATE {table.name} SET body = :b WHERE body LIKE '%%'\"), {{'b': 'x'}})",
            "pass",
        )

    def _block(self) -> None:
        table, name = self._table(), self._new("ix")
        table.indexes.append(name)
        self._sql(
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_class WHERE relname = '{name}') THEN "
            f"CREATE INDEX {name} ON {table.name} (body, id); END IF; END $$",
            f"DROP INDEX IF EXISTS {name}",
        )

    def _comment(self) -> None:
        table = self._table()
        self._sql(f"COMMENT ON TABLE {table.name} IS '{self._new('k')}'", "")
        self._sql(f"COMMENT ON COLUMN {table.name}.body IS '{self._new('k')}'", "")

    def _grant(self) -> None:
        tables = ", ".join(sorted({self._table().name, self._table().name}))
        self._sql(f"GRANT SELECT ON {tables} TO PUBLIC", f"REVOKE SELECT ON {tables} FROM PUBLIC")

    def _batch(self) -> None:
        table, name = self._table(), self._new("c")
        self._do(
            f'with op.batch_alter_table("{table.name}") as batch:\n    batch.add_column(sa.Column("{name}", sa.Date))',
            f'with op.batch_alter_table("{table.name}") as batch:\n    batch.drop_column("{name}")',
        )

    def _drop_table(self) -> None:
        """Drop a table, and those of its types that no other has."""
        table = self._table()
        others = set[str]().union(*(each.types for each in self._tables if each is not table))
        if table.is_referred or len(self._tables) < 3:
            return
        self.undoable = False
        self._tables.remove(table)
        self._sql(f"DROP TABLE {table.name} CASCADE", "")
        for name in sorted((table.types - others) & {*self._types} - self._taken):
            self._types.remove(name)
            self._sql(f"DROP TYPE {name}", "")
