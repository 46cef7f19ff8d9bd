"""How often tests of confirmatory models reject a true model, a wrong one, and how often intervals hold the truth.

The draws of a cell can be made again by :func:`drawn_again`; lavaan's p-values on the first of them are stored by
``tests/parity/reference/make_cfa_rejection.R``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from coverage_study import Study, generator_of

from toolkit.errors import StatisticsError
from toolkit.psychometrics._threads import on_one_thread
from toolkit.psychometrics.cfa._matrices import row_values
from toolkit.psychometrics.cfa.chi_square import upper_tail
from toolkit.psychometrics.cfa.fitting import Estimator, FittedModel, fit_model
from toolkit.psychometrics.cfa.full_information import incomplete_samples
from toolkit.psychometrics.cfa.invariance_levels import (
    CONTINUOUS_LEVELS,
    ORDINAL_LEVELS,
    at_level,
    contexts_of_groups,
)
from toolkit.psychometrics.cfa.model import Model, ModelDefaults, specify
from toolkit.psychometrics.cfa.moments import Frame, normal_samples, ordinal_samples, thresholds_in
from toolkit.psychometrics.cfa.nested import nested_test
from toolkit.psychometrics.cfa.syntax import ModelSyntax, parse_model
from toolkit.psychometrics.reliability.categorical import code_covariances

Answers = Literal["normal", "five codes, symmetric", "five codes, skewed"]
CUTS: Mapping[str, tuple[float, ...]] = {
    "normal": (),
    "five codes, symmetric": (-1.2, -0.4, 0.4, 1.2),
    "five codes, skewed": (0.2, 0.8, 1.4, 2.0),
}
SIZES = (200, 500, 2000)
LEVEL = 0.05
Z = 1.959963984540054
MISSING = 0.10
MEAN_DIFFERENCE = 0.3
"""By how much the first factor of the second group is higher, in standard deviations."""
NO_SOLUTION = "no solution"
LEAST_SQUARES: Mapping[int, tuple[Estimator, ...]] = {10: ("WLSMV", "ULSMV"), 30: ("WLSMV",)}
"""What is run on ordered answers, by the number of items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """A factor model with unit variances, whose items load on one factor each; factors correlate .3.

    ``loadings`` has a row a factor. ``cross`` is a loading of the first factor on the last item, which the model that
    is fitted does not have; ``alike`` a correlation of the residuals of the first two items.
    """

    name: str
    loadings: tuple[tuple[float, ...], ...]
    correlation: float = 0.3
    cross: float = 0.0
    alike: float = 0.0

    @property
    def n_items(self) -> int:
        """Items."""
        return sum(len(row) for row in self.loadings)

    @property
    def items(self) -> tuple[str, ...]:
        """Names of the items."""
        return tuple(f"x{number}" for number in range(1, self.n_items + 1))

    @property
    def text(self) -> str:
        """The model without what ``cross`` and ``alike`` say."""
        ends = np.cumsum([len(row) for row in self.loadings])
        return "\n".join(
            f"f{number} =~ " + " + ".join(self.items[end - len(row) : end])
            for number, (row, end) in enumerate(zip(self.loadings, ends, strict=True), start=1)
        )

    def matrices(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return loadings, factor correlations and residual covariances."""
        m, p = len(self.loadings), self.n_items
        Lambda = np.zeros((p, m))
        place = 0
        for factor, row in enumerate(self.loadings):
            Lambda[place : place + len(row), factor] = row
            place += len(row)
        Lambda[-1, 0] += self.cross
        Phi = np.full((m, m), self.correlation) + (1.0 - self.correlation) * np.eye(m)
        Theta = np.diag(1.0 - np.einsum("ij,jk,ik->i", Lambda, Phi, Lambda))
        Theta[0, 1] = Theta[1, 0] = self.alike * np.sqrt(Theta[0, 0] * Theta[1, 1])
        return Lambda, Phi, Theta

    def drawn(self, answers: str, n: int, random: np.random.Generator, mean: float = 0.0) -> np.ndarray:
        """Return the answers of n persons; ``mean`` is that of the first factor."""
        Lambda, Phi, Theta = self.matrices()
        f = random.standard_normal((n, Phi.shape[0])) @ np.linalg.cholesky(Phi).T
        f[:, 0] += mean
        y = np.round(f @ Lambda.T + random.standard_normal((n, self.n_items)) @ np.linalg.cholesky(Theta).T, 6)
        return y if answers == "normal" else 1.0 + (y[:, :, None] > np.array(CUTS[answers])).sum(axis=2)


TEN = Population(name="10 items, 2 factors", loadings=((0.8, 0.7, 0.6, 0.7, 0.5), (0.8, 0.7, 0.6, 0.7, 0.5)))
THIRTY = Population(name="30 items, 3 factors", loadings=((0.7,) * 10,) * 3)
SIX = Population(name="6 items, 1 factor", loadings=((0.8, 0.7, 0.6, 0.7, 0.5, 0.6),))


@cache
def syntax_of(population: Population) -> ModelSyntax:
    """Return a population's model."""
    return parse_model(population.text)


@cache
def model_of(population: Population, n_thresholds: tuple[int, ...], *, means: bool) -> Model:
    """Return the specified model of one group; ordered items have thresholds."""
    items = population.items
    ordered = frozenset(items if n_thresholds else ())
    counts = dict(zip(items, n_thresholds, strict=bool(n_thresholds)))
    defaults = ModelDefaults(ordered=ordered, n_thresholds=counts, mean_structure=means or bool(n_thresholds))
    return specify(syntax_of(population), defaults)


def frame_for(population: Population, values: np.ndarray, group: np.ndarray | None = None) -> Frame:
    """Return answers as they are fitted, by group; what is drawn needs no check."""
    labels = ("",) if group is None else tuple(dict.fromkeys(group.tolist()))
    of_label = [np.arange(len(values))] if group is None else [np.flatnonzero(group == label) for label in labels]
    return Frame(
        items=population.items,
        groups=labels,
        answers=tuple(np.ascontiguousarray(values[mine]) for mine in of_label),
        clusters=None,
        n_clusters=0,
        rows=tuple(of_label),
        n_dropped=0,
    )


@on_one_thread
def continuous_fit(population: Population, values: np.ndarray) -> FittedModel:
    """Return the model fitted by MLR, which has the statistic of ML too."""
    return fit_model(model_of(population, (), means=False), normal_samples(frame_for(population, values)), "MLR")


@on_one_thread
def ordinal_fits(population: Population, values: np.ndarray, *estimators: Estimator) -> dict[str, FittedModel]:
    """Return the model fitted to polychoric correlations."""
    frame = frame_for(population, values)
    ordered = frozenset(population.items)
    counts = tuple(thresholds_in(frame, ordered).values())
    samples = ordinal_samples(frame, ordered, pairwise=False)
    model = model_of(population, counts, means=True)
    return {name: fit_model(model, samples, name) for name in estimators}


@on_one_thread
def incomplete_fit(population: Population, values: np.ndarray) -> FittedModel:
    """Return the model fitted by full information with robust statistic."""
    samples = incomplete_samples(frame_for(population, values))
    return fit_model(model_of(population, (), means=True), samples, "MLR")


def p_values(
    population: Population, answers: str, values: np.ndarray, incomplete: np.ndarray | None
) -> dict[str, float]:
    """Return the p-value of every test of the model."""
    fit = solved(continuous_fit(population, values))
    found = {"ML": fit.model.p_value, "MLR": fit.model.scaled_p_value}
    if answers != "normal":
        for name, ordinal in ordinal_fits(population, values, *LEAST_SQUARES[population.n_items]).items():
            found[name] = solved(ordinal).model.scaled_p_value
    if incomplete is not None:
        found["FIML, MLR"] = solved(incomplete_fit(population, incomplete)).model.scaled_p_value
    return found


def solved(fit: FittedModel) -> FittedModel:
    """Return a fit that converged; the study counts the others."""
    if not fit.solution.converged:
        raise ArithmeticError
    return fit


def counted(function: Callable[[np.random.Generator], Mapping[str, bool | float]]) -> Callable[..., Mapping]:
    """Return a replication that also counts the samples without a solution."""

    def replicate(random: np.random.Generator) -> Mapping[str, bool | float]:
        try:
            return {NO_SOLUTION: False, **function(random)}
        except (StatisticsError, ArithmeticError):
            return {NO_SOLUTION: True}

    return replicate


# --- the model against the data


def drawn_for_rejection(
    population: Population, answers: str, n: int, random: np.random.Generator, *, incomplete: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return answers, and the same with holes."""
    values = population.drawn(answers, n, random)
    holes = random.random(values.shape) < MISSING if incomplete else None
    return values, None if holes is None else np.where(holes, np.nan, values)


def rejection(population: Population, answers: str, n: int, *, incomplete: bool) -> Callable[..., Mapping[str, bool]]:
    """Return the replication that says which tests reject the model."""

    def replicate(random: np.random.Generator) -> Mapping[str, bool]:
        values, gaps = drawn_for_rejection(population, answers, n, random, incomplete=incomplete)
        return {name: p < LEVEL for name, p in p_values(population, answers, values, gaps).items()}

    return counted(replicate)


def rejection_study(family: str, population: Population, answers: str, n: int, nominal: str) -> Study:
    """Return one cell."""
    incomplete = population.n_items == 10 and family == TRUE_MODELS and not answers.endswith("symmetric")
    wrong = {"cross": "a loading of .3", "alike": "a residual correlation of .2", "": "nothing"}
    lacking = wrong["cross" if population.cross else "alike" if population.alike else ""]
    return Study(
        family=family,
        name=f"cfa-rejection-{population.name}-{lacking if lacking != 'nothing' else 'true'}-{answers}-{n}".replace(
            " ", "_"
        ).replace(",", ""),
        design=(population.name, *(() if family == TRUE_MODELS else (lacking,)), answers, str(n)),
        columns=("model", *(() if family == TRUE_MODELS else ("the model lacks",)), "answers", "persons"),
        nominal=nominal,
        replicate=rejection(population, answers, n, incomplete=incomplete),
    )


WRONG_MODELS = "Percent of samples in which a wrong model is rejected"
TRUE_MODELS = "Percent of samples in which a true model is rejected"


def drawn_again(population: Population, answers: str, n: int, number: int) -> np.ndarray:
    """Return the answers of one replication of a cell with a true model."""
    study = rejection_study(TRUE_MODELS, population, answers, n, "")
    return population.drawn(answers, n, generator_of(study, number))


# --- intervals


@cache
def truth_of(population: Population, answers: str) -> np.ndarray:
    """Return the standardised values of the population: those of the codes where codes are taken as measurements."""
    Lambda, Phi, Theta = population.matrices()
    Sigma = Lambda @ Phi @ Lambda.T + Theta
    if answers != "normal":
        cuts = np.array(CUTS[answers])
        p = population.n_items
        Sigma = code_covariances([cuts] * p, [np.ones(cuts.size)] * p, Sigma)
    frame = frame_for(population, population.drawn("normal", 50, np.random.default_rng(1)))
    sample = replace(normal_samples(frame)[0], S=Sigma, n=1_000_000)
    fit = fit_model(model_of(population, (), means=False), [sample], "ML")
    return np.asarray(row_values(fit.compiled, fit.x, standard=True))


def intervals(population: Population, answers: str, n: int) -> Callable[..., Mapping[str, bool | float]]:
    """Return the replication that says which standardised values lie in their intervals, and how far off they are."""
    wanted = {
        "largest loading": ("f1", "=~", "x1"),
        "smallest loading": ("f1", "=~", "x5"),
        "factor correlation": ("f1", "~~", "f2"),
    }
    latent = truth_of(population, "normal")

    def told(name: str, fit: FittedModel, truth: np.ndarray) -> dict[str, bool | float]:
        rows = {row.key[:3]: number for number, row in enumerate(fit.compiled.model.parameters)}
        estimate = row_values(fit.compiled, fit.x, standard=True)
        error = fit.standard_errors(standard=True)
        of_truth = {row.key[:3]: truth[k] for k, row in enumerate(model_of(population, (), means=False).parameters)}
        out: dict[str, bool | float] = {}
        for what, key in wanted.items():
            off = float(estimate[rows[key]] - of_truth[key])
            out[f"{what}, {name}"] = bool(abs(off) <= Z * error[rows[key]])
            out[f"{what}, {name}, bias"] = off
        return out

    @on_one_thread
    def replicate(random: np.random.Generator) -> Mapping[str, bool | float]:
        values = population.drawn(answers, n, random)
        fit = solved(continuous_fit(population, values))
        naive = replace(fit, covariance=np.linalg.inv(fit.problem.information(fit.x)) / fit.n)
        own = truth_of(population, answers)
        found = told("MLR", fit, own)
        found = {**{k: v for k, v in told("ML", naive, own).items() if not k.endswith("bias")}, **found}
        if answers != "normal":
            found |= told("WLSMV", solved(ordinal_fits(population, values, "WLSMV")["WLSMV"]), latent)
        return found

    return counted(replicate)


# --- invariance


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Two groups of equal size; the second has a higher first factor, and may differ in one item.

    ``loading`` is added to the second item's loading there, ``intercept`` to the item itself.
    """

    population: Population
    answers: str
    n: int
    loading: float = 0.0
    intercept: float = 0.0

    def drawn(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return answers and groups."""
        first, rest = self.population.loadings[0], self.population.loadings[1:]
        other = replace(self.population, loadings=((first[0], first[1] + self.loading, *first[2:]), *rest))
        halves = [
            self.population.drawn("normal", self.n // 2, random),
            other.drawn("normal", self.n - self.n // 2, random, MEAN_DIFFERENCE),
        ]
        halves[1][:, 1] += self.intercept
        y = np.concatenate(halves)
        if self.answers != "normal":
            y = 1.0 + (y[:, :, None] > np.array(CUTS[self.answers])).sum(axis=2)
        return y, np.repeat(["a", "b"], [self.n // 2, self.n - self.n // 2])


@on_one_thread
def continuous_steps(design: Groups, random: np.random.Generator) -> Mapping[str, bool | float]:
    """Return which steps are rejected, and whether the interval of the mean difference holds it."""
    values, group = design.drawn(random)
    frame = frame_for(design.population, values, group)
    contexts = contexts_of_groups(syntax_of(design.population), frame.groups, frozenset(), {}, std_lv=True)
    samples = normal_samples(frame)
    levels = ("configural", "metric", "scalar")
    fits = [solved(fit_model(at_level(contexts, CONTINUOUS_LEVELS[name]), samples, "MLR")) for name in levels]
    found: dict[str, bool | float] = {}
    for name, below, fit in zip(levels[1:], fits, fits[1:], strict=False):
        df = fit.model.df - below.model.df
        found[f"{name}, ML"] = upper_tail(fit.model.value - below.model.value, df) < LEVEL
        robust = nested_test(fit, below)
        found[f"{name}, MLR"] = bool(robust.p < LEVEL)
    if design.answers == "normal":
        fit = fits[-1]
        naive = replace(fit, covariance=np.linalg.inv(fit.problem.information(fit.x)) / fit.n)
        found |= {**of_means(naive, "ML", bias=False), **of_means(fit, "MLR", bias=True)}
    return found


@on_one_thread
def ordinal_steps(design: Groups, random: np.random.Generator) -> Mapping[str, bool | float]:
    """Return the same for ordered answers, by WLSMV and the test of Satorra (2000)."""
    values, group = design.drawn(random)
    frame = frame_for(design.population, values, group)
    ordered = frozenset(design.population.items)
    counts = thresholds_in(frame, ordered)
    contexts = contexts_of_groups(syntax_of(design.population), frame.groups, ordered, counts, std_lv=True)
    samples = ordinal_samples(frame, ordered, pairwise=False)
    fits = {
        name: solved(fit_model(at_level(contexts, equal), samples, "WLSMV")) for name, equal in ORDINAL_LEVELS.items()
    }
    names = list(fits)
    found: dict[str, bool | float] = {
        f"{name}, WLSMV": bool(nested_test(fits[name], fits[below]).p < LEVEL) for below, name in pairwise(names)
    }
    return found | of_means(fits[names[-1]], "WLSMV", bias=True)


def of_means(fit: FittedModel, name: str, *, bias: bool) -> dict[str, bool | float]:
    """Return whether the interval of the first factor's difference holds it, and how far off the difference is."""
    rows = fit.compiled.model.parameters
    place = next(place for row, place in zip(rows, fit.compiled.place, strict=True) if row.key == ("f1", "~1", "", 1))
    off = float(fit.x[place] - MEAN_DIFFERENCE)
    held = bool(abs(off) <= Z * np.sqrt(fit.covariance[place, place]))
    found: dict[str, bool | float] = {f"mean difference, {name}, coverage": held}
    return found | ({f"mean difference, {name}, bias": off} if bias else {})


def step_study(family: str, steps: Callable[..., Mapping], design: Groups, nominal: str, differs: str = "") -> Study:
    """Return one cell."""
    name = f"cfa-steps-{steps.__name__}-{design.population.name}-{differs or 'true'}-{design.answers}-{design.n}"
    return Study(
        family=family,
        name=name.replace(" ", "_").replace(",", ""),
        design=(design.population.name, *((differs,) if differs else ()), design.answers, str(design.n)),
        columns=("model", *(("differs",) if differs else ()), "answers", "persons, two groups"),
        nominal=nominal,
        replicate=counted(lambda random: steps(design, random)),
    )


def studies() -> list[Study]:
    """Return the cells of the design."""
    five = "5 % of the samples; the column without a solution aside"
    true = [
        rejection_study(TRUE_MODELS, population, answers, n, five)
        for population in (TEN, THIRTY)
        for answers in CUTS
        for n in SIZES
        if not (population is THIRTY and answers.endswith("skewed") and n == SIZES[-1])
    ]
    wrong = [
        rejection_study(WRONG_MODELS, population, answers, n, "the more the better")
        for population in (replace(TEN, cross=0.3), replace(TEN, alike=0.2))
        for answers in ("normal", "five codes, symmetric")
        for n in (200, 500)
    ]
    covered = [
        Study(
            family="Intervals of standardised values",
            name=f"cfa-intervals-{answers}-{n}".replace(" ", "_").replace(",", ""),
            design=(TEN.name, answers, str(n)),
            columns=("model", "answers", "persons"),
            nominal="95 % of the intervals hold the population's value; the bias is 0",
            replicate=intervals(TEN, answers, n),
        )
        for answers in CUTS
        for n in SIZES[:2]
    ]
    continuous = [
        step_study(
            "Percent of samples in which a true step of invariance is rejected, answers taken as measurements",
            continuous_steps,
            Groups(population=TEN, answers=answers, n=n),
            "5 % of the samples; 95 % of the intervals hold the mean difference of .3, and the bias is 0",
        )
        for answers in ("normal", "five codes, skewed")
        for n in SIZES
    ]
    ordinal = [
        step_study(
            "Percent of samples in which a true step of invariance is rejected, ordered answers",
            ordinal_steps,
            Groups(population=SIX, answers=answers, n=n),
            "5 % of the samples; 95 % of the intervals hold the mean difference of .3, and the bias is 0",
        )
        for answers in ("five codes, symmetric", "five codes, skewed")
        for n in SIZES
        if not (answers.endswith("skewed") and n != 500)
    ]
    differing = [
        step_study(
            "Percent of samples in which a step of invariance is rejected, two groups that differ in one item",
            steps,
            replace(Groups(population=population, answers=answers, n=500), **{what: size}),
            "the more the better, for the step that does not hold",
            f"{what} of one item by {size:g}",
        )
        for steps, population, answers in (
            (continuous_steps, TEN, "normal"),
            (ordinal_steps, SIX, "five codes, symmetric"),
        )
        for what, size in (("loading", -0.3), ("intercept", 0.3))
    ]
    return [*true, *wrong, *covered, *continuous, *ordinal, *differing]


# --- the same data for another program

COMPARED: tuple[tuple[Population, str, int, int], ...] = (
    (TEN, "normal", 200, 200),
    (TEN, "normal", 500, 100),
    (TEN, "five codes, symmetric", 200, 200),
    (TEN, "five codes, symmetric", 500, 100),
    (TEN, "five codes, skewed", 200, 100),
    (THIRTY, "normal", 200, 100),
)
"""Population, answers, persons, and how many of the first data sets of the cell lavaan has been given."""


def main(folder: Path) -> None:
    """Write the data sets of the cells in COMPARED, one file each, and a table of the cells with their models."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for cell, (population, answers, n, count) in enumerate(COMPARED):
        rows.append({"cell": cell, "model": population.text, "answers": answers, "n": n, "count": count})
        for number in range(count):
            values = pd.DataFrame(drawn_again(population, answers, n, number), columns=list(population.items))
            values.to_csv(folder / f"{cell}_{number}.csv", index=False)
    pd.DataFrame(rows).to_csv(folder / "cells.csv", index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
