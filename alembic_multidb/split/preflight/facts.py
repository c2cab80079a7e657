"""What a database and its server are, and what this login may do there."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

# PostgreSQL 17 has another name for the locale of ICU and of its own provider.
_FACTS = text(
    """
    SELECT current_setting('server_version_num')::int AS version,
           d.datname AS database,
           pg_encoding_to_char(d.encoding) AS encoding,
           concat_ws(' ', d.datlocprovider, coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'),
                     d.datcollate, d.datctype) AS locale,
           d.datcollversion AS collation_version,
           pg_database_collation_actual_version(d.oid) AS library_version,
           r.rolname AS login,
           r.rolsuper AS is_superuser,
           r.rolsuper OR EXISTS (
               SELECT FROM pg_roles AS a
               WHERE a.rolname IN ('rds_superuser', 'cloudsqlsuperuser', 'alloydbsuperuser', 'azure_pg_admin',
                                   'neon_superuser')
                 AND pg_has_role(a.oid, 'MEMBER')) AS makes_extensions,
           pg_has_role(d.datdba, 'USAGE') AS is_owner,
           has_database_privilege(d.oid, 'CREATE') AS may_create,
           pg_is_in_recovery() AS is_standby,
           current_setting('max_locks_per_transaction')::bigint
               * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint)
               AS locks,
           pg_size_bytes(current_setting('maintenance_work_mem')) AS maintenance_memory,
           current_setting('max_parallel_maintenance_workers')::int AS parallel_workers,
           current_setting('dynamic_shared_memory_type') AS shared_memory,
           pg_backend_pid() AS pid
    FROM pg_database AS d CROSS JOIN pg_roles AS r
    WHERE d.datname = current_database() AND r.rolname = current_user
    """
)


@dataclass(frozen=True)
class Facts:
    """One database, its server and this login.

    Attributes:
        version: of the server, as a number.
        database: the database's name.
        encoding: of the database.
        locale: its provider and locales, in one text.
        collation_version: of the collation library when the database was made; None where it has none.
        library_version: of the library that the server has now.
        login: the role.
        is_superuser: whether it is one.
        makes_extensions: whether it is one, or what a hosting service lets create extensions instead.
        is_owner: whether it is the database's owner, or a member of it.
        may_create: whether it may make schemas and extensions.
        is_standby: whether the server only reads.
        locks: how many the server has room for.
        maintenance_memory: bytes that building one index may take.
        parallel_workers: how many may help with that.
        shared_memory: where their common memory is.
        pid: the process that serves this connection.
    """

    version: int
    database: str
    encoding: str
    locale: str
    collation_version: str | None
    library_version: str | None
    login: str
    is_superuser: bool
    makes_extensions: bool
    is_owner: bool
    may_create: bool
    is_standby: bool
    locks: int
    maintenance_memory: int
    parallel_workers: int
    shared_memory: str
    pid: int

    @property
    def major(self) -> int:
        """Return the server's major version."""
        return self.version // 10000


def read_facts(connection: Connection) -> Facts:
    """Ask a connected database."""
    return Facts(**connection.execute(_FACTS).one()._mapping)
