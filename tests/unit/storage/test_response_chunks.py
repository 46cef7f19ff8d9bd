"""Files that are read in pieces: what is read, and how what cannot be read is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code, ResponsesError
from toolkit.storage.response_chunks import read_chunks

ANSWERS = pd.DataFrame({"a": [1, 2, np.nan, 4, 5], "b": [2.0, 1, 3, np.nan, 5], "c": [5.0, 4, 3, 2, 1]})


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    file = tmp_path / "answers.csv"
    ANSWERS.to_csv(file, index=False)
    return file


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    file = tmp_path / "answers.parquet"
    ANSWERS.to_parquet(file, index=False)
    return file


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 100])
def test_the_pieces_are_the_whole(kind: str, rows: int, request: pytest.FixtureRequest) -> None:
    frames = list(read_chunks(request.getfixturevalue(kind), rows=rows))
    assert [len(frame) for frame in frames] == [min(rows, 5 - start) for start in range(0, 5, rows)]
    pd.testing.assert_frame_equal(pd.concat(frames, ignore_index=True), ANSWERS)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_columns_are_chosen_and_ordered(kind: str, request: pytest.FixtureRequest) -> None:
    (frame,) = read_chunks(request.getfixturevalue(kind), columns=["c", "a"])
    pd.testing.assert_frame_equal(frame, ANSWERS[["c", "a"]])


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_and_the_mark_of_utf8(separator: str, tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    ANSWERS.to_csv(file, index=False, sep=separator, encoding="utf-8-sig")
    (frame,) = read_chunks(file)
    pd.testing.assert_frame_equal(frame, ANSWERS)


def test_counting_a_file_is_counting_its_frame(csv: Path) -> None:
    one, two = pm.count_responses(read_chunks(csv, rows=2)), pm.count_responses(ANSWERS)
    np.testing.assert_array_equal(one.pair_tables, two.pair_tables)
    np.testing.assert_array_equal(one.complete_tables, two.complete_tables)


def refuse(code: Code, file: Path, **options: object) -> ResponsesError:
    with pytest.raises(ResponsesError) as caught:
        list(read_chunks(file, **options))
    assert caught.value.codes[0] == code
    assert all(problem.file == str(file) for problem in caught.value.problems)
    return caught.value


def test_a_file_that_is_not_there_or_empty_or_a_folder(tmp_path: Path, csv: Path) -> None:
    assert len(list(read_chunks(csv))) == 1
    refuse(Code.RSP_FILE_NOT_FOUND, tmp_path / "none.csv")
    refuse(Code.RSP_FILE_IS_FOLDER, tmp_path)
    csv.write_bytes(b"")
    refuse(Code.RSP_FILE_EMPTY, csv)


def test_a_damaged_parquet_file(parquet: Path) -> None:
    parquet.write_bytes(parquet.read_bytes()[:40])
    refuse(Code.RSP_FILE_UNREADABLE, parquet)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_that_is_not_there(kind: str, request: pytest.FixtureRequest) -> None:
    error = refuse(Code.RSP_NO_SUCH_COLUMN, request.getfixturevalue(kind), columns=["a", "x", "y"])
    assert [problem.column for problem in error.problems] == ["x", "y"]


def test_text_is_refused_in_whichever_piece_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text("a,b\n" + "1,2\n" * 400_000 + "5,low\n", encoding="utf-8")
    assert next(read_chunks(file)).shape == (100_000, 2)
    error = refuse(Code.RSP_TEXT_IN_NUMBERS, file)
    assert [problem.column for problem in error.problems] == ["b"]
    assert "low" not in str(error)
    words = tmp_path / "words.parquet"
    pd.DataFrame({"a": ["low", "high"]}).to_parquet(words)
    refuse(Code.RSP_TEXT_IN_NUMBERS, words)


def test_rows_that_are_too_long_and_names_given_twice(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text("a,b\n1,2\n3,4,5\n", encoding="utf-8")
    assert refuse(Code.RSP_RAGGED_ROW, file).problems[0].row == 3
    file.write_text("a,b\n1,2\n3\n", encoding="utf-8")
    refuse(Code.RSP_RAGGED_ROW, file)
    file.write_text("a,a\n1,2\n", encoding="utf-8")
    refuse(Code.RSP_HEADER_TWICE, file)


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_bytes("a,b\n1,2\n3,é\n".encode("latin-1"))
    refuse(Code.RSP_NOT_UTF8, file)
    file.write_bytes("é,b\n1,2\n".encode("latin-1"))
    refuse(Code.RSP_NOT_UTF8, file)
