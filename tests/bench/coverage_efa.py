"""Coverage of the intervals of an exploratory factor analysis: bootstrap, information and sandwich."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from coverage_study import Study

from toolkit import psychometrics as pm

LOADINGS = np.array([[0.8, 0], [0.7, 0.1], [0.6, 0], [0.5, 0.2], [0, 0.7], [0.1, 0.6], [0, 0.8], [0.2, 0.5]])
PHI = np.array([[1.0, 0.4], [0.4, 1.0]])
ITEMS = [f"x{number}" for number in range(1, 9)]
SIZES = (200, 500)
NOMINAL = 0.95
Z = 1.959963984540054


def population() -> pd.DataFrame:
    """Return the correlations of the population."""
    R = LOADINGS @ PHI @ LOADINGS.T
    np.fill_diagonal(R, 1.0)
    return pd.DataFrame(R, index=ITEMS, columns=ITEMS)


def drawn(answers: str, n_persons: int, random: np.random.Generator) -> pd.DataFrame:
    """Draw persons of the population: normal, or with heavy tails (each person's scores times a random size)."""
    scores = random.standard_normal((n_persons, 8)) @ np.linalg.cholesky(population()).T
    if answers == "heavy tails":
        scores *= np.sqrt(9.0 / random.chisquare(9, size=(n_persons, 1)))
    return pd.DataFrame(scores, columns=ITEMS)


def replication(answers: str, n_persons: int, method: Any, n_bootstrap: int = 500) -> Callable[..., Mapping[str, bool]]:
    """Return the function that draws persons once and says which intervals hold the truth.

    The truth is the oblimin solution of the population's own correlations.
    """
    options = {"n_factors": 2, "method": method, "rng": 1}
    whole = pm.efa(population(), n_persons=n_persons, **options)
    order = list(whole.loadings.iloc[0].abs().sort_values(ascending=False).index)

    def of(loadings: pd.DataFrame, phi: pd.DataFrame, communalities: pd.Series) -> np.ndarray:
        first, second = order
        return np.array(
            [loadings.loc["x1", first], loadings.loc["x4", second], phi.loc[first, second], communalities.loc["x1"]]
        )

    truth = of(whole.loadings, whole.phi, whole.communalities)
    names = ("large loading", "small loading", "factor correlation", "communality")

    def replicate(random: np.random.Generator) -> Mapping[str, bool]:
        frame = drawn(answers, n_persons, random)
        target = whole.loadings.to_numpy()
        held: dict[str, bool] = {}
        for kind in ("information", "sandwich"):
            result = pm.efa(frame, standard_errors=kind, **options)
            swap = pm.tucker_congruence(target, result.loadings.to_numpy()).to_numpy().argmax(axis=1)
            place = dict(zip(result.loadings.columns[swap], whole.loadings.columns, strict=True))

            def named(frame: pd.DataFrame, place: dict[str, str] = place) -> pd.DataFrame:
                return frame.rename(columns=place, index=place)

            found = of(named(result.loadings), named(result.phi), result.communalities)
            errors = result.standard_errors
            spread = of(named(errors.loadings), named(errors.phi), errors.communalities)
            inside = np.abs(found - truth) <= Z * spread
            held |= {f"{name}, {kind}": bool(hit) for name, hit in zip(names, inside, strict=True)}
        drawn_again = result.bootstrap(n_bootstrap, random, level=NOMINAL)
        low = of(named(drawn_again.loadings_low), named(drawn_again.phi_low), drawn_again.communalities_low)
        high = of(named(drawn_again.loadings_high), named(drawn_again.phi_high), drawn_again.communalities_high)
        inside = (low <= truth) & (truth <= high)
        return held | {f"{name}, bootstrap": bool(hit) for name, hit in zip(names, inside, strict=True)}

    return replicate


def studies() -> list[Study]:
    """Return the cells of the design."""
    return [
        Study(
            family="Factor analysis of eight items, two factors, ML, oblimin",
            name=f"factor-intervals-{answers}-{n}".replace(" ", "_"),
            design=(answers, str(n)),
            columns=("answers", "persons"),
            nominal="95 % of the intervals hold the value of the population's own solution",
            replicate=replication(answers, n, "ml"),
        )
        for answers in ("normal", "heavy tails")
        for n in SIZES
    ]
