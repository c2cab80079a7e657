"""URLs: one spelling in, every consumer's form out, and never a password in a message."""

from __future__ import annotations

from urllib.parse import quote

import psycopg.conninfo
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import URL, make_url

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.urls import DatabaseURL, describe, parse_url, resolve_url

PASSWORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
SCHEMES = st.sampled_from(
    [
        "postgres",
        "postgresql",
        "postgresql+psycopg",
        "postgresql+asyncpg",
        "postgresql+psycopg2",
        "postgresql+pg8000",
    ]
)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\0"), min_size=1, max_size=12)


def parse(text: str) -> DatabaseURL:
    return parse_url(text, of="the URL")


@given(scheme=SCHEMES, password=PASSWORDS, user=NAMES, database=NAMES)
def test_a_percent_encoded_password_reaches_every_consumer_unchanged(
    scheme: str, password: str, user: str, database: str
) -> None:
    """Whatever characters it has; the same for user and database."""
    text = f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@db.example:5433/{quote(database, safe='')}"
    url = parse(text)

    for address in (url.sync()[0], url.asynchronous()[0]):
        assert (address.username, address.password, address.database) == (user, password, database)
    assert url.sync()[0].drivername == "postgresql+psycopg"
    libpq = url.libpq()
    assert libpq.environment == {"PGPASSWORD": password}
    fields = psycopg.conninfo.conninfo_to_dict(libpq.dsn)
    assert (fields["user"], fields["dbname"], fields["host"], fields["port"]) == (
        user,
        database,
        "db.example",
        "5433",
    )
    assert "password" not in fields


@given(password=PASSWORDS.filter(lambda text: len(text) > 3), scheme=SCHEMES)
def test_nothing_that_is_printed_of_a_url_holds_its_password(password: str, scheme: str) -> None:
    """Neither str() nor repr(), wherever in the URL the password stood."""
    encoded = quote(password, safe="")
    for text in (
        f"{scheme}://u:{encoded}@h:1/d",
        f"{scheme}://u@h:1/d?password={encoded}&sslpassword={encoded}",
    ):
        url = parse(text)
        shown = str(url) + repr(url) + describe(url.url) + str(url.url.render_as_string(hide_password=True))
        if password not in "DatabaseURL(driver='psycopg2asyncpg8000')h:1/dpostgresql+psycopg://u:***@h:1/d":
            assert password not in shown
        assert encoded == password or encoded not in shown


@given(password=PASSWORDS, rest=PASSWORDS)
def test_an_unencoded_at_is_refused_without_a_word_of_it(password: str, rest: str) -> None:
    """The text after the '@' would be taken for the host."""
    with pytest.raises(ConfigurationError) as caught:
        parse(f"postgresql://user:{password.replace('@', '')}@{rest}@host/name")
    assert str(caught.value) == (
        "the URL: there is an '@' too many, or one after a '/' or '?'; percent-encode the password (an '@' in it is "
        "written %40, a '/' %2F, a '?' %3F)"
    )


@given(text=st.text(max_size=60))
def test_no_text_at_all_gets_anything_but_a_url_or_our_error(text: str) -> None:
    """No parser's own exception, which may quote the URL, comes through."""
    for candidate in (text, f"postgresql://{text}", f"postgresql://u:S3cretWord{text}"):
        try:
            parse(candidate)
        except ConfigurationError as error:
            assert "S3cretWord" not in str(error)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("postgresql:///name?host=/var/run/postgresql", "/var/run/postgresql", None),
        ("postgresql://u@/name?host=%2Fvar%2Frun&port=5433", "/var/run", "5433"),
        ("postgresql+pg8000://u@/name?unix_sock=/var/run/.s.PGSQL.5433", "/var/run", "5433"),
        ("postgresql://[::1]:5433/name", "::1", "5433"),
        ("postgresql:///name", None, None),
    ],
)
def test_sockets_and_ipv6_are_understood(text: str, host: str | None, port: str | None) -> None:
    """libpq gets the folder, or the address, and the port."""
    fields = psycopg.conninfo.conninfo_to_dict(parse(text).libpq().dsn)
    assert (fields.get("host"), fields.get("port"), fields["dbname"]) == (host, port, "name")


