"""What counts beside the schema and the rows: rights by other ways, extensions' tables, settings by what they mean."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alembic_multidb.verify import Exclusion, Report
from alembic_multidb.verify.meaning import Kind
from alembic_multidb.verify.side import Side
from alembic_multidb.verify.tables import read_tables
from tests.conftest import NewDatabase, psql
from tests.integration.verified import compared, url_of
from tests.servers import Server, name_for, wait_until

Pair = tuple[str, str]


def kinds(report: Report) -> set[tuple[str, str, str]]:
    return {(item.kind, item.object, item.what) for item in report.findings}


def words(report: Report) -> list[str]:
    return [item.message for item in report.findings]


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


@pytest.fixture
def pair(new_database: NewDatabase) -> Pair:
    """Two databases with one table, the same on both sides."""
    urls = new_database(), new_database()
    for url in urls:
        psql(url, "CREATE EXTENSION citext; CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    return urls


@pytest.fixture
def roles(server: Server) -> Iterator[tuple[str, str]]:
    """A group and a login that is a member of it."""
    group, login = name_for("group"), name_for("login")
    server.run(f"CREATE ROLE {group}; CREATE ROLE {login} LOGIN; GRANT {group} TO {login}")
    yield group, login
    server.run(f"DROP ROLE {login}; DROP ROLE {group}")


class TestExtensions:
    """Tables of extensions hold rows of users."""

    @pytest.fixture
    def extended(self, pair: Pair) -> Pair:
        """Two tables and a sequence of an extension; of one of them only some rows are a user's."""
        for url in pair:
            psql(
                url,
                "CREATE TABLE jobs (id int PRIMARY KEY, what text); CREATE TABLE facts (id int, what text); "
                "CREATE SEQUENCE job_number; INSERT INTO jobs VALUES (1, 'a'); "
                "INSERT INTO facts VALUES (1, 'own'), (101, 'a'), (102, 'b'); "
                "ALTER EXTENSION citext ADD TABLE jobs; ALTER EXTENSION citext ADD TABLE facts; "
                "ALTER EXTENSION citext ADD SEQUENCE job_number; "
                "UPDATE pg_extension SET "
                "extconfig = ARRAY['jobs'::regclass::oid, 'facts'::regclass, 'job_number'::regclass], "
                "extcondition = ARRAY['', 'WHERE id > 100', ''] WHERE extname = 'citext'",
            )
        return pair

    def test_the_same(self, extended: Pair) -> None:
        """What is the extension's own may differ."""
        psql(extended[1], "UPDATE facts SET what = 'newer' WHERE id = 1")
        report = compared(*extended)
        assert (report.exit_code, words(report)) == (0, [])
        assert {table.name: table.rows for table in report.databases[0].tables} == {
            "public.facts": (2, 2),
            "public.jobs": (1, 1),
            "public.t": (1, 1),
        }

    @pytest.mark.parametrize(
        ("plant", "kind", "name", "said"),
        [
            ("DELETE FROM jobs", "rows", "public.jobs", "(id=1) is missing"),
            ("UPDATE facts SET what = 'x' WHERE id = 102", "rows", "public.facts", "(id=102, what=b) is missing"),
            ("SELECT nextval('job_number')", "sequence", "public.job_number", "(not taken yet)"),
            ("ALTER TABLE jobs DROP what", "column", "public.jobs.what", "missing"),
            ("ALTER EXTENSION citext DROP TABLE jobs; DROP TABLE jobs", "table", "public.jobs", "missing"),
        ],
    )
    def test_different(self, extended: Pair, plant: str, kind: str, name: str, said: str) -> None:
        """With the schema and without."""
        if "DROP TABLE" in plant:
            plant = "UPDATE pg_extension SET extconfig = NULL, extcondition = NULL; " + plant
        psql(extended[1], plant)
        for schema in (True, False):
            report = compared(*extended, schema=schema)
            found = [item.message for item in report.findings if (item.kind, item.object) == (kind, name)]
            assert found and said in found[0], words(report)

    def test_an_excluded_extension_takes_its_rows_along(self, extended: Pair) -> None:
        """Or the rows alone are left out."""
        psql(extended[1], "DELETE FROM jobs")
        assert compared(*extended, exclude=(Exclusion.parse("rows:jobs"),)).exit_code == 0
        psql(extended[1], "DROP EXTENSION citext CASCADE")
        assert compared(*extended, exclude=(Exclusion.parse("extension:citext"),)).exit_code == 0


