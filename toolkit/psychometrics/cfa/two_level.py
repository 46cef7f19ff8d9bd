"""Two-level confirmatory factor analysis: one model of persons within clusters, one of the clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._inputs import named_where, refuse, too_few
from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics._options import confidence, one_of
from toolkit.psychometrics._result import Result, provenance, undefined
from toolkit.psychometrics._threads import on_one_thread
from toolkit.psychometrics.cfa._matrices import complex_slopes
from toolkit.psychometrics.cfa._tables import parameter_table
from toolkit.psychometrics.cfa._two_level import NIL_VARIANCE, Clusters, clustering_ratios, clusters_of, shared_variance
from toolkit.psychometrics.cfa._two_level_fit import TwoLevelEstimator, TwoLevelFit, fit_two_level
from toolkit.psychometrics.cfa._two_level_model import LEVELS, coefficients, improper, reliabilities, two_level_model
from toolkit.psychometrics.cfa.moments import frame_of
from toolkit.psychometrics.cfa.nested import NestedTestResult, nested_test
from toolkit.psychometrics.cfa.syntax import ModelSyntax, parse_model

CHANCE = 0.05
"""Level of the test that clusters differ in any item, by Bonferroni over the items."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwoLevelCfaResult(Result):
    """A fitted two-level factor model.

    Attributes
    ----------
    fit : mapping of str to float
        Fit measures by lavaan's names: logl, unrestricted.logl, chisq, df, pvalue, cfi, tli, rmsea with rmsea.ci.lower
        and rmsea.ci.upper (90 %), srmr_within, srmr_between, srmr (their sum), aic, bic; under MLR also chisq.scaled,
        cfi.robust and the like.
    parameters : DataFrame, shape (n_parameters, 12)
        Columns level ("within" or "between"), lhs, op, rhs, label, free, est, se, z, p, ci_lower, ci_upper. A fixed
        value has no z and no p.
    standardized : DataFrame, shape (n_parameters, 10)
        The same, each level completely standardised by its own variances: columns level, lhs, op, rhs, est, se, z, p,
        ci_lower, ci_upper.
    intraclass : DataFrame, shape (n_items, 7)
        Each item's variance within and between, unrestricted, and its intraclass correlation: columns within, between,
        icc, se, ci_lower, ci_upper, and p of the likelihood-ratio test against no variance between.
    reliability : DataFrame, shape (n_coefficients, 7)
        Reliability of the sum of each factor's items: columns coefficient, factor, n_items, est, se, ci_lower,
        ci_upper. ``omega_within`` is of deviations from the cluster mean, ``omega_between`` of true cluster means,
        ``omega_unit_mean`` of observed cluster means, ``interrater`` of observed cluster means against the sampling of
        persons alone, ``omega_person`` of single persons' sums.
    residuals_within, residuals_between : DataFrame, shape (n_items, n_items)
        Unrestricted minus implied correlations of each level.
    cluster_sizes : Series, shape (4,)
        smallest, mean, harmonic_mean, largest.
    converged : bool
        Whether the search reached a minimum, and so did those for the unrestricted and for uncorrelated items.
    admissible : bool
        Whether all variances are possible; where not, ``improper`` says what is not.
    improper : tuple of str
        Negative variances and impossible covariance matrices, in words.
    unclustered_items : tuple of str
        Items in which the clusters differ no more than chance makes them differ.
    estimator : str
        "ML" or "MLR".
    n_clusters, n_parameters, n_starts, n_iterations : int
        Clusters, free parameters, searches made, and steps of the one that is used.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The variant in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Models, options and versions.
    """

    fit: Mapping[str, float]
    parameters: pd.DataFrame
    standardized: pd.DataFrame
    intraclass: pd.DataFrame
    reliability: pd.DataFrame
    residuals_within: pd.DataFrame
    residuals_between: pd.DataFrame
    cluster_sizes: pd.Series
    converged: bool
    admissible: bool
    improper: tuple[str, ...]
    unclustered_items: tuple[str, ...]
    estimator: str
    n_clusters: int
    n_parameters: int
    n_starts: int
    n_iterations: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]
    _fitted: TwoLevelFit = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return the parameters."""
        return self.parameters.copy()

    def compare(self, other: TwoLevelCfaResult) -> NestedTestResult:
        """Test this model against one that contains it or is contained in it, on the same persons and clusters.

        With loadings equal over the levels in one of them it asks whether a factor means the same in persons and in
        clusters. MLR takes the difference of Satorra and Bentler (2001).

        Parameters
        ----------
        other : TwoLevelCfaResult
            A model with more or fewer restrictions, by the same estimator.

        Raises
        ------
        StatisticsError
            STA_NOT_NESTED (as many degrees of freedom, other persons, items or estimator; or moments that the less
            restricted model cannot reach).
        """
        return nested_test(self._fitted, other._fitted, n_dropped=self.n_dropped)


@on_one_thread
def two_level_cfa(
    df: pd.DataFrame,
    *,
    within: str | ModelSyntax,
    between: str | ModelSyntax,
    cluster: str | Sequence[object] | pd.Series,
    estimator: TwoLevelEstimator = "ML",
    std_lv: bool = False,
    level: float = 0.95,
) -> TwoLevelCfaResult:
    """Fit one factor model to persons within clusters and another to the clusters, such as staff in units.

    It asks whether items that go together in persons also go together in units, and how reliably units differ. A
    factor between clusters rests on the number of clusters: with fewer than about 50, or with intraclass correlations
    below about .05, its estimates are unstable. If only persons are of interest, ``cfa`` with ``cluster=`` suffices.
    Answers are treated as numbers; with fewer than five categories loadings come out too small.

    Parameters
    ----------
    df : DataFrame, shape (n_persons, n_columns)
        One row a person; a column of numeric codes for every item, NaN for a missing answer. Persons with a missing
        answer to an item of the model, or without a cluster, are left out.
    within, between : str or ModelSyntax
        The models in lavaan's syntax, without ``level:`` lines; see ``docs/model-syntax.md``. Both are about the same
        items. A label in both makes two parameters equal over the levels, as ``f =~ x1 + a*x2 + b*x3`` at either level
        does with loadings. Means belong to ``between``.
    cluster : str, sequence or Series
        A column, or one value a person. Clusters may differ in size; some may have one person.
    estimator : {"ML", "MLR"}, default "ML"
        Both maximise the normal likelihood. MLR's standard errors, intervals and scaled statistic also hold for answers
        that are not normal, with some 100 clusters or more.
    std_lv : bool, default False
        Give factors variance 1 at their level instead of fixing their first loading at 1.
    level : float, default 0.95
        Confidence level of the intervals. The RMSEA's is always 90 %.

    Returns
    -------
    TwoLevelCfaResult
        ``fit``, ``parameters``, ``standardized``, ``intraclass`` and ``reliability``, and a method ``compare``.

    Raises
    ------
    StatisticsError
        STA_MODEL_SYNTAX, STA_OPTION_CONFLICT (the levels have different items), STA_UNKNOWN_VARIABLE,
        STA_UNKNOWN_OPTION, STA_OPTION_RANGE, STA_SHAPE_MISMATCH, STA_TOO_FEW_PERSONS (fewer than two clusters, too),
        STA_NOT_IDENTIFIED (every cluster has one person; or parameters that the data cannot tell apart),
        STA_CONSTANT_ITEM (within all clusters, too), STA_SINGULAR_CORRELATION (within clusters), and the codes of the
        check of answers.

    Warns
    -----
    STA_NOT_CONVERGED, STA_INADMISSIBLE (negative variances and impossible covariance matrices), STA_NOT_IDENTIFIED
    (no more clusters than items: the unrestricted covariances between clusters, which chi-square and fit indices
    compare with, are not determined), STA_NO_CLUSTERING (clusters differ in no item more than chance would have it, or
    the variance of an item between them is nil: one level suffices), STA_UNDEFINED
        In ``warnings``.

    Notes
    -----
    ``y_ij = mu + b_j + w_ij`` with independent normal b and w, whose covariances are those of the two models. The
    likelihood is that of complete data with clusters of any sizes (McDonald and Goldstein). Variances are not bounded
    by the model, but the unrestricted covariance between clusters is positive semidefinite. Where this is at its bound
    and the model beyond it, the chi-square is too small, as lavaan's is; a negative one is NaN, where lavaan has 0.
    Near the bound lavaan's search (EM) stops up to .1 short in the unrestricted log-likelihood, and its chi-square is
    smaller by twice that. Standard errors are from the observed information (ML) or the sandwich of the scores of
    clusters (MLR); intervals of intraclass correlations and reliabilities are by the delta method on the logit scale.
    The test against no variance between clusters halves the tail of a chi-square, as a variance cannot be negative
    (Self and Liang). The baseline has uncorrelated items at both levels; N in RMSEA, AIC and BIC counts persons.

    For the sum of a factor's items let t be the variance that the factor gives it and v its variance as the model has
    it, at either level, and n the harmonic mean of cluster sizes. Then omega within is ``t_W / v_W`` and omega between
    ``t_B / v_B`` (Geldhof, Preacher and Zyphur); that of observed unit means is ``t_B / (v_B + v_W / n)``, the
    interrater reliability ``v_B / (v_B + v_W / n)``, and that of persons, for a factor of one name and the same items
    at both levels, ``(t_W + t_B) / (v_W + v_B)`` (Lai); the last supposes equal loadings at both levels.

    Validated against lavaan 0.6.14 and semTools 0.5.6 ``compRelSEM`` on lavaan's Demo.twolevel: log-likelihood 1e-6,
    chi-square, estimates, standard errors and reliabilities 1e-4, relative (``tests/parity/test_two_level.py``), and by
    simulation (``tests/unit/psychometrics/cfa/test_two_level_truth.py``).

    References
    ----------
    McDonald, R. P., & Goldstein, H. (1989). Balanced versus unbalanced designs for linear structural relations in
    two-level data. British Journal of Mathematical and Statistical Psychology, 42, 215-232.
    https://doi.org/10.1111/j.2044-8317.1989.tb00911.x

    Muthen, B. O. (1994). Multilevel covariance structure analysis. Sociological Methods & Research, 22, 376-398.
    https://doi.org/10.1177/0049124194022003006

    Geldhof, G. J., Preacher, K. J., & Zyphur, M. J. (2014). Reliability estimation in a multilevel confirmatory factor
    analysis framework. Psychological Methods, 19, 72-91. https://doi.org/10.1037/a0032138

    Lai, M. H. C. (2021). Composite reliability of multilevel data: It's about observed scores and construct meanings.
    Psychological Methods, 26, 90-102. https://doi.org/10.1037/met0000287

    Self, S. G., & Liang, K.-Y. (1987). Asymptotic properties of maximum likelihood estimators and likelihood ratio
    tests under nonstandard conditions. Journal of the American Statistical Association, 82, 605-610.
    https://doi.org/10.1080/01621459.1987.10478472

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> random = np.random.default_rng(1)
    >>> unit = np.repeat(np.arange(60), 10)
    >>> common = random.normal(size=600) + random.normal(size=60)[unit]
    >>> answers = pd.DataFrame({f"x{i}": common + random.normal(size=600) for i in (1, 2, 3, 4)}).assign(unit=unit)
    >>> model = "f =~ x1 + x2 + x3 + x4"
    >>> result = two_level_cfa(answers, within=model, between=model, cluster="unit", estimator="MLR")
    >>> result.n_clusters, int(result.fit["df"]), result.converged
    (60, 4, True)
    """
    one_of(estimator, TwoLevelEstimator, name="estimator")
    confidence(level)
    lower, upper = (parse_model(model) if isinstance(model, str) else model for model in (within, between))
    use = two_level_model(lower, upper, std_lv=std_lv)
    frame = frame_of(df, use.model.items, group=None, cluster=cluster, keep_missing=False)
    if frame.clusters is None or frame.n_clusters < 2:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, "clusters", frame.n_clusters, 2))
    clusters = clusters_of(frame.answers[0], frame.clusters[0])
    _refuse_weak(frame.items, clusters)
    fit = fit_two_level(use, clusters, estimator)
    impossible = improper(use, fit.x)
    nil = np.diag(fit.saturated.Sigma_B) <= NIL_VARIANCE * np.diag(fit.saturated.Sigma_W)
    unclustered = tuple(named_where(frame.items, nil))
    standard = _parameters(fit, level, standard=True)
    reliability = _reliability(fit, level)
    residuals = [pd.DataFrame(away, index=list(frame.items), columns=list(frame.items)) for away in fit.residuals()]
    converged = all(part.converged for part in (fit.solution, fit.saturated, fit.independent))
    sizes = clusters.sizes
    options = {
        "within": lower.text,
        "between": upper.text,
        "estimator": estimator,
        "std_lv": std_lv,
        "level": level,
    }
    return TwoLevelCfaResult(
        fit=MappingProxyType(fit.fit()),
        parameters=_parameters(fit, level, standard=False),
        standardized=standard.drop(columns=["label", "free"]),
        intraclass=_intraclass(fit, frame.items, level),
        reliability=reliability,
        residuals_within=residuals[0],
        residuals_between=residuals[1],
        cluster_sizes=pd.Series(
            {
                "smallest": sizes.min(),
                "mean": sizes.mean(),
                "harmonic_mean": 1.0 / fit.mean_inverse_size,
                "largest": sizes.max(),
            }
        ),
        converged=converged,
        admissible=not impossible,
        improper=impossible,
        unclustered_items=unclustered,
        estimator=estimator,
        n_clusters=frame.n_clusters,
        n_parameters=fit.x.size,
        n_starts=fit.solution.n_starts,
        n_iterations=fit.solution.n_iterations,
        n_persons=fit.moments.n_persons,
        n_items=len(frame.items),
        n_dropped=frame.n_dropped,
        method=_METHODS[estimator],
        warnings=tuple(_warnings(fit, converged, impossible, unclustered, reliability)),
        provenance=provenance("two_level_cfa", options),
        _fitted=fit,
    )


_METHODS = {
    "ML": "two-level confirmatory factor analysis, maximum likelihood, listwise",
    "MLR": "two-level confirmatory factor analysis, maximum likelihood, robust standard errors and statistic from sums "
    "over clusters (Yuan-Bentler, Mplus variant), listwise",
}


def _refuse_weak(items: tuple[str, ...], clusters: Clusters) -> None:
    """Refuse clusters whose members do not show how persons differ within clusters."""
    if clusters.sizes.max() < 2:
        raise StatisticsError(
            Problem(
                code=Code.STA_NOT_IDENTIFIED,
                what="Every cluster has one person, so that what is within cannot be told from what is between.",
                got=f"{clusters.sizes.size} clusters of one person",
                allowed="clusters of two or more",
                fix="Check that cluster= names the unit and not the person, or use cfa.",
            )
        )
    free = int(clusters.sizes.sum()) - clusters.sizes.size
    sd = np.sqrt((clusters.deviations**2).sum(axis=0) / free)
    refuse(
        Code.STA_CONSTANT_ITEM,
        named_where(items, sd <= 1e-8 * np.maximum(1.0, np.abs(clusters.means).max(axis=0))),
        what="No two persons of one cluster differ in the item, so that it has no variance within clusters.",
        fix="Leave the item out: it describes the cluster, not its persons.",
    )
    scaled = clusters.deviations / sd
    smallest = float(np.linalg.eigvalsh(scaled.T @ scaled / free)[0])
    if smallest <= 1e-10:
        raise StatisticsError(
            Problem(
                code=Code.STA_SINGULAR_CORRELATION,
                what="The items' correlation matrix within clusters is not positive definite.",
                got=f"smallest eigenvalue {smallest:.3g}, from {free} persons more than clusters",
                allowed="more than 1e-10",
                fix="Leave out items that repeat one another or add up to another, or use larger clusters.",
            )
        )


def _parameters(fit: TwoLevelFit, level: float, *, standard: bool) -> pd.DataFrame:
    table = parameter_table(fit, level, standard=standard)
    table.insert(0, "level", [LEVELS[row.group] for row in fit.compiled.model.parameters])
    return table


def _intraclass(fit: TwoLevelFit, items: tuple[str, ...], level: float) -> pd.DataFrame:
    found = fit.saturated
    icc, error = shared_variance(found.Sigma_W, found.Sigma_B, fit.variance_errors)
    low, high = _logit_limits(icc, error, level)
    columns = {
        "within": np.diag(found.Sigma_W),
        "between": np.diag(found.Sigma_B),
        "icc": icc,
        "se": error * icc * (1.0 - icc),
        "ci_lower": low,
        "ci_upper": high,
        "p": _p_of_clustering(fit),
    }
    return pd.DataFrame(columns, index=list(items))


def _p_of_clustering(fit: TwoLevelFit) -> Array:
    ratios = clustering_ratios(fit.moments, fit.independent)
    return np.where(ratios > 0.0, 0.5 * stats.chi2.sf(ratios, 1), 1.0)


def _reliability(fit: TwoLevelFit, level: float) -> pd.DataFrame:
    wanted = coefficients(fit.compiled)
    estimate = reliabilities(fit.compiled, wanted, fit.x, fit.mean_inverse_size)
    slopes = complex_slopes(lambda x: reliabilities(fit.compiled, wanted, x, fit.mean_inverse_size), fit.x)
    error = fit.errors_of(slopes.reshape(len(wanted), fit.x.size))
    inside = (estimate > 0.0) & (estimate < 1.0)
    spread = np.divide(error, estimate * (1.0 - estimate), out=np.full(error.size, np.nan), where=inside)
    low, high = _logit_limits(np.where(inside, estimate, np.nan), spread, level)
    return pd.DataFrame(
        {
            "coefficient": [one.name for one in wanted],
            "factor": [one.factor for one in wanted],
            "n_items": [len(one.items) for one in wanted],
            "est": estimate,
            "se": error,
            "ci_lower": low,
            "ci_upper": high,
        }
    )


def _logit_limits(share: Array, error: Array, level: float) -> tuple[Array, Array]:
    """Return Wald limits on the logit scale, brought back; ``error`` is that of the logit."""
    reach = stats.norm.ppf(0.5 + level / 2.0) * error
    middle = special.logit(np.where(np.isfinite(error), share, np.nan))
    return special.expit(middle - reach), special.expit(middle + reach)


def _warnings(
    fit: TwoLevelFit,
    converged: bool,
    impossible: tuple[str, ...],
    unclustered: tuple[str, ...],
    reliability: pd.DataFrame,
) -> list[Problem]:
    found = []
    n_clusters, n_items = fit.moments.n_clusters, len(fit.compiled.model.items)
    if not converged:
        found.append(
            Problem(
                code=Code.STA_NOT_CONVERGED,
                what=f"A search did not reach its optimum (of the model, {fit.solution.n_starts} starts); no number "
                "can be used.",
                fix="Simplify the model between clusters, or give it starting values with start().",
            )
        )
    if impossible:
        found.append(
            Problem(
                code=Code.STA_INADMISSIBLE,
                what="The solution is not admissible: a variance or covariance matrix in it is impossible."
                + ("" if fit.nested else " Its chi-square is too small, as no unrestricted variance is negative."),
                got="; ".join(impossible),
                fix="Do not report it as a result. Where a variance between clusters is negative, the clusters are too "
                "few or too alike for this model: fix it at 0, simplify the model, or use cfa with cluster=.",
            )
        )
    if n_clusters <= n_items:
        found.append(
            Problem(
                code=Code.STA_NOT_IDENTIFIED,
                what="There are no more clusters than items, so that the unrestricted covariances between clusters are "
                "not determined; chi-square and fit indices compare with them.",
                got=f"{n_clusters} clusters, {n_items} items",
                allowed="more clusters than items, better several times as many",
                fix="Use cfa with cluster=, or fewer items.",
            )
        )
    p = _p_of_clustering(fit)
    if float(p.min()) * p.size > CHANCE:
        found.append(
            Problem(
                code=Code.STA_NO_CLUSTERING,
                what="In no item do the clusters differ more than chance would have it; a model between them describes "
                "noise.",
                got=f"smallest p {p.min():.3g} in {p.size} items",
                allowed=f"p below {CHANCE:g} / {p.size} in one item or more",
                fix="Use cfa: one level suffices.",
            )
        )
    found += [
        Problem(
            code=Code.STA_NO_CLUSTERING,
            what="The clusters differ in the item no more than chance makes them differ; its variance between them is "
            "nil.",
            item=item,
            fix="If all items are so, one level suffices: use cfa.",
        )
        for item in unclustered
    ]
    if not np.isfinite(fit.model.value):
        why = "The model has negative variances between clusters, and is likelier than the unrestricted covariances."
        found.append(undefined("chi-square and what rests on it", why))
    if not np.isfinite(fit.covariance).all():
        found.append(undefined("standard errors and intervals", "The observed information is not positive definite."))
    elif not np.isfinite(reliability["ci_lower"]).all():
        lacking = reliability.loc[~np.isfinite(reliability["ci_lower"]), "coefficient"]
        names = ", ".join(dict.fromkeys(lacking))
        found.append(undefined(f"intervals of {names}", "A reliability is not between 0 and 1."))
    return found
