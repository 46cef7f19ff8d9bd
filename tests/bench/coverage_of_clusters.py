"""Coverage of the intervals of alpha, omega and ICC(1) of persons in units."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from coverage_of_reliability import holds
from coverage_study import Study

from toolkit import psychometrics as pm
from toolkit.psychometrics.reliability.alpha import alpha_of

LAM = np.array([0.4, 0.5, 0.6, 0.6, 0.7, 0.8])
EQUAL, UNEQUAL = "40", "5 to 75"
EVERYWHERE, FACTOR = "every part", "factor only"
CELLS = (
    (5, EQUAL, 0.2, EVERYWHERE),
    (10, EQUAL, 0.2, EVERYWHERE),
    (20, EQUAL, 0.2, EVERYWHERE),
    (40, EQUAL, 0.2, EVERYWHERE),
    (20, EQUAL, 0.05, EVERYWHERE),
    (20, EQUAL, 0.0, EVERYWHERE),
    (20, EQUAL, 0.2, FACTOR),
    (5, UNEQUAL, 0.2, EVERYWHERE),
    (10, UNEQUAL, 0.2, EVERYWHERE),
    (20, UNEQUAL, 0.2, EVERYWHERE),
    (40, UNEQUAL, 0.2, EVERYWHERE),
)


def replication(
    n_units: int, sizes: str, icc: float, where: str
) -> Callable[[np.random.Generator], Mapping[str, bool]]:
    """Return the function that draws units once and says which intervals hold the truth."""
    R = np.outer(LAM, LAM) + np.diag(1.0 - LAM**2)
    alpha, omega = float(alpha_of(R)), float(LAM.sum() ** 2 / R.sum())
    within_items = 0.0 if where == FACTOR else icc
    score_icc = (icc * LAM.sum() ** 2 + within_items * (1.0 - LAM**2).sum()) / R.sum()
    n = np.full(n_units, 40) if sizes == EQUAL else np.linspace(5, 75, n_units).round().astype(int)
    unit = np.repeat(np.arange(n_units), n)

    def part(random: np.random.Generator, width: int, share: float) -> np.ndarray:
        between, within = random.standard_normal((n_units, width)), random.standard_normal((unit.size, width))
        return np.sqrt(share) * between[unit] + np.sqrt(1.0 - share) * within

    def replicate(random: np.random.Generator) -> dict[str, bool]:
        answers = pd.DataFrame(part(random, 1, icc) * LAM + part(random, 6, within_items) * np.sqrt(1.0 - LAM**2))
        row = pm.design_effects(answers.mean(axis=1).to_frame("score"), cluster=unit).table.loc["score"]
        return {
            "alpha, Feldt": holds(pm.cronbach_alpha(answers).interval, alpha),
            "alpha, units": holds(pm.cronbach_alpha(answers, cluster=unit).interval, alpha),
            "omega (ML), delta": holds(pm.composite_omega(answers).interval, omega),
            "omega (ML), units": holds(pm.composite_omega(answers, cluster=unit).interval, omega),
            "ICC(1) of the score": bool(row["icc1_low"] <= score_icc <= row["icc1_high"]),
        }

    return replicate


def studies() -> list[Study]:
    """Return the cells of the design."""
    return [
        Study(
            family="Reliability of six items, persons in units",
            name=f"clusters-{n_units}-{sizes}-{icc}-{where}".replace(" ", "_"),
            design=(str(n_units), sizes, f"{icc:g}", where),
            columns=("units", "persons a unit", "ICC", "of"),
            nominal="95 % of the intervals hold the population's value",
            replicate=replication(n_units, sizes, icc, where),
        )
        for n_units, sizes, icc, where in CELLS
    ]
