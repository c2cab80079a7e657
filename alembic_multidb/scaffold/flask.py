"""What Flask-Migrate's env.py takes from the application, for outside of the ``flask`` command too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from alembic_multidb.scaffold.adoptpy import Head
from alembic_multidb.scaffold.envfile import EnvFile

# What Flask-Migrate's templates define, and the registry's module replaces.
FLASK_NAMES = frozenset(
    {
        *("current_app", "target_db", "get_engine", "get_engine_url", "get_metadata", "bind_names", "get_bind_names"),
        *("conf_args", "process_revision_directives", "bind", "USE_TWOPHASE"),
    }
)

_SKIPPED = frozenset({"node_modules", "site-packages", "__pycache__", "build", "dist"})
_FUNCTION = re.compile(r"^def upgrade_(\w+)\(", re.MULTILINE)

REGISTRY_HEAD = Head(
    imports=(
        "import os",
        "from pathlib import Path",
        "",
        "from dotenv import load_dotenv",
        "from flask import Flask, current_app, has_app_context",
        "from flask.cli import ScriptInfo",
        "",
        "from alembic_multidb import MultidbError",
    ),
    code='''
HERE = Path(__file__).parent


def application() -> Flask:
    """Return the running application; where there is none, load the one that the flask command would load here."""
    if has_app_context():
        return current_app._get_current_object()
    for name in (".env", ".flaskenv"):
        load_dotenv(HERE / name)
    found = [name for name in ("wsgi.py", "app.py") if (HERE / name).is_file()]
    name = os.environ.get("FLASK_APP") or (found or [None])[0]
    if name is None:
        raise MultidbError("there is no Flask application: set FLASK_APP, as for the flask command")
    app = ScriptInfo(str(HERE / name)).load_app()
    app.app_context().push()
    return app


migrate = application().extensions["migrate"]
configure_args = dict(migrate.configure_args)
version_table = configure_args.pop("version_table", "alembic_version")
version_table_schema = configure_args.pop("version_table_schema", None)


def metadata(bind=None):
    """Return the models of a bind; None is the one without a name."""
    return migrate.db.metadatas[bind] if hasattr(migrate.db, "metadatas") else migrate.db.metadata


def url(bind=None):
    """Return the URL of a bind."""
    engine = migrate.db.engines[bind] if hasattr(migrate.db, "engines") else migrate.db.get_engine(bind)
    return engine.url
''',
)

ENV_CODE = '''
def write_no_empty_revision(migration_context, revision, directives):
    """Make no revision where nothing has changed, as Flask-Migrate does."""
    is_autogenerate = getattr(context.config.cmd_opts, "autogenerate", False)
    if is_autogenerate and all(ops.is_empty() for ops in directives[0].upgrade_ops_list):
        directives[:] = []
'''
ENV_ARGUMENT = '**{"process_revision_directives": write_no_empty_revision, **configure_args}'


def is_flask(env: EnvFile) -> bool:
    """Tell whether env.py is one of Flask-Migrate's."""
    return any(re.search(r"extensions\[.migrate.\]", statement.source) for statement in env.statements)


def is_multidb(env: EnvFile) -> bool:
    """Tell whether env.py runs several databases, one after the other."""
    return any("engine_name=" in statement.source for statement in env.of_role("runner"))


def bind_names(folder: Path, versions: Path) -> tuple[str, ...]:
    """Return the names of the binds: what the revisions have functions for, and what SQLALCHEMY_BINDS says."""
    found: dict[str, None] = {}
    for file in sorted(versions.rglob("*.py")):
        found |= dict.fromkeys(_FUNCTION.findall(file.read_text(encoding="utf-8")))
    for file in _python_files(folder):
        text = file.read_text(encoding="utf-8", errors="replace")
        if "SQLALCHEMY_BINDS" in text:
            found |= dict.fromkeys(_declared_binds(text))
    return tuple(found)


def _declared_binds(text: str) -> Iterator[str]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        values: list[ast.expr | None] = []
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            values = [node.value] if any("SQLALCHEMY_BINDS" in ast.unparse(target) for target in targets) else []
        elif isinstance(node, ast.keyword) and node.arg == "SQLALCHEMY_BINDS":
            values = [node.value]
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            values = [
                value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "SQLALCHEMY_BINDS"
            ]
        yield from (name for value in values for name in _keys(value))


def _keys(node: ast.expr | None) -> list[str]:
    keys = node.keys if isinstance(node, ast.Dict) else []
    return [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]


def _python_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith(".") and path.name not in _SKIPPED:
            if not (path / "pyvenv.cfg").exists():
                yield from _python_files(path)
        elif path.suffix == ".py":
            yield path
