"""Gradient projection: gradients, known optima, starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from toolkit.psychometrics.factors import rotation as kernels
from toolkit.psychometrics.factors.rotation import rotate, varimax_by_svd

SIMPLE = np.array(
    [
        [0.8, 0, 0],
        [0.7, 0, 0],
        [0.6, 0, 0],
        [0, 0.8, 0],
        [0, 0.7, 0],
        [0, 0.6, 0],
        [0, 0, 0.7],
        [0, 0, 0.6],
        [0, 0, 0.5],
    ]
)
PHI = np.array([[1, 0.4, 0.2], [0.4, 1, 0.3], [0.2, 0.3, 1]])
CRITERIA = {
    "oblimin": lambda L: kernels.oblimin_criterion(L, 0.0),
    "oblimin, gamma .5": lambda L: kernels.oblimin_criterion(L, 0.5),
    "quartimax": kernels.quartimax_criterion,
    "varimax": kernels.varimax_criterion,
    "geomin": lambda L: kernels.geomin_criterion(L, 0.01),
}


def turned(loadings: np.ndarray) -> np.ndarray:
    """Return the loadings in an arbitrary orthogonal position."""
    q, _ = np.linalg.qr(np.random.default_rng(4).standard_normal((3, 3)))
    return loadings @ q


def matched(loadings: np.ndarray, phi: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.abs(loadings.T @ target).argmax(axis=0)
    sign = np.sign(np.einsum("ij,ij->j", loadings[:, order], target))
    return loadings[:, order] * sign, phi[np.ix_(order, order)] * np.outer(sign, sign)


@pytest.mark.parametrize("name", CRITERIA)
def test_gradients_are_the_slopes(name: str) -> None:
    criterion = CRITERIA[name]
    L = np.random.default_rng(2).uniform(-0.8, 0.8, (2, 5, 3))
    values, gradients = criterion(L)
    for start in range(2):
        numeric = approx_fprime(L[start].ravel(), lambda x: float(criterion(x.reshape(1, 5, 3))[0][0]), 1e-7)
        np.testing.assert_allclose(gradients[start].ravel(), numeric, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(values[0], criterion(L[:1])[0][0])


@pytest.mark.parametrize("method", ["oblimin", "geomin"])
def test_oblique_simple_structure_is_recovered(method: Any) -> None:
    """Perfect simple structure has oblimin 0, the minimum; geomin comes close for a small delta."""
    root = np.linalg.cholesky(PHI)
    found = rotate(turned(SIMPLE @ root), method=method, delta=1e-3, random=np.random.default_rng(1))
    assert found.converged
    loadings, phi = matched(found.loadings, found.phi, SIMPLE)
    tolerance = 1e-5 if method == "oblimin" else 0.03
    np.testing.assert_allclose(loadings, SIMPLE, atol=tolerance)
    np.testing.assert_allclose(phi, PHI, atol=tolerance)


@pytest.mark.parametrize("method", ["varimax", "quartimax"])
def test_orthogonal_simple_structure_is_recovered(method: Any) -> None:
    found = rotate(turned(SIMPLE), method=method, random=np.random.default_rng(1))
    loadings, phi = matched(found.loadings, found.phi, SIMPLE)
    np.testing.assert_allclose(loadings, SIMPLE, atol=1e-6)
    np.testing.assert_array_equal(phi, np.eye(3))


def test_promax_makes_small_loadings_smaller() -> None:
    A = turned(SIMPLE @ np.linalg.cholesky(PHI))
    varimax = rotate(A, method="varimax", random=np.random.default_rng(1)).loadings
    promax = rotate(A, method="promax", random=np.random.default_rng(1))
    off = np.abs(matched(promax.loadings, promax.phi, SIMPLE)[0][SIMPLE == 0])
    assert off.max() < np.abs(matched(varimax, PHI, SIMPLE)[0][SIMPLE == 0]).max()
    np.testing.assert_allclose(np.diag(promax.phi), 1.0)
    np.testing.assert_allclose(promax.loadings @ promax.phi @ promax.loadings.T, A @ A.T, atol=1e-12)


CLUSTERS = 0.5 * np.array([[1, 1]] * 6 + [[1, -1]] * 6)
"""Two clusters, unrotated. All squared loadings are equal: a saddle point of varimax, far from its optimum."""
STUCK = {
    "at the saddle": (CLUSTERS, False),
    "stops beside it": (CLUSTERS + 0.005 * np.random.default_rng(1).standard_normal((12, 2)), True),
    "never stops": (CLUSTERS + 0.005 * np.random.default_rng(0).standard_normal((12, 2)), False),
}


@pytest.mark.parametrize("case", STUCK)
def test_promax_starts_from_the_optimum_where_varimax_by_svd_is_stuck(case: str) -> None:
    A, stops = STUCK[case]
    optimum = rotate(A, method="varimax", normalize=False, random=np.random.default_rng(1))
    _, value, stopped = varimax_by_svd(A, tolerance=1e-5)
    assert stopped is stops
    assert value > 0.7 * optimum.criterion
    expected, expected_phi = kernels._promax(optimum.loadings, 4.0)
    found = rotate(A, method="promax", normalize=False, random=np.random.default_rng(2))
    loadings, phi = matched(found.loadings, found.phi, expected)
    np.testing.assert_allclose(phi, expected_phi, atol=1e-6)
    np.testing.assert_allclose(loadings, expected, atol=1e-6)
    np.testing.assert_allclose(np.abs(loadings).max(axis=1), np.sqrt(0.5), atol=0.02)
    assert found.criterion == pytest.approx(optimum.criterion)
    assert found.converged


def test_promax_starts_where_r_stops_when_that_is_near_the_optimum() -> None:
    A = turned(SIMPLE @ np.linalg.cholesky(PHI))
    V, value, stopped = varimax_by_svd(A, tolerance=1e-5)
    optimum = rotate(A, method="varimax", normalize=False, random=np.random.default_rng(1)).criterion
    assert stopped
    assert optimum < value < optimum * (1 - kernels.VARIMAX_SHORTFALL)
    found = rotate(A, method="promax", normalize=False, random=np.random.default_rng(1))
    np.testing.assert_array_equal(found.loadings, kernels._promax(V, 4.0)[0])
    assert found.criterion == value


def test_both_ways_to_varimax_meet() -> None:
    A = np.random.default_rng(8).uniform(-0.6, 0.6, (12, 3))
    _, value, stopped = varimax_by_svd(A, tolerance=1e-14)
    by_projection = rotate(A, method="varimax", normalize=False, random=np.random.default_rng(1))
    assert stopped
    assert value == pytest.approx(by_projection.criterion, rel=1e-10)
    early = varimax_by_svd(A, tolerance=1e-2)[1]
    assert early >= value


def test_more_starts_never_end_higher_and_may_end_lower() -> None:
    """Loadings without structure give geomin many local minima."""
    lower = 0
    for seed in range(6):
        A = np.random.default_rng(seed).uniform(-0.7, 0.7, (12, 4))
        one = rotate(A, method="geomin", n_starts=1, random=np.random.default_rng(1)).criterion
        many = rotate(A, method="geomin", n_starts=30, random=np.random.default_rng(1))
        assert many.criterion <= one + 1e-7
        assert 1 <= many.n_best <= many.n_starts == 30
        lower += many.criterion < one - 1e-5
    assert lower >= 1


def test_normalisation_changes_the_solution_and_follows_the_criterion() -> None:
    A = np.random.default_rng(8).uniform(-0.6, 0.6, (12, 3))

    def rotated(method: Any, normalize: bool | None) -> np.ndarray:
        return rotate(A, method=method, normalize=normalize, random=np.random.default_rng(1)).loadings

    for method, default in (("varimax", True), ("promax", True), ("oblimin", False), ("quartimax", False)):
        np.testing.assert_array_equal(rotated(method, None), rotated(method, default))
        if method != "promax":
            assert not np.allclose(rotated(method, None), rotated(method, not default), atol=1e-4)


def test_one_factor_and_none_are_left_alone() -> None:
    A = np.random.default_rng(8).uniform(0.2, 0.8, (5, 2))
    assert rotate(A, method="none", random=np.random.default_rng(1)).loadings is A
    alone = rotate(A[:, :1], method="oblimin", random=np.random.default_rng(1))
    np.testing.assert_array_equal(alone.loadings, A[:, :1])
    np.testing.assert_array_equal(alone.phi, [[1.0]])