class TestRights:
    """Rights by other ways than those that a schema tells."""

    def test_a_member_of_a_role_that_has_rights(self, pair: Pair, roles: tuple[str, str], server_16: Server) -> None:
        """Its membership is seen; on the same server both sides have the same members."""
        group, login = roles
        for url in pair:
            psql(url, f"DROP EXTENSION citext; GRANT SELECT ON t TO {group}")
        assert compared(*pair).exit_code == 0
        there = server_16.create_database(f"members_{os.getpid()}")
        try:
            server_16.run(f"CREATE ROLE {group}; CREATE ROLE {login} LOGIN")
            psql(there, f"CREATE TABLE t (id int PRIMARY KEY); GRANT SELECT ON t TO {group}")
            psql(there, "INSERT INTO t VALUES (1)")
            assert kinds(compared(pair[0], there)) == {("membership", f"{login} in {group}", "missing")}
            assert compared(pair[0], there, grants=False).exit_code == 0
            server_16.run(f"GRANT {group} TO {login} WITH ADMIN OPTION")
            assert words(compared(pair[0], there)) == [
                f"membership {login} in {group} differs: inherits -> inherits, with admin option"
            ]
            server_16.run(f"REVOKE ADMIN OPTION FOR {group} FROM {login}")
            assert compared(pair[0], there).exit_code == 0
            psql(pair[0], f"ALTER ROLE {login} SET work_mem = '9MB'")
            assert kinds(compared(pair[0], there)) == {("setting", f"work_mem of role {login}", "different")}
            server_16.run(f"ALTER ROLE {login} SET work_mem = '9216kB'")
            assert compared(pair[0], there).exit_code == 0
        finally:
            server_16.drop_database(name_of(there))
            server_16.run(f"DROP ROLE {login}; DROP ROLE {group}")
            psql(pair[0], f"REVOKE SELECT ON t FROM {group}; ALTER ROLE {login} RESET ALL")
            psql(pair[1], f"REVOKE SELECT ON t FROM {group}")

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            (
                "REVOKE EXECUTE ON FUNCTION citext_eq FROM PUBLIC",
                "function public.citext_eq(public.citext,public.citext)",
            ),
            ("GRANT SELECT ON pg_authid TO pg_monitor", "table pg_catalog.pg_authid"),
            ("GRANT SELECT (rolname) ON pg_authid TO pg_monitor", "table column pg_catalog.pg_authid.rolname"),
            ("REVOKE EXECUTE ON FUNCTION pg_backend_pid FROM PUBLIC", "function pg_catalog.pg_backend_pid()"),
            ("GRANT USAGE ON TYPE citext TO pg_monitor", "type public.citext"),
            ("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC", "language plpgsql"),
            ("GRANT CREATE ON SCHEMA pg_catalog TO pg_monitor", "schema pg_catalog"),
        ],
    )
    def test_rights_to_what_the_system_or_an_extension_brought_along(self, pair: Pair, change: str, name: str) -> None:
        """Granted or revoked on one side alone."""
        psql(pair[1], change)
        assert kinds(compared(*pair)) == {("changed grants", name, "extra")}
        assert kinds(compared(pair[1], pair[0])) == {("changed grants", name, "missing")}
        assert compared(*pair, grants=False).exit_code == 0
        psql(pair[0], change)
        assert compared(*pair).exit_code == 0

    def test_options_of_user_mappings(self, pair: Pair, server: Server) -> None:
        """Which differ is told, but never their values."""
        for url, secret in zip(pair, ("hunter2", "hunter3"), strict=True):
            psql(
                url,
                "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; "
                f"CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (user 'x', password '{secret}')",
            )
        report = compared(*pair)
        assert words(report) == ["user mapping PUBLIC on s differs in password"]
        assert "hunter" not in str(report)
        assert compared(*pair, exclude=(Exclusion.parse("user mapping:*"),)).exit_code == 0
        psql(pair[1], "ALTER USER MAPPING FOR PUBLIC SERVER s OPTIONS (SET password 'hunter2')")
        assert compared(*pair).exit_code == 0
        role = f"mapped_{os.getpid()}"
        server.run(f"CREATE ROLE {role} LOGIN PASSWORD 'mapped' BYPASSRLS; GRANT pg_read_all_data TO {role}")
        try:
            limited = pair[1].replace("postgres@", f"{role}:mapped@")
            assert ("user mapping", "PUBLIC on s", "unknown") in kinds(compared(pair[0], limited))
        finally:
            server.run(f"DROP ROLE {role}")

    def test_a_comment_on_a_large_object(self, pair: Pair) -> None:
        """And its rights, however they came about."""
        for url in pair:
            psql(url, "SELECT lo_from_bytea(7, 'x'); COMMENT ON LARGE OBJECT 7 IS 'seven'")
        psql(pair[1], "GRANT SELECT ON LARGE OBJECT 7 TO postgres")
        assert compared(*pair).exit_code == 0
        psql(pair[1], "COMMENT ON LARGE OBJECT 7 IS NULL; GRANT SELECT ON LARGE OBJECT 7 TO PUBLIC")
        (message,) = words(compared(*pair))
        assert "comment seven -> (none)" in message and "PUBLIC: SELECT" in message


