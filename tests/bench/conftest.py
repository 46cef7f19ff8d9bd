"""What measurements share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.databases import Kind, server


@pytest.fixture
def durable(kind: Kind) -> Iterator[Kind]:
    """The kind of database, with a server that writes to the disk as in use; other tests let it be careless."""
    if kind == "postgresql":
        server().run("ALTER SYSTEM SET fsync = on")
        server().run("SELECT pg_reload_conf()")
    yield kind
    if kind == "postgresql":
        server().run("ALTER SYSTEM SET fsync = off")
        server().run("SELECT pg_reload_conf()")
