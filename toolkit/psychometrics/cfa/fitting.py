"""A model fitted to samples: estimates, their covariance, chi-square statistics and fit indices, on plain arrays.

:func:`fit_model` is the one way from a model to its solution; :mod:`.cfa` and :mod:`.invariance` put labels on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from toolkit.psychometrics._numerics import Array, inverse
from toolkit.psychometrics.cfa._matrices import Compiled, compiled, implied, row_slopes
from toolkit.psychometrics.cfa.casewise import (
    cluster_corrections,
    first_order,
    robust_covariance,
    saturated_trace,
)
from toolkit.psychometrics.cfa.chi_square import (
    ChiSquare,
    LeastSquaresParts,
    least_squares_baseline,
    least_squares_parts,
    mean_scaled,
    normal_baseline,
    scaled_and_shifted,
)
from toolkit.psychometrics.cfa.discrepancy import FullInformation, LeastSquares, NormalDiscrepancy
from toolkit.psychometrics.cfa.estimate import Solution, fitted
from toolkit.psychometrics.cfa.fit_indices import (
    comparative_fit_index,
    root_mean_square_error,
    standardized_root_mean_square_residual,
    tucker_lewis_index,
)
from toolkit.psychometrics.cfa.full_information import saturated_value
from toolkit.psychometrics.cfa.model import Model
from toolkit.psychometrics.cfa.moments import GroupSample
from toolkit.psychometrics.cfa.robust_fit import UNAVAILABLE, RobustBasis, categorical_basis, incomplete_basis

Estimator = Literal["ML", "MLR", "ULSMV", "DWLS", "WLSMV"]
"""``ML`` maximum likelihood; ``MLR`` the same with robust standard errors and scaled statistic. For ordered items:
``DWLS`` diagonally weighted least squares, ``WLSMV`` the same with robust standard errors and a scaled and shifted
statistic, ``ULSMV`` so with equal weights."""
LIKELIHOOD = frozenset({"ML", "MLR"})
ROBUST = frozenset({"MLR", "ULSMV", "WLSMV"})
NAN = float("nan")
_ZERO_VARIANCE = -1e-8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedModel:
    """A solution with all that tests and tables need.

    Attributes
    ----------
    compiled : Compiled
        The model.
    samples : tuple of GroupSample
    estimator : str
    n_clusters : int
        Clusters that standard errors allow for; 0 without.
    problem : Discrepancy
        The function that was made small.
    solution : Solution
        Where it ended.
    information : ndarray, shape (q, q)
        Information of one person that standard errors rest on: expected, observed, or ``Delta' W Delta``.
    covariance : ndarray, shape (q, q)
        Covariances of the estimates.
    model, baseline : ChiSquare
        Statistics.
    robust : RobustBasis
        What the robust indices rest on.
    weights : tuple of ndarray
        Diagonal weights of each group's statistics; empty under a likelihood.
    parts : LeastSquaresParts or None
    log_likelihood, saturated_log_likelihood : float
        NaN under least squares.
    """

    compiled: Compiled
    samples: tuple[GroupSample, ...]
    estimator: Estimator
    n_clusters: int
    problem: NormalDiscrepancy | LeastSquares | FullInformation
    solution: Solution
    information: Array
    covariance: Array
    model: ChiSquare
    baseline: ChiSquare
    robust: RobustBasis
    weights: tuple[Array, ...]
    parts: LeastSquaresParts | None
    log_likelihood: float
    saturated_log_likelihood: float

    @property
    def x(self) -> Array:
        """The free parameters, shape (q,)."""
        return self.solution.x

    @property
    def n(self) -> int:
        """Persons."""
        return sum(sample.n for sample in self.samples)

    def fit(self, *, level: float = 0.90) -> dict[str, float]:
        """Return all fit measures by lavaan's names."""
        return _measures(self, level)

    def standard_errors(self, *, standard: bool = False) -> Array:
        """Return the standard error of every parameter, by the delta method; 0 where it is fixed."""
        slopes = row_slopes(self.compiled, self.x, standard=standard)
        with np.errstate(invalid="ignore"):
            variance: Array = ((slopes @ self.covariance) * slopes).sum(axis=1)
            error: Array = np.sqrt(np.maximum(variance, 0.0))
        return error

    def improper(self) -> tuple[str, ...]:
        """Return, in words, what is impossible about the solution; empty where it is admissible."""
        found = []
        model = self.compiled.model
        several = model.n_groups > 1
        for number, group in enumerate(self.compiled.groups):
            at = implied(group, self.x)
            where = f" in group {number + 1}" if several else ""
            sd = np.sqrt(np.abs(np.diag(at.Sigma)))
            # what a factor's variance adds to the item that it explains best
            reach = np.abs(at.L / sd[:, None]).max(axis=0)
            for names, matrix, kind in (
                (model.items, at.matrices["Theta"] / np.outer(sd, sd), "residual variance"),
                (model.factors, at.matrices["Psi"] * np.outer(reach, reach), "factor variance"),
            ):
                negative = [name for name, v in zip(names, np.diag(matrix), strict=True) if v < _ZERO_VARIANCE]
                found += [f"negative {kind} of {name}{where}" for name in negative]
                if not negative and np.linalg.eigvalsh(matrix)[0] < _ZERO_VARIANCE:
                    what = "residuals" if kind.startswith("residual") else "factors"
                    found.append(f"covariance matrix of the {what} not positive definite{where}")
        return tuple(found)


