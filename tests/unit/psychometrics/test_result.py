"""Results are frozen, own their data, and can be written out."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.psychometrics._result import Result
from toolkit.psychometrics.cfa.cfa import cfa

COMMON = ["n_persons", "n_items", "n_dropped", "method", "warnings", "provenance"]
TWO_FACTORS = "one =~ a + b + c\ntwo =~ d + e + f"


@pytest.fixture(scope="module")
def results(answers: pd.DataFrame) -> list[Result]:
    scale = answers[["a", "b", "c"]]
    return [
        pm.count_responses(answers),
        pm.pearson_correlation(answers),
        pm.polychoric(answers, acov="full"),
        pm.describe_items(answers, codes=range(1, 6)),
        pm.item_analysis(scale),
        pm.cronbach_alpha(scale),
        pm.composite_omega(scale),
        pm.ordinal_alpha(scale),
        pm.guttman_lambdas(scale, interval="bootstrap", n_bootstrap=100, rng=1),
        pm.greatest_lower_bound(scale),
        pm.split_half(scale),
        pm.mcdonald_omega(answers, n_factors=2, interval="bootstrap", n_bootstrap=100, rng=1),
        pm.measurement_error(scale),
        pm.reliable_change(answers["a"], answers["b"], reliability=0.8),
        pm.reliability_table(answers, {"one": ["a", "b", "c"], "two": ["d", "e", "f"]}, rng=1),
        pm.intraclass_correlation(scale),
        pm.weighted_kappa(answers[["a", "b"]]),
        pm.krippendorff_alpha(scale, n_bootstrap=100, rng=1),
        pm.within_group_agreement(
            scale, groups=np.arange(400) % 40, codes=[1, 2, 3, 4, 5], null=[0.2] * 5, n_simulated=100, rng=1
        ),
        pm.careless_responding(answers, scales={"one": ["a", "b"], "two": ["c", "d"], "three": ["e", "f"]}),
        pm.kaiser_meyer_olkin(answers),
        pm.bartlett_sphericity(answers),
        pm.parallel_analysis(answers, n_datasets=20, rng=1),
        pm.map_test(answers),
        pm.empirical_kaiser_criterion(answers),
        pm.hull(answers, n_datasets=20, rng=1),
        pm.comparison_data(answers, n_samples=20, n_population=1000, rng=1),
        pm.nest(answers, n_datasets=20, rng=1),
        pm.retention(answers, n_datasets=20, comparison=False, rng=1),
        pm.efa(answers, n_factors=2, rng=1),
        pm.efa(answers, n_factors=2, rng=1).bootstrap(20, rng=1),
        *confirmatory(answers),
        pm.dynamic_fit_cutoffs(cfa(answers, TWO_FACTORS), n_replications=20, rng=1),
        pm.split_confirmation(answers, n_factors=2, rng=1),
        pm.local_dependence(cfa(answers, TWO_FACTORS)),
        pm.short_form(answers, {"all": list("abcdef")}, n_items=4, rng=1),
        pm.alignment(answers, TWO_FACTORS, group=["first", "second"] * 200, rng=1),
    ]


def confirmatory(answers: pd.DataFrame) -> list[Result]:
    two, one = "f =~ a + b + c\ng =~ d + e + f2", "f =~ a + b + c + d + e + f2"
    named = answers.rename(columns={"f": "f2"}).assign(half=["first", "second"] * (len(answers) // 2))
    fitted = pm.cfa(named, two)
    levels = pm.invariance(named, two, group="half")
    staff = named.assign(unit=[number % 40 for number in range(len(named))])
    return [
        *(fitted, fitted.compare(pm.cfa(named, one)), levels, levels.partial()),
        pm.two_level_cfa(staff, within="f =~ a + b + c", between="f =~ a + b + c", cluster="unit"),
        pm.design_effects(staff[["a", "b", "c"]], cluster=staff["unit"]),
    ]


def test_every_public_result_is_covered(results: list[Result]) -> None:
    public = {name for name in pm.__all__ if name.endswith("Result")}
    assert {type(result).__name__ for result in results} == public | {"ResponseCounts"}


def test_results_are_frozen_and_slotted_and_end_with_the_common_fields(results: list[Result]) -> None:
    for result in results:
        assert not hasattr(result, "__dict__")
        public = [field.name for field in dataclasses.fields(result) if not field.name.startswith("_")]
        assert public[-6:] == COMMON
        with pytest.raises(dataclasses.FrozenInstanceError):
            result.method = "mine"
        assert (result == result) is True


def test_arrays_are_locked(results: list[Result]) -> None:
    arrays = [
        getattr(result, field.name)
        for result in results
        for field in dataclasses.fields(result)
        if isinstance(getattr(result, field.name), np.ndarray)
    ]
    assert arrays
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0


def test_results_become_json_frames_and_html(results: list[Result]) -> None:
    for result in results:
        written = json.loads(json.dumps(result.to_dict(), allow_nan=False))
        assert written["n_persons"] == 400
        assert written["provenance"]["versions"].keys() >= {"toolkit", "numpy", "scipy", "pandas"}
        assert result.to_frame().shape[0] >= 1
        assert type(result).__name__ in result._repr_html_()


def test_what_is_private_is_never_written_out(answers: pd.DataFrame) -> None:
    result = pm.efa(answers, n_factors=2, rng=1)
    assert result._fitted.sample.codes is not None
    assert [name for name in result.to_dict() if name.startswith("_")] == []
    assert "_fitted" not in repr(result)
    assert "_fitted" not in result._repr_html_()
    nested = pm.split_confirmation(answers, n_factors=2, rng=1).to_dict()
    assert [name for part in ("explored", "confirmed") for name in nested[part] if name.startswith("_")] == []


def test_warnings_are_written_out() -> None:
    result = pm.describe_items(pd.DataFrame({"a<b": [1, 1, 1]}))
    assert result.to_dict()["warnings"][0]["code"] == "STA_CONSTANT_ITEM"
    assert "a&lt;b" in result._repr_html_()
    assert result.to_dict()["table"]["a<b"]["skewness"] is None
    assert result.to_dict()["table"]["a<b"]["n"] == 3


def test_one_row_for_single_numbers(answers: pd.DataFrame) -> None:
    result = pm.cronbach_alpha(answers[["a", "b", "c"]])
    frame = result.to_frame()
    assert frame.loc[0, "estimate"] == result.estimate
    assert frame.loc[0, "interval_low"] == result.interval.low


def test_the_face_is_lazy_and_complete() -> None:
    assert dir(pm) == sorted(pm.__all__)
    for name in pm.__all__:
        assert getattr(pm, name).__module__.startswith("toolkit.psychometrics.")
    with pytest.raises(AttributeError, match="no_such_statistic"):
        pm.no_such_statistic  # noqa: B018 - the access itself is what is tested
