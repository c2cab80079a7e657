"""How PostgreSQL's catalog writes settings of databases and roles."""

from __future__ import annotations

# Their values are lists of quoted names, which only the server itself takes apart again; pg_dump knows them, too.
QUOTED_LISTS = frozenset({"search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries"})
