"""Sample statistics of ordered and continuous variables together, and their asymptotic covariances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._counts import PairTables, pairs, symmetric
from toolkit.psychometrics._inputs import named_where, refuse, too_few
from toolkit.psychometrics._numerics import Array, Bytes, Counts, Flags
from toolkit.psychometrics._options import Missing, one_of
from toolkit.psychometrics._polychoric_kernel import AT_BOUND, CONVERGED, NOT_CONVERGED, influence_of_persons
from toolkit.psychometrics._result import undefined
from toolkit.psychometrics.cfa._mixed_kernel import (
    estimate_polyserial,
    influence_on_pearson,
    influence_on_polyserial,
    pearson_information,
    polyserial_information,
)
from toolkit.psychometrics.counting import counts_of, encode
from toolkit.psychometrics.ordinal_correlation import (
    EmptyCells,
    estimated,
    first_of,
    influences,
    table_warnings,
    unused_cells,
)

_BLOCK = 2048
_PERFECT = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixedMoments:
    """Sample statistics of p variables, of which some are ordered.

    Attributes
    ----------
    thresholds : tuple of ndarray
        For each ordered variable, in the order of the variables, its increasing thresholds.
    means, variances : ndarray, shape (p,)
        Of continuous variables, with the divisor n; an ordered variable has mean 0 and variance 1.
    correlation, covariance : ndarray, shape (p, p)
        Pearson, polyserial and polychoric correlations; and the same times the standard deviations.
    names : tuple of str, length m
        ``a|t1``, ``a|t2`` thresholds and ``b~1`` negative means, variable by variable; ``b~~b`` variances of continuous
        variables; ``a~~b`` covariances in the order (1, 2), (1, 3), ... (1, p), (2, 3), ....
    statistics : ndarray, shape (m,)
        The statistics that the names name.
    gamma : ndarray, shape (m, m), or None
        ``n_persons`` times the asymptotic covariance matrix of the statistics; NaN where it does not exist; None unless
        asked for.
    items : tuple of str, length p
        The variables.
    ordered : ndarray of bool, shape (p,)
        Which of them are ordered.
    n_persons : int
        Persons used.
    converged : bool
        Whether every correlation reached the maximum of its likelihood.
    warnings : tuple of Problem
        Empty cells and codes, perfect correlations, what is NaN.
    """

    thresholds: tuple[Array, ...]
    means: Array
    variances: Array
    correlation: Array
    covariance: Array
    names: tuple[str, ...]
    statistics: Array
    gamma: Array | None
    items: tuple[str, ...]
    ordered: Flags
    n_persons: int
    converged: bool
    warnings: tuple[Problem, ...]

    def __post_init__(self) -> None:
        """Lock the arrays."""
        arrays = (self.means, self.variances, self.correlation, self.covariance, self.statistics, self.ordered)
        for array in (*arrays, *self.thresholds, *(() if self.gamma is None else (self.gamma,))):
            array.setflags(write=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Variables:
    """Both kinds of variables as the kernels take them, and what was estimated in step one and two.

    ``at_ordered`` and ``at_continuous`` are positions among the variables; ``sd`` are the standard deviations of the
    continuous ones; ``ordinal``, ``polyserial`` (continuous x ordered) and ``pearson`` are correlations.
    """

    at_ordered: Counts
    at_continuous: Counts
    codes: Bytes
    found: PairTables
    tau: Array
    z: Array
    sd: Array
    ordinal: Array
    polyserial: Array
    pearson: Array


def mixed_moments(
    values: Array,
    ordered: Flags | Sequence[bool],
    *,
    items: Sequence[str] | None = None,
    missing: Missing = "listwise",
    empty_cells: EmptyCells = "none",
    gamma: bool = True,
) -> MixedMoments:
    """Return thresholds, means, variances, covariances and Gamma of ordered and continuous variables.

    These are the sample statistics to which least-squares models are fitted when some variables are ordered. An ordered
    variable is taken for a normal variable that was cut. Do not use them if no variable is ordered, nor for ordered
    variables with hardly anyone in most categories.

    Parameters
    ----------
    values : ndarray of float, shape (n, p)
        One row a person, one column a variable. Of ordered variables only the order of the codes counts.
    ordered : sequence of bool, shape (p,)
        Which variables are ordered; at least one.
    items : sequence of str, optional
        Names of the variables; "x1", "x2", ... if not given.
    missing : {"listwise", "pairwise"}, default "listwise"
        "listwise" expects complete persons and refuses NaN. "pairwise" takes NaN for a missing value, and uses for
        each statistic the persons who have it.
    empty_cells : {"none", "add_half", "add_half_2x2"}, default "none"
        As in :func:`toolkit.psychometrics.polychoric`; lavaan's rule is "add_half_2x2".
    gamma : bool, default True
        Whether to compute Gamma.

    Returns
    -------
    MixedMoments
        The statistics in lavaan's order, and the matrices they make.

    Raises
    ------
    StatisticsError
        STA_SHAPE_MISMATCH, STA_DUPLICATE_ITEM, STA_NOT_FINITE, STA_TOO_FEW_ITEMS (fewer than two variables, or none
        ordered), STA_TOO_FEW_PERSONS (fewer than three, also in one pair), STA_ALL_MISSING_ITEM, STA_CONSTANT_ITEM
        (also in one pair), STA_TOO_MANY_CATEGORIES (more than 50 in an ordered variable), STA_UNKNOWN_OPTION.

    Warns
    -----
    STA_EMPTY_CELL, STA_EMPTY_CATEGORY, STA_PERFECT_CORRELATION, STA_NOT_CONVERGED, STA_UNDEFINED
        In ``warnings``. A perfect correlation, and a continuous variable with two values only, have NaN in Gamma, and
        STA_UNDEFINED names their statistics.

    Notes
    -----
    Step one: thresholds are normal quantiles of proportions, means and variances those of maximum likelihood. Step two:
    with them fixed, each correlation maximises the likelihood of its two variables alone. For a continuous z
    (standardised) and an ordered y it is ``sum log [Phi((tau_y - rho z) / R) - Phi((tau_y-1 - rho z) / R)]`` with
    ``R = sqrt(1 - rho^2)``, maximised by Newton's method inside a bracket; with complete data two continuous variables
    have their Pearson correlation.

    Gamma is ``n H B^-1 (sum s s') B'^-1 H'``: s are the persons' scores, B is block triangular and made of their
    cross-products, step one variable by variable, and H turns correlations into covariances. Cross-products in B
    stand for second derivatives, which holds if the variables are normal: for a skewed continuous variable the
    variances are not those of distribution-free theory. Under "pairwise" a person's missing scores are 0, and n counts
    the persons with any value.

    lavaan leaves persons whose density, in the units of the variable, is below 1.5e-8 out of step two; here everyone
    counts.

    Validated against lavaan 0.6.14: thresholds, means and variances to 1e-6, covariances and Gamma to 1e-4, complete
    and pairwise (``tests/parity/test_mixed_moments.py``); and against the spread of the estimates over 1,000 samples
    (``tests/unit/psychometrics/cfa/test_mixed_moments.py``).

    References
    ----------
    Muthen, B. (1984). A general structural equation model with dichotomous, ordered categorical, and continuous latent
    variable indicators. Psychometrika, 49, 115-132. https://doi.org/10.1007/BF02294210

    Olsson, U., Drasgow, F., & Dorans, N. J. (1982). The polyserial correlation coefficient. Psychometrika, 47, 337-347.
    https://doi.org/10.1007/BF02294164

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> z = rng.multivariate_normal([0, 0], [[1, .5], [.5, 1]], size=2000)
    >>> found = mixed_moments(np.column_stack([z[:, 0] > .3, 10 + 2 * z[:, 1]]), [True, False], items=["u", "y"])
    >>> found.names
    ('u|t1', 'y~1', 'y~~y', 'u~~y')
    >>> bool(abs(found.correlation[0, 1] - .5) < .06)
    True
    """
    one_of(missing, Missing, name="missing")
    one_of(empty_cells, EmptyCells, name="empty_cells")
    values, flags, names = _checked(values, ordered, items, missing)
    means, sd = _moments(values[:, ~flags], named_where(names, ~flags))
    encoded = encode(pd.DataFrame(values[:, flags], columns=named_where(names, flags)))
    counts = counts_of(encoded)
    found, tau, ordinal, ordinal_ending = estimated(counts, missing, empty_cells, minimum_items=1)
    if missing == "pairwise":
        _refuse_weak_pairs(values, flags, names)
    z = np.ascontiguousarray((values[:, ~flags].T - means[:, None]) / sd[:, None])
    polyserial = np.empty((sd.size, encoded.codes.shape[0]))
    ending = np.empty(polyserial.shape, dtype=np.int64)
    estimate_polyserial(z, encoded.codes, tau, found.n_categories, polyserial, ending)
    variables = _Variables(
        at_ordered=np.flatnonzero(flags),
        at_continuous=np.flatnonzero(~flags),
        codes=encoded.codes,
        found=found,
        tau=tau,
        z=z,
        sd=sd,
        ordinal=ordinal,
        polyserial=polyserial,
        pearson=_pearson(z),
    )
    n, p = values.shape
    scale, centre = np.ones(p), np.zeros(p)
    scale[~flags], centre[~flags] = sd, means
    correlation = _correlation(variables)
    covariance = correlation * np.outer(scale, scale)
    thresholds = tuple(row[: size - 1].copy() for row, size in zip(tau, found.n_categories, strict=True))
    warnings = table_warnings(found, counts, unused_cells(found), ordinal_ending)
    warnings += _pair_warnings(variables, names, ending)
    labels = _names(names, flags, found.n_categories)
    matrix = n * _asymptotic_covariance(variables) if gamma else None
    if matrix is not None and (lost := np.isnan(np.diag(matrix))).any():
        why = "The information is singular: a perfect correlation, or a continuous variable with two values only."
        warnings.append(undefined(f"Gamma of {first_of(list(labels), lost)}", why))
    return MixedMoments(
        thresholds=thresholds,
        means=centre,
        variances=scale**2,
        correlation=correlation,
        covariance=covariance,
        names=labels,
        statistics=_statistics(thresholds, centre, covariance, flags),
        gamma=matrix,
        items=names,
        ordered=flags,
        n_persons=n,
        converged=bool((ending != NOT_CONVERGED).all() and (ordinal_ending != NOT_CONVERGED).all()),
        warnings=tuple(warnings),
    )


def _checked(
    values: Array, ordered: Flags | Sequence[bool], items: Sequence[str] | None, missing: Missing
) -> tuple[Array, Flags, tuple[str, ...]]:
    """Return the values of persons with any, the flags and the names, or refuse what is not persons x variables."""
    values = np.asarray(values, dtype=np.float64)
    flags = np.array(ordered, dtype=np.bool_)
    p = values.shape[1] if values.ndim == 2 else 0
    names = tuple(f"x{j + 1}" for j in range(p)) if items is None else tuple(items)
    if values.ndim != 2 or flags.shape != (p,) or len(names) != p:
        raise StatisticsError(
            Problem(
                code=Code.STA_SHAPE_MISMATCH,
                what="Values, ordered= and items= do not belong to the same variables.",
                got=f"values of shape {values.shape}, {flags.size} flags, {len(names)} names",
                allowed="values of shape (n, p), p flags, p names",
                fix="Give one column, one flag and one name a variable.",
            )
        )
    if p < 2:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_ITEMS, "variables", p, 2))
    if not flags.any():
        raise StatisticsError(too_few(Code.STA_TOO_FEW_ITEMS, "ordered variables", 0, 1))
    refuse(
        Code.STA_DUPLICATE_ITEM,
        [name for position, name in enumerate(names) if name in names[:position]],
        what="Two variables have the same name.",
        fix="Give every variable its own name.",
    )
    unusable = np.isinf(values) if missing == "pairwise" else ~np.isfinite(values)
    refuse(
        Code.STA_NOT_FINITE,
        named_where(names, unusable.any(axis=0)),
        what="The variable holds a value that is not finite.",
        fix="Leave out persons with missing values, or use missing='pairwise'.",
    )
    answered = ~np.isnan(values)
    if not answered.all():
        values = values[answered.any(axis=1)]
    if values.shape[0] < 3:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, "persons", values.shape[0], 3))
    refuse(
        Code.STA_ALL_MISSING_ITEM,
        named_where(names, ~answered.any(axis=0)),
        what="No person has a value of the variable.",
        fix="Leave the variable out.",
    )
    return values, flags, names


def _moments(values: Array, names: Sequence[str]) -> tuple[Array, Array]:
    """Return means and standard deviations (divisor n) of continuous variables, or refuse those that do not vary."""
    if not names:
        return np.empty(0), np.empty(0)
    with np.errstate(over="ignore", invalid="ignore"):
        means = np.nanmean(values, axis=0)
        sd = np.sqrt(np.nanmean((values - means) ** 2, axis=0))
    constant = (np.nanmax(values, axis=0) == np.nanmin(values, axis=0)) | (sd == 0.0)
    refuse(
        Code.STA_CONSTANT_ITEM,
        named_where(names, constant),
        what="Every person has the same value, so the variable cannot correlate with anything.",
        fix="Leave the variable out.",
    )
    refuse(
        Code.STA_NOT_FINITE,
        named_where(names, ~np.isfinite(sd)),
        what="The values are so large that their squares are not finite.",
        fix="Give the variable in another unit.",
    )
    return means, sd


def _refuse_weak_pairs(values: Array, flags: Flags, names: Sequence[str]) -> None:
    """Refuse pairs with fewer than three persons, or among whose persons a variable is constant."""
    answered = ~np.isnan(values)
    if answered.all():
        return
    for i, j in zip(*pairs(len(names)), strict=True):
        if flags[i] and flags[j]:
            continue
        both = values[answered[:, i] & answered[:, j]][:, [i, j]]
        pair = [names[i], names[j]]
        if both.shape[0] < 3:
            problem = too_few(Code.STA_TOO_FEW_PERSONS, "persons who have both variables", both.shape[0], 3)
            raise StatisticsError(replace(problem, item=" and ".join(pair)))
        refuse(
            Code.STA_CONSTANT_ITEM,
            named_where(pair, both.max(axis=0) == both.min(axis=0)),
            what="Among the persons who have both variables of a pair, everyone has the same value.",
            fix="Leave the variable out or use missing='listwise'.",
        )


def _pearson(z: Array) -> Array:
    """Return the correlation of each pair that maximises the normal likelihood with means 0 and variances 1.

    The score is 0 where ``m rho^3 - S_12 rho^2 + (S_11 + S_22 - m) rho - S_12 = 0``, with m persons and sums S of
    squares and products; with complete data that is ``S_12 / m``.
    """
    present = (~np.isnan(z)).astype(np.float64)
    filled = np.nan_to_num(z)
    first, second = pairs(z.shape[0])
    m = (present @ present.T)[first, second]
    product = (filled @ filled.T)[first, second]
    squares = filled**2 @ present.T
    both = squares[first, second] + squares[second, first]
    rho = np.empty(m.size)
    for pair in range(m.size):
        roots = np.array([product[pair] / m[pair]])
        if not present.all():
            found = np.roots([m[pair], -product[pair], both[pair] - m[pair], -product[pair]])
            roots = found.real[(np.abs(found.imag) < 1e-8) & (np.abs(found.real) < 1.0)]
        if both[pair] - 2.0 * abs(product[pair]) <= _PERFECT * m[pair]:
            rho[pair] = np.sign(product[pair])
            continue
        R2 = (1.0 - roots) * (1.0 + roots)
        rho[pair] = roots[np.argmin(m[pair] * np.log(R2) + (both[pair] - 2.0 * roots * product[pair]) / R2)]
    return rho


def _correlation(variables: _Variables) -> Array:
    """Return all correlations, shape (p, p)."""
    o, c = variables.at_ordered, variables.at_continuous
    p = o.size + c.size
    correlation = np.empty((p, p))
    correlation[np.ix_(o, o)] = symmetric(variables.ordinal, np.ones(o.size))
    correlation[np.ix_(c, c)] = symmetric(variables.pearson, np.ones(c.size))
    correlation[np.ix_(c, o)] = variables.polyserial
    correlation[np.ix_(o, c)] = variables.polyserial.T
    return correlation


def _names(items: Sequence[str], flags: Flags, n_categories: Counts) -> tuple[str, ...]:
    sizes = iter(n_categories.tolist())
    first = [
        f"{item}|t{k}" if flag else f"{item}~1"
        for item, flag in zip(items, flags, strict=True)
        for k in range(1, next(sizes) if flag else 2)
    ]
    variances = [f"{item}~~{item}" for item, flag in zip(items, flags, strict=True) if not flag]
    return (*first, *variances, *(f"{items[i]}~~{items[j]}" for i, j in zip(*pairs(len(items)), strict=True)))


def _statistics(thresholds: tuple[Array, ...], means: Array, covariance: Array, flags: Flags) -> Array:
    cuts = iter(thresholds)
    first = [next(cuts) if flag else np.array([-mean]) for mean, flag in zip(means, flags, strict=True)]
    return np.concatenate([*first, np.diag(covariance)[~flags], covariance[pairs(flags.size)]])


def _influence_of_moments(z: Array) -> Array:
    """Return each person's influence on mean and variance of z, shape (2, n_continuous, n); NaN for two values.

    The scores are ``z`` and ``(z^2 - 1) / 2``; the inverse of their cross-products is applied by way of the part of the
    second that the first does not explain, which is 0 where z has two values.
    """
    of_mean, of_variance = np.nan_to_num(z), np.nan_to_num(0.5 * (z**2 - 1.0))
    total = (of_mean**2).sum(axis=1, keepdims=True)
    cross = (of_mean * of_variance).sum(axis=1, keepdims=True)
    rest = of_variance - cross / total * of_mean
    low, high = np.nanmin(z, axis=1, keepdims=True), np.nanmax(z, axis=1, keepdims=True)
    two = ((z == low) | (z == high) | np.isnan(z)).all(axis=1, keepdims=True)
    of_variance = rest / np.where(two, np.nan, (rest**2).sum(axis=1, keepdims=True))
    return np.stack([(of_mean - cross * of_variance) / total, of_variance])


def _asymptotic_covariance(variables: _Variables) -> Array:
    """Return the sum over persons of the outer products of their influences on all statistics."""
    found, tau, z, rho, pearson = variables.found, variables.tau, variables.z, variables.polyserial, variables.pearson
    thresholds, of_pairs, _ = influences(found, tau, variables.ordinal)
    information = np.empty((*rho.shape, 3 + tau.shape[1]))
    polyserial_information(z, variables.codes, tau, found.n_categories, rho, information)
    of_pearson = np.empty((pearson.size, 5))
    pearson_information(z, pearson, of_pearson)
    for sums in (information, of_pearson):
        sums[sums[..., 0] == 0.0] = np.nan
    moments = _influence_of_moments(z)
    places = _places(variables)
    units = _units(variables)
    n_ordinal = int(found.n_categories.sum()) - found.n_items + variables.ordinal.size
    q = z.shape[0]
    m = n_ordinal + 2 * q + rho.size + pearson.size
    total = np.zeros((m, m))
    for start in range(0, z.shape[1], _BLOCK):
        block = slice(start, start + _BLOCK)
        codes, own_z = np.ascontiguousarray(variables.codes[:, block]), np.ascontiguousarray(z[:, block])
        own = np.ascontiguousarray(moments[:, :, block])
        rows = np.empty((m, codes.shape[1]))
        influence_of_persons(codes, found.n_categories, thresholds, of_pairs, rows[:n_ordinal])
        rows[n_ordinal : n_ordinal + q], rows[n_ordinal + q : n_ordinal + 2 * q] = own
        mixed = rows[n_ordinal + 2 * q : n_ordinal + 2 * q + rho.size]
        influence_on_polyserial(own_z, codes, tau, found.n_categories, rho, information, own, thresholds, mixed)
        influence_on_pearson(own_z, pearson, of_pearson, own, rows[n_ordinal + 2 * q + rho.size :])
        total += rows @ rows.T
    ordered = np.empty_like(total)
    ordered[np.ix_(places, places)] = total * np.outer(units, units)
    return ordered


def _places(variables: _Variables) -> Counts:
    """Return where each row of influences stands among the statistics.

    The rows are thresholds, polychoric correlations, means, variances, polyserial covariances (continuous by
    continuous), covariances of continuous variables.
    """
    o, c = variables.at_ordered, variables.at_continuous
    p = o.size + c.size
    sizes = np.ones(p, dtype=np.int64)
    sizes[o] = variables.found.n_categories - 1
    starts = np.concatenate([[0], np.cumsum(sizes)])
    first, second = pairs(p)
    pair = np.zeros((p, p), dtype=np.int64)
    pair[first, second] = pair[second, first] = starts[-1] + c.size + np.arange(first.size)
    thresholds = [np.arange(starts[j], starts[j + 1]) for j in o]
    among_ordered, among_continuous = pairs(o.size), pairs(c.size)
    return np.concatenate(
        [
            *thresholds,
            pair[o[among_ordered[0]], o[among_ordered[1]]],
            starts[c],
            starts[-1] + np.arange(c.size),
            pair[np.ix_(c, o)].ravel(),
            pair[c[among_continuous[0]], c[among_continuous[1]]],
        ]
    ).astype(np.int64)


def _units(variables: _Variables) -> Array:
    """Return what turns each row of influences into the unit of its statistic; means are counted negative."""
    o, c, sd = variables.at_ordered, variables.at_continuous, variables.sd
    n_ordinal = int(variables.found.n_categories.sum()) - o.size + variables.ordinal.size
    first, second = pairs(c.size)
    return np.concatenate([np.ones(n_ordinal), -sd, sd**2, np.repeat(sd, o.size), sd[first] * sd[second]])


def _pair_warnings(variables: _Variables, names: Sequence[str], ending: Counts) -> list[Problem]:
    """Say which correlations with continuous variables are perfect, and which were not found."""
    o, c = variables.at_ordered, variables.at_continuous
    first, second = pairs(c.size)
    mixed = [f"{names[min(i, j)]} and {names[max(i, j)]}" for i in c for j in o]
    both = mixed + [f"{names[c[i]]} and {names[c[j]]}" for i, j in zip(first, second, strict=True)]
    of_pearson = np.where(np.abs(variables.pearson) >= 1.0, AT_BOUND, CONVERGED)
    states = np.concatenate([ending.ravel(), of_pearson])
    return [
        Problem(code=code, what=what, fix=fix, got=first_of(both, states == state))
        for code, state, what, fix in (
            (
                Code.STA_PERFECT_CORRELATION,
                AT_BOUND,
                "The likelihood rises up to a correlation of 1 or -1.",
                "Look for variables that repeat one another.",
            ),
            (
                Code.STA_NOT_CONVERGED,
                NOT_CONVERGED,
                "The correlation did not reach the maximum of its likelihood.",
                "Look at the continuous variable within each category of the ordered one.",
            ),
        )
        if (states == state).any()
    ]
