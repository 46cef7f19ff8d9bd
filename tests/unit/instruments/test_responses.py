"""Frames of text turned into response frames, and what each bad cell is told."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from toolkit.errors import Code, Problem, ResponsesError
from toolkit.instruments import Instrument, read_frame, require_respondents
from toolkit.instruments.responses import SHOWN

Change = Callable[[pd.DataFrame], pd.DataFrame]


def refused(raw: pd.DataFrame, instrument: Instrument, **options: object) -> tuple[Problem, ...]:
    with pytest.raises(ResponsesError) as caught:
        read_frame(raw, instrument, **options)
    return caught.value.problems


def with_cell(row: int, column: str, value: str) -> Change:
    def change(raw: pd.DataFrame) -> pd.DataFrame:
        changed = raw.copy()
        changed.loc[row, column] = value
        return changed

    return change


def test_a_good_frame_becomes_the_response_frame(mood: Instrument, raw: pd.DataFrame) -> None:
    frame = read_frame(raw.assign(age=["30", "40", ""]), mood)
    assert list(frame.index) == ["a", "b", "c"]
    assert frame.index.name == "respondent"
    assert list(frame.columns) == ["M1", "M2", "T1", "position", "unit"]
    expected = pd.DataFrame({"M1": [1, 3, np.nan], "M2": [3, -7, 2], "T1": [0, 1, -8]}, dtype="float64")
    pd.testing.assert_frame_equal(frame[["M1", "M2", "T1"]].reset_index(drop=True), expected)
    assert frame["position"].tolist()[0] == "nurse"
    assert frame["position"].isna().tolist() == [False, True, False]
    assert frame["unit"].isna().tolist() == [False, False, True]
    assert frame.attrs["ignored_columns"] == ("age",)


def test_respondents_without_an_id_are_named_after_their_row(mood: Instrument, raw: pd.DataFrame) -> None:
    frame = read_frame(raw.drop(columns="respondent").reset_index(drop=True), mood)
    assert list(frame.index) == ["row 2", "row 3", "row 4"]


def test_numbers_may_be_written_in_several_ways(mood: Instrument, raw: pd.DataFrame) -> None:
    written = raw.assign(M1=["1.0", "+3", " 2 "])
    assert read_frame(written, mood)["M1"].tolist() == [1, 3, 2]


def test_columns_are_renamed_and_ids_named(mood: Instrument, raw: pd.DataFrame) -> None:
    file = raw.rename(columns={"M1": "calm", "respondent": "person"})
    frame = read_frame(file, mood, id_column="person", rename={"calm": "M1"})
    assert list(frame.index) == ["a", "b", "c"]
    assert frame["M1"].tolist()[:2] == [1, 3]


def test_missing_codes_of_the_file_are_read(mood: Instrument, raw: pd.DataFrame) -> None:
    file = raw.assign(M1=["99", "1", "NA"])
    frame = read_frame(file, mood, missing_codes={"99": "dont_know", "NA": None})
    assert frame["M1"].tolist()[:2] == [-8, 1]
    assert np.isnan(frame["M1"].iloc[2])
    assert read_frame(file, mood, missing_codes=[99, "NA"])["M1"].isna().tolist() == [True, False, True]
    assert read_frame(file, mood, missing_codes={99: "not_relevant", "NA": None})["M1"].iloc[0] == -7


# code, change of the good frame, options, row, column, item, words of the fix
REFUSED = [
    (Code.RSP_NO_ROWS, lambda raw: raw.iloc[:0], {}, None, None, None, "answers"),
    (Code.RSP_UNKNOWN_COLUMN, lambda raw: raw.assign(M3="1"), {}, 1, "M3", None, "Remove"),
    (Code.RSP_UNKNOWN_COLUMN, lambda raw: raw.assign(m_01="1"), {}, 1, "m_01", None, "Did you mean 'M1'?"),
    (Code.RSP_MISSING_COLUMN, lambda raw: raw.drop(columns="M1"), {}, 1, "M1", "M1", "Add the column"),
    (
        Code.RSP_MISSING_COLUMN,
        lambda raw: raw.rename(columns={"M1": "m1"}),
        {},
        1,
        "M1",
        "M1",
        "Rename the column 'm1'",
    ),
    (Code.RSP_NO_SUCH_COLUMN, None, {"id_column": "respondnt"}, None, "respondnt", None, "Did you mean 'respondent'?"),
    (Code.RSP_NO_SUCH_COLUMN, None, {"rename": {"calm": "M1"}}, None, "calm", None, "The columns are"),
    (Code.RSP_COLUMN_TWICE, None, {"rename": {"unit": "M1"}}, 1, "unit", None, "Rename"),
    (Code.RSP_RESPONDENT_TWICE, with_cell(4, "respondent", "a"), {}, 4, "respondent", None, "Keep one"),
    (Code.RSP_RESPONDENT_EMPTY, with_cell(3, "respondent", " "), {}, 3, "respondent", None, "Give each"),
    (Code.RSP_CODE_NOT_ALLOWED, with_cell(3, "M1", "4"), {}, 3, "M1", "M1", "Correct it"),
    (Code.RSP_CODE_NOT_ALLOWED, with_cell(3, "M1", "2.5"), {}, 3, "M1", "M1", "Correct it"),
    (Code.RSP_CODE_NOT_ALLOWED, with_cell(3, "T1", "-7"), {}, 3, "T1", "T1", "Correct it"),
    (Code.RSP_CODE_NOT_ALLOWED, with_cell(3, "T1", "99"), {"missing_codes": {99: "not_relevant"}}, 3, "T1", "T1", ""),
    (Code.RSP_TEXT_IN_NUMBERS, with_cell(4, "M2", "often"), {}, 4, "M2", "M2", "Write the code"),
    (Code.RSP_TEXT_IN_NUMBERS, with_cell(4, "M2", "agree"), {}, 4, "M2", "M2", "'Agree' is 3"),
    (Code.RSP_TEXT_IN_NUMBERS, with_cell(4, "M2", "٣"), {}, 4, "M2", "M2", "Write the code"),
    (Code.RSP_UNKNOWN_OPTION, with_cell(2, "position", "nurs"), {}, 2, "position", None, "Did you mean 'nurse'?"),
    (Code.RSP_WRONG_VERSION, lambda raw: raw.assign(version="2.0.0"), {}, 2, "version", None, "Use that version"),
    (Code.RSP_WRONG_VERSION, lambda raw: raw.assign(instrument="sleep"), {}, 2, "instrument", None, "mood@1.0.0"),
    (Code.RSP_MISSING_CODES, None, {"missing_codes": {3: None}}, None, None, None, "the code that the file uses"),
    (Code.RSP_MISSING_CODES, None, {"missing_codes": {99: "refused"}}, None, None, None, "one of its names"),
    (Code.RSP_NO_ANSWERS, lambda raw: raw.assign(M1="", M2="", T1=""), {}, None, None, None, "answers"),
]


@pytest.mark.parametrize(("code", "change", "options", "row", "column", "item", "fix"), REFUSED)
def test_what_is_wrong_is_told_by_row_column_and_fix(
    mood: Instrument,
    raw: pd.DataFrame,
    code: Code,
    change: Change | None,
    options: dict[str, object],
    row: int | None,
    column: str | None,
    item: str | None,
    fix: str,
) -> None:
    good = raw.assign(version="1.0.0", instrument="mood")
    assert len(read_frame(good, mood, missing_codes={98: "dont_know"})) == 3
    problems = refused(raw if change is None else change(good), mood, file="answers.csv", **options)
    told = [problem for problem in problems if problem.code == code]
    assert told, problems
    assert (told[0].file, told[0].row, told[0].column, told[0].item) == ("answers.csv", row, column, item)
    assert fix in told[0].fix


def test_everything_is_told_at_once(mood: Instrument, raw: pd.DataFrame) -> None:
    read_frame(raw, mood)
    bad = with_cell(2, "M1", "9")(with_cell(3, "M2", "x")(with_cell(4, "respondent", "a")(raw))).assign(M9="1")
    assert {problem.code for problem in refused(bad, mood)} == {
        Code.RSP_CODE_NOT_ALLOWED,
        Code.RSP_TEXT_IN_NUMBERS,
        Code.RSP_RESPONDENT_TWICE,
        Code.RSP_UNKNOWN_COLUMN,
    }


def test_many_problems_of_a_kind_are_counted(mood: Instrument) -> None:
    n_persons = SHOWN + 1234
    good = pd.DataFrame({"M1": "1", "M2": "2", "T1": "0"}, index=range(n_persons), dtype="str")
    read_frame(good, mood)
    problems = refused(good.assign(M1="8"), mood)
    assert len(problems) == SHOWN + 1
    assert problems[-1].what == "And 1,234 more of this kind."
    assert len(refused(good.iloc[:SHOWN].assign(M1="8"), mood)) == SHOWN


def test_one_respondent_is_read_and_refused_where_more_are_needed(mood: Instrument, raw: pd.DataFrame) -> None:
    frame = read_frame(raw, mood)
    require_respondents(frame, 3)
    alone = read_frame(raw.iloc[:1], mood)
    require_respondents(alone, 1)
    with pytest.raises(ResponsesError) as caught:
        require_respondents(alone, 2)
    assert caught.value.codes == (Code.RSP_TOO_FEW_RESPONDENTS,)


def test_a_long_cell_is_shortened_in_the_message(mood: Instrument, raw: pd.DataFrame) -> None:
    read_frame(raw, mood)
    assert len(refused(with_cell(2, "M1", "x" * 5000)(raw), mood)[0].got or "") == 40
