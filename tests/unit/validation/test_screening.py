"""Who answers without reading is counted and never removed, and nothing is told about a few."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from toolkit import instruments
from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.instruments import Instrument
from toolkit.reporting import narrative
from toolkit.reporting.validation_report import validation_report_files
from toolkit.validation import ValidationPlan, ValidationRun, validate

FLOOR = 10
Careless = Callable[[int], pd.DataFrame]


@pytest.fixture(scope="module")
def bfi() -> Instrument:
    return instruments.load(Path(__file__).parents[2] / "instruments" / "bfi" / "1.0.0")


@pytest.fixture(scope="module")
def with_careless(bfi: Instrument, bfi_raw: pd.DataFrame) -> Careless:
    """120 careful persons of the bfi, before whom some answer the same everywhere."""
    items = list(bfi.item_codes)
    complete = bfi_raw[items].dropna()
    codes = [bfi.points(item)[-1] for item in items]
    found = pm.careless_responding(
        complete, reverse=reversed_items(bfi), codes=[1, codes[0]], scales={c: s.items for c, s in bfi.scales.items()}
    )
    careful = complete[found.table["n_flags"] == 0].iloc[:120]

    def make(n_careless: int) -> pd.DataFrame:
        same = pd.DataFrame(6.0, index=[f"s{number}" for number in range(n_careless)], columns=items)
        return pd.concat([same, careful])

    return make


def reversed_items(instrument: Instrument) -> list[str]:
    return [item for scale in instrument.scales.values() for item in scale.reversed]


def run_on(
    bfi: Instrument, frame: pd.DataFrame, *, smallest_group: int = 0, plan: ValidationPlan | None = None
) -> ValidationRun:
    return validate(bfi, frame, plan=plan or ValidationPlan(n_datasets=20), smallest_group=smallest_group)


def test_the_signs_are_those_of_the_statistic_on_answers_as_given(bfi: Instrument, with_careless: Careless) -> None:
    frame = with_careless(15)
    frame.iloc[20, 3] = np.nan
    found = run_on(bfi, frame).screening
    expected = pm.careless_responding(
        frame, reverse=reversed_items(bfi), codes=[1, 6], scales={c: s.items for c, s in bfi.scales.items()}
    )
    assert [sign.index for sign in found.signs] == list(expected.cutoffs.index)
    for sign in found.signs:
        row = expected.cutoffs.loc[sign.index]
        assert (sign.cutoff, sign.n_computed, sign.n_flagged) == (row["cutoff"], row["n_computed"], row["n_flagged"])
    assert found.n_flagged == len(expected.flagged) >= 15
    assert set(frame.index[:15]) <= set(expected.flagged)


def test_alpha_stands_with_and_without_the_flagged_and_nobody_is_removed(
    bfi: Instrument, with_careless: Careless
) -> None:
    frame = with_careless(15)
    run = run_on(bfi, frame)
    found = run.screening
    assert run.data.n_persons == 135
    for code, (everyone, without) in found.alpha.items():
        assert (everyone.estimate, everyone.n_persons) == (run.scales[code].alpha.estimate, 135)
        assert without.n_persons == 135 - found.n_flagged
    turned = frame.copy()
    turned[reversed_items(bfi)] = 7 - turned[reversed_items(bfi)]
    flagged = pm.careless_responding(
        frame, reverse=reversed_items(bfi), codes=[1, 6], scales={c: s.items for c, s in bfi.scales.items()}
    ).flagged
    kept = turned.drop(index=flagged)[list(bfi.scales["E"].items)]
    assert found.alpha["E"][1].estimate == pytest.approx(pm.cronbach_alpha(kept).estimate, rel=1e-12)
    (told,) = narrative.screening(run)
    assert told.startswith(f"{found.n_flagged} of 135 persons showed 2 or more signs of careless answers; without them")
    assert told.endswith("Nothing is removed: a sign proves nothing about one person.")
    files = validation_report_files(run)
    assert told in files["report.html"]
    rows = files["tables/screening.csv"].splitlines()
    assert rows[-1] == f'several signs,"signs, at least 2",2.0,135,{found.n_flagged}'


def test_of_a_wave_no_count_and_no_alpha_tells_about_a_few(bfi: Instrument, with_careless: Careless) -> None:
    many = run_on(bfi, with_careless(12), smallest_group=FLOOR).screening
    assert many.n_flagged >= 12
    assert {without.n_persons for _, without in many.alpha.values()} == {132 - many.n_flagged}
    frame = with_careless(4)
    open_run, run = run_on(bfi, frame), run_on(bfi, frame, smallest_group=FLOOR)
    assert 0 < open_run.screening.n_flagged < FLOOR
    few = run.screening
    assert few.n_flagged is None
    counts = [count for sign in few.signs for count in (sign.n_flagged, sign.n_computed) if count is not None]
    assert all(count == 0 or count >= FLOOR for count in counts)
    assert all(few.n_persons - count == 0 or few.n_persons - count >= FLOOR for count in counts)
    assert [sign.n_flagged for sign in few.signs if sign.index == "long_string"] == [None]
    assert all(np.isnan(without.estimate) and without.n_persons == 0 for _, without in few.alpha.values())
    (told,) = narrative.screening(run)
    assert told.startswith("How many persons showed 2 or more signs of careless answers is not shown")
    rows = validation_report_files(run)["tables/screening.csv"].splitlines()
    assert rows[-1] == 'several signs,"signs, at least 2",2.0,124,'


def test_complete_persons_count_as_well_where_alpha_uses_only_them(bfi: Instrument, with_careless: Careless) -> None:
    frame, plan = with_careless(12), ValidationPlan(n_datasets=20, missing="listwise")
    without = run_on(bfi, frame, smallest_group=FLOOR, plan=plan).screening.alpha["E"][1]
    assert np.isfinite(without.estimate)
    # Five of the flagged leave out an item: the two alphas would differ by fewer than ten complete persons.
    frame.loc["s0":"s4", "E1"] = np.nan
    run = run_on(bfi, frame, smallest_group=FLOOR, plan=plan)
    assert run.screening.n_flagged >= 12
    assert np.isnan(run.screening.alpha["E"][1].estimate)
    assert np.isfinite(run.screening.alpha["N"][1].estimate)


def test_items_that_offer_different_codes_are_not_screened_together() -> None:
    eomhs = instruments.load("eomhs@1.0.0")
    rng = np.random.default_rng(4)
    drawn = rng.integers(1, 4, size=(60, len(eomhs.item_codes))).astype(float)
    frame = pd.DataFrame(drawn, index=[f"p{number}" for number in range(60)], columns=list(eomhs.item_codes))
    assert validate(eomhs, frame, plan=ValidationPlan(n_datasets=20)).screening is not None
    agree = next(responses for responses in eomhs.definition.responses if len(responses.points) == 5)
    shorter = agree.model_copy(update={"name": "shorter", "points": agree.points[:3]})
    items = (eomhs.definition.items[0].model_copy(update={"responses": "shorter"}), *eomhs.definition.items[1:])
    definition = eomhs.definition.model_copy(
        update={"responses": (*eomhs.definition.responses, shorter), "items": items}
    )
    texts = eomhs.texts
    mixed = Instrument(definition=definition, texts=texts, definition_hash=eomhs.definition_hash)
    run = validate(mixed, frame, plan=ValidationPlan(n_datasets=20))
    assert run.screening is None
    (absent,) = [absent for absent in run.not_computed if absent.statistic == "careless_responding"]
    assert [problem.code for problem in absent.problems] == [Code.STA_UNDEFINED]


def test_a_formative_instrument_is_not_screened(bfi: Instrument, with_careless: Careless) -> None:
    definition = bfi.definition.model_copy(update={"measurement": "formative"})
    formative = Instrument(definition=definition, texts=bfi.texts, definition_hash=bfi.definition_hash)
    run = run_on(formative, with_careless(15))
    assert run.screening is None
    assert narrative.screening(run) == []
    assert "tables/screening.csv" not in validation_report_files(run)
