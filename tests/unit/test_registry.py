"""The registry: homes, soft references, and everything that can be known to be wrong beforehand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    Column,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_mock_engine,
    event,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import DDL

from alembic_multidb import Database, Databases, MultidbError, SoftReference
from alembic_multidb.errors import UnknownDatabaseError
from alembic_multidb.registry import ColumnNames, TableName


def metadata(*tables: str, **arguments: Any) -> MetaData:
    """Make a MetaData; ``"a.user_id->users.id"`` gives table a that column with a foreign key."""
    made = MetaData(**arguments)
    for text in tables:
        source, _, target = text.partition("->")
        name, _, column = source.partition(".")
        columns = [Column(column, Integer, ForeignKey(target))] if target else []
        Table(name, made, Column("id", Integer, primary_key=True), *columns)
    return made


def two(meta: MetaData, tables: list[str], **ai: Any) -> Databases:
    return Databases(Database("core", metadata=meta, default=True), Database("ai", metadata=meta, tables=tables, **ai))


class TestHomes:
    """Every table has one home."""

    def test_patterns_claim_and_the_default_takes_the_rest(self) -> None:
        """With or without a model; a prefix is no home."""
        databases = two(metadata("users", "ai_memories", "ai_insights"), ["ai_mem*", "vectors.*"])
        assert databases.home("ai_memories") == "ai"
        assert databases.home("ai_insights") == "core"
        assert databases.home("users") == "core"
        assert databases.home("unmodelled") == "core"
        assert databases.home("vectors.anything") == "ai"
        assert databases.home("public.ai_memories") == "ai"

    def test_own_metadata_bind_key_and_schemas_are_explicit_answers(self) -> None:
        """Each rule by itself, and the explanation names it."""
        shared = MetaData()
        Table("marked", shared, Column("id", Integer), info={"bind_key": "ai"})
        Table("invoices", shared, Column("id", Integer), schema="billing")
        databases = Databases(
            Database("core", metadata=[shared, metadata("own_core")]),
            Database("ai", metadata=[shared, metadata("own_ai")]),
            Database("billing", metadata=shared, schemas=["billing"]),
        )
        assert str(databases.explain("marked")) == 'table "marked" is at home in "ai": info["bind_key"] of its model'
        assert 'which only "core" has' in str(databases.explain("own_core"))
        assert databases.home("own_ai") == "ai"
        assert 'schemas= of "billing" ("billing")' in str(databases.explain("billing.invoices"))
        assert databases.home("elsewhere") is None
        assert "has no home" in str(databases.explain("elsewhere"))

    def test_a_table_object_may_be_asked_about(self) -> None:
        """As well as a name."""
        meta = metadata("users")
        assert two(meta, []).home(meta.tables["users"]) == "core"

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Databases(Database("core", metadata=metadata("t")), Database("ai", tables=["t"])),
            lambda: Databases(Database("core", tables=["t*"], default=True), Database("ai", tables=["*"])).home("t"),
            lambda: Databases(Database("a", schemas=["s"]), Database("b", tables=["s.*"])).home("s.t"),
            lambda: Databases(Database("a", schemas=["public"]), Database("b", tables=["t"])).home("t"),
        ],
    )
    def test_two_homes_that_differ_are_an_error_with_table_rules_and_fix(self, make: Callable[[], object]) -> None:
        """At once for a model, when asked for a live table."""
        with pytest.raises(MultidbError, match=r'table "(s\.)?t" has two homes: .* by .*; .* by .*: change one'):
            make()

    def test_one_metadata_given_to_one_database_only_hints_at_the_fix(self) -> None:
        """The commonest mistake: the models share one Base, but only one database names it."""
        with pytest.raises(MultidbError, match="give the same metadata= to both"):
            Databases(Database("core", metadata=metadata("t")), Database("ai", tables=["t"]))

    def test_two_rules_that_agree_are_fine(self) -> None:
        """Both are told."""
        databases = Databases(Database("a", metadata=metadata("t"), tables=["t"]))
        assert len(databases.explain("t").rules) == 2

    def test_models_without_a_home_are_named_all_at_once(self) -> None:
        """No default: every model needs a rule."""
        meta = metadata("one", "two")
        with pytest.raises(MultidbError, match='tables "one", "two" have no home: name them in tables='):
            Databases(Database("core", metadata=meta), Database("ai", metadata=meta))

    def test_an_unknown_bind_key_is_an_error(self) -> None:
        """It names the known databases."""
        meta = MetaData()
        Table("t", meta, info={"bind_key": "other"})
        with pytest.raises(MultidbError, match="'other', which is no database of the registry; known are core, ai"):
            two(meta, [])


class TestSoftReferences:
    """Columns that point at another database."""

    def test_both_spellings_are_the_same(self) -> None:
        """The object and the arrow."""
        databases = two(
            metadata("users", "ai_m.user_id->users.id", "ai_n.user_id->users.id"),
            ["ai_*"],
            soft_references=[
                SoftReference("ai_m.user_id", "users.id", ondelete="CASCADE"),
                "ai_n.user_id -> users.id",
            ],
        )
        assert [str(reference) for reference in databases.soft_references] == [
            "ai_m.user_id -> users.id",
            "ai_n.user_id -> users.id",
        ]
        assert databases["ai"].soft_references == databases.soft_references
        assert databases.soft_references[0].ondelete == "CASCADE"

    def test_a_crossing_foreign_key_without_one_prints_lines_that_can_be_pasted(self) -> None:
        """The printed lines, pasted, make the same declaration valid; several columns and schemas included."""
        meta = metadata("users")
        Table("pairs", meta, Column("a", Integer), Column("b", Integer), schema="s")
        Table(
            "ai_odd",
            meta,
            Column("A b", Integer),
            Column("c", Integer),
            Column("user_id", Integer, ForeignKey("users.id", ondelete="SET NULL")),
            ForeignKeyConstraint(["A b", "c"], ["s.pairs.a", "s.pairs.b"]),
        )
        with pytest.raises(MultidbError) as caught:
            two(meta, ["ai_*"])
        message = str(caught.value)
        assert 'in Database("ai", soft_references=[...])' in message
        lines = "".join(line for line in message.splitlines() if line.lstrip().startswith("SoftReference("))
        references = eval(f"[{lines}]", {"SoftReference": SoftReference})
        assert len(references) == 2
        assert two(meta, ["ai_*"], soft_references=references).home("ai_odd") == "ai"

    @pytest.mark.parametrize(
        ("reference", "message"),
        [
            ("ai_m.no_such -> users.id", 'table "ai_m" has no column "no_such"; it has id, user_id'),
            ("ai_m.user_id -> users.no_such", 'table "users" has no column "no_such"'),
            ("ai_m.user_id -> user.id", 'there is no table "user"'),
            ("ai_x.user_id -> users.id", 'table "ai_x" is at home in "core"|there is no table "ai_x"'),
            ("users.id -> ai_m.id", 'table "users" is at home in "core"; declare the soft reference there'),
            ("ai_m.user_id -> ai_m.id", 'both tables are at home in "ai"'),
            ("ai_m.user_id", "is not a soft reference: write"),
            ("ai_m -> users.id", '"ai_m" is not a column'),
            ("ai_m(a, b) -> users.id", "different numbers of columns"),
            (SoftReference("ai_m.user_id", "teams.id"), 'there is no table "teams"'),
        ],
    )
    def test_a_wrong_one_is_named(self, reference: Any, message: str) -> None:
        """Column, table or spelling."""
        with pytest.raises(MultidbError, match=message.replace("(", r"\(").replace(")", r"\)")):
            two(metadata("users", "ai_m.user_id->users.id"), ["ai_m"], soft_references=[reference])

    def test_a_table_that_tables_names_needs_no_model(self) -> None:
        """On either side; and a database without models is believed."""
        meta = metadata("ai_m")
        Databases(
            Database("core", tables=["users"], default=True),
            Database("ai", metadata=meta, tables=["ai_live"], soft_references=["ai_live.user_id -> users.id"]),
        )
        Databases(
            Database("core", default=True),
            Database("ai", metadata=meta, soft_references=["ai_m.id -> users.id"]),
        )

    def test_another_target_than_the_foreign_keys_is_no_declaration(self) -> None:
        """The foreign key still needs its own."""
        meta = metadata("users", "teams", "ai_m.user_id->users.id")
        with pytest.raises(MultidbError, match=r'SoftReference\("ai_m.user_id", "users.id"\)'):
            two(meta, ["ai_m"], soft_references=["ai_m.user_id -> teams.id"])

    @pytest.mark.parametrize("ondelete", ["cascade", "SET NULL"])
    def test_ondelete_takes_sqls_words(self, ondelete: str) -> None:
        """And nothing else."""
        assert SoftReference("a.b", "c.d", ondelete=ondelete).ondelete == ondelete
        with pytest.raises(MultidbError, match="ondelete"):
            SoftReference("a.b", "c.d", ondelete="EXPLODE")

    @pytest.mark.parametrize(
        ("arguments", "message"), [({"name": ""}, "name= takes"), ({"deferrable": "yes"}, "deferrable= is True or")]
    )
    def test_what_the_foreign_key_would_be_is_checked(self, arguments: dict[str, Any], message: str) -> None:
        """Its name is a text, and whether it can be deferred is one of two words."""
        assert SoftReference("a.b", "c.d", name="fk", deferrable=True).name == "fk"
        with pytest.raises(MultidbError, match=message):
            SoftReference("a.b", "c.d", **arguments)


class TestDeclarations:
    """Validated on construction, frozen afterwards."""

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: Databases(), "is empty"),
            (lambda: Databases(Database("a"), Database("a")), '2 databases are named "a"'),
            (
                lambda: Databases(Database("a", default=True), Database("b", default=True)),
                "default=True is set on",
            ),
            (lambda: Databases("a"), "takes Database"),  # type: ignore[arg-type]
            (lambda: Database(""), "a database's name is"),
            (lambda: Database("a b"), "a database's name is"),
            (lambda: Database("alembic"), 'cannot be named "alembic"'),
            (lambda: Database("DEFAULT"), 'cannot be named "DEFAULT"'),
            (lambda: Database("logger_root"), 'cannot be named "logger_root"'),
            (lambda: Database("a", metadata=Table), "metadata= takes a MetaData"),  # type: ignore[arg-type]
            (lambda: Database("a", tables="ai_*"), "tables= takes a list"),
            (lambda: Database("a", schemas="ai"), "schemas= takes a list"),
            (lambda: Database("a", url=5), "url= takes a URL"),  # type: ignore[arg-type]
            (lambda: Database("a", extensions=["vector"]), "extensions= takes a dict"),  # type: ignore[arg-type]
            (lambda: Database("a", extensions={"vector": "0.7"}), "is not a lowest version"),
            (lambda: Database("a", extensions={"vector": 1}), "is not a lowest version"),  # type: ignore[dict-item]
            (lambda: Database("a", unmodelled="ignore"), "unmodelled= is"),  # type: ignore[arg-type]
            (lambda: Database("a", version_table="s.t"), "version_table_schema="),
            (lambda: Database("a", soft_references="a.b -> c.d"), "soft_references= takes a list"),
            (lambda: Databases(Database("a", shared_with="b")), "which is no database"),
            (lambda: Databases(Database("a", shared_with="a")), "shared_with itself"),
            (
                lambda: Databases(Database("a", shared_with=["b"]), Database("b")),
                'version_table="alembic_version_a"',
            ),
        ],
    )
    def test_what_cannot_be_used_is_refused(self, make: Callable[[], object], message: str) -> None:
        """With the argument's name and what is expected."""
        with pytest.raises(MultidbError, match=message):
            make()

    def test_sharing_needs_another_version_table_or_schema(self) -> None:
        """Either is enough, and one side's word counts for both."""
        databases = Databases(Database("a", shared_with="b", version_table_schema="s"), Database("b"))
        assert databases["b"].may_share_with == {"a"}
        assert databases["a"].may_share_with == {"b"}

    def test_declarations_are_frozen(self) -> None:
        """A Database, its extensions and a SoftReference cannot be changed."""
        database = Database("a", extensions={"vector": "*"})
        with pytest.raises(dataclasses.FrozenInstanceError):
            database.name = "b"  # type: ignore[misc]
        with pytest.raises(TypeError):
            database.extensions["x"] = "*"  # type: ignore[index]
        with pytest.raises(dataclasses.FrozenInstanceError):
            SoftReference("a.b", "c.d").column = "x.y"  # type: ignore[misc]

    def test_no_url_is_in_a_repr(self) -> None:
        """A declaration may hold a password; tracebacks print reprs."""
        databases = Databases(Database("a", url="postgresql://u:S3cret@h/d", migration_url="postgresql://u:S3cret@h/d"))
        assert "S3cret" not in repr(databases) + repr(databases["a"]) + repr(databases["a"].declaration)

    def test_it_is_a_mapping_in_the_order_of_declaration(self) -> None:
        """And an unknown name says which are known."""
        databases = Databases(Database("z"), Database("a"))
        assert list(databases) == ["z", "a"]
        assert databases["a"].name == "a"
        with pytest.raises(UnknownDatabaseError, match="known are z, a"):
            databases["b"]
        assert databases.get("b") is None

    def test_extensions_of_others_are_foreign_unless_shared(self) -> None:
        """What core must not have."""
        ai = Database("ai", extensions={"vector": "*"}, version_table="v")
        assert dict(Databases(Database("core"), ai)["core"].foreign_extensions) == {"vector": "ai"}
        assert not Databases(Database("core", shared_with="ai"), ai)["core"].foreign_extensions
        assert not Databases(Database("core", extensions={"vector": "*"}), ai)["core"].foreign_extensions


