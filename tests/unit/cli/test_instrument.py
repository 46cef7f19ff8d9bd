"""``eot instrument`` as a person calls it, and the error boundary that every command shares."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

import toolkit.cli
from toolkit import __version__
from toolkit.cli import COMMANDS, app

ROOT = Path(__file__).resolve().parents[3]


def eot(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A catalog with eomhs 1.0.0 released, and a copy of it to break."""
    shutil.copytree(ROOT / "instruments", tmp_path / "instruments")
    return tmp_path / "instruments"


@pytest.fixture
def bfi_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "own" / "bfi" / "1.0.0"
    shutil.copytree(ROOT / "tests" / "instruments" / "bfi" / "1.0.0", folder)
    return folder


def test_list_shows_every_version() -> None:
    done = eot("instrument", "list")
    assert done.exit_code == 0
    assert "eomhs@1.0.0" in done.stdout
    rows = json.loads(eot("instrument", "list", "--json").stdout)
    eomhs = next(row for row in rows if row["instrument"] == "eomhs@1.0.0")
    assert (eomhs["items"], eomhs["released"], eomhs["problems"], eomhs["languages"][0]) == (31, True, 0, "en")


def test_list_and_show_say_what_became_of_a_version(catalog: Path) -> None:
    assert "Superseded" in eot("instrument", "list").stdout
    rows = {row["instrument"]: row for row in json.loads(eot("instrument", "list", "--json").stdout)}
    assert (rows["eomhs@0.9.0"]["superseded_by"], rows["eomhs@1.0.0"]["superseded_by"]) == ("1.0.0", None)
    assert (
        "Superseded by 1.0.0 on 2026-11-24. 0.9.0 is the pilot pool" in eot("instrument", "show", "eomhs@0.9.0").stdout
    )
    assert "Superseded" not in eot("instrument", "show", "eomhs@1.0.0").stdout
    shown = json.loads(eot("instrument", "show", catalog / "eomhs" / "0.9.0", "--json").stdout)
    assert (shown["superseded"]["superseded_by"], shown["superseded"]["date"]) == ("1.0.0", "2026-11-24")
    status = catalog / "eomhs" / "status.yaml"
    status.write_text(status.read_text(encoding="utf-8").replace('"1.0.0"', '"3.0.0"'), encoding="utf-8")
    rows = {
        row["instrument"]: row for row in json.loads(eot("instrument", "list", "--json", "--catalog", catalog).stdout)
    }
    assert (rows["eomhs@0.9.0"]["problems"], rows["eomhs@1.0.0"]["problems"]) == (1, 1)
    assert eot("instrument", "show", "eomhs@0.9.0", "--catalog", catalog).exit_code == 3


def test_diff_tells_items_changes_and_the_number_that_has_to_move() -> None:
    done = eot("instrument", "diff", "eomhs@0.9.0", "eomhs@1.0.0")
    assert done.exit_code == 0
    for words in (
        "eomhs: 0.9.0 to 1.0.0",
        "I believe that working is worth the strain",
        "Unchanged: HB1 HB3 HB5",
        "HB6",
    ):
        assert words in done.stdout
    assert done.stdout.endswith("The changes ask for: major. The version number: major.\n")
    told = json.loads(eot("instrument", "diff", "eomhs@0.9.0", "eomhs@1.0.0", "--json").stdout)
    assert (told["from"], told["to"], told["added"], told["is_enough"]) == ("0.9.0", "1.0.0", ["ZE4", "CI5"], True)
    same = eot("instrument", "diff", "eomhs", "eomhs")
    assert same.stdout.endswith("The changes ask for: none. The version number: none.\n")


def test_diff_shows_rescored_items(bfi_folder: Path) -> None:
    later = bfi_folder.parent / "2.0.0"
    shutil.copytree(bfi_folder, later)
    for file in later.iterdir():
        text = file.read_text(encoding="utf-8").replace('version: "1.0.0"', 'version: "2.0.0"')
        file.write_text(text.replace("reversed: [A1], ", ""), encoding="utf-8")
    done = eot("instrument", "diff", bfi_folder, later)
    assert done.exit_code == 0, done.output
    assert "rescored" in done.stdout
    assert "scales.A" in done.stdout


def test_diff_refuses_two_questionnaires(bfi_folder: Path) -> None:
    assert eot("instrument", "diff", bfi_folder, bfi_folder).exit_code == 0
    done = eot("instrument", "diff", "eomhs", bfi_folder)
    assert done.exit_code == 3
    assert "DEF_PLACE" in done.stderr


