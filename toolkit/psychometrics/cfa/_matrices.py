"""The matrices of a confirmatory model, the moments they imply, and the slopes of both.

Symbols, for p items and m factors: Lambda loadings (p, m); B loadings of factors on factors (m, m); Psi (residual)
covariances of factors (m, m); Theta residual covariances of items (p, p); nu intercepts (p,); alpha factor means (m,);
tau thresholds, item by item; delta scale factors (p,). With ``L = Lambda (I - B)^-1`` and
``V = (I - B)^-1 Psi (I - B)^-T`` the model says ``Sigma = Lambda V Lambda' + Theta`` and ``mu = nu + L alpha``.
x holds the q free parameters. All functions accept complex x, so that slopes can be had by a complex step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from toolkit.psychometrics._numerics import Array, Counts, Flags
from toolkit.psychometrics.cfa.model import Model, Parameter

Values: TypeAlias = npt.NDArray[Any]
"""Real or complex numbers."""
SYMMETRIC = frozenset({"Psi", "Theta"})
MATRICES = ("Lambda", "B", "Psi", "Theta", "nu", "alpha", "tau", "delta")
_STEP = 1e-30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Elements:
    """Free elements of one matrix: their rows, their columns (0 in vectors), and their places in x."""

    row: Counts
    column: Counts
    place: Counts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupMatrices:
    """The matrices of one group: fixed values, and which elements are free.

    ``item_of`` gives each threshold's item, ``ordered`` says which items are ordered answers, ``scaled_by`` is "delta",
    "theta" or "none".
    """

    fixed: Mapping[str, Array]
    free: Mapping[str, Elements]
    item_of: Counts
    ordered: Flags
    scaled_by: str
    q: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Implied:
    """What a group's model implies at x. ``Sigma`` of ordered items is before scaling, ``delta`` is their scale."""

    matrices: Mapping[str, Values]
    L: Values
    V: Values
    J: Values
    Sigma: Values
    mu: Values
    delta: Values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compiled:
    """A model ready to be fitted.

    Attributes
    ----------
    model : Model
        Its parameters.
    groups : tuple of GroupMatrices
        One a group.
    place : ndarray, shape (n_rows,)
        Each parameter's place in x; -1 for a fixed one.
    names : tuple of str
        The name of each free parameter: its label, or how the syntax writes it.
    layout : tuple of mapping
        For each group and matrix, which parameters it holds, and in which rows and columns.
    """

    model: Model
    groups: tuple[GroupMatrices, ...]
    place: Counts
    names: tuple[str, ...]
    layout: tuple[Mapping[str, tuple[Counts, Counts, Counts]], ...]

    @property
    def q(self) -> int:
        """Number of free parameters."""
        return len(self.names)


def compiled(model: Model, candidates: Iterable[Parameter] = ()) -> Compiled:
    """Return a model's matrices; ``candidates`` become free parameters after those of the model, for score tests."""
    places, names = _places(model)
    extra = tuple(candidates)
    rows = (*model.parameters, *extra)
    place = np.concatenate([places, len(names) + np.arange(len(extra))]).astype(np.int64)
    names = (*names, *(row.name for row in extra))
    groups = tuple(_group_matrices(model, group, rows, place, len(names)) for group in range(model.n_groups))
    layout = tuple(_layout(model, group) for group in range(model.n_groups))
    return Compiled(model=model, groups=groups, place=place[: len(model.parameters)], names=names, layout=layout)


def _places(model: Model) -> tuple[Counts, tuple[str, ...]]:
    """Return each row's number and the names of the free parameters.

    Those with one label share a number, and a fixed one fixes its whole label.
    """
    fixed = {row.label for row in model.parameters if row.label and not row.free}
    numbers: dict[str, int] = {}
    places: list[int] = []
    names: list[str] = []
    for row in model.parameters:
        if not row.free or row.label in fixed:
            places.append(-1)
            continue
        if row.label and row.label in numbers:
            places.append(numbers[row.label])
            continue
        if row.label:
            numbers[row.label] = len(names)
        places.append(len(names))
        names.append(row.name if not row.label or row.label.startswith(".") else row.label)
    return np.array(places, dtype=np.int64), tuple(names)


