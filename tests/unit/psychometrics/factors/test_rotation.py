"""Gradient projection: gradients, known optima, starts."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from tests.comparing import aligned
from toolkit.psychometrics.factors import _rotation_kernel as kernels
from toolkit.psychometrics.factors.rotation import (
    OBLIQUE,
    VARIMAX_SHORTFALL,
    Rotation,
    rotate,
    rotation_criterion,
    varimax_by_svd,
)

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
    "oblimin": (kernels.OBLIMIN, 0.0),
    "oblimin, gamma .5": (kernels.OBLIMIN, 0.5),
    "quartimax": (kernels.ORTHOMAX, 0.0),
    "varimax": (kernels.ORTHOMAX, 1.0),
    "equamax": (kernels.ORTHOMAX, 1.5),
    "geomin": (kernels.GEOMIN, 0.01),
    "bifactor": (kernels.BIFACTOR, 0.0),
    "target": (kernels.TARGET, 0.0),
}


def turned(loadings: np.ndarray) -> np.ndarray:
    """Return the loadings in an arbitrary orthogonal position."""
    q, _ = np.linalg.qr(np.random.default_rng(4).standard_normal((3, 3)))
    return loadings @ q


def matched(loadings: np.ndarray, phi: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.abs(loadings.T @ target).argmax(axis=0)
    sign = np.sign(np.einsum("ij,ij->j", loadings[:, order], target))
    return loadings[:, order] * sign, phi[np.ix_(order, order)] * np.outer(sign, sign)


def evaluated(name: str, L: np.ndarray) -> tuple[complex, np.ndarray]:
    kind, parameter = CRITERIA[name]
    target = np.linspace(-0.5, 0.8, 15).reshape(5, 3)
    return kernels.criterion(L, kind, parameter, target, (target > -0.3).astype(float))


@pytest.mark.parametrize("name", CRITERIA)
def test_gradients_are_the_slopes_also_by_complex_steps(name: str) -> None:
    L = np.random.default_rng(2).uniform(-0.8, 0.8, (5, 3))
    value, gradient = evaluated(name, L)
    numeric = approx_fprime(L.ravel(), lambda x: float(evaluated(name, x.reshape(5, 3))[0].real), 1e-7)
    np.testing.assert_allclose(gradient.ravel(), numeric, rtol=1e-4, atol=1e-6)
    step = L + 0j
    step[2, 1] += 1e-30j
    moved, moved_gradient = evaluated(name, step)
    assert moved.real == pytest.approx(value, rel=1e-12)
    assert moved.imag / 1e-30 == pytest.approx(gradient[2, 1], rel=1e-10, abs=1e-12)
    np.testing.assert_allclose(moved_gradient.real, gradient, atol=1e-12)


def test_criteria_are_those_of_the_papers() -> None:
    L = np.random.default_rng(2).uniform(-0.8, 0.8, (5, 3))
    S = L**2
    quartimin = sum(float(S[:, r] @ S[:, s]) for r in range(3) for s in range(3) if r != s) / 4
    assert evaluated("oblimin", L)[0] == pytest.approx(quartimin)
    covariances = sum(
        float(S[:, r] @ S[:, s] - 0.5 / 5 * S[:, r].sum() * S[:, s].sum()) for r in range(3) for s in range(3) if r != s
    )
    assert evaluated("oblimin, gamma .5", L)[0] == pytest.approx(covariances / 4)
    assert evaluated("quartimax", L)[0] == pytest.approx(-(S**2).sum() / 4)
    assert evaluated("varimax", L)[0] == pytest.approx(-5 * S.var(axis=0).sum() / 4)
    assert evaluated("equamax", L)[0] == pytest.approx(-((S**2).sum() - 1.5 / 5 * (S.sum(axis=0) ** 2).sum()) / 4)
    assert evaluated("geomin", L)[0] == pytest.approx(float((np.prod(S + 0.01, axis=1) ** (1 / 3)).sum()))
    assert evaluated("bifactor", L)[0] == pytest.approx(float(S[:, 1] @ S[:, 2]) / 2)


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


@pytest.mark.parametrize("method", ["varimax", "quartimax", "equamax"])
def test_orthogonal_simple_structure_is_recovered(method: Any) -> None:
    found = rotate(turned(SIMPLE), method=method, random=np.random.default_rng(1))
    loadings, phi = matched(found.loadings, found.phi, SIMPLE)
    np.testing.assert_allclose(loadings, SIMPLE, atol=1e-6)
    np.testing.assert_array_equal(phi, np.eye(3))


BIFACTOR = np.column_stack([np.linspace(0.7, 0.5, 12), np.kron(np.eye(3), np.ones((4, 1))) * [0.5, 0.4, 0.6]])
"""A general factor and three group factors: the bifactor criterion is 0, its least value."""


def test_an_orthogonal_bifactor_structure_is_recovered() -> None:
    q, _ = np.linalg.qr(np.random.default_rng(4).standard_normal((4, 4)))
    found = rotate(BIFACTOR @ q, method="bifactorT", n_starts=50, random=np.random.default_rng(1))
    assert found.converged
    assert found.criterion == pytest.approx(0.0, abs=1e-9)
    loadings, phi = aligned(found.loadings, found.phi, BIFACTOR)
    np.testing.assert_allclose(loadings, BIFACTOR, atol=1e-4)
    np.testing.assert_array_equal(phi, np.eye(4))
    assert np.abs(found.loadings[:, 0]).min() > 0.4


def test_an_oblique_bifactor_comes_closer_to_the_structure_than_an_orthogonal_one() -> None:
    """It can only come closer. On an ideal structure it is not even unique: any general factor then has a criterion of
    zero (Jennrich & Bentler, 2012), so that data with some error are used."""
    A = BIFACTOR + np.random.default_rng(5).normal(0, 0.05, BIFACTOR.shape)
    T, Q = (
        rotate(A, method=method, n_starts=30, random=np.random.default_rng(1)) for method in ("bifactorT", "bifactorQ")
    )
    assert Q.criterion < T.criterion
    np.testing.assert_allclose(Q.loadings @ Q.phi @ Q.loadings.T, A @ A.T, atol=1e-8)


@pytest.mark.parametrize("method", ["targetT", "targetQ"])
def test_a_partial_and_a_full_target_are_reached(method: Any) -> None:
    phi = PHI if method == "targetQ" else np.eye(3)
    A = turned(SIMPLE @ np.linalg.cholesky(phi))
    for target in (np.where(SIMPLE == 0, 0.0, np.nan), SIMPLE):
        found = rotate(A, method=method, target=target, random=np.random.default_rng(1))
        assert found.criterion == pytest.approx(0.0, abs=1e-10)
        sign = np.sign(found.loadings.sum(axis=0))
        np.testing.assert_allclose(found.loadings * sign, SIMPLE, atol=1e-5)
        np.testing.assert_allclose(found.phi * np.outer(sign, sign), phi, atol=1e-5)


def test_an_orthogonal_target_is_that_of_procrustes() -> None:
    A, target = np.random.default_rng(3).uniform(-0.7, 0.7, (2, 9, 3))
    U, _, Vt = np.linalg.svd(A.T @ target)
    found = rotate(A, method="targetT", target=target, random=np.random.default_rng(1))
    np.testing.assert_allclose(found.loadings, A @ U @ Vt, atol=1e-6)


def test_geomin_keeps_factors_uncorrelated_when_asked() -> None:
    found = rotate(turned(SIMPLE), method="geominT", delta=1e-4, random=np.random.default_rng(1))
    np.testing.assert_array_equal(found.phi, np.eye(3))
    np.testing.assert_allclose(matched(found.loadings, found.phi, SIMPLE)[0], SIMPLE, atol=0.01)


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
    expected, expected_phi = kernels.promax(optimum.loadings, 4.0)
    found = rotate(A, method="promax", normalize=False, random=np.random.default_rng(2))
    loadings, phi = matched(found.loadings, found.phi, expected)
    np.testing.assert_allclose(phi, expected_phi, atol=1e-6)
    np.testing.assert_allclose(loadings, expected, atol=1e-6)
    np.testing.assert_allclose(np.abs(loadings).max(axis=1), np.sqrt(0.5), atol=0.02)
    assert found.criterion == pytest.approx(optimum.criterion)
    assert found.converged


def test_promax_starts_where_r_stops_when_that_is_near_the_optimum() -> None:
    A = turned(SIMPLE @ np.linalg.cholesky(PHI))
    T, value, stopped = varimax_by_svd(A, tolerance=1e-5)
    optimum = rotate(A, method="varimax", normalize=False, random=np.random.default_rng(1)).criterion
    assert stopped
    assert optimum < value < optimum * (1 - VARIMAX_SHORTFALL)
    found = rotate(A, method="promax", normalize=False, random=np.random.default_rng(1))
    np.testing.assert_array_equal(found.loadings, kernels.promax(A @ T, 4.0)[0])
    np.testing.assert_array_equal(found.transformation, T)
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
        assert (many.n_minima == 1) == (many.n_best + many.n_stopped == 30)
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


@pytest.mark.parametrize("method", [name for name in get_args(Rotation) if name not in {"none", "promax"}])
def test_the_solution_is_stationary(method: Any) -> None:
    """No small turn in any direction lowers the criterion: the gradient has no part that a rotation can follow."""
    A = np.random.default_rng(8).uniform(-0.6, 0.6, (12, 3))
    target = np.random.default_rng(9).uniform(-0.6, 0.6, (12, 3)) if method.startswith("target") else None
    found = rotate(A, method=method, normalize=False, target=target, random=np.random.default_rng(1))
    assert found.converged
    rule = rotation_criterion(method, (12, 3), normalize=False, target=target)
    gradient = kernels.criterion(found.loadings, rule.kind, rule.parameter, rule.target, rule.weight)[1]
    M = found.loadings.T @ gradient
    off = (M @ np.linalg.inv(found.phi))[~np.eye(3, dtype=bool)] if method in OBLIQUE else M - M.T
    np.testing.assert_allclose(off, 0.0, atol=1e-5)


def test_one_factor_and_none_are_left_alone() -> None:
    A = np.random.default_rng(8).uniform(0.2, 0.8, (5, 2))
    assert rotate(A, method="none", random=np.random.default_rng(1)).loadings is A
    alone = rotate(A[:, :1], method="oblimin", random=np.random.default_rng(1))
    np.testing.assert_array_equal(alone.loadings, A[:, :1])
    np.testing.assert_array_equal(alone.phi, [[1.0]])
