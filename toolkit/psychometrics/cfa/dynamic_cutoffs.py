"""Dynamic fit index cut-offs: what CFI, RMSEA and SRMR can be in this model, for these persons, if it holds or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import special

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._numerics import Array, Rng, generator
from toolkit.psychometrics._options import conflict, within
from toolkit.psychometrics._result import Result, provenance, undefined
from toolkit.psychometrics._threads import on_one_thread
from toolkit.psychometrics.cfa._matrices import compiled, implied
from toolkit.psychometrics.cfa.cfa import CfaResult
from toolkit.psychometrics.cfa.misspecification import (
    OmittedPath,
    StandardizedModel,
    factors_of_factors,
    levels_of_misspecification,
    with_paths,
)
from toolkit.psychometrics.cfa.model import Model, ModelDefaults, specify
from toolkit.psychometrics.cfa.moments import GroupSample
from toolkit.psychometrics.cfa.replicates import Refit, normal_refit, ordinal_refit, robust_refit
from toolkit.psychometrics.cfa.syntax import ModelSyntax, parse_model

MEASURES = ("srmr", "rmsea", "cfi")
MOST_CODES = 9
"""Items of whole codes, of no more different ones than this, count as rating scales."""
RULES = ((0.95, "95/5"), (0.90, "90/10"))
_BATCH = 25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DynamicCutoffsResult(Result):
    """Cut-offs of fit indices for one model and number of persons.

    Attributes
    ----------
    cutoffs : DataFrame, shape (3 * n_levels, 9)
        One row a level and measure. ``level`` 0 is the model itself, 1 and up the levels of misspecification;
        ``measure`` srmr, rmsea or cfi; ``cutoff``, NaN where fits of the model and of the level overlap too much;
        ``rule`` "95/5", "90/10" or "none"; ``specificity``, the share of true models that meet the cut-off;
        ``sensitivity``, the share of misspecified ones that do not; ``detected``, the share of misspecified ones that
        fail the cut-off of level 0; ``observed``, the model's own value (NaN without a result); ``met``, whether it
        meets the cut-off (None where one of them is NaN).
    omitted : DataFrame, shape (n_paths, 5)
        Columns level, lhs, op, rhs, value: the standardised paths that the model omits at each level.
    draws : DataFrame, shape (n_used, 5)
        Columns level, replicate, srmr, rmsea, cfi: the simulated fits.
    n_levels : int
        Levels, level 0 among them.
    n_replications, n_failed : int
        Data sets drawn for each level, and how many of all had no solution and were left out.
    ordinal : bool
        Whether the data were cut at thresholds.
    n_persons, n_items, n_dropped : int
        Persons of each data set, items, and persons that the result had left out.
    method : str
        The variant in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options, seed and versions.
    """

    cutoffs: pd.DataFrame
    omitted: pd.DataFrame
    draws: pd.DataFrame
    n_levels: int
    n_replications: int
    n_failed: int
    ordinal: bool
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the cut-offs."""
        return self.cutoffs.copy()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Study:
    """What is simulated: the population's correlations R and standard deviations sd, and how data sets are fitted."""

    model: StandardizedModel
    sd: Array
    n: int
    n_dropped: int
    refit: Callable[[Array], Refit]
    names: Mapping[str, str]
    observed: Mapping[str, float]
    ordinal: bool
    method: str


