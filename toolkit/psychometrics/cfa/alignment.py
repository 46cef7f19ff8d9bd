"""Alignment: comparing factor means of many groups where some loadings and intercepts differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import linalg

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._inputs import too_few
from toolkit.psychometrics._numerics import Array, Flags, Rng, generator
from toolkit.psychometrics._options import conflict, one_of, within
from toolkit.psychometrics._result import Result, provenance
from toolkit.psychometrics._threads import on_one_thread
from toolkit.psychometrics.cfa._matrices import Values, complex_slopes
from toolkit.psychometrics.cfa.chi_square import upper_tail
from toolkit.psychometrics.cfa.fit_indices import comparative_fit_index, root_mean_square_error
from toolkit.psychometrics.cfa.fitting import FittedModel, fit_model
from toolkit.psychometrics.cfa.invariant_groups import invariant_set
from toolkit.psychometrics.cfa.model import ModelDefaults, specify
from toolkit.psychometrics.cfa.moments import frame_of, normal_samples
from toolkit.psychometrics.cfa.simplicity import Aligned, Alignment, dependence, minimum
from toolkit.psychometrics.cfa.syntax import ModelSyntax, parse_model

AlignmentEstimator = Literal["ML", "MLR"]
"""Maximum likelihood; MLR with robust covariances of the configural estimates."""
Optimisation = Literal["FIXED", "FREE"]
"""``FIXED`` gives the reference group the mean 0; ``FREE`` estimates its mean too."""
MOST_NONINVARIANT = 0.25
FEW_PERSONS = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlignmentResult(Result):
    """Factor means and variances of groups, aligned.

    Attributes
    ----------
    means : DataFrame, shape (n_groups * n_factors, 7)
        Columns factor, group, n, mean, mean_se, variance, variance_se, in units of the reference group's factor.
    items : DataFrame, shape (2 * n_items, 8)
        One row a loading or intercept: item, factor, kind ("loading" or "intercept"), ``average`` over the invariant
        groups, weighted by persons, ``r2``, the share of the groups' variation of the configural estimates that factor
        means and variances explain (NaN without variation), ``contribution`` to the simplicity function,
        ``n_invariant`` groups, and ``differs_in``, the groups in which it differs.
    estimates : DataFrame, shape (2 * n_items * n_groups, 8)
        Columns item, factor, kind, group, configural, aligned, se, invariant.
    share_noninvariant : float
        Share of the loadings and intercepts of all groups that differ.
    simplicity : float
        Value of the simplicity function, over all factors.
    fit : mapping of str to float
        Fit of the configural model: chisq, df, pvalue, cfi, rmsea, srmr.
    converged : bool
        Whether the simplicity function reached a minimum for every factor.
    groups : tuple of str
        In order of first appearance; the first is the reference.
    n_of_groups : tuple of int
        Persons of each.
    n_starts, n_best : int
        Searches a factor, and how many ended at the best value (of the factor where the fewest did).
    n_groups, n_persons, n_items, n_dropped : int
        Groups, persons used, items, and persons left out.
    method : str
        The variant in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options, seed and versions.
    """

    means: pd.DataFrame
    items: pd.DataFrame
    estimates: pd.DataFrame
    share_noninvariant: float
    simplicity: float
    fit: Mapping[str, float]
    converged: bool
    groups: tuple[str, ...]
    n_of_groups: tuple[int, ...]
    n_starts: int
    n_best: int
    n_groups: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the means and variances."""
        return self.means.copy()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Factor:
    """One factor, aligned: estimates in the reported metric and their covariances, loadings before intercepts."""

    name: str
    items: tuple[str, ...]
    problem: Alignment
    found: Aligned
    alpha: Array
    psi: Array
    of_moments: Array
    loadings: Array
    intercepts: Array
    of_tables: Array
    curved: bool


