"""``eot instrument export`` and ``import`` as a person calls them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from toolkit.cli import app
from toolkit.instruments.exchange import EXPORTERS
from toolkit.instruments.exchange.fhir_rules import fhir_problems

ROOT = Path(__file__).resolve().parents[3]
SLEEP = ROOT / "tests" / "unit" / "instruments" / "exchange" / "golden" / "sleep-form-r4.json"


def eot(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.mark.parametrize(("name", "status"), [("eomhs@0.9.0", "retired"), ("eomhs@1.0.0", "active")])
def test_export_says_what_became_of_the_version(name: str, status: str, tmp_path: Path) -> None:
    done = eot("instrument", "export", name, "--format", "fhir-r5", "--out", tmp_path / "a.json")
    assert done.exit_code == 0, done.output
    resource = json.loads((tmp_path / "a.json").read_bytes())
    assert (resource["status"], resource["version"]) == (status, name.split("@")[1])
    assert fhir_problems(resource, "R5") == ()
    assert "scales[HB]: the scale" in done.stderr


def test_a_version_that_is_not_released_is_a_draft(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests" / "instruments" / "bfi", tmp_path / "own" / "bfi")
    out = tmp_path / "bfi.json"
    for reference in ("bfi@1.0.0", tmp_path / "own" / "bfi" / "1.0.0", tmp_path / "own/bfi/1.0.0/definition.yaml"):
        arguments = ("--format", "fhir-r4", "--out", out, "--catalog", tmp_path / "own", "--force")
        done = eot(
            "instrument", "export", reference, *arguments, "--language", "nb", "--url", "https://forms.north.example"
        )
        assert done.exit_code == 0, done.output
        resource = json.loads(out.read_bytes())
        assert (resource["status"], resource["language"]) == ("draft", "nb")
        assert resource["url"] == "https://forms.north.example/Questionnaire/bfi"


@pytest.mark.parametrize("name", sorted(EXPORTERS))
def test_every_format_is_reached(name: str, tmp_path: Path) -> None:
    losses = tmp_path / "losses.json"
    done = eot("instrument", "export", "eomhs@1.0.0", "--format", name, "--out", tmp_path / "out", "--losses", losses)
    assert done.exit_code == 0, done.output
    assert {"what", "where", "why"} == set(json.loads(losses.read_bytes())[0])


def test_export_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    assert "DEF_UNKNOWN_NAME" in eot("instrument", "export", "eomhs", "--format", "papyrus", "--out", out).stderr
    for _ in range(2):
        done = eot("instrument", "export", "eomhs", "--format", "fhir-r4", "--out", out)
    assert (done.exit_code, "DEF_EXISTS" in done.stderr) == (3, True)


def test_import_drafts_a_questionnaire_that_lints(tmp_path: Path) -> None:
    losses = tmp_path / "losses.json"
    arguments = ("--format", "fhir", "--out", tmp_path / "own", "--id", "sleep", "--losses", losses)
    done = eot("instrument", "import", SLEEP, *arguments)
    assert done.exit_code == 0, done.output
    assert "Drafted sleep@0.1.0 in en." in done.stdout
    assert "2.4: the question, of the type decimal" in done.stderr
    assert len(json.loads(losses.read_bytes())) > 10
    assert eot("instrument", "lint", tmp_path / "own" / "sleep" / "0.1.0").exit_code == 0
    again = eot("instrument", "import", SLEEP, *arguments)
    assert (again.exit_code, "DEF_EXISTS" in again.stderr) == (3, True)


def test_import_refuses_a_file_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "form.json"
    file.write_text("{", encoding="utf-8")
    done = eot("instrument", "import", file, "--format", "fhir", "--out", tmp_path / "own")
    assert (done.exit_code, "DEF_FOREIGN_FILE" in done.stderr, (tmp_path / "own").exists()) == (3, True, False)


def test_answers_go_out_and_come_back(tmp_path: Path) -> None:
    answers = tmp_path / "answers.csv"
    lines = (ROOT / "data" / "eomhs-1.0.0-synthetic" / "responses.csv").read_text(encoding="utf-8").splitlines()
    answers.write_text("\n".join(lines[:21]) + "\n", encoding="utf-8")
    bundle, back = tmp_path / "answers.json", tmp_path / "back.csv"
    options = ("--responses", answers, "--format", "fhir-r4", "--out", bundle)
    done = eot("instrument", "export-responses", "eomhs@1.0.0", *options)
    assert done.exit_code == 0, done.output
    assert "the names of respondents" in done.stderr
    options = ("--instrument", "eomhs@1.0.0", "--format", "fhir", "--out", back, "--losses", tmp_path / "losses.json")
    done = eot("instrument", "import-responses", bundle, *options)
    assert done.exit_code == 0, done.output
    assert "20 responses to eomhs@1.0.0" in done.stdout
    again = tmp_path / "again.json"
    more = ("--responses", back, "--format", "fhir-r4", "--out", again)
    assert eot("instrument", "export-responses", "eomhs@1.0.0", *more).exit_code == 0
    inside = [[entry["resource"] for entry in json.loads(file.read_bytes())["entry"]] for file in (bundle, again)]
    assert inside[0] == inside[1]
    bundle.write_text("[]]", encoding="utf-8")
    done = eot(
        "instrument", "import-responses", bundle, "--instrument", "eomhs", "--format", "fhir", "--out", back, "--force"
    )
    assert (done.exit_code, "RSP_FOREIGN_FILE" in done.stderr) == (4, True)