def _position(
    items: Mapping[str, int], factors: Mapping[str, int], first: Mapping[str, int], row: Parameter
) -> tuple[str, int, int]:
    if row.op == "=~" and row.rhs in factors:
        return "B", factors[row.rhs], factors[row.lhs]
    if row.op == "=~":
        return "Lambda", items[row.rhs], factors[row.lhs]
    if row.op == "~~" and row.lhs in factors:
        return "Psi", factors[row.lhs], factors[row.rhs]
    if row.op == "~~":
        return "Theta", items[row.lhs], items[row.rhs]
    if row.op == "~1":
        return ("alpha", factors[row.lhs], 0) if row.lhs in factors else ("nu", items[row.lhs], 0)
    if row.op == "|":
        return "tau", first[row.lhs] + int(row.rhs[1:]) - 1, 0
    return "delta", items[row.lhs], 0


def _first_thresholds(model: Model) -> dict[str, int]:
    """Return where each item's thresholds begin."""
    counts = dict.fromkeys(model.items, 0)
    for row in model.parameters:
        if row.op == "|" and row.group == 0:
            counts[row.lhs] += 1
    ends = np.cumsum([0, *counts.values()])
    return dict(zip(counts, ends[:-1].tolist(), strict=True))


def _group_matrices(model: Model, group: int, rows: tuple[Parameter, ...], place: Counts, q: int) -> GroupMatrices:
    p, m = len(model.items), len(model.factors)
    items = {item: number for number, item in enumerate(model.items)}
    factors = {factor: number for number, factor in enumerate(model.factors)}
    first = _first_thresholds(model)
    mine = [(row, int(where)) for row, where in zip(rows, place, strict=True) if row.group == group]
    thresholds = [items[row.lhs] for row, _ in mine if row.op == "|"]
    shapes = {"Lambda": (p, m), "B": (m, m), "Psi": (m, m), "Theta": (p, p)}
    shapes |= {"nu": (p, 1), "alpha": (m, 1), "tau": (len(thresholds), 1), "delta": (p, 1)}
    fixed = {name: np.full(shape, 1.0 if name == "delta" else 0.0) for name, shape in shapes.items()}
    found: dict[str, list[tuple[int, int, int]]] = {name: [] for name in MATRICES}
    for row, where in mine:
        name, r, c = _position(items, factors, first, row)
        if where >= 0:
            found[name].append((r, c, where))
        else:
            fixed[name][r, c] = row.value or 0.0
            if name in SYMMETRIC:
                fixed[name][c, r] = row.value or 0.0
    free = {}
    for name, places in found.items():
        table = np.array(places, dtype=np.int64).reshape(-1, 3)
        free[name] = Elements(row=table[:, 0], column=table[:, 1], place=table[:, 2])
    ordered = np.array([item in model.ordered for item in model.items])
    return GroupMatrices(
        fixed=fixed,
        free=free,
        item_of=np.sort(np.array(thresholds, dtype=np.int64)),
        ordered=ordered,
        scaled_by=model.parameterization if ordered.any() else "none",
        q=q,
    )


def implied(group: GroupMatrices, x: Values) -> Implied:
    """Return the matrices and moments of one group at x, shape (q,)."""
    values: dict[str, Values] = {}
    for name in MATRICES:
        filled = group.fixed[name].astype(x.dtype)
        free = group.free[name]
        filled[free.row, free.column] = x[free.place]
        if name in SYMMETRIC:
            filled[free.column, free.row] = x[free.place]
        values[name] = filled
    Lambda, B, Psi = values["Lambda"], values["B"], values["Psi"]
    J = np.linalg.inv(np.eye(B.shape[0]) - B) if B.any() else np.eye(B.shape[0], dtype=x.dtype)
    V = J @ Psi @ J.T
    L = Lambda @ J
    Sigma = L @ Psi @ L.T + values["Theta"]
    delta = values["delta"][:, 0].copy()
    if group.scaled_by == "theta":
        delta[group.ordered] = np.sqrt(1.0 / np.diag(Sigma)[group.ordered])
    elif group.scaled_by == "delta":
        places = np.flatnonzero(group.ordered)
        residual = 1.0 / delta[places] ** 2 - np.diag(Sigma)[places]
        values["Theta"][places, places] = residual
        Sigma[places, places] = 1.0 / delta[places] ** 2
    mu = values["nu"][:, 0] + L @ values["alpha"][:, 0]
    return Implied(matrices=values, L=L, V=V, J=J, Sigma=Sigma, mu=mu, delta=delta)