@on_one_thread
def alignment(
    df: pd.DataFrame,
    model: str | ModelSyntax,
    *,
    group: str | Sequence[object] | pd.Series,
    estimator: AlignmentEstimator = "ML",
    optimisation: Optimisation = "FIXED",
    epsilon: float = 0.01,
    alpha: float = 0.001,
    n_starts: int = 10,
    rng: Rng = None,
) -> AlignmentResult:
    """Align the factors of many groups, so that as few loadings and intercepts as possible differ much.

    With ten or a hundred groups no scale has equal loadings and intercepts everywhere. Alignment takes the configural
    model and chooses means and variances of the factors that leave most parameters nearly equal and a few different. It
    rests on the assumption that most are: where many differ, the means are not comparable either. It is no test of
    invariance; with few groups use :func:`~toolkit.psychometrics.cfa.invariance.invariance`.

    Parameters
    ----------
    df : DataFrame, shape (n_persons, n_columns)
        One row a person; a column of numeric codes, taken as measurements, for every item of the model. Persons with a
        missing answer are left out.
    model : str or ModelSyntax
        Factors of which each item measures one, in lavaan's syntax, without fixed or equal loadings.
    group : str, sequence or Series
        A column, or one value a person. Groups stand in order of first appearance; the first is the reference.
    estimator : {"ML", "MLR"}, default "ML"
        Of the configural model, in each group.
    optimisation : {"FIXED", "FREE"}, default "FIXED"
        Whether the reference group's mean is 0 while aligning, or estimated. FREE needs three groups and some
        non-invariance: it is hardly identified where all loadings are equal.
    epsilon : float, default 0.01
        What smooths the loss, more than 0.
    alpha : float, default 0.001
        Level at which a parameter differs from the average of the invariant groups.
    n_starts : int, default 10
        Searches, 1 or more.
    rng : int, Generator or None
        Seed or generator of the starts; None draws a seed, which is kept in ``provenance``.

    Returns
    -------
    AlignmentResult
        ``means``, and in ``items`` which parameters differ in which groups.

    Raises
    ------
    StatisticsError
        STA_OPTION_CONFLICT (items of two factors, factors of factors, fixed or equal loadings; FREE with two groups),
        STA_TOO_FEW_ITEMS (a factor with fewer than two items), STA_TOO_FEW_PERSONS (also in a group, and fewer than two
        groups), STA_NOT_CONVERGED (the model in a group), STA_UNKNOWN_OPTION, STA_OPTION_RANGE, and the codes of
        :func:`~toolkit.psychometrics.cfa.cfa.cfa`.

    Warns
    -----
    STA_NOT_INVARIANT
        More than 25 % of the loadings and intercepts differ.
    STA_TOO_FEW_PERSONS
        A group has fewer than 100 persons.
    STA_INADMISSIBLE
        The configural model has an impossible solution in a group.
    STA_NOT_CONVERGED
        The simplicity function did not reach a minimum.
    STA_NOT_IDENTIFIED
        The simplicity function is flat in some direction.

    Notes
    -----
    ``F = sum over items and pairs of groups of sqrt(N_g N_h) [f(lambda_g - lambda_h) + f(nu_g - nu_h)]`` with ``f(x) =
    sqrt(sqrt(x^2 + epsilon))``, ``lambda_g = lambda_g0 / sqrt(psi_g)`` and ``nu_g = nu_g0 - alpha_g lambda_g``, is made
    small while the product of the psi is 1; results are then in units of the reference group's factor, whose variance
    is 1. Each factor is aligned by itself; a factor that points the other way in a group is turned.

    Standard errors: implicit slopes of the minimum in the configural estimates and their covariances. Which groups are
    invariant in a parameter: groups whose estimates do not differ at .01 are connected; the largest connected set
    begins; then, again and again, groups that differ at ``alpha`` from the average of the set leave it and others that
    do not join it, until nothing changes. ``r2`` of loadings is ``1 - Var(lambda_0 - sqrt(psi) lambda) /
    Var(lambda_0)``, of intercepts ``1 - Var(nu_0 - nu - alpha lambda) / Var(nu_0)``, with averages lambda and nu.

    Validated by simulations with a known truth (15 groups with biased intercepts: 95 % intervals cover 92 to 94 %), an
    example of two groups by hand and slopes by differences (``tests/unit/psychometrics/cfa/test_alignment.py``).

    References
    ----------
    Asparouhov, T., & Muthen, B. (2014). Multiple-group factor analysis alignment. Structural Equation Modeling, 21,
    495-508. https://doi.org/10.1080/10705511.2014.919210

    Muthen, B., & Asparouhov, T. (2014). IRT studies of many groups: The alignment method. Frontiers in Psychology, 5,
    978. https://doi.org/10.3389/fpsyg.2014.00978

    Examples
    --------
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> unit = np.repeat(["one", "two", "three"], 200)
    >>> factor = random.standard_normal(600) + np.repeat([0.0, 0.5, 1.0], 200)
    >>> answers = pd.DataFrame({f"x{j}": factor + random.standard_normal(600) for j in range(5)})
    >>> found = alignment(answers, "f =~ x0 + x1 + x2 + x3 + x4", group=unit, rng=1)
    >>> found.means["mean"].is_monotonic_increasing
    True
    """
    one_of(estimator, AlignmentEstimator, name="estimator")
    one_of(optimisation, Optimisation, name="optimisation")
    within(epsilon, name="epsilon", low=0.0, open_ends=True)
    within(alpha, name="alpha", low=0.0, high=1.0, open_ends=True)
    within(n_starts, name="n_starts", low=1, whole=True)
    syntax = parse_model(model) if isinstance(model, str) else model
    structure = _structure(syntax)
    frame = frame_of(df, syntax.items, group=group, cluster=None, keep_missing=False)
    if len(frame.groups) < 2:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, "groups", len(frame.groups), 2))
    if optimisation == "FREE" and len(frame.groups) < 3:
        raise conflict(
            "optimisation='FREE' with 2 groups",
            why="Two groups do not tell the reference group's mean.",
            fix="Use optimisation='FIXED'.",
        )
    random, seed = generator(rng)
    configural = specify(syntax, ModelDefaults(n_thresholds={}, std_lv=True, mean_structure=True))
    if any(row.op == "=~" and (not row.free or row.label) for row in configural.parameters):
        raise conflict(
            "fixed or equal loadings",
            why="Alignment starts from loadings that are free in every group.",
            fix="Leave numbers and labels before the items out.",
        )
    fits = [fit_model(configural, (sample,), estimator) for sample in normal_samples(frame)]
    _refuse_without_solution(fits, frame.groups)
    N = np.array([fit.n for fit in fits], dtype=np.float64)
    factors = [
        _aligned_factor(name, items, fits, N, optimisation, epsilon, int(n_starts), random)
        for name, items in structure.items()
    ]
    invariant = [_invariant_groups(factor, N, alpha) for factor in factors]
    share = float(1.0 - np.concatenate([table.ravel() for table in invariant]).mean())
    return AlignmentResult(
        means=_means(factors, frame.groups, N),
        items=_items(factors, invariant, frame.groups, N),
        estimates=_estimates(factors, invariant, frame.groups),
        share_noninvariant=share,
        simplicity=float(sum(factor.found.value for factor in factors)),
        fit=MappingProxyType(_fit(fits)),
        converged=all(factor.found.converged for factor in factors),
        groups=frame.groups,
        n_of_groups=tuple(int(n) for n in N),
        n_starts=int(n_starts),
        n_best=min(factor.found.n_best for factor in factors),
        n_groups=len(frame.groups),
        n_persons=int(N.sum()),
        n_items=len(syntax.items),
        n_dropped=frame.n_dropped,
        method=f"alignment, {optimisation}, configural model by {estimator} in {len(frame.groups)} groups, "
        f"epsilon {epsilon:g}, parameters differ at {alpha:g}",
        warnings=tuple(_warnings(factors, fits, frame.groups, share)),
        provenance=provenance(
            "alignment",
            {
                "model": syntax.text,
                "estimator": estimator,
                "optimisation": optimisation,
                "epsilon": epsilon,
                "alpha": alpha,
                "n_starts": int(n_starts),
            },
            seed=seed,
        ),
    )