def test_lint_looks_at_the_versions_beside_what_is_named(catalog: Path) -> None:
    assert eot("instrument", "lint", "eomhs@0.9.0", "--catalog", catalog).exit_code == 0
    later = catalog / "eomhs" / "1.0.1"
    shutil.copytree(catalog / "eomhs" / "1.0.0", later)
    for file in later.iterdir():
        text = file.read_text(encoding="utf-8").replace('version: "1.0.0"', 'version: "1.0.1"')
        file.write_text(text.replace("should be brought up early", "must be brought up early"), encoding="utf-8")
    for named in ([], ["eomhs@1.0.1"], [later]):
        done = eot("instrument", "lint", *named, "--catalog", catalog)
        assert done.exit_code == 3
        assert "DEF_SMALL_BUMP" in done.stderr
        assert "wording (items.TB4)" in done.stderr
    # The number of one version is no problem of another one; what is said about all versions is.
    assert eot("instrument", "lint", "eomhs@0.9.0", "--catalog", catalog).exit_code == 0
    evidence = catalog / "eomhs" / "evidence"
    evidence.mkdir()
    (evidence / "comparability.yaml").write_text("instrument: eomhs\nstatement: []\n", encoding="utf-8")
    done = eot("instrument", "lint", "eomhs@0.9.0", "--catalog", catalog)
    assert done.exit_code == 3
    assert "Did you mean 'statements'?" in done.stderr


def test_list_counts_the_problems_of_a_broken_version(catalog: Path) -> None:
    def problems() -> dict[str, int]:
        rows = json.loads(eot("instrument", "list", "--json", "--catalog", catalog).stdout)
        return {row["instrument"]: row["problems"] for row in rows}

    text = catalog / "eomhs" / "1.0.0" / "text.en.yaml"
    assert problems() == {"eomhs@0.9.0": 0, "eomhs@1.0.0": 0}
    text.write_text(text.read_text(encoding="utf-8") + "#\n", encoding="utf-8")
    assert problems() == {"eomhs@0.9.0": 0, "eomhs@1.0.0": 1}
    assert eot("instrument", "list", "--catalog", catalog).exit_code == 0


def test_show_speaks_the_chosen_language() -> None:
    done = eot("instrument", "show", "eomhs@1.0.0", "--language", "nb")
    assert done.exit_code == 0
    for words in ("Arbeid og psykisk helse", "HB1", "Svært enig", "4 of 6", "Hva er hovedstillingen din?"):
        assert words in done.stdout
    assert "Strongly agree" in eot("instrument", "show", "eomhs").stdout
    shown = json.loads(eot("instrument", "show", "eomhs", "--json").stdout)
    assert (shown["definition"]["id"], shown["text"]["language"]) == ("eomhs", "en")


def test_show_marks_reversed_items_of_a_folder(bfi_folder: Path) -> None:
    assert "A1 (reversed)" in eot("instrument", "show", bfi_folder).stdout


def test_an_unknown_language_is_a_wrong_call() -> None:
    assert eot("instrument", "show", "eomhs", "--language", "en").exit_code == 0
    done = eot("instrument", "show", "eomhs", "--language", "fr")
    assert done.exit_code == 2
    assert "en, nb" in done.stderr


def test_an_unknown_instrument_is_told_without_a_traceback() -> None:
    assert eot("instrument", "show", "eomhs").exit_code == 0
    done = eot("instrument", "show", "eohms")
    assert done.exit_code == 3
    assert "DEF_NOT_FOUND" in done.stderr
    assert "Did you mean 'eomhs'?" in done.stderr
    assert "Traceback" not in done.output


def test_lint_checks_the_whole_catalog_or_what_is_named(bfi_folder: Path) -> None:
    assert "no problems" in eot("instrument", "lint").stdout
    assert eot("instrument", "lint", "eomhs", bfi_folder).stdout.startswith("2 instruments")
    assert json.loads(eot("instrument", "lint", "--json").stdout) == {"problems": [], "advice": []}


def test_lint_tells_file_line_key_and_fix(bfi_folder: Path) -> None:
    assert eot("instrument", "lint", bfi_folder).exit_code == 0
    file = bfi_folder / "definition.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("minimum_answered: 4", "minimum_answered: 9", 1))
    done = eot("instrument", "lint", bfi_folder)
    assert done.exit_code == 3
    assert f"{file}:" in done.stderr
    assert "key scales[A].minimum_answered" in done.stderr
    assert "Fix: Lower the number." in done.stderr
    as_json = eot("instrument", "lint", bfi_folder, "--json")
    assert as_json.exit_code == 3
    assert json.loads(as_json.stdout)["problems"][0]["code"] == "DEF_MINIMUM_ANSWERED"


def test_lint_refuses_a_changed_release(catalog: Path) -> None:
    assert eot("instrument", "lint", "--catalog", catalog).exit_code == 0
    assert eot("instrument", "lint", "eomhs@1.0.0", "--catalog", catalog).exit_code == 0
    file = catalog / "eomhs" / "1.0.0" / "text.nb.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("Vet ikke", "Veit ikkje"), encoding="utf-8")
    for named in ([], ["eomhs@1.0.0"]):
        done = eot("instrument", "lint", *named, "--catalog", catalog)
        assert done.exit_code == 3
        assert "DEF_RELEASE_CHANGED" in done.stderr


