"""PostgreSQL: one writer at a time, readers that see one state, and limits on waiting."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from toolkit.errors import StorageError
from toolkit.storage.refusals import refusals, traces_left

LOCK_SECONDS = 15
STATEMENT_SECONDS = 60
IDLE_SECONDS = 60
CONNECT_SECONDS = 10
TURN_KEY = int.from_bytes(b"eot-turn")
"""Names the lock of writers; every database has its own."""
READING: Mapping[str, Any] = MappingProxyType({"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
REWRITTEN = ("responses", "invitations", "drafts", "draft_answers", "respondent_sessions")
"""The tables of people and of answers, from which rows are deleted."""

_NEXT_TRANSACTION = "SELECT mod(pg_snapshot_xmax(pg_current_snapshot())::text::numeric, 4294967296)::text"
_OLDER_STATES = """
SELECT (SELECT count(*) FROM pg_stat_activity
        WHERE (datname = current_database() OR datname IS NULL) AND pid <> pg_backend_pid()
          AND age(backend_xmin) > age('{next}'::xid))
     + (SELECT count(*) FROM pg_replication_slots WHERE age(xmin) > age('{next}'::xid))
     + (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database())
"""


def open_server(address: URL) -> Engine:
    """Return an engine for a database of a server; nobody is called yet."""
    limits = {
        "statement_timeout": STATEMENT_SECONDS,
        "lock_timeout": LOCK_SECONDS,
        "idle_in_transaction_session_timeout": IDLE_SECONDS,
    }
    engine = create_engine(
        address,
        pool_size=8,
        max_overflow=24,
        pool_timeout=30,
        # A connection that the server closed meanwhile is replaced before it is used.
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "application_name": "eot",
            "client_encoding": "utf8",
            "connect_timeout": CONNECT_SECONDS,
            "options": " ".join(f"-c {name}={seconds * 1000}" for name, seconds in limits.items()),
        },
    )
    event.listen(engine, "begin", _begin)
    return engine


def forget_deleted(engine: Engine) -> None:
    """Rewrite the tables of people and of answers without their deleted rows.

    The server's write-ahead log and its archives and replicas still hold what was deleted until the server recycles
    them; see ``docs/collection.md``.

    Raises
    ------
    StorageError
        ``STO_TRACES_LEFT`` while somebody reads an older state, which the server must keep for him.
    """
    try:
        with refusals(), engine.connect() as opened:
            connection = opened.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("SET statement_timeout = 0")
            try:
                connection.exec_driver_sql(f"SELECT pg_advisory_lock({TURN_KEY})")
                _wait_for_readers(connection)
                connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {', '.join(REWRITTEN)}")
            finally:
                # A connection that goes back to the pool would keep both.
                opened.invalidate()
    except StorageError as error:
        raise traces_left(error.problems[0].got) from None


def _wait_for_readers(connection: Connection) -> None:
    """Wait until nobody sees deleted rows any more: rewriting a table keeps what somebody may still read."""
    deadline = time.monotonic() + LOCK_SECONDS
    older = _OLDER_STATES.format(next=connection.exec_driver_sql(_NEXT_TRANSACTION).scalar_one())
    while connection.exec_driver_sql(older).scalar_one():
        if time.monotonic() > deadline:
            raise traces_left("another reader is at work")
        time.sleep(0.1)


def _begin(connection: Connection) -> None:
    # A writer waits for its turn before it reads, so that its check and its write are one step.
    if connection.get_execution_options().get("writing", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({TURN_KEY})")