def _structure(syntax: ModelSyntax) -> dict[str, tuple[str, ...]]:
    """Return each factor's items, or refuse a model that cannot be aligned."""
    found: dict[str, tuple[str, ...]] = dict.fromkeys(syntax.factors, ())
    for statement in syntax.statements:
        if statement.op == "=~":
            found[statement.lhs] += (statement.rhs,)
    measured = [item for items in found.values() for item in items]
    if len(set(measured)) < len(measured) or set(measured) & set(syntax.factors):
        raise conflict(
            "an item of two factors, or a factor of factors",
            why="Each factor is aligned by the items that measure it alone.",
            fix="Give a model in which every item measures one factor.",
        )
    for items in found.values():
        if len(items) < 2:
            raise StatisticsError(too_few(Code.STA_TOO_FEW_ITEMS, "items of a factor", len(items), 2))
    return found


def _refuse_without_solution(fits: Sequence[FittedModel], groups: Sequence[str]) -> None:
    lost = [group for fit, group in zip(fits, groups, strict=True) if not fit.solution.converged]
    if lost:
        raise StatisticsError(
            Problem(
                code=Code.STA_NOT_CONVERGED,
                what="The configural model has no solution in some groups, so that these cannot be aligned.",
                got=", ".join(lost),
                fix="Leave these groups out, or simplify the model.",
            )
        )