def fit_model(
    model: Model, samples: Sequence[GroupSample], estimator: Estimator, *, n_clusters: int = 0
) -> FittedModel:
    """Fit a model to samples of its groups.

    Raises
    ------
    StatisticsError
        STA_NOT_IDENTIFIED.
    """
    use = compiled(model)
    if estimator in LIKELIHOOD:
        return _by_likelihood(use, tuple(samples), estimator, n_clusters)
    return _by_least_squares(use, tuple(samples), estimator)


def _by_likelihood(
    use: Compiled, samples: tuple[GroupSample, ...], estimator: Estimator, n_clusters: int
) -> FittedModel:
    incomplete = any(sample.patterns is not None for sample in samples)
    means = use.model.mean_structure
    problem = FullInformation(use, samples) if incomplete else NormalDiscrepancy(use, samples)
    solution = fitted(problem, samples)
    x = solution.x
    n = sum(sample.n for sample in samples)
    robust = estimator == "MLR" or n_clusters > 0
    information = problem.observed_information(x) if robust or incomplete else problem.information(x)
    p = len(use.model.items)
    df = len(samples) * (p * (p + 1) // 2 + (p if means else 0)) - x.size
    saturated = sum(_saturated_log_likelihood(sample) for sample in samples)
    value = n * solution.value + 2.0 * saturated if incomplete else n * solution.value
    if robust:
        B = first_order(use, samples, x)
        covariance = robust_covariance(information, B, n)
        corrections = cluster_corrections(samples).tolist()
        trace = sum(
            saturated_trace(sample, means=means, correction=each)
            for sample, each in zip(samples, corrections, strict=True)
        )
        trace -= float(np.trace(inverse(information) @ B))
        statistic = mean_scaled(value, df, trace)
    else:
        covariance = inverse(information) / n
        statistic = ChiSquare(value=value, df=df)
    baseline = normal_baseline(samples, means=means, robust=robust)
    basis = UNAVAILABLE
    if isinstance(problem, FullInformation):
        basis = incomplete_basis(use, samples, x, robust=robust)
    elif robust:
        basis = RobustBasis(model=statistic, baseline=baseline)
    return FittedModel(
        compiled=use,
        samples=samples,
        estimator=estimator,
        n_clusters=n_clusters,
        problem=problem,
        solution=solution,
        information=information,
        covariance=covariance,
        model=statistic,
        baseline=baseline,
        robust=basis,
        weights=(),
        parts=None,
        log_likelihood=saturated - value / 2.0,
        saturated_log_likelihood=saturated,
    )


def _saturated_log_likelihood(sample: GroupSample) -> float:
    if sample.patterns is not None:
        return -saturated_value(sample) / 2.0
    p = sample.mean.size
    return -0.5 * sample.n * (p * float(np.log(2.0 * np.pi)) + float(np.linalg.slogdet(sample.S)[1]) + p)


def _by_least_squares(use: Compiled, samples: tuple[GroupSample, ...], estimator: Estimator) -> FittedModel:
    weights = tuple(
        np.ones(sample.ordinal.statistics.size) if estimator == "ULSMV" else 1.0 / np.diag(sample.ordinal.gamma)
        for sample in samples
        if sample.ordinal is not None
    )
    problem = LeastSquares(use, samples, weights)
    solution = fitted(problem, samples)
    x, n = solution.x, sum(sample.n for sample in samples)
    value = n * solution.value
    df = sum(w.size for w in weights) - x.size
    parts = least_squares_parts(use, samples, weights, x)
    C = inverse(parts.E)
    p = len(use.model.items)
    levels = weights[0].size - p * (p - 1) // 2
    baseline = least_squares_baseline(samples, weights, levels)
    basis = UNAVAILABLE
    if estimator == "DWLS":
        covariance, statistic = C / (n - len(samples)), ChiSquare(value=value, df=df)
        baseline = ChiSquare(value=baseline.value, df=baseline.df)
    else:
        covariance = C @ parts.K @ C / (n - len(samples))
        statistic = scaled_and_shifted(value, df, parts.trace, parts.trace_of_square)
        basis = categorical_basis(use, samples, parts, x, df)
    return FittedModel(
        compiled=use,
        samples=samples,
        estimator=estimator,
        n_clusters=0,
        problem=problem,
        solution=solution,
        information=parts.E,
        covariance=covariance,
        model=statistic,
        baseline=baseline,
        robust=basis,
        weights=weights,
        parts=parts,
        log_likelihood=NAN,
        saturated_log_likelihood=NAN,
    )


def _measures(fit: FittedModel, level: float) -> dict[str, float]:
    T, T_b = fit.model, fit.baseline
    n_groups = len(fit.samples)
    likelihood = fit.estimator in LIKELIHOOD
    n = float(fit.n if likelihood else fit.n - n_groups)
    df = T.df
    plain = root_mean_square_error(T.value, df, n, n_groups, level=level)
    out = {
        "npar": float(fit.x.size),
        "ntotal": float(fit.n),
        "chisq": T.value,
        "df": float(df),
        "pvalue": T.p_value,
        "baseline.chisq": T_b.value,
        "baseline.df": float(T_b.df),
        "baseline.pvalue": T_b.p_value,
        "cfi": comparative_fit_index(T.value, df, T_b.value, T_b.df),
        "tli": tucker_lewis_index(T.value, df, T_b.value, T_b.df),
        "rmsea": plain.value,
        "rmsea.ci.lower": plain.low,
        "rmsea.ci.upper": plain.high,
        "rmsea.pvalue": plain.p_close,
        "srmr": standardized_root_mean_square_residual(fit.compiled, fit.samples, fit.x),
    }
    if np.isfinite(T.scaling):
        out |= _scaled_measures(fit, n, level)
    if fit.robust is not UNAVAILABLE or fit.estimator in ROBUST:
        out |= _robust_measures(fit, level)
    if likelihood:
        q = fit.x.size
        out |= {
            "logl": fit.log_likelihood,
            "unrestricted.logl": fit.saturated_log_likelihood,
            "aic": -2.0 * fit.log_likelihood + 2.0 * q,
            "bic": -2.0 * fit.log_likelihood + q * float(np.log(fit.n)),
            "bic2": -2.0 * fit.log_likelihood + q * float(np.log((fit.n + 2.0) / 24.0)),
        }
    return out


def _scaled_measures(fit: FittedModel, n: float, level: float) -> dict[str, float]:
    T, T_b, n_groups, df = fit.model, fit.baseline, len(fit.samples), fit.model.df
    if fit.estimator in LIKELIHOOD:
        # A mean-scaled statistic is judged as it is, against df times its scaling factor.
        scaled = root_mean_square_error(T.value, df * T.scaling, n, n_groups, level=level)
    else:
        scaled = root_mean_square_error(T.scaled, df, n, n_groups, level=level)
    return {
        "chisq.scaled": T.scaled,
        "df.scaled": float(df),
        "pvalue.scaled": T.scaled_p_value,
        "chisq.scaling.factor": T.scaling,
        "chisq.shift.parameter": T.shift,
        "baseline.chisq.scaled": T_b.scaled,
        "baseline.df.scaled": float(T_b.df),
        "baseline.chisq.scaling.factor": T_b.scaling,
        "cfi.scaled": comparative_fit_index(T.scaled, df, T_b.scaled, T_b.df),
        "tli.scaled": tucker_lewis_index(T.scaled, df, T_b.scaled, T_b.df),
        "rmsea.scaled": scaled.value,
        "rmsea.ci.lower.scaled": scaled.low,
        "rmsea.ci.upper.scaled": scaled.high,
        "rmsea.pvalue.scaled": scaled.p_close,
    }


def _robust_measures(fit: FittedModel, level: float) -> dict[str, float]:
    T, T_b = fit.robust.model, fit.robust.baseline
    n = float(fit.n)
    scaled = T.value / T.scaling if T.df else NAN
    robust = root_mean_square_error(T.value, T.df, n, len(fit.samples), level=level, c=T.scaling, scaled=scaled)
    if fit.robust is UNAVAILABLE:
        robust = root_mean_square_error(NAN, 1, n, 1)
    return {
        "cfi.robust": comparative_fit_index(T.value, T.df, T_b.value, T_b.df, T.scaling, T_b.scaling),
        "tli.robust": NAN
        if fit.robust is UNAVAILABLE
        else tucker_lewis_index(T.value, T.df, T_b.value, T_b.df, T.scaling, T_b.scaling),
        "rmsea.robust": robust.value,
        "rmsea.ci.lower.robust": robust.low,
        "rmsea.ci.upper.robust": robust.high,
        "rmsea.pvalue.robust": robust.p_close,
    }
