"""Scoring beyond the tables of tests/spec: shapes, refusals and what the statistics are given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from toolkit import instruments
from toolkit.errors import Code, ResponsesError
from toolkit.instruments import Instrument, score, scored_items


@pytest.fixture
def frame() -> pd.DataFrame:
    answers = {"M1": [1.0, 3.0, np.nan], "M2": [3.0, -7.0, 2.0], "T1": [0.0, 1.0, -8.0]}
    return pd.DataFrame(answers, index=pd.Index(["a", "b", "c"], name="respondent"))


def test_scores_keep_the_respondents_and_the_scales(mood: Instrument, frame: pd.DataFrame) -> None:
    table = score(mood, frame)
    assert table.instrument == "mood@1.0.0"
    assert list(table.scores.columns) == ["MOOD"]
    assert table.scores.index.equals(frame.index)
    assert table.means["MOOD"].tolist()[::2] == [1, 2]
    assert table.scores["MOOD"].tolist()[::2] == [0, 50]
    assert table.status["MOOD"].tolist() == ["scored", "not_applicable", "scored"]
    assert table.n_answered["MOOD"].tolist() == [2, 1, 1]


def test_the_tidy_frame_has_one_row_for_each_scale_and_respondent(frame: pd.DataFrame, mood: Instrument) -> None:
    tidy = score(mood, frame).to_frame()
    assert list(tidy.columns) == ["scale", "respondent", "score", "mean", "status", "n_answered"]
    assert tidy["respondent"].tolist() == ["a", "b", "c"]
    assert str(tidy["status"].dtype) == "category"


def test_the_frame_is_not_changed(mood: Instrument, frame: pd.DataFrame) -> None:
    before = frame.copy()
    score(mood, frame)
    scored_items(mood, frame)
    pd.testing.assert_frame_equal(frame, before)


def test_whole_number_columns_are_scored_too(mood: Instrument, frame: pd.DataFrame) -> None:
    whole = frame.fillna(-8).astype("int64")
    assert score(mood, whole).means["MOOD"].tolist()[0] == 1
    nullable = frame.astype("Int64")
    pd.testing.assert_frame_equal(score(mood, nullable).scores, score(mood, frame).scores)


def test_no_respondents_give_an_empty_table(mood: Instrument, frame: pd.DataFrame) -> None:
    table = score(mood, frame.iloc[:0])
    assert table.scores.shape == (0, 1)
    assert len(table.to_frame()) == 0


def test_statistics_get_items_without_missing_codes_and_turned_round(mood: Instrument, frame: pd.DataFrame) -> None:
    items = scored_items(mood, frame.assign(unit="north"))
    expected = pd.DataFrame(
        {"M1": [1, 3, np.nan], "M2": [1, np.nan, 2], "T1": [0, 1, np.nan]}, index=frame.index, dtype="float64"
    )
    pd.testing.assert_frame_equal(items, expected)


@pytest.mark.parametrize("value", [4, 0, -9, 2.5, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("function", [score, scored_items])
def test_a_code_that_the_item_does_not_have_is_refused(
    mood: Instrument, frame: pd.DataFrame, function: object, value: float
) -> None:
    assert callable(function)
    function(mood, frame)
    frame.loc["b", "M1"] = value
    with pytest.raises(ResponsesError) as caught:
        function(mood, frame)
    problem = caught.value.problems[0]
    assert caught.value.codes == (Code.RSP_CODE_NOT_ALLOWED,)
    assert (problem.item, problem.got, problem.allowed) == ("M1", f"{value:g}", "1, 2, 3, -7, -8")
    assert "'b'" in problem.what


def test_many_refused_codes_are_counted(mood: Instrument) -> None:
    frame = pd.DataFrame(1.0, index=range(100_000), columns=["M1", "M2", "T1"])
    score(mood, frame)
    with pytest.raises(ResponsesError) as caught:
        score(mood, frame.assign(M1=9.0))
    assert len(caught.value.problems) == 51
    assert "99,950 more" in caught.value.problems[-1].what


def test_a_lacking_column_and_a_column_of_text_are_refused_together(mood: Instrument, frame: pd.DataFrame) -> None:
    score(mood, frame)
    with pytest.raises(ResponsesError) as caught:
        score(mood, frame.drop(columns="M1").assign(M2="3"))
    assert caught.value.codes == (Code.RSP_MISSING_COLUMN, Code.RSP_TEXT_IN_NUMBERS)


def test_chunks_change_nothing(mood: Instrument) -> None:
    rng = np.random.default_rng(7)
    answers = rng.choice([1, 2, 3, -7, -8, np.nan], size=(70_000, 2))
    frame = pd.DataFrame(answers, columns=["M1", "M2"]).assign(T1=1.0)
    whole = score(mood, frame)
    for part in (slice(0, 10), slice(32_760, 32_780), slice(65_530, 65_540)):
        piece = score(mood, frame.iloc[part])
        pd.testing.assert_frame_equal(piece.scores, whole.scores.iloc[part])
        pd.testing.assert_frame_equal(piece.status, whole.status.iloc[part])


def test_an_instrument_without_scales_has_no_scores() -> None:
    mood = instruments.load("eomhs@1.0.0")
    bare = Instrument(
        definition=mood.definition.model_copy(update={"scales": ()}), texts=mood.texts, definition_hash=""
    )
    table = score(bare, pd.DataFrame(4.0, index=["a"], columns=list(mood.item_codes)))
    assert table.scores.shape == (1, 0)
    assert table.to_frame().empty
