"""Sphinx configuration."""

from importlib.metadata import version as installed_version

project = "alembic-multidb"
author = "The alembic_multidb founders"
copyright = "2026, the alembic_multidb founders"
release = version = installed_version("alembic-multidb")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_typehints = "none"
autodoc_member_order = "bysource"
suppress_warnings = ["myst.header"]
html_theme = "furo"
exclude_patterns = ["_build"]