class TestExclusions:
    """Whatever a finding is called can be excluded by that."""

    def test_rows_alone(self, pair: Pair) -> None:
        """The table's definition still counts."""
        for url in pair:
            psql(url, "CREATE TABLE other (id int)")
        psql(pair[1], "DELETE FROM t; ALTER TABLE t ADD more int")
        report = compared(*pair, exclude=(Exclusion.parse("rows:t"),))
        assert ("column", "public.t.more", "extra") in kinds(report) and "rows" not in {
            kind for kind, _, _ in kinds(report)
        }

    def test_rows_of_a_partitioned_table(self, pair: Pair) -> None:
        """The whole tree's, or one partition's."""
        for url in pair:
            psql(
                url,
                "CREATE TABLE p (id int) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); "
                "CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2); INSERT INTO p VALUES (1), (2)",
            )
        psql(pair[1], "DELETE FROM p")
        assert kinds(compared(*pair, exclude=(Exclusion.parse("rows:p1"),))) == {("rows", "public.p2", "different")}
        assert compared(*pair, exclude=(Exclusion.parse("rows:p"),)).exit_code == 0

    def test_all_rows_are_no_proof(self, pair: Pair) -> None:
        """Nothing was compared."""
        report = compared(*pair, exclude=(Exclusion.parse("rows:*"),))
        assert (report.exit_code, kinds(report)) == (2, {("rows", "all", "suspicious")})

    @pytest.mark.parametrize("kind", ["large object", "large-object", "large_object"])
    def test_large_objects(self, pair: Pair, kind: str) -> None:
        """By their numbers."""
        psql(pair[1], "SELECT lo_create(77)")
        assert kinds(compared(*pair)) == {("large object", "77", "extra")}
        report = compared(*pair, exclude=(Exclusion.parse(f"{kind}:7*"),))
        assert report.exit_code == 0
        assert ("large object", "77") in {(item.kind, item.object) for item in report.databases[0].expected}


class TestSettings:
    """What a setting means, not how it is written."""

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("work_mem = '8MB'", "work_mem = '8192kB'"),
            ("work_mem = '8MB'", "work_mem = 8192"),
            ("statement_timeout = '5min'", "statement_timeout = '300s'"),
            ("enable_seqscan = off", "enable_seqscan = 'false'"),
            ("random_page_cost = 1.5", "random_page_cost = '1.50'"),
            ("effective_cache_size = '1GB'", "effective_cache_size = 131072"),
            ("client_min_messages = 'notice'", "client_min_messages = 'NOTICE'"),
        ],
    )
    def test_the_same_value_in_other_words(self, pair: Pair, one: str, other: str) -> None:
        """No difference; and another value is one."""
        psql(pair[0], f"ALTER DATABASE {name_of(pair[0])} SET {one}")
        psql(pair[1], f"ALTER DATABASE {name_of(pair[1])} SET {other}")
        assert words(compared(*pair, data=False)) == []
        name = one.partition(" ")[0]
        psql(pair[1], f"ALTER DATABASE {name_of(pair[1])} RESET {name}")
        assert kinds(compared(*pair, data=False)) == {("setting", f"{name} of the database", "different")}

    @given(st.integers(0, 2**20), st.sampled_from(["kB", "MB", "GB", ""]))
    def test_sizes(self, number: int, unit: str) -> None:
        """Any number of any unit is so many of the setting's own."""
        factor = {"kB": 1, "MB": 1024, "GB": 1024**2, "": 8}[unit]
        assert Kind("integer", "8kB").meaning(f" {number} {unit}") == str(round(number * factor / 8))
        assert Kind("integer", "kB").meaning(str(number)) == str(number)

    @given(st.text(max_size=6))
    def test_what_is_no_number_stays_as_it_is(self, value: str) -> None:
        """Whatever the kind, and a number without a unit is not given one."""
        assert Kind().meaning(value) == value
        for kind in (Kind("integer", "kB"), Kind("real"), Kind("bool")):
            assert kind.meaning(kind.meaning(value)) == kind.meaning(value)