def _aligned_factor(
    name: str,
    items: tuple[str, ...],
    fits: Sequence[FittedModel],
    N: Array,
    optimisation: Optimisation,
    epsilon: float,
    n_starts: int,
    random: np.random.Generator,
) -> _Factor:
    """Align one factor and return it in units of the reference group's."""
    rows = {(row.lhs, row.op, row.rhs): number for number, row in enumerate(fits[0].compiled.model.parameters)}
    place = fits[0].compiled.place
    of_loadings = place[[rows[name, "=~", item] for item in items]]
    of_intercepts = place[[rows[item, "~1", ""] for item in items]]
    lambda0 = np.array([fit.x[of_loadings] for fit in fits])
    nu0 = np.array([fit.x[of_intercepts] for fit in fits])
    direction = np.sign(lambda0[0].sum()) * np.sign(lambda0 @ lambda0[0])
    sign = np.where(direction == 0.0, 1.0, direction)
    lambda0 = lambda0 * sign[:, None]
    G, p = lambda0.shape
    free = np.arange(1 if optimisation == "FIXED" else 0, G)
    w = np.sqrt(np.outer(N, N))
    np.fill_diagonal(w, 0.0)
    problem = Alignment(lambda0=lambda0, nu0=nu0, w=w, eps=epsilon, free_means=free)
    found = minimum(problem, n_starts, random)
    in_theta, curved = dependence(problem, found.t)
    V = _configural_covariance(fits, of_loadings, of_intercepts, sign)

    def reported(both: Values) -> Values:
        """Return alpha, psi, loadings and intercepts from t and the configural estimates."""
        t, theta = both[: found.t.size], both[found.t.size :]
        now = Alignment(
            lambda0=theta[: G * p].reshape(G, p), nu0=theta[G * p :].reshape(G, p), w=w, eps=epsilon, free_means=free
        )
        mean, log_psi = now.moments(t)
        loadings, intercepts = now.aligned(t)
        unit = np.exp(0.5 * log_psi[0])
        return np.concatenate([mean / unit, np.exp(log_psi) / unit**2, (loadings * unit).ravel(), intercepts.ravel()])

    theta = np.concatenate([lambda0.ravel(), nu0.ravel()])
    y = reported(np.concatenate([found.t, theta]))
    in_t = complex_slopes(lambda t: reported(np.concatenate([t, theta.astype(t.dtype)])), found.t)
    direct = _direct_slopes(problem, found.t)
    J = in_t @ in_theta
    J[2 * G :] += direct
    C = J @ V @ J.T
    return _Factor(
        name=name,
        items=items,
        problem=problem,
        found=found,
        alpha=y[:G],
        psi=y[G : 2 * G],
        of_moments=C[: 2 * G, : 2 * G],
        loadings=y[2 * G : 2 * G + G * p].reshape(G, p),
        intercepts=y[2 * G + G * p :].reshape(G, p),
        of_tables=C[2 * G :, 2 * G :],
        curved=curved,
    )


