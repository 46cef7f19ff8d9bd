"""Tests of nested models: whether the restrictions of one can be held against another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import linalg

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._numerics import Array, inverse
from toolkit.psychometrics._result import Result, provenance, undefined
from toolkit.psychometrics._threads import on_one_thread
from toolkit.psychometrics.cfa._matrices import (
    Compiled,
    implied,
    moment_slopes,
    row_values,
    scaled_statistics,
)
from toolkit.psychometrics.cfa.casewise import vech
from toolkit.psychometrics.cfa.chi_square import ChiSquare, LeastSquaresParts, scaled_and_shifted, upper_tail
from toolkit.psychometrics.cfa.fit_indices import index_kind
from toolkit.psychometrics.cfa.moments import GroupSample

_FAR = 1e-5


class Nestable(Protocol):
    """What a test of nested models needs of a fitted model."""

    @property
    def compiled(self) -> Compiled:
        """The model."""

    @property
    def samples(self) -> Sequence[GroupSample]:
        """What it was fitted to."""

    @property
    def estimator(self) -> str:
        """How it was fitted."""

    @property
    def model(self) -> ChiSquare:
        """Its statistic."""

    @property
    def parts(self) -> LeastSquaresParts | None:
        """What robust least squares is made of; None under a likelihood."""

    @property
    def x(self) -> Array:
        """The free parameters, shape (q,)."""

    @property
    def n(self) -> int:
        """Persons."""

    def fit(self) -> Mapping[str, float]:
        """Return the fit measures."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NestedTestResult(Result):
    """A test of the restrictions that one model has and the other has not.

    Attributes
    ----------
    chisq_diff : float
        The statistic; NaN where it cannot be computed.
    df_diff : int
        Its degrees of freedom.
    p : float
        Probability of a larger value when the restrictions hold.
    d_cfi, d_tli, d_rmsea, d_srmr : float
        Change of the fit indices from the less to the more restricted model: robust ones where both models have them,
        else scaled, else naive.
    restricted_first : bool
        Whether the model whose method was called is the more restricted.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The variant in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Versions.
    """

    chisq_diff: float
    df_diff: int
    p: float
    d_cfi: float
    d_tli: float
    d_rmsea: float
    d_srmr: float
    restricted_first: bool
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]


@on_one_thread
def nested_test(one: Nestable, other: Nestable, *, n_dropped: int = 0) -> NestedTestResult:
    """Test the restrictions of the model with more degrees of freedom against the other.

    ``n_dropped`` is how many persons both left out.

    Raises
    ------
    StatisticsError
        STA_NOT_NESTED.

    Notes
    -----
    ML: difference of the statistics. MLR: difference over ``(d0 c0 - d1 c1) / (d0 - d1)`` with scaling factors c
    (Satorra & Bentler, 2001); NaN where that is negative. Least squares: Satorra (2000), with the
    restrictions A found from the slopes of both models' moments (A.method "delta" of lavaan), scaled and shifted.

    References
    ----------
    Satorra, A. (2000). Scaled and adjusted restricted tests in multi-sample analysis of moment structures. In
    R. D. H. Heijmans, D. S. G. Pollock, & A. Satorra (Eds.), Innovations in multivariate statistical analysis
    (pp. 233-247). Kluwer. https://doi.org/10.1007/978-1-4615-4603-0_17

    Satorra, A., & Bentler, P. M. (2001). A scaled difference chi-square test statistic for moment structure analysis.
    Psychometrika, 66, 507-514. https://doi.org/10.1007/BF02296192
    """
    H0, H1 = (one, other) if one.model.df > other.model.df else (other, one)
    _refuse_strangers(H0, H1)
    m = H0.model.df - H1.model.df
    difference = H0.model.value - H1.model.value
    warnings: list[Problem] = []
    if H0.parts is not None and H1.parts is not None and np.isfinite(H1.model.scaling + H0.model.scaling):
        trace, trace_of_square = _traces(H0, H1)
        statistic = scaled_and_shifted(difference, m, trace, trace_of_square).scaled
        method = "Satorra (2000), restrictions from the slopes of the moments, scaled and shifted"
    elif np.isfinite(H0.model.scaling):
        c1 = H1.model.scaling if H1.model.df else 1.0
        c = (H0.model.df * H0.model.scaling - H1.model.df * c1) / m
        statistic = difference / c if c > 0.0 else float("nan")
        method = "Satorra and Bentler (2001)"
        if c <= 0.0:
            warnings.append(undefined("chisq_diff", "The scaling factor of the difference is negative."))
    else:
        statistic = difference
        method = "difference of the likelihood-ratio statistics" if H0.parts is None else "difference of the statistics"
    before, after = H1.fit(), H0.fit()
    kind = index_kind(before, after)
    change = {name: after[f"{name}{kind}"] - before[f"{name}{kind}"] for name in ("cfi", "tli", "rmsea")}
    return NestedTestResult(
        chisq_diff=statistic,
        df_diff=m,
        p=upper_tail(statistic, m),
        d_cfi=change["cfi"],
        d_tli=change["tli"],
        d_rmsea=change["rmsea"],
        d_srmr=after["srmr"] - before["srmr"],
        restricted_first=one is H0,
        n_persons=H0.n,
        n_items=len(H0.compiled.model.items),
        n_dropped=n_dropped,
        method=f"test of nested models, {method}; indices{' ' + kind[1:] if kind else ' naive'}",
        warnings=tuple(warnings),
        provenance=provenance("nested_test", {}),
    )


