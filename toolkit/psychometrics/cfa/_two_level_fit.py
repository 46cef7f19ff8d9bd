"""A two-level factor model fitted to persons in clusters: estimates, their covariance, statistics and fit measures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from toolkit.errors import Code, StatisticsError
from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics.cfa._matrices import Compiled, complex_slopes, implied, row_values
from toolkit.psychometrics.cfa._two_level import (
    NIL_VARIANCE,
    Clusters,
    Saturated,
    TwoLevelMoments,
    cluster_scores,
    independent,
    least_shared,
    moments_of,
    saturated,
    variance_errors,
)
from toolkit.psychometrics.cfa._two_level_model import TwoLevelDiscrepancy, level_samples
from toolkit.psychometrics.cfa._two_level_robust import moment_scores, robust_trace, sandwich
from toolkit.psychometrics.cfa.casewise import observed_information
from toolkit.psychometrics.cfa.chi_square import ChiSquare, LeastSquaresParts, mean_scaled
from toolkit.psychometrics.cfa.estimate import Solution, fitted
from toolkit.psychometrics.cfa.fit_indices import comparative_fit_index, root_mean_square_error, tucker_lewis_index
from toolkit.psychometrics.cfa.moments import GroupSample

TwoLevelEstimator = Literal["ML", "MLR"]
"""``ML`` maximum likelihood; ``MLR`` the same with standard errors and a scaled statistic from sums over clusters."""
NAN = float("nan")
NOISE = 1e-4
"""How far rounding and the tolerance of the search for the unrestricted moments may bring a chi-square below 0."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwoLevelFit:
    """A solution with all that tests and tables need.

    Attributes
    ----------
    compiled : Compiled
        The model; group 0 is within clusters, group 1 between.
    samples : tuple of GroupSample
        The unrestricted moments of both levels, as starting values need them.
    estimator : str
    moments : TwoLevelMoments
    saturated, independent : Saturated
        Unrestricted and uncorrelated moments.
    solution : Solution
        Where the search ended.
    covariance : ndarray, shape (q, q)
        Covariances of the estimates; NaN where the information is not positive definite.
    variance_errors : ndarray, shape (p, 2, 2)
        Sampling covariances of each item's variances within and between clusters, unrestricted.
    model, baseline : ChiSquare
        Statistics against the unrestricted moments.
    log_likelihood : float
    nested : bool
        Whether the unrestricted moments contain those of the model; see :func:`_nested`.
    """

    compiled: Compiled
    samples: tuple[GroupSample, ...]
    estimator: TwoLevelEstimator
    moments: TwoLevelMoments
    saturated: Saturated
    independent: Saturated
    solution: Solution
    covariance: Array
    variance_errors: Array
    model: ChiSquare
    baseline: ChiSquare
    log_likelihood: float
    nested: bool

    @property
    def x(self) -> Array:
        """The free parameters, shape (q,)."""
        return self.solution.x

    @property
    def n(self) -> int:
        """Persons."""
        return self.moments.n_persons

    @property
    def parts(self) -> LeastSquaresParts | None:
        """Nothing: there is no two-level least squares."""
        return None

    @property
    def mean_inverse_size(self) -> float:
        """The mean of 1 / n over clusters: one over the harmonic mean of their sizes."""
        return float(self.moments.counts @ (1.0 / self.moments.sizes)) / self.moments.n_clusters

    def standard_errors(self, *, standard: bool = False) -> Array:
        """Return the standard error of every parameter, by the delta method; 0 where it is fixed."""
        return self.errors_of(complex_slopes(lambda x: row_values(self.compiled, x, standard=standard), self.x))

    def errors_of(self, slopes: Array) -> Array:
        """Return the standard errors of functions of x from their slopes, shape (n_functions, q)."""
        variance = np.einsum("ij,jk,ik->i", slopes, self.covariance, slopes)
        moving = (slopes != 0.0).any(axis=1)
        errors: Array = np.where(moving, np.sqrt(np.maximum(variance, 0.0)), 0.0)
        return errors

    def residuals(self) -> tuple[Array, Array]:
        """Return unrestricted minus implied correlations within and between clusters; NaN where a variance is nil."""
        within, between = (implied(group, self.x).Sigma for group in self.compiled.groups)
        with np.errstate(invalid="ignore", divide="ignore"):
            return (
                _correlation(self.saturated.Sigma_W) - _correlation(within),
                _correlation(self.saturated.Sigma_B) - _correlation(between),
            )

    def fit(self, *, level: float = 0.90) -> dict[str, float]:
        """Return all fit measures by lavaan's names."""
        T, T_b, n, q = self.model, self.baseline, float(self.moments.n_persons), self.x.size
        rmsea = root_mean_square_error(T.value, T.df, n, 1, level=level)
        p = self.saturated.mu.size
        within, between = (float(np.sqrt((away**2).sum() / (p * (p + 1)))) for away in self.residuals())
        out = {
            "npar": float(q),
            "ntotal": n,
            "chisq": T.value,
            "df": float(T.df),
            "pvalue": T.p_value,
            "baseline.chisq": T_b.value,
            "baseline.df": float(T_b.df),
            "baseline.pvalue": T_b.p_value,
            "cfi": comparative_fit_index(T.value, T.df, T_b.value, T_b.df),
            "tli": tucker_lewis_index(T.value, T.df, T_b.value, T_b.df),
            "rmsea": rmsea.value,
            "rmsea.ci.lower": rmsea.low,
            "rmsea.ci.upper": rmsea.high,
            "rmsea.pvalue": rmsea.p_close,
            "srmr": within + between,
            "srmr_within": within,
            "srmr_between": between,
        }
        if np.isfinite(T.scaling):
            out |= self._scaled_measures(level)
        return out | {
            "logl": self.log_likelihood,
            "unrestricted.logl": self.saturated.log_likelihood,
            "aic": -2.0 * self.log_likelihood + 2.0 * q,
            "bic": -2.0 * self.log_likelihood + q * float(np.log(n)),
            "bic2": -2.0 * self.log_likelihood + q * float(np.log((n + 2.0) / 24.0)),
        }

    def _scaled_measures(self, level: float) -> dict[str, float]:
        T, T_b, n = self.model, self.baseline, float(self.moments.n_persons)
        c, c_b = T.scaling, T_b.scaling
        scaled = root_mean_square_error(T.scaled, T.df, n, 1, level=level)
        robust = root_mean_square_error(T.value, T.df, n, 1, level=level, c=c, scaled=T.scaled)
        return {
            "chisq.scaled": T.scaled,
            "df.scaled": float(T.df),
            "pvalue.scaled": T.scaled_p_value,
            "chisq.scaling.factor": c,
            "baseline.chisq.scaled": T_b.scaled,
            "baseline.df.scaled": float(T_b.df),
            "baseline.chisq.scaling.factor": c_b,
            "cfi.scaled": comparative_fit_index(T.scaled, T.df, T_b.scaled, T_b.df),
            "tli.scaled": tucker_lewis_index(T.scaled, T.df, T_b.scaled, T_b.df),
            "rmsea.scaled": scaled.value,
            "rmsea.ci.lower.scaled": scaled.low,
            "rmsea.ci.upper.scaled": scaled.high,
            "rmsea.pvalue.scaled": scaled.p_close,
            "cfi.robust": comparative_fit_index(T.value, T.df, T_b.value, T_b.df, c, c_b),
            "tli.robust": tucker_lewis_index(T.value, T.df, T_b.value, T_b.df, c, c_b),
            "rmsea.robust": robust.value,
            "rmsea.ci.lower.robust": robust.low,
            "rmsea.ci.upper.robust": robust.high,
            "rmsea.pvalue.robust": robust.p_close,
        }


