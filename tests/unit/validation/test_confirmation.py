"""The confirmatory model of a run: what is stated, on whom it is fitted, and what is said where it cannot be read."""

from __future__ import annotations

import json
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest

from toolkit import instruments
from toolkit import psychometrics as pm
from toolkit.errors import Code, ResponsesError, StatisticsError
from toolkit.instruments import Instrument
from toolkit.instruments.definition import Scale
from toolkit.validation import ValidationPlan, validate
from toolkit.validation.attempts import Attempts
from toolkit.validation.confirmation import Confirmation, confirm, halves, judged_fit
from toolkit.validation.ratings import Rating, rate
from toolkit.validation.results_schema import Confirmation as Schema
from toolkit.validation.run import _without_provenance

SCALES = {"HB": ("HB1", "HB2", "HB3", "HB4"), "TB": ("TB1", "TB2", "TB3", "TB4"), "ZE": ("ZE1", "ZE2", "ZE3", "ZE4")}
ITEMS = [item for items in SCALES.values() for item in items]
OWN = "one =~ HB1 + HB2 + HB3\ntwo =~ TB1 + TB2 + TB3\n"


def with_scales(scales: dict[str, tuple[str, ...]]) -> Instrument:
    """The instrument with these scales only."""
    eomhs = instruments.load("eomhs@1.0.0")
    parts = tuple(Scale(code=code, items=items, minimum_answered=1) for code, items in scales.items())
    definition = eomhs.definition.model_copy(update={"scales": parts})
    return Instrument(definition=definition, texts=eomhs.texts, definition_hash=eomhs.definition_hash)


@pytest.fixture(scope="module")
def instrument() -> Instrument:
    return with_scales(SCALES)


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    """Five-point answers of 600 persons to three scales of four items, and the group of each."""
    loadings = np.zeros((12, 3))
    for factor, (begin, end) in enumerate(pairwise([0, 4, 8, 12])):
        loadings[begin:end, factor] = 0.7
    phi = np.full((3, 3), 0.4) + 0.6 * np.eye(3)
    frame = pm.simulate_ordinal(loadings, phi=phi, thresholds=[-1.0, -0.3, 0.3, 1.0], n_persons=600, rng=3)
    frame.columns = pd.Index(ITEMS)
    frame.index = pd.Index([f"p{number}" for number in range(600)])
    frame["group"] = ["a"] * 300 + ["b"] * 290 + ["c"] * 6 + [None] * 4
    return frame


def confirmed(
    instrument: Instrument,
    answers: pd.DataFrame,
    *,
    smallest_group: int = 0,
    analysed: list[str] | None = None,
    **plan: Any,
) -> tuple[Confirmation | None, Attempts]:
    """Confirm on all persons; what comes of it fits the schema."""
    attempts = Attempts(smallest_group=smallest_group)
    summary: Any = SimpleNamespace(analysed=tuple(ITEMS))
    found = confirm(instrument, answers, answers[ITEMS], summary, ValidationPlan(**plan), attempts)
    if found is not None:
        told = _without_provenance(found.to_dict())
        Schema.model_validate(json.loads(json.dumps(told, allow_nan=False)))
    return found, attempts


def structural(instrument: Instrument, found: Confirmation) -> Rating:
    return next(one for one in rate(instrument, [], None, found) if one.measurement_property == "structural_validity")


def test_by_default_the_scales_are_correlated_factors_of_ordered_answers(
    instrument: Instrument, answers: pd.DataFrame
) -> None:
    found, attempts = confirmed(instrument, answers)
    assert found is not None
    assert found.usable
    assert (found.structure, found.estimator, found.missing, found.sample) == (
        "correlated",
        "WLSMV",
        "listwise",
        "same_persons",
    )
    assert found.result is not None
    again = pm.cfa(answers, instrument.to_model(items=ITEMS), ordered=True)
    assert dict(found.result.fit) == pytest.approx(dict(again.fit), nan_ok=True)
    assert found.reliability is not None
    assert found.modification is not None
    assert len(found.modification) == 20 < found.n_modification
    (other,) = found.alternatives
    assert other.structure == "one_factor"
    assert other.test is not None
    assert other.test.df_diff == 3
    assert other.test.p < 0.001
    assert not attempts.not_computed
    rating = structural(instrument, found)
    assert rating.verdict == "sufficient"
    assert "the same persons that were explored" in rating.sample
    assert rating.evidence["cfi"] == judged_fit(found.result.fit)["cfi"]