@on_one_thread
def dynamic_fit_cutoffs(
    result_or_model: CfaResult | str | ModelSyntax,
    *,
    n_replications: int = 500,
    n_persons: int | None = None,
    ordinal: bool | None = None,
    rng: Rng = None,
    between: Callable[[], None] | None = None,
) -> DynamicCutoffsResult:
    """Simulate which values of CFI, RMSEA and SRMR a model can have if it holds, and if it omits stated paths.

    Fixed cut-offs such as .06 hold for the models that they were simulated with; other loadings, numbers of items and
    of persons have others. A cut-off is about the stated misspecification alone: a model that meets it may be wrong in
    another way. It cannot be had for a model without degrees of freedom, whose fit is always perfect.

    Parameters
    ----------
    result_or_model : CfaResult, str or ModelSyntax
        A fitted model of one group; or a model in lavaan's syntax in which every loading and factor correlation is
        fixed to its standardised value, with ``n_persons``, for planning: ``f =~ .8*a + .7*b + .6*c + .5*d``.
    n_replications : int, default 500
        Data sets drawn for each level, 20 or more.
    n_persons : int, optional
        Persons of each data set. None takes those of the result.
    ordinal : bool, optional
        Whether answers are rating scales, so that data are cut at the observed thresholds. None takes ordered items as
        such, and items that are fitted as measurements if all of them have whole codes, of which nine or fewer are
        used.
    rng : int, Generator or None
        Seed or generator; None draws a seed, which is kept in ``provenance``.
    between : callable, optional
        Called before each batch of data sets; what it raises ends the simulation, so that long work can be stopped.

    Returns
    -------
    DynamicCutoffsResult
        ``cutoffs``, and the ``omitted`` paths of each level.

    Raises
    ------
    StatisticsError
        STA_OPTION_RANGE; STA_OPTION_CONFLICT (several groups, clusters, factors of factors, ordered beside other items,
        full information, a model text without ``n_persons`` or with ``ordinal``, or a model without degrees of
        freedom); STA_TOO_FEW_ITEMS (no level of misspecification can be made); STA_INADMISSIBLE and STA_NOT_CONVERGED
        (a result that is no population); STA_MODEL_SYNTAX (a model text without its standardised values).

    Warns
    -----
    STA_NOT_CONVERGED
        Data sets without a solution were left out.
    STA_UNDEFINED
        A level has no cut-off.

    Notes
    -----
    The population is the completely standardised solution (in the units of the items), at level 0 as it is, at higher
    levels with the paths that :func:`~toolkit.psychometrics.cfa.misspecification.levels_of_misspecification` adds;
    items keep their variances. The model as stated is fitted to each data set by the estimator of the result.
    At level 0 the cut-off of SRMR and RMSEA is the 95th percentile of the fits, that of CFI the 5th. At a higher level
    it is the 5th percentile of the misspecified fits (CFI the 95th), if no more than 5 % of the true models fail it;
    else the 10th, if no more than 10 % do; else there is none. These are the rules of McNeish and Wolf (2023). Theirs
    stops at 2,000 persons, this one does not.

    ML: covariance matrices are drawn from the Wishart distribution. MLR: normal answers, robust CFI and RMSEA. Rating
    scales: normal variables cut at the observed proportions; fitted as measurements, by the same estimator, this is the
    rule of McNeish (2024), which takes the standardised solution as that of the variables behind the answers, so that
    the correlations of the cut answers are somewhat lower than the observed ones. Ordered items: scaled CFI and RMSEA
    for WLSMV and ULSMV. Batches run through joblib: inside ``joblib.parallel_config`` they use its backend and workers.

    Validated by the rates at which true and misspecified models meet their cut-offs, by the chi-square distribution
    behind RMSEA, and by the misspecifications of the authors' rule worked by hand
    (``tests/unit/psychometrics/cfa/test_dynamic_cutoffs.py``).

    References
    ----------
    McNeish, D., & Wolf, M. G. (2023). Dynamic fit index cutoffs for confirmatory factor analysis models. Psychological
    Methods, 28, 61-88. https://doi.org/10.1037/met0000425

    McNeish, D., & Wolf, M. G. (2023). Dynamic fit index cutoffs for one-factor models. Behavior Research Methods, 55,
    1157-1174. https://doi.org/10.3758/s13428-022-01847-y

    McNeish, D. (2023). Dynamic fit index cutoffs for categorical factor analysis with Likert-type, ordinal, or binary
    responses. American Psychologist, 78, 1061-1075. https://doi.org/10.1037/amp0001213

    McNeish, D. (2024). Dynamic fit index cutoffs for treating Likert items as continuous. Psychological Methods.
    https://doi.org/10.1037/met0000683

    Examples
    --------
    >>> found = dynamic_fit_cutoffs("f =~ .8*a + .7*b + .7*c + .6*d", n_persons=300, n_replications=100, rng=1)
    >>> found.omitted[["lhs", "op", "rhs"]].iloc[0].tolist()
    ['d', '~~', 'b']
    """
    within(n_replications, name="n_replications", low=20, whole=True)
    if n_persons is not None:
        within(n_persons, name="n_persons", low=10, whole=True)
    study = (
        _study_of_result(result_or_model, n_persons, ordinal)
        if isinstance(result_or_model, CfaResult)
        else _study_of_text(result_or_model, n_persons, ordinal)
    )
    levels = levels_of_misspecification(study.model)
    random, seed = generator(rng)
    draws = _simulated(study, levels, int(n_replications), random, between)
    n_failed = (len(levels) + 1) * int(n_replications) - len(draws)
    cutoffs = _cutoffs(draws, len(levels) + 1, study.observed)
    return DynamicCutoffsResult(
        cutoffs=cutoffs,
        omitted=pd.DataFrame(
            [
                {"level": number, "lhs": path.lhs, "op": path.op, "rhs": path.rhs, "value": path.value}
                for number, paths in enumerate(levels, start=1)
                for path in paths
            ]
        ),
        draws=draws,
        n_levels=len(levels) + 1,
        n_replications=int(n_replications),
        n_failed=n_failed,
        ordinal=study.ordinal,
        n_persons=study.n,
        n_items=len(study.model.items),
        n_dropped=study.n_dropped,
        method=f"dynamic fit index cut-offs, {study.method}, measures {', '.join(study.names.values())}",
        warnings=_warnings(cutoffs, n_failed, (len(levels) + 1) * int(n_replications)),
        provenance=provenance(
            "dynamic_fit_cutoffs",
            {"n_replications": int(n_replications), "n_persons": study.n, "ordinal": study.ordinal},
            seed=seed,
        ),
    )


