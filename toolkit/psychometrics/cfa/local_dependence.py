"""Local dependence: pairs of items that share more than the factors of a fitted model explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg, stats

from toolkit.errors import Problem, StatisticsError
from toolkit.psychometrics._numerics import Array, Counts
from toolkit.psychometrics._options import conflict, within
from toolkit.psychometrics._result import Result, provenance, undefined
from toolkit.psychometrics._threads import on_one_thread
from toolkit.psychometrics.cfa._matrices import (
    Implied,
    implied,
    moment_slopes,
    scaled_statistics,
)
from toolkit.psychometrics.cfa.casewise import normal_weight, saturated_information, saturated_scores, vech
from toolkit.psychometrics.cfa.cfa import CfaResult
from toolkit.psychometrics.cfa.fitting import FittedModel
from toolkit.psychometrics.cfa.moments import GroupSample
from toolkit.psychometrics.cfa.patterns import Patterns, moment_information

_NO_VARIANCE = 1e-9
"""A share of the moments' own sampling variance that is rounding."""


_COLUMNS = (
    *("group", "item_1", "item_2", "residual", "se", "z", "p", "p_holm", "beyond_lower", "beyond_upper"),
    *("epc", "sepc", "mi", "z_epc", "p_epc", "p_epc_holm", "free"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalDependenceResult(Result):
    """Pairs of items and what a model leaves of their correlations.

    Attributes
    ----------
    pairs : DataFrame, shape (n_pairs * n_groups, 17)
        The largest absolute ``z_epc`` first. Columns group, item_1, item_2; ``residual``, the observed minus the
        implied correlation, ``se``, ``z`` and ``p`` (two-sided) of it, ``p_holm`` by Holm over all rows;
        ``beyond_lower`` and ``beyond_upper``, whether its size is above the limits; ``epc``, the residual covariance
        that is expected if it is free, and ``sepc``, the same as a residual correlation; ``mi``, its modification
        index; ``z_epc``, ``p_epc`` and ``p_epc_holm``, its score test, robust where the estimator is; ``free``, whether
        the model has it. NaN where the model leaves nothing to test.
    n_pairs : int
        Pairs of items.
    n_beyond_lower, n_beyond_upper, n_significant : int
        Rows whose residual is above the limits, and whose ``p_epc_holm`` is below ``alpha``.
    lower, upper, alpha : float
        The limits and the level of the tests.
    n_groups, n_persons, n_items, n_dropped : int
        Groups, persons used, items, and persons left out.
    method : str
        The variant in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options and versions.
    """

    pairs: pd.DataFrame
    n_pairs: int
    n_beyond_lower: int
    n_beyond_upper: int
    n_significant: int
    lower: float
    upper: float
    alpha: float
    n_groups: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the pairs."""
        return self.pairs.copy()


@on_one_thread
def local_dependence(
    result: CfaResult, *, lower: float = 0.1, upper: float = 0.2, alpha: float = 0.05
) -> LocalDependenceResult:
    """Return the correlations that a fitted model leaves between items, with tests and expected changes.

    Items are locally dependent if they correlate beyond what the factors explain: by alike wording, a shared direction,
    or a place side by side. It makes reliability too high. The loadings of a dependent pair grow with it, so that its
    own residual is too small and residuals of other pairs stand out; the expected change says where the dependence is.
    To free residual covariances until a model fits is to explore.

    Parameters
    ----------
    result : CfaResult
        A fitted model with degrees of freedom.
    lower, upper : float, default 0.1 and 0.2
        Sizes of a residual correlation that are counted, between 0 and 1.
    alpha : float, default 0.05
        Level of the tests that are counted, between 0 and 1.

    Returns
    -------
    LocalDependenceResult
        ``pairs``, the clearest first.

    Raises
    ------
    StatisticsError
        STA_OPTION_RANGE; STA_OPTION_CONFLICT (a model without degrees of freedom, or with standard errors for
        clusters).

    Warns
    -----
    STA_UNDEFINED
        Pairs without a test: the model always reproduces them, or a residual covariance would add nothing.

    Notes
    -----
    With moments s, implied moments sigma with slopes Delta, weights W of the discrepancy and asymptotic covariances
    Gamma of s, ``s - sigma = M (s - sigma_0)`` for ``M = I - Delta (Delta' W Delta)^-1 Delta' W``, and the residuals
    have covariances ``M Gamma M' / n``; those of correlations follow by the delta method. They hold if the model holds.
    ML: W is the expected information of one person about the moments, at the implied ones, and Gamma the inverse of
    that at the sample's. MLR: W is the observed information, and Gamma the sandwich of the persons' scores; so for
    incomplete answers, with Gamma as under ML unless the estimator is MLR. Ordered items: W and Gamma of the estimator.
    The slopes of correlations are those at the sample's moments. All this is as in lavaan's ``lavResiduals``, but where
    groups share parameters: there the other groups' sampling counts here too, and lavaan leaves it out. The
    modification index is that of :meth:`~toolkit.psychometrics.cfa.cfa.CfaResult.modification_indices`; it is not
    scaled for robust estimators. ``z_epc`` is ``d' W (s - sigma)`` over its standard error, with the slopes d of the
    moments in the residual covariance (Satorra, 1989); under ML its square is close to the modification index.

    Validated against lavaan 0.6.14 ``lavResiduals(type="cor.bollen")`` for ML, MLR, full information, two groups and
    WLSMV, tolerance 1e-4, worst deviation seen 2e-6 (``tests/parity/test_cfa_residuals.py``), and by the rejection rate
    in samples with a known truth (``tests/unit/psychometrics/cfa/test_local_dependence.py``).

    References
    ----------
    Maydeu-Olivares, A. (2017). Assessing the size of model misfit in structural equation models. Psychometrika, 82,
    533-558. https://doi.org/10.1007/s11336-016-9552-7

    Satorra, A. (1989). Alternative test criteria in covariance structure analysis: A unified approach. Psychometrika,
    54, 131-151. https://doi.org/10.1007/BF02294453

    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics, 6,
    65-70. https://doi.org/10.2307/4615733

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> truth = [[.7, 0], [.7, 0], [.7, 0], [.7, 0], [.6, .6], [.6, .6]]
    >>> answers = pm.simulate_ordinal(truth, thresholds=[-1, 0, 1], n_persons=500, rng=1)
    >>> found = local_dependence(pm.cfa(answers, "f =~ item1 + item2 + item3 + item4 + item5 + item6"))
    >>> found.pairs.loc[0, ["item_1", "item_2"]].tolist()
    ['item5', 'item6']
    """
    for name, limit in (("lower", lower), ("upper", upper), ("alpha", alpha)):
        within(limit, name=name, low=0.0, high=1.0, open_ends=True)
    if not isinstance(result, CfaResult):
        raise _without(type(result).__name__, "Residuals are those of a fitted model.")
    fit = result._fitted
    if fit.model.df == 0:
        raise _without("a model with 0 degrees of freedom", "Such a model leaves no residuals.")
    if fit.n_clusters:
        raise _without("clusters", "The residuals of clustered persons have other standard errors.")
    pairs = _pairs(result)
    pairs["p_holm"] = holm(pairs["p"].to_numpy())
    pairs["p_epc_holm"] = holm(pairs["p_epc"].to_numpy())
    size = pairs["residual"].abs()
    pairs["beyond_lower"], pairs["beyond_upper"] = size > lower, size > upper
    order = np.argsort(-pairs["z_epc"].abs().fillna(-1.0).to_numpy(), kind="stable")
    pairs = pairs.iloc[order][[*_COLUMNS]].reset_index(drop=True)
    unknown = int((pairs[["z", "z_epc"]].isna().any(axis=1) & ~pairs["free"]).sum())
    why = "The model always reproduces the correlation, or a residual covariance would add nothing to it."
    warnings = [undefined(f"tests of {unknown} pairs", why)] if unknown else []
    p = result.n_items
    return LocalDependenceResult(
        pairs=pairs,
        n_pairs=p * (p - 1) // 2,
        n_beyond_lower=int(pairs["beyond_lower"].sum()),
        n_beyond_upper=int(pairs["beyond_upper"].sum()),
        n_significant=int((pairs["p_epc_holm"] < alpha).sum()),
        lower=float(lower),
        upper=float(upper),
        alpha=float(alpha),
        n_groups=result.n_groups,
        n_persons=result.n_persons,
        n_items=p,
        n_dropped=result.n_dropped,
        method=f"residual correlations of: {result.method}; tests by Holm",
        warnings=tuple(warnings),
        provenance=provenance(
            "local_dependence",
            {"lower": lower, "upper": upper, "alpha": alpha, "model": result.provenance["options"]["model"]},
        ),
    )


def _without(what: str, why: str) -> StatisticsError:
    return conflict(what, why=why, fix="Give a model with degrees of freedom, fitted without cluster=.")


def holm(p: Array) -> Array:
    """Return Holm's adjusted p-values; NaN stays NaN and is not counted."""
    adjusted = np.full(p.size, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * (order.size - np.arange(order.size))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _pairs(result: CfaResult) -> pd.DataFrame:
    fit = result._fitted
    items = list(fit.compiled.model.items)
    first, second = np.triu_indices(len(items), 1)
    found = residual_tests(fit)
    table = result.residuals.to_numpy().reshape(len(fit.samples), len(items), len(items))
    index = result.modification_indices()
    index = index[(index["op"] == "~~") & index["lhs"].isin(items)].set_index(["group", "lhs", "rhs"])
    free = {
        (row.group, frozenset((row.lhs, row.rhs)))
        for row in fit.compiled.model.parameters
        if row.op == "~~" and row.lhs != row.rhs and row.free
    }
    frames = []
    for number, group in enumerate(result.groups):
        residual, (se, z_epc) = table[number][first, second], found[number]
        z = np.divide(residual, se, out=np.full(se.size, np.nan), where=se > 0.0)
        keys = pd.MultiIndex.from_arrays([[group] * first.size, [items[i] for i in first], [items[j] for j in second]])
        frames.append(
            pd.DataFrame(
                {
                    "group": group,
                    "item_1": [items[i] for i in first],
                    "item_2": [items[j] for j in second],
                    "residual": residual,
                    "se": np.where(se > 0.0, se, np.nan),
                    "z": z,
                    "p": 2.0 * stats.norm.sf(np.abs(z)),
                    **{name: index[name].reindex(keys).to_numpy() for name in ("mi", "epc", "sepc")},
                    "z_epc": z_epc,
                    "p_epc": 2.0 * stats.norm.sf(np.abs(z_epc)),
                    "free": [
                        (number, frozenset((items[i], items[j]))) in free for i, j in zip(first, second, strict=True)
                    ],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def residual_tests(fit: FittedModel) -> list[tuple[Array, Array]]:
    """Return the standard errors of residual correlations and the score tests of residual covariances, by groups.

    Returns
    -------
    list of pairs of ndarray, shape (p (p - 1) / 2,)
        Of the pairs (1, 2), (1, 3), ...: standard errors, 0 where a residual has no sampling variation; and z, NaN
        where the score has none.
    """
    parts = [
        _Moments.of(fit, number, implied(group, fit.x), sample)
        for number, (group, sample) in enumerate(zip(fit.compiled.groups, fit.samples, strict=True))
    ]
    share = fit.problem.share
    Delta = np.vstack([part.slopes for part in parts])
    W = linalg.block_diag(*[s * part.weight for s, part in zip(share, parts, strict=True)])
    V = linalg.block_diag(*[part.gamma / sample.n for part, sample in zip(parts, fit.samples, strict=True)])
    C = _residual_covariance(Delta, W, V)
    U = linalg.block_diag(*[s * part.score_weight for s, part in zip(share, parts, strict=True)])
    score = U @ np.concatenate([part.away for part in parts])
    of_score, alone = U @ _residual_covariance(Delta, U, V) @ U, U @ V @ U
    found, begin = [], 0
    for part in parts:
        J = part.correlation_slopes
        mine = slice(begin, begin + J.shape[1])
        variance, before = (np.einsum("ij,jk,ik->i", J, X[mine, mine], J) for X in (C, V))
        place = begin + part.pair_places
        spread, most = np.diag(of_score)[place], np.diag(alone)[place]
        known = spread > _NO_VARIANCE * most
        z = np.divide(score[place], np.sqrt(np.maximum(spread, 0.0)), out=np.full(place.size, np.nan), where=known)
        found.append((np.sqrt(np.where(variance > _NO_VARIANCE * before, variance, 0.0)), z))
        begin += J.shape[1]
    return found


def _residual_covariance(Delta: Array, W: Array, V: Array) -> Array:
    """Return ``M V M'`` with ``M = I - Delta (Delta' W Delta)^-1 Delta' W``."""
    WD = W @ Delta
    M = np.eye(V.shape[0]) - Delta @ np.linalg.solve(Delta.T @ WD, WD.T)
    C: Array = M @ V @ M.T
    return C


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Moments:
    """One group's moments: their residuals, slopes (n_moments, q), weights and Gamma.

    ``correlation_slopes`` are those of the pairs' correlations in the moments, ``pair_places`` where the pairs'
    covariances stand among these. ``score_weight`` is the weight in the slopes of the discrepancy: under MLR the
    expected information, not the observed one.
    """

    away: Array
    slopes: Array
    weight: Array
    score_weight: Array
    gamma: Array
    correlation_slopes: Array
    pair_places: Counts

    @classmethod
    def of(cls, fit: FittedModel, number: int, at: Implied, sample: GroupSample) -> _Moments:
        group = fit.compiled.groups[number]
        if fit.parts is not None and sample.ordinal is not None:
            statistics, slopes = scaled_statistics(group, at)
            J, places = _statistic_slopes(sample.S, np.flatnonzero(~group.ordered), slopes.shape[0])
            return cls(
                away=sample.ordinal.statistics - statistics,
                slopes=slopes,
                weight=np.diag(fit.weights[number]),
                score_weight=np.diag(fit.weights[number]),
                gamma=sample.ordinal.gamma,
                correlation_slopes=J,
                pair_places=places,
            )
        means = fit.compiled.model.mean_structure
        p = at.mu.size
        i, j = vech(p)
        weight, score_weight, gamma = _weight_and_gamma(fit, at, sample)
        kept = slice(0 if means else p, None)
        away = np.concatenate([sample.mean - at.mu, (sample.S - at.Sigma)[i, j]])
        of_correlations, places = _pair_slopes(sample.S, n_means=p if means else 0)
        return cls(
            away=away[kept],
            slopes=moment_slopes(group, at)[kept],
            weight=weight[kept, kept],
            score_weight=score_weight[kept, kept],
            gamma=gamma[kept, kept],
            correlation_slopes=of_correlations,
            pair_places=places,
        )


def _weight_and_gamma(fit: FittedModel, at: Implied, sample: GroupSample) -> tuple[Array, Array, Array]:
    """Return W and the scores' weight at the implied moments, and Gamma at the sample's, of means and covariances."""
    robust = fit.estimator == "MLR"
    score_weight = weight = linalg.block_diag(np.linalg.inv(at.Sigma), normal_weight(at.Sigma))
    if robust or sample.patterns is not None:
        mu = at.mu if fit.compiled.model.mean_structure else sample.mean
        weight = moment_information(sample.patterns or _everybody(sample), mu, at.Sigma)
        score_weight = weight if sample.patterns is not None else score_weight
    bread = np.asarray(np.linalg.inv(saturated_information(sample)), dtype=np.float64)
    if not robust:
        return weight, score_weight, bread
    s = saturated_scores(sample)
    return weight, score_weight, bread @ (s.T @ s / sample.n) @ bread


def _everybody(sample: GroupSample) -> Patterns:
    """Return complete answers as one pattern."""
    return Patterns(
        seen=np.ones((1, sample.mean.size), dtype=np.bool_),
        n=np.array([float(sample.n)]),
        mean=sample.mean[None],
        S=sample.S[None],
        of_person=np.zeros(sample.n, dtype=np.int64),
    )


def _pair_slopes(S: Array, *, n_means: int) -> tuple[Array, Counts]:
    """Return the slopes of the pairs' correlations in means and half-vectorised covariances, and the pairs' places."""
    p = S.shape[0]
    first, second = np.triu_indices(p, 1)
    i, j = vech(p)
    where = np.zeros((p, p), dtype=np.int64)
    where[i, j] = where[j, i] = np.arange(i.size) + n_means
    row = np.arange(first.size)
    variance = np.diag(S)
    size = np.sqrt(variance[first] * variance[second])
    rho = S[first, second] / size
    slopes = np.zeros((first.size, i.size + n_means))
    slopes[row, where[first, second]] = 1.0 / size
    slopes[row, where[first, first]] = -0.5 * rho / variance[first]
    slopes[row, where[second, second]] = -0.5 * rho / variance[second]
    return slopes, where[first, second]


def _statistic_slopes(S: Array, continuous: Counts, n_statistics: int) -> tuple[Array, Counts]:
    """Return the same for the statistics of least squares: levels, variances of continuous items, covariances."""
    p = S.shape[0]
    first, second = np.triu_indices(p, 1)
    places = np.arange(n_statistics - first.size, n_statistics)
    variance = np.diag(S)
    size = np.sqrt(variance[first] * variance[second])
    rho = S[first, second] / size
    slopes = np.zeros((first.size, n_statistics))
    slopes[np.arange(first.size), places] = 1.0 / size
    for number, item in enumerate(continuous):
        mine = (first == item) | (second == item)
        slopes[mine, places[0] - continuous.size + number] = -0.5 * rho[mine] / variance[item]
    return slopes, places