@pytest.mark.parametrize(
    ("plan", "holes", "estimator", "missing"),
    [
        ({}, True, "WLSMV", "pairwise"),
        ({"missing": "listwise"}, True, "WLSMV", "listwise"),
        ({"cfa_estimator": "MLR"}, True, "MLR", "fiml"),
        ({"cfa_estimator": "ML"}, False, "ML", "listwise"),
        ({"cfa_estimator": "MLR", "missing": "listwise"}, True, "MLR", "listwise"),
    ],
)
def test_nobody_is_dropped_silently(
    instrument: Instrument, answers: pd.DataFrame, plan: dict[str, Any], holes: bool, estimator: str, missing: str
) -> None:
    frame = answers.copy()
    if holes:
        frame.loc["p0":"p49", "HB1"] = np.nan
        frame.loc["p50", ITEMS] = np.nan
    found, _ = confirmed(instrument, frame, **plan)
    assert found is not None
    assert found.result is not None
    assert (found.estimator, found.missing) == (estimator, missing)
    assert found.n_persons == (599 if holes else 600)
    assert found.result.n_persons == (549 if holes and missing == "listwise" else found.n_persons)


def test_more_than_five_points_are_measurements(answers: pd.DataFrame) -> None:
    class Wide(Instrument):
        def points(self, item: str) -> tuple[int, ...]:
            return tuple(range(1, 7))

    base = with_scales(SCALES)
    wide = Wide(definition=base.definition, texts=base.texts, definition_hash=base.definition_hash)
    found, _ = confirmed(wide, answers)
    assert found is not None
    assert (found.estimator, found.estimator_from) == ("MLR", "answers")


def test_other_structures_stand_beside_the_one_that_was_asked_for(
    instrument: Instrument, answers: pd.DataFrame
) -> None:
    found, _ = confirmed(instrument, answers, model="bifactor")
    assert found is not None
    others = {other.structure: other for other in found.alternatives}
    assert list(others) == ["one_factor", "correlated"]
    assert others["one_factor"].test is not None
    assert others["correlated"].test is None
    assert not others["correlated"].nested
    # Three factors under a general factor say the same as three that correlate.
    found, attempts = confirmed(instrument, answers, model="higher_order")
    assert found is not None
    assert [other.structure for other in found.alternatives] == ["one_factor"]
    assert not attempts.not_computed


def test_a_model_of_one_s_own_is_not_rated_on_the_persons_explored(
    instrument: Instrument, answers: pd.DataFrame
) -> None:
    found, _ = confirmed(instrument, answers, model=OWN)
    assert found is not None
    assert (found.structure, found.items) == ("own", ("HB1", "HB2", "HB3", "TB1", "TB2", "TB3"))
    assert structural(instrument, found).verdict == "indeterminate"
    assert "not known" in structural(instrument, found).reason
    found, _ = confirmed(instrument, answers, model=OWN, split=True)
    assert found is not None
    assert structural(instrument, found).verdict == "sufficient"


def test_an_inadmissible_solution_is_flagged_and_never_rated(instrument: Instrument, answers: pd.DataFrame) -> None:
    model = "one =~ HB1 + HB2 + HB3 + HB4\nHB1 ~~ -0.2*HB1\n"
    found, attempts = confirmed(instrument, answers, model=model, cfa_estimator="ML", split=True)
    assert found is not None
    assert found.result is not None
    assert not found.usable
    assert Code.STA_INADMISSIBLE in {problem.code for _, _, problem in attempts.warnings}
    assert found.to_dict()["result"]["admissible"] is False
    rating = structural(instrument, found)
    assert rating.verdict == "indeterminate"
    assert "negative residual variance of HB1" in rating.reason


@pytest.mark.parametrize(
    ("model", "code"),
    [("one =~ HB1 +\n", Code.STA_MODEL_SYNTAX), ("one =~ HB1 + HB2 + XX9\n", Code.STA_UNKNOWN_VARIABLE)],
)
def test_a_model_that_cannot_be_read_is_refused_before_anything_is_computed(
    instrument: Instrument, answers: pd.DataFrame, model: str, code: Code
) -> None:
    steps: list[int] = []
    with pytest.raises(StatisticsError) as caught:
        validate(instrument, answers, plan=ValidationPlan(model=model), progress=lambda step, *_: steps.append(step))
    assert caught.value.codes == (code,)
    assert steps == [0]


def test_a_plan_knows_its_structures_and_estimators() -> None:
    assert ValidationPlan(model="bifactor", cfa_estimator="ULSMV").own_model is False
    with pytest.raises(StatisticsError) as caught:
        ValidationPlan(model="two factors", cfa_estimator="GLS")  # type: ignore[arg-type]
    assert caught.value.codes == (Code.STA_UNKNOWN_OPTION, Code.STA_UNKNOWN_OPTION)


def test_scales_that_state_no_model_are_told(answers: pd.DataFrame) -> None:
    found, attempts = confirmed(with_scales({}), answers)
    assert found is None
    assert [absent.problems[0].code for absent in attempts.not_computed] == [Code.DEF_NO_FACTOR_MODEL]


def test_fewer_persons_than_items_are_told(instrument: Instrument, answers: pd.DataFrame) -> None:
    found, attempts = confirmed(instrument, answers.iloc[:12])
    assert found is not None
    assert found.result is None
    assert [absent.problems[0].code for absent in attempts.not_computed] == [Code.STA_TOO_FEW_PERSONS]
    assert structural(instrument, found).verdict == "indeterminate"


