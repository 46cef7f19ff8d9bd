"""Confirmation on other persons: a model that some suggested, tested on the rest; or a stated one, cross-validated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._inputs import complete, item_columns, too_few
from toolkit.psychometrics._numerics import Array, Counts, Rng, generator
from toolkit.psychometrics._options import conflict, within
from toolkit.psychometrics._result import Result, provenance, undefined
from toolkit.psychometrics._threads import on_one_thread
from toolkit.psychometrics.cfa.cfa import CfaResult, cfa, samples_of
from toolkit.psychometrics.cfa.discrepancy import LeastSquares, NormalDiscrepancy
from toolkit.psychometrics.cfa.fit_indices import standardized_root_mean_square_residual
from toolkit.psychometrics.cfa.fitting import LIKELIHOOD, Estimator
from toolkit.psychometrics.cfa.moments import GroupSample, frame_of
from toolkit.psychometrics.cfa.syntax import ModelSyntax, parse_model
from toolkit.psychometrics.factors.efa import EfaResult, efa
from toolkit.psychometrics.factors.rotation import Rotation

ConfirmationDesign = Literal["explored, then confirmed", "stated, cross-validated"]
"""Whether the model comes from some of the persons and is tested on the others, or was stated and is fitted to all but
one part of the persons in turn."""
NAN = float("nan")
_MEASURES = ("chisq", "df", "pvalue", "cfi", "tli", "rmsea", "rmsea.ci.lower", "rmsea.ci.upper", "srmr")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SplitConfirmationResult(Result):
    """A model and how it does with persons who had no part in it.

    Attributes
    ----------
    design : str
        "explored, then confirmed" or "stated, cross-validated".
    model : str
        The model, in lavaan's syntax.
    cvi : float
        Cross-validation index: mean discrepancy between the moments of held-out persons and those that the model,
        fitted to the others, implies. Smaller is better; only models of the same items and persons compare.
    cvi_saturated, cvi_independence : float
        The same for the others' own moments, and for items without any correlation.
    cvi_expected : float
        What ``cvi`` would be on average in samples of these sizes, from the fit of one sample. NaN for ordered items.
    ecvi : float
        Browne and Cudeck's expected cross-validation index of one sample, F + 2 q / N: of all persons for a stated
        model, of the confirming ones otherwise. NaN for ordered items.
    folds : DataFrame
        One row a part that was held out: fold, n_fitted, n_held_out, cvi, cvi_saturated, cvi_independence, srmr
        (of the held-out persons), converged, admissible.
    fits : DataFrame, shape (1 or 2, 11)
        Fit of the model by rows: "explored", to the persons that suggested the model, which is no test of it, and
        "confirmed", to the others; or "all" persons for a stated model. Columns n and lavaan's names of measures.
    loadings : DataFrame
        Columns factor, item, explored (the pattern loading), confirmed (standardised) and se; without exploring, NaN in
        explored.
    left_out : tuple of str
        Items without a salient loading, which the model therefore does not have.
    explored : EfaResult or None
        The exploratory solution; None for a stated model.
    confirmed : CfaResult
        The model fitted to the confirming persons; for a stated model, to all.
    n_explored, n_confirmed, n_folds : int
        Persons that suggested the model (0 for a stated one), persons it was fitted to for ``confirmed``, and parts.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The variant in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options, seed and versions.
    """

    design: ConfirmationDesign
    model: str
    cvi: float
    cvi_saturated: float
    cvi_independence: float
    cvi_expected: float
    ecvi: float
    folds: pd.DataFrame
    fits: pd.DataFrame
    loadings: pd.DataFrame
    left_out: tuple[str, ...]
    explored: EfaResult | None
    confirmed: CfaResult
    n_explored: int
    n_confirmed: int
    n_folds: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the fits, one row a set of persons."""
        return self.fits.copy()


