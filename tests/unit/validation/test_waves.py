"""A validation uses one wave: the latest, the one that is named, or all where nobody is in several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import instruments
from toolkit.errors import Code, ResponsesError, StatisticsError
from toolkit.instruments import Instrument
from toolkit.validation import ValidationPlan, ValidationRun, validate
from toolkit.validation.waves import choose_wave, waves_in_order


@pytest.fixture(scope="module")
def eomhs() -> Instrument:
    return instruments.load("eomhs@1.0.0")


@pytest.fixture(scope="module")
def answers(eomhs: Instrument) -> pd.DataFrame:
    """Three waves of 60, 50 and 40 rows; the same 40 ids in each, the last wave in the middle of the file."""
    rng = np.random.default_rng(3)
    level = rng.normal(size=(150, 1))
    drawn = np.clip(np.round(3 + level + rng.normal(size=(150, len(eomhs.item_codes)))), 1, 5)
    ids = [f"p{number}" for size in (60, 40, 50) for number in range(size)]
    frame = pd.DataFrame(drawn, index=pd.Index(ids, name="respondent"), columns=list(eomhs.item_codes))
    return frame.assign(wave=["2025-03"] * 60 + ["2026-10"] * 40 + ["2026-03"] * 50)


def run(eomhs: Instrument, frame: pd.DataFrame, **options: Any) -> ValidationRun:
    return validate(eomhs, frame, plan=ValidationPlan(n_datasets=20, **options))


def told(run: ValidationRun) -> list[str]:
    return [str(problem) for statistic, _, problem in run.warnings if statistic == "data"]


def test_the_latest_wave_is_used_and_said(eomhs: Instrument, answers: pd.DataFrame) -> None:
    found = run(eomhs, answers)
    assert (found.data.n_persons, found.data.wave) == (40, "2026-10")
    assert found.data.waves == ("2025-03", "2026-03", "2026-10")
    (message,) = told(found)
    assert "only '2026-10' is used" in message
    assert "40 of 150 rows" in message
    assert Code.RSP_SEVERAL_WAVES in {problem.code for _, _, problem in found.warnings}
    results = found.to_dict()
    assert results["data"]["wave"] == "2026-10"
    assert results["plan"]["wave"] is None
    alone = run(eomhs, answers[answers["wave"] == "2026-10"])
    assert alone.scales["HB"].alpha.to_dict() == found.scales["HB"].alpha.to_dict()
    assert told(alone) == []


def test_a_named_wave_is_used_without_a_warning(eomhs: Instrument, answers: pd.DataFrame) -> None:
    found = run(eomhs, answers, wave="2025-03")
    assert (found.data.n_persons, found.data.wave) == (60, "2025-03")
    assert told(found) == []
    assert found.to_dict()["plan"]["wave"] == "2025-03"


def test_all_waves_are_refused_where_a_respondent_is_in_several(eomhs: Instrument, answers: pd.DataFrame) -> None:
    unique = answers.set_axis([f"q{number}" for number in range(150)])
    found = run(eomhs, unique, all_waves=True)
    assert (found.data.n_persons, found.data.wave) == (150, None)
    (message,) = told(found)
    assert "All waves are taken together" in message
    with pytest.raises(ResponsesError) as refusal:
        run(eomhs, answers, all_waves=True)
    assert refusal.value.codes == (Code.RSP_RESPONDENT_TWICE,)
    assert "p0 and 49 more" in str(refusal.value)


def test_a_wave_that_is_not_there_is_refused(eomhs: Instrument, answers: pd.DataFrame) -> None:
    with pytest.raises(ResponsesError) as refusal:
        run(eomhs, answers, wave="2024")
    assert refusal.value.codes == (Code.RSP_UNKNOWN_WAVE,)
    assert "2025-03, 2026-03, 2026-10" in str(refusal.value)
    with pytest.raises(ResponsesError) as refusal:
        run(eomhs, answers.iloc[:60].drop(columns="wave"), wave="2024")
    assert refusal.value.codes == (Code.RSP_NO_SUCH_COLUMN,)
    with pytest.raises(StatisticsError) as conflict:
        ValidationPlan(wave="2024", all_waves=True)
    assert conflict.value.codes == (Code.STA_OPTION_CONFLICT,)


def test_respondents_twice_in_one_wave_are_refused(eomhs: Instrument, answers: pd.DataFrame) -> None:
    twice = pd.concat([answers, answers[answers["wave"] == "2026-10"].iloc[:1]])
    with pytest.raises(ResponsesError) as refusal:
        run(eomhs, twice)
    assert refusal.value.codes == (Code.RSP_RESPONDENT_TWICE,)


@pytest.mark.parametrize(
    ("given", "order"),
    [
        (["b", "a", "b", "c", "a"], ("b", "a", "c")),
        (["2026", "2025-11", "2025-02-28", "2025-11"], ("2025-02-28", "2025-11", "2026")),
        (["2026", "autumn"], ("2026", "autumn")),
        (["a", None, "b"], ("a", "b")),
        ([None, None], ()),
        (pd.Categorical(["b", "a"], categories=["a", "none", "b"], ordered=True), ("a", "b")),
    ],
)
def test_the_order_of_waves(given: Any, order: tuple[str, ...]) -> None:
    assert waves_in_order(pd.DataFrame({"wave": given})) == order


def test_rows_without_a_wave_are_left_out_and_a_column_without_waves_is_none() -> None:
    frame = pd.DataFrame({"wave": pd.array(["a", None, "a"], dtype="str")}, index=list("xyz"))
    rows, chosen = choose_wave(frame, wave=None, all_waves=False, smallest_group=0)
    assert list(rows.index) == ["x", "z"]
    assert len(chosen.told) == 1
    hidden = choose_wave(frame, wave=None, all_waves=False, smallest_group=10)[1].told[0]
    assert "2 of 3" in str(chosen.told[0])
    assert "rows are used" not in str(hidden)
    empty = pd.DataFrame({"wave": [None, None]})
    rows, chosen = choose_wave(empty, wave=None, all_waves=False, smallest_group=0)
    assert (len(rows), chosen.wave, chosen.waves, chosen.told) == (2, None, (), ())
    many = pd.DataFrame({"wave": [f"w{number}" for number in range(30)]})
    assert "and 10 more" in str(choose_wave(many, wave=None, all_waves=False, smallest_group=0)[1].told[0])
