"""Database URLs: read once, then handed to each consumer in its own form.

One URL serves three consumers: Alembic (a synchronous psycopg engine), PostgreSQL's programs (libpq, with
the password outside of argv) and the application (an asynchronous engine). Nothing here ever prints a
password, nor lets a parser's message through that might quote one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from alembic_multidb.errors import ConfigurationError

ENV_PREFIX = "env:"
SCHEMES = ("postgres", "postgresql")
DRIVERS = ("psycopg", "psycopg_async", "psycopg2", "asyncpg", "pg8000")

# Options that only one driver knows and that libpq would refuse ("invalid connection option").
# asyncpg: https://magicstack.github.io/asyncpg/current/api/index.html#connection
_DRIVER_ONLY = {
    "asyncpg": {
        "async_fallback",
        "command_timeout",
        "direct_tls",
        "max_cacheable_statement_size",
        "max_cached_statement_lifetime",
        "prepared_statement_cache_size",
        "prepared_statement_name_func",
        "statement_cache_size",
    },
    "pg8000": {"ssl_context", "tcp_keepalive"},
}
# What asyncpg.connect() takes from a URL beside its own options; libpq's other keys are unknown to it.
_SHARED_WITH_ASYNCPG = {"gsslib", "host", "krbsrvname", "passfile", "port", "ssl", "target_session_attrs"}
_SECRET_KEYS = ("password", "sslpassword")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


@dataclass(frozen=True)
class LibpqTarget:
    """How one of PostgreSQL's programs is told where to connect.

    Attributes:
        dsn: a libpq connection string without any password, safe in argv (``pg_dump --dbname DSN``).
        environment: variables for that program alone (``PGPASSWORD``); never to be printed.
    """

    dsn: str
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class DatabaseURL:
    """A checked PostgreSQL URL; ``str()`` and ``repr()`` of it show host, port and database only.

    Attributes:
        url: the canonical form: driver psycopg, libpq's option names, no secret in the query.
        driver: the driver that the user's URL named (``psycopg`` if none).
        driver_options: options that only this driver knows.
        secrets: secrets that the query carried and that libpq takes as options of their own.
        source: where the URL was written, for messages.
    """

    url: URL = field(repr=False)
    driver: str = "psycopg"
    driver_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    source: str = "the URL"

    def __str__(self) -> str:
        return describe(self.url)

    def to(self, database: str) -> DatabaseURL:
        """Return the way to another database on the same server, with the same login."""
        return replace(self, url=self.url.set(database=database))

    def to_text(self) -> str:
        """Return the URL with its password, as an environment variable holds it: for SQLAlchemy and libpq alike."""
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def sync(self) -> tuple[URL, dict[str, Any]]:
        """Return the URL and connect arguments of a synchronous psycopg engine."""
        return self.url, dict(self.secrets)

    def asynchronous(self) -> tuple[URL, dict[str, Any]]:
        """Return the URL and connect arguments of the application's asynchronous engine.

        A URL that names asyncpg stays with asyncpg, in its option names; any other gets psycopg, which
        is synchronous and asynchronous at once.
        """
        if self.driver != "asyncpg":
            return self.url, dict(self.secrets)
        query = {key: value for key, value in self.url.query.items() if key in _SHARED_WITH_ASYNCPG}
        if "sslmode" in self.url.query:
            query["ssl"] = self.url.query["sslmode"]
        query.update(self.driver_options)
        return self.url.set(drivername="postgresql+asyncpg", query=query), {}

    def libpq(self) -> LibpqTarget:
        """Return the form for pg_dump, pg_restore and psql, with the secrets outside of argv."""
        from psycopg.conninfo import make_conninfo

        if "sslpassword" in self.secrets:
            raise ConfigurationError(
                "the URL has the option sslpassword, which PostgreSQL's programs take from no environment "
                "variable; use a client key without a passphrase"
            )
        dialect = self.url.get_dialect()()
        # set(password=None) would leave the password in place: to set(), None means "as it was".
        _, arguments = dialect.create_connect_args(self.url._replace(password=None))
        environment = {"PGPASSWORD": str(self.url.password)} if self.url.password else {}
        return LibpqTarget(make_conninfo("", **arguments), environment)


def resolve_url(spec: str | URL, environment: Mapping[str, str], *, of: str) -> DatabaseURL:
    """Turn what the registry says into a checked URL.

    Args:
        spec: a URL, or ``env:NAME`` for the value of an environment variable.
        environment: where variables are looked up.
        of: whose URL it is, for messages (``url of "core"``).

    Raises:
        ConfigurationError: the variable is unset or empty, or the URL cannot be used.
    """
    if isinstance(spec, str) and spec.startswith(ENV_PREFIX):
        variable = variable_name(spec, of=of)
        value = environment.get(variable, "").strip()
        if not value:
            raise ConfigurationError(
                f"environment variable {variable} is not set; it holds the {of}: "
                f"export {variable}=postgresql://user:password@host:5432/name"
            )
        url = parse_url(value, of=f"{of} (from environment variable {variable})")
        return replace(url, source=f"environment variable {variable}")
    return replace(parse_url(spec, of=of), source=f"the {of}")


def variable_name(spec: str, *, of: str) -> str:
    """Return the NAME of ``env:NAME``.

    Raises:
        ConfigurationError: it is no name; it is not quoted, since it may be a URL that was put there by mistake.
    """
    variable = spec[len(ENV_PREFIX) :]
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
        raise ConfigurationError(
            f'{of}: what follows "env:" is not the name of an environment variable, as in "env:DATABASE_URL"'
        )
    return variable


def variables_of(*given: str | URL | None) -> list[str]:
    """Return the environment variables that URLs are taken from."""
    specs = [spec for spec in given if isinstance(spec, str) and spec.startswith(ENV_PREFIX)]
    return list(dict.fromkeys(variable_name(spec, of="url") for spec in specs))


def parse_url(given: str | URL, *, of: str) -> DatabaseURL:
    """Check one URL and bring it into the canonical form.

    Raises:
        ConfigurationError: it is not a PostgreSQL URL that can be used; the message never quotes it.
    """
    url = given if isinstance(given, URL) else _parse_text(given, of=of)
    driver = _driver(url.drivername, of=of)
    if url.host is not None and "@" in url.host:
        raise _unencoded(of)
    if url.port is not None and not 0 < url.port < 65536:
        raise ConfigurationError(f"{of}: its port is not between 1 and 65535")
    return _canonical(url, driver, of=of)


def describe(url: URL) -> str:
    """Say where a URL leads, built from host, port and database alone: ``host:5432/name``."""
    host = url.host or url.query.get("host") or "local socket"
    if not isinstance(host, str):
        host = ",".join(host)
    port = url.port or url.query.get("port")
    return f"{host}{f':{port}' if port else ''}/{url.database or ''}"


def _parse_text(text: str, *, of: str) -> URL:
    text = text.strip()
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise ConfigurationError(f"{of}: it is not a URL such as postgresql://user:password@host:5432/name")
    login, at, _ = rest.partition("@")
    if rest.count("@") > 1 or (at and re.search("[/?]", login)):
        raise _unencoded(of)
    _driver(scheme, of=of)  # before make_url(), whose messages may quote the URL
    try:
        url = make_url(text)
    except ValueError:
        raise ConfigurationError(
            f"{of}: its port is not a number; a ':', '/' or '@' inside the password must be percent-encoded"
        ) from None
    except ArgumentError:
        raise ConfigurationError(f"{of}: it cannot be read as a URL") from None
    # SQLAlchemy decodes the database's name from 2.1 on only.
    path = rest.partition("@")[2] or rest
    path = path.partition("?")[0].partition("/")[2]
    return url.set(database=unquote(path) or None)


def _driver(drivername: str, *, of: str) -> str:
    scheme, _, driver = drivername.lower().partition("+")
    if scheme not in SCHEMES:
        raise ConfigurationError(
            f"{of}: it is not for PostgreSQL, the only kind of database that is supported; "
            "it must begin with postgresql://"
        )
    if driver and driver not in DRIVERS:
        known = ", ".join(f"postgresql+{name}" for name in DRIVERS)
        raise ConfigurationError(f"{of}: its driver is unknown; known are postgresql, {known}")
    return driver.replace("psycopg_async", "psycopg") or "psycopg"


def _unencoded(of: str) -> ConfigurationError:
    return ConfigurationError(
        f"{of}: there is an '@' too many, or one after a '/' or '?'; percent-encode the password (an '@' in it is "
        "written %40, a '/' %2F, a '?' %3F)"
    )


def _canonical(url: URL, driver: str, *, of: str) -> DatabaseURL:
    query: dict[str, Any] = dict(url.query)
    driver_options = {key: query.pop(key) for key in _DRIVER_ONLY.get(driver, ()) if key in query}
    if "ssl" in query:
        query["sslmode"] = _ssl_mode(query.pop("ssl"), of=of)
    if driver in ("asyncpg", "pg8000") and "timeout" in query:
        query.setdefault("connect_timeout", _whole_seconds(query.pop("timeout"), of=of))
    host, port = _pg8000_socket(query)
    password = query.pop("password", None) or url.password
    secrets = {key: str(query.pop(key)) for key in _SECRET_KEYS if key in query}
    canonical = URL.create(
        "postgresql+psycopg",
        username=url.username or None,
        password=str(password) if password else None,
        host=url.host or host,
        port=url.port or port,
        database=url.database,
        query=query,
    )
    return DatabaseURL(canonical, driver, driver_options, secrets)


def _pg8000_socket(query: dict[str, Any]) -> tuple[str | None, int | None]:
    """Turn pg8000's ``unix_sock=/dir/.s.PGSQL.5432`` into libpq's directory and port."""
    path = query.pop("unix_sock", None)
    if path is None:
        return None, None
    directory, _, port = str(path).rpartition("/.s.PGSQL.")
    query["host"] = directory or str(path)
    return None, int(port) if port.isdigit() else None


def _ssl_mode(value: object, *, of: str) -> str:
    mode = {"true": "require", "1": "require", "false": "disable", "0": "disable"}.get(str(value).lower(), str(value))
    if mode not in _SSL_MODES:
        raise ConfigurationError(f"{of}: its option ssl must be one of {', '.join(_SSL_MODES)}")
    return mode


def _whole_seconds(value: object, *, of: str) -> str:
    try:
        return str(max(1, round(float(str(value)))))
    except (ValueError, OverflowError):
        raise ConfigurationError(f"{of}: its option timeout must be a number of seconds") from None