@on_one_thread
def split_confirmation(
    df: pd.DataFrame,
    *,
    n_factors: int | None = None,
    model: str | ModelSyntax | None = None,
    share: float = 0.5,
    n_folds: int = 5,
    salient: float = 0.4,
    rotation: Rotation = "oblimin",
    ordered: bool = False,
    estimator: Estimator | None = None,
    rng: Rng = None,
    between: Callable[[], None] | None = None,
) -> SplitConfirmationResult:
    """Explore with some persons and confirm with the others; or cross-validate a stated model.

    A model that was found in the same answers is not confirmed by them: it has taken their chance features on board.
    With ``n_factors`` the factors are explored in a random part of the persons, and the model that their pattern gives
    is fitted to the rest. With ``model`` nothing is explored. Other persons of the same sample are not another sample:
    what the sample itself is like, both parts share.

    Parameters
    ----------
    df : DataFrame, shape (n_persons, n_columns)
        One row a person; a column of numeric codes for every item, NaN for a missing answer. With ``n_factors`` all
        columns are items; with ``model`` those that it names. Persons with a missing answer are left out.
    n_factors : int, optional
        Explore so many factors. Give this or ``model``.
    model : str or ModelSyntax, optional
        A model that was stated beforehand, of one group. Give this or ``n_factors``.
    share : float, default 0.5
        Share of the persons that explore, between 0 and 1; with ``n_factors`` only.
    n_folds : int, default 5
        Parts of the persons, each held out once, 2 or more; with ``model`` only.
    salient : float, default 0.4
        Smallest absolute pattern loading that puts an item into the model, between 0 and 1.
    rotation : str, default "oblimin"
        As in :func:`~toolkit.psychometrics.factors.efa.efa`.
    ordered : bool, default False
        Whether the items are ordered answers with few categories: polychoric correlations and WLSMV.
    estimator : {"ML", "MLR", "ULSMV", "DWLS", "WLSMV"}, optional
        As in :func:`~toolkit.psychometrics.cfa.cfa.cfa`.
    rng : int, Generator or None
        Seed or generator of the split and the rotation's starts; None draws a seed, which is kept in ``provenance``.
    between : callable, optional
        Called before each model that is fitted; what it raises ends the analysis.

    Returns
    -------
    SplitConfirmationResult
        ``design`` says which of the two it is; ``fits`` and ``cvi``.

    Raises
    ------
    StatisticsError
        STA_OPTION_CONFLICT (both or none of ``n_factors`` and ``model``), STA_OPTION_RANGE, STA_TOO_FEW_ITEMS (a factor
        without enough salient items), STA_TOO_FEW_PERSONS, STA_EMPTY_IN_GROUP (nobody of a part gave a code), and the
        codes of :func:`~toolkit.psychometrics.factors.efa.efa` and :func:`~toolkit.psychometrics.cfa.cfa.cfa`.

    Warns
    -----
    STA_NOT_CONVERGED, STA_UNDEFINED
        In ``warnings``, with those of both analyses.

    Notes
    -----
    From pattern to model: an item belongs to the factor of its largest absolute loading, if that is salient, and to no
    other; items of a factor stand in order of their loadings, so that the strongest is the marker. A factor needs two
    items, a single factor three. Minimum residuals extract the factors.

    The cross-validation index is ``F(S_v, Sigma(x_c))`` with the moments S_v of held-out persons and the estimates x_c
    of the others (Cudeck & Browne, 1983): the maximum likelihood discrepancy, or for ordered items diagonally weighted
    least squares with the held-out persons' weights. In the split design the confirming half is held out once, from the
    model as fitted to the exploring half. For p items, p* = p (p + 1) / 2 moments and q parameters, one sample of N
    with discrepancy F gives ``ecvi = F + 2 q / N`` and, for n_c and n_v persons, ``cvi_expected = F - (p* - q) / N +
    p* / n_v + q / n_c``.

    Validated by the expectation of the index in samples with a known truth, and against lavaan's ``ecvi``
    (``tests/unit/psychometrics/cfa/test_confirmation.py``).

    References
    ----------
    Cudeck, R., & Browne, M. W. (1983). Cross-validation of covariance structures. Multivariate Behavioral Research, 18,
    147-167. https://doi.org/10.1207/s15327906mbr1802_2

    Browne, M. W., & Cudeck, R. (1989). Single sample cross-validation indices for covariance structures. Multivariate
    Behavioral Research, 24, 445-455. https://doi.org/10.1207/s15327906mbr2404_4

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> truth = [[.8, 0], [.7, 0], [.7, 0], [0, .8], [0, .7], [0, .6]]
    >>> answers = pm.simulate_ordinal(truth, thresholds=[-1, 0, 1], n_persons=600, rng=1)
    >>> result = split_confirmation(answers, n_factors=2, rng=1)
    >>> result.design, result.n_explored, result.n_confirmed
    ('explored, then confirmed', 300, 300)
    """
    if (n_factors is None) == (model is None):
        raise conflict(
            f"n_factors={n_factors!r}, model={'...' if model is not None else None}",
            why="A model is either explored or stated.",
            fix="Give n_factors= to explore with some persons, or model= for a model that was stated beforehand.",
        )
    within(share, name="share", low=0.0, high=1.0, open_ends=True)
    within(salient, name="salient", low=0.0, high=1.0, open_ends=True)
    within(n_folds, name="n_folds", low=2, whole=True)
    random, seed = generator(rng)
    syntax = parse_model(model) if isinstance(model, str) else model
    items = item_columns(df) if syntax is None else syntax.items
    used = _complete_persons(df, items)
    fitting = _Fitting(ordered=ordered, estimator=estimator, between=between or (lambda: None))
    order = random.permutation(len(used))
    explored: EfaResult | None = None
    left_out: tuple[str, ...] = ()
    warnings: list[Problem] = []
    if syntax is None:
        n_explored = round(share * len(used))
        one, other = used.iloc[np.sort(order[:n_explored])], used.iloc[np.sort(order[n_explored:])]
        fitting.between()
        explored = efa(
            one,
            n_factors=int(n_factors or 0),
            rotation=rotation,
            correlation="polychoric" if ordered else "pearson",
            rng=random,
        )
        text, left_out = model_of_pattern(explored.loadings, salient=salient)
        found = {"explored": fitting.fit(one, text), "confirmed": fitting.fit(other, text)}
        folds = pd.DataFrame([_held_out(1, found["explored"], other, ordered)])
        warnings += explored.warnings
    else:
        text, n_explored = syntax.text, 0
        found = {"all": fitting.fit(used, text)}
        rows = []
        for number, held in enumerate(np.array_split(order, int(n_folds)), start=1):
            rest = np.setdiff1d(order, held)
            fit = fitting.fit(used.iloc[rest], text)
            rows.append(_held_out(number, fit, used.iloc[np.sort(held)], ordered))
        folds = pd.DataFrame(rows)
    confirmed = found["confirmed" if syntax is None else "all"]
    warnings += [problem for problem in confirmed.warnings if problem not in warnings]
    ecvi, expected = _expected(confirmed, folds)
    if not np.isfinite(ecvi):
        warnings.append(undefined("ecvi, cvi_expected", "They are defined for maximum likelihood."))
    if not folds["converged"].all():
        warnings.append(_lost(int((~folds["converged"]).sum()), len(folds)))
    usable = folds[folds["converged"]]
    design: ConfirmationDesign = "explored, then confirmed" if syntax is None else "stated, cross-validated"
    return SplitConfirmationResult(
        design=design,
        model=text,
        cvi=float(usable["cvi"].mean()),
        cvi_saturated=float(usable["cvi_saturated"].mean()),
        cvi_independence=float(usable["cvi_independence"].mean()),
        cvi_expected=expected,
        ecvi=ecvi,
        folds=folds,
        fits=pd.DataFrame(
            {name: {"n": fit.n_persons} | {m: fit.fit[m] for m in _MEASURES} for name, fit in found.items()}
        ).T.rename_axis("persons"),
        loadings=_loadings(confirmed, explored),
        left_out=left_out,
        explored=explored,
        confirmed=confirmed,
        n_explored=n_explored,
        n_confirmed=confirmed.n_persons,
        n_folds=len(folds),
        n_persons=len(used),
        n_items=len(items),
        n_dropped=len(df) - len(used),
        method=f"{design}: {_method(explored, confirmed, len(folds))}",
        warnings=tuple(warnings),
        provenance=provenance(
            "split_confirmation",
            {
                "n_factors": n_factors,
                "model": None if syntax is None else text,
                "share": share,
                "n_folds": int(n_folds),
                "salient": salient,
                "rotation": rotation,
                "ordered": ordered,
                "estimator": confirmed.estimator,
            },
            seed=seed,
        ),
    )