def fit_two_level(use: Compiled, clusters: Clusters, estimator: TwoLevelEstimator) -> TwoLevelFit:
    """Fit a two-level model to persons in clusters, whose covariance within clusters is positive definite.

    Raises
    ------
    StatisticsError
        STA_NOT_IDENTIFIED.
    """
    moments = moments_of(clusters)
    free, alone = saturated(moments), independent(moments)
    problem, samples = TwoLevelDiscrepancy(use, moments), level_samples(free, moments)
    try:
        solution = fitted(problem, samples, keep_failed=True)
    except StatisticsError as error:
        raise _explained(error, free, moments.n_clusters) from None
    x, p, N = solution.x, free.mu.size, moments.n_persons
    log_likelihood = -N * solution.value / 2.0
    df, baseline_df = p * (p + 1) + p - x.size, p * (p - 1)
    value = 2.0 * (free.log_likelihood - log_likelihood)
    value = value if value > -NOISE else NAN
    baseline_value = 2.0 * (free.log_likelihood - alone.log_likelihood)
    information = N * observed_information(problem, x)
    known = np.isfinite(information).all() and np.linalg.eigvalsh(information)[0] > 0.0
    covariance: Array = np.full_like(information, np.nan)
    errors = variance_errors(moments, free.Sigma_W, free.Sigma_B)
    if estimator == "ML":
        if known:
            covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
        model, baseline = ChiSquare(value=value, df=df), ChiSquare(value=baseline_value, df=baseline_df)
    else:
        within, between = problem.states(x)
        d_mu, d_within, d_between = problem.slopes(x)
        scores = cluster_scores(
            clusters, between.mu, within.Sigma, between.Sigma, d_mu=d_mu, d_within=d_within, d_between=d_between
        )
        if known:
            covariance = sandwich(information, scores)
        A, s = moment_scores(clusters, moments, free)
        whole = robust_trace(A, s)
        model = mean_scaled(value, df, whole - robust_trace(information, scores) if known else NAN)
        of_items = robust_trace(*moment_scores(clusters, moments, alone, diagonal=True))
        baseline = mean_scaled(baseline_value, baseline_df, whole - of_items)
        errors = _robust_errors(sandwich(A, s), p)
    return TwoLevelFit(
        compiled=use,
        samples=samples,
        estimator=estimator,
        moments=moments,
        saturated=free,
        independent=alone,
        solution=solution,
        covariance=covariance,
        variance_errors=errors,
        model=model,
        baseline=baseline,
        log_likelihood=log_likelihood,
        nested=_nested(problem, x, free),
    )


