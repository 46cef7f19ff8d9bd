"""A hundred respondents at once on each kind of database: how long a click takes until "Saved", and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Kind, drop_database, new_database
from tests.e2e.app_server import ROOT, AppServer

N_RESPONDENTS = 100
FIGURES = ROOT / "build" / "bench"
DRIVER = Path(__file__).with_name("respondents.py")


@pytest.fixture
def server(durable: Kind, tmp_path: Path) -> Iterator[AppServer]:
    address = new_database(durable, tmp_path)
    running = AppServer(tmp_path, demo=False, address=address)
    running.start()
    yield running
    running.stop()
    running.services.engine.dispose()
    drop_database(address)


@pytest.mark.bench
def test_a_hundred_respondents_lose_nothing(
    server: AppServer, kind: Kind, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wave, unit = server.add_wave("eomhs@1.0.0")
    links = tmp_path / "links.csv"
    tokens = server.services.waves.invite(wave.id, unit.id, N_RESPONDENTS)
    links.write_text("\n".join(["link", *(f"{server.url}/i/{token}" for token in tokens)]) + "\n", encoding="utf-8")
    file = FIGURES / f"collection-{kind}.json"
    file.unlink(missing_ok=True)
    command = [sys.executable, str(DRIVER), "--respondents", str(N_RESPONDENTS), "--url", server.url]
    command += ["--links", str(links), "--database", server.database_url, "--secret-file", str(server.secret_file)]
    command += ["--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    with capsys.disabled():
        sys.stdout.write(f"\n{kind}\n{done.stdout}{done.stderr}")
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert figures["errors"] == []
    assert figures["lost_answers"] == []
    assert figures["receipts"] == N_RESPONDENTS
    assert figures["acknowledged"] == figures["stored"] > 0
    assert done.returncode == 0
