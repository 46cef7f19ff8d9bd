"""``eot validate`` on bad input: a code, the place, the value and the fix; nothing is left behind.

Every case first runs its valid twin, the same file before it was broken.
"""

from __future__ import annotations

import csv
import errno
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from toolkit.cli import app

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "data" / "eomhs-1.0.0-synthetic" / "responses.csv"
N_PERSONS = 60
Rows = list[list[str]]

_valid: dict[bytes, int] = {}


def rows() -> Rows:
    with DATA.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[: N_PERSONS + 1]


def text(table: Rows, *, separator: str = ",") -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator, lineterminator="\n").writerows(table)
    return buffer.getvalue()


def eot(responses: Path, out: Path, *options: str, instrument: str = "eomhs@1.0.0") -> Result:
    command = ["validate", "--instrument", instrument, "--responses", str(responses), "--out", str(out)]
    return CliRunner().invoke(app, [*command, "--datasets", "20", *options], env={"COLUMNS": "250", "NO_COLOR": "1"})


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run_valid(tmp_path: Path, content: bytes, *options: str) -> None:
    """Run the valid twin; the same twin is run once."""
    key = content + repr(options).encode()
    if key not in _valid:
        file = tmp_path / "valid.csv"
        file.write_bytes(content)
        done = eot(file, tmp_path / "valid", *options)
        assert done.exit_code == 0, done.stderr
        assert (tmp_path / "valid" / "report.html").exists()
        _valid[key] = done.exit_code
    assert _valid[key] == 0


def refuse(tmp_path: Path, content: bytes, *options: str) -> str:
    """Run the broken file; return the message. Neither a new folder nor an old one has changed."""
    file, out = tmp_path / "answers.csv", tmp_path / "out"
    file.write_bytes(content)
    before = set(tmp_path.iterdir())
    done = eot(file, out, *options)
    assert done.exit_code == 4, done.stderr
    assert not out.exists()
    assert set(tmp_path.iterdir()) == before
    assert "Traceback" not in done.output
    assert "answers.csv" in done.stderr
    assert "Fix:" in done.stderr
    assert done.stdout == ""
    return done.stderr


def with_cell(row: int, column: str, value: str) -> bytes:
    table = rows()
    table[row - 1][table[0].index(column)] = value
    return text(table).encode()


def with_header(old: str, new: str) -> bytes:
    table = rows()
    table[0][table[0].index(old)] = new
    return text(table).encode()


def with_column(column: str, value: str | None) -> bytes:
    """Give every person the same answer; None empties all item columns."""
    table = rows()
    places = [table[0].index(column)] if value is not None else list(range(6, 37))
    for row in table[1:]:
        for place in places:
            row[place] = value or ""
    return text(table).encode()


def workbook() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


def mangled(change: Callable[[list[str]], list[str]]) -> bytes:
    """Break the lines of a semicolon file as a spreadsheet does."""
    return "\n".join(change(text(rows(), separator=";").splitlines())).encode()


VALID = text(rows()).encode()
SEMICOLONS = text(rows(), separator=";").encode()
NO_BYTES = b""

