"""The simplicity function of alignment, its slopes, its minimum, and what the minimum depends on.

Symbols, for G groups and p items of one factor: lambda0 loadings and nu0 intercepts of the configural model with factor
mean 0 and variance 1, shape (G, p); alpha means and psi variances of the factor (G,); aligned loadings ``lambda =
lambda0 / sqrt(psi)`` and intercepts ``nu = nu0 - alpha lambda``; w weights of pairs of groups (G, G); f component loss
``(x^2 + eps)^(1/4)``. t holds log psi of all groups but the last, whose sum is 0, and the means that are free. All
functions accept complex t.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import optimize

from toolkit.psychometrics._numerics import Array, Counts
from toolkit.psychometrics.cfa._matrices import Values, complex_slopes

_COARSE = (1.0, 0.1)
_STEEP = 1e-5
_FLAT = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alignment:
    """What is aligned: configural estimates, weights, loss and which means are free."""

    lambda0: Array
    nu0: Array
    w: Array
    eps: float
    free_means: Counts

    @property
    def n_groups(self) -> int:
        """Groups."""
        return int(self.lambda0.shape[0])

    def moments(self, t: Values) -> tuple[Values, Values]:
        """Return alpha and log psi, shape (G,) each."""
        G = self.n_groups
        log_psi = np.append(t[: G - 1], -t[: G - 1].sum())
        alpha = np.zeros(G, dtype=t.dtype)
        alpha[self.free_means] = t[G - 1 :]
        return alpha, log_psi

    def aligned(self, t: Values) -> tuple[Values, Values]:
        """Return aligned loadings and intercepts, shape (G, p) each."""
        alpha, log_psi = self.moments(t)
        loadings = self.lambda0 * np.exp(-0.5 * log_psi)[:, None]
        return loadings, self.nu0 - alpha[:, None] * loadings

    def value(self, t: Array) -> float:
        """Return F, the loss of all differences of pairs of groups."""
        return float(sum(self.contributions(table).sum() for table in self.aligned(t)))

    def contributions(self, table: Array) -> Array:
        """Return what each item adds to F by its loadings or intercepts, shape (p,)."""
        away = table[:, None, :] - table[None, :, :]
        loss: Array = 0.5 * np.einsum("gh,ghj->j", self.w, (away**2 + self.eps) ** 0.25)
        return loss

    def slopes(self, t: Values) -> tuple[Values, Values, Values]:
        """Return the slopes of F in t, in lambda0 and in nu0."""
        alpha, log_psi = self.moments(t)
        loadings, intercepts = self.aligned(t)
        of_loadings, of_intercepts = self._in_table(loadings), self._in_table(intercepts)
        of_loadings = of_loadings - alpha[:, None] * of_intercepts
        of_alpha = -(loadings * of_intercepts).sum(axis=1)
        of_log_psi = -0.5 * (loadings * of_loadings).sum(axis=1)
        in_t = np.concatenate([of_log_psi[:-1] - of_log_psi[-1], of_alpha[self.free_means]])
        return in_t, np.exp(-0.5 * log_psi)[:, None] * of_loadings, of_intercepts

    def _in_table(self, table: Values) -> Values:
        away = table[:, None, :] - table[None, :, :]
        found: Values = np.einsum("gh,ghj->gj", self.w, 0.5 * away * (away**2 + self.eps) ** -0.75)
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aligned:
    """The minimum of a simplicity function.

    Attributes
    ----------
    t : ndarray
        Where it is.
    value : float
        F.
    n_best, n_starts : int
        Searches that ended there, and searches made.
    converged : bool
        Whether its slopes are zero.
    """

    t: Array
    value: float
    n_best: int
    n_starts: int
    converged: bool


def minimum(problem: Alignment, n_starts: int, random: np.random.Generator) -> Aligned:
    """Return the smallest of the minima that searches from several starts find.

    The first start is where the medians of loadings and intercepts agree; each search goes from a smooth loss to the
    stated one.
    """
    G = problem.n_groups
    first = _start(problem)
    found = []
    for number in range(n_starts):
        t = first if number == 0 else first + random.normal(0.0, 0.5, first.size)
        for eps in (*(eps for eps in _COARSE if eps > problem.eps), problem.eps):
            now = replace(problem, eps=eps)
            solved = optimize.minimize(
                now.value,
                t,
                jac=partial(_slopes, now),
                method="L-BFGS-B",
                options={
                    "maxiter": 5000,
                    "maxfun": 50000,
                    "gtol": 1e-9 * float(problem.w.sum()),
                    "ftol": 1e-15,
                    "maxcor": 30,
                },
            )
            t = np.asarray(solved.x, dtype=np.float64)
        found.append((problem.value(t), t))
    value, t = min(found, key=lambda entry: entry[0])
    steepness = np.abs(problem.slopes(t)[0]).max() / max(float(problem.w.sum()), 1.0) * G
    return Aligned(
        t=t,
        value=value,
        n_best=sum(one - value <= 1e-6 * abs(value) for one, _ in found),
        n_starts=n_starts,
        converged=bool(steepness < _STEEP),
    )


def _slopes(problem: Alignment, t: Array) -> Array:
    return np.asarray(problem.slopes(t)[0], dtype=np.float64)


def _start(problem: Alignment) -> Array:
    """Return where each group's loadings have, in the middle, the size of all, and its intercepts no shift."""
    ratio = np.median(np.abs(problem.lambda0), axis=1)
    log_psi = 2.0 * np.log(np.maximum(ratio, 1e-6))
    log_psi = log_psi - log_psi.mean()
    loadings = problem.lambda0 * np.exp(-0.5 * log_psi)[:, None]
    centre = np.median(problem.nu0, axis=0)
    alpha = np.median((problem.nu0 - centre) / loadings, axis=1)
    fixed = np.setdiff1d(np.arange(problem.n_groups), problem.free_means)
    alpha = alpha - (alpha[fixed[0]] if fixed.size else 0.0)
    return np.concatenate([log_psi[:-1], alpha[problem.free_means]])


def dependence(problem: Alignment, t: Array) -> tuple[Array, bool]:
    """Return the slopes of the minimum in the configural estimates, and whether F is curved in every direction.

    By the implicit function theorem, ``dt / d theta = -F_tt^-1 F_t,theta`` with theta the loadings and then the
    intercepts, group by group: shape (n_t, 2 G p).
    """
    both = complex_slopes(lambda x: np.concatenate([part.ravel() for part in problem.slopes(x)]), t)
    curvature, mixed = both[: t.size], both[t.size :]
    curvature = (curvature + curvature.T) / 2.0
    scale = np.sqrt(np.maximum(np.abs(np.diag(curvature)), 1e-300))
    values, vectors = np.linalg.eigh(curvature / np.outer(scale, scale))
    curved = bool(values[0] > _FLAT)
    inverse = (vectors / np.where(np.abs(values) > _FLAT, values, np.inf)) @ vectors.T / np.outer(scale, scale)
    slopes: Array = -inverse @ mixed.T
    return slopes, curved
