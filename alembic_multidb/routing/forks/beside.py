"""Files that a revision finds by its own place, ``__file__``: they go along with a fork of it."""

from __future__ import annotations

import ast
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import local

from alembic_multidb.routing.forks.compare import UnequalError
from alembic_multidb.routing.forks.edits import CannotCutError
from alembic_multidb.routing.forks.places import original_line
from alembic_multidb.routing.forks.proof import Proof

_here = local()
_WHY = (
    "it finds what it needs by its own place, __file__, and a fork of it is in another folder; put what it reads into "
    "the folder of the revisions, or into one beside that"
)


def files_beside(proof: Proof, text: str) -> Mapping[str, bytes]:
    """Return the files that a fork reads by its own place: by their path from there, what is in them.

    Args:
        proof: of the revision.
        text: the fork's file.

    Raises:
        CannotCutError: from another folder it does not find them.
    """
    places = [node.lineno for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name) and node.id == "__file__"]
    if not places:
        return {}
    folder = Path(proof.revision.path).resolve().parent
    with _opened() as paths:
        proof.check(text)
    near = [path for path in paths if path.is_relative_to(folder.parent) and path.suffix != ".pyc"]
    found = {os.path.relpath(path, folder): path.read_bytes() for path in near if path.is_file()}
    with tempfile.TemporaryDirectory() as other:
        copy = Path(other, "history", "versions", Path(proof.revision.path).name)
        write_beside(copy.parent, found)
        copy.write_text(text, encoding="utf-8")
        try:
            proof.check(text, str(copy))
        except UnequalError:
            raise CannotCutError.at(original_line(proof.source, text, places[0]), _WHY) from None
    return found


def write_beside(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files where revisions of a folder find them.

    Raises:
        OSError: one cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


@contextmanager
def _opened() -> Iterator[list[Path]]:
    """Collect the paths of all files that this thread opens until the block ends."""
    _listen()
    _here.paths = found = list[Path]()
    try:
        yield found
    finally:
        del _here.paths


@cache
def _listen() -> None:
    """Hear of files that are opened; Python never stops to tell of them, so that this is done once."""
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    paths = getattr(_here, "paths", None)
    if paths is not None and event == "open" and isinstance(arguments[0], (str, bytes)):
        paths.append(Path(os.fsdecode(arguments[0])).absolute())