def model_of_pattern(loadings: pd.DataFrame, *, salient: float) -> tuple[str, tuple[str, ...]]:
    """Return the model of simple structure that a pattern gives, in lavaan's syntax, and the items it leaves out.

    Parameters
    ----------
    loadings : DataFrame, shape (n_items, n_factors)
        Pattern loadings.
    salient : float
        Smallest absolute loading that puts an item into the model.

    Raises
    ------
    StatisticsError
        STA_TOO_FEW_ITEMS (a factor with fewer than two salient items, a single factor with fewer than three).
    """
    size = loadings.abs().to_numpy()
    items = [str(item) for item in loadings.index]
    own = size.argmax(axis=1)
    strongest = size.max(axis=1)
    minimum = 3 if loadings.shape[1] == 1 else 2
    lines = []
    for number, name in enumerate(_names(items, loadings.shape[1])):
        mine = np.flatnonzero((own == number) & (strongest >= salient))
        if mine.size < minimum:
            problem = too_few(
                Code.STA_TOO_FEW_ITEMS, f"items with a salient loading on {name}", int(mine.size), minimum
            )
            raise StatisticsError(problem)
        lines.append(f"{name} =~ " + " + ".join(items[j] for j in mine[np.argsort(-strongest[mine], kind="stable")]))
    return "\n".join(lines), tuple(items[j] for j in np.flatnonzero(strongest < salient))


