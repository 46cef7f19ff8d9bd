"""The greatest lower bound by its dual, by populations in which it is known, and as a bound of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics.reliability.lower_bound import largest_errors


def random_covariance(p: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    Lambda = random.uniform(-0.3, 0.9, (p, 3))
    spread = random.uniform(0.5, 3.0, p)
    return np.outer(spread, spread) * (Lambda @ Lambda.T + np.diag(random.uniform(0.1, 1.0, p)))


@pytest.mark.parametrize("p", [2, 3, 6, 12, 25])
def test_the_dual_shows_that_no_larger_errors_exist(p: int) -> None:
    """Any Y without negative eigenvalues and with a diagonal of 1 or more bounds sum(psi) by tr(Y C)."""
    C = random_covariance(p, seed=p)
    psi, gap = largest_errors(C)
    assert (psi > 0).all()
    assert np.linalg.eigvalsh(C - np.diag(psi))[0] > 0
    Y = gap / (2 * p) * np.linalg.inv(C - np.diag(psi))
    Y /= np.diag(Y).min()
    assert 0 <= np.trace(Y @ C) - psi.sum() <= 1e-6 * C.sum()
    assert gap <= 1e-9 * C.sum()


def test_with_one_factor_the_bound_is_the_reliability(exact: Callable[..., pd.DataFrame]) -> None:
    lam, spread = np.array([0.8, 0.7, 0.6, 0.5]), np.array([1.0, 2.0, 0.5, 1.0])
    C = np.outer(spread, spread) * (np.outer(lam, lam) + np.diag(1 - lam**2))
    result = pm.greatest_lower_bound(exact(C))
    assert result.estimate == pytest.approx((spread @ lam) ** 2 / C.sum(), abs=1e-8)
    np.testing.assert_allclose(result.error_variances, spread**2 * (1 - lam**2), atol=1e-6)
    standardized = pm.greatest_lower_bound(exact(C), standardized=True)
    R = C / np.outer(spread, spread)
    assert standardized.estimate == pytest.approx(lam.sum() ** 2 / R.sum(), abs=1e-8)


def test_two_items_by_hand(exact: Callable[..., pd.DataFrame]) -> None:
    """With c = .5 and variances 1 the errors of .5 and .5 leave a matrix of .5: 1 - 1 / 3."""
    assert pm.greatest_lower_bound(exact([[1, 0.5], [0.5, 1]])).estimate == pytest.approx(2 / 3, abs=1e-9)


def test_no_lambda_is_above_it_and_it_is_never_above_one(answers: pd.DataFrame) -> None:
    for items in (list("abc"), list("abcdef"), list("adbe")):
        frame = answers[items]
        lambdas, bound = pm.guttman_lambdas(frame), pm.greatest_lower_bound(frame).estimate
        highest = max(lambdas.lambda1, lambdas.lambda2, lambdas.lambda3, lambdas.lambda4, lambdas.lambda5)
        assert highest <= bound + 1e-8
        assert lambdas.lambda6 <= bound + 1e-8
        assert bound < 1


def test_repeated_items_and_too_few_persons_are_refused(refused: Any, answers: pd.DataFrame) -> None:
    scale = answers[["a", "b", "c"]]
    twins = scale.assign(again=scale["a"])
    refused(Code.STA_SINGULAR_CORRELATION, pm.greatest_lower_bound, valid=scale, bad=twins)
    few = pd.DataFrame(np.random.default_rng(1).standard_normal((4, 6)))
    refused(Code.STA_TOO_FEW_PERSONS, pm.greatest_lower_bound, valid=answers, bad=few)
