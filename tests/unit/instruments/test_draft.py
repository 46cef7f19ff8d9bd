"""Instruments drafted from a file of answers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from toolkit.errors import Code, DefinitionError, ResponsesError
from toolkit.instruments import draft_from_frame, load, read_frame


@pytest.fixture
def answers() -> pd.DataFrame:
    columns = {
        "respondent": ["a", "b", "c"],
        "SL1": ["1", "5", "3"],
        "SL2": ["2", "99", "4"],
        "sl_3": ["", "-8", "4.0"],
        "FQ1": ["0", "3", "1"],
        "FQ2": ["1", "1", "99"],
        "age": ["31", "45", "62"],
        "gender": ["1", "2", "1"],
        "name": ["Ann", "Bo", "Cy"],
        "empty1": ["", "", ""],
    }
    return pd.DataFrame(columns, dtype="str")


def test_the_draft_loads_lints_and_reads_the_same_file(answers: pd.DataFrame, tmp_path: Path) -> None:
    draft = draft_from_frame(answers, id="sleep")
    assert draft.items == ("SL1", "SL2", "sl_3", "FQ1", "FQ2")
    assert set(draft.left_out) == {"respondent", "age", "gender", "name", "empty1"}
    files = draft.write(tmp_path)
    instrument = load(files[0].parent)
    assert instrument.name == "sleep@0.1.0"
    assert {code: scale.items for code, scale in instrument.scales.items()} == {
        "SL": ("SL1", "SL2", "sl_3"),
        "FQ": ("FQ1", "FQ2"),
    }
    assert instrument.codes("SL1") == (1, 2, 3, 4, 5, -8, 99)
    assert instrument.points("FQ2") == (0, 1, 2, 3)
    frame = read_frame(answers, instrument)
    assert frame.loc["b", "SL2"] == 99
    assert frame.attrs["ignored_columns"] == ("age", "gender", "name", "empty1")


def test_named_columns_are_the_items(answers: pd.DataFrame) -> None:
    draft = draft_from_frame(answers, id="sleep", columns=["gender", "SL1"])
    assert set(draft.items) == {"gender", "SL1"}
    with pytest.raises(ResponsesError) as caught:
        draft_from_frame(answers, id="sleep", columns=["gender", "SL9"])
    assert caught.value.codes == (Code.RSP_NO_SUCH_COLUMN,)
    assert caught.value.problems[0].column == "SL9"


def test_without_numbered_names_every_column_of_few_codes_is_an_item(answers: pd.DataFrame) -> None:
    assert draft_from_frame(answers[["gender", "name", "age"]], id="sleep").items == ("gender",)


def test_many_items_are_spread_over_pages(tmp_path: Path) -> None:
    raw = pd.DataFrame({f"Q{number}": ["1", "2"] for number in range(1, 21)}, dtype="str")
    instrument = load(draft_from_frame(raw, id="long").write(tmp_path)[0].parent)
    assert [len(section.items) for section in instrument.definition.sections] == [8, 8, 4]
    assert instrument.scales["Q"].minimum_answered == 16


def test_a_file_without_items_is_refused(answers: pd.DataFrame) -> None:
    draft_from_frame(answers, id="sleep")
    with pytest.raises(ResponsesError) as caught:
        draft_from_frame(answers[["respondent", "name", "age", "empty1"]], id="sleep")
    assert caught.value.codes == (Code.RSP_NOTHING_TO_DRAFT,)


@pytest.mark.parametrize(("identifier", "language", "key"), [("Sleep", "en", "id"), ("sleep", "English", "language")])
def test_a_wrong_name_is_refused_before_anything_is_written(
    answers: pd.DataFrame, identifier: str, language: str, key: str
) -> None:
    draft_from_frame(answers, id="sleep", language="en")
    with pytest.raises(DefinitionError) as caught:
        draft_from_frame(answers, id=identifier, language=language)
    assert caught.value.codes == (Code.DEF_VALUE,)
    assert caught.value.problems[0].key == key


def test_nothing_is_overwritten(answers: pd.DataFrame, tmp_path: Path) -> None:
    draft = draft_from_frame(answers, id="sleep")
    files = draft.write(tmp_path)
    files[0].write_text("mine")
    with pytest.raises(DefinitionError) as caught:
        draft.write(tmp_path)
    assert caught.value.codes == (Code.DEF_EXISTS,)
    assert files[0].read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.name.startswith(".draft")] == []
