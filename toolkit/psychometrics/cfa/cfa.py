"""Confirmatory factor analysis: a model that was stated beforehand, fitted and tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._clusters import few_clusters
from toolkit.psychometrics._inputs import too_few
from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics._options import confidence, conflict, one_of
from toolkit.psychometrics._result import Result, provenance
from toolkit.psychometrics._threads import on_one_thread
from toolkit.psychometrics.cfa._matrices import implied
from toolkit.psychometrics.cfa._tables import parameter_table
from toolkit.psychometrics.cfa.factor_scores import FactorScoreMethod, factor_scores
from toolkit.psychometrics.cfa.fitting import LIKELIHOOD, Estimator, FittedModel, fit_model
from toolkit.psychometrics.cfa.full_information import incomplete_samples
from toolkit.psychometrics.cfa.model import Equal, Model, ModelDefaults, Parameterization, specify
from toolkit.psychometrics.cfa.modification import modification_indices
from toolkit.psychometrics.cfa.moments import (
    Frame,
    GroupSample,
    frame_of,
    normal_samples,
    ordinal_samples,
    thresholds_in,
    unknown_variable,
)
from toolkit.psychometrics.cfa.nested import NestedTestResult, nested_test
from toolkit.psychometrics.cfa.reliability import CfaReliabilityResult, model_reliability
from toolkit.psychometrics.cfa.syntax import ModelSyntax, parse_model

CfaMissing = Literal["listwise", "fiml", "pairwise"]
"""``listwise`` uses complete persons; ``fiml`` all, by full information maximum likelihood; ``pairwise``, for ordered
items, takes each correlation from those who answered both."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CfaResult(Result):
    """A fitted confirmatory model.

    Attributes
    ----------
    fit : mapping of str to float
        Fit measures by lavaan's names: chisq, df, pvalue, cfi, tli, rmsea with rmsea.ci.lower and rmsea.ci.upper
        (90 %), srmr; under a likelihood logl, aic, bic; with a scaled statistic also chisq.scaled, cfi.scaled,
        cfi.robust and the like. NaN where one cannot be computed.
    parameters : DataFrame, shape (n_parameters, 12)
        Columns lhs, op, rhs, group, label, free, est, se, z, p, ci_lower, ci_upper. A fixed value has no z and no p.
    standardized : DataFrame, shape (n_parameters, 10)
        The same, completely standardised: columns lhs, op, rhs, group, est, se, z, p, ci_lower, ci_upper.
    residuals : DataFrame, shape (n_items, n_items)
        Observed minus implied correlations; with groups stacked, rows by (group, item).
    converged : bool
        Whether the search reached a minimum.
    admissible : bool
        Whether all variances are possible; where not, ``improper`` says what is not.
    improper : tuple of str
        Negative variances and impossible covariance matrices, in words.
    estimator, parameterization : str
        As fitted; the parameterization is empty without ordered items.
    groups : tuple of str
        Labels; the first is the reference. One empty label without groups.
    n_of_groups : tuple of int
        Persons of each group.
    n_clusters : int
        Clusters that standard errors and statistics allow for; 0 without.
    n_groups, n_parameters, n_starts, n_iterations : int
        Groups, free parameters, searches made, and steps of the one that is used.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The variant in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Model, options and versions.
    """

    fit: Mapping[str, float]
    parameters: pd.DataFrame
    standardized: pd.DataFrame
    residuals: pd.DataFrame
    converged: bool
    admissible: bool
    improper: tuple[str, ...]
    estimator: str
    parameterization: str
    groups: tuple[str, ...]
    n_of_groups: tuple[int, ...]
    n_clusters: int
    n_groups: int
    n_parameters: int
    n_starts: int
    n_iterations: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]
    _fitted: FittedModel = field(repr=False)
    _frame: Frame = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return the parameters."""
        return self.parameters.copy()

    def modification_indices(self, *, minimum: float = 0.0) -> pd.DataFrame:
        """Return how much the chi-square would fall if a fixed or absent parameter were free, largest first.

        Each is a score test by itself. To free what they suggest until a model fits is to explore, and the model then
        needs new persons to be confirmed.

        Parameters
        ----------
        minimum : float, default 0
            Leave out smaller ones.

        Returns
        -------
        DataFrame
            Columns lhs, op, rhs, group, mi (chi-square with 1 df), epc (the value it would take) and sepc (the same
            with all variables standardised).

        References
        ----------
        Sorbom, D. (1989). Model modification. Psychometrika, 54, 371-384. https://doi.org/10.1007/BF02294623

        Saris, W. E., Satorra, A., & Sorbom, D. (1987). The detection and correction of specification errors in
        structural equation models. Sociological Methodology, 17, 105-129. https://doi.org/10.2307/271030
        """
        found = modification_indices(self._fitted, self.groups)
        return found[found["mi"] >= minimum].reset_index(drop=True)

    def compare(self, other: CfaResult) -> NestedTestResult:
        """Test this model against one that contains it or is contained in it, on the same persons.

        The difference of scaled statistics has no chi-square distribution, so that none is taken: ML uses the
        difference, MLR that of Satorra and Bentler (2001), and least squares that of Satorra (2000), scaled and shifted
        (DIFFTEST).

        Parameters
        ----------
        other : CfaResult
            A model with more or fewer restrictions, by the same estimator.

        Raises
        ------
        StatisticsError
            STA_NOT_NESTED (as many degrees of freedom, other persons, items or estimator, means in one model only; or
            moments that the less restricted model cannot reach), STA_OPTION_CONFLICT (``other`` is no such result).
        """
        if not isinstance(other, CfaResult):
            raise conflict(type(other).__name__, why="compare() takes another result.", fix="Give a result of cfa().")
        return nested_test(self._fitted, other._fitted, n_dropped=self.n_dropped)

    @on_one_thread
    def reliability(self, *, level: float = 0.95) -> CfaReliabilityResult:
        """Return the reliability of the sums of items under this model, and how well its factors are told apart.

        For each factor and group omega with interval, composite reliability and average variance extracted; for
        bifactor and higher-order models what is due to the general factor; and HTMT. All hold only if the model does.

        Parameters
        ----------
        level : float, default 0.95
            Confidence level.

        Returns
        -------
        CfaReliabilityResult

        Raises
        ------
        StatisticsError
            STA_OPTION_RANGE.

        Warns
        -----
        STA_NOT_CONVERGED, STA_INADMISSIBLE, STA_NEGATIVE_ITEM, STA_DENOMINATORS_DIFFER, STA_UNDEFINED
            In ``warnings``. A factor with one item has no omega.

        Notes
        -----
        Omega is ``(sum l)^2 V / T``: l the loadings of a factor's items, also through other factors, V its variance, T
        the variance of the sum of its items, observed (divisor N) or implied. Variance that other factors explain and
        residual covariances are not the factor's. For ordered items, true and total variance are those of the sum of
        codes (Green & Yang, 2009); for continuous items beside them, covariances with codes follow from the normal
        density at the thresholds. Standard errors are by the delta method from the covariance of the estimates and of
        the observed variances: normal theory under ML, robust under MLR and with clusters, asymptotic covariances of
        polychoric correlations under least squares. Limits are on the logit scale.

        Validated against semTools 0.5.6 ``compRelSEM``, ``AVE`` and ``htmt`` on lavaan 0.6.14, tolerance 1e-4
        (``tests/parity/test_cfa_reliability.py``), intervals by coverage
        (``tests/unit/psychometrics/cfa/test_cfa_reliability.py``).

        References
        ----------
        McDonald, R. P. (1999). Test theory: A unified treatment. Erlbaum. https://doi.org/10.4324/9781410601087

        Green, S. B., & Yang, Y. (2009). Reliability of summed item scores using structural equation modeling: An
        alternative to coefficient alpha. Psychometrika, 74, 155-167. https://doi.org/10.1007/s11336-008-9099-3

        Fornell, C., & Larcker, D. F. (1981). Evaluating structural equation models with unobservable variables and
        measurement error. Journal of Marketing Research, 18, 39-50. https://doi.org/10.1177/002224378101800104

        Rodriguez, A., Reise, S. P., & Haviland, M. G. (2016). Evaluating bifactor models: Calculating and interpreting
        statistical indices. Psychological Methods, 21, 137-150. https://doi.org/10.1037/met0000045

        Henseler, J., Ringle, C. M., & Sarstedt, M. (2015). A new criterion for assessing discriminant validity in
        variance-based structural equation modeling. Journal of the Academy of Marketing Science, 43, 115-135.
        https://doi.org/10.1007/s11747-014-0403-8

        Roemer, E., Schuberth, F., & Henseler, J. (2021). HTMT2: An improved criterion for assessing discriminant
        validity in structural equation modeling. Industrial Management & Data Systems, 121, 2637-2650.
        https://doi.org/10.1108/IMDS-02-2021-0082

        Examples
        --------
        >>> import toolkit.psychometrics as pm
        >>> answers = pm.simulate_ordinal([.8, .7, .7, .6], thresholds=[-1, 0, 1], n_persons=500, rng=1)
        >>> found = cfa(answers, "f =~ item1 + item2 + item3 + item4", ordered=True).reliability()
        >>> bool(found.factors.omega[0] > found.factors.average_variance_extracted[0])
        True
        """
        return model_reliability(self._fitted, self._frame, self.warnings, level=level)

    @on_one_thread
    def scores(
        self,
        df: pd.DataFrame,
        *,
        group: str | Sequence[object] | pd.Series | None = None,
        method: FactorScoreMethod | None = None,
    ) -> pd.DataFrame:
        """Return factor scores: a guess of where each person stands on each factor.

        They are not the factors: regression and modal scores vary less than the factors do, and their correlations are
        not the factors'. Use the model itself for relations between factors.

        Parameters
        ----------
        df : DataFrame
            Answers to the items of the model: of the persons it was fitted to, or of others.
        group : str, sequence or Series, optional
            A column, or one value a person, if the model has groups: each person is scored by the parameters of their
            own. None takes the column that the model was fitted with.
        method : {"regression", "Bartlett", "EBM"}, optional
            None takes regression for continuous items, and EBM, the mode of the posterior, if any item is ordered. EBM
            of continuous items is regression.

        Returns
        -------
        DataFrame, shape (n_persons, n_factors)
            Rows as in ``df``. NaN for persons without a group; under listwise for those with a missing answer, under
            fiml and pairwise for those without any, while others are scored by the items that they answered. Bartlett
            scores are also NaN for a factor without answers, and where answers cannot tell factors apart.

        Raises
        ------
        StatisticsError
            STA_UNKNOWN_OPTION, STA_OPTION_CONFLICT (a method that the items do not allow; a model with groups and
            persons without), STA_UNKNOWN_VARIABLE, STA_CODE_NOT_ALLOWED (an ordered answer that nobody gave when the
            model was fitted; a group that it was not fitted in), STA_SHAPE_MISMATCH, STA_NOT_POSITIVE_DEFINITE (EBM of
            an inadmissible solution), and the codes of the check of answers.

        Notes
        -----
        With factor covariances V and implied moments mu and Sigma, regression scores are their expectation
        ``eta0 + V Lambda' Sigma^-1 (y - mu)``. The posterior of ordered answers is that of normal variables behind them
        that are independent given the factors: residual covariances are left out. It is found by Newton's method with
        analytic slopes.

        Validated against lavaan 0.6.14 ``lavPredict``, tolerance 1e-4, as far as lavaan's own search goes; its theta
        scores of ordered answers leave residuals unscaled, and are not followed (``tests/parity/test_cfa_scores.py``).

        References
        ----------
        Thurstone, L. L. (1935). The vectors of mind. University of Chicago Press.

        Bartlett, M. S. (1937). The statistical conception of mental factors. British Journal of Psychology, 28, 97-104.
        https://doi.org/10.1111/j.2044-8295.1937.tb00863.x

        Skrondal, A., & Rabe-Hesketh, S. (2004). Generalized latent variable modeling. Chapman & Hall/CRC.
        https://doi.org/10.1201/9780203489437

        Examples
        --------
        >>> import toolkit.psychometrics as pm
        >>> answers = pm.simulate_ordinal([.8, .7, .7, .6], thresholds=[-1, 0, 1], n_persons=500, rng=1)
        >>> cfa(answers, "f =~ item1 + item2 + item3 + item4", ordered=True).scores(answers).shape
        (500, 1)
        """
        options = self.provenance["options"]
        return factor_scores(
            self._fitted,
            self._frame,
            df,
            group=options.get("group") if group is None else group,
            method=method,
            incomplete=options.get("missing", "listwise") != "listwise",
        )


@on_one_thread
def cfa(
    df: pd.DataFrame,
    model: str | ModelSyntax,
    *,
    estimator: Estimator | None = None,
    ordered: bool | Sequence[str] = False,
    group: str | Sequence[object] | pd.Series | None = None,
    group_equal: Equal | Sequence[Equal] = (),
    cluster: str | Sequence[object] | pd.Series | None = None,
    missing: CfaMissing = "listwise",
    std_lv: bool = False,
    mean_structure: bool | None = None,
    parameterization: Parameterization = "delta",
    level: float = 0.95,
) -> CfaResult:
    """Fit a confirmatory factor model and say how well it fits.

    It asks whether answers can come from the model as stated. The model is stated before the data are seen; one that
    was found in the same data is not confirmed by them. Good fit does not show that a model is true, and with few
    persons even a wrong one fits.

    Parameters
    ----------
    df : DataFrame, shape (n_persons, n_columns)
        One row a person; a column of numeric codes for every item of the model, NaN for a missing answer. Other columns
        are left alone.
    model : str or ModelSyntax
        The model in lavaan's syntax, such as ``"visual =~ x1 + x2 + x3"``; see ``docs/model-syntax.md``.
    estimator : {"ML", "MLR", "ULSMV", "DWLS", "WLSMV"}, optional
        None takes ML, with ordered items WLSMV. ML and MLR treat codes as measurements; MLR holds for answers that are
        not normal, with some hundred persons or more.
    ordered : bool or sequence of str, default False
        Items that are ordered answers with few categories: all, none, or those named.
    group : str, sequence or Series, optional
        A column, or one value a person: the model is fitted in each group. Persons without a value are left out.
        Groups stand in order of first appearance; the first is the reference.
    group_equal : str or sequence of str
        What is equal over groups: "loadings", "intercepts", "thresholds", "residuals", "factor_variances",
        "factor_covariances", "means".
    cluster : str, sequence or Series, optional
        A column, or one value a person: units whose members are alike. Standard errors and the scaled statistic then
        allow for it; only with ML and MLR.
    missing : {"listwise", "fiml", "pairwise"}, default "listwise"
        The missing rule. "fiml" needs ML or MLR, "pairwise" ordered items.
    std_lv : bool, default False
        Give factors variance 1 instead of fixing their first loading at 1.
    mean_structure : bool, optional
        Model means too. None does so where it is needed: with groups, clusters, fiml, ordered items, or an intercept
        in the model.
    parameterization : {"delta", "theta"}, default "delta"
        With ordered items: the variance of the variables behind them is 1, or their residual variance is.
    level : float, default 0.95
        Confidence level of the parameters' intervals. The RMSEA's is always 90 %.

    Returns
    -------
    CfaResult
        ``fit``, ``parameters``, ``standardized``, ``residuals``, and methods that go on from there.

    Raises
    ------
    StatisticsError
        STA_MODEL_SYNTAX, STA_UNKNOWN_VARIABLE, STA_NOT_IDENTIFIED (with the parameters concerned), STA_OPTION_CONFLICT,
        STA_UNKNOWN_OPTION, STA_TOO_FEW_PERSONS and STA_CONSTANT_ITEM (in a group too), STA_EMPTY_IN_GROUP,
        STA_SINGULAR_CORRELATION, STA_SHAPE_MISMATCH, STA_NOT_CONVERGED (the search ran to where the data no longer tell
        the parameters), STA_INADMISSIBLE (the model's covariances are impossible whatever is free), and the codes of
        the check of answers.

    Warns
    -----
    STA_NOT_CONVERGED, STA_INADMISSIBLE (Heywood variances and impossible covariance matrices),
    STA_NOT_POSITIVE_DEFINITE, STA_EMPTY_CELL, STA_FEW_CLUSTERS
        In ``warnings``.

    Notes
    -----
    Defaults are those of lavaan's ``cfa()``. ML minimises ``log|Sigma| + tr(S Sigma^-1)`` with divisor N, and the
    chi-square is N times that. Least squares minimises ``(s - sigma)' W (s - sigma)`` over thresholds and polychoric
    correlations, W the reciprocals of their asymptotic variances (DWLS, WLSMV) or 1 (ULSMV), the chi-square with N - 1
    in each group; standard errors use their full asymptotic covariance. The scaled statistic is Yuan and Bentler's in
    the form of Mplus for MLR, scaled and shifted for WLSMV and ULSMV. Robust CFI, TLI and RMSEA are those of
    Brosseau-Liard and Savalei for MLR, Zhang and Savalei for incomplete answers, Savalei for ordered ones.

    The search is a scoring method with analytic slopes; where it fails, others start elsewhere. Standard errors of
    standardised values are by the delta method.

    Validated against lavaan 0.7-2 on bfi and lavaan 0.6.14 on other data: chi-squares 1e-5 (relative), fit indices
    1e-5, loadings and standard errors 1e-4 (``tests/parity/test_cfa.py``).

    References
    ----------
    Joreskog, K. G. (1969). A general approach to confirmatory maximum likelihood factor analysis. Psychometrika, 34,
    183-202. https://doi.org/10.1007/BF02289343

    Muthen, B. (1984). A general structural equation model with dichotomous, ordered categorical, and continuous latent
    variable indicators. Psychometrika, 49, 115-132. https://doi.org/10.1007/BF02294210

    Yuan, K.-H., & Bentler, P. M. (2000). Three likelihood-based methods for mean and covariance structure analysis with
    nonnormal missing data. Sociological Methodology, 30, 165-200. https://doi.org/10.1111/0081-1750.00078

    Brosseau-Liard, P. E., & Savalei, V. (2014). Adjusting incremental fit indices for nonnormality. Multivariate
    Behavioral Research, 49, 460-470. https://doi.org/10.1080/00273171.2014.933697

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> answers = pm.simulate_ordinal([.8, .7, .7, .6], thresholds=[-1, 0, 1], n_persons=500, rng=1)
    >>> result = cfa(answers, "f =~ item1 + item2 + item3 + item4", ordered=True)
    >>> result.converged, result.admissible, int(result.fit["df"])
    (True, True, 2)
    """
    syntax = model if isinstance(model, ModelSyntax) else parse_model(model)
    confidence(level)
    one_of(missing, CfaMissing, name="missing")
    one_of(parameterization, Parameterization, name="parameterization")
    equal = _equal_over_groups(group_equal, grouped=group is not None)
    chosen = ordered_items(syntax, ordered)
    estimator = estimator or ("WLSMV" if chosen else "ML")
    one_of(estimator, Estimator, name="estimator")
    refuse_conflicts(estimator, chosen, missing, cluster is not None)
    frame = frame_of(df, syntax.items, group=group, cluster=cluster, keep_missing=missing != "listwise")
    if cluster is not None and frame.n_clusters < 2:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, "clusters", frame.n_clusters, 2))
    told = any(statement.op == "~1" for statement in syntax.statements)
    needed = bool(chosen) or missing == "fiml" or group is not None or cluster is not None or told
    defaults = ModelDefaults(
        n_groups=len(frame.groups),
        ordered=chosen,
        n_thresholds=thresholds_in(frame, chosen),
        std_lv=std_lv,
        mean_structure=needed if mean_structure is None else mean_structure or bool(chosen) or missing == "fiml",
        parameterization=parameterization,
        equal=frozenset(equal),
    )
    options = {
        "model": syntax.text,
        "estimator": estimator,
        "ordered": sorted(chosen),
        "group": group if isinstance(group, str) else None,
        "group_equal": list(equal),
        "missing": missing,
        "std_lv": std_lv,
        "mean_structure": defaults.mean_structure,
        "parameterization": parameterization,
        "level": level,
    }
    return cfa_of(specify(syntax, defaults), frame, samples_of(frame, chosen, missing), estimator, options)


def samples_of(frame: Frame, ordered: frozenset[str], missing: CfaMissing) -> tuple[GroupSample, ...]:
    """Return the sample statistics that a model of these items is fitted to."""
    if ordered:
        return ordinal_samples(frame, ordered, pairwise=missing == "pairwise")
    return incomplete_samples(frame) if missing == "fiml" else normal_samples(frame)


def cfa_of(
    model: Model, frame: Frame, samples: tuple[GroupSample, ...], estimator: Estimator, options: Mapping[str, Any]
) -> CfaResult:
    """Fit a specified model to samples, and put names on what was found."""
    fit = fit_model(model, samples, estimator, n_clusters=frame.n_clusters)
    improper = fit.improper()
    level = float(options["level"])
    standard = _table(fit, frame.groups, level, standard=True)
    return CfaResult(
        fit=MappingProxyType(fit.fit()),
        parameters=_table(fit, frame.groups, level, standard=False),
        standardized=standard.drop(columns=["label", "free"]),
        residuals=_residuals(fit, frame),
        converged=fit.solution.converged,
        admissible=not improper,
        improper=improper,
        estimator=estimator,
        parameterization=model.parameterization if model.categorical else "",
        groups=frame.groups,
        n_of_groups=tuple(sample.n for sample in samples),
        n_clusters=frame.n_clusters,
        n_groups=len(frame.groups),
        n_parameters=fit.x.size,
        n_starts=fit.solution.n_starts,
        n_iterations=fit.solution.n_iterations,
        n_persons=fit.n,
        n_items=len(model.items),
        n_dropped=frame.n_dropped,
        method=_method(fit, options),
        warnings=(*_warnings(fit, improper), *_few_clusters(frame), *_warnings_of(samples)),
        provenance=provenance("cfa", options),
        _fitted=fit,
        _frame=frame,
    )


def ordered_items(syntax: ModelSyntax, ordered: bool | Sequence[str]) -> frozenset[str]:
    """Return the items that are ordered answers, or refuse a name that the model does not have."""
    if isinstance(ordered, bool):
        return frozenset(syntax.items) if ordered else frozenset()
    named = [ordered] if isinstance(ordered, str) else list(ordered)
    strange = [item for item in named if item not in syntax.items]
    if strange:
        raise unknown_variable(strange, syntax.items, option="ordered=", where="The model has no item")
    return frozenset(named)


def _equal_over_groups(given: Equal | Sequence[Equal], *, grouped: bool) -> tuple[Equal, ...]:
    """Return what is equal over groups, or refuse what is not known, and equality without groups."""
    equal: tuple[Equal, ...] = (given,) if isinstance(given, str) else tuple(given)
    for name in equal:
        one_of(name, Equal, name="group_equal")
    if equal and not grouped:
        raise conflict(
            "group_equal=... without group=", why="One group has nothing to be equal to.", fix="Give group=."
        )
    return equal


def refuse_conflicts(estimator: Estimator, ordered: frozenset[str], missing: CfaMissing, clustered: bool) -> None:
    """Refuse options that cannot go together."""
    likelihood = estimator in LIKELIHOOD
    if likelihood and ordered:
        raise conflict(
            f"estimator={estimator!r}, ordered=...",
            why=f"{estimator} takes codes as measurements.",
            fix="Use estimator='WLSMV' for ordered items, or leave ordered= out.",
        )
    if not likelihood and not ordered:
        raise conflict(
            f"estimator={estimator!r}, ordered=False",
            why=f"{estimator} is for ordered items.",
            fix="Say which items are ordered, with ordered=True, or use estimator='MLR'.",
        )
    if missing == "fiml" and ordered:
        raise conflict(
            "missing='fiml', ordered=...",
            why="Full information maximum likelihood is for measurements.",
            fix="Use missing='pairwise' or 'listwise' with ordered items.",
        )
    if missing == "pairwise" and not ordered:
        raise conflict(
            "missing='pairwise'",
            why="A likelihood cannot be had from pairs.",
            fix="Use missing='fiml', which uses every answer too.",
        )
    if clustered and (not likelihood or ordered):
        raise conflict(
            f"cluster=..., estimator={estimator!r}",
            why="Clusters are allowed for under maximum likelihood only.",
            fix="Use estimator='MLR' without ordered=, or leave cluster= out.",
        )


def _table(fit: FittedModel, groups: tuple[str, ...], level: float, *, standard: bool) -> pd.DataFrame:
    table = parameter_table(fit, level, standard=standard)
    table.insert(3, "group", [groups[row.group] for row in fit.compiled.model.parameters])
    return table


def _residuals(fit: FittedModel, frame: Frame) -> pd.DataFrame:
    """Return observed minus implied correlations, both scaled by their own standard deviations."""
    tables = []
    for group, sample in zip(fit.compiled.groups, fit.samples, strict=True):
        at = implied(group, fit.x)
        away = _as_correlation(sample.S) - _as_correlation(at.Sigma)
        tables.append(pd.DataFrame(away, index=list(frame.items), columns=list(frame.items)))
    if len(tables) == 1:
        return tables[0]
    return pd.concat(tables, keys=list(frame.groups), names=["group", "item"])


def _as_correlation(S: Array) -> Array:
    sd = np.sqrt(np.diag(S))
    correlation: Array = S / np.outer(sd, sd)
    return correlation


_NAMES = {
    "ML": "maximum likelihood",
    "MLR": "maximum likelihood, robust standard errors and statistic (Yuan-Bentler, Mplus variant)",
    "DWLS": "diagonally weighted least squares on polychoric correlations",
    "WLSMV": "diagonally weighted least squares on polychoric correlations, robust standard errors, scaled and shifted "
    "statistic",
    "ULSMV": "unweighted least squares on polychoric correlations, robust standard errors, scaled and shifted "
    "statistic",
}


def _method(fit: FittedModel, options: Mapping[str, Any]) -> str:
    parts = ["confirmatory factor analysis", _NAMES[fit.estimator], str(options["missing"])]
    if fit.compiled.model.categorical:
        parts.append(f"{fit.compiled.model.parameterization} parameterization")
    if len(fit.samples) > 1:
        parts.append(f"{len(fit.samples)} groups")
    if fit.n_clusters:
        parts.append(f"standard errors and statistic for {fit.n_clusters} clusters")
    return ", ".join(parts)


def _warnings(fit: FittedModel, improper: tuple[str, ...]) -> list[Problem]:
    found = []
    if not fit.solution.converged:
        found.append(
            Problem(
                code=Code.STA_NOT_CONVERGED,
                what=f"The search did not reach a minimum from {fit.solution.n_starts} starts; no number can be used.",
                fix="Simplify the model, or give it starting values with start().",
            )
        )
    if improper:
        found.append(
            Problem(
                code=Code.STA_INADMISSIBLE,
                what="The solution is not admissible: a variance or covariance matrix in it is impossible.",
                got="; ".join(improper),
                fix="Do not report it as a result. Look for a wrong model, too few persons, or items that repeat "
                "each other.",
            )
        )
    return found


def _few_clusters(frame: Frame) -> list[Problem]:
    return few_clusters(frame.n_clusters) if frame.n_clusters else []


def _warnings_of(samples: Sequence[GroupSample]) -> list[Problem]:
    found: dict[str, Problem] = {}
    for sample in samples:
        if sample.ordinal is not None:
            found |= {str(problem): problem for problem in sample.ordinal.warnings}
    return list(found.values())