def _refuse_strangers(H0: Nestable, H1: Nestable) -> None:
    """Refuse models that cannot be nested."""
    why = None
    if H0.model.df == H1.model.df:
        why = "Both models have the same degrees of freedom."
    elif H0.estimator != H1.estimator or H0.compiled.model.items != H1.compiled.model.items:
        why = "The models differ in their items, in the items' order, or in their estimator."
    elif H0.compiled.model.mean_structure != H1.compiled.model.mean_structure:
        why = "One of the models has means, the other has none: mean_structure=True, or missing='fiml' in one of them."
    elif H0.compiled.model.ordered != H1.compiled.model.ordered:
        why = "The models differ in which items are ordered."
    elif [sample.n for sample in H0.samples] != [sample.n for sample in H1.samples] or not all(
        np.allclose(a.S, b.S) for a, b in zip(H0.samples, H1.samples, strict=True)
    ):
        why = "The models were fitted to other persons."
    elif _distance_outside(H0, H1) > _FAR:
        why = "The model with fewer degrees of freedom does not contain the other."
    if why:
        raise StatisticsError(
            Problem(
                code=Code.STA_NOT_NESTED,
                what=f"The models cannot be tested against each other. {why}",
                got=f"{H0.model.df} and {H1.model.df} degrees of freedom",
                fix="Compare a model with one that has the same items and persons and some restrictions less.",
            )
        )


def _distance_outside(H0: Nestable, H1: Nestable) -> float:
    """Return how far the slopes of H0's moments lie outside those of H1, at the point where H0 ended.

    H1's parameters are first moved to where they imply the moments of H0, if they can.
    """
    scale = _moment_scales(H0)
    x1 = _matched(H0, H1, scale)
    if x1 is None:
        return float("inf")
    D1, D0 = _stacked_slopes(H1, x1) / scale[:, None], _stacked_slopes(H0, H0.x) / scale[:, None]
    basis = linalg.orth(D1 / _lengths(D1), rcond=1e-9)
    outside = D0 - basis @ (basis.T @ D0)
    return float((np.linalg.norm(outside, axis=0) / _lengths(D0)).max())


def _lengths(D: Array) -> Array:
    """Return the lengths of the columns, 1 for one of zeros."""
    length = np.linalg.norm(D, axis=0)
    return np.where(length > 0.0, length, 1.0)


