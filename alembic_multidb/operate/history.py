"""The revisions of one database, as files."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from traceback import extract_tb

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util.exc import CommandError

from alembic_multidb.config import LOCK_TIMEOUT_OPTION
from alembic_multidb.config import lock_timeout as read_lock_timeout
from alembic_multidb.errors import HistoryError
from alembic_multidb.operate.project import Project


@dataclass(frozen=True)
class History:
    """The revisions of one database.

    Attributes:
        name: the database's name.
        config: Alembic's configuration for it.
        script: Alembic's view of the files.
    """

    name: str
    config: Config
    script: ScriptDirectory

    @classmethod
    def load(cls, project: Project, name: str, *, to_read: bool = False) -> History:
        """Read every revision of one database.

        Args:
            project: the repository.
            name: the database's name.
            to_read: whether no env.py will run with it, which makes many of them faster.

        Raises:
            ConfigurationError: alembic.ini has no section for it.
            HistoryError: a file cannot be read, or the revisions do not hang together.
        """
        config = project.config_for(name, to_read=to_read)
        try:
            with warnings.catch_warnings():
                # Alembic only warns of an id that is there twice (one file then hides the other) or not at all.
                warnings.filterwarnings("error", message="Revision .* is (present more than once|not present)")
                script = ScriptDirectory.from_config(config)
                script.get_heads()
        except (Exception, SystemExit) as error:  # whatever a revision file raises, said with its place
            raise HistoryError(f'the history of "{name}" is broken: {_reason(error)}') from error
        return cls(name, config, script)

    def lock_timeout(self, given: float | None) -> float:
        """Return how many seconds to wait for a lock: what was given, else what alembic.ini says.

        Raises:
            ConfigurationError: it is not a number of seconds.
        """
        self.config.attributes[LOCK_TIMEOUT_OPTION] = given
        return read_lock_timeout(self.config, {})

    @cached_property
    def heads(self) -> tuple[str, ...]:
        """Return the ids of the newest revisions; more than one where branches were not merged."""
        return tuple(sorted(self.script.get_heads()))

    @cached_property
    def revisions(self) -> dict[str, Script]:
        """Return every revision by its id, newest first."""
        return {script.revision: script for script in self.script.walk_revisions()}

    def knows(self, revisions: Iterable[str]) -> bool:
        """Tell whether the history has all these revisions."""
        return set(revisions) <= self.revisions.keys()

    def has(self, revision: str) -> bool:
        """Tell whether a revision's id, the beginning of one or a branch label is in this history.

        Raises:
            HistoryError: several ids begin like that.
        """
        if revision in self.revisions or any(revision in script.branch_labels for script in self.revisions.values()):
            return True
        alike = [known for known in self.revisions if known.startswith(revision)]
        if len(alike) > 1:
            raise HistoryError(f'several revisions of "{self.name}" begin with "{revision}": {", ".join(alike)}')
        return bool(alike)

    def applied(self, revisions: Iterable[str]) -> frozenset[str]:
        """Return all that a database at these revisions has run."""
        return frozenset(step.revision for revision in revisions for step in self.upgrade_steps((), revision))

    def redundant(self, current: Sequence[str]) -> tuple[str, ...]:
        """Return the recorded revisions that another recorded one has among its ancestors; Alembic refuses them."""
        if len(current) < 2 or not self.knows(current):
            return ()
        needed = {script.revision for script in self.script.get_all_current(tuple(current))}
        return tuple(revision for revision in current if revision not in needed)

    def without_implied(self, revisions: Sequence[str]) -> tuple[str, ...]:
        """Return revisions without those that another of them depends on, as Alembic records them."""
        return tuple(sorted(set(revisions) - set(self.redundant(revisions))))

    def at_head(self, current: Sequence[str]) -> bool:
        """Tell whether a database at these revisions needs none of the history's any more.

        A head that another one depends on is not written down by Alembic.
        """
        return {script.revision for script in self.script.get_all_current(tuple(current))} >= set(self.heads)

    def upgrade_steps(self, current: Sequence[str], target: str = "heads") -> tuple[Script, ...]:
        """Return what ``upgrade`` would run from here, in its order.

        Raises:
            CommandError: there is no such target.
        """
        return tuple(step.revision for step in self.script._upgrade_revs(target, current))  # type: ignore[arg-type]

    def downgrade_steps(self, current: Sequence[str], target: str) -> tuple[Script, ...]:
        """Return what ``downgrade`` would undo from here, in its order.

        Raises:
            CommandError: there is no such target.
        """
        return tuple(step.revision for step in self.script._downgrade_revs(target, current))  # type: ignore[arg-type]


def _reason(error: BaseException) -> str:
    """Say what is wrong, with the file where there is one; no exception's text that may quote a value."""
    if isinstance(error, (CommandError, RevisionError, UserWarning)):
        return str(error).splitlines()[0]
    if isinstance(error, SyntaxError):
        return f"{Path(error.filename or '?').name}, line {error.lineno}: {error.msg}"
    frames = [frame for frame in extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    what = str(error).splitlines()[0] if isinstance(error, (ImportError, NameError, AttributeError)) else ""
    return f"{Path(own[-1].filename).name}, line {own[-1].lineno}: {type(error).__name__}{what and f' ({what})'}"
