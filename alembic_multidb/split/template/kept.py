"""What belongs to an empty target itself, and that whatever takes its place keeps: owner, rights, settings, comment."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql
from sqlalchemy import Connection, text

from alembic_multidb.split.database import copy_to_database, read_database
from alembic_multidb.split.model import DatabaseFact, Setting
from alembic_multidb.split.settings import read_settings, replay
from alembic_multidb.split.template.rights import Right, give_rights, read_rights

_FACTS = text(
    """
    SELECT d.datname AS name, pg_get_userbyid(d.datdba) AS owner, d.datconnlimit AS connections,
           t.spcname AS tablespace, pg_encoding_to_char(d.encoding) AS encoding, d.datlocprovider::text AS provider,
           coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale,
           d.datcollate AS collation, d.datctype AS ctype
    FROM pg_database AS d JOIN pg_tablespace AS t ON t.oid = d.dattablespace
    WHERE d.datname = current_database()
    """
)
_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What an empty target is, beside what is in it.

    Attributes:
        name: on its server.
        owner: its role.
        connections: how many it allows; -1 for any number.
        tablespace: where it lies.
        encoding: of its texts.
        provider: of its locale: c (libc), i (ICU) or b (PostgreSQL's own).
        locale: of the provider; None with libc.
        collation: by which texts are sorted.
        ctype: by which characters are told apart.
        facts: comments on it and on its extensions.
        settings: of it, and of roles in it.
        rights: to it; None if they are those of a new one.
    """

    name: str
    owner: str
    connections: int
    tablespace: str
    encoding: str
    provider: str
    locale: str | None
    collation: str
    ctype: str
    facts: tuple[DatabaseFact, ...]
    settings: tuple[Setting, ...]
    rights: frozenset[Right] | None

    @classmethod
    def read(cls, connection: Connection) -> Kept:
        """Read it, of the connected database."""
        with connection.begin():
            row = connection.execute(_FACTS).one()
            facts = tuple(fact for fact in read_database(connection) if fact.what == "comment")
            settings, rights = tuple(read_settings(connection)), read_rights(connection)
            return cls(**row._mapping, facts=facts, settings=settings, rights=rights)

    def give_rights(self, connection: Connection) -> list[str]:
        """Give a database the same rights and comment, and return what could not be given."""
        with connection.begin():
            return [*give_rights(connection, self.rights), *copy_to_database(connection, self.facts)]

    def give_path(self, connection: Connection) -> None:
        """Give a database the same ``search_path``, by which later sessions find the version table."""
        with connection.begin():
            replay(connection, [item for item in self.settings if item.name == "search_path"])

    def give_settings(self, connection: Connection) -> list[str]:
        """Give a database the same settings, which may forbid writing, and return what could not be given."""
        with connection.begin():
            return replay(connection, self.settings)

    def options(self, tablespace: str = "pg_default") -> sql.Composed:
        """Return how CREATE DATABASE makes one that has the same owner, place and room.

        Args:
            tablespace: of the template; only who may use another one, or a superuser, can name one.
        """
        words = sql.SQL("OWNER {} CONNECTION LIMIT {}").format(
            sql.Identifier(self.owner), sql.Literal(self.connections)
        )
        if tablespace == self.tablespace:
            return words
        return sql.SQL("{} TABLESPACE {}").format(words, sql.Identifier(self.tablespace))

    @property
    def locale_options(self) -> sql.Composed:
        """Return how CREATE DATABASE makes an empty one that has the same encoding and locale, from template0."""
        words = [
            sql.SQL("TEMPLATE template0 ENCODING {} LOCALE_PROVIDER {} LC_COLLATE {} LC_CTYPE {}").format(
                sql.Literal(self.encoding),
                sql.SQL(_PROVIDERS[self.provider]),
                sql.Literal(self.collation),
                sql.Literal(self.ctype),
            )
        ]
        if self.locale is not None:
            keyword = "ICU_LOCALE" if self.provider == "i" else "BUILTIN_LOCALE"
            words.append(sql.SQL(keyword + " {}").format(sql.Literal(self.locale)))
        return sql.SQL(" ").join(words)
