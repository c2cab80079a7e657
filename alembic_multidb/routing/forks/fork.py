"""Two independent histories out of a shared one: every revision, with nothing but what one database runs of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from alembic.config import Config
from alembic.script import Script, ScriptDirectory

from alembic_multidb.errors import ConfigurationError, HistoryError
from alembic_multidb.registry import RegisteredDatabase
from alembic_multidb.routing.chronicle import Chronicle, read_history
from alembic_multidb.routing.forks.attempt import Attempt
from alembic_multidb.routing.forks.beside import files_beside, write_beside
from alembic_multidb.routing.forks.calls import calls_of, moves_of
from alembic_multidb.routing.forks.edits import FUNCTIONS, CannotCutError, emptied
from alembic_multidb.routing.forks.places import original_line
from alembic_multidb.routing.forks.proof import Proof
from alembic_multidb.routing.forks.source import Call, ways
from alembic_multidb.routing.forks.spread import spread
from alembic_multidb.routing.plan import PlannedStatement, plan_revision
from alembic_multidb.routing.presence import Presence
from alembic_multidb.routing.record import Reader, reading, record
from alembic_multidb.routing.surroundings import Surroundings

# So often is learnt what belongs elsewhere.
_TURNS = 8
# By the name of a function: what it does.
Planned = Mapping[str, tuple[PlannedStatement, ...]]


@dataclass(frozen=True, kw_only=True)
class ForkedRevision:
    """One revision's file for one database.

    Attributes:
        revision: its id.
        file: its name.
        text: what it says.
        kind: ``copied`` as it is, ``cut`` apart, or ``empty``.
        asks: whether it asks the database for something, so that a look at it is due.
        beside: the files that it finds by its own place: their paths from there, and what is in them.
    """

    revision: str
    file: str
    text: str
    kind: str
    asks: bool
    beside: Mapping[str, bytes] = field(default_factory=dict)


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
        source = Path(revision.path).read_text(encoding="utf-8")
        proof = Proof(self.around, self.presence, database, revision, spread(source))
        try:
            planned = self._planned(proof, revision.module if proof.source == source else proof.module)
            calls = [call for statements in planned.values() for call in calls_of(statements)]
            text, asks = self._text(proof, source, planned, calls)
            beside = files_beside(proof, text)
        except CannotCutError as error:
            line = error.line and original_line(source, proof.source, error.line)
            raise CannotCutError(error.why, line) from None
        kind = "copied" if text == source else "cut" if any(call.verdict != "skips" for call in calls) else "empty"
        file = Path(revision.path).name
        return ForkedRevision(
            revision=revision.revision, file=file, text=text, kind=kind if calls else "empty", asks=asks, beside=beside
        )

    def _text(self, proof: Proof, source: str, planned: Planned, calls: Sequence[Call]) -> tuple[str, bool]:
        """Return the file for one database, and whether it asks for something: the first that says the same.

        Raises:
            CannotCutError: none does.
        """
        moves = {name: moves_of(statements) for name, statements in planned.items()}
        is_plain = "on_database" not in source and "only" not in source and not any(map(any, moves.values()))
        attempt = Attempt(proof)
        if is_plain and all(call.verdict == "runs" for call in calls) and attempt.holds(source):
            return attempt.result
        calls = [*calls, *proof.unseen_calls()]
        for _ in range(_TURNS):
            for way in ways(proof.source, proof.database.name, [*calls, *attempt.found]):
                if attempt.cuts(way, moves):
                    return attempt.result
            if not attempt.learns():
                break
        if (not any(map(any, moves.values())) and attempt.holds(emptied(source))) or attempt.settles():
            return attempt.result
        raise attempt.problem

    def _planned(self, proof: Proof, module: ModuleType) -> Planned:
        """Return what the functions of a revision do on the database.

        Raises:
            CannotCutError: nobody knows it.
        """
        revision, planned = proof.revision.revision, {}
        for name in FUNCTIONS:
            is_upgrade = name == "upgrade"
            if is_upgrade and module is proof.revision.module:
                recorded = self.chronicle.chapters[revision].statements
            else:
                state = self.chronicle.state(revision, is_upgrade=is_upgrade)
                with reading():
                    run = record(Reader(getattr(module, name, lambda: None), proof.revision.path, self.around), state)
                recorded = tuple(run.statements)
            planned[name] = plan_revision(self.presence, revision, proof.database, recorded, is_upgrade=is_upgrade)
            for item in planned[name]:
                if item.decision.verdict == "undecidable":
                    raise CannotCutError.at(next(iter(item.recorded.lines), 0), "nobody knows where this belongs")
        return planned


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
                write_beside(folder / name, revision.beside)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written to: {error.strerror}") from None