def _study_of_result(result: CfaResult, n_persons: int | None, ordinal: bool | None) -> _Study:
    fit = result._fitted
    model = fit.compiled.model
    _refuse_unusable(result)
    at = implied(fit.compiled.groups[0], fit.x)
    sd = np.sqrt(np.diag(at.Sigma))
    of_factor = np.sqrt(np.diag(at.V))
    matrices = at.matrices
    Theta = matrices["Theta"] / np.outer(sd, sd)
    off = Theta - np.diag(np.diag(Theta))
    standardized = StandardizedModel(
        items=model.items,
        factors=model.factors,
        Lambda=matrices["Lambda"] * of_factor / sd[:, None],
        Phi=at.V / np.outer(of_factor, of_factor),
        Theta=Theta,
        measured=_measured(model),
        correlated=(off != 0.0).any(axis=1) | _with_residual_covariance(model),
    )
    n = fit.n if n_persons is None else int(n_persons)
    values = _answers(fit.samples[0])
    cut = model.categorical or (_is_rating(values) if ordinal is None else ordinal)
    if model.categorical and ordinal is False:
        raise conflict(
            "ordinal=False with ordered items",
            why="A model of ordered items is fitted to ordered answers.",
            fix="Leave ordinal= out, or fit the model without ordered=.",
        )
    thresholds = _observed_thresholds(values) if cut else None
    suffix = ""
    if model.categorical:
        suffix = "" if fit.estimator == "DWLS" else ".scaled"
        refit: Callable[[Array], Refit] = ordinal_refit(fit.compiled, fit.estimator, fit.x, n, thresholds or ())
        method = f"{fit.estimator}, answers cut at the observed thresholds"
    elif fit.estimator == "MLR":
        suffix = ".robust"
        refit = robust_refit(fit.compiled, n, at.mu, sd, thresholds)
        method = f"MLR, {'rating scales cut at the observed thresholds (McNeish, 2024)' if cut else 'normal answers'}"
    else:
        refit = normal_refit(fit.compiled, fit.x, n, at.mu, sd, thresholds)
        method = f"ML, {'rating scales cut at the observed thresholds (McNeish, 2024)' if cut else 'Wishart matrices'}"
    names = {"srmr": "srmr", "rmsea": f"rmsea{suffix}", "cfi": f"cfi{suffix}"}
    return _Study(
        model=standardized,
        sd=sd,
        n=n,
        n_dropped=result.n_dropped,
        refit=refit,
        names=MappingProxyType(names),
        observed=MappingProxyType({measure: float(result.fit[name]) for measure, name in names.items()}),
        ordinal=cut,
        method=method,
    )


def _study_of_text(text: str | ModelSyntax, n_persons: int | None, ordinal: bool | None) -> _Study:
    syntax = parse_model(text) if isinstance(text, str) else text
    if n_persons is None or ordinal:
        raise conflict(
            "a model text" + (", ordinal=True" if ordinal else " without n_persons="),
            why="A text knows neither how many persons there are nor how they answered.",
            fix="Give n_persons=, or the result of cfa() for rating scales.",
        )
    standardized = _standardized_of_text(syntax)
    bare = ModelSyntax(
        text=syntax.text,
        statements=tuple(
            type(entry)(lhs=entry.lhs, op=entry.op, rhs=entry.rhs, line=entry.line, column=entry.column)
            for entry in syntax.statements
        ),
        factors=syntax.factors,
        items=syntax.items,
    )
    model = specify(bare, ModelDefaults(n_thresholds={}, std_lv=True))
    use = compiled(model)
    p = len(model.items)
    if p * (p + 1) // 2 <= use.q:
        raise _without_freedom()
    return _Study(
        model=standardized,
        sd=np.ones(p),
        n=int(n_persons),
        n_dropped=0,
        refit=normal_refit(use, None, int(n_persons), np.zeros(p), np.ones(p), None),
        names=MappingProxyType({measure: measure for measure in MEASURES}),
        observed=MappingProxyType(dict.fromkeys(MEASURES, float("nan"))),
        ordinal=False,
        method="ML, Wishart matrices",
    )