def covariance_pairs(group: GroupMatrices, at: Implied) -> tuple[Values, Values, Array, Counts]:
    """Return vectors l and r, shape (p, n_elements), weights w and places: each free element's slope of Sigma.

    The slope is ``w (l r' + r l')``, before what the scale of ordered items changes.
    """
    LV = at.matrices["Lambda"] @ at.V
    unit = np.eye(at.Sigma.shape[0], dtype=at.Sigma.dtype)
    loadings, paths, variances, residuals = (group.free[name] for name in ("Lambda", "B", "Psi", "Theta"))
    left = np.hstack([unit[:, loadings.row], at.L[:, paths.row], at.L[:, variances.row], unit[:, residuals.row]])
    right = np.hstack(
        [LV[:, loadings.column], LV[:, paths.column], at.L[:, variances.column], unit[:, residuals.column]]
    )
    weight = np.ones(left.shape[1])
    symmetric = [np.where(elements.row == elements.column, 0.5, 1.0) for elements in (variances, residuals)]
    weight[loadings.row.size + paths.row.size :] = np.concatenate(symmetric)
    return left, right, weight, np.concatenate([e.place for e in (loadings, paths, variances, residuals)])


def covariance_slopes(group: GroupMatrices, at: Implied) -> tuple[Values, Counts]:
    """Return the slopes of Sigma in the free elements, shape (n_elements, p, p), and the elements' places in x."""
    left, right, weight, place = covariance_pairs(group, at)
    half = (weight * left).T[:, :, None] * right.T[:, None, :]
    slopes = half + half.transpose(0, 2, 1)
    if group.scaled_by == "delta":
        places = np.flatnonzero(group.ordered)
        slopes[:, places, places] = 0.0
    return slopes, place


def mean_slopes(group: GroupMatrices, at: Implied) -> tuple[Values, Counts]:
    """Return the slopes of mu in the free elements, shape (n_elements, p), and the elements' places in x."""
    p = at.mu.size
    free = group.free
    eta = at.J @ at.matrices["alpha"][:, 0]
    loadings, paths, intercepts, means = (free[name] for name in ("Lambda", "B", "nu", "alpha"))
    of_loadings = np.zeros((loadings.row.size, p), dtype=at.mu.dtype)
    of_loadings[np.arange(loadings.row.size), loadings.row] = eta[loadings.column]
    of_paths = at.L.T[paths.row] * eta[paths.column][:, None]
    of_intercepts = np.zeros((intercepts.row.size, p), dtype=at.mu.dtype)
    of_intercepts[np.arange(intercepts.row.size), intercepts.row] = 1.0
    slopes = np.concatenate([of_loadings, of_paths, of_intercepts, at.L.T[means.row]])
    return slopes, np.concatenate([elements.place for elements in (loadings, paths, intercepts, means)])


def pulled_back(group: GroupMatrices, at: Implied, G: Values, h: Values | None) -> Values:
    """Return the slopes in x of a function of (Sigma, mu) whose slopes in them are G (symmetric, (p, p)) and h (p,)."""
    total = np.zeros(group.q, dtype=at.Sigma.dtype)
    LV = at.matrices["Lambda"] @ at.V
    GLV = G @ LV
    of = {"Lambda": 2.0 * GLV, "B": 2.0 * at.L.T @ GLV, "Psi": at.L.T @ G @ at.L, "Theta": G}
    if h is not None:
        eta = at.J @ at.matrices["alpha"][:, 0]
        of["Lambda"] = of["Lambda"] + np.outer(h, eta)
        of["B"] = of["B"] + np.outer(at.L.T @ h, eta)
        of |= {"nu": h[:, None], "alpha": (at.L.T @ h)[:, None]}
    for name, slopes in of.items():
        free = group.free[name]
        twice = np.where(free.row != free.column, 2.0, 1.0) if name in SYMMETRIC else 1.0
        np.add.at(total, free.place, twice * slopes[free.row, free.column])
    return total


