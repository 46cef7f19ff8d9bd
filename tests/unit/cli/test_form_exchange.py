"""``eot instrument export`` and ``import`` with the files of form tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from toolkit import instruments
from toolkit.cli import app

GOLDEN = Path(__file__).resolve().parents[1] / "instruments" / "exchange" / "golden"


def eot(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.mark.parametrize(("name", "file"), [("redcap", "a.csv"), ("xlsform", "a.xlsx"), ("limesurvey", "a.txt")])
def test_a_questionnaire_goes_out_and_comes_back_as_a_draft_that_lints(name: str, file: str, tmp_path: Path) -> None:
    losses = tmp_path / "losses.json"
    out = tmp_path / file
    done = eot("instrument", "export", "eomhs@1.0.0", "--format", name, "--out", out, "--losses", losses)
    assert done.exit_code == 0, done.output
    assert "scales: the scales" in done.stderr
    assert "scales" in {loss["where"] for loss in json.loads(losses.read_bytes())}
    own = tmp_path / "own"
    done = eot("instrument", "import", out, "--format", name, "--id", "back", "--out", own)
    assert done.exit_code == 0, done.output
    assert "no scales are drafted" in done.stderr
    version = next(path for path in (own / "back").iterdir() if path.is_dir())
    assert eot("instrument", "lint", version).exit_code == 0
    assert instruments.load(version).item_codes == instruments.load("eomhs@1.0.0").item_codes


def test_redcap_has_one_file_a_language(tmp_path: Path) -> None:
    languages = ("--language", "nb", "--language", "en")
    done = eot("instrument", "export", "eomhs@1.0.0", "--format", "redcap", "--out", tmp_path / "out", *languages)
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["eomhs-1.0.0.redcap.en.csv", "eomhs-1.0.0.redcap.nb.csv"]


def test_what_is_lost_of_a_foreign_file_is_shown(tmp_path: Path) -> None:
    losses = tmp_path / "losses.json"
    file = GOLDEN / "clinic.redcap.csv"
    done = eot("instrument", "import", file, "--format", "redcap", "--out", tmp_path / "own", "--losses", losses)
    assert done.exit_code == 0, done.output
    assert "branching logic: '[wait] > '1''" in done.stderr
    assert any("[pain] + [sleep]" in loss["what"] for loss in json.loads(losses.read_bytes()))


def test_a_file_of_another_format_is_refused_without_a_traceback(tmp_path: Path) -> None:
    file = GOLDEN / "clinic.redcap.csv"
    for name in ("xlsform", "limesurvey"):
        done = eot("instrument", "import", file, "--format", name, "--out", tmp_path / "own")
        assert done.exit_code != 0
        assert "DEF_FOREIGN_FILE" in done.stderr + str(done.exception)
        assert "clinic.redcap.csv" in done.stderr + str(done.exception)
    assert not (tmp_path / "own").exists()
