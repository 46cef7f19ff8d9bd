"""What units do to a run: design effects, intervals that respect units, and what a small unit must not tell."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest

from toolkit import instruments
from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.instruments import Instrument
from toolkit.reporting import narrative
from toolkit.reporting.confirmation_narrative import confirmation_sentences
from toolkit.reporting.tables import validation_tables
from toolkit.reporting.validation_report import validation_report_files
from toolkit.validation import ValidationPlan, ValidationRun, validate
from toolkit.validation.results_schema import results_schema

FLOOR = 10


@pytest.fixture(scope="module")
def eomhs() -> Instrument:
    return instruments.load("eomhs@1.0.0")


@pytest.fixture(scope="module")
def answers(eomhs: Instrument) -> pd.DataFrame:
    """12 units of 20 whose members resemble each other."""
    rng = np.random.default_rng(3)
    unit = np.repeat(np.arange(12), 20)
    level = 0.6 * rng.normal(size=(12, 1))[unit] + rng.normal(size=(240, 1))
    drawn = np.clip(np.round(3 + level + rng.normal(size=(240, len(eomhs.item_codes)))), 1, 5)
    frame = pd.DataFrame(drawn, index=[f"p{number}" for number in range(240)], columns=list(eomhs.item_codes))
    return frame.assign(unit=[f"Team {number}" for number in unit])


def run_of(eomhs: Instrument, frame: pd.DataFrame, *, smallest_group: int = 0, **options: Any) -> ValidationRun:
    plan = ValidationPlan(n_datasets=20, **options)
    return validate(eomhs, frame, plan=plan, smallest_group=smallest_group)


@pytest.fixture(scope="module")
def run(eomhs: Instrument, answers: pd.DataFrame) -> ValidationRun:
    return run_of(eomhs, answers)


def test_a_run_holds_what_the_statistics_say(eomhs: Instrument, answers: pd.DataFrame, run: ValidationRun) -> None:
    scores = instruments.score(eomhs, answers).scores
    table = pm.design_effects(scores, cluster=answers["unit"]).table
    units = run.units
    assert units is not None
    assert (units.n_units, units.n_persons, units.n_persons_without) == (12, 240, 0)
    for code, scale in run.scales.items():
        assert units.scales[code].icc1 == table.loc[code, "icc1"]
        assert units.scales[code].design_effect == table.loc[code, "design_effect"]
        assert units.alpha[code].estimate == scale.alpha.estimate
        assert units.alpha[code].n_clusters == units.omega[code].n_clusters == 12
        assert units.alpha[code].interval != scale.alpha.interval
    items = answers[["HB1"]]
    assert units.items["HB1"].icc1 == pm.design_effects(items, cluster=answers["unit"]).table.loc["HB1", "icc1"]


def test_results_hold_it_beside_the_intervals(run: ValidationRun) -> None:
    results = json.loads(json.dumps(run.to_dict(), allow_nan=False))
    jsonschema.validate(results, results_schema())
    assert results["units"]["n_units"] == 12
    scale = results["scales"]["HB"]["units"]
    assert scale["alpha"]["interval"]["method"].startswith("ADF variance summed over 12 clusters")
    assert scale["omega"]["n_clusters"] == 12
    assert scale["design_effect"]["design_effect"] > 1
    assert results["items"]["HB1"]["units"]["n_units"] == 12
    assert results["structure"]["units"]["design_effect"] > 1


def test_tables_show_it_beside_every_interval(run: ValidationRun) -> None:
    tables = validation_tables(run, language="en")
    with_limits = [
        name
        for name, table in tables.items()
        if any(str(column) in ("low", "low_without", "item_rest_low") for column in table.frame.columns)
        and not name.startswith("cfa_")
    ]
    # One sentence says it for all tables of the confirmatory model.
    (told,) = [one for one in confirmation_sentences(run) if "take persons as independent" in one]
    assert "in 12 units: a typical item has ICC(1)" in told
    assert set(with_limits) == {
        *("reliability", "units", "coefficients", "sensitivity", "screening_alpha", "item_analysis", "fit"),
    }
    for name in with_limits:
        headings = [heading for _, heading, _ in tables[name].columns]
        assert {"ICC(1)", "design effect"} <= set(headings), name
        frame = tables[name].frame
        low = next(column for column in frame.columns if str(column) in ("low", "item_rest_low", "low_without"))
        limits = frame[low].notna()
        assert frame.loc[limits, ["icc1", "design_effect"]].notna().all(axis=None), name
    reliability = tables["reliability"]
    assert (reliability.frame["low_with_units"] < reliability.frame["estimate"]).all()
    assert "Low and high take persons as independent" in reliability.note
    told = " ".join(narrative.units(run))
    assert "240 respondents work in 12 units." in told
    assert "too short by its square root" in told
    assert ", with units (" in " ".join(narrative.summary(run, language="en"))


def test_without_units_nothing_is_said(eomhs: Instrument, answers: pd.DataFrame) -> None:
    for frame in (answers.drop(columns="unit"), answers.assign(unit="one"), answers.assign(unit=answers.index)):
        found = run_of(eomhs, frame)
        assert found.units is None
        assert found.to_dict()["units"] is None
        tables = validation_tables(found, language="en")
        assert "icc1" not in {column for table in tables.values() for column in table.frame.columns}
        assert narrative.units(found) == []
        assert "<h3>Units</h3>" not in validation_report_files(found)["report.html"]


def test_respondents_without_a_unit_are_one_unit_in_intervals_and_left_out_of_design_effects(
    eomhs: Instrument, answers: pd.DataFrame
) -> None:
    frame = answers.copy()
    frame.loc["p0":"p29", "unit"] = None
    found = run_of(eomhs, frame)
    assert found.units is not None
    assert (found.units.n_units, found.units.n_persons, found.units.n_persons_without) == (11, 210, 30)
    assert found.units.scales["HB"].n_persons == 210
    assert found.units.alpha["HB"].n_clusters == 12
    assert found.units.alpha["HB"].n_persons == 240
    assert "30 name none" in " ".join(narrative.units(found))


def test_few_units_are_told_once(eomhs: Instrument, answers: pd.DataFrame) -> None:
    found = run_of(eomhs, answers.assign(unit=answers["unit"].map(lambda name: f"Half {int(name[5:]) % 2}")))
    few = [statistic for statistic, _, problem in found.warnings if problem.code == Code.STA_FEW_CLUSTERS]
    assert few == ["design_effects"]
    assert found.units is not None
    assert found.units.alpha["HB"].n_clusters == 2


def test_small_units_do_not_stand_alone(eomhs: Instrument, answers: pd.DataFrame) -> None:
    """Two units of five are ten persons together: left out of design effects, one unit in the intervals."""
    frame = answers.drop(index=[f"p{number}" for number in (*range(5, 20), *range(25, 40))])
    open_run, found = run_of(eomhs, frame), run_of(eomhs, frame, smallest_group=FLOOR)
    assert open_run.units is not None
    assert found.units is not None
    assert (open_run.units.scales["HB"].n_units, found.units.scales["HB"].n_units) == (12, 10)
    assert found.units.scales["HB"].n_persons == 200
    assert (open_run.units.alpha["HB"].n_clusters, found.units.alpha["HB"].n_clusters) == (12, 11)
    assert found.not_computed == ()
    told = " ".join(narrative.units(found))
    assert "Units with fewer than 10 persons behind a number are left out" in told


def test_a_few_persons_set_apart_leave_no_number(eomhs: Instrument, answers: pd.DataFrame) -> None:
    frame = answers.drop(index=[f"p{number}" for number in range(5, 20)])
    found = run_of(eomhs, frame, smallest_group=FLOOR)
    absent = {(one.statistic, one.scale) for one in found.not_computed}
    assert {
        ("design_effects", "HB"),
        ("cronbach_alpha_with_units", "HB"),
        ("composite_omega_with_units", "HB"),
    } <= absent
    assert {problem.what for one in found.not_computed for problem in one.problems} == {
        "Not shown: too few answers or none."
    }
    assert found.units is None
    assert found.scales["HB"].alpha is not None
    without = answers.copy()
    without.loc["p0":"p3", "unit"] = None
    hidden = run_of(eomhs, without, smallest_group=FLOOR).units
    assert hidden is None
    half = answers.assign(unit=["Large"] * 234 + ["Small"] * 6)
    refused = run_of(eomhs, half, smallest_group=FLOOR)
    assert refused.units is None
    assert ("design_effects", None) in {(one.statistic, one.scale) for one in refused.not_computed}
    assert run_of(eomhs, half).units is not None


def test_the_files_name_no_unit(eomhs: Instrument, answers: pd.DataFrame) -> None:
    files = validation_report_files(run_of(eomhs, answers, smallest_group=FLOOR))
    assert [name for name, content in files.items() if "Team " in content] == []
    assert "<h3>Units</h3>" in files["report.html"]
    assert "thin lines with units" in files["report.html"]
    assert "; with units 0." in files["report.html"]
    assert "tables/units.csv" in files


def test_the_missing_rule_of_the_plan_counts(eomhs: Instrument, answers: pd.DataFrame) -> None:
    frame = answers.copy()
    frame.loc["p0":"p19", "HB1"] = np.nan
    found = run_of(eomhs, frame, missing="listwise")
    assert found.units is not None
    assert found.units.alpha["HB"].n_persons == found.scales["HB"].alpha.n_persons == 220
    assert found.units.alpha["HB"].n_clusters == 11
    assert found.units.alpha["TB"].n_clusters == 12