def gathered(slopes: Values, place: Counts, q: int) -> Values:
    """Add up the slopes of elements that are one parameter: shape (q, ...)."""
    total = np.zeros((q, *slopes.shape[1:]), dtype=slopes.dtype)
    if np.unique(place).size == place.size:
        total[place] = slopes
    else:
        np.add.at(total, place, slopes)
    return total


def moment_slopes(group: GroupMatrices, at: Implied) -> Array:
    """Return the slopes of means and half-vectorised covariances in x, shape (p + p (p + 1) / 2, q)."""
    i, j = np.tril_indices(at.mu.size)
    slopes, place = covariance_slopes(group, at)
    dmu, mean_place = mean_slopes(group, at)
    return np.hstack([gathered(dmu, mean_place, group.q), gathered(slopes[:, i, j], place, group.q)]).T


def scaled_statistics(group: GroupMatrices, at: Implied) -> tuple[Values, Values]:
    """Return the implied thresholds and (co)variances of ordered and continuous items, and their slopes in x.

    The order is lavaan's: thresholds of ordered and negative means of continuous items, item by item; variances of
    continuous items; covariances ``(1, 2), (1, 3), ..., (p - 1, p)``.

    Returns
    -------
    statistics : ndarray, shape (n_statistics,)
    slopes : ndarray, shape (n_statistics, q)
    """
    p, q = at.mu.size, group.q
    first, second = np.triu_indices(p, 1)
    continuous = np.flatnonzero(~group.ordered)
    dSigma_of, place = covariance_slopes(group, at)
    diagonal = np.arange(p)
    scale, tau = at.delta, at.matrices["tau"][:, 0]
    # Slopes of the scale factors themselves: implied by Sigma under theta, parameters of their own under delta.
    ddelta = np.zeros((q, p), dtype=at.Sigma.dtype)
    dSigma = gathered(dSigma_of[:, first, second], place, q)
    dvariance = gathered(dSigma_of[:, diagonal, diagonal], place, q)
    if group.scaled_by == "theta":
        ddelta = np.where(group.ordered, -0.5 * scale**3 * dvariance, 0.0)
    free = group.free["delta"]
    ddelta[free.place, free.row] += 1.0
    covariances = scale[first] * scale[second] * at.Sigma[first, second]
    of_covariances = scale[first] * scale[second] * dSigma
    of_covariances += ddelta[:, first] * (scale[second] * at.Sigma[first, second])
    of_covariances += ddelta[:, second] * (scale[first] * at.Sigma[first, second])
    dmu_of, mean_place = mean_slopes(group, at)
    dmu = gathered(dmu_of, mean_place, q)
    item = group.item_of
    thresholds = scale[item] * (tau - at.mu[item])
    of_thresholds = ddelta[:, item] * (tau - at.mu[item]) - scale[item] * dmu[:, item]
    cuts = group.free["tau"]
    of_thresholds[cuts.place, cuts.row] += scale[item[cuts.row]]
    order = np.argsort(np.concatenate([item, continuous]), kind="stable")
    level = np.concatenate([thresholds, -at.mu[continuous]])[order]
    of_level = np.concatenate([of_thresholds, -dmu[:, continuous]], axis=1)[:, order]
    statistics = np.concatenate([level, np.diag(at.Sigma)[continuous], covariances])
    slopes = np.concatenate([of_level, dvariance[:, continuous], of_covariances], axis=1)
    return statistics, slopes.T


def position_table(model: Model) -> tuple[tuple[str, int, int], ...]:
    """Return the matrix, row and column of every parameter."""
    items = {item: number for number, item in enumerate(model.items)}
    factors = {factor: number for number, factor in enumerate(model.factors)}
    first = _first_thresholds(model)
    return tuple(_position(items, factors, first, row) for row in model.parameters)