def _standardized_of_text(syntax: ModelSyntax) -> StandardizedModel:
    """Read the standardised values that a model text fixes."""
    items, factors = syntax.items, syntax.factors
    Lambda, Phi, residual = np.zeros((len(items), len(factors))), np.eye(len(factors)), np.zeros((len(items),) * 2)
    measured = np.zeros(Lambda.shape, dtype=bool)
    for entry in syntax.statements:
        fixed = entry.modifiers[0].fixed if entry.modifiers else None
        if entry.op == "=~" and entry.rhs in factors:
            raise factors_of_factors()
        if entry.op not in {"=~", "~~"} or fixed is None or entry.lhs == entry.rhs:
            raise _unstandardized(f"{entry.lhs} {entry.op} {entry.rhs}".rstrip(), entry.line)
        if entry.op == "=~":
            place = items.index(entry.rhs), factors.index(entry.lhs)
            Lambda[place], measured[place] = fixed, True
        elif entry.lhs in factors:
            i, j = factors.index(entry.lhs), factors.index(entry.rhs)
            Phi[i, j] = Phi[j, i] = fixed
        else:
            i, j = items.index(entry.lhs), items.index(entry.rhs)
            residual[i, j] = residual[j, i] = fixed
    communality = np.einsum("ij,jk,ik->i", Lambda, Phi, Lambda)
    if (communality >= 1.0).any() or np.linalg.eigvalsh(Phi)[0] <= 0.0:
        raise _unstandardized("loadings that explain all variance, or impossible factor correlations", None)
    root = np.sqrt(1.0 - communality)
    np.fill_diagonal(residual, 1.0)
    return StandardizedModel(
        items=items,
        factors=factors,
        Lambda=Lambda,
        Phi=Phi,
        Theta=residual * np.outer(root, root),
        measured=measured,
        correlated=(residual != 0.0).sum(axis=1) > 1,
    )


def _unstandardized(got: str, line: int | None) -> StatisticsError:
    return StatisticsError(
        Problem(
            code=Code.STA_MODEL_SYNTAX,
            what="A model that stands for a population needs a standardised value for each loading and correlation.",
            line=line,
            got=got,
            allowed="f =~ .8*a + .7*b, f ~~ .3*g, a ~~ .2*b (a residual correlation)",
            fix="Fix every loading and correlation to its standardised value, and leave variances out.",
        )
    )


def _measured(model: Model) -> Any:
    found = np.zeros((len(model.items), len(model.factors)), dtype=bool)
    for row in model.parameters:
        if row.op == "=~" and row.rhs in model.items and (row.free or row.value):
            found[model.items.index(row.rhs), model.factors.index(row.lhs)] = True
    return found


def _with_residual_covariance(model: Model) -> Any:
    named = {
        side
        for row in model.parameters
        if row.op == "~~" and row.lhs != row.rhs and row.lhs in model.items and (row.free or row.value)
        for side in (row.lhs, row.rhs)
    }
    return np.array([item in named for item in model.items])


def _refuse_unusable(result: CfaResult) -> None:
    """Refuse a result from which no population of one group can be made."""
    fit = result._fitted
    model = fit.compiled.model
    fault = None
    if model.n_groups > 1:
        fault = "several groups"
    elif fit.n_clusters:
        fault = "clusters"
    elif any(sample.patterns or np.isnan(sample.values).any() for sample in fit.samples):
        fault = "answers with gaps"
    elif model.ordered and len(model.ordered) < len(model.items):
        fault = "ordered beside other items"
    if fault:
        raise conflict(
            fault,
            why="Cut-offs are simulated for one group of unrelated persons with complete answers of one kind.",
            fix="Fit the model to one group, without cluster= and with missing='listwise'.",
        )
    if any(row.op == "=~" and row.rhs in model.factors for row in model.parameters):
        raise factors_of_factors()
    if fit.model.df == 0:
        raise _without_freedom()
    if not result.converged or not result.admissible:
        raise StatisticsError(
            Problem(
                code=Code.STA_INADMISSIBLE if result.converged else Code.STA_NOT_CONVERGED,
                what="No population has these estimates, so that no data can be drawn from them.",
                got="; ".join(result.improper) or "a search without a minimum",
                fix="Find a model with an admissible solution first.",
            )
        )