def _nested(problem: TwoLevelDiscrepancy, x: Array, free: Saturated) -> bool:
    """Say whether the unrestricted covariances contain those of the model.

    They do not where the first lie at the bound of no variance between clusters and the second beyond it.
    """
    within, between = problem.states(x)
    at_bound = least_shared(free.Sigma_W, free.Sigma_B) < NIL_VARIANCE
    return not at_bound or least_shared(within.Sigma, between.Sigma) > -NIL_VARIANCE


def _explained(error: StatisticsError, free: Saturated, n_clusters: int) -> StatisticsError:
    """Add to an error of identification how alike and how many the clusters are."""
    b, w = np.diag(free.Sigma_B), np.diag(free.Sigma_W)
    icc = b / (b + w)
    seen = f"{n_clusters} clusters, intraclass correlations {icc.min():.3f} to {icc.max():.3f}"
    advice = "If it is about parameters between clusters, these may be too few or too alike: use cfa with cluster=."
    return StatisticsError(
        [
            replace(problem, got=f"{problem.got} ({seen})", fix=f"{problem.fix} {advice}")
            if problem.code is Code.STA_NOT_IDENTIFIED
            else problem
            for problem in error.problems
        ]
    )


def _robust_errors(covariance: Array, p: int) -> Array:
    """Return the sampling covariances of each item's two variances out of those of all moments."""
    rows, columns = np.tril_indices(p)
    within = p + np.flatnonzero(rows == columns)
    both = np.stack([within, within + rows.size], axis=1)
    return covariance[both[:, :, None], both[:, None, :]]


def _correlation(S: Array) -> Array:
    sd = np.sqrt(np.diag(S))
    correlation: Array = S / np.outer(sd, sd)
    return correlation