CASES = {
    "unknown item column": (VALID, with_header("HB1", "HB9"), "RSP_UNKNOWN_COLUMN", ["row 1", "HB9"]),
    "lacking item column": (VALID, with_header("HB1", "height"), "RSP_MISSING_COLUMN", ["row 1", "HB1"]),
    "code outside the range": (VALID, with_cell(5, "TB2", "7"), "RSP_CODE_NOT_ALLOWED",
                               ["row 5", "column TB2", "Got: 7", "1, 2, 3, 4, 5"]),
    "half a point": (VALID, with_cell(5, "TB2", "3.5"), "RSP_CODE_NOT_ALLOWED", ["row 5", "column TB2", "3.5"]),
    "text in numbers": (VALID, with_cell(9, "CI3", "often"), "RSP_TEXT_IN_NUMBERS",
                        ["row 9", "column CI3", "often", "'Often' is 4"]),
    "respondent twice": (VALID, with_cell(4, "respondent", "synthetic-001"), "RSP_RESPONDENT_TWICE",
                         ["row 4", "column respondent", "synthetic-001", "row 2"]),
    "wrong version": (VALID, with_cell(3, "version", "0.9.0"), "RSP_WRONG_VERSION",
                      ["row 3", "column version", "0.9.0", "1.0.0"]),
    "no bytes": (VALID, NO_BYTES, "RSP_FILE_EMPTY", []),
    "header only": (VALID, VALID.splitlines()[0], "RSP_NO_ROWS", []),
    "one respondent": (VALID, b"\n".join(VALID.splitlines()[:2]), "RSP_TOO_FEW_RESPONDENTS",
                       ["1 of 1 respondents", "3 or more"]),
    "all missing": (VALID, with_column("", None), "RSP_NO_ANSWERS", []),
    "broken UTF-8": (VALID, with_cell(7, "unit", "Sk\u00f8yen").replace("\u00f8".encode(), b"\xf8"), "RSP_NOT_UTF8",
                     ["row 7", "0xF8", "CSV UTF-8"]),
    "UTF-16": (VALID, VALID.decode().encode("utf-16"), "RSP_NOT_UTF8", ["UTF-16"]),
    "a zero byte": (VALID, with_cell(7, "HB1", "\0"), "RSP_NUL_BYTE", ["row 7", "0x00"]),
    "a workbook": (VALID, workbook(), "RSP_NOT_CSV", ["Excel", "CSV UTF-8"]),
    "header twice": (VALID, with_header("HB2", "HB1"), "RSP_HEADER_TWICE", ["row 1", "HB1"]),
    "dates": (SEMICOLONS, mangled(lambda lines: [*lines[:4], lines[4].replace(";4;", ";04.jan;", 1), *lines[5:]]),
              "RSP_CELL_IS_DATE", ["row 5", "04.jan", "column"]),
    "English dates": (SEMICOLONS, mangled(lambda lines: [*lines[:4], lines[4].replace(";4;", ";4-Jan;", 1),
                                                         *lines[5:]]), "RSP_CELL_IS_DATE", ["row 5", "4-Jan"]),
    "ragged row": (SEMICOLONS, mangled(lambda lines: [*lines[:6], lines[6] + ";5", *lines[7:]]), "RSP_RAGGED_ROW",
                   ["row 7", "43 cells", "42 cells"]),
    "row in one cell": (SEMICOLONS, mangled(lambda lines: [*lines[:6], f'"{lines[6]}"', *lines[7:]]),
                        "RSP_ROW_IN_ONE_CELL", ["row 7", "42 cells"]),
    "separator line": (SEMICOLONS, mangled(lambda lines: ["sep=;", *lines]), "RSP_SEPARATOR_LINE",
                       ["row 1", "sep=;", "Delete the first line"]),
    "open quotation mark": (VALID, with_cell(8, "unit", "x").replace(b",x,", b',"x,', 1), "RSP_QUOTES", []),
}  # fmt: skip


@pytest.mark.parametrize("case", list(CASES))
def test_bad_input_is_refused_with_code_place_value_and_fix(tmp_path: Path, case: str) -> None:
    valid, broken, code, told = CASES[case]
    assert broken != valid
    run_valid(tmp_path, valid)
    message = refuse(tmp_path, broken)
    assert code in message
    for words in told:
        assert words in message, message


def test_semicolons_and_decimal_commas_are_read_when_the_file_is_consistent(tmp_path: Path) -> None:
    table = rows()
    for row in table[1:]:
        row[6] = f"{row[6]},0" if row[6] else ""
    (tmp_path / "commas.csv").write_bytes(VALID)
    (tmp_path / "semicolons.csv").write_text("\ufeff" + text(table, separator=";"), encoding="utf-8")
    for name in ("commas", "semicolons"):
        assert eot(tmp_path / f"{name}.csv", tmp_path / name).exit_code == 0
    assert tree(tmp_path / "commas" / "tables") == tree(tmp_path / "semicolons" / "tables")


def test_a_constant_item_is_left_out_with_a_warning_and_the_rest_goes_on(tmp_path: Path) -> None:
    run_valid(tmp_path, VALID)
    (tmp_path / "answers.csv").write_bytes(with_column("HB3", "4"))
    done = eot(tmp_path / "answers.csv", tmp_path / "out")
    assert done.exit_code == 0
    assert "STA_CONSTANT_ITEM  answers.csv, column HB3, item HB3" in done.stderr
    assert f"Got: 4 from {N_PERSONS} respondents" in done.stderr
    assert "Fix:" in done.stderr
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "STA_CONSTANT_ITEM" in page
    assert "HB3" not in (tmp_path / "out" / "tables" / "loadings.csv").read_text(encoding="utf-8")


def test_an_item_that_nobody_answered_is_left_out_with_a_warning(tmp_path: Path) -> None:
    run_valid(tmp_path, VALID)
    (tmp_path / "answers.csv").write_bytes(with_column("HB3", ""))
    done = eot(tmp_path / "answers.csv", tmp_path / "out")
    assert done.exit_code == 0
    assert "STA_ALL_MISSING_ITEM  answers.csv, column HB3" in done.stderr


