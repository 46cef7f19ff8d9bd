"""A factor model within clusters and one between them, as one model of two groups of parameters, and its likelihood.

Group 0 holds the parameters within clusters, without means; group 1 those between clusters, with the means of all.
Labels reach over both, so that equal labels make parameters equal over the levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from toolkit.psychometrics._numerics import Array, Counts
from toolkit.psychometrics._options import conflict
from toolkit.psychometrics.cfa._matrices import (
    Compiled,
    Implied,
    Values,
    compiled,
    covariance_slopes,
    gathered,
    implied,
    mean_slopes,
    pulled_back,
)
from toolkit.psychometrics.cfa._two_level import (
    Saturated,
    TwoLevelMoments,
    complex_gradient,
    expected_information,
    log_likelihood,
    log_likelihood_gradient,
)
from toolkit.psychometrics.cfa.model import Model, ModelDefaults, specify, with_fixed_labels
from toolkit.psychometrics.cfa.moments import GroupSample
from toolkit.psychometrics.cfa.syntax import ModelSyntax

LEVELS = ("within", "between")
SMALLEST_VARIANCE = -1e-8
MARGIN = 1e-3
"""How near to 0 a negative variance between clusters may bring the variance of a cluster mean, as a share of what
persons alone give it. At 0 the likelihood of a model can be infinite, where clusters of one size are fewer than items.
"""
START_SHARE = 0.05
"""Smallest eigenvalue of the covariances that starting values are taken from, as a share of the mean variance."""


class TwoLevelDiscrepancy:
    """``F = -2 log L / N``: minus twice the log-likelihood of a two-level model for one of N persons."""

    def __init__(self, compiled_model: Compiled, moments: TwoLevelMoments) -> None:
        self.compiled = compiled_model
        self.moments = moments

    def states(self, x: Values) -> tuple[Implied, Implied]:
        """Return what the model implies within and between clusters."""
        within, between = self.compiled.groups
        return implied(within, x), implied(between, x)

    def value(self, x: Array) -> float:
        """Return F; infinite where the likelihood does not exist."""
        within, between = self.states(x)
        found = log_likelihood(self.moments, between.mu, within.Sigma, between.Sigma, margin=MARGIN)
        return -2.0 * found / self.moments.n_persons

    def gradient(self, x: Values) -> Values:
        """Return the slopes of F in x, shape (q,)."""
        within, between = self.states(x)
        use = complex_gradient if np.iscomplexobj(x) else log_likelihood_gradient
        found = use(self.moments, between.mu, within.Sigma, between.Sigma)
        total = pulled_back(self.compiled.groups[0], within, found.within, None)
        total = total + pulled_back(self.compiled.groups[1], between, found.between, found.mu)
        return -2.0 * total / self.moments.n_persons

    def information(self, x: Array) -> Array:
        """Return the expected information of one person, shape (q, q); NaN where the likelihood does not exist."""
        within, between = self.states(x)
        slopes = self.slopes(x)
        information = expected_information(self.moments, within.Sigma, between.Sigma, *slopes)
        return information / self.moments.n_persons

    def slopes(self, x: Array) -> tuple[Array, Array, Array]:
        """Return the slopes of mu, Sigma_W and Sigma_B: shapes (q, p), (q, p, p), (q, p, p)."""
        q = x.size
        within, between = self.states(x)
        lower, upper = self.compiled.groups
        d_mu = gathered(*mean_slopes(upper, between), q)
        return d_mu, gathered(*covariance_slopes(lower, within), q), gathered(*covariance_slopes(upper, between), q)


def two_level_model(within: ModelSyntax, between: ModelSyntax, *, std_lv: bool = False) -> Compiled:
    """Join the models of both levels.

    Raises
    ------
    StatisticsError
        STA_OPTION_CONFLICT (the levels have different items), and the codes of :func:`.model.specify`.
    """
    if set(within.items) != set(between.items):
        either = sorted(set(within.items) ^ set(between.items))
        raise conflict(
            f"only at one level: {', '.join(either)}",
            why="within= and between= must be about the same items.",
            fix="Let a factor measure each item at both levels.",
        )
    lower = specify(within, ModelDefaults(n_thresholds={}, std_lv=std_lv))
    upper = specify(between, ModelDefaults(n_thresholds={}, std_lv=std_lv, mean_structure=True))
    use = compiled(
        Model(
            parameters=with_fixed_labels((*lower.parameters, *(replace(row, group=1) for row in upper.parameters))),
            items=within.items,
            factors=tuple(dict.fromkeys((*within.factors, *between.factors))),
            ordered=frozenset(),
            n_groups=2,
            parameterization="delta",
            mean_structure=True,
        )
    )
    return replace(use, names=_names(use))


def _names(use: Compiled) -> tuple[str, ...]:
    """Return the names of free parameters, with their level where they have no label."""
    names = list(use.names)
    for row, place in zip(use.model.parameters, use.place, strict=True):
        if place >= 0 and not row.label:
            names[place] = f"{row.name} {LEVELS[row.group]}"
    return tuple(names)


def level_samples(saturated: Saturated, moments: TwoLevelMoments) -> tuple[GroupSample, GroupSample]:
    """Return the saturated moments of both levels as samples, from which starting values are taken."""
    nobody = np.empty((0, saturated.mu.size))
    samples = []
    for S, mean, n in (
        (saturated.Sigma_W, np.zeros_like(saturated.mu), moments.n_persons),
        (saturated.Sigma_B, saturated.mu, moments.n_clusters),
    ):
        lam, U = np.linalg.eigh(S)
        raised = np.maximum(lam, START_SHARE * max(float(lam.mean()), 1e-6 * float(np.trace(saturated.Sigma_W))))
        samples.append(GroupSample(n=n, values=nobody, clusters=None, mean=mean, S=(U * raised) @ U.T))
    return samples[0], samples[1]


def improper(use: Compiled, x: Array) -> tuple[str, ...]:
    """Return, in words, what is impossible about a solution; empty where it is admissible."""
    found = []
    for level, group in zip(LEVELS, use.groups, strict=True):
        at = implied(group, x)
        for names, matrix, kind in (
            (use.model.items, at.matrices["Theta"], "residual"),
            (use.model.factors, at.matrices["Psi"], "factor"),
        ):
            negative = [name for name, v in zip(names, np.diag(matrix), strict=True) if v < SMALLEST_VARIANCE]
            found += [f"negative {kind} variance of {name} {level} clusters" for name in negative]
            if not negative and np.linalg.eigvalsh(matrix)[0] < SMALLEST_VARIANCE:
                found.append(f"covariance matrix of the {kind}s {level} clusters not positive definite")
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """A reliability that can be had of a model: its name, its factor, and the items of its composite."""

    name: str
    factor: str
    items: tuple[str, ...]


def coefficients(use: Compiled) -> tuple[Coefficient, ...]:
    """Return the reliabilities of each factor that measures two items or more.

    ``omega_person`` needs a factor of one name and the same items at both levels.
    """
    measured = [_measured(use, level) for level in range(2)]
    found = [Coefficient(name="omega_within", factor=f, items=items) for f, items in measured[0].items()]
    for name in ("omega_between", "omega_unit_mean", "interrater"):
        found += [Coefficient(name=name, factor=f, items=items) for f, items in measured[1].items()]
    found += [
        Coefficient(name="omega_person", factor=f, items=items)
        for f, items in measured[0].items()
        if set(measured[1].get(f, ())) == set(items)
    ]
    return tuple(found)


def _measured(use: Compiled, level: int) -> dict[str, tuple[str, ...]]:
    items: dict[str, tuple[str, ...]] = {}
    for row in use.model.parameters:
        if row.group == level and row.op == "=~" and row.rhs in use.model.items:
            items[row.lhs] = (*items.get(row.lhs, ()), row.rhs)
    return {factor: of for factor, of in items.items() if len(of) > 1}


def reliabilities(use: Compiled, wanted: Sequence[Coefficient], x: Values, mean_inverse_size: float) -> Values:
    """Return the value of each coefficient at x, shape (n_coefficients,).

    With the composite c of a factor's items, ``t = (1' lambda)^2 phi`` at a level and v the variance that the model
    implies for c at a level: omega within ``t_W / v_W``; omega between ``t_B / v_B``; omega of unit means
    ``t_B / (v_B + v_W / n)``; interrater ``v_B / (v_B + v_W / n)``; omega of persons ``(t_W + t_B) / (v_W + v_B)``.
    """
    states = [implied(group, x) for group in use.groups]
    out = np.empty(len(wanted), dtype=x.dtype)
    for place, one in enumerate(wanted):
        rows: Counts = np.array([use.model.items.index(item) for item in one.items])
        column = use.model.factors.index(one.factor)
        true, whole = [], []
        for at in states:
            true.append(at.matrices["Lambda"][rows, column].sum() ** 2 * at.V[column, column])
            whole.append(at.Sigma[np.ix_(rows, rows)].sum())
        of_means = whole[1] + whole[0] * mean_inverse_size
        out[place] = {
            "omega_within": true[0] / whole[0],
            "omega_between": true[1] / whole[1],
            "omega_unit_mean": true[1] / of_means,
            "interrater": whole[1] / of_means,
            "omega_person": (true[0] + true[1]) / (whole[0] + whole[1]),
        }[one.name]
    return out
