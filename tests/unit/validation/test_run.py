"""A run holds every number with its n, method and interval; what cannot be computed is said, and nothing is guessed."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import jsonschema
import numpy as np
import pandas as pd
import pytest

from toolkit import instruments
from toolkit import psychometrics as pm
from toolkit.errors import Code, ResponsesError, StatisticsError
from toolkit.instruments import Instrument
from toolkit.instruments.definition import Scale
from toolkit.validation import RunCancelledError, ValidationPlan, validate
from toolkit.validation.results_schema import results_schema
from toolkit.validation.run import STEPS

ROOT = Path(__file__).resolve().parents[3]
QUICK = ValidationPlan(n_datasets=20)


@pytest.fixture(scope="module")
def eomhs() -> Instrument:
    return instruments.load("eomhs@1.0.0")


@pytest.fixture(scope="module")
def answers(eomhs: Instrument) -> pd.DataFrame:
    """Answers of 260 persons with six factors, and a known number of missing answers of each kind."""
    loadings = np.zeros((31, 6))
    starts = [0, 5, 10, 15, 21, 26, 31]
    for factor, (begin, end) in enumerate(pairwise(starts)):
        loadings[begin:end, factor] = 0.7
    phi = np.full((6, 6), 0.3) + 0.7 * np.eye(6)
    frame = pm.simulate_ordinal(loadings, phi=phi, thresholds=[-1.2, -0.4, 0.4, 1.2], n_persons=260, rng=5)
    frame.columns = pd.Index(eomhs.item_codes)
    frame.index = pd.Index([f"p{number}" for number in range(260)])
    frame.loc["p0":"p19", "CI1"] = -7
    frame.loc["p20":"p24", "HB2"] = -8
    frame.loc["p25", "HB2"] = np.nan
    frame.loc["p26":"p27", "TB1"] = -9
    return frame


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json.loads((ROOT / "docs" / "schema" / "results.schema.json").read_text(encoding="utf-8"))


def test_the_schema_in_docs_is_that_of_the_code(schema: dict[str, Any]) -> None:
    assert schema == results_schema()


def test_every_number_has_its_n_method_and_interval(
    eomhs: Instrument, answers: pd.DataFrame, schema: dict[str, Any]
) -> None:
    seen: list[tuple[int, int, str]] = []
    run = validate(eomhs, answers, plan=QUICK, progress=lambda *step: seen.append(step))
    results = json.loads(json.dumps(run.to_dict(), allow_nan=False))
    jsonschema.validate(results, schema)
    assert [step for step, _, _ in seen] == list(range(len(STEPS) + 1))
    assert list(results["seconds"]) == list(STEPS)
    assert results["data"]["n_persons"] == 260
    assert results["data"]["n_complete"] == 260 - 28
    assert results["data"]["smallest_pairwise_n"] == 240 - 6
    assert set(results["data"]["smallest_pair"]) == {"CI1", "HB2"}
    assert results["data"]["structural"]["n_persons"] == 20
    hb2 = results["items"]["HB2"]
    assert hb2["missing"] == {"answered": 254, "unanswered": 1, "not_relevant": 0, "dont_know": 5, "prefer_not": 0}
    assert sum(hb2["distribution"].values()) == 260
    assert (hb2["distribution"]["-8"], hb2["distribution"]["unanswered"]) == (5, 1)
    alpha = results["scales"]["CI"]["alpha"]
    assert alpha["interval"]["low"] < alpha["estimate"] < alpha["interval"]["high"]
    assert alpha["n_smallest_pair"] == 240
    rules = {line["rule"]: line["n_persons"] for line in results["scales"]["CI"]["sensitivity"]}
    assert rules == {"pairwise": 260, "listwise": 240, "pairwise_without_structural": 240}
    assert results["structure"]["parallel_analysis"]["n_factors"] == 6
    retention = results["structure"]["retention"]
    assert len(retention["table"]) == sum(retention["counts"].values()) == 9
    assert retention["smallest"] <= 6 <= retention["largest"]
    assert all(line["agrees"] for line in results["replication"])
    assert len(results["replication"]) == 6 * 3 + 1 + 31 + 1 + 31
    assert results["not_computed"] == []


def test_the_same_plan_and_answers_give_the_same_hash_and_another_seed_another(
    eomhs: Instrument, answers: pd.DataFrame
) -> None:
    first, again = (validate(eomhs, answers, plan=QUICK).to_dict() for _ in range(2))
    assert first["content_sha256"] == again["content_sha256"]
    other = validate(eomhs, answers, plan=ValidationPlan(n_datasets=20, seed=7)).to_dict()
    assert other["content_sha256"] != first["content_sha256"]


def test_a_run_stops_between_steps_on_request(eomhs: Instrument, answers: pd.DataFrame) -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(RunCancelledError) as stopped:
        validate(eomhs, answers, plan=QUICK, cancelled=cancelled)
    assert stopped.value.exit_code == 130
    assert len(asked) == 3


def test_a_run_stops_within_a_long_step(eomhs: Instrument, answers: pd.DataFrame) -> None:
    steps: list[str] = []
    since: list[float] = []

    def cancelled() -> bool:
        # Stopped one second into the parallel analysis of more data sets than one second is enough for.
        if steps[-1:] == ["Exploring the factors"] and not since:
            since.append(time.perf_counter())
        return bool(since) and time.perf_counter() - since[0] > 0.5

    started = time.perf_counter()
    with pytest.raises(RunCancelledError):
        validate(
            eomhs,
            answers,
            plan=ValidationPlan(n_datasets=100_000),
            progress=lambda _step, _steps, label: steps.append(label),
            cancelled=cancelled,
        )
    assert steps[-1] == "Exploring the factors"
    assert time.perf_counter() - since[0] < 3.0, time.perf_counter() - started


def test_a_formative_instrument_has_scores_and_no_alpha(eomhs: Instrument, answers: pd.DataFrame) -> None:
    definition = eomhs.definition.model_copy(update={"measurement": "formative"})
    formative = Instrument(definition=definition, texts=eomhs.texts, definition_hash=eomhs.definition_hash)
    run = validate(formative, answers, plan=QUICK)
    assert run.structure is None
    assert run.replication == ()
    assert {scale.alpha for scale in run.scales.values()} == {None}
    assert run.scales["HB"].scores.n_scored == 260
    assert {rating.measurement_property for rating in run.ratings} >= {"floor_and_ceiling", "content_validity"}
    assert "internal_consistency" not in {rating.measurement_property for rating in run.ratings}


def test_with_few_persons_the_factors_are_absent_with_a_reason_and_ratings_are_open(
    eomhs: Instrument, answers: pd.DataFrame, schema: dict[str, Any]
) -> None:
    run = validate(eomhs, answers.iloc[100:112], plan=QUICK)
    jsonschema.validate(run.to_dict(), schema)
    assert run.scales["HB"].alpha is not None
    assert run.structure is not None
    assert run.structure.efa is None
    assert run.structure.retention is None
    assert {"efa", "kaiser_meyer_olkin", "parallel_analysis", "retention"} <= {
        absent.statistic for absent in run.not_computed
    }
    assert {rating.verdict for rating in run.ratings} == {"indeterminate"}


def test_constant_and_unanswered_items_leave_the_correlations_and_stay_in_the_counts(
    eomhs: Instrument, answers: pd.DataFrame
) -> None:
    frame = answers.copy()
    frame["LS1"], frame["LS2"] = 3.0, np.nan
    run = validate(eomhs, frame, plan=QUICK)
    assert {problem.item: problem.code for problem in run.data.excluded} == {
        "LS1": Code.STA_CONSTANT_ITEM,
        "LS2": Code.STA_ALL_MISSING_ITEM,
    }
    assert run.scales["LS"].analysed == ("LS3", "LS4", "LS5")
    assert run.scales["LS"].items == ("LS1", "LS2", "LS3", "LS4", "LS5")
    assert run.to_dict()["items"]["LS1"]["distribution"]["3"] == 260


def with_scales(eomhs: Instrument, scales: dict[str, tuple[str, ...]]) -> Instrument:
    """The instrument with these scales only."""
    parts = tuple(Scale(code=code, items=items, minimum_answered=1) for code, items in scales.items())
    definition = eomhs.definition.model_copy(update={"scales": parts})
    return Instrument(definition=definition, texts=eomhs.texts, definition_hash=eomhs.definition_hash)


@pytest.mark.parametrize(
    "scales",
    [
        {"HB": ("HB1", "HB2", "HB3")},
        {"HB": ("HB1", "HB2"), "TB": ("TB1", "TB2"), "ZE": ("ZE1", "ZE2")},
    ],
)
def test_a_solution_without_degrees_of_freedom_is_told_and_not_rated(
    eomhs: Instrument, answers: pd.DataFrame, schema: dict[str, Any], scales: dict[str, tuple[str, ...]]
) -> None:
    run = validate(with_scales(eomhs, scales), answers, plan=QUICK)
    results = run.to_dict()
    jsonschema.validate(json.loads(json.dumps(results, allow_nan=False)), schema)
    assert results["structure"]["efa"]["df"] == 0
    assert results["structure"]["efa"]["tli"] is None
    (structural,) = [rating for rating in run.ratings if rating.measurement_property == "structural_validity"]
    assert run.confirmation is not None
    assert run.confirmation.result is not None
    saturated = run.confirmation.result.fit["df"] == 0
    assert saturated == (len(scales) == 1)
    assert ("rmsea" in structural.evidence) != saturated
    assert (structural.verdict == "indeterminate") == saturated


def test_alpha_that_is_not_a_number_is_never_good(
    eomhs: Instrument, answers: pd.DataFrame, schema: dict[str, Any]
) -> None:
    frame = answers.copy()
    frame["HB2"] = 6.0 - frame["HB1"]
    run = validate(with_scales(eomhs, {"HB": ("HB1", "HB2"), "TB": ("TB1", "TB2", "TB3")}), frame, plan=QUICK)
    jsonschema.validate(json.loads(json.dumps(run.to_dict(), allow_nan=False)), schema)
    verdicts = {r.scale: r.verdict for r in run.ratings if r.measurement_property == "internal_consistency"}
    assert verdicts["HB"] == "indeterminate"


def test_a_score_on_a_limit_counts_upwards_as_counted_by_hand(eomhs: Instrument, answers: pd.DataFrame) -> None:
    run = validate(eomhs, answers, plan=QUICK)
    items = [f"TB{number}" for number in range(1, 6)]
    given = answers[items].where(answers[items] > 0).dropna()
    # A sum of k over five items is shown as 5 (k - 5): a whole number, so that the bin is known exactly.
    whole = [5 * (int(total) - 5) for total in given.sum(axis=1)]
    scores = instruments.score(eomhs, answers).scores.loc[given.index, "TB"]
    assert scores.tolist() == whole
    distribution = run.scales["TB"].scores
    expected = [sum(low <= score < high for score in whole) for low, high in pairwise(distribution.edges)]
    expected[-1] += whole.count(100)
    with_a_gap = instruments.score(eomhs, answers.drop(index=given.index)).scores["TB"].dropna()
    expected_gap = np.histogram(with_a_gap, bins=distribution.edges)[0]
    assert list(distribution.counts) == [int(a + b) for a, b in zip(expected, expected_gap, strict=True)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda frame: frame.drop(columns="HB1"), Code.RSP_MISSING_COLUMN),
        (lambda frame: frame.rename(index={"p1": "p0"}), Code.RSP_RESPONDENT_TWICE),
        (lambda frame: frame * np.nan, Code.RSP_NO_ANSWERS),
        (lambda frame: frame.iloc[:2], Code.RSP_TOO_FEW_RESPONDENTS),
        (lambda frame: frame.replace(5.0, 6.0), Code.RSP_CODE_NOT_ALLOWED),
    ],
)
def test_frames_that_are_no_answers_are_refused(
    eomhs: Instrument, answers: pd.DataFrame, change: Any, code: Code
) -> None:
    assert validate(eomhs, answers.iloc[:40], plan=QUICK).data.n_persons == 40
    with pytest.raises(ResponsesError) as refused:
        validate(eomhs, change(answers), plan=QUICK)
    assert refused.value.codes[0] is code


def test_a_plan_that_no_run_can_follow_names_everything_at_once() -> None:
    assert ValidationPlan(n_factors=2, method="ml", rotation="geomin", missing="listwise").level == 0.95
    with pytest.raises(StatisticsError) as refused:
        ValidationPlan(n_factors=0, method=cast("Any", "paf"), level=1.5, seed=-1)
    assert refused.value.codes == (Code.STA_UNKNOWN_OPTION, *[Code.STA_OPTION_RANGE] * 3)