def test_options_of_one_driver_are_translated_for_the_others() -> None:
    """asyncpg's ssl is libpq's sslmode; what only asyncpg knows never reaches libpq, and back."""
    url = parse("postgresql+asyncpg://u:p@h/d?ssl=require&timeout=2.6&prepared_statement_cache_size=0")
    assert dict(url.sync()[0].query) == {"sslmode": "require", "connect_timeout": "3"}
    address, arguments = url.asynchronous()
    assert address.drivername == "postgresql+asyncpg"
    assert dict(address.query) == {"ssl": "require", "prepared_statement_cache_size": "0"}
    assert arguments == {}

    url = parse("postgresql+psycopg2://u:p@h/d?sslmode=verify-full&sslpassword=hidden&application_name=x")
    address, arguments = url.asynchronous()
    assert address.drivername == "postgresql+psycopg"
    assert dict(address.query) == {"sslmode": "verify-full", "application_name": "x"}
    assert arguments == {"sslpassword": "hidden"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("postgresql+asyncpg://h/d?ssl=maybe", "its option ssl must be one of"),
        ("postgresql+asyncpg://h/d?timeout=soon", "its option timeout must be a number of seconds"),
        ("postgresql+asyncpg://h/d?timeout=inf", "its option timeout must be a number of seconds"),
        ("sqlite:///x.db", "it is not for PostgreSQL"),
    ],
)
def test_options_that_cannot_be_used_are_named(text: str, message: str) -> None:
    """One line that says which option."""
    with pytest.raises(ConfigurationError, match=message):
        parse(text)


def test_a_client_keys_passphrase_cannot_go_to_postgresqls_programs() -> None:
    """libpq has no environment variable for it, and argv is no place for it."""
    with pytest.raises(ConfigurationError, match="sslpassword"):
        parse("postgresql://h/d?sslpassword=x").libpq()


def test_a_url_object_is_taken_as_it_is() -> None:
    """Its parts are already decoded."""
    url = parse_url(URL.create("postgresql", "u", "p@ss%41", "h", 1, "d%41"), of="the URL")
    assert (url.url.password, url.url.database) == ("p@ss%41", "d%41")
    assert parse_url(make_url("postgresql://u:%40@h/d"), of="the URL").url.password == "@"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://127.0.0.1:5432/db?user=u&password=top@secretpart",
        "postgresql://h/db?user=me@corp&sslrootcert=/etc/ca.pem",
        "postgresql://u:p/w@h/db",
        "postgresql://u:p?w@h/db",
    ],
)
def test_an_at_in_the_wrong_place_is_refused(text: str) -> None:
    """The text before it would be taken for a login, the text after it for a host."""
    with pytest.raises(ConfigurationError, match="one after a '/' or") as caught:
        parse(text)
    assert "secretpart" not in str(caught.value)


def test_a_path_in_the_query_is_not_the_databases_name() -> None:
    """Only what stands before the question mark is."""
    url = parse("postgresql://u@h/notes?application_name=a%40b&sslrootcert=/etc/ca.pem")
    assert url.url.database == "notes"
    assert psycopg.conninfo.conninfo_to_dict(url.libpq().dsn)["dbname"] == "notes"


class TestVariables:
    """env:NAME."""

    def test_the_variables_value_is_used(self) -> None:
        """Surrounding white space, as a file's last newline, does not count."""
        url = resolve_url("env:URL", {"URL": " postgresql://h/d\n"}, of='URL of "core"')
        assert str(url) == "h/d"

    @pytest.mark.parametrize("environment", [{}, {"URL": ""}, {"URL": "  "}])
    def test_an_unset_or_empty_variable_is_an_error_that_names_it(self, environment: dict[str, str]) -> None:
        """There is no fallback to any other database."""
        with pytest.raises(ConfigurationError, match="environment variable URL is not set"):
            resolve_url("env:URL", environment, of='URL of "core"')

    def test_a_url_in_the_place_of_a_name_is_not_quoted(self) -> None:
        """A variable that was interpolated too early."""
        with pytest.raises(ConfigurationError, match="is not the name of an environment variable") as caught:
            resolve_url("env:postgresql://u:hunter2@h/db", {}, of='URL of "core"')
        assert "hunter2" not in str(caught.value)