class TestBytes:
    """A database in SQL_ASCII holds bytes of any encoding."""

    @pytest.fixture
    def ascii_pair(self, server: Server) -> Iterator[Pair]:
        """Two of them, with texts that are no UTF-8 and some that are."""
        names = [f"ascii_{os.getpid()}_{side}" for side in ("source", "target")]
        for name in names:
            server.run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
            with psycopg.connect(server.url(name), client_encoding="SQL_ASCII") as connection:
                connection.execute(
                    b'CREATE TABLE k (k text PRIMARY KEY, v text, w text[], j json); CREATE TABLE h ("\xc3\xa4" text);'
                    b"INSERT INTO k SELECT n::text, E'\\xe4\\xff' || n, ARRAY[E'\\xe4'], '\"\xc3\xa4\"' "
                    b"FROM generate_series(1, 3000) AS n;"
                    b"INSERT INTO k VALUES (E'\\xe4', '\xc3\xa4', '{}', '1');"
                    b"INSERT INTO h VALUES (E'\\xe4'), ('\xc3\xa4')"
                )
        yield server.url(names[0]), server.url(names[1])
        for name in names:
            server.drop_database(name)

    def test_the_same(self, ascii_pair: Pair) -> None:
        """Equal, with one hash and with two."""
        for strong in (False, True):
            assert words(compared(*ascii_pair, strong=strong)) == []

    def test_different(self, ascii_pair: Pair) -> None:
        """Named, with what is no character written as bytes."""
        with psycopg.connect(ascii_pair[1], client_encoding="SQL_ASCII") as connection:
            connection.execute(
                rb"UPDATE k SET v = E'\xe5' WHERE k = E'\xe4'; UPDATE k SET v = E'\xe4\xfe7' WHERE k = '7'; "
                rb"DELETE FROM h WHERE octet_length(" + '"ä"'.encode() + rb") = 1"
            )
        report = compared(*ascii_pair)
        assert report.exit_code == 1
        text = "\n".join(words(report))
        assert r"(k=\xe4) is changed: v 'ä' -> '\\xe5'" in text
        assert r"(k=7) is changed: v '\\xe4\\xff7' -> '\\xe4\\xfe7'" in text
        assert r"(ä=\xe4) is missing" in text


class TestDocuments:
    """XML, as PostgreSQL gives it out."""

    def test_what_is_given_out_is_compared(self, server_15: Server) -> None:
        """A declaration that it leaves away itself makes no difference; any other does."""
        names = [f"xml_{os.getpid()}_{side}" for side in ("source", "target")]
        urls = [server_15.create_database(name) for name in names]
        try:
            for url, declaration in zip(urls, ('<?xml version="1.0"?>', ""), strict=True):
                psql(url, "CREATE TABLE x (id int PRIMARY KEY, d xml)")
                psql(url, f"""INSERT INTO x VALUES (1, '{declaration}<a b="c">ä</a>'), (2, 'text'), (3, NULL)""")
            assert words(compared(*urls)) == []
            for other in ("<a b=''c''>ä</a>", '<a  b="c">ä</a>', '<?xml version="1.1"?><a b="c">ä</a>', "<a/>"):
                psql(urls[1], f"UPDATE x SET d = '{other}' WHERE id = 1")
                (message,) = words(compared(*urls))
                assert "(id=1) is changed: d " in message
        finally:
            for name in names:
                server_15.drop_database(name)


