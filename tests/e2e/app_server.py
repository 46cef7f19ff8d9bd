"""The real server, for tests that meet the app as a person does."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from toolkit.collection.ports import Unit, Wave
from toolkit.settings import Settings
from toolkit.wiring import Services, wire

ROOT = Path(__file__).parents[2]
START_SECONDS = 60


@dataclass
class AppServer:
    """``eot serve`` on a free port with a database of its own; can be killed and started again."""

    folder: Path
    demo: bool = True
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    services: Services = field(init=False)

    def __post_init__(self) -> None:
        self.services = wire(
            Settings(database_url=self.database_url, extra_catalogs=(ROOT / "tests" / "instruments",), demo=self.demo)
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    @property
    def database(self) -> Path:
        return self.folder / "eot.db"

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.database}"

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        command = [str(Path(sys.executable).with_name("eot")), "serve", "--port", str(self.port)]
        command += ["--database", self.database_url, *(["--demo"] if self.demo else [])]
        environment = os.environ | {"EOT_EXTRA_CATALOGS": f'["{ROOT / "tests" / "instruments"}"]'}
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "server.log").read_text(encoding="utf-8"))
            time.sleep(0.1)

    def healthy(self) -> bool:
        connection = http.client.HTTPConnection("localhost", self.port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (http.client.HTTPException, OSError):
            return False
        finally:
            connection.close()

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)
            self.process.wait(timeout=30)

    def hang(self) -> None:
        """Stop answering without closing a connection, so that what the browser sends now is not processed."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGSTOP)

    def kill(self) -> None:
        """End the server as a power cut would."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        self._signal(signal.SIGTERM)

    def restart(self) -> None:
        self.kill()
        self.start()

    def add_wave(self, instrument: str, *, unit: str = "Team North") -> tuple[Wave, Unit]:
        _, units = self.services.waves.add_service(f"Service of {instrument}", [unit])
        return self.services.waves.add_wave(units, f"Wave of {instrument}", instrument), units[0]

    def link(self, wave: Wave, unit: Unit) -> str:
        return f"{self.url}/i/{self.services.waves.invite(wave.id, unit.id, 1)[0]}"

    def rows(self, query: str, *values: str) -> list[tuple[object, ...]]:
        """Ask the database file itself, not the toolkit."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()
