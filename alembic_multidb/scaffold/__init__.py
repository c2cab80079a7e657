"""``multidb init``: the files of a new project, and an existing Alembic repository turned into one."""

from alembic_multidb.scaffold.adopt import plan_adoption
from alembic_multidb.scaffold.changes import FileChange, Plan, write
from alembic_multidb.scaffold.fresh import plan_init
from alembic_multidb.scaffold.wanted import WantedDatabase, parse_wanted

__all__ = ["FileChange", "Plan", "WantedDatabase", "parse_wanted", "plan_adoption", "plan_init", "write"]
