"""Files of answers to an instrument: what a spreadsheet program does to them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from toolkit.errors import Code, ResponsesError
from toolkit.instruments import load
from toolkit.storage.response_files import read_responses

EOMHS = load("eomhs@1.0.0")


def write(path: Path, value: str) -> Path:
    frame = pd.DataFrame("4", index=["p1", "p2"], columns=list(EOMHS.item_codes))
    frame.loc["p2", "TB3"] = value
    frame.to_csv(path, index_label="respondent")
    return path


@pytest.mark.parametrize("value", ["3-Jan", "03.01.2026", "2026-01-03", "3/1", "Mar-04", "3. mai", "1 okt 26"])
def test_an_answer_that_became_a_date_is_refused_with_its_place(tmp_path: Path, value: str) -> None:
    valid = read_responses(write(tmp_path / "answers.csv", "3"), EOMHS)
    assert valid.loc["p2", "TB3"] == 3
    path = write(tmp_path / "answers.csv", value)
    with pytest.raises(ResponsesError) as refusal:
        read_responses(path, EOMHS)
    (problem,) = refusal.value.problems
    assert (problem.code, problem.row, problem.column, problem.got) == (Code.RSP_CELL_IS_DATE, 3, "TB3", value)
    assert problem.file == str(path)
    assert "spreadsheet" in problem.fix


def test_renamed_columns_and_missing_codes_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "answers.csv", "99")
    path.write_text(path.read_text(encoding="utf-8").replace("TB3", "tb_3"), encoding="utf-8")
    frame = read_responses(path, EOMHS, rename={"tb_3": "TB3"}, missing_codes={99: "dont_know"})
    assert frame.loc["p2", "TB3"] == -8


def test_bytes_are_read_as_the_file_would_be(tmp_path: Path) -> None:
    path = write(tmp_path / "answers.csv", "3")
    frame = read_responses("answers.csv", EOMHS, content=path.read_bytes())
    pd.testing.assert_frame_equal(frame, read_responses(path, EOMHS))
    with pytest.raises(ResponsesError) as refusal:
        read_responses("uploaded.csv", EOMHS, content=write(tmp_path / "answers.csv", "3-Jan").read_bytes())
    assert refusal.value.problems[0].file == "uploaded.csv"
