"""``eot serve``: start the app with the settings it is tested with."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import Annotated

import typer
from rich.console import Console

from toolkit.errors import Code, Problem, StorageError
from toolkit.settings import ROOT, Settings
from toolkit.wiring import wire

LOCAL = "127.0.0.1"


def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
    address: Annotated[str, typer.Option(help="Address to listen on.")] = LOCAL,
    database: Annotated[str | None, typer.Option(help="Database address; EOT_DATABASE_URL otherwise.")] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Serve the staff pages without accounts, on 127.0.0.1 only.")
    ] = False,
) -> None:
    """Start the app in the browser's reach; Ctrl-C stops it."""
    console = Console(stderr=True)
    if demo and address != LOCAL:
        raise typer.BadParameter(
            f"--demo serves pages without accounts, so only {LOCAL} is allowed", param_hint="--address"
        )
    environment = dict(os.environ)
    if database is not None:
        environment["EOT_DATABASE_URL"] = database
    # As eot validate does: one thread is faster on such matrices, and the same number of threads gives the same digits.
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    environment["EOT_DEMO"] = "true" if demo else "false"
    settings = Settings(database_url=environment.get("EOT_DATABASE_URL", Settings().database_url), demo=demo)
    environment["EOT_DATABASE_URL"] = settings.database_url
    _refuse_taken(address, port)
    # The database is opened and migrated here, so that what is wrong with it is told before a browser opens.
    wire(settings).engine.dispose()
    console.print(f"The app: http://localhost:{port}" if address == LOCAL else f"The app: http://{address}:{port}")
    if demo:
        console.print(f"Staff pages (demonstration, this computer only): http://localhost:{port}/staff")
    console.print("Ctrl-C stops it.")
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(ROOT / "app.py"),
        f"--server.port={port}",
        f"--server.address={address}",
    ]
    if address == LOCAL:
        command += ["--server.allowedHosts=localhost", f"--server.allowedHosts={LOCAL}"]
    # The server starts deaf to Ctrl-C, which reaches this process; this process then ends the server in good order.
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603  our own command
    signal.signal(signal.SIGINT, heard)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    while True:
        try:
            code = server.wait()
            break
        except KeyboardInterrupt:
            server.terminate()
    console.print("Stopped.")
    if code not in (0, -signal.SIGINT, -signal.SIGTERM):
        raise typer.Exit(code if code > 0 else 1)


def _refuse_taken(address: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise StorageError(
                Problem(
                    code=Code.STO_PORT_TAKEN,
                    what=f"Nothing can be served on port {port}.",
                    got=error.strerror,
                    fix="Stop what runs there, or choose another port: eot serve --port 8502",
                )
            ) from error
