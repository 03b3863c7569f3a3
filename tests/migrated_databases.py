"""PostgreSQL databases with the newest schema, used again: to wipe one costs a tenth of making and removing it."""

import itertools
from typing import Any

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class that psycopg2 spells small
from psycopg2.sql import SQL, Identifier

from tests.postgres import PostgresServer

_TEMPLATE = "migrated"
_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"
_DIGEST = SQL("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t")
_ROWS = SQL("SELECT coalesce(json_agg(t), '[]')::text FROM {} t")
_PUT_BACK = SQL("INSERT INTO {0} SELECT * FROM json_populate_recordset(null::{0}, %s)")
_DELETE = SQL("DELETE FROM {}")
_IN_ANY_ORDER = SQL("SET session_replication_role = replica")  # so no foreign key is looked at
_SEQUENCES = SQL(
    "SELECT setval(seqrelid, seqstart, false) FROM pg_sequence"
    " JOIN pg_class ON pg_class.oid = seqrelid AND relnamespace = 'public'::regnamespace"
)
_END_CONNECTIONS = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s"
# What a test may have done to the schema: a copy keeps the numbers (oid) of what it is a copy of.
_SCHEMA = """
    WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)')
    SELECT md5(string_agg(line, E'\n' ORDER BY line)) FROM (
        SELECT concat_ws(' ', 'namespace', oid, nspname, nspacl) FROM pg_namespace WHERE oid IN (SELECT oid FROM ours)
        UNION ALL SELECT concat_ws(' ', 'class', oid, relnamespace, relname, relowner, relacl, reloptions)
            FROM pg_class WHERE relnamespace IN (SELECT oid FROM ours)
        UNION ALL SELECT concat_ws(' ', 'column', attrelid, attname, atttypid, atttypmod, attnotnull, atthasdef, attacl)
            FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
            WHERE relnamespace IN (SELECT oid FROM ours) AND attnum > 0
        UNION ALL SELECT concat_ws(' ', 'constraint', oid, conname, convalidated)
            FROM pg_constraint WHERE connamespace IN (SELECT oid FROM ours)
        UNION ALL SELECT concat_ws(' ', 'trigger', oid, tgname, tgenabled) FROM pg_trigger
        UNION ALL SELECT concat_ws(' ', 'rule', oid, rulename) FROM pg_rewrite
        UNION ALL SELECT concat_ws(' ', 'policy', oid, polname) FROM pg_policy
        UNION ALL SELECT concat_ws(' ', 'extension', oid, extname) FROM pg_extension
        UNION ALL SELECT concat_ws(' ', 'function', oid, proname)
            FROM pg_proc WHERE pronamespace IN (SELECT oid FROM ours)
        UNION ALL SELECT concat_ws(' ', 'setting', setrole, setconfig) FROM pg_db_role_setting
            JOIN pg_database ON pg_database.oid = setdatabase WHERE datname = current_database()
        UNION ALL SELECT concat_ws(' ', 'database', datdba, datistemplate, datallowconn, datconnlimit, datacl)
            FROM pg_database WHERE datname = current_database()
    ) AS lines(line)
"""


class MigratedDatabases:
    """Databases of one server that are as the migrations leave an empty one. Each is given out under a new name.

    What comes back is wiped. A database whose schema is not what it was, or that cannot be wiped, is removed.
    """

    def __init__(self, server: PostgresServer) -> None:
        """The server has the newest schema in its database `migrated`, which nobody writes to."""
        self._server = server
        self._numbers = itertools.count(1)
        self._spare: list[str] = []
        self._schema = ""
        self._rows: dict[str, str] = {}  # of each table, as JSON
        self._empty: list[str] = []
        self._digests: dict[str, str] = {}

    def take(self) -> str:
        """The name of a database that is as good as new."""
        if not self._schema:
            self._learn()
        if self._spare:
            return self._spare.pop()
        name = self._new_name()
        self._server.create_database(name, template=_TEMPLATE)
        return name

    def give_back(self, name: str) -> None:
        """Ends all connections to it, and keeps it for the next one."""
        new_name = self._new_name()  # who still knows the old one disturbs nobody
        try:
            self._server.execute(_END_CONNECTIONS, parameters=(name,))
            self._server.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(name), Identifier(new_name)))
            name = new_name
            if self._wiped(name):
                self._spare.append(name)
                return
        except psycopg2.Error:
            pass  # whatever hinders it hinders a removal less
        self._server.drop_database(name)

    def _new_name(self) -> str:
        return f"bars_{next(self._numbers)}"

    def _learn(self) -> None:
        with self._server.connection(_TEMPLATE) as connection, connection.cursor() as cursor:
            self._schema = _one(cursor, _SCHEMA)
            cursor.execute(_TABLES)
            tables = [table for (table,) in cursor.fetchall()]
            self._rows = {table: _one(cursor, _ROWS.format(Identifier(table))) for table in tables}
            self._empty = [table for table in tables if self._rows[table] == "[]"]
            self._digests = {table: _one(cursor, _DIGEST.format(Identifier(table))) for table in self._filled}

    @property
    def _filled(self) -> list[str]:
        return [table for table in self._rows if table not in self._empty]

    def _wiped(self, name: str) -> bool:
        """Puts its tables back; False where that is not enough."""
        with self._server.connection(name) as connection, connection.cursor() as cursor:
            if _one(cursor, _SCHEMA) != self._schema:
                return False
            deletions = [_DELETE.format(Identifier(table)) for table in self._empty]
            cursor.execute(SQL("; ").join([_IN_ANY_ORDER, *deletions, _SEQUENCES]))
            for table in self._filled:
                if _one(cursor, _DIGEST.format(Identifier(table))) != self._digests[table]:
                    cursor.execute(_DELETE.format(Identifier(table)))
                    cursor.execute(_PUT_BACK.format(Identifier(table)), (self._rows[table],))
        return True


def _one(cursor: Cursor, query: Any) -> str:
    """The one value that the query gives."""
    cursor.execute(query)
    ((value,),) = cursor.fetchall()
    return str(value)
