"""One answer, from a click in the browser to a count in the validation report."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.app_server import ROOT, AppServer
from tests.e2e.walker import Walker
from toolkit.collection.responding import Responding

pytestmark = pytest.mark.e2e
OTHERS = 40


def eot(*arguments: str, server: AppServer) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("eot")), *arguments]
    environment = os.environ | {"EOT_DATABASE_URL": server.database_url}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def answer_as_others(responding: Responding, tokens: tuple[str, ...]) -> None:
    """Forty people answer through the same service as the browser; none of them gives HB1 the answer 5."""
    for person, token in enumerate(tokens):
        cookie = responding.open_link(token)
        draft = responding.begin(cookie, language="en", consent_version="1")
        for number, item in enumerate(responding.visit(cookie).instrument.item_codes):
            code = 1 + (person * 7 + number * person + person // 3) % (4 if item == "HB1" else 5)
            responding.save(cookie, draft.id, item, str(code), base=None)
        responding.submit(cookie, draft.id)


def test_a_click_becomes_a_count(server: AppServer, walker: Walker, tmp_path: Path) -> None:
    wave, unit = server.add_wave("eomhs@1.0.0")
    answer_as_others(server.services.responding, server.services.waves.invite(wave.id, unit.id, OTHERS))
    walker.open(server.link(wave, unit))
    walker.consent()
    walker.choose("HB1", "Strongly agree")
    walker.wait_saved(1)
    walker.choose("HB2", "Not relevant to my role")
    walker.wait_saved(2)
    walker.to_review()
    walker.submit()

    early = eot("store", "export", wave.id, "--out", str(tmp_path / "early"), server=server)
    assert early.returncode == 7
    assert "COL_WAVE_NOT_FROZEN" in early.stderr
    assert not (tmp_path / "early").exists()
    assert eot("store", "freeze", wave.id, "--yes", server=server).returncode == 0
    exported = eot("store", "export", wave.id, "--out", str(tmp_path / "export"), server=server)
    assert exported.returncode == 0, exported.stderr
    with (tmp_path / "export" / "answers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == OTHERS + 1
    (clicked,) = [row for row in rows if row["HB1"] == "5"]
    assert clicked["HB2"] == "-7"
    assert clicked["CC5"] == ""
    with (tmp_path / "export" / "codebook.csv").open(encoding="utf-8", newline="") as file:
        book = {(row["variable"], row["code"]): row for row in csv.DictReader(file)}
    assert book["HB1", "5"]["text_nb"] == "Svært enig"
    assert book["HB2", "-7"]["kind"] == "missing"

    report = tmp_path / "report"
    arguments = ["--responses", str(tmp_path / "export" / "answers.csv"), "--out", str(report), "--datasets", "50"]
    validated = eot("validate", "--instrument", "eomhs@1.0.0", *arguments, server=server)
    assert validated.returncode == 0, validated.stderr
    results = json.loads((report / "results.json").read_text(encoding="utf-8"))
    items = results["items"]
    assert items["HB1"]["distribution"]["5"] == 1
    assert items["HB2"]["distribution"]["-7"] == 1