class TestWide:
    """Tables with as many columns as there can be."""

    @pytest.mark.parametrize("key", ["PRIMARY KEY", ""])
    def test_a_row_of_many_columns_is_named(self, new_database: NewDatabase, key: str) -> None:
        """With the column that differs."""
        urls = new_database(), new_database()
        for url in urls:
            columns = ", ".join(f"c{n} bool" for n in range(1500))
            psql(url, f"CREATE TABLE wide (id int {key}, {columns}); INSERT INTO wide VALUES (1), (2), (3)")
        assert compared(*urls).exit_code == 0
        psql(urls[1], "UPDATE wide SET c1234 = true WHERE id = 2")
        (message,) = words(compared(*urls))
        assert "(id=2) is changed: c1234 NULL -> 't'" in message if key else "is missing" in message

    def test_a_table_without_columns(self, new_database: NewDatabase) -> None:
        """Counts."""
        urls = new_database(), new_database()
        for url in urls:
            psql(url, "CREATE TABLE none (); INSERT INTO none DEFAULT VALUES")
        psql(urls[1], "INSERT INTO none DEFAULT VALUES")
        assert "1 rows in the source, 2 in the target" in words(compared(*urls))[0]


class TestLocks:
    """Who keeps others from reading a table is named, and soon."""

    @pytest.mark.parametrize("side", [0, 1])
    def test_somebody_waits_to_change_a_table_that_is_compared(self, pair: Pair, side: int) -> None:
        """Every worker has its locks already, so that none waits behind."""
        with ThreadPoolExecutor(1) as other, Side("x", url_of(pair[side]), 2) as held:
            held.hold([table.oid for table in read_tables(held).values()])
            waiting = other.submit(psql, pair[side], "ALTER TABLE t ADD more int")
            wait_until(lambda: psql(pair[side], "SELECT 1 FROM pg_locks WHERE NOT granted") == [(1,)])
            answers = [held.ask("SELECT count(*) AS many FROM public.t") for _ in range(10)]
            assert [answer.result(5)[0]["many"] for answer in answers] == [1] * 10
            held.close()
            waiting.result(10)

    def test_a_worker_that_begins_anew_behind_somebody_who_waits(self, pair: Pair) -> None:
        """It says who that is."""
        with ThreadPoolExecutor(1) as other, Side("x", url_of(pair[0]), 1) as held:
            held.hold([table.oid for table in read_tables(held).values()])
            waiting = other.submit(psql, pair[0], "SET application_name = 'changer'; ALTER TABLE t ADD more int")
            wait_until(lambda: psql(pair[0], "SELECT 1 FROM pg_locks WHERE NOT granted") == [(1,)])
            with pytest.raises(psycopg.errors.DivisionByZero):
                held.ask("SELECT 1 / 0").result()
            with pytest.raises(
                psycopg.errors.LockNotAvailable, match=r"table (public\.)?t cannot be read: process \d+ of "
            ):
                held.ask("SELECT 1").result()
            held.close()
            waiting.result(10)

    def test_so_many_tables_that_the_first_alone_holds_them(self, new_database: NewDatabase) -> None:
        """Others fail soon, and name who waits; exit code 2."""
        urls = new_database(), new_database()
        for url in urls:
            psql(
                url, "DO $$ BEGIN FOR n IN 1..301 LOOP EXECUTE format('CREATE TABLE t%s (id int)', n); END LOOP; END $$"
            )
        with ThreadPoolExecutor(1) as other, Side("x", url_of(urls[0]), 2) as held:
            held.hold([table.oid for table in read_tables(held).values()])
            waiting = other.submit(psql, urls[0], "SET application_name = 'changer'; ALTER TABLE t7 ADD more int")
            wait_until(lambda: psql(urls[0], "SELECT 1 FROM pg_locks WHERE NOT granted") == [(1,)])
            with pytest.raises(psycopg.errors.LockNotAvailable, match=r"t7 cannot be read: .*\(changer\) waits"):
                held.ask("SELECT count(*) FROM public.t7").result(20)
            held.close()
            waiting.result(10)