def _direct_slopes(problem: Alignment, t: Array) -> Array:
    """Return the slopes of reported loadings and intercepts in the configural ones with t held, (2 G p, 2 G p)."""
    mean, log_psi = problem.moments(t)
    p = problem.lambda0.shape[1]
    scale = np.exp(-0.5 * log_psi)
    unit = np.exp(0.5 * log_psi[0])
    of_loadings, shift = np.repeat(scale * unit, p), np.repeat(-mean * scale, p)
    return np.block([[np.diag(of_loadings), np.zeros((shift.size, shift.size))], [np.diag(shift), np.eye(shift.size)]])


def _configural_covariance(fits: Sequence[FittedModel], of_loadings: Any, of_intercepts: Any, sign: Array) -> Array:
    """Return the covariances of all groups' loadings and then intercepts."""
    parts = []
    for fit, turn in zip(fits, sign, strict=True):
        places = np.concatenate([of_loadings, of_intercepts])
        scale = np.concatenate([np.full(of_loadings.size, turn), np.ones(of_intercepts.size)])
        parts.append(fit.covariance[np.ix_(places, places)] * np.outer(scale, scale))
    V = linalg.block_diag(*parts)
    G, p = len(fits), of_loadings.size
    order = (np.arange(G)[:, None] * 2 * p + np.arange(p)).ravel()
    order = np.concatenate([order, order + p])
    return np.asarray(V[np.ix_(order, order)], dtype=np.float64)


def _invariant_groups(factor: _Factor, N: Array, alpha: float) -> Flags:
    """Return which groups are invariant in each loading and then intercept, shape (2, p, G)."""
    G, p = factor.loadings.shape
    found = np.zeros((2, p, G), dtype=np.bool_)
    for kind, table in enumerate((factor.loadings, factor.intercepts)):
        for j in range(p):
            places = kind * G * p + np.arange(G) * p + j
            found[kind, j] = invariant_set(table[:, j], factor.of_tables[np.ix_(places, places)], N, alpha)
    return found