def _without_freedom() -> StatisticsError:
    return conflict(
        "a model with 0 degrees of freedom",
        why="Such a model fits every data set, so that its fit says nothing.",
        fix="Give a model with more items or fewer free parameters.",
    )


def _answers(sample: GroupSample) -> Array:
    return np.asarray(sample.values, dtype=np.float64)


def _is_rating(values: Array) -> bool:
    return bool((values == np.round(values)).all()) and all(np.unique(column).size <= MOST_CODES for column in values.T)


def _observed_thresholds(values: Array) -> tuple[tuple[Array, Array], ...]:
    """Return each item's codes and its thresholds on the scale of a standard normal variable."""
    found = []
    for column in values.T:
        codes, counts = np.unique(column, return_counts=True)
        found.append((codes, special.ndtri(np.cumsum(counts)[:-1] / column.size)))
    return tuple(found)


def _simulated(
    study: _Study,
    levels: Sequence[tuple[OmittedPath, ...]],
    n_replications: int,
    random: np.random.Generator,
    between: Callable[[], None] | None,
) -> pd.DataFrame:
    """Return the fits of all data sets that have a solution."""
    sizes = [min(_BATCH, n_replications - first) for first in range(0, n_replications, _BATCH)]
    refits = [study.refit(with_paths(study.model, paths)) for paths in ((), *levels)]
    tasks = [(level, size) for level in range(len(refits)) for size in sizes]

    def batches() -> Iterator[Any]:
        for (level, size), stream in zip(tasks, random.spawn(len(tasks)), strict=True):
            if between is not None:
                between()
            yield delayed(_batch)(refits[level], size, stream)

    done = Parallel(prefer="threads")(batches())
    fits = np.concatenate(done)
    level = np.repeat([level for level, _ in tasks], [size for _, size in tasks])
    frame = pd.DataFrame(fits, columns=list(MEASURES))
    frame.insert(0, "level", level)
    frame.insert(1, "replicate", frame.groupby("level").cumcount())
    return frame.dropna().reset_index(drop=True)


@on_one_thread
def _batch(refit: Refit, size: int, random: np.random.Generator) -> Array:
    """Draw data sets and fit the model: SRMR, RMSEA and CFI of each, shape (size, 3)."""
    return np.array([refit(random) for _ in range(size)])


def _cutoffs(draws: pd.DataFrame, n_levels: int, observed: Mapping[str, float]) -> pd.DataFrame:
    rows = []
    for level in range(n_levels):
        for measure in MEASURES:
            # Larger is worse in every measure once CFI is turned round.
            sign = -1.0 if measure == "cfi" else 1.0
            true, wrong = (sign * draws.loc[draws["level"] == number, measure].to_numpy() for number in (0, level))
            rows.append({"level": level, "measure": measure} | _row(true, wrong, level, sign, observed[measure]))
    return pd.DataFrame(rows)


def _row(true: Array, wrong: Array, level: int, sign: float, observed: float) -> dict[str, object]:
    nan = float("nan")
    limit = float(np.quantile(true, 0.95)) if true.size else nan
    cutoff, rule = (limit, RULES[0][1]) if level == 0 else _separating(true, wrong)
    known = np.isfinite(cutoff)
    return {
        "cutoff": sign * cutoff,
        "rule": rule,
        "specificity": float((true <= cutoff).mean()) if known else nan,
        "sensitivity": float((wrong >= cutoff).mean()) if known and level else nan,
        "detected": float((wrong > limit).mean()) if level and wrong.size else nan,
        "observed": observed,
        "met": bool(sign * observed <= cutoff) if known and np.isfinite(observed) else None,
    }


def _separating(true: Array, wrong: Array) -> tuple[float, str]:
    """Return the value that tells misspecified fits from true ones, by the first rule that can be kept."""
    if true.size and wrong.size:
        for share, rule in RULES:
            cutoff = float(np.quantile(wrong, 1.0 - share))
            if np.quantile(true, share) <= cutoff:
                return cutoff, rule
    return float("nan"), "none"


def _warnings(cutoffs: pd.DataFrame, n_failed: int, n: int) -> tuple[Problem, ...]:
    found = []
    if n_failed:
        found.append(
            Problem(
                code=Code.STA_NOT_CONVERGED,
                what="Simulated data sets without a solution were left out.",
                got=f"{n_failed} of {n}",
                fix="With many of them, use more persons or a simpler model.",
            )
        )
    lacking = cutoffs[cutoffs["rule"] == "none"]
    if len(lacking):
        names = ", ".join(f"{row.measure} at level {row.level}" for row in lacking.itertuples())
        found.append(undefined(names, "Fits of the true and of the misspecified model overlap too much."))
    return tuple(found)