class TestDerivedMetadata:
    """The home's tables in a MetaData of their own."""

    def test_it_has_its_own_tables_without_crossing_foreign_keys(self) -> None:
        """And the user's MetaData is as it was."""
        meta = metadata("users", "teams.user_id->users.id", "ai_m.user_id->users.id")
        databases = two(meta, ["ai_*"], soft_references=["ai_m.user_id -> users.id"])
        core, ai = databases["core"].metadata, databases["ai"].metadata
        assert set(core.tables) == {"users", "teams"}
        assert set(ai.tables) == {"ai_m"}
        assert len(core.tables["teams"].foreign_keys) == 1
        table = ai.tables["ai_m"]
        assert not table.foreign_keys and not table.foreign_key_constraints
        assert not table.c.user_id.foreign_keys
        assert [table.name for table in ai.sorted_tables] == ["ai_m"]
        assert set(meta.tables) == {"users", "teams", "ai_m"}
        assert len(meta.tables["ai_m"].foreign_keys) == 1

    def test_naming_convention_schema_prefixes_and_comments_come_along(self) -> None:
        """SQLAlchemy's own to_metadata() loses the prefixes."""
        meta = MetaData(schema="app", naming_convention={"pk": "pk_%(table_name)s"})
        Table("t", meta, Column("id", Integer, primary_key=True), prefixes=["UNLOGGED"], comment="c")
        derived = Databases(Database("a", metadata=meta))["a"].metadata
        table = derived.tables["app.t"]
        assert (derived.schema, derived.naming_convention["pk"]) == ("app", "pk_%(table_name)s")
        assert (table.primary_key.name, table.comment, list(table._prefixes)) == ("pk_t", "c", ["UNLOGGED"])

    def test_metadata_of_different_naming_conventions_keep_their_names(self) -> None:
        """As with plain Alembic's list of MetaData; the derived one then follows none of them."""
        named = MetaData(naming_convention={"pk": "pk_%(table_name)s"})
        plain = MetaData()
        Table("a", named, Column("id", Integer, primary_key=True))
        Table("b", plain, Column("id", Integer, primary_key=True))
        derived = Databases(Database("core", metadata=[named, plain]))["core"].metadata
        assert [table.primary_key.name for table in derived.sorted_tables] == ["pk_a", None]
        assert derived.naming_convention == MetaData().naming_convention

    def test_ddl_events_come_along_once(self) -> None:
        """Of the table and of the MetaData; an enum's own are not doubled."""
        meta = MetaData()
        table = Table("t", meta, Column("id", Integer), Column("kind", Enum("a", "b", name="kind")))
        ran: list[str] = []
        event.listen(table, "after_create", DDL("CREATE POLICY p ON t"))  # type: ignore[no-untyped-call]
        event.listen(table, "before_drop", lambda target, connection, **kw: ran.append("before_drop of table"))
        event.listen(meta, "before_create", lambda target, connection, **kw: ran.append("before_create of metadata"))

        derived = Databases(Database("a", metadata=meta))["a"].metadata

        def execute(ddl: Any, *_: Any, **__: Any) -> None:
            ran.append(str(ddl.compile(dialect=postgresql.dialect())).strip())  # type: ignore[no-untyped-call]

        engine: Any = create_mock_engine("postgresql+psycopg://", execute)
        derived.create_all(engine, checkfirst=False)
        derived.drop_all(engine, checkfirst=False)
        assert [text.split("(")[0].strip() for text in ran] == [
            "before_create of metadata",
            "CREATE TYPE kind AS ENUM",
            "CREATE TABLE t",
            "CREATE POLICY p ON t",
            "before_drop of table",
            "DROP TABLE t",
            "DROP TYPE kind",
        ]

    def test_a_foreign_key_by_name_in_a_metadata_with_a_schema_is_resolved_there(self) -> None:
        """ForeignKey("users.id") means the MetaData's own schema."""
        meta = MetaData(schema="app")
        Table("users", meta, Column("id", Integer, primary_key=True))
        Table("ai_m", meta, Column("id", Integer), Column("user_id", Integer, ForeignKey("users.id")))
        with pytest.raises(MultidbError, match=r'SoftReference\("app.ai_m.user_id", "app.users.id"\)'):
            two(meta, ["app.ai_*"])

    def test_a_foreign_key_by_column_object_is_understood(self) -> None:
        """Across two MetaData, as with two declarative bases."""
        core = metadata("users")
        ai = MetaData()
        Table("ai_m", ai, Column("user_id", Integer, ForeignKey(core.tables["users"].c.id)))
        with pytest.raises(MultidbError, match=r'SoftReference\("ai_m.user_id", "users.id"\)'):
            Databases(Database("core", metadata=core), Database("ai", metadata=ai))
        databases = Databases(
            Database("core", metadata=core),
            Database("ai", metadata=ai, soft_references=["ai_m.user_id -> users.id"]),
        )
        assert not databases["ai"].metadata.tables["ai_m"].foreign_keys

    def test_the_same_table_in_two_metadata_of_one_database_is_an_error(self) -> None:
        """Which of them would it be?"""
        databases = Databases(Database("a", metadata=[metadata("t"), metadata("t")]))
        with pytest.raises(MultidbError, match='table "t" is in two of the MetaData'):
            databases["a"].metadata  # noqa: B018

    def test_tables_of_this_home_in_anothers_metadata_are_found(self) -> None:
        """By bind_key, where the MetaData is nobody's own."""
        meta = MetaData()
        Table("t", meta, Column("id", Integer), info={"bind_key": "c"})
        databases = Databases(Database("a", metadata=meta), Database("b", metadata=meta), Database("c"))
        assert set(databases["c"].metadata.tables) == {"t"}


