"""Robust indices: where they exist, what they estimate, and where they are NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm

ONE = "f =~ x1 + x2 + x3 + x4 + x5 + x6"
# two factors that correlate .8, taken as one: how far the model is from the population is known
LOADINGS = [[0.7, 0.0]] * 3 + [[0.0, 0.7]] * 3
ROBUST = ("cfi.robust", "tli.robust", "rmsea.robust")


@pytest.fixture(scope="module")
def large(normal: Any) -> pd.DataFrame:
    return normal(LOADINGS, 20000, 3, phi=[[1.0, 0.8], [0.8, 1.0]])


def test_robust_indices_of_ordered_items_are_those_of_the_answers_behind_them(large: pd.DataFrame) -> None:
    """Savalei's estimand; the naive and scaled ones of WLSMV are far from it."""
    truth = pm.cfa(large, ONE).fit
    codes = large.apply(lambda column: np.digitize(column, [-1.0, 0.0, 1.0]) + 1)
    found = pm.cfa(codes, ONE, ordered=True).fit
    assert found["cfi.robust"] == pytest.approx(truth["cfi"], abs=0.01)
    assert found["rmsea.robust"] == pytest.approx(truth["rmsea"], abs=0.01)
    assert abs(found["cfi"] - truth["cfi"]) > abs(found["cfi.robust"] - truth["cfi"])


def test_robust_indices_of_incomplete_answers_are_those_of_complete_ones(large: pd.DataFrame) -> None:
    truth = pm.cfa(large, ONE).fit
    holed = large.mask(np.random.default_rng(4).uniform(size=large.shape) < 0.25)
    for estimator in ("ML", "MLR"):
        found = pm.cfa(holed, ONE, missing="fiml", estimator=estimator).fit
        assert found["cfi.robust"] == pytest.approx(truth["cfi"], abs=0.005)
        assert found["rmsea.robust"] == pytest.approx(truth["rmsea"], abs=0.006)
        # the likelihood of incomplete answers knows less of the misfit
        assert found["rmsea"] < truth["rmsea"] - 0.01


def test_robust_indices_under_mlr_do_not_know_the_tails(large: pd.DataFrame) -> None:
    truth = pm.cfa(large, ONE).fit
    random = np.random.default_rng(5)
    tails = large.mul(np.sqrt(8.0 / random.chisquare(10.0, len(large))), axis=0)
    found = pm.cfa(tails, ONE, estimator="MLR").fit
    assert found["chisq.scaling.factor"] > 1.2
    assert found["rmsea.robust"] == pytest.approx(truth["rmsea"], abs=0.01)
    assert found["cfi.robust"] == pytest.approx(truth["cfi"], abs=0.01)


def test_plain_ml_of_complete_answers_has_none(large: pd.DataFrame) -> None:
    assert not set(ROBUST) & set(pm.cfa(large.head(500), ONE).fit)


@pytest.mark.parametrize("name", ROBUST)
def test_they_are_nan_where_they_are_not_defined(name: str, large: pd.DataFrame) -> None:
    """Continuous items among ordered ones; restricted thresholds."""
    codes = large.head(800).apply(lambda column: np.digitize(column, [-0.7, 0.7]) + 1.0)
    assert np.isfinite(pm.cfa(codes, ONE, ordered=True).fit[name])
    mixed = codes.assign(x6=large["x6"].head(800))
    assert np.isnan(pm.cfa(mixed, ONE, ordered=["x1", "x2", "x3", "x4", "x5"]).fit[name])
    assert np.isnan(pm.cfa(codes, f"{ONE}\nx1 | a*t1\nx2 | a*t1", ordered=True).fit[name])


def test_a_saturated_model_fits_perfectly(large: pd.DataFrame) -> None:
    codes = large.head(800).apply(lambda column: np.digitize(column, [-0.7, 0.7]) + 1.0)
    for options in ({"ordered": True}, {"estimator": "MLR"}):
        found = pm.cfa(codes, "f =~ x1 + x2 + x3", **options).fit
        assert found["df"] == 0
        assert found["cfi"] == pytest.approx(1.0, abs=1e-12)
        assert found["rmsea"] == 0.0
        assert found["chisq"] == pytest.approx(0.0, abs=1e-8)
