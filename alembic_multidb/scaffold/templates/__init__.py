"""The files that a new project begins with."""

from importlib.resources import files
from string import Template


def template(name: str, **values: str) -> str:
    """Return a template's text, with ``$name`` replaced where values are given."""
    text = files(__name__).joinpath(name).read_text(encoding="utf-8")
    return Template(text).substitute(values) if values else text