def test_an_earlier_report_stays_when_the_next_is_refused(tmp_path: Path) -> None:
    file, out = tmp_path / "answers.csv", tmp_path / "out"
    file.write_bytes(VALID)
    assert eot(file, out).exit_code == 0
    before = tree(tmp_path)
    (tmp_path / "broken.csv").write_bytes(with_cell(5, "TB2", "7"))
    assert eot(tmp_path / "broken.csv", out).exit_code == 4
    (tmp_path / "broken.csv").unlink()
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "exit_code", "told"),
    [
        (["--map", "HB1"], 2, "OLD=NEW"),
        (["--missing", "=dont_know"], 2, "CODE=NAME"),
        (["--missing", "98=unsure"], 4, "RSP_MISSING_CODES"),
        (["--missing", "4"], 4, "RSP_MISSING_CODES"),
        (["--map", "nothing=HB1"], 4, "RSP_NO_SUCH_COLUMN"),
        (["--id", "nothing"], 4, "RSP_NO_SUCH_COLUMN"),
        (["--rotation", "oblique"], 2, "oblimin"),
        (["--datasets", "3"], 2, "20"),
        (["--datasets", "900000"], 5, "STA_OPTION_RANGE"),
        (["--language", "fr"], 3, "DEF_LANGUAGE_ABSENT"),
    ],
)
def test_an_option_that_cannot_be_followed(tmp_path: Path, options: list[str], exit_code: int, told: str) -> None:
    run_valid(tmp_path, VALID)
    (tmp_path / "answers.csv").write_bytes(VALID)
    done = eot(tmp_path / "answers.csv", tmp_path / "out", *options)
    assert done.exit_code == exit_code, done.stderr
    assert told in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("instrument", ["eomhs@9.9.9", "nothing", "./nothing"])
def test_an_unknown_instrument_or_version(tmp_path: Path, instrument: str) -> None:
    run_valid(tmp_path, VALID)
    (tmp_path / "answers.csv").write_bytes(VALID)
    done = eot(tmp_path / "answers.csv", tmp_path / "out", instrument=instrument)
    assert done.exit_code == 3
    assert "DEF_" in done.stderr
    assert not (tmp_path / "out").exists()


def test_columns_are_renamed_and_missing_codes_named(tmp_path: Path) -> None:
    table = rows()
    table[0][table[0].index("HB1")] = "q1"
    table[0][0] = "person"
    place = table[0].index("q1")
    for number, row in enumerate(table[1:]):
        row[place] = {0: "-99", 1: "98", 2: "98"}.get(number, row[place] if row[place] in "12345" else "3")
    (tmp_path / "answers.csv").write_text(text(table), encoding="utf-8")
    (tmp_path / "plain.csv").write_bytes(VALID)
    done = eot(
        tmp_path / "answers.csv", tmp_path / "out",
        "--map", "q1=HB1", "--id", "person", "--missing", "-99", "--missing", "98=dont_know",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    counts = (tmp_path / "out" / "tables" / "missing.csv").read_text(encoding="utf-8").splitlines()
    assert counts[0] == "item,answered,unanswered,not_relevant,dont_know,prefer_not"
    assert counts[1] == f"HB1,{N_PERSONS - 3},1,0,2,0"


def test_somebody_elses_folder_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    run_valid(tmp_path, VALID)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.docx").write_text("mine", encoding="utf-8")
    done = eot(tmp_path / "no-such-file.csv", tmp_path / "thesis")
    assert done.exit_code == 6
    assert "STO_FOLDER_NOT_OURS" in done.stderr
    assert tree(tmp_path / "thesis") == {"chapter.docx": b"mine"}


def test_a_full_disk_is_told_and_an_unreadable_file_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_valid(tmp_path, VALID)
    (tmp_path / "answers.csv").write_bytes(VALID)
    before = tree(tmp_path)
    unreadable = eot(tmp_path / "no-such-file.csv", tmp_path / "out")
    assert unreadable.exit_code == 4
    assert "STO_" not in unreadable.stderr
    write_text = Path.write_text

    def full(self: Path, *given: str, **options: str) -> int:
        if self.name == "results.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_text(self, *given, **options)

    monkeypatch.setattr(Path, "write_text", full)
    done = eot(tmp_path / "answers.csv", tmp_path / "out")
    assert done.exit_code == 6
    assert "STO_FOLDER_NOT_WRITABLE" in done.stderr
    assert tree(tmp_path) == before


def test_the_current_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_valid(tmp_path, VALID)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    done = eot(tmp_path / "no-such-file.csv", Path())
    assert done.exit_code == 6
    assert "STO_FOLDER_NOT_OURS" in done.stderr
    assert "current folder" in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--model", "bifactor"),
        ("--estimator", "ML"),
        ("--invariance-by", "language"),
        ("--split",),
        ("--dynamic-cutoffs",),
    ],
)
def test_options_of_a_model_that_is_not_fitted(tmp_path: Path, options: tuple[str, ...]) -> None:
    file, out = tmp_path / "answers.csv", tmp_path / "out"
    file.write_text(text(rows()), encoding="utf-8")
    done = eot(file, out, "--no-confirm", *options)
    assert done.exit_code == 2
    assert f"{options[0]} would do nothing" in done.stderr
    assert not out.exists()
