"""Tests of nested models: which are refused, and what the others say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError

ONE = "f =~ x1 + x2 + x3 + x4 + x5 + x6"
TWO = "f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6"
EQUAL = "f =~ x1 + a*x2 + a*x3\ng =~ x4 + b*x5 + b*x6"
LOADINGS = [[0.8, 0.0], [0.7, 0.0], [0.6, 0.0], [0.0, 0.8], [0.0, 0.7], [0.0, 0.6]]
Refused = Callable[..., StatisticsError]


@pytest.fixture(scope="module")
def six(normal: Any) -> pd.DataFrame:
    return normal(LOADINGS, 400, 1, phi=[[1.0, 0.5], [0.5, 1.0]])


@pytest.fixture(scope="module")
def codes(six: pd.DataFrame) -> pd.DataFrame:
    return six.round().clip(-1, 1)


def test_the_difference_of_likelihood_ratios(six: pd.DataFrame) -> None:
    loose, tight = pm.cfa(six, TWO), pm.cfa(six, ONE)
    found = tight.compare(loose)
    assert found.chisq_diff == pytest.approx(tight.fit["chisq"] - loose.fit["chisq"], rel=1e-12)
    assert found.df_diff == 1
    assert found.p == pytest.approx(stats.chi2.sf(found.chisq_diff, 1))
    assert found.d_cfi == pytest.approx(tight.fit["cfi"] - loose.fit["cfi"])
    assert found.d_rmsea == pytest.approx(tight.fit["rmsea"] - loose.fit["rmsea"])
    assert found.d_srmr == pytest.approx(tight.fit["srmr"] - loose.fit["srmr"])
    assert (found.restricted_first, found.n_persons, found.n_items) == (True, 400, 6)


@pytest.mark.parametrize(
    "options",
    [{}, {"estimator": "MLR"}, {"missing": "fiml"}, {"ordered": True}, {"ordered": True, "estimator": "DWLS"}],
)
def test_the_order_does_not_matter(options: dict[str, Any], six: pd.DataFrame, codes: pd.DataFrame) -> None:
    frame = codes if "ordered" in options else six
    loose, tight = pm.cfa(frame, TWO, **options), pm.cfa(frame, EQUAL, **options)
    one, other = tight.compare(loose), loose.compare(tight)
    for name in ("chisq_diff", "df_diff", "p", "d_cfi", "d_tli", "d_rmsea", "d_srmr"):
        assert getattr(one, name) == getattr(other, name)
    assert (one.restricted_first, other.restricted_first) == (True, False)


def test_satorra_and_bentler_by_hand(six: pd.DataFrame) -> None:
    loose, tight = (pm.cfa(six, model, estimator="MLR") for model in (TWO, EQUAL))
    d0, d1 = tight.fit["df"], loose.fit["df"]
    c0, c1 = tight.fit["chisq.scaling.factor"], loose.fit["chisq.scaling.factor"]
    expected = (tight.fit["chisq"] - loose.fit["chisq"]) / ((d0 * c0 - d1 * c1) / (d0 - d1))
    assert tight.compare(loose).chisq_diff == pytest.approx(expected, rel=1e-12)


def test_against_a_saturated_model_the_scaled_statistic_comes_back(normal: Any) -> None:
    frame = normal([0.8, 0.7, 0.6], 300, 2)
    for options in ({"estimator": "MLR"}, {"ordered": True}):
        use = frame.round().clip(-1, 1) if "ordered" in options else frame
        free, equal = (pm.cfa(use, model, **options) for model in ("f =~ x1 + x2 + x3", "f =~ x1 + 1*x2 + 1*x3"))
        # Satorra's of 2000 takes the slopes at the saturated model, the scaled statistic those at the other
        rel = 0.02 if "ordered" in options else 1e-9
        assert equal.compare(free).chisq_diff == pytest.approx(equal.fit["chisq.scaled"], rel=rel)


def test_a_negative_scaling_factor_gives_no_statistic(six: pd.DataFrame) -> None:
    """Satorra and Bentler's difference need not be positive; then there is a warning and NaN, and no verdict."""
    loose, tight = (pm.cfa(six, model, estimator="MLR") for model in (TWO, ONE))
    d0, d1 = tight.fit["df"], loose.fit["df"]
    assert d0 * tight.fit["chisq.scaling.factor"] < d1 * loose.fit["chisq.scaling.factor"]
    found = tight.compare(loose)
    assert np.isnan([found.chisq_diff, found.p]).all()
    assert [problem.code for problem in found.warnings] == [Code.STA_UNDEFINED]