class TestSpellings:
    """References in the spellings that models use."""

    def test_a_target_columns_key_is_told_by_its_name(self) -> None:
        """SQLAlchemy's ForeignKey("users.id") names the key; the declaration names the column."""
        meta = MetaData()
        Table("users", meta, Column("user_pk", Integer, key="id", primary_key=True))
        Table("ai_m", meta, Column("u", Integer, ForeignKey("users.id")))
        with pytest.raises(MultidbError, match=r'SoftReference\("ai_m.u", "users.user_pk"\)'):
            two(meta, ["ai_*"])
        assert two(meta, ["ai_*"], soft_references=["ai_m.u -> users.user_pk"]).home("ai_m") == "ai"

    def test_several_columns_may_stand_in_any_order(self) -> None:
        """What counts is which points at which."""
        meta = MetaData()
        Table("users", meta, Column("i", Integer), Column("t", Integer))
        Table(
            "ai_m",
            meta,
            Column("a", Integer),
            Column("b", Integer),
            ForeignKeyConstraint(["b", "a"], ["users.t", "users.i"]),
        )
        assert two(meta, ["ai_*"], soft_references=["ai_m(a, b) -> users(i, t)"]).home("ai_m") == "ai"
        with pytest.raises(MultidbError, match="these foreign keys leave"):
            two(meta, ["ai_*"], soft_references=["ai_m(a, b) -> users(t, i)"])

    def test_postgresql_15s_set_null_of_columns(self) -> None:
        """The printed line is accepted."""
        assert SoftReference("a.b", "c.d", ondelete="SET NULL (b)").ondelete == "SET NULL (b)"

    def test_a_bind_key_of_the_metadata(self) -> None:
        """As Flask-SQLAlchemy 3 sets it."""
        bound = MetaData()
        bound.info["bind_key"] = "ai"
        Table("t", bound, Column("id", Integer))
        databases = Databases(Database("core", metadata=bound, default=True), Database("ai", metadata=bound))
        assert str(databases.explain("t")) == 'table "t" is at home in "ai": info["bind_key"] of its MetaData'

    def test_a_crossing_column_of_which_nobody_tells_the_type(self) -> None:
        """Its foreign key was to give it, but no model has the target."""
        meta = MetaData()
        Table("ai_m", meta, Column("u", ForeignKey("users.id")))
        with pytest.raises(MultidbError, match=r'column "ai_m\.u" has no type of its own'):
            Databases(
                Database("core", default=True),
                Database("ai", metadata=meta, soft_references=["ai_m.u -> users.id"]),
            )

    def test_models_that_come_later_are_checked_then(self) -> None:
        """A crossing foreign key does not slip in after the registry was made."""
        meta = metadata("users")
        databases = two(meta, ["ai_*"])
        Table("ai_late", meta, Column("u", Integer, ForeignKey("users.id")))
        for ask in (lambda: databases.home("users"), lambda: databases["ai"].metadata):
            with pytest.raises(MultidbError, match=r'SoftReference\("ai_late.u", "users.id"\)'):
                ask()

    @pytest.mark.parametrize(
        "make",
        [
            lambda: SoftReference(1, 2),  # type: ignore[arg-type]
            lambda: SoftReference("a.b", "c.d", ondelete=1),  # type: ignore[arg-type]
            lambda: SoftReference("t(a,a)", "u(b,c)"),
            lambda: SoftReference("t(a,b)", "u(c,c)"),
            lambda: Database("a", soft_references=[5]),  # type: ignore[list-item]
            lambda: Database("a", soft_references=None),  # type: ignore[arg-type]
            lambda: Database("a", tables=None),  # type: ignore[arg-type]
            lambda: Database("a", schemas=5),  # type: ignore[arg-type]
            lambda: Database("a", shared_with=None),  # type: ignore[arg-type]
            lambda: Database("a", version_table_schema=""),
            lambda: Database("a", default="no"),  # type: ignore[arg-type]
            lambda: Database("a", extensions={"": "*"}),
            lambda: Database("a", extensions={1: "*"}),  # type: ignore[dict-item]
            lambda: Database("a", url=""),
            lambda: Database("a", url="env:"),
            lambda: Database("a", url="env:postgresql://u:p@h/d"),
            lambda: Databases(Database("a"), environment="env:"),
        ],
    )
    def test_values_of_the_wrong_kind_are_our_error(self, make: Callable[[], object]) -> None:
        """Never a bare TypeError or AttributeError, and never taken silently."""
        with pytest.raises(MultidbError):
            make()


