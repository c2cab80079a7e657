"""A revision that cannot be loaded: commands that read only the history stop here, with the same error."""

import sys

from alembic.config import Config

from alembic_multidb.config import choose_error


def _config_of_the_running_command() -> Config | None:
    """Find the Config in the frames of Alembic's command, which passes it to no revision file."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        config = frame.f_locals.get("config")
        if isinstance(config, Config):
            return config
    return None


raise choose_error(_config_of_the_running_command())