@pytest.mark.parametrize("options", [{}, {"estimator": "MLR"}, {"ordered": True}])
def test_models_that_are_not_nested(
    options: dict[str, Any], six: pd.DataFrame, codes: pd.DataFrame, refused: Refused
) -> None:
    frame = codes if "ordered" in options else six
    fitted = pm.cfa(frame, f"{ONE}\nx1 ~~ x2\nx1 ~~ x3", **options)
    error = refused(
        Code.STA_NOT_NESTED,
        lambda model: fitted.compare(pm.cfa(frame, model, **options)),
        valid=ONE,
        bad=TWO,
    )
    assert "does not contain the other" in str(error)


@pytest.mark.parametrize("change", ["df", "items", "persons", "estimator"])
def test_models_that_have_nothing_to_do_with_each_other(change: str, six: pd.DataFrame, refused: Refused) -> None:
    loose = pm.cfa(six, TWO)
    bad = {
        "df": pm.cfa(six, "f =~ x1 + x2 + x4\ng =~ x3 + x5 + x6"),
        "items": pm.cfa(six, "f =~ x1 + x2 + x3 + x4 + x5"),
        "persons": pm.cfa(six.head(399), ONE),
        "estimator": pm.cfa(six, ONE, estimator="MLR"),
    }[change]
    refused(Code.STA_NOT_NESTED, loose.compare, valid=pm.cfa(six, ONE), bad=bad)


def test_other_persons_of_the_same_number_are_other_persons(six: pd.DataFrame, refused: Refused) -> None:
    shuffled = pm.cfa(six.sample(frac=1.0, random_state=1), ONE)
    refused(Code.STA_NOT_NESTED, pm.cfa(six, TWO).compare, valid=shuffled, bad=pm.cfa(six + six**2, ONE))


def test_nesting_is_seen_whatever_the_units(six: pd.DataFrame, refused: Refused) -> None:
    frame = six * [1e-4, 1e4, 1.0, 1e2, 1e-2, 1.0] + 1e3
    fitted = pm.cfa(frame, f"{ONE}\nx1 ~~ x2\nx1 ~~ x3", mean_structure=True)
    refused(
        Code.STA_NOT_NESTED,
        lambda model: fitted.compare(pm.cfa(frame, model, mean_structure=True)),
        valid=ONE,
        bad=TWO,
    )
    plain = pm.cfa(six, ONE).compare(pm.cfa(six, TWO))
    scaled = pm.cfa(frame, ONE).compare(pm.cfa(frame, TWO))
    assert scaled.chisq_diff == pytest.approx(plain.chisq_diff, rel=1e-7)


@pytest.mark.parametrize("ordered", [False, True])
def test_true_restrictions_are_rejected_as_often_as_they_should_be(ordered: bool, normal: Any) -> None:
    """40 samples with equal loadings; mean of the statistic 3 (standard error .39), as of chi-square with 3 df."""
    found = []
    for seed in range(40):
        frame = normal([0.7, 0.7, 0.7, 0.7], 500, 100 + seed)
        frame = frame.apply(lambda column: np.digitize(column, [-0.5, 0.8])) if ordered else frame
        free, equal = (
            pm.cfa(frame, model, ordered=ordered)
            for model in ("f =~ x1 + x2 + x3 + x4", "f =~ x1 + 1*x2 + 1*x3 + 1*x4")
        )
        found.append(equal.compare(free).chisq_diff)
    assert np.mean(found) == pytest.approx(3.0, abs=1.2)
    assert np.mean(np.array(found) > stats.chi2.ppf(0.95, 3)) <= 0.15
