"""Every exception that this package raises.

All of them are Alembic ``CommandError``s, so that ``alembic`` prints one ``FAILED:`` line instead of a
traceback. A subclass exists only where a caller would want to catch it::

    CommandError (Alembic's)
    └── MultidbError
        ├── ConfigurationError      registry, ini file, URL, environment variable
        │   ├── RegistryError           declarations and models that contradict each other
        │   └── UnknownDatabaseError    a name that the registry does not have
        ├── HistoryError            revisions that cannot be read, or do not hang together
        │   └── UndecidableError        a statement of a shared history that may belong to several databases
        ├── ConnectionFailedError   the server could not be reached or refused the login
        ├── TransactionPoolerError  changes would run through a transaction pooler
        ├── WrongDatabaseError      the database is marked as another one, or of another environment
        ├── LockTimeoutError        somebody else is changing the database
        ├── ExtensionError          a declared extension is missing, or an undeclared one appeared
        └── LeftoverIndexError      an interrupted run left an index that no revision records
"""

from __future__ import annotations

from alembic.util.exc import CommandError


class MultidbError(CommandError):
    """Base of all errors of alembic_multidb; its text says what, where and what next."""


class ConfigurationError(MultidbError):
    """The registry, the ini file, a URL or an environment variable is wrong."""


class RegistryError(ConfigurationError):
    """The declarations of the registry contradict each other or the models."""


class UnknownDatabaseError(ConfigurationError, KeyError):
    """A name that the registry does not have; a KeyError too, as a mapping's users expect."""

    def __str__(self) -> str:
        return str(self.args[0])


class HistoryError(MultidbError):
    """The revisions of a database cannot be read, or do not hang together."""


class UndecidableError(HistoryError):
    """A statement of a shared history of which nobody knows which database runs it."""


class ConnectionFailedError(MultidbError):
    """A database could not be reached, or refused the login."""


class TransactionPoolerError(MultidbError):
    """The connection leads through a transaction pooler, behind which session locks do not hold."""


class WrongDatabaseError(MultidbError):
    """The connected database is marked as another one, or as one of another environment."""


class LockTimeoutError(MultidbError):
    """The migration lock was held by somebody else for longer than the lock timeout."""


class ExtensionError(MultidbError):
    """A declared extension cannot be had, or an undeclared one appeared."""


class LeftoverIndexError(MultidbError):
    """An index stands in the way that an interrupted run built but did not record."""
