"""Two independent histories out of a shared one: every revision, with nothing but what one database runs of it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from alembic.config import Config
from alembic.script import Script, ScriptDirectory

from alembic_multidb.errors import ConfigurationError, HistoryError
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.routing.calls import calls_of, is_same, moves_of
from alembic_multidb.routing.chronicle import Chronicle, read_history
from alembic_multidb.routing.edits import CannotCutError, emptied
from alembic_multidb.routing.plan import PlannedStatement, plan_revision
from alembic_multidb.routing.presence import Presence
from alembic_multidb.routing.record import Reader, Run, reading, record
from alembic_multidb.routing.selected import Blocks
from alembic_multidb.routing.source import Call, ways
from alembic_multidb.routing.surroundings import Surroundings


@dataclass(frozen=True, kw_only=True)
class ForkedRevision:
    """One revision's file for one database.

    Attributes:
        revision: its id.
        file: its name.
        text: what it says.
        kind: ``copied`` as it is, ``cut`` apart, or ``empty``.
        asks: whether it asks the database for something, so that a look at it is due.
    """

    revision: str
    file: str
    text: str
    kind: str
    asks: bool


@dataclass(frozen=True)
class Forker:
    """Takes a shared history apart.

    Attributes:
        around: what its revisions find around them.
        presence: what is where at each of them.
    """

    around: Surroundings
    presence: Presence

    @property
    def chronicle(self) -> Chronicle:
        """Return what the revisions say."""
        return self.presence.chronicle

    def fork(self, database: RegisteredDatabase) -> list[ForkedRevision]:
        """Return every revision's file as it is for one database.

        Raises:
            HistoryError: a revision cannot be taken apart; the text names all of them, each with a line.
        """
        found, problems = [], []
        for revision in self.chronicle.chapters:
            try:
                found.append(self._revision(self.around.script.get_revision(revision), database))
            except CannotCutError as error:
                problems.append(f"{revision} ({Path(self.around.script.get_revision(revision).path).name}, {error})")
        if problems:
            raise HistoryError(
                f'these revisions cannot be taken apart for "{database.name}": {"; ".join(problems)}. Take each apart '
                "in the shared history first, into statements of one home, or with op.on_database()"
            )
        return found

    def _revision(self, revision: Script, database: RegisteredDatabase) -> ForkedRevision:
        path = Path(revision.path)
        source = path.read_text(encoding="utf-8")
        planned = {name: self._planned(revision, database, name) for name in ("upgrade", "downgrade")}
        calls = [call for statements in planned.values() for call in calls_of(statements)]
        is_plain = "on_database" not in source and "only" not in source
        moves = any(not item.recorded.lines for statements in planned.values() for item in statements)
        is_whole = is_plain and not moves and all(call.verdict == "runs" for call in calls)
        try:
            if is_whole:
                text, asks = self._whole(source, revision, database)
            else:
                text, asks = self._cut(source, revision, database, calls, planned)
        except CannotCutError:
            if calls or moves:
                raise
            text, asks = emptied(source), False
        kind = "copied" if is_whole else "cut" if any(call.verdict != "skips" for call in calls) else "empty"
        return ForkedRevision(
            revision=revision.revision, file=path.name, text=text, kind=kind if calls else "empty", asks=asks
        )

    def _planned(self, revision: Script, database: RegisteredDatabase, name: str) -> tuple[PlannedStatement, ...]:
        """Return what a function of a revision does on the database.

        Raises:
            CannotCutError: nobody knows it.
        """
        is_upgrade = name == "upgrade"
        recorded = (
            self.chronicle.chapters[revision.revision].statements
            if is_upgrade
            else tuple(self._recorded(revision.module, revision.path, revision.revision, name).statements)
        )
        planned = plan_revision(self.presence, revision.revision, database, recorded, is_upgrade=is_upgrade)
        for item in planned:
            if item.decision.verdict == "undecidable":
                raise CannotCutError.at(next(iter(item.recorded.lines), 0), "nobody knows where this belongs")
        return planned

    def _recorded(self, module: ModuleType, path: str, revision: str, name: str) -> Run:
        """Run a function of a revision without a database; one that is not there does nothing."""
        state = self.chronicle.state(revision, is_upgrade=name == "upgrade")
        with reading():
            return record(Reader(getattr(module, name, lambda: None), path, self.around), state)

    def _whole(self, source: str, revision: Script, database: RegisteredDatabase) -> tuple[str, bool]:
        """Return a file as it is, and whether it asks for something."""
        asks = self.chronicle.chapters[revision.revision].asks
        raised = self._runs(source, revision, database)[1] if asks else ""
        if raised:
            raise _raising(raised)
        return source, asks

    def _cut(
        self,
        source: str,
        revision: Script,
        database: RegisteredDatabase,
        calls: Sequence[Call],
        planned: dict[str, tuple[PlannedStatement, ...]],
    ) -> tuple[str, bool]:
        """Return the file for one database, and whether it asks for something: the first way that says the same."""
        problem: CannotCutError | None = None
        for way in ways(source, database.name, calls):
            try:
                text = way.result({name: moves_of(statements) for name, statements in planned.items()})
            except CannotCutError as error:
                problem = problem or error
                continue
            runs, raised = self._runs(text, revision, database)
            if runs and not raised and all(is_same(planned[name], runs[name].texts) for name in runs):
                return text, any(run.asks for run in runs.values())
            raised = raised or next((run.error for run in runs.values() if run.error), "")
            problem = _raising(raised) if raised else problem
        raise problem or CannotCutError.at(next((call.lines[0] for call in calls if call.lines), 0))

    def _runs(self, text: str, revision: Script, database: RegisteredDatabase) -> tuple[dict[str, Run], str]:
        """Run a file's functions without a database, and say what the upgrade raises on one that has its own part only.

        There are no runs of a file that cannot be loaded.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, Path(revision.path).name)
            file.write_text(text, encoding="utf-8")
            try:
                module = _loaded(file)
            except Exception:  # whatever a file raises that was cut in the wrong way
                return {}, ""
            names = ("upgrade", "downgrade")
            runs = {name: self._recorded(module, str(file), revision.revision, name) for name in names}
            return runs, self._raised_alone(module, str(file), revision, database) if runs["upgrade"].asks else ""

    def _raised_alone(self, module: ModuleType, path: str, revision: Script, database: RegisteredDatabase) -> str:
        """Return what an upgrade raises on a new database of its own, and not on the mixed one; empty if nothing."""
        homes = self.presence.homes(revision.revision)
        mixed, own = (self.chronicle.state(revision.revision, is_upgrade=True) for _ in range(2))
        own.names = {thing: item for thing, item in own.names.items() if database.name in homes.of(item)}
        extensions = frozenset(name for each in database.registry.values() for name in each.extensions)
        here = frozenset(name for name in extensions if database.name in homes.of_extension(name))
        blocks = [Blocks(known=self.around.databases) for _ in range(2)]
        alone = Run(path, blocks[0], own, extensions=here, is_all=True)
        whole = Run(revision.path, blocks[1], mixed, extensions=extensions, is_all=True)
        with reading():
            raised = alone.collect(module.upgrade, self.around).error
            return raised if raised and not whole.collect(revision.module.upgrade, self.around).error else ""