def _means(factors: Sequence[_Factor], groups: tuple[str, ...], N: Array) -> pd.DataFrame:
    frames = []
    for factor in factors:
        error = np.sqrt(np.maximum(np.diag(factor.of_moments), 0.0))
        G = len(groups)
        frames.append(
            pd.DataFrame(
                {
                    "factor": factor.name,
                    "group": list(groups),
                    "n": N.astype(int),
                    "mean": factor.alpha,
                    "mean_se": error[:G],
                    "variance": factor.psi,
                    "variance_se": error[G:],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _items(factors: Sequence[_Factor], invariant: Sequence[Flags], groups: tuple[str, ...], N: Array) -> pd.DataFrame:
    rows = []
    for factor, flags in zip(factors, invariant, strict=True):
        aligned = factor.problem.aligned(factor.found.t)
        contributions = [factor.problem.contributions(table) for table in aligned]
        averages = [_averages(table, flags[kind], N) for kind, table in enumerate((factor.loadings, factor.intercepts))]
        lambda0, nu0 = factor.problem.lambda0, factor.problem.nu0
        explained = np.sqrt(factor.psi)[:, None] * averages[0]
        shares = (
            _explained(lambda0, lambda0 - explained),
            _explained(nu0, nu0 - averages[1] - factor.alpha[:, None] * averages[0]),
        )
        for kind, name in enumerate(("loading", "intercept")):
            rows += [
                {
                    "item": item,
                    "factor": factor.name,
                    "kind": name,
                    "average": averages[kind][j],
                    "r2": shares[kind][j],
                    "contribution": contributions[kind][j],
                    "n_invariant": int(flags[kind, j].sum()),
                    "differs_in": tuple(g for g, same in zip(groups, flags[kind, j], strict=True) if not same),
                }
                for j, item in enumerate(factor.items)
            ]
    return pd.DataFrame(rows)


def _averages(table: Array, flags: Flags, N: Array) -> Array:
    weight = np.where(flags, N, 0.0)
    average: Array = (weight * table.T).sum(axis=1) / weight.sum(axis=1)
    return average


def _explained(configural: Array, left: Array) -> Array:
    whole, rest = configural.var(axis=0), left.var(axis=0)
    explained: Array = 1.0 - np.divide(rest, whole, out=np.full(whole.size, np.nan), where=whole > 0.0)
    return explained


def _estimates(factors: Sequence[_Factor], invariant: Sequence[Flags], groups: tuple[str, ...]) -> pd.DataFrame:
    frames = []
    for factor, flags in zip(factors, invariant, strict=True):
        G, p = factor.loadings.shape
        error = np.sqrt(np.maximum(np.diag(factor.of_tables), 0.0)).reshape(2, G, p)
        kinds = (
            ("loading", factor.problem.lambda0, factor.loadings),
            ("intercept", factor.problem.nu0, factor.intercepts),
        )
        for kind, (name, configural, aligned) in enumerate(kinds):
            for j, item in enumerate(factor.items):
                frames.append(
                    pd.DataFrame(
                        {
                            "item": item,
                            "factor": factor.name,
                            "kind": name,
                            "group": list(groups),
                            "configural": configural[:, j],
                            "aligned": aligned[:, j],
                            "se": error[kind, :, j],
                            "invariant": flags[kind, j],
                        }
                    )
                )
    return pd.concat(frames, ignore_index=True)


def _fit(fits: Sequence[FittedModel]) -> dict[str, float]:
    """Return the fit of all groups' models together."""
    T, df = sum(fit.model.value for fit in fits), sum(fit.model.df for fit in fits)
    T_b, df_b = sum(fit.baseline.value for fit in fits), sum(fit.baseline.df for fit in fits)
    n = sum(fit.n for fit in fits)
    return {
        "chisq": T,
        "df": float(df),
        "pvalue": upper_tail(T, df),
        "cfi": comparative_fit_index(T, df, T_b, df_b),
        "rmsea": root_mean_square_error(T, df, n, len(fits)).value,
        "srmr": sum(fit.n / n * fit.fit()["srmr"] for fit in fits),
    }


def _warnings(
    factors: Sequence[_Factor], fits: Sequence[FittedModel], groups: tuple[str, ...], share: float
) -> list[Problem]:
    found = []
    if share > MOST_NONINVARIANT:
        found.append(
            Problem(
                code=Code.STA_NOT_INVARIANT,
                what="More than a quarter of the loadings and intercepts differ; aligned means cannot be trusted.",
                got=f"{share:.1%}",
                allowed="25 % or less",
                fix="Do not compare the groups, or leave out the items and groups that differ most.",
            )
        )
    small = [group for fit, group in zip(fits, groups, strict=True) if fit.n < FEW_PERSONS]
    if small:
        found.append(
            Problem(
                code=Code.STA_TOO_FEW_PERSONS,
                what=f"Some groups have fewer than {FEW_PERSONS} persons; their means are aligned imprecisely.",
                got=", ".join(small),
                fix="Look at the standard errors, or join small groups.",
            )
        )
    improper = [
        f"{group}: {'; '.join(why)}" for fit, group in zip(fits, groups, strict=True) if (why := fit.improper())
    ]
    if improper:
        found.append(
            Problem(
                code=Code.STA_INADMISSIBLE,
                what="The configural model has an impossible solution in some groups.",
                got=" | ".join(improper),
                fix="Leave these groups out, or simplify the model.",
            )
        )
    lost = [factor.name for factor in factors if not factor.found.converged]
    if lost:
        found.append(
            Problem(
                code=Code.STA_NOT_CONVERGED,
                what="The simplicity function did not reach a minimum.",
                got=", ".join(lost),
                fix="Use more starts.",
            )
        )
    flat = [factor.name for factor in factors if not factor.curved]
    if flat:
        found.append(
            Problem(
                code=Code.STA_NOT_IDENTIFIED,
                what="The simplicity function is flat in some direction, so that means or variances could be others.",
                got=", ".join(flat),
                fix="Use optimisation='FIXED'.",
            )
        )
    return found
