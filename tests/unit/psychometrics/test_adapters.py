"""The two adapters, under both spellings of scikit-learn and under pandas 3."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.psychometrics.factors import factor_analyzer_adapter as adapter
from toolkit.psychometrics.pingouin_adapter import replicate_cronbach_alpha


def old_check_array(array: Any, *, force_all_finite: Any = True, estimator: Any = None, copy: bool = False) -> Any:
    """The signature before scikit-learn 1.6."""
    old_check_array.seen = force_all_finite
    return np.array(array)


def new_check_array(array: Any, *, ensure_all_finite: Any = True, estimator: Any = None, copy: bool = False) -> Any:
    """The signature from scikit-learn 1.8 on."""
    new_check_array.seen = ensure_all_finite
    return np.array(array)


@pytest.mark.parametrize("check_array", [old_check_array, new_check_array])
def test_extraction_works_under_either_signature(
    check_array: Any, answers: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    R = pm.pearson_correlation(answers).matrix.to_numpy()
    expected = adapter.unrotated_loadings(R, 2, "ml")
    monkeypatch.setattr("sklearn.utils.check_array", check_array)
    np.testing.assert_array_equal(adapter.unrotated_loadings(R, 2, "ml"), expected)
    assert check_array.seen == "allow-nan"


def test_nothing_is_changed_for_others(answers: pd.DataFrame) -> None:
    from factor_analyzer import FactorAnalyzer, factor_analyzer
    from sklearn.utils import check_array

    fit, signature = FactorAnalyzer.fit, inspect.signature(check_array)
    adapter.unrotated_loadings(answers.corr().to_numpy(), 2, "minres")
    assert factor_analyzer.check_array is check_array
    assert FactorAnalyzer.fit is fit
    assert inspect.signature(check_array) == signature


def test_the_correlation_matrix_is_not_overwritten(answers: pd.DataFrame) -> None:
    R = pm.pearson_correlation(answers).matrix.to_numpy()
    before = R.copy()
    adapter.unrotated_loadings(R, 2, "minres")
    np.testing.assert_array_equal(R, before)


@pytest.mark.parametrize("method", ["ml", "minres"])
def test_communalities_are_ours(method: Any, answers: pd.DataFrame) -> None:
    theirs = adapter.replicate_communalities(answers, n_factors=2, method=method)
    ours = pm.efa(answers, n_factors=2, method=method, rotation="none").communalities
    np.testing.assert_allclose(theirs, ours, atol=1e-4)


def test_suitability_is_ours(answers: pd.DataFrame) -> None:
    overall, per_item = adapter.replicate_kaiser_meyer_olkin(answers)
    kmo, bartlett = pm.kaiser_meyer_olkin(answers), pm.bartlett_sphericity(answers)
    assert overall == pytest.approx(kmo.overall, rel=1e-9)
    np.testing.assert_allclose(per_item, kmo.per_item, rtol=1e-9)
    assert adapter.replicate_bartlett_sphericity(answers) == pytest.approx((bartlett.chi_square, bartlett.p_value))


def test_replication_uses_complete_persons_only(answers: pd.DataFrame) -> None:
    holes = answers.copy()
    holes.iloc[:50, 0] = np.nan
    rest = answers.iloc[50:]
    assert replicate_cronbach_alpha(holes) == replicate_cronbach_alpha(rest)
    assert adapter.replicate_kaiser_meyer_olkin(holes)[0] == adapter.replicate_kaiser_meyer_olkin(rest)[0]
    assert adapter.replicate_bartlett_sphericity(holes) == adapter.replicate_bartlett_sphericity(rest)


def test_pingouins_alpha_is_ours(answers: pd.DataFrame) -> None:
    scale = answers[["a", "b", "c"]]
    ours = pm.cronbach_alpha(scale, level=0.9)
    alpha, low, high = replicate_cronbach_alpha(scale, level=0.9)
    assert alpha == pytest.approx(ours.estimate, rel=1e-12)
    assert (low, high) == pytest.approx((ours.interval.low, ours.interval.high), abs=5.1e-4)
