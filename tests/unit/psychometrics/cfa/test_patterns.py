"""The likelihood of incomplete answers by pattern, against persons one by one, and its slopes against differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from toolkit.psychometrics.cfa import patterns
from toolkit.psychometrics.cfa.patterns import Patterns, likelihood, moment_information, patterns_of, saturated_moments


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    """200 persons, 4 items, a fifth of the answers missing."""
    random = np.random.default_rng(1)
    y = random.standard_normal((200, 1)) + random.standard_normal((200, 4)) + [0.0, 1.0, 2.0, 3.0]
    y[random.random(y.shape) < 0.2] = np.nan
    return y[~np.isnan(y).all(axis=1)]


@pytest.fixture(scope="module")
def found(values: np.ndarray) -> Patterns:
    return patterns_of(values)


MU = np.array([0.1, 0.9, 2.2, 2.8])
SIGMA = np.eye(4) * 1.2 + 0.9


def test_patterns_are_counted_with_their_moments(values: np.ndarray, found: Patterns) -> None:
    assert found.n.sum() == len(values)
    answered = ~np.isnan(values)
    for number, seen in enumerate(found.seen):
        mine = values[(answered == seen).all(axis=1)][:, seen]
        assert found.n[number] == len(mine)
        np.testing.assert_allclose(found.mean[number, seen], mine.mean(axis=0))
        np.testing.assert_allclose(found.S[number][np.ix_(seen, seen)], np.cov(mine.T, bias=True), atol=1e-12)
        assert not found.S[number][~seen].any()
    np.testing.assert_array_equal(found.seen[found.of_person], answered)


def test_the_likelihood_is_that_of_persons_one_by_one(values: np.ndarray, found: Patterns) -> None:
    by_person = 0.0
    for row in values:
        seen = np.flatnonzero(~np.isnan(row))
        by_person += stats.multivariate_normal(MU[seen], SIGMA[np.ix_(seen, seen)]).logpdf(row[seen])
    assert likelihood(found, MU, SIGMA)[0] == pytest.approx(-2.0 * by_person, rel=1e-12)


def test_a_matrix_that_is_not_positive_definite_has_no_likelihood(found: Patterns) -> None:
    assert likelihood(found, MU, np.ones((4, 4)) - np.eye(4))[0] == np.inf


def test_parts_make_no_difference(found: Patterns, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = (*likelihood(found, MU, SIGMA), moment_information(found, MU, SIGMA))
    monkeypatch.setattr(patterns, "_AT_ONCE", 40)
    assert len(list(found.parts())) > 3
    for one, other in zip(whole, (*likelihood(found, MU, SIGMA), moment_information(found, MU, SIGMA)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def moved(place: int, by: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the moments with one of them changed."""
    mu, Sigma = MU.copy(), SIGMA.copy()
    if place < 4:
        mu[place] += by
    else:
        i, j = (index[place - 4] for index in np.tril_indices(4))
        Sigma[i, j] = Sigma[j, i] = SIGMA[i, j] + by
    return mu, Sigma


def gradient(found: Patterns, mu: np.ndarray, Sigma: np.ndarray) -> np.ndarray:
    """Return the slopes in means and half-vectorised covariances."""
    _, G, h = likelihood(found, mu, Sigma)
    i, j = np.tril_indices(4)
    return np.concatenate([h, np.where(i == j, 1.0, 2.0) * G[i, j]])


def test_slopes_and_information_are_those_of_differences(found: Patterns) -> None:
    step = 1e-5
    ends = [(moved(place, step), moved(place, -step)) for place in range(14)]
    slopes = [(likelihood(found, *up)[0] - likelihood(found, *down)[0]) / (2 * step) for up, down in ends]
    np.testing.assert_allclose(gradient(found, MU, SIGMA), slopes, rtol=1e-6, atol=1e-5)
    second = [(gradient(found, *up) - gradient(found, *down)) / (2 * step) for up, down in ends]
    observed = np.array(second) / (2.0 * found.n.sum())
    np.testing.assert_allclose(moment_information(found, MU, SIGMA), observed, rtol=1e-6, atol=1e-7)


def test_the_saturated_model_is_where_the_slopes_are_zero(values: np.ndarray, found: Patterns) -> None:
    mean, S = saturated_moments(found, values)
    np.testing.assert_allclose(gradient(found, mean, S), 0.0, atol=1e-8)
    complete = np.nan_to_num(values)
    mean, S = saturated_moments(patterns_of(complete), complete)
    np.testing.assert_allclose(mean, complete.mean(axis=0))
    np.testing.assert_allclose(S, np.cov(complete.T, bias=True))
