"""A password with everything in it works everywhere and is seen nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from tests.conftest import Project, psql
from tests.servers import Server

PASSWORD = "p@ss%word/:?#\"'"
TELLTALES = (PASSWORD, quote(PASSWORD, safe=""), "ss%word", "ss%25word", "word/:?", "word%2F")


@dataclass
class Login:
    """A role that owns both databases and must give its password."""

    role: str
    urls: dict[str, str]

    def with_(self, password: str, scheme: str = "postgresql", suffix: str = "") -> dict[str, str]:
        return {
            variable: url.replace("postgresql://postgres@", f"{scheme}://{self.role}:{password}@") + suffix
            for variable, url in self.urls.items()
        }


@pytest.fixture
def login(notes: Project, server: Server) -> Iterator[Login]:
    role = "hard_" + notes.environment["DATABASE_URL"].rpartition("/")[2]
    literal = PASSWORD.replace("'", "''")
    server.run(f"CREATE ROLE \"{role}\" LOGIN SUPERUSER PASSWORD '{literal}'")
    yield Login(role, dict(notes.environment))
    for url in notes.environment.values():
        psql(url, f'REASSIGN OWNED BY "{role}" TO postgres')
    server.run(f'DROP ROLE "{role}"')


def _without_password(*texts: str) -> None:
    for text in texts:
        for telltale in TELLTALES:
            assert telltale not in text


SPELLINGS = [
    pytest.param("postgresql", quote(PASSWORD, safe=""), "", id="plain"),
    pytest.param("postgres", quote(PASSWORD, safe=""), "", id="postgres"),
    pytest.param("postgresql+asyncpg", quote(PASSWORD, safe=""), "?ssl=disable&command_timeout=5", id="asyncpg"),
    pytest.param("postgresql+psycopg2", quote(PASSWORD, safe=""), "?sslmode=disable", id="psycopg2"),
    pytest.param("postgresql+pg8000", quote(PASSWORD, safe=""), "?timeout=5", id="pg8000"),
]


@pytest.mark.parametrize(("scheme", "encoded", "suffix"), SPELLINGS)
def test_every_spelling_of_the_url_works_for_alembic(
    notes: Project, login: Login, scheme: str, encoded: str, suffix: str
) -> None:
    """All of a day's commands, for alembic and multidb, with nothing of the password in what they print."""
    variables = login.with_(encoded, scheme, suffix)
    for database in ("core", "ai"):
        _without_password(
            notes.ok("-n", database, "upgrade", "head", **variables),
            notes.ok("-n", database, "current", "-v", **variables),
            notes.ok("-n", database, "check", **variables),
            notes.ok("-n", database, "upgrade", "head", "--sql", **variables),
        )
    _without_password(notes.ok("status", module="alembic_multidb", **variables))


def test_the_password_may_stand_in_the_query(notes: Project, login: Login) -> None:
    """?password= is taken out of what is printed."""
    variables = login.with_("", suffix=f"?password={quote(PASSWORD, safe='')}")
    _without_password(notes.ok("-n", "core", "current", "-v", **variables))


def test_it_is_in_no_log_of_the_most_talkative_kind(notes: Project, login: Login) -> None:
    """SQLAlchemy and Alembic at DEBUG."""
    ini = (notes.folder / "alembic.ini").read_text()
    notes.write(
        "alembic.ini",
        ini
        + "\n[loggers]\nkeys = root\n[handlers]\nkeys = console\n[formatters]\nkeys = plain\n"
        + "[logger_root]\nlevel = DEBUG\nhandlers = console\nqualname =\n"
        + "[handler_console]\nclass = StreamHandler\nargs = (sys.stderr,)\nlevel = NOTSET\nformatter = plain\n"
        + "[formatter_plain]\nformat = <%(name)s> %(message)s\n",
    )
    _without_password(notes.ok("-n", "core", "upgrade", "head", **login.with_(quote(PASSWORD, safe=""))))


