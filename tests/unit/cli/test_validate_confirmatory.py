"""``eot validate`` with a confirmatory model: the options, the lines on the terminal, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from toolkit.cli import app

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "data" / "eomhs-1.0.0-synthetic" / "responses.csv"
MODEL = "work =~ HB1 + HB2 + HB3 + HB4\ntreatment =~ TB1 + TB2 + TB3 + TB4\n"


def eot(responses: Path, out: Path, *options: str) -> Result:
    command = ["validate", "--instrument", "eomhs@1.0.0", "--responses", str(responses), "--out", str(out)]
    return CliRunner().invoke(app, [*command, "--datasets", "20", *options], env={"COLUMNS": "250", "NO_COLOR": "1"})


def results(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """300 persons, and a column that the questionnaire does not know."""
    rows = pd.read_csv(DATA, dtype=str, keep_default_na=False).iloc[:300]
    rows["site"] = ["north", "south"] * 150
    rows.to_csv(tmp_path / "answers.csv", index=False)
    return tmp_path / "answers.csv"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model.txt").write_text(MODEL, encoding="utf-8")
    return tmp_path / "model.txt"


def test_the_terminal_names_model_fit_and_verdict(answers: Path, tmp_path: Path) -> None:
    done = eot(answers, tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("Model:")]
    assert "correlated factors, WLSMV, same persons as explored: χ²(419) = " in line
    assert line.endswith("Structural validity: sufficient.")
    found = results(tmp_path / "out")["confirmation"]
    assert f"CFI {found['result']['fit']['cfi.robust']:.3f}" in line
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert '<a href="#confirmation">Confirmatory model</a>' in page
    assert (tmp_path / "out" / "tables" / "cfa_fit.csv").is_file()


def test_a_model_file_groups_and_a_split(answers: Path, model: Path, tmp_path: Path) -> None:
    done = eot(
        answers, tmp_path / "out", "--model-file", str(model), "--estimator", "ML", "--invariance-by", "site", "--split"
    )
    assert done.exit_code == 0, done.stderr
    assert "a model of one's own, ML, the other half of the persons" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("Groups:")]
    found = results(tmp_path / "out")
    compared = found["confirmation"]["invariance"]
    assert line == f"Groups:  {', '.join(compared['contexts'])}. {compared['reason']}"
    assert set(compared["contexts"]) == {"north", "south"}
    assert found["plan"]["model"] == found["confirmation"]["model"] == MODEL
    assert (found["structure"]["sample"], found["confirmation"]["sample"]) == ("one_half", "other_half")
    assert "site" not in done.stderr


def test_nothing_is_confirmed_where_that_is_not_wanted(answers: Path, tmp_path: Path) -> None:
    done = eot(answers, tmp_path / "out", "--no-confirm")
    assert done.exit_code == 0, done.stderr
    assert "Model:" not in done.stdout
    assert results(tmp_path / "out")["confirmation"] is None
    assert 'id="confirmation"' not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("work =~ HB1 + HB2 +\n", ("STA_MODEL_SYNTAX", "model.txt:1", "Behind + a term is missing")),
        ("work =~ HB1 + HB2 + HB99\n", ("STA_UNKNOWN_VARIABLE", "model.txt", "HB99")),
    ],
)
def test_a_wrong_model_is_refused_with_its_place(
    answers: Path, model: Path, tmp_path: Path, text: str, told: tuple[str, ...]
) -> None:
    model.write_text(text, encoding="utf-8")
    done = eot(answers, tmp_path / "out", "--model-file", str(model))
    assert done.exit_code == 5
    assert all(part in done.stderr for part in told)
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()


def test_a_column_that_is_not_there_is_refused_with_its_neighbour(answers: Path, tmp_path: Path) -> None:
    done = eot(answers, tmp_path / "out", "--invariance-by", "sites")
    assert done.exit_code == 4
    assert "RSP_NO_SUCH_COLUMN" in done.stderr
    assert "Did you mean 'site'?" in done.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--model", "bifactor", "--model-file", "model.txt"), "told twice"),
        (("--model-file", "absent.txt"), "cannot be read"),
        (("--model-file", "latin.txt"), "no UTF-8 text"),
        (("--model", "two"), "--model"),
    ],
)
def test_the_command_line_is_checked(
    answers: Path, model: Path, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    (tmp_path / "latin.txt").write_bytes("æ =~ HB1".encode("latin-1"))
    placed = [str(tmp_path / one) if one.endswith(".txt") else one for one in options]
    done = eot(answers, tmp_path / "out", *placed)
    assert done.exit_code == 2
    assert told in done.stderr
    assert not (tmp_path / "out").exists()
