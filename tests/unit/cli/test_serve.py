"""``eot serve``: where it refuses to listen."""

from __future__ import annotations

import socket

import pytest
import typer
from typer.testing import CliRunner

from toolkit.cli.serve import _refuse_taken, serve
from toolkit.errors import Code, StorageError

APP = typer.Typer()
APP.command()(serve)


def test_a_taken_port_is_refused_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.listen()
        with pytest.raises(StorageError) as refusal:
            _refuse_taken("127.0.0.1", port)
    assert refusal.value.codes == (Code.STO_PORT_TAKEN,)
    assert str(port) in str(refusal.value)
    _refuse_taken("127.0.0.1", port)


def test_the_demonstration_is_served_on_this_computer_only() -> None:
    done = CliRunner().invoke(APP, ["--demo", "--address", "0.0.0.0"])  # noqa: S104  the address that is refused
    assert done.exit_code == 2
    assert "127.0.0.1" in done.output
