"""The numbers under polyserial correlations: tails, slopes, scores, and compiled code that is the written code."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from toolkit.psychometrics._counting_kernel import MISSING
from toolkit.psychometrics.cfa import _mixed_kernel as kernel

CUTS = np.array([-0.8, 0.1, 1.2])
EDGES = np.r_[-np.inf, CUTS, np.inf]


@pytest.mark.parametrize("low", [-np.inf, -40.0, -5.5, -4.9, -1.0, 0.0, 4.9, 5.1, 9.0, 45.0])
@pytest.mark.parametrize("width", [0.01, 0.5, 3.0, np.inf])
def test_densities_over_probabilities_keep_their_precision_in_tails(low: float, width: float) -> None:
    """Also where the probability itself is too small for a float."""
    high = width - 6.0 if np.isinf(low) and np.isfinite(width) else low + width
    if np.isinf(low) and np.isinf(width):
        high = 0.3
    # from the upper tail, where log Phi is exact
    a, b = (-high, -low) if low > -high else (low, high)
    upper = special.log_ndtr(b) if np.isfinite(b) else 0.0
    lower = special.log_ndtr(a) if np.isfinite(a) else -np.inf
    between = upper + np.log(-np.expm1(lower - upper))
    expected = [np.exp(-0.5 * x * x - 0.5 * np.log(2 * np.pi) - between) for x in (low, high)]
    np.testing.assert_allclose(kernel.edge_ratios(low, high), expected, rtol=1e-9)


def log_density(z: float, category: int, cuts: np.ndarray, rho: float) -> float:
    edges, c = np.r_[-np.inf, cuts, np.inf], np.sqrt(1 - rho**2)
    low, high = (edges[category] - rho * z) / c, (edges[category + 1] - rho * z) / c
    return float(-0.5 * z * z + np.log(special.ndtr(high) - special.ndtr(low)))


@pytest.mark.parametrize("rho", [-0.7, -0.2, 0.0, 0.4, 0.9])
def test_slopes_are_slopes(rho: float) -> None:
    step = 1e-4
    for z in (-1.5, 0.0, 0.7):
        for category in range(4):
            score, bend = kernel.person_slopes(z, EDGES[category], EDGES[category + 1], rho)
            at = [log_density(z, category, CUTS, rho + k * step) for k in (-1, 0, 1)]
            size = (1 - abs(rho)) ** -3
            assert score == pytest.approx((at[2] - at[0]) / (2 * step), abs=1e-5 * size)
            assert bend == pytest.approx((at[2] - 2 * at[1] + at[0]) / step**2, abs=1e-3 * size)


def sample(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    z = rng.normal(size=n)
    codes = np.digitize(0.5 * z + np.sqrt(0.75) * rng.normal(size=n), CUTS).astype(np.uint8)
    return z, codes


def test_information_is_made_of_the_derivatives_of_the_likelihood() -> None:
    z, codes = sample(40)
    z[3], codes[5] = np.nan, MISSING
    rho, step = 0.45, 1e-5
    found = np.empty((1, 1, 6))
    sizes = np.array([4])
    kernel.polyserial_information(z[None], codes[None], CUTS[None], sizes, np.array([[rho]]), found)

    def person(x: float, code: int, parameters: np.ndarray) -> float:
        rho, mean, variance, *cuts = parameters
        inner = log_density((x - mean) / np.sqrt(variance), code, np.array(cuts), rho)
        return inner - 0.5 * np.log(variance)

    at = np.r_[rho, 0.0, 1.0, CUTS]
    scores = np.array(
        [
            [(person(x, code, at + e) - person(x, code, at - e)) / (2 * step) for e in step * np.eye(6)]
            for x, code in zip(z, codes.astype(int), strict=True)
            if code != MISSING and not np.isnan(x)
        ]
    )
    assert scores.shape == (38, 6)
    np.testing.assert_allclose(found[0, 0], scores.T @ scores[:, 0], rtol=1e-6, atol=1e-7)


def test_information_of_two_continuous_variables() -> None:
    rng = np.random.default_rng(8)
    z = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], size=30).T.copy()
    z[0, 2] = np.nan
    rho, step = 0.35, 1e-5
    found = np.empty((1, 5))
    kernel.pearson_information(z, np.array([rho]), found)

    def person(pair: np.ndarray, parameters: np.ndarray) -> float:
        r, m1, m2, v1, v2 = parameters
        x, y = (pair[0] - m1) / np.sqrt(v1), (pair[1] - m2) / np.sqrt(v2)
        square = (x * x - 2 * r * x * y + y * y) / (1 - r * r)
        return float(-0.5 * (np.log(1 - r * r) + np.log(v1) + np.log(v2) + square))

    at = np.array([rho, 0.0, 0.0, 1.0, 1.0])
    kept = z[:, ~np.isnan(z[0])].T
    scores = np.array([[(person(p, at + e) - person(p, at - e)) / (2 * step) for e in step * np.eye(5)] for p in kept])
    np.testing.assert_allclose(found[0], scores.T @ scores[:, 0], rtol=1e-6, atol=1e-7)


def test_the_compiled_kernels_are_the_written_ones() -> None:
    z, codes = sample(60)
    z[1], codes[2] = np.nan, MISSING
    compiled = kernel.polyserial_correlation(z, codes, CUTS)
    assert compiled == pytest.approx(kernel.polyserial_correlation.py_func(z, codes, CUTS), abs=1e-12)
    assert compiled[1] == kernel.CONVERGED
    far, alone = kernel.edge_ratios.py_func(6.0, 7.0), kernel.tail_ratios.py_func(6.0, 7.0)
    np.testing.assert_allclose(far, kernel.edge_ratios(6.0, 7.0), rtol=1e-12)
    np.testing.assert_allclose(alone, far, rtol=1e-12)
    slopes = kernel.person_slopes.py_func(0.3, -np.inf, 0.5, 0.2)
    np.testing.assert_allclose(slopes, kernel.person_slopes(0.3, -np.inf, 0.5, 0.2), rtol=1e-12)


def test_separated_categories_have_a_perfect_correlation() -> None:
    z = special.ndtri((np.arange(100) + 0.5) / 100)
    halves = (z > 0).astype(np.uint8)
    assert kernel.polyserial_correlation(z, halves, np.array([0.0])) == (1.0, kernel.AT_BOUND)
    assert kernel.polyserial_correlation(-z, halves, np.array([0.0])) == (-1.0, kernel.AT_BOUND)
