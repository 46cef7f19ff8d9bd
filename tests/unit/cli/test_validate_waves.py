"""``eot validate`` on files with several waves, and with units."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from toolkit.cli import app

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "data" / "eomhs-1.0.0-synthetic" / "responses.csv"


def eot(responses: Path, out: Path, *options: str) -> Result:
    command = ["validate", "--instrument", "eomhs@1.0.0", "--responses", str(responses), "--out", str(out)]
    return CliRunner().invoke(app, [*command, "--datasets", "20", *options], env={"COLUMNS": "250", "NO_COLOR": "1"})


@pytest.fixture
def waves(tmp_path: Path) -> Path:
    """The same 60 persons in spring, then 50 of them in autumn."""
    rows = pd.read_csv(DATA, dtype=str, keep_default_na=False).iloc[:110]
    rows["wave"] = ["spring"] * 60 + ["autumn"] * 50
    rows["respondent"] = [f"p{number}" for number in (*range(60), *range(50))]
    rows.to_csv(tmp_path / "answers.csv", index=False)
    return tmp_path / "answers.csv"


def results(out: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return found


def test_one_wave_is_used_and_said(waves: Path, tmp_path: Path) -> None:
    done = eot(waves, tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert "Validated eomhs@1.0.0 on 50 respondents of the wave 'autumn'" in done.stdout
    assert "RSP_SEVERAL_WAVES  answers.csv, column wave" in done.stderr
    assert "50 of 110 rows are used" in done.stderr
    data = results(tmp_path / "out")["data"]
    assert (data["n_persons"], data["wave"], data["waves"]) == (50, "autumn", ["spring", "autumn"])
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "wave &#39;autumn&#39;; the other of the 2 waves in the answers is not used" in page
    assert '<th scope="row">Plan: wave</th><td>the latest</td>' in page


def test_a_wave_is_named(waves: Path, tmp_path: Path) -> None:
    done = eot(waves, tmp_path / "out", "--wave", "spring", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["n_persons"], told["wave"]) == (60, "spring")
    assert "RSP_SEVERAL_WAVES" not in {note["code"] for note in told["notes"]}
    assert results(tmp_path / "out")["plan"]["wave"] == "spring"


def test_all_waves_need_persons_who_answered_once(waves: Path, tmp_path: Path) -> None:
    refused = eot(waves, tmp_path / "out", "--all-waves")
    assert refused.exit_code == 4
    assert "RSP_RESPONDENT_TWICE  " in refused.stderr
    assert "answers.csv" in refused.stderr
    assert not (tmp_path / "out").exists()
    once = pd.read_csv(waves, dtype=str, keep_default_na=False)
    once["respondent"] = [f"q{number}" for number in range(110)]
    once.to_csv(waves, index=False)
    done = eot(waves, tmp_path / "out", "--all-waves")
    assert done.exit_code == 0, done.stderr
    assert "on 110 respondents in" in done.stdout
    assert "All waves are taken together" in done.stderr
    assert results(tmp_path / "out")["data"]["wave"] is None
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "The 2 waves in the answers are taken together." in page


def test_waves_that_cannot_be_used(waves: Path, tmp_path: Path) -> None:
    for options, code, exit_code in (
        (["--wave", "winter"], "RSP_UNKNOWN_WAVE", 4),
        (["--wave", "spring", "--all-waves"], "STA_OPTION_CONFLICT", 5),
        (["--map", "wave=round", "--wave", "spring"], "RSP_RESPONDENT_TWICE", 4),
    ):
        done = eot(waves, tmp_path / "out", *options)
        assert done.exit_code == exit_code, done.stderr
        assert code in done.stderr
        assert not (tmp_path / "out").exists()


def test_units_are_told(tmp_path: Path) -> None:
    done = eot(DATA, tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert "Units:   12; design effects of the scores 1.91 to 7.85" in done.stdout
    table = pd.read_csv(tmp_path / "out" / "tables" / "reliability.csv")
    assert table[["icc1", "design_effect", "low_with_units", "high_with_units"]].notna().all(axis=None)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for words in ("<h3>Units</h3>", ">ICC(1)</th>", ">design effect</th>", ">low with units</th>"):
        assert words in page