def test_halves_are_disjoint_seeded_and_whole(answers: pd.DataFrame) -> None:
    scored = answers[ITEMS].copy()
    scored.loc["p7"] = np.nan
    one, other = halves(scored, ValidationPlan(split=True))
    assert not set(one) & set(other)
    assert set(one) | set(other) == set(scored.index) - {"p7"}
    assert abs(len(one) - len(other)) <= 1
    assert list(halves(scored, ValidationPlan(split=True))[0]) == list(one)
    assert list(halves(scored, ValidationPlan(split=True, seed=1))[0]) != list(one)
    everyone, again = halves(scored, ValidationPlan())
    assert list(everyone) == list(again) == list(scored.index)


def test_groups_are_compared_and_small_ones_left_out(instrument: Instrument, answers: pd.DataFrame) -> None:
    found, attempts = confirmed(instrument, answers, invariance_by="group", cfa_estimator="ML")
    assert found is not None
    assert found.groups is not None
    assert found.groups.n_of_groups == {"a": 300, "b": 290}
    assert found.groups.left_out == ("c",)
    assert [(name, problem.code) for name, _, problem in attempts.warnings] == [
        ("invariance", Code.STA_TOO_FEW_PERSONS)
    ]
    assert found.invariance is not None
    assert (found.invariance.verdict, found.partial) == ("supported", None)
    (rating,) = [one for one in rate(instrument, [], None, found) if one.measurement_property.startswith("cross")]
    assert rating.verdict == "sufficient"
    assert rating.evidence["n_smallest_group"] == 290


def test_an_item_that_works_otherwise_in_a_group_is_found_and_freed(
    instrument: Instrument, answers: pd.DataFrame
) -> None:
    frame = answers.copy()
    frame.loc[frame["group"] == "b", "HB1"] = (frame["HB1"] + 2).clip(upper=5)
    found, _ = confirmed(instrument, frame, invariance_by="group", cfa_estimator="ML")
    assert found is not None
    assert found.invariance is not None
    assert found.invariance.verdict == "not_supported"
    assert found.partial is not None
    assert "HB1" in set(found.partial.freed["lhs"]) | set(found.partial.freed["rhs"])
    (rating,) = [one for one in rate(instrument, [], None, found) if one.measurement_property.startswith("cross")]
    assert rating.verdict == "insufficient"


def test_of_people_who_may_be_known_no_small_rest_is_told(instrument: Instrument, answers: pd.DataFrame) -> None:
    found, attempts = confirmed(
        instrument, answers.iloc[:596], invariance_by="group", cfa_estimator="ML", smallest_group=10
    )
    assert found is not None
    assert found.invariance is None
    assert found.groups is not None
    assert (found.groups.n_of_groups, found.groups.left_out) == ({}, ())
    assert [absent.problems[0].got for absent in attempts.not_computed] == [None]
    # With ten outside, nobody stands in the difference; which groups are small is still not said.
    found, attempts = confirmed(instrument, answers, invariance_by="group", cfa_estimator="ML", smallest_group=10)
    assert found is not None
    assert found.invariance is not None
    assert found.groups is not None
    assert found.groups.left_out == ()


def test_a_column_that_is_not_there_is_refused_and_one_wave_is_no_comparison(
    instrument: Instrument, answers: pd.DataFrame
) -> None:
    with pytest.raises(ResponsesError) as caught:
        validate(instrument, answers, plan=ValidationPlan(invariance_by="nothing"))
    assert caught.value.codes == (Code.RSP_NO_SUCH_COLUMN,)
    found, attempts = confirmed(instrument, answers.assign(wave="2026"), invariance_by="wave")
    assert found is not None
    assert found.invariance is None
    assert "--all-waves" in attempts.not_computed[0].problems[0].fix


def test_a_whole_run_confirms_on_the_other_half(
    instrument: Instrument, answers: pd.DataFrame, results_schema: dict[str, Any]
) -> None:
    plan = ValidationPlan(n_datasets=20, split=True)
    eomhs = instruments.load("eomhs@1.0.0")
    frame = answers.assign(**{item: np.nan for item in eomhs.item_codes if item not in ITEMS})
    run = validate(instrument, frame, plan=plan)
    results = run.to_dict()
    jsonschema.validate(json.loads(json.dumps(results, allow_nan=False)), results_schema)
    assert results["structure"]["sample"] == "one_half"
    assert results["structure"]["n_persons"] == results["confirmation"]["n_persons"] == 300
    assert results["confirmation"]["sample"] == "other_half"
    assert results["content_sha256"] == validate(instrument, frame, plan=plan).to_dict()["content_sha256"]
    without = validate(instrument, frame, plan=ValidationPlan(n_datasets=20, confirm=False))
    assert without.confirmation is None
    assert not [absent for absent in without.not_computed if absent.statistic == "cfa"]


@pytest.fixture(scope="module")
def results_schema() -> dict[str, Any]:
    from toolkit.validation.results_schema import results_schema

    return results_schema()
