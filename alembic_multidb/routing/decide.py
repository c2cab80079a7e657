"""Where one statement of a shared history runs: here, elsewhere, here without some of its parts, or nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.routing.catalogs import Elsewhere, foreign_names, is_told, with_foreign
from alembic_multidb.routing.decision import Decision, Verdict, runs, skips
from alembic_multidb.routing.extensions import foreign_extensions
from alembic_multidb.routing.homes import ItemHomes
from alembic_multidb.routing.item import Item
from alembic_multidb.routing.items import State
from alembic_multidb.routing.members import extension_of
from alembic_multidb.statements import Statement, Thing, without

# Tells whether the database at hand has something of a name.
Catalog = Callable[[Thing], bool]


@dataclass(frozen=True)
class Decider:
    """Decides for one database.

    Attributes:
        database: where the statements are to run.
        homes: where things are at home.
        catalog: asked for what the history has not told; None where there is no database.
    """

    database: RegisteredDatabase
    homes: ItemHomes
    catalog: Catalog | None = None

    def is_foreign(self, item: Item) -> bool:
        """Tell whether something is not at home here."""
        return not self._is_here(self.homes.of(item))

    def elsewhere(self, state: State) -> Elsewhere:
        """Return what is at home in the other databases."""
        return Elsewhere(state, self.is_foreign, foreign_extensions(self.database, self.homes))

    def following(self, written: Statement, state: State, only: frozenset[str] | None) -> Decision:
        """Decide about the next statement, and take in what it makes, calls otherwise and drops.

        Args:
            written: what it says.
            state: what there is before it, and afterwards what there is after it.
            only: the databases that the revision says it is for; None if it says nothing.
        """
        statement = state.located(written)
        state.make(statement)
        decision = self.decide(statement, state) if only is None else self.pinned(statement, state, only)
        state.finish(statement)
        return decision

    def decide(self, statement: Statement, state: State) -> Decision:
        """Decide about a statement.

        Args:
            statement: what it says.
            state: what there is before it, with what it makes.
        """
        if statement.kind == "unreadable":
            return self._undecidable(statement, state, "PostgreSQL's parser cannot read it")
        if statement.kind == "do":
            return self._block(statement, state)
        if statement.kind == "constraints set":
            return self._deferral(statement, state)
        foreign = self._foreign_use(statement, state)
        if statement.subjects:
            decision = self._by_subjects(statement, state)
            if foreign is not None and decision.sql is not None:
                return self._undecidable(statement, state, foreign)
            return decision
        return self._by_mentions(statement, state)

    def pinned(self, statement: Statement, state: State, only: frozenset[str]) -> Decision:
        """Decide about a statement of which the revision itself says where it belongs.

        A foreign key to what is elsewhere is left out there as well, unless there is something of that name.

        Args:
            statement: what it says.
            state: what there is before it, with what it makes.
            only: the databases.
        """
        if not self._is_here(only):
            return skips(statement, f"only for {', '.join(sorted(only)) or 'no database'}")
        if self.catalog is not None and any(self.catalog(item.target) for item in statement.references):
            return runs(statement)
        return self._separate(statement, state, [])

    def places(self, statement: Statement, state: State) -> frozenset[str]:
        """Return the databases that may have all that a statement needs, but what it makes, or what comes to it.

        Args:
            statement: what it says.
            state: what there is before it, with what it makes.
        """
        said = (statement, *statement.inner)
        made = {each.thing for item in said for each in item.makes}
        tables = (each.thing for item in said for each in item.makes if each.role == "table" and each.part_of is None)
        found = self.homes.everywhere.intersection(*map(self.homes.named_of, tables))
        for item in said:
            for thing in {*item.subjects, *item.mentions, *item.hints, *item.uses} - made:
                found &= self._may_have(thing, item, state)
        return found

    def _may_have(self, thing: Thing, statement: Statement, state: State) -> frozenset[str]:
        for item in state.known([thing]):
            return self.homes.everywhere if item.moves else self.homes.of(item)
        if thing in statement.uses or thing in statement.hints:
            extension = extension_of(thing.name, is_type=thing.kind == "type") or ""
            return self.homes.of_extension(extension) if self.homes.is_declared(extension) else self.homes.everywhere
        found = self._homes(thing, statement, state)
        if found is None and self.catalog is not None and not self.catalog(thing):
            return self.homes.everywhere - {self.database.name}
        return found or self.homes.everywhere

    def unreached(self, statement: Statement, state: State) -> list[str]:
        """Return what the body of a function that is made here speaks of, and is at home elsewhere."""
        return self._elsewhere(sorted(thing for thing in statement.body if state.find(thing)), statement, state)

    def _block(self, statement: Statement, state: State) -> Decision:
        """Decide about a DO block: all of what it does must belong together."""
        if statement.dynamic is not None:
            return self._undecidable(statement, state, f"it runs what it puts together: EXECUTE {statement.dynamic}")
        decisions = [self.decide(inner, state) for inner in statement.inner if not _says_nothing(inner, state)]
        for decision in decisions:
            if decision.verdict in ("undecidable", "separated"):
                return self._undecidable(statement, state, decision.why)
        verdicts = {decision.verdict for decision in decisions}
        if verdicts == {"skips"}:
            return Decision(statement=statement, verdict="skips", sql=None, why=decisions[0].why)
        if "skips" in verdicts:
            whys = dict.fromkeys(decision.why for decision in decisions if decision.why)
            return self._undecidable(statement, state, f"it is about several homes: {', '.join(whys)}")
        return self._told(statement, state)

    def _told(self, block: Statement, state: State) -> Decision:
        """Let the questions of a DO block find in the catalogs what is at home elsewhere."""
        sql, about, elsewhere = block.sql, set[str](), self.elsewhere(state)
        for inner in block.inner:
            named = foreign_names(inner.sql, elsewhere) if inner.reads else None
            if not named:
                continue
            about |= named
            asked = inner.sql if inner.sql in sql else inner.sql.removeprefix("SELECT ")
            told = with_foreign(inner.sql, elsewhere, doubles=False).removeprefix(inner.sql.removesuffix(asked))
            if asked not in sql or not is_told(inner.sql):
                why = f"it asks the catalogs for {', '.join(sorted(named))}, which is elsewhere"
                return self._undecidable(block, state, why)
            sql = sql.replace(asked, told)
        if sql == block.sql:
            return runs(block)
        return Decision(statement=block, verdict="separated", sql=sql, why=f"it is told of {', '.join(sorted(about))}")

    def _by_subjects(self, statement: Statement, state: State) -> Decision:
        homes = {subject: self._homes(subject, statement, state) for subject in statement.subjects}
        unknown = [subject for subject, found in homes.items() if found is None]
        if unknown:
            return self._unknown(statement, unknown[0], state)
        foreign = [subject for subject, found in homes.items() if found is not None and not self._is_here(found)]
        crossing = [subject for subject, found in homes.items() if not found and not self._is_nowhere(subject, state)]
        if crossing:
            return self._crossing(statement, crossing[0], state)
        if len(foreign) == len(homes):
            return skips(statement, self._at_home(foreign[0], homes[foreign[0]]))
        if foreign and not statement.is_list:
            return self._undecidable(statement, state, self._at_home(foreign[0], homes[foreign[0]]))
        elsewhere = self._elsewhere(_needed(statement, state), statement, state)
        if elsewhere:
            return self._undecidable(statement, state, "it needs " + " and ".join(elsewhere))
        return self._separate(statement, state, foreign)

    def _separate(self, statement: Statement, state: State, foreign: list[Thing]) -> Decision:
        """Take out the foreign keys, constraints and entries of a list that belong elsewhere."""
        references = [
            item for item in statement.references if not self._is_here(self.homes.of(state.table(item.target)))
        ]
        table = state.table(statement.subjects[0]) if statement.constraints else None
        gone = [
            name
            for name in sorted(statement.constraints)
            if table is not None
            and (table, name) in state.references
            and not self._is_here(self.homes.of(state.references[table, name]))
        ]
        if not (references or gone or foreign):
            return runs(statement)
        sql = without(statement.sql, subjects=foreign, references=[item.name for item in references], constraints=gone)
        whys = [f"foreign key ({', '.join(item.columns)}) to {item.target} is a soft reference" for item in references]
        whys += [f"constraint {name} is a soft reference" for name in gone]
        whys += [self._at_home(item, self._homes(item, statement, state)) for item in foreign]
        verdict: Verdict = "separated" if sql is not None else "skips"
        return Decision(statement=statement, verdict=verdict, sql=sql, why="; ".join(whys))

    def _deferral(self, statement: Statement, state: State) -> Decision:
        """Decide about SET CONSTRAINTS: those that are not here, or are soft references, are left alone."""
        gone = [name for name in sorted(statement.constraints) if not self._has_constraint(name, state)]
        if not gone:
            return runs(statement)
        sql = without(statement.sql, constraints=gone)
        whys = "; ".join(f"constraint {name} is not here" for name in gone)
        return Decision(statement=statement, verdict="skips" if sql is None else "separated", sql=sql, why=whys)

    def _has_constraint(self, name: str, state: State) -> bool:
        """Tell whether a constraint is here; also of one that nobody knows."""
        ends = [(table, target) for (table, each), target in state.references.items() if each == name]
        ends += [(item, item) for item in state.known([Thing("relation", None, name)])]
        return not ends or any(all(self._is_here(self.homes.of(item)) for item in pair) for pair in ends)

    def _by_mentions(self, statement: Statement, state: State) -> Decision:
        """Decide about a statement that is about nothing in particular: by everything that it needs."""
        for item in state.known(sorted(statement.uses)):
            if item.dynamic is not None and not self._is_about(self.homes.of_unused(item), statement, state):
                why = f"it calls {item.names[-1]}, which runs what it puts together: EXECUTE {item.dynamic}"
                return self._undecidable(statement, state, why)
        named = [thing for thing in (*statement.hints, *statement.uses) if state.find(thing) is not None]
        known = list(dict.fromkeys([*statement.mentions, *named]))
        if not known:
            return runs(statement)
        homes = [self._homes(thing, statement, state) or self.homes.everywhere for thing in known]
        elsewhere = [
            self._at_home(thing, found) for thing, found in zip(known, homes, strict=True) if not self._is_here(found)
        ]
        if not elsewhere:
            return runs(statement)
        if frozenset.intersection(*homes) or not any(map(self._is_here, homes)):
            return skips(statement, elsewhere[0])
        needed = (self._at_home(thing, found) for thing, found in zip(known, homes, strict=True))
        return self._undecidable(statement, state, "it needs " + " and ".join(needed))

    def _homes(self, thing: Thing, statement: Statement, state: State) -> frozenset[str] | None:
        """Return where something is at home; None if nobody knows it."""
        if thing.kind == "extension":
            return self.homes.of_extension(thing.name)
        for item in state.known([thing]):
            if thing.kind != "schema" or item in self.homes.present:
                return self.homes.of(item)
        if thing.kind == "schema":
            return self.homes.of_schema(thing.name)
        if thing.kind in ("relation", "row") and statement.role in ("other", "table"):
            return self.homes.of_table([thing]) or None
        return None

    def _unknown(self, statement: Statement, thing: Thing, state: State) -> Decision:
        """Decide about what no revision was seen to make."""
        if statement.if_exists and not statement.makes:
            return Decision(statement=statement, verdict="runs", sql=statement.sql, is_idle=True)
        if self.catalog is not None and self.catalog(thing):
            return runs(statement)
        where = f' and it is not in "{self.database.name}"' if self.catalog is not None else ""
        return self._undecidable(statement, state, f"no revision before it is seen to make {thing.kind} {thing}{where}")

    def _crossing(self, statement: Statement, thing: Thing, state: State) -> Decision:
        """Decide about a view or a function of which all that it needs has no home in common."""
        below = (each for item in state.known([thing]) for each in item.stands_on if each.role != "extension")
        under = sorted(below, key=lambda item: item.names[-1])
        tables = ", ".join(self._at_home(item.names[-1], self.homes.of(item)) for item in under)
        if under and not any(self._is_here(self.homes.of(item)) for item in under):
            return skips(statement, f"{thing} stands on {tables}")
        return self._undecidable(
            statement, state, f"{thing} stands on {tables}" if tables else f'"{thing}" has no home'
        )

    def _elsewhere(self, things: Iterable[Thing], statement: Statement, state: State) -> list[str]:
        """Return what of these is not here."""
        found = [(thing, self._homes(thing, statement, state)) for thing in sorted(things)]
        return [self._at_home(thing, homes) for thing, homes in found if homes and not self._is_here(homes)]

    def _foreign_use(self, statement: Statement, state: State) -> str | None:
        """Say what a statement uses that only another database's extension brings."""
        for used in sorted(statement.uses | statement.body):
            extension = extension_of(used.name, is_type=used.kind == "type")
            home = self.database.foreign_extensions.get(extension or "")
            if home is not None and (used.kind == "type" or not self._is_own(used, state)):
                return (
                    f'it uses {used} of extension "{extension}", which only "{home}" declares; if its table belongs '
                    f'there, name it in tables= of "{home}", else the extension in extensions= of '
                    f'"{self.database.name}", too'
                )
        return None

    def _is_own(self, function: Thing, state: State) -> bool:
        """Tell whether a function with a name that an extension has, too, is made without it."""
        return function in state.names or (self.catalog is not None and self.catalog(function))

    def _is_nowhere(self, thing: Thing, state: State) -> bool:
        return any(self.homes.is_nowhere(item) for item in state.known([thing]))

    def _undecidable(self, statement: Statement, state: State, why: str) -> Decision:
        homes, is_of_rows = self.places(statement, state), _is_of_rows(statement, state)
        return Decision(
            statement=statement, verdict="undecidable", sql=None, why=why, homes=homes, is_of_rows=is_of_rows
        )

    def _is_about(self, homes: frozenset[str], statement: Statement, state: State) -> bool:
        """Tell whether all tables that a statement names are at home there, and that it names some."""
        tables = [item for item in state.known({*statement.mentions, *statement.hints}) if not item.moves]
        return bool(tables) and all(self.homes.of(item) == homes for item in tables)

    def _is_here(self, homes: frozenset[str]) -> bool:
        return self.database.name in homes

    def _at_home(self, thing: Thing, homes: frozenset[str] | None) -> str:
        return f"{thing} ({', '.join(sorted(homes or ())) or 'no home'})"


_ROWS = frozenset({"insert", "update", "delete", "merge"})


def _is_of_rows(statement: Statement, state: State) -> bool:
    """Tell whether all that a statement does is to change or to read rows."""
    if statement.inner:
        return all(_is_of_rows(inner, state) for inner in statement.inner)
    is_known = all(item.dynamic is None for item in state.known(statement.uses))
    return (statement.kind in _ROWS or statement.reads) and is_known


def _says_nothing(statement: Statement, state: State) -> bool:
    """Tell whether a statement inside a block speaks of nothing that has a home."""
    named = (*statement.subjects, *statement.mentions, *statement.inner)
    return not named and not any(state.find(thing) for thing in (*statement.hints, *statement.uses))


def _needed(statement: Statement, state: State) -> set[Thing]:
    """Return what must be there when a statement runs: tables, types, functions, and sequences that literals name."""
    found = {thing for thing in statement.uses if state.find(thing) is not None}
    for thing in statement.hints:
        item = state.find(thing)
        if item is not None and item.role == "sequence":
            found.add(thing)
    return found | statement.mentions
