"""Response files: every way a CSV breaks has a code, a row and a fix; its valid twin is read first."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from toolkit.errors import Code, ResponsesError
from toolkit.storage import text_files
from toolkit.storage.response_files import read_csv, sha256_of

VALID = "id,A1,A2\np1,1,2\np2,3,4\n"


@pytest.fixture
def write(tmp_path: Path):
    def _write(content: str | bytes) -> Path:
        path = tmp_path / "answers.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


def refusal(path: Path) -> ResponsesError:
    with pytest.raises(ResponsesError) as caught:
        read_csv(path)
    for problem in caught.value.problems:
        assert problem.file == str(path)
        assert problem.fix
    return caught.value


@pytest.mark.parametrize(
    "content",
    [
        VALID,
        "\ufeff" + VALID,
        VALID.replace(",", ";"),
        VALID.replace(",", "\t"),
        VALID.replace("\n", "\r\n"),
        VALID.replace("\n", "\r"),
        VALID.rstrip("\n"),
        VALID.replace(",", " , "),
        '"id","A1","A2"\n"p1","1","2"\n"p2","3","4"\n',
        VALID.replace("\n", ",,\n"),
        VALID + "\n\n",
        VALID + ",,\n",
        "\n" + VALID,
    ],
)
def test_the_same_answers_are_read_however_the_file_was_saved(write, content):
    frame = read_csv(write(content))
    assert list(frame.columns) == ["id", "A1", "A2"]
    assert frame.to_numpy().tolist() == [["p1", "1", "2"], ["p2", "3", "4"]]


def test_rows_are_numbered_as_a_spreadsheet_does(write):
    assert list(read_csv(write(VALID)).index) == [2, 3]
    assert list(read_csv(write("id,A1,A2\np1,1,2\n\np2,3,4\n")).index) == [2, 4]


def test_decimal_commas_become_points_only_where_the_comma_does_not_separate(write):
    assert read_csv(write("id;A1\np1;3,0\np2;a, b\n"))["A1"].tolist() == ["3.0", "a, b"]
    assert read_csv(write('id,A1\np1,"3,0"\n'))["A1"].tolist() == ["3,0"]


def test_norwegian_letters_and_quoted_line_breaks_survive(write):
    frame = read_csv(write('id,note\np1,"blåbær, ""øl""\nog mer"\np2,x\n'))
    assert frame["note"].tolist() == ['blåbær, "øl"\nog mer', "x"]
    assert list(frame.index) == [2, 3]


@pytest.mark.parametrize(
    ("content", "code", "row", "got"),
    [
        ("", Code.RSP_FILE_EMPTY, None, None),
        (" \n\n", Code.RSP_FILE_EMPTY, None, None),
        ("\ufeff", Code.RSP_FILE_EMPTY, None, None),
        ("id,A1,A2\n", Code.RSP_NO_ROWS, None, None),
        ("id,A1,A2\n,,\n", Code.RSP_NO_ROWS, None, None),
        (b"id,A1,A2\np1,1,2\nbl\xe5,3,4\n", Code.RSP_NOT_UTF8, 3, "0xE5"),
        (VALID.encode("utf-16"), Code.RSP_NOT_UTF8, 1, None),
        (VALID.encode("utf-16-le"), Code.RSP_NOT_UTF8, 1, None),
        ("id,A1,A2\np1,1,2\np2,\x003,4\n" + "p3,1,2\n" * 3, Code.RSP_NUL_BYTE, 3, "0x00"),
        (b"PK\x03\x04" + VALID.encode(), Code.RSP_NOT_CSV, None, None),
        (gzip.compress(VALID.encode(), mtime=0), Code.RSP_NOT_CSV, None, None),
        ("sep=;\n" + VALID.replace(",", ";"), Code.RSP_SEPARATOR_LINE, 1, "sep=;"),
        ("id,A1,A2\np1,1,2\np2,3\n", Code.RSP_RAGGED_ROW, 3, "2 cells"),
        ("id,A1,A2\np1,1,2\np2,3,4,5\n", Code.RSP_RAGGED_ROW, 3, "4 cells"),
        ("id;A1;A2\np1;1;2\np2;3;4;5\n", Code.RSP_RAGGED_ROW, 3, "4 cells"),
        ("id;A1;A2\np1;1;2\np2,3,4\n", Code.RSP_ROW_IN_ONE_CELL, 3, None),
        ('id,A1,A2\np1,1,2\n"p2,3,4"\n', Code.RSP_ROW_IN_ONE_CELL, 3, None),
        ('id;A1;A2;A3\np1;1;2;3\n"p2;3;4;5";;;\n', Code.RSP_ROW_IN_ONE_CELL, 3, None),
        ('"id,A1,A2"\n"p1,1,2"\n', Code.RSP_ROW_IN_ONE_CELL, 1, "id,A1,A2"),
        ("id,A1,A1\np1,1,2\n", Code.RSP_HEADER_TWICE, 1, None),
        ("id,,A2\np1,1,2\n", Code.RSP_HEADER_EMPTY, 1, None),
        ("id,A1,\np1,1,2\n", Code.RSP_HEADER_EMPTY, 1, None),
        ('id,A1,A2\np1,1,2\np2,"3,4\n', Code.RSP_QUOTES, 3, None),
        ('id,A1,A2\np1,1,2\np2,"3"x,4\n', Code.RSP_QUOTES, 3, None),
        (f"id,A1,A2\np1,1,2\np2,{'3' * 140_000},4\n", Code.RSP_CELL_TOO_LONG, 3, None),
        (",".join(f"c{n}" for n in range(5001)) + "\n1\n", Code.RSP_FILE_TOO_LARGE, 1, "5001"),
    ],
)
def test_a_broken_file_is_refused_with_its_row(write, content, code, row, got):
    assert len(read_csv(write(VALID))) == 2
    error = refusal(write(content))
    assert error.codes[0] is code
    assert error.problems[0].row == row
    if got is not None:
        assert error.problems[0].got == got


def test_every_ragged_row_is_listed_and_a_long_list_is_cut(write):
    assert len(read_csv(write("id,A1,A2\n" + "p,1,2\n" * 50))) == 50
    error = refusal(write("id,A1,A2\n" + "p,1\n" * 50))
    assert [problem.row for problem in error.problems] == list(range(2, 22))
    assert "30 more" in error.problems[-1].what


def test_the_other_separator_is_named(write):
    read_csv(write("id;A1;A2\np1;1;2\n"))
    error = refusal(write("id;A1;A2\np1;1;2\np2,1,2;\n"))
    assert error.codes == (Code.RSP_RAGGED_ROW,)
    assert "commas" in error.problems[0].what


def test_no_file_a_folder_and_a_file_that_is_too_large(write, tmp_path, monkeypatch):
    path = write(VALID)
    assert len(read_csv(path)) == 2
    assert refusal(tmp_path / "none.csv").codes == (Code.RSP_FILE_NOT_FOUND,)
    assert refusal(tmp_path).codes == (Code.RSP_FILE_IS_FOLDER,)
    monkeypatch.setattr(text_files, "MAXIMUM_BYTES", 10)
    error = refusal(path)
    assert error.codes == (Code.RSP_FILE_TOO_LARGE,)


def test_a_file_that_cannot_be_read_is_told(write, monkeypatch):
    path = write(VALID)
    assert len(read_csv(path)) == 2

    def denied(_self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    error = refusal(path)
    assert error.codes == (Code.RSP_FILE_UNREADABLE,)
    assert "Permission denied" in str(error)


def test_the_digest_is_that_of_the_bytes(write):
    # printf 'id,A1,A2\np1,1,2\np2,3,4\n' | sha256sum
    import hashlib

    assert sha256_of(write(VALID)) == hashlib.sha256(VALID.encode()).hexdigest()
    assert sha256_of(write(VALID)) != sha256_of(write(VALID + "p3,1,1\n"))