def _moment_scales(fit: Nestable) -> Array:
    """Return the unit of every moment, made of the items' standard deviations."""
    parts = []
    for group in fit.compiled.groups:
        at = implied(group, fit.x)
        sd = np.sqrt(np.abs(np.diag(at.Sigma)))
        if fit.parts is not None:
            sd = np.where(group.ordered, 1.0, sd)
            of_levels = np.sort(np.concatenate([group.item_of, np.flatnonzero(~group.ordered)]))
            first, second = np.triu_indices(sd.size, 1)
            parts += [sd[of_levels], sd[~group.ordered] ** 2, sd[first] * sd[second]]
        else:
            i, j = vech(at.mu.size)
            parts += [sd if fit.compiled.model.mean_structure else np.zeros(0), sd[i] * sd[j]]
    scales = np.concatenate(parts)
    return np.where(scales > 0.0, scales, 1.0)


def _matched(H0: Nestable, H1: Nestable, scale: Array) -> Array | None:
    """Return the parameters of H1 that imply the moments of H0, or None where there are none."""
    wanted = _stacked_moments(H0, H0.x)
    size = float(np.sqrt(scale.size))

    def distance(x: Array) -> float:
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(np.linalg.norm((_stacked_moments(H1, x) - wanted) / scale))

    x = _carried_over(H0, H1)
    if distance(x) <= 1e-9 * size:
        return x
    x = H1.x.copy()
    best = distance(x)
    for _ in range(200):
        if best <= 1e-9 * size:
            break
        left = (wanted - _stacked_moments(H1, x)) / scale
        D = _stacked_slopes(H1, x) / scale[:, None]
        length_of = _lengths(D)
        step = linalg.lstsq(D / length_of, left, cond=1e-10, lapack_driver="gelsy", check_finite=False)[0] / length_of
        length = 1.0
        while length > 1e-6:
            moved = x + length * step
            found = distance(moved)
            if np.isfinite(found) and found < best:
                break
            length *= 0.5
        else:
            break
        x, best = moved, found
    return x if best <= 1e-5 * size else None


def _carried_over(H0: Nestable, H1: Nestable) -> Array:
    """Return the parameters of H1 with the values that they have in H0, where it has them."""
    rows = H0.compiled.model.parameters
    known = {row.key: value for row, value in zip(rows, row_values(H0.compiled, H0.x), strict=True)}
    x = H1.x.copy()
    for row, place in zip(H1.compiled.model.parameters, H1.compiled.place, strict=True):
        if place >= 0:
            x[place] = known.get(row.key, x[place])
    return x


def _stacked_moments(fit: Nestable, x: Array) -> Array:
    parts = []
    for group in fit.compiled.groups:
        at = implied(group, x)
        if fit.parts is not None:
            parts.append(scaled_statistics(group, at)[0])
        else:
            i, j = vech(at.mu.size)
            means = at.mu if fit.compiled.model.mean_structure else np.zeros(0)
            parts.append(np.concatenate([means, at.Sigma[i, j]]))
    return np.concatenate(parts)


def _stacked_slopes(fit: Nestable, x: Array) -> Array:
    """Return the slopes of all groups' moments in x, shape (n_moments, q)."""
    parts = []
    for group in fit.compiled.groups:
        at = implied(group, x)
        if fit.parts is not None:
            parts.append(scaled_statistics(group, at)[1])
            continue
        parts.append(moment_slopes(group, at)[0 if fit.compiled.model.mean_structure else at.mu.size :])
    return np.vstack(parts)


def _traces(H0: Nestable, H1: Nestable) -> tuple[float, float]:
    """Return ``tr(U Gamma)`` and ``tr((U Gamma)^2)`` of the restrictions, at the less restricted model.

    With E and K of :class:`.chi_square.LeastSquaresParts`, ``Q = E^-1 A' (A E^-1 A')^-1 A E^-1`` gives ``tr(Q K)`` and
    ``tr((Q K)^2)``.
    """
    parts = H1.parts
    if parts is None:
        return float("nan"), float("nan")
    D1, D0 = np.vstack(parts.slopes), _stacked_slopes(H0, H0.x)
    length = _lengths(D1)
    mapped = np.linalg.lstsq(D1 / length, D0 / _lengths(D0), rcond=None)[0]
    A = linalg.null_space(mapped.T, rcond=1e-8).T * length
    C = inverse(parts.E)
    AC = A @ C
    Q = AC.T @ np.linalg.solve(AC @ A.T, AC)
    QK = Q @ parts.K
    return float(np.trace(QK)), float((QK * QK.T).sum())
