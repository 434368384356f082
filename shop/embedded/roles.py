"""The database roles of the embedded Postgres: a superuser that sets it up, and the shop's role, which owns the data.

The shop's role may do anything to the shop's tables and nothing else. It can neither read the server's files nor run
programs on its machine, which a superuser can do from SQL. Steps that need a superuser (roles, the extension `vector`)
run here, in single-user mode, before the server accepts its first connection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

SUPERUSER = "postgres"
ROLE = "lookalike"
DATABASE = "lookalike"

#: A file in the data directory, so that copies include it: the state that the cluster was prepared for.
MARKER = "lookalike-roles"
_VERSION = 1
_BOOTSTRAP = 10  # oid of the role that initdb creates (src/include/catalog/pg_authid.dat)
FIRST_OWN = 16384  # lower oids belong to the system (FirstNormalObjectId)
_HELPER = "lookalike_setup"

#: Runs SQL, one statement per line, in a database, in single-user mode as the cluster's superuser. Returns the output.
Session = Callable[[str, str], str]


class SetupFailed(Exception):
    """A statement failed. The message is the output of single-user mode."""


def prepared(data: Path, vector: str) -> bool:
    try:
        return (data / MARKER).read_text() == _state(vector)
    except OSError:
        return False


def prepare(data: Path, session: Session, vector: str, *, new: bool) -> None:
    """Create both roles, the shop's database and the extension in the stopped cluster in `data`.

    Safe to repeat, also after an interruption. In older clusters the shop ran as the superuser, which had the shop's
    role name: it is renamed, and the shop's objects get their new owner.

    Args:
        vector: version of the server's pgvector; the databases are updated to it.
        new: initdb has just created the cluster, and the shop's database does not exist yet.

    Raises:
        SetupFailed: a statement failed.
    """
    database = _CREATE_DATABASE if new else _OWN_DATABASE
    # New databases are copies of template1, so test and restored databases get the extension without a superuser.
    _run(session, "template1", [*_ROLES, *_EXTENSION, database])
    if not new:
        _run(session, DATABASE, [*_EXTENSION, _OWN_OBJECTS])
    (data / MARKER).write_text(_state(vector))


def _state(vector: str) -> str:
    return f"{_VERSION} vector {vector}\n"


def _run(session: Session, database: str, statements: Sequence[str]) -> None:
    output = session(database, "".join(" ".join(statement.split()) + ";\n" for statement in statements))
    # Single-user mode continues after an error and exits with 0.
    if re.search(r"\b(ERROR|FATAL|PANIC):", output):
        raise SetupFailed(output)


# A role cannot rename itself, so a helper role does it.
_ROLES = [
    f"DROP ROLE IF EXISTS {_HELPER}",
    f"CREATE ROLE {_HELPER} SUPERUSER",
    f"SET SESSION AUTHORIZATION {_HELPER}",
    f"""
    DO $$ BEGIN
        IF (SELECT rolname FROM pg_roles WHERE oid = {_BOOTSTRAP}) = '{ROLE}' THEN
            ALTER ROLE {ROLE} RENAME TO {SUPERUSER};
        END IF;
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
            CREATE ROLE {ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
        END IF;
    END $$
    """,  # noqa: S608  (constants of this module)
    f"SET SESSION AUTHORIZATION {SUPERUSER}",
    f"DROP ROLE {_HELPER}",
]
_EXTENSION = ["CREATE EXTENSION IF NOT EXISTS vector", "ALTER EXTENSION vector UPDATE"]
_CREATE_DATABASE = f"CREATE DATABASE {DATABASE} OWNER {ROLE}"
_OWN_DATABASE = f"ALTER DATABASE {DATABASE} OWNER TO {ROLE}"
# REASSIGN OWNED refuses the role that initdb created. Members of an extension, indexes, and the sequences and types of
# a table's columns or rows follow their owner object.
_OWN_OBJECTS = f"""
    DO $$ DECLARE found record; BEGIN
        FOR found IN
            SELECT what.type, what.identity
              FROM (SELECT 'pg_class'::regclass AS catalog, oid FROM pg_class
                     WHERE relowner = {_BOOTSTRAP} AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
                    UNION ALL
                    SELECT 'pg_type'::regclass, oid FROM pg_type
                     WHERE typowner = {_BOOTSTRAP} AND typtype IN ('d', 'e', 'r')
                    UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE proowner = {_BOOTSTRAP}
                    UNION ALL SELECT 'pg_namespace'::regclass, oid FROM pg_namespace WHERE nspowner = {_BOOTSTRAP}
                    UNION ALL SELECT 'pg_collation'::regclass, oid FROM pg_collation WHERE collowner = {_BOOTSTRAP}
                    UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config WHERE cfgowner = {_BOOTSTRAP}
                    UNION ALL SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict WHERE dictowner = {_BOOTSTRAP}
                   ) AS ours,
                   pg_identify_object(ours.catalog, ours.oid, 0) AS what
             WHERE ours.oid >= {FIRST_OWN}
               AND coalesce(what.schema, '') !~ '^pg_'
               AND NOT EXISTS (SELECT FROM pg_depend
                                WHERE classid = ours.catalog AND objid = ours.oid
                                  AND (deptype = 'e' OR (deptype IN ('a', 'i') AND what.type = 'sequence')))
        LOOP
            EXECUTE format('ALTER %s %s OWNER TO {ROLE}', found.type, found.identity);
        END LOOP;
    END $$
"""  # noqa: S608