def test_new_drafts_what_lint_accepts(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text("person,Q1,Q2,Q3,age\na,1,2,3,40\nb,5,4,,50\n", encoding="utf-8")
    out = tmp_path / "own"
    done = eot("instrument", "new", "--from", file, "--id", "own", "--out", out)
    assert done.exit_code == 0, done.output
    assert "3 items, 1 scales" in done.stdout
    assert "age: it holds more than 11 different points" in done.stdout
    assert eot("instrument", "lint", out / "own" / "0.1.0").exit_code == 0
    assert {"definition.schema.json", "text.schema.json"} < {path.name for path in (out / "schema").iterdir()}
    again = eot("instrument", "new", "--from", file, "--id", "own", "--out", out)
    assert again.exit_code == 3
    assert "DEF_EXISTS" in again.stderr


def test_new_leaves_nothing_behind_when_it_refuses(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text("Q1,Q2\n1,2\n2,1\n", encoding="utf-8")
    assert eot("instrument", "new", "--from", file, "--id", "own", "--out", tmp_path / "good").exit_code == 0
    file.write_text("name,town\nAnn,Oslo\n", encoding="utf-8")
    done = eot("instrument", "new", "--from", file, "--id", "own", "--out", tmp_path / "bad")
    assert done.exit_code == 4
    assert "RSP_NOTHING_TO_DRAFT" in done.stderr
    assert not (tmp_path / "bad").exists()


def test_schema_writes_a_file_a_format(tmp_path: Path) -> None:
    done = eot("instrument", "schema", "--out", tmp_path / "schema")
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 4
    assert json.loads((tmp_path / "schema" / "text.schema.json").read_text())["type"] == "object"


def test_release_adds_lines_once(bfi_folder: Path) -> None:
    catalog = bfi_folder.parent.parent
    done = eot("instrument", "release", "bfi@1.0.0", "--catalog", catalog)
    assert done.exit_code == 0
    assert (catalog / "RELEASES.lock").read_text() == done.stdout
    again = eot("instrument", "release", bfi_folder)
    assert again.exit_code == 3
    assert "DEF_RELEASED_ALREADY" in again.stderr


# The command itself


def test_help_names_every_group_and_imports_none() -> None:
    code = (
        "import sys\nfrom toolkit.cli import main\nsys.argv = ['eot', '--help']\n"
        "try:\n    main()\nfinally:\n    print(sorted({m.split('.')[0] for m in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0
    assert all(name in done.stdout for name in COMMANDS)
    for heavy in ("pandas", "numpy", "pydantic", "sqlalchemy", "streamlit", "scipy"):
        assert f"'{heavy}'" not in done.stderr


def test_version_and_typing_errors() -> None:
    assert eot("--version").stdout == f"eot {__version__}\n"
    assert eot("instrument", "list").exit_code == 0
    done = eot("instument", "list")
    assert done.exit_code == 2
    assert "Did you mean 'instrument'?" in done.stderr


@pytest.mark.parametrize("debug", [False, True])
def test_an_unexpected_error_is_one_line(monkeypatch: pytest.MonkeyPatch, caplog: object, debug: bool) -> None:
    import typer

    broken = typer.Typer()

    @broken.command()
    def simulate(fail: bool = False) -> None:
        if fail:
            raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(toolkit.cli, "import_module", lambda _: SimpleNamespace(app=broken))
    options = ["--debug"] if debug else []
    assert eot(*options, "simulate").exit_code == 0
    done = eot(*options, "simulate", "--fail")
    assert done.exit_code == 1
    assert "Unexpected error (RuntimeError): the disk is on fire." in done.stderr
    assert ("--debug" in done.stderr) is not debug
    assert [record.exc_info is not None for record in caplog.records] == [True]


def test_debug_shows_the_traceback() -> None:
    code = (
        "import sys, types, typer, toolkit.cli\nbroken = typer.Typer()\n"
        "@broken.command()\ndef simulate() -> None:\n    raise RuntimeError('on fire')\n"
        "toolkit.cli.import_module = lambda _: types.SimpleNamespace(app=broken)\n"
        "sys.argv = ['eot', *sys.argv[1:]]\ntoolkit.cli.main()"
    )
    quiet, loud = (
        subprocess.run([sys.executable, "-c", code, *options], capture_output=True, text=True, check=False, cwd=ROOT)
        for options in (["simulate"], ["--debug", "simulate"])
    )
    assert (quiet.returncode, loud.returncode) == (1, 1)
    assert "Traceback" not in quiet.stderr
    assert "Traceback" in loud.stderr