def _names(items: list[str], n_factors: int) -> list[str]:
    stem = "factor"
    while any(item.startswith(stem) for item in items):
        stem += "_"
    return [f"{stem}{number + 1}" for number in range(n_factors)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fitting:
    """How models are fitted here."""

    ordered: bool
    estimator: Estimator | None
    between: Callable[[], None]

    def fit(self, df: pd.DataFrame, text: str) -> CfaResult:
        """Fit a model."""
        self.between()
        return cfa(df, text, ordered=self.ordered, estimator=self.estimator)


def _complete_persons(df: pd.DataFrame, items: tuple[str, ...]) -> pd.DataFrame:
    frame = frame_of(df, items, group=None, cluster=None, keep_missing=False)
    rows: Counts = frame.rows[0]
    complete(df[list(items)].iloc[rows])
    return df[list(items)].iloc[rows]


def _held_out(number: int, fit: CfaResult, held: pd.DataFrame, ordered: bool) -> dict[str, object]:
    """Return how far held-out persons are from what the model, fitted to others, implies."""
    inner = fit._fitted
    model = inner.compiled.model
    frame = frame_of(held, model.items, group=None, cluster=None, keep_missing=False)
    (sample,) = samples_of(frame, model.ordered, "listwise")
    trained = inner.samples[0]
    found = _ordinal_indices(fit, sample, trained, number) if ordered else _normal_indices(fit, sample, trained)
    return {
        "fold": number,
        "n_fitted": fit.n_persons,
        "n_held_out": sample.n,
        "cvi": found[0] if fit.converged else NAN,
        "cvi_saturated": found[1],
        "cvi_independence": found[2],
        "srmr": standardized_root_mean_square_residual(inner.compiled, (sample,), inner.x),
        "converged": fit.converged,
        "admissible": fit.admissible,
    }


def _normal_indices(fit: CfaResult, held: GroupSample, trained: GroupSample) -> tuple[float, float, float]:
    inner = fit._fitted
    means = inner.compiled.model.mean_structure
    away = held.mean - trained.mean if means else np.zeros(held.mean.size)
    moments = held.S + np.outer(away, away)
    constant = float(np.linalg.slogdet(held.S)[1]) + held.mean.size

    def discrepancy(Sigma: Array) -> float:
        trace = float(np.trace(np.linalg.solve(Sigma, moments)))
        return float(np.linalg.slogdet(Sigma)[1]) + trace - constant

    return (
        NormalDiscrepancy(inner.compiled, (held,)).value(inner.x),
        discrepancy(trained.S),
        discrepancy(np.diag(np.diag(trained.S))),
    )


def _ordinal_indices(
    fit: CfaResult, held: GroupSample, trained: GroupSample, number: int
) -> tuple[float, float, float]:
    inner = fit._fitted
    if held.ordinal is None or trained.ordinal is None:
        return (NAN,) * 3
    s_v, s_c = held.ordinal.statistics, trained.ordinal.statistics
    if s_v.size != s_c.size:
        raise StatisticsError(
            Problem(
                code=Code.STA_EMPTY_IN_GROUP,
                what="A code is given by nobody of one part of the persons, so that thresholds cannot be compared.",
                got=f"part {number}: {s_v.size} statistics of the held-out persons, {s_c.size} of the others",
                fix="Join the code with its neighbour, or hold out larger parts.",
            )
        )
    W = np.ones(s_v.size) if inner.estimator == "ULSMV" else 1.0 / np.diag(held.ordinal.gamma)
    p = held.mean.size
    independent = s_c.copy()
    independent[s_c.size - p * (p - 1) // 2 :] = 0.0
    return (
        float(LeastSquares(inner.compiled, (held,), (W,)).value_of_groups(inner.x)[0]),
        float(W @ (s_v - s_c) ** 2),
        float(W @ (s_v - independent) ** 2),
    )


def _expected(confirmed: CfaResult, folds: pd.DataFrame) -> tuple[float, float]:
    """Return ECVI, and what the cross-validation index should be for the sizes of the parts."""
    inner = confirmed._fitted
    if inner.estimator not in LIKELIHOOD:
        return NAN, NAN
    N, q = inner.n, inner.x.size
    F = inner.model.value / N
    moments = q + inner.model.df
    per_fold = moments / folds["n_held_out"] + q / folds["n_fitted"]
    return F + 2.0 * q / N, F - (moments - q) / N + float(per_fold.mean())


def _loadings(confirmed: CfaResult, explored: EfaResult | None) -> pd.DataFrame:
    table = confirmed.standardized
    table = table[table["op"] == "=~"].reset_index(drop=True)
    pattern = pd.Series(NAN, index=table.index)
    if explored is not None:
        strongest = explored.loadings.abs().to_numpy().argmax(axis=1)
        own = dict(
            zip(
                explored.loadings.index.astype(str),
                explored.loadings.to_numpy()[np.arange(strongest.size), strongest],
                strict=True,
            )
        )
        pattern = table["rhs"].map(own)
    return pd.DataFrame(
        {
            "factor": table["lhs"],
            "item": table["rhs"],
            "explored": pattern.astype(float),
            "confirmed": table["est"],
            "se": table["se"],
        }
    )


def _method(explored: EfaResult | None, confirmed: CfaResult, n_folds: int) -> str:
    if explored is not None:
        return f"{explored.method} in {explored.n_persons} persons; {confirmed.method} in {confirmed.n_persons} others"
    return f"{confirmed.method}, {n_folds} parts of the persons held out in turn"


def _lost(n_lost: int, n: int) -> Problem:
    return Problem(
        code=Code.STA_NOT_CONVERGED,
        what="Parts in which the model had no solution are not in the cross-validation index.",
        got=f"{n_lost} of {n}",
        fix="Simplify the model, or use fewer parts.",
    )