def test_a_dotenv_beside_the_ini_is_read_and_the_environment_wins(notes: Project, login: Login) -> None:
    """From another folder as well."""
    variables = login.with_(quote(PASSWORD, safe=""))
    notes.write(
        ".env",
        f"DATABASE_URL='{variables['DATABASE_URL']}'\nAI_DATABASE_URL=postgresql://nowhere.invalid/x\n",
    )
    ini = str(notes.folder / "alembic.ini")
    elsewhere = Project(notes.folder.parent, {"AI_DATABASE_URL": variables["AI_DATABASE_URL"]})
    _without_password(elsewhere.ok("-c", ini, "-n", "core", "upgrade", "head"))
    _without_password(elsewhere.ok("-c", ini, "-n", "ai", "upgrade", "head"))


class TestErrors:
    """What goes wrong is said without the password."""

    @pytest.mark.parametrize("command", [("-n", "core", "upgrade", "head"), ("-n", "core", "--raiseerr", "current")])
    def test_an_unencoded_at_is_refused_without_showing_it(
        self, notes: Project, login: Login, command: tuple[str, ...]
    ) -> None:
        """The rest of the password would end up in the host."""
        for password in (PASSWORD, "p@ss", "p@:ss%word/", "p@ss/word/:?", "a@b@ss%word", "p@s?ss%word"):
            done = notes.run(*command, **login.with_(password))
            assert done.returncode != 0
            text = " ".join((done.stdout + done.stderr).split())
            assert "there is an '@' too many, or one after a '/' or '?'; percent-encode the password" in text
            _without_password(text)
            assert "p@" not in text

    @pytest.mark.parametrize("module", ["alembic", "alembic_multidb"])
    @pytest.mark.parametrize(
        ("suffix", "password", "expected", "advice"),
        [
            ("", "wr%40ng%25word%2F", "password authentication failed", "check user and password in"),
            ("x", quote(PASSWORD, safe=""), "does not exist", "create it, or check the name in"),
            ("?sslmode=require", quote(PASSWORD, safe=""), "SSL", "check sslmode in"),
            ("?pgbouncer=true", quote(PASSWORD, safe=""), "pgbouncer", "take the option out of"),
        ],
        ids=["password", "database", "ssl", "option"],
    )
    def test_a_refused_connection_is_one_line(
        self, notes: Project, login: Login, module: str, suffix: str, password: str, expected: str, advice: str
    ) -> None:
        """Wrong password, missing database, no SSL, an option that libpq does not know."""
        variables = login.with_(password, suffix=suffix)
        if module == "alembic":
            text = notes.refused("-n", "core", "current", **variables)
        else:
            text = notes.refused("upgrade", module=module, **variables)
        assert 'cannot connect to database "core" at 127.0.0.1:' in text
        assert expected in text
        assert f"{advice} environment variable DATABASE_URL" in text
        _without_password(text)
        assert "ng%25word" not in text and "wr@ng" not in text

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("postgresql://u:S3cret@127.0.0.1:notaport/d", "its port is not a number"),
            ("postgresql://u:S3cret@127.0.0.1:99999/d", "its port is not between 1 and 65535"),
            ("postgresql+nodriver://u:S3cret@h/d", "its driver is unknown"),
            ("mysql://u:S3cret@h/d", "it is not for PostgreSQL"),
            ("host=h password=S3cret", "it is not a URL such as"),
            ("postgresql://u:S3cret@127.0.0.1:1/d", "is the server running there? Check host and port in"),
            ("postgresql://u:S3cret@no-such-host.invalid/d", "check the host in environment variable DATABASE_URL"),
            ("", "environment variable DATABASE_URL is not set"),
        ],
    )
    @pytest.mark.parametrize("module", ["alembic", "alembic_multidb"])
    def test_a_url_that_leads_nowhere_is_one_line(self, notes: Project, module: str, url: str, expected: str) -> None:
        """Each names the database or the variable, and never quotes the URL."""
        command = ("-n", "core", "current") if module == "alembic" else ("upgrade", "-n", "core")
        text = notes.refused(*command, module=module, DATABASE_URL=url)
        assert expected in text
        assert "DATABASE_URL" in text or '"core"' in text
        assert "S3cret" not in text
