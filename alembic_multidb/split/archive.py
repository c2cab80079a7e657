"""pg_dump and pg_restore: the source's schema as an archive, and any list of its entries as SQL for us to run."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import Connection, text

from alembic_multidb.catalog.snapshot import ObjectId
from alembic_multidb.errors import MultidbError
from alembic_multidb.folders import temporary_folder
from alembic_multidb.postgres import Programs
from alembic_multidb.split.objects import Objects
from alembic_multidb.split.toc import Contents, Entry, list_file, read_entries
from alembic_multidb.urls import DatabaseURL

# Milliseconds to wait for somebody's ALTER TABLE on the source.
_LOCK_WAIT = 60_000

_CATALOGS = text("SELECT oid, relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'")
# What pg_dump says of the state of a partition's foreign key, it says by a name that is another one elsewhere.
_BEHIND_CONSTRAINTS = text(
    """
    SELECT t.oid FROM pg_trigger AS t JOIN pg_constraint AS k ON k.oid = t.tgconstraint AND k.contype <> 't'
    WHERE t.tgisinternal AND t.tgenabled <> 'O'
    """
)
# pg_dump writes the rights to an extension's members as entries of their own, without the member's oid; also those to
# what a superuser made in a schema of PostgreSQL's own, of which it writes nothing else (here: of extension 0).
_MEMBER_RIGHTS = text(
    """
    WITH d (classid, objid, refobjid) AS (
        SELECT m.classid, m.objid, m.refobjid
        FROM pg_depend AS m JOIN pg_extension AS e ON e.oid = m.refobjid AND e.extname <> 'plpgsql'
        WHERE m.deptype = 'e'
        UNION ALL
        SELECT x.catalog, x.oid, 0::oid
        FROM (SELECT 'pg_proc'::regclass AS catalog, p.oid, p.pronamespace AS schema FROM pg_proc AS p
              UNION ALL SELECT 'pg_class'::regclass, c.oid, c.relnamespace FROM pg_class AS c
              UNION ALL SELECT 'pg_type'::regclass, t.oid, t.typnamespace FROM pg_type AS t) AS x
        WHERE x.oid >= 16384 AND x.schema IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    )
    SELECT concat_ws(' ', 'ACL', m.schema, m.what, m.owner) AS text, m.extension
    FROM (
        SELECT n.nspname AS schema, pg_get_userbyid(p.proowner) AS owner, d.refobjid AS extension,
               format('%s %I(%s)', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, p.proname, a.list)
                   AS what
        FROM d
        JOIN pg_proc AS p ON p.oid = d.objid
        JOIN pg_namespace AS n ON n.oid = p.pronamespace
        CROSS JOIN LATERAL (
            VALUES (pg_get_function_identity_arguments(p.oid)), (oidvectortypes(p.proargtypes))) AS a (list)
        WHERE d.classid = 'pg_proc'::regclass
        UNION ALL
        SELECT n.nspname, pg_get_userbyid(c.relowner), d.refobjid, w.word || ' ' || x.name
        FROM d
        JOIN pg_class AS c ON c.oid = d.objid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL (VALUES (c.relname::text), (quote_ident(c.relname))) AS x (name)
        CROSS JOIN LATERAL (VALUES (CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END)) AS w (word)
        WHERE d.classid = 'pg_class'::regclass
        UNION ALL
        SELECT n.nspname, pg_get_userbyid(c.relowner), d.refobjid, format('COLUMN %s.%s', c.relname, a.attname)
        FROM d
        JOIN pg_class AS c ON c.oid = d.objid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attacl IS NOT NULL
        WHERE d.classid = 'pg_class'::regclass
        UNION ALL
        SELECT n.nspname, pg_get_userbyid(t.typowner), d.refobjid, 'TYPE ' || x.name
        FROM d
        JOIN pg_type AS t ON t.oid = d.objid
        JOIN pg_namespace AS n ON n.oid = t.typnamespace
        CROSS JOIN LATERAL (VALUES (t.typname::text), (quote_ident(t.typname))) AS x (name)
        WHERE d.classid = 'pg_type'::regclass
        UNION ALL
        SELECT '-', pg_get_userbyid(l.lanowner), d.refobjid, 'LANGUAGE ' || l.lanname
        FROM d JOIN pg_language AS l ON l.oid = d.objid
        WHERE d.classid = 'pg_language'::regclass
        UNION ALL
        SELECT '-', pg_get_userbyid(w.fdwowner), d.refobjid, 'FOREIGN DATA WRAPPER ' || w.fdwname
        FROM d JOIN pg_foreign_data_wrapper AS w ON w.oid = d.objid
        WHERE d.classid = 'pg_foreign_data_wrapper'::regclass
        UNION ALL
        SELECT '-', pg_get_userbyid(n.nspowner), d.refobjid, 'SCHEMA ' || n.nspname
        FROM d JOIN pg_namespace AS n ON n.oid = d.objid
        WHERE d.classid = 'pg_namespace'::regclass
    ) AS m
    """
)
# What pg_restore writes before the first entry: psql's own command, and settings that we make ourselves.
_RESTRICT = re.compile(r"^\\restrict (\w+)$", re.MULTILINE)
_LAST_SETTING = "\nSET row_security = off;\n"
# What it writes before each entry, when asked to say more, and at the end; and what it sets between two entries.
_HEADER = re.compile(r"^--\n-- TOC entry (\d+) .*\n(?:-- .*\n)*--\n\n", re.MULTILINE)
_END = "\n-- Completed on "
_SETTING = re.compile(r"^SET (default_tablespace|default_table_access_method) = .*;\n\n", re.MULTILINE)
_SETTING_AT_THE_END = re.compile(rf"{_SETTING.pattern}\Z", re.MULTILINE)


@dataclass(frozen=True)
class Archive:
    """The source's schema as pg_dump wrote it.

    Attributes:
        programs: what wrote it.
        data: the archive. It holds passwords of user mappings, and is in memory only.
        folder: where lists of entries are written.
        contents: its entries, with their homes.
        late: the numbers of the entries that are made after the rows.
        options: how pg_restore is to write SQL.
    """

    programs: Programs
    data: bytes = field(repr=False)
    folder: Path
    contents: Contents
    late: frozenset[int]
    options: tuple[str, ...]

    def sql(self, entries: Sequence[Entry]) -> str:
        """Return the SQL that makes some entries, in their order, without settings of the session."""
        return self._restored(entries)

    def each_sql(self, entries: Sequence[Entry]) -> dict[int, str]:
        """Return the SQL that makes each of some entries alone, by their numbers, from one run of pg_restore.

        It begins with the settings made for the entry, or for one before; :func:`without_settings` is the rest.
        """
        if not entries:
            return {}
        found = _pieces(self._restored(entries, "--verbose"))
        if sorted(number for number, _ in found) != sorted(entry.id for entry in entries):
            # Somebody's text reads like a header.
            return {entry.id: self.sql([entry]) for entry in entries}
        return dict(found)

    def _restored(self, entries: Sequence[Entry], *more: str) -> str:
        chosen = self.folder / "entries"
        chosen.write_text(list_file(entries), encoding="utf-8")
        command = [self.programs.folder / "pg_restore", "-L", chosen, *self.options, *more, "-f", "-"]
        return without_session(_run(command, self.data).decode("utf-8"))


def _pieces(script: str) -> list[tuple[int, str]]:
    """Cut a script into its entries, each with the settings that were made before it."""
    headers = list(_HEADER.finditer(script))
    ends = [*(header.start() for header in headers[1:]), script.rfind(_END)]
    settings: dict[str, str] = {}
    _take_settings(script[: headers[0].start()] if headers else "", settings)
    found = []
    for header, end in zip(headers, ends, strict=False):
        before = "".join(settings.values())
        found.append((int(header[1]), before + _take_settings(script[header.end() : end], settings)))
    return found


def without_settings(script: str) -> str:
    """Return the SQL that makes an entry without those settings that are made between entries."""
    return _SETTING.sub("", script)


def _take_settings(text: str, settings: dict[str, str]) -> str:
    """Return a text without the settings at its end, which are kept by their names."""
    while match := _SETTING_AT_THE_END.search(text):
        settings[match[1]] = match[0]
        text = text[: match.start()]
    return text


def without_session(script: str) -> str:
    """Take out of a script what is psql's, and the settings before its first entry.

    The last of them is the same in all versions; ``transaction_timeout`` is one that older servers do not know.
    """
    head, found, body = script.partition(_LAST_SETTING)
    if not found:
        raise MultidbError("pg_restore wrote a script that does not begin as its scripts do; nothing was run")
    key = _RESTRICT.search(head)
    if key is not None:
        before, _, after = body.rpartition(f"\n\\unrestrict {key[1]}\n")
        body = before + after
    return body


@contextmanager
def dumped(
    connection: Connection, url: DatabaseURL, programs: Programs, objects: Objects, *, options: Sequence[str] = ()
) -> Iterator[Archive]:
    """Read the source's schema into an archive.

    Args:
        connection: to the source, in the transaction whose point in time is dumped.
        url: the source's.
        programs: pg_dump and pg_restore.
        objects: what becomes of the source's objects.
        options: how pg_restore is to write SQL.

    Raises:
        MultidbError: pg_dump or pg_restore failed, or an entry cannot be told to belong to anything.
    """
    snapshot = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
    target = url.libpq()
    with temporary_folder("split") as folder:
        data = _run(
            [
                *(programs.folder / "pg_dump", "--format=custom", "--schema-only", "--encoding=UTF8"),
                *(f"--snapshot={snapshot}", f"--lock-wait-timeout={_LOCK_WAIT}", f"--dbname={target.dsn}"),
            ],
            environment=target.environment,
        )
        listing = _run([programs.folder / "pg_restore", "-l", "-v"], data).decode("utf-8")
        late = _run([programs.folder / "pg_restore", "-l", "--section=post-data"], data).decode("utf-8")
        entries = read_entries(listing, {row.oid: row.relname for row in connection.execute(_CATALOGS)})
        unnamed = {ObjectId("pg_trigger", oid) for oid in connection.execute(_BEHIND_CONSTRAINTS).scalars()}
        entries = [entry for entry in entries if entry.node not in unnamed]
        rights = {
            row.text.replace("\n", " ").replace("\r", " "): ObjectId("pg_extension", row.extension)
            for row in connection.execute(_MEMBER_RIGHTS)
        }
        contents = Contents(entries, objects, rights)
        _refuse_unresolved(contents)
        after = frozenset(entry.id for entry in read_entries(late, {}))
        yield Archive(programs, data, folder, contents, after, tuple(options))


def _refuse_unresolved(contents: Contents) -> None:
    if unknown := contents.unresolved:
        names = "; ".join(map(str, unknown[:5])) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        raise MultidbError(
            f"it is not known what these entries of the dump belong to: {names}. Nothing was changed; exclude or drop "
            "what they are about"
        )


def _run(
    command: Sequence[object], data: bytes = b"", *, environment: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    """Run a program that reads ``data``, and return what it wrote."""
    arguments = [str(item) for item in command]
    done = subprocess.run(  # noqa: S603
        arguments,
        env={**os.environ, "LC_ALL": "C", "PGCLIENTENCODING": "UTF8", **environment},
        input=data,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines() or ["it says nothing"]
        raise MultidbError(f"{Path(arguments[0]).name} failed: {' / '.join(lines[:4])}")
    return done.stdout
