"""Omega total of a one-factor model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special, stats

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._bootstrap import (
    answers_behind,
    bootstrap_covariances,
    correlations_of,
    lost_replicates,
    percentile_interval,
)
from toolkit.psychometrics._clusters import (
    ClusteredVariance,
    clustered_variance,
    clusters_behind,
    covariance_influence,
    few_clusters,
    refuse_other_interval,
    t_quantile,
)
from toolkit.psychometrics._counts import ResponseCounts
from toolkit.psychometrics._factor_model import OneFactor, one_factor
from toolkit.psychometrics._inputs import moments, too_few
from toolkit.psychometrics._numerics import Array, Rng, generator
from toolkit.psychometrics._options import Missing, confidence, conflict, one_of, within
from toolkit.psychometrics._result import Interval, Result, provenance, undefined
from toolkit.psychometrics.items import negative_items
from toolkit.psychometrics.reliability.categorical import (
    green_yang,
    green_yang_gradient,
    ordered_scale,
    weighted_one_factor,
)

Denominator = Literal["observed", "model"]
"""Total variance as observed, or as implied by the one-factor model."""
OmegaInterval = Literal["delta", "bootstrap"]
"""Delta method on the logit scale, or percentile limits of bootstrap samples."""
DENOMINATOR_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OmegaResult(Result):
    """Omega total from a one-factor model.

    Attributes
    ----------
    estimate : float
        Omega with the chosen denominator; NaN if the model was not fitted.
    observed_denominator, model_denominator : float
        Omega with either denominator.
    composite_reliability : float
        Omega of the sum of standardised items: squared sum of the standardised loadings over itself plus the sum of the
        standardised residual variances.
    average_variance_extracted : float
        Sum of squared loadings over the sum of item variances, in the units of the items.
    mean_squared_standardized_loading : float
        Mean of the squared standardised loadings.
    loadings : Series, shape (n_items,)
        Standardised loadings.
    interval : Interval
        Limits for ``estimate``.
    converged : bool
        Whether the model was fitted.
    design_effect : float or None
        How many times the variance of omega is what it would be if persons did not belong to clusters; None without
        ``cluster``.
    n_clusters : int or None
        Clusters of the persons used; None without ``cluster``.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The formula in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options and versions.
    """

    estimate: float
    observed_denominator: float
    model_denominator: float
    composite_reliability: float
    average_variance_extracted: float
    mean_squared_standardized_loading: float
    loadings: pd.Series
    interval: Interval
    converged: bool
    design_effect: float | None
    n_clusters: int | None
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]


def composite_omega(
    df: pd.DataFrame | ResponseCounts,
    *,
    ordinal: bool = False,
    denominator: Denominator = "observed",
    interval: OmegaInterval = "delta",
    n_bootstrap: int = 1000,
    cluster: pd.Series | npt.ArrayLike | None = None,
    missing: Missing = "listwise",
    level: float = 0.95,
    rng: Rng = None,
) -> OmegaResult:
    """Return omega total of a sum of items from a one-factor model.

    It is the reliability of the sum if one factor explains the items. With several dimensions in the scale or related
    errors it is not; then the two denominators differ.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items), or ResponseCounts
        One row a person, one column an item of the scale, NaN for a missing answer. Three items or more; they point
        the same way.
    ordinal : bool, default False
        False treats the codes as measurements and fits the model by maximum likelihood. True takes them as ordered
        answers: the model is about the normal variables behind them, omega about the sum of the codes (Green and
        Yang's categorical omega).
    denominator : {"observed", "model"}, default "observed"
        The total variance: of the observed sum, or implied by the model.
    interval : {"delta", "bootstrap"}, default "delta"
        The delta method assumes a model that holds and, without ``ordinal``, normal answers; the bootstrap assumes
        neither. Both assume that persons are independent.
    n_bootstrap : int, default 1000
        Samples of persons for the bootstrap, 100 or more.
    cluster : Series or array, shape (n_persons,), optional
        The cluster of each person, such as the unit of a member of staff, in the order of the rows; a Series must have
        the index of ``df``. The delta method then takes the variance of the sample covariances from sums over
        clusters: it assumes a model that holds and independent clusters, and no distribution. Not with ``ordinal``.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule. Under "pairwise" the delta method counts the smallest number of persons behind any pair.
    level : float, default 0.95
        Confidence level.
    rng : int, Generator or None
        Seed or generator of the bootstrap; None draws a seed, which is kept in ``provenance``.

    Returns
    -------
    OmegaResult
        ``estimate`` with ``interval``, both denominators, standardised ``loadings`` and average variance extracted.

    Raises
    ------
    StatisticsError
        STA_UNKNOWN_OPTION, STA_OPTION_RANGE, STA_OPTION_CONFLICT (``cluster`` with ``ordinal`` or a bootstrap),
        STA_SHAPE_MISMATCH (clusters do not belong to the rows, or a person has none), STA_TOO_FEW_PERSONS (also: fewer
        than two clusters), STA_SINGULAR_CORRELATION, STA_NEEDS_ANSWERS (counts do not suffice for a bootstrap or
        clusters, nor for the delta method of ``ordinal``), and the codes of
        :func:`~toolkit.psychometrics.correlation.pearson_correlation` or
        :func:`~toolkit.psychometrics.ordinal_correlation.polychoric`.

    Warns
    -----
    STA_DENOMINATORS_DIFFER, STA_HEYWOOD, STA_NEGATIVE_ITEM, STA_NOT_CONVERGED, STA_UNDEFINED, STA_FEW_CLUSTERS
        In ``warnings``, with those of the polychoric correlations. Without convergence all estimates are NaN; bootstrap
        samples without it are left out.

    Notes
    -----
    ``omega = (sum of loadings)^2 / total variance``, unit-variance factor, unstandardised loadings. The interval is the
    delta method on the logit scale, from the normal-theory covariance of the sample covariances and the expected
    information of the model. Residual variances are not bounded. Items are never re-signed. The average variance
    extracted is semTools' ratio; the mean squared standardised loading is given under its own name. Composite
    reliability is Fornell and Larcker's, of the standardised items.

    With ``cluster`` omega moves by ``tr(A dS)`` with the sample covariances S; a person's influence is
    ``n / (n - 1) x' A x - tr(A S)`` for deviations x from the means, and the variance of omega is
    ``G / (G - 1) sum_g (sum of influences in cluster g)^2 / n^2`` for G clusters. The limits on the logit scale take
    Student's t on G - 1 degrees of freedom. The loadings are those of the covariances of all persons, whose differences
    between clusters count.

    With ``ordinal`` the loadings minimise the squared residuals of the polychoric correlations, each over its
    asymptotic variance (diagonally weighted least squares, as lavaan's WLSMV). The true and the total variance of the
    sum of codes follow from bivariate normal probabilities at the thresholds. The delta method uses the full asymptotic
    covariance of thresholds and correlations, with the weights as fixed; with 50 persons it is much too short, with 200
    or, if answers are skewed, 500 it holds.

    Validated against semTools 0.5.6 ``compRelSEM`` and ``AVE`` on lavaan 0.7-2 fits to bfi, relative tolerance 1e-4
    (``tests/parity/test_bfi.py``, ``tests/parity/test_bfi_reliability.py``), the variance with clusters against lavaan
    0.6.14 (``tests/parity/test_clusters.py``); the intervals by coverage (``docs/coverage.md``).

    References
    ----------
    McDonald, R. P. (1999). Test theory: A unified treatment. Erlbaum. https://doi.org/10.4324/9781410601087

    Bollen, K. A. (1980). Issues in the comparative measurement of political democracy. American Sociological Review,
    45, 370-390. https://doi.org/10.2307/2095172

    Fornell, C., & Larcker, D. F. (1981). Evaluating structural equation models with unobservable variables and
    measurement error. Journal of Marketing Research, 18, 39-50. https://doi.org/10.1177/002224378101800104

    Green, S. B., & Yang, Y. (2009). Reliability of summed item scores using structural equation modeling: An
    alternative to coefficient alpha. Psychometrika, 74, 155-167. https://doi.org/10.1007/s11336-008-9099-3

    Cameron, A. C., & Miller, D. L. (2015). A practitioner's guide to cluster-robust inference. Journal of Human
    Resources, 50, 317-372. https://doi.org/10.3368/jhr.50.2.317

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> answers = pm.simulate_ordinal([.8, .7, .7, .6], thresholds=[-1, 0, 1], n_persons=500, rng=1)
    >>> result = composite_omega(answers)
    >>> result.interval.low < result.estimate < result.interval.high
    True
    """
    confidence(level)
    one_of(denominator, Denominator, name="denominator")
    one_of(interval, OmegaInterval, name="interval")
    within(n_bootstrap, name="n_bootstrap", low=100, whole=True)
    random, seed = generator(rng)
    if cluster is not None:
        refuse_other_interval(interval, "delta")
    if ordinal:
        if cluster is not None:
            raise conflict(
                "cluster= with ordinal=True",
                why="the variances of polychoric correlations take persons as independent.",
                fix="Leave out ordinal=, or cluster=.",
            )
        found = _categorical(df, denominator, interval, int(n_bootstrap), missing, random)
    else:
        found = _continuous(df, denominator, interval, int(n_bootstrap), missing, random, cluster)
    by_cluster = found.by_cluster
    warnings = [*found.warnings, *([] if by_cluster is None else few_clusters(by_cluster.df + 1))]
    if not found.converged:
        warnings.append(_not_fitted())
    warnings += _heywood(found.items, found.loadings) + _differ(found.observed, found.implied)
    estimate = found.observed if denominator == "observed" else found.implied
    if interval == "delta":
        seed = None
        limits = logit_interval(estimate, found.error, level, by_cluster)
        if found.converged and not np.isfinite(limits.low):
            warnings.append(undefined("omega's interval", "Omega or a loading is at or beyond its limit."))
    else:
        limits = percentile_interval(found.replicates, level)
        warnings += lost_replicates(found.replicates, "omega")
    squared = found.loadings**2
    fitted = "polychoric DWLS, Green-Yang sum of codes" if ordinal else "ML"
    options = {
        "ordinal": ordinal,
        "denominator": denominator,
        "interval": interval,
        "n_bootstrap": n_bootstrap,
        "missing": missing,
        "level": level,
    }
    if by_cluster is not None:
        options["n_clusters"] = by_cluster.df + 1
    return OmegaResult(
        estimate=estimate,
        observed_denominator=found.observed,
        model_denominator=found.implied,
        composite_reliability=float(found.loadings.sum() ** 2 / (found.loadings.sum() ** 2 + (1.0 - squared).sum())),
        average_variance_extracted=float(found.scale**2 @ squared) / float(found.scale @ found.scale),
        mean_squared_standardized_loading=float(squared.mean()),
        loadings=pd.Series(found.loadings, index=list(found.items)),
        interval=limits,
        converged=found.converged,
        design_effect=None if by_cluster is None else by_cluster.design_effect,
        n_clusters=None if by_cluster is None else by_cluster.df + 1,
        n_persons=found.n_persons,
        n_items=len(found.items),
        n_dropped=found.n_dropped,
        method=f"omega total, unit-factor-variance CFA, {fitted}, {denominator} total variance, {missing}",
        warnings=tuple(warnings),
        provenance=provenance("composite_omega", options, seed=seed),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fitted:
    """A one-factor model, omega with both denominators, and what its interval needs.

    ``loadings`` are standardised and ``scale`` holds the standard deviations they belong to; ``error`` is omega's
    standard error (NaN for a bootstrap), ``replicates`` its bootstrap values (none for the delta method),
    ``by_cluster`` its variance with clusters (None without).
    """

    items: tuple[str, ...]
    loadings: Array
    scale: Array
    observed: float
    implied: float
    error: float
    replicates: Array
    converged: bool
    n_persons: int
    n_dropped: int
    warnings: tuple[Problem, ...]
    by_cluster: ClusteredVariance | None = None


def _continuous(
    df: pd.DataFrame | ResponseCounts,
    denominator: Denominator,
    interval: OmegaInterval,
    n_bootstrap: int,
    missing: Missing,
    random: np.random.Generator,
    cluster: pd.Series | npt.ArrayLike | None,
) -> _Fitted:
    """Fit one factor to the covariances by maximum likelihood."""
    found = moments(df, missing=missing, minimum_items=3, regular=True)
    scale = np.sqrt(np.diag(found.covariance))
    model = one_factor(found.correlation)
    observed, implied = _both_denominators(model, found.covariance)
    error, replicates = float("nan"), np.empty(0)
    by_cluster = None
    if cluster is not None:
        clusters, answers = clusters_behind(df, found, cluster, missing=missing)
        A = np.full_like(found.covariance, np.nan)
        if model.converged:
            A = _omega_gradient(model, found.correlation, scale, denominator) / np.outer(scale, scale)
        by_cluster = clustered_variance(covariance_influence(answers, A), clusters)
        error = float(np.sqrt(by_cluster.variance))
    elif interval == "bootstrap":
        samples = bootstrap_covariances(answers_behind(found), n_bootstrap=n_bootstrap, random=random)
        replicates = np.array([_omega_of(S, denominator) for block in samples for S in block])
    elif model.converged:
        error = _omega_standard_error(model, found.correlation, scale, found.n, denominator)
    return _Fitted(
        items=found.items,
        loadings=model.loadings if model.converged else np.full_like(model.loadings, np.nan),
        scale=scale,
        observed=observed,
        implied=implied,
        error=error,
        replicates=replicates,
        converged=model.converged,
        n_persons=found.responses.n_persons,
        n_dropped=found.responses.n_dropped,
        warnings=negative_items(found.items, found.covariance),
        by_cluster=by_cluster,
    )


def _categorical(
    df: pd.DataFrame | ResponseCounts,
    denominator: Denominator,
    interval: OmegaInterval,
    n_bootstrap: int,
    missing: Missing,
    random: np.random.Generator,
) -> _Fitted:
    """Fit one factor to polychoric correlations by diagonally weighted least squares."""
    scale = ordered_scale(df, missing=missing, acov="full" if interval == "delta" else "diagonal")
    found, items = scale.found, tuple(scale.found.matrix.index)
    if len(items) < 3:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_ITEMS, "items", len(items), 3))
    model = weighted_one_factor(scale.R, scale.W)
    lam = model.loadings if model.converged else np.full_like(model.loadings, np.nan)
    observed, implied = green_yang(scale.tau, scale.d, scale.R, lam)
    error, replicates = float("nan"), np.empty(0)
    if interval == "bootstrap":
        replicates = _categorical_replicates(df, denominator, n_bootstrap, missing, random)
    elif model.converged and found.acov is not None:
        omega = observed if denominator == "observed" else implied
        gradient = green_yang_gradient(scale, lam, omega, observed=denominator == "observed")
        error = float(np.sqrt(gradient @ found.acov.to_numpy() @ gradient))
    return _Fitted(
        items=items,
        loadings=lam,
        scale=np.ones(len(items)),
        observed=observed,
        implied=implied,
        error=error,
        replicates=replicates,
        converged=model.converged,
        n_persons=found.n_persons,
        n_dropped=found.n_dropped,
        warnings=(*found.warnings, *negative_items(items, scale.R)),
    )


def _categorical_replicates(
    df: pd.DataFrame | ResponseCounts,
    denominator: Denominator,
    n_bootstrap: int,
    missing: Missing,
    random: np.random.Generator,
) -> Array:
    """Return Green and Yang's omega of samples of persons; NaN where the model cannot be fitted."""
    codes = answers_behind(moments(df, missing=missing))
    replicates = np.full(n_bootstrap, np.nan)
    for b in range(n_bootstrap):
        sample = pd.DataFrame(codes[random.integers(0, codes.shape[0], codes.shape[0])])
        try:
            scale = ordered_scale(sample, missing=missing, acov="diagonal")
        except StatisticsError:
            continue
        model = weighted_one_factor(scale.R, scale.W)
        if model.converged:
            observed, implied = green_yang(scale.tau, scale.d, scale.R, model.loadings)
            replicates[b] = observed if denominator == "observed" else implied
    return replicates


def _both_denominators(model: OneFactor, covariance: Array) -> tuple[float, float]:
    """Return omega with the observed and with the model-implied total variance; NaN without convergence."""
    if not model.converged:
        return float("nan"), float("nan")
    scale = np.sqrt(np.diag(covariance))
    true_variance = float((scale @ model.loadings) ** 2)
    return true_variance / float(covariance.sum()), true_variance / float(scale @ model.implied @ scale)


def _omega_of(covariance: Array, denominator: Denominator) -> float:
    """Return omega of one covariance matrix; NaN where the model cannot be fitted."""
    R = correlations_of(covariance)
    if not np.isfinite(R).all() or np.linalg.eigvalsh(R)[0] <= 1e-10:
        return float("nan")
    observed, implied = _both_denominators(one_factor(R), covariance)
    return observed if denominator == "observed" else implied


def _omega_standard_error(model: OneFactor, R: Array, scale: Array, n: int, denominator: Denominator) -> float:
    """Return the standard error of omega by the delta method: the normal-theory variance 2 tr(A Sigma A Sigma) / n."""
    A, Sigma = _omega_gradient(model, R, scale, denominator), model.implied
    variance = 2.0 * float(np.trace(A @ Sigma @ A @ Sigma)) / n
    return float(np.sqrt(max(variance, 0.0)))


def _omega_gradient(model: OneFactor, R: Array, scale: Array, denominator: Denominator) -> Array:
    """Return the symmetric A of omega's differential ``tr(A dS)``, omega being a smooth function of covariances S.

    Everything is in the metric of the correlation matrix with item weights ``scale``.
    """
    lam, Sigma = model.loadings, model.implied
    p = lam.size
    V = np.linalg.inv(Sigma)
    W = np.outer(scale, scale)
    T = float((W * (R if denominator == "observed" else Sigma)).sum())
    L = float(scale @ lam)

    by_parameter = np.zeros(2 * p)
    by_parameter[:p] = 2.0 * L / T * scale
    A = np.zeros((p, p))
    if denominator == "observed":
        A -= (L / T) ** 2 * W
    else:
        by_parameter[:p] -= (L / T) ** 2 * 2.0 * L * scale
        by_parameter[p:] -= (L / T) ** 2 * scale**2
    k = np.linalg.lstsq(model.information, by_parameter, rcond=None)[0]
    M = np.outer(k[:p], lam) + np.outer(lam, k[:p]) + np.diag(k[p:])
    A += V @ M @ V
    return A


def logit_interval(
    estimate: float, error: float, level: float, by_cluster: ClusteredVariance | None = None
) -> Interval:
    """Return Wald limits on the logit scale, brought back; NaN outside (0, 1). With clusters, with Student's t."""
    method, quantile = "delta method, logit", float(stats.norm.ppf(0.5 + level / 2.0))
    if by_cluster is not None:
        df = by_cluster.df
        method = f"delta method, ADF variance summed over {df + 1} clusters, logit, t with {df} df"
        quantile = t_quantile(level, df)
    if not 1e-8 < estimate < 1.0 - 1e-8 or not np.isfinite(error):
        return Interval(low=float("nan"), high=float("nan"), level=level, method=method)
    half = quantile * error / (estimate * (1.0 - estimate))
    logit = float(special.logit(estimate))
    low, high = (float(special.expit(logit + shift)) for shift in (-half, half))
    return Interval(low=low, high=high, level=level, method=method)


def _not_fitted() -> Problem:
    return Problem(
        code=Code.STA_NOT_CONVERGED,
        what="The one-factor model could not be fitted; omega is NaN.",
        fix="Look at the correlations of the items: one factor may not describe them.",
    )


def _heywood(items: tuple[str, ...], loadings: Array) -> list[Problem]:
    return [
        Problem(
            code=Code.STA_HEYWOOD,
            what="The item's residual variance is not positive: the factor explains all of it or more.",
            fix="Do not trust omega here; check for near-duplicate items or too few persons.",
            item=item,
            got=f"{1.0 - loading**2:.4g}",
            allowed="more than 0",
        )
        for item, loading in zip(items, loadings, strict=True)
        if loading**2 >= 1.0
    ]


def _differ(observed: float, implied: float) -> list[Problem]:
    if not abs(observed - implied) > DENOMINATOR_TOLERANCE:
        return []
    return [
        Problem(
            code=Code.STA_DENOMINATORS_DIFFER,
            what="Omega with the observed and with the model-implied total variance differ: one factor fits badly.",
            fix="Report both and look at the dimensions of the scale.",
            got=f"{observed:.4f} and {implied:.4f}",
            allowed=f"a difference of {DENOMINATOR_TOLERANCE} or less",
        )
    ]