def fork_history(
    script: ScriptDirectory, config: Config, databases: Sequence[RegisteredDatabase]
) -> dict[str, list[ForkedRevision]]:
    """Return the files of an independent history for each database.

    Args:
        script: the shared history.
        config: Alembic's configuration.
        databases: which databases.

    Raises:
        HistoryError: a revision cannot be taken apart.
    """
    around = Surroundings.without_env(config, script, databases[0].registry)
    forker = Forker(around, Presence(read_history(around, databases[0].registry)))
    return {database.name: forker.fork(database) for database in databases}


def write_fork(folder: Path, forked: dict[str, list[ForkedRevision]]) -> None:
    """Write the files, those of each database into a folder of its own.

    Raises:
        ConfigurationError: a folder is there already and not empty, or cannot be written to.
    """
    for name in forked:
        if (folder / name).exists() and any((folder / name).iterdir()):
            raise ConfigurationError(f"{folder / name} is not empty; name another folder with --into")
    try:
        for name, revisions in forked.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            for revision in revisions:
                (folder / name / revision.file).write_text(revision.text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written to: {error.strerror}") from None


def _raising(raised: str) -> CannotCutError:
    return CannotCutError(f"what is left of it raises {raised}; let a block hold all that belongs together")


def _loaded(file: Path) -> ModuleType:
    spec = spec_from_file_location(f"multidb_forked_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