NAME = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=10)


class TestNames:
    """Names as soft references write them."""

    @given(st.one_of(st.none(), NAME), NAME, st.lists(NAME, min_size=1, max_size=3))
    def test_what_is_printed_reads_back(self, schema: str | None, table: str, columns: list[str]) -> None:
        """Dots, quotes, parentheses and commas in names included."""
        names = ColumnNames(TableName.of(schema, table), tuple(columns))
        assert ColumnNames.parse(str(names)) == names
        assert TableName.parse(names.table.quoted) == names.table

    @pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a.b.c.d", '"a.b'])
    def test_what_is_no_column_is_refused(self, text: str) -> None:
        """With the spelling that is expected."""
        with pytest.raises(MultidbError, match="is not a"):
            ColumnNames.parse(text)


def test_a_string_column_is_no_foreign_key() -> None:
    """Nothing but foreign keys crosses."""
    meta = MetaData()
    Table("users", meta, Column("id", String))
    Table("ai_m", meta, Column("user_id", String))
    assert two(meta, ["ai_m"]).soft_references == ()


def test_unique_and_index_columns_keep_the_names_of_their_convention() -> None:
    """SQLAlchemy makes their constraints and indexes anew in a copy, which has no convention yet."""
    metadata = MetaData(naming_convention={"uq": "uq_%(table_name)s_%(column_0_name)s", "ix": "idx_%(column_0_name)s"})
    table = Table("a", metadata, Column("one", Integer, unique=True), Column("two", Integer, index=True))
    copy = Databases(Database("core", metadata=metadata, default=True))["core"].metadata.tables["a"]
    for each in (table, copy):
        assert [item.name for item in each.constraints if isinstance(item, UniqueConstraint)] == ["uq_a_one"]
        assert [item.name for item in each.indexes] == ["idx_two"]
