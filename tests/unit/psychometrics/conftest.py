"""Data with a known truth for the statistics' tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError

Exact = Callable[..., pd.DataFrame]


@pytest.fixture(scope="session")
def exact() -> Exact:
    """Make data whose sample covariance matrix is exactly the given one."""

    def make(covariance: object, n: int = 200) -> pd.DataFrame:
        S = np.asarray(covariance, dtype=float)
        X = np.random.default_rng(7).standard_normal((n, S.shape[0]))
        X -= X.mean(axis=0)
        white = X @ np.linalg.inv(np.linalg.cholesky(np.cov(X.T))).T
        return pd.DataFrame(white @ np.linalg.cholesky(S).T, columns=[f"x{j + 1}" for j in range(S.shape[0])])

    return make


@pytest.fixture(scope="session")
def answers() -> pd.DataFrame:
    """400 persons, six five-point items, two correlated factors."""
    truth = pd.DataFrame([[0.8, 0.0], [0.7, 0.0], [0.6, 0.0], [0.0, 0.8], [0.0, 0.7], [0.0, 0.6]], index=list("abcdef"))
    return pm.simulate_ordinal(
        truth, phi=[[1.0, 0.3], [0.3, 1.0]], thresholds=[-1.2, -0.4, 0.4, 1.2], n_persons=400, rng=1
    )


@pytest.fixture(scope="session")
def refused() -> Callable[..., StatisticsError]:
    """Run the valid twin, then the refused call; return its error after checking the code."""

    def check(code: Code, call: Callable[..., object], *, valid: object, bad: object) -> StatisticsError:
        call(valid)
        with pytest.raises(StatisticsError) as caught:
            call(bad)
        assert code in caught.value.codes
        assert "Fix: " in str(caught.value)
        return caught.value

    return check