def standardized_matrices(group: GroupMatrices, at: Implied) -> dict[str, Values]:
    """Return one group's matrices, completely standardised.

    Residual covariances become residual correlations; intercepts and thresholds are in standard deviations.
    """
    of_item, of_factor = np.sqrt(np.diag(at.Sigma)), np.sqrt(np.diag(at.V))
    values = at.matrices
    root_theta, root_psi = np.sqrt(np.diag(values["Theta"])), np.sqrt(np.diag(values["Psi"]))
    Theta = values["Theta"] / np.outer(root_theta, root_theta)
    Psi = values["Psi"] / np.outer(root_psi, root_psi)
    np.fill_diagonal(Theta, np.diag(values["Theta"]) / of_item**2)
    np.fill_diagonal(Psi, np.diag(values["Psi"]) / of_factor**2)
    return {
        "Lambda": values["Lambda"] * of_factor / of_item[:, None],
        "B": values["B"] * of_factor / of_factor[:, None],
        "Psi": Psi,
        "Theta": Theta,
        "nu": values["nu"] / of_item[:, None],
        "alpha": values["alpha"] / of_factor[:, None],
        "tau": values["tau"] / of_item[group.item_of][:, None],
        "delta": np.ones_like(values["delta"]),
    }


def row_values(compiled_model: Compiled, x: Values, *, standard: bool = False) -> Values:
    """Return the value of every parameter in the order of the rows, as it is or completely standardised.

    The residual variances of ordered items that ``delta`` implies are among them.
    """
    out = np.empty(len(compiled_model.model.parameters), dtype=x.dtype)
    with np.errstate(invalid="ignore", divide="ignore"):
        states = [implied(group, x) for group in compiled_model.groups]
        for number, (group, at) in enumerate(zip(compiled_model.groups, states, strict=True)):
            values = standardized_matrices(group, at) if standard else at.matrices
            for name, (rows, r, c) in compiled_model.layout[number].items():
                out[rows] = values[name][r, c]
    return out


def _layout(model: Model, number: int) -> Mapping[str, tuple[Counts, Counts, Counts]]:
    """Return, for each matrix of a group, which rows it holds and where."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    for place, (row, (name, r, c)) in enumerate(zip(model.parameters, position_table(model), strict=True)):
        if row.group == number:
            found.setdefault(name, []).append((place, r, c))
    tables = {name: np.array(places, dtype=np.int64) for name, places in found.items()}
    return {name: (places[:, 0], places[:, 1], places[:, 2]) for name, places in tables.items()}


def row_slopes(compiled_model: Compiled, x: Array, *, standard: bool = False) -> Array:
    """Return the slopes of :func:`row_values` in x, shape (n_rows, q).

    Thresholds, intercepts and means move no other row, and only in proportion.
    """
    slopes = np.zeros((len(compiled_model.model.parameters), x.size))
    of_level = np.zeros(x.size, dtype=bool)
    for number, group in enumerate(compiled_model.groups):
        of_matrices = compiled_model.layout[number]
        at = implied(group, x)
        units = {name: np.ones_like(at.matrices[name]) for name in ("tau", "nu", "alpha")}
        if standard:
            with np.errstate(invalid="ignore", divide="ignore"):
                units = standardized_matrices(group, replace(at, matrices={**at.matrices, **units}))
        for name in ("tau", "nu", "alpha"):
            rows, r, c = of_matrices.get(name, (np.zeros(0, dtype=np.int64),) * 3)
            free = compiled_model.place[rows] >= 0
            slopes[rows[free], compiled_model.place[rows[free]]] = units[name][r[free], c[free]]
            of_level[compiled_model.place[rows[free]]] = True
    for group in compiled_model.groups:
        for name in ("Lambda", "B", "Psi", "Theta", "delta"):
            of_level[group.free[name].place] = False
    others = np.flatnonzero(~of_level)
    slopes[:, others] += complex_slopes(lambda z: row_values(compiled_model, z, standard=standard), x, others)
    return slopes


def complex_slopes(function: Callable[[Values], Values], x: Array, places: Counts | None = None) -> Array:
    """Return the Jacobian of an analytic function by complex steps, exact to rounding: shape (n_values, q).

    ``places`` are the columns that are wanted, all by default.
    """
    columns = []
    for place in range(x.size) if places is None else places:
        moved = x.astype(np.complex128)
        moved[place] += 1j * _STEP
        columns.append(np.asarray(function(moved)).imag / _STEP)
    return np.stack(columns, axis=-1) if columns else np.zeros((np.asarray(function(x)).size, 0))
