"""``python -m alembic_multidb`` is the ``multidb`` command."""

from alembic_multidb.cli import main

if __name__ == "__main__":
    main()
