"""The numbers under the polychoric correlation: normal probabilities, and compiled code that is the written code."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from toolkit.psychometrics import _polychoric_kernel as kernel

RHO = [0.0, 0.05, 0.29, 0.31, 0.74, 0.76, 0.92, 0.93, 0.97, 0.999, 0.99999, kernel.BOUND]
A = np.array([-3.5, -2.1, -1.2, -0.3, 0.4, 1.3, 3.0])
B = np.array([-2.0, -1.1, 0.301, 0.5, 2.0])


def owen(h: float, k: float, rho: float) -> float:
    """Phi2 by Owen's T function."""
    c = np.sqrt((1.0 - rho) * (1.0 + rho))
    across = 0.5 if h * k < 0 else 0.0
    of_h, of_k = special.owens_t(h, (k / h - rho) / c), special.owens_t(k, (h / k - rho) / c)
    return float(0.5 * (special.ndtr(h) + special.ndtr(k)) - of_h - of_k - across)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("rho", RHO)
def test_the_bivariate_normal_is_exact_to_rounding(rho: float, sign: float) -> None:
    found = np.full((A.size, B.size), np.nan)
    kernel.bivariate_normal(A, B, sign * rho, found)
    expected = [[owen(a, b, sign * rho) for b in B] for a in A]
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=5e-15)  # seen: 1.3e-15


@pytest.mark.parametrize("rho", [-0.9, -0.5, 0.0, 0.3, 0.8, 0.95])
def test_tails_keep_their_relative_precision(rho: float) -> None:
    c = np.sqrt(1.0 - rho**2)
    nodes, weights = np.polynomial.legendre.leggauss(20)
    for a_low, a_high in ((-np.inf, -3.0), (-4.0, -3.0), (2.5, 3.0)):
        ends = np.linspace(max(a_low, -16.0), a_high, 4001)
        half = 0.5 * (ends[1] - ends[0])
        x = (0.5 * (ends[1:] + ends[:-1]))[:, None] + half * nodes
        between = special.ndtr((rho * x - 3.0) / c) - special.ndtr((rho * x - 3.5) / c)
        expected = float((half * weights * np.exp(-0.5 * x * x) * between).sum() / np.sqrt(2.0 * np.pi))
        found = kernel.tail_probability(a_low, a_high, 3.0, 3.5, rho)
        assert found == pytest.approx(expected, rel=1e-7), (a_low, a_high)
        assert 0.0 < found < 1e-2
    assert kernel.tail_probability(-np.inf, -4.0, 4.0, np.inf, 0.0) == pytest.approx(special.ndtr(-4.0) ** 2, rel=1e-12)


@pytest.mark.parametrize("rho", [-0.95, -0.4, 0.0, 0.6, 0.98])
def test_cells_add_up_and_their_slopes_are_slopes(rho: float) -> None:
    n, corners = np.ones((8, 6)), np.empty((3, 8, 6))
    cells, up, down = (np.empty((3, 8, 6)) for _ in range(3))
    kernel.write_cells(A, B, rho, n, corners, cells)
    assert cells[0].sum() == pytest.approx(1.0, abs=1e-14)
    np.testing.assert_allclose(cells[0].sum(axis=1), np.diff(special.ndtr(np.r_[-np.inf, A, np.inf])), atol=1e-14)
    np.testing.assert_allclose(cells[1:].sum(axis=(1, 2)), 0.0, atol=1e-10)
    step = 1e-5
    kernel.write_cells(A, B, rho + step, n, corners, up)
    kernel.write_cells(A, B, rho - step, n, corners, down)
    np.testing.assert_allclose((up[0] - down[0]) / (2 * step), cells[1], atol=1e-5 / (1 - abs(rho)))
    np.testing.assert_allclose((up[1] - down[1]) / (2 * step), cells[2], atol=1e-4 / (1 - abs(rho)) ** 3)


def test_the_compiled_search_is_the_written_one() -> None:
    table = np.array([[40.0, 21.0, 3.0], [18.0, 44.0, 20.0], [2.0, 17.0, 35.0]])
    a, b = special.ndtri(table.sum(1).cumsum()[:2] / 200), special.ndtri(table.sum(0).cumsum()[:2] / 200)
    work = np.empty((3, 3, 3)), np.empty((3, 3, 3))
    compiled = kernel.maximum_likelihood(a, b, table, *work)
    written = kernel.maximum_likelihood.py_func(a, b, table, *work)
    assert compiled == pytest.approx(written, abs=1e-12)
    assert compiled[1] == kernel.CONVERGED
