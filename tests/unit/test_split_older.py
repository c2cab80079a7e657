"""Scripts of pg_dump 18 for servers that are older."""

from __future__ import annotations

from alembic_multidb.split.older import for_older

_SCRIPT = '''CREATE TABLE public.small (
    NOT NULL b,
    w integer DEFAULT 1,
    CONSTRAINT "my ""name""" NOT NULL "C c"
)
INHERITS (public.one, public.two);


CREATE TABLE public."all Of it" (
    NOT NULL b
)
INHERITS (public.one);


CREATE TABLE public.plain (
    a integer NOT NULL,
    b text DEFAULT 'NOT NULL c'::text
);
'''


def test_what_children_forbid_comes_after_the_tables() -> None:
    """Lines that are constraints of inherited columns become statements of their own; nothing else changes."""
    found = for_older(_SCRIPT)
    assert "public.small (\n    w integer DEFAULT 1\n)\nINHERITS (public.one, public.two);" in found
    assert 'public."all Of it" (\n\n)\nINHERITS' in found
    assert found.endswith(
        "'NOT NULL c'::text\n);\n"
        "ALTER TABLE ONLY public.small ALTER COLUMN b SET NOT NULL;\n"
        'ALTER TABLE ONLY public.small ALTER COLUMN "C c" SET NOT NULL;\n'
        'ALTER TABLE ONLY public."all Of it" ALTER COLUMN b SET NOT NULL;\n'
    )
    assert for_older("SELECT 1;\n") == "SELECT 1;\n"
