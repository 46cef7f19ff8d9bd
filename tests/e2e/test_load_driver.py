"""The load driver itself, in small: three respondents without think time, who lose nothing."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.app_server import AppServer

DRIVER = Path(__file__).parents[1] / "bench" / "respondents.py"
N_RESPONDENTS = 3


def drive(server: AppServer, links: list[str], json_file: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Run the driver in a process of its own and return its exit code and figures."""
    file = json_file.with_suffix(".csv")
    file.write_text("link\n" + "\n".join(links) + "\n", encoding="utf-8")
    command = [sys.executable, str(DRIVER), "--respondents", str(len(links)), "--links", str(file)]
    command += ["--database", str(server.database), "--json", str(json_file), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert json_file.exists(), done.stdout + done.stderr
    return done.returncode, json.loads(json_file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(server: AppServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Any]]:
    wave, unit = server.add_wave("eomhs@1.0.0")
    links = [server.link(wave, unit) for _ in range(N_RESPONDENTS)]
    folder = tmp_path_factory.mktemp("load")
    return drive(server, links, folder / "figures.json", "--think", "0", "0.02", "--changes", "0.3", "--hasty", "0.3")


@pytest.mark.e2e
def test_every_acknowledged_answer_is_in_the_database(server: AppServer, run: tuple[int, dict[str, Any]]) -> None:
    code, figures = run
    assert figures["errors"] == []
    assert figures["lost_answers"] == []
    assert code == 0
    assert figures["ignored_presses_of_next"] == 0
    assert figures["receipts"] == N_RESPONDENTS
    [(n_rows,)] = server.rows("SELECT COUNT(*) FROM responses, json_each(responses.answers)")
    assert figures["acknowledged"] == figures["stored"] == n_rows == N_RESPONDENTS * n_questions(server)
    assert figures["clicks"] > n_rows
    assert server.rows("SELECT COUNT(*) FROM draft_answers") == [(0,)]


@pytest.mark.e2e
def test_clicks_are_timed(run: tuple[int, dict[str, Any]]) -> None:
    _, figures = run
    for kind in ("saved", "turned", "opened", "submitted"):
        spread = figures["milliseconds"][kind]
        assert spread["n"] > 0
        assert 0 < spread["p50"] <= spread["p95"] <= spread["p99"] <= spread["max"]


@pytest.mark.e2e
def test_the_comparison_notices_a_lost_answer(
    server: AppServer, run: tuple[int, dict[str, Any]], tmp_path: Path
) -> None:
    """The twin: the same driver, with a trigger in the database that drops one answer at the submission."""
    assert run[1]["lost"] == 0
    wave, unit = server.add_wave("eomhs@1.0.0", unit="Team South")
    with closing(sqlite3.connect(server.database, timeout=15)) as connection:
        connection.execute(
            "CREATE TRIGGER loses AFTER INSERT ON responses BEGIN"
            " UPDATE responses SET answers = json_remove(answers, '$.HB1') WHERE key = NEW.key; END"
        )
        connection.commit()
        code, figures = drive(server, [server.link(wave, unit)], tmp_path / "figures.json", "--think", "0", "0")
        connection.execute("DROP TRIGGER loses")
        connection.commit()
    assert figures["errors"] == []
    assert figures["lost_answers"] == ["respondent 0, question HB1"]
    assert figures["stored"] == figures["acknowledged"] - 1
    assert code == 1


def n_questions(server: AppServer) -> int:
    """Return how many questions a respondent was shown."""
    [(order,), *_] = server.rows("SELECT display_order FROM responses")
    return len(str(order).split())
