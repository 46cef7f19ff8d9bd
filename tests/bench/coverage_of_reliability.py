"""Coverage of the intervals of alpha, omega and their ordinal kin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from coverage_study import Study

from toolkit import psychometrics as pm
from toolkit.psychometrics._factor_model import one_factor
from toolkit.psychometrics.reliability.alpha import alpha_of
from toolkit.psychometrics.reliability.categorical import code_covariances, green_yang

LOADINGS = {"equal (.6)": np.full(6, 0.6), ".4 to .8": np.array([0.4, 0.5, 0.6, 0.6, 0.7, 0.8])}
CUTS = {"symmetric": np.array([-1.5, -0.5, 0.5, 1.5]), "skewed": np.array([0.2, 0.8, 1.4, 2.0])}
CELLS = (
    ("normal", "equal (.6)"),
    ("normal", ".4 to .8"),
    ("five codes, symmetric", ".4 to .8"),
    ("five codes, skewed", ".4 to .8"),
)
SIZES = (50, 200, 500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the intervals should hold: the coefficients of the population."""

    alpha: float
    omega: float
    ordinal_alpha: float
    categorical_omega: float


def truth(lam: np.ndarray, cuts: np.ndarray | None) -> Truth:
    """Return the coefficients of the population; of ML omega the value at the covariances of the codes."""
    R = np.outer(lam, lam) + np.diag(1.0 - lam**2)
    alpha = float(alpha_of(R))
    if cuts is None:
        omega = float(lam.sum() ** 2 / R.sum())
        return Truth(alpha=alpha, omega=omega, ordinal_alpha=alpha, categorical_omega=omega)
    tau, steps = [cuts] * lam.size, [np.ones(cuts.size)] * lam.size
    S = code_covariances(tau, steps, R)
    scale = np.sqrt(np.diag(S))
    fitted = one_factor(S / np.outer(scale, scale))
    return Truth(
        alpha=float(alpha_of(S)),
        omega=float((scale @ fitted.loadings) ** 2 / S.sum()),
        ordinal_alpha=alpha,
        categorical_omega=green_yang(tau, steps, R, lam)[0],
    )


def replication(
    lam: np.ndarray, cuts: np.ndarray | None, n: int
) -> Callable[[np.random.Generator], Mapping[str, bool]]:
    """Return the function that draws n persons once and says which intervals hold the truth."""
    true = truth(lam, cuts)

    def replicate(random: np.random.Generator) -> dict[str, bool]:
        if cuts is None:
            y = random.standard_normal((n, 1)) * lam + random.standard_normal((n, lam.size)) * np.sqrt(1 - lam**2)
            answers = pd.DataFrame(y)
        else:
            answers = pm.simulate_ordinal(lam, thresholds=cuts, n_persons=n, rng=random)
        held = {
            "alpha, Feldt": holds(pm.cronbach_alpha(answers).interval, true.alpha),
            "alpha, bootstrap": holds(
                pm.cronbach_alpha(answers, interval="bootstrap", n_bootstrap=1000, rng=random).interval, true.alpha
            ),
            "omega (ML), delta": holds(pm.composite_omega(answers).interval, true.omega),
        }
        if cuts is not None:
            categorical = pm.composite_omega(answers, ordinal=True)
            held["categorical omega, delta"] = holds(categorical.interval, true.categorical_omega)
            held["ordinal alpha, delta"] = holds(pm.ordinal_alpha(answers).interval, true.ordinal_alpha)
        return held

    return replicate


def holds(interval: pm.Interval, value: float) -> bool:
    """Return whether an interval holds a value; one that does not exist holds nothing."""
    return bool(interval.low <= value <= interval.high)


def studies() -> list[Study]:
    """Return the cells of the design."""
    return [cell(answers, loadings, n) for answers, loadings in CELLS for n in SIZES]


def cell(answers: str, loadings: str, n: int) -> Study:
    """Return the study of one kind of answers, loadings and number of persons."""
    cuts = None if answers == "normal" else CUTS[answers.rsplit(" ", 1)[-1]]
    return Study(
        family="Reliability of six items",
        name=f"reliability-{answers}-{loadings}-{n}".replace(" ", "_").replace(",", ""),
        design=(answers, loadings, str(n)),
        columns=("answers", "loadings", "persons"),
        nominal="95 % of the intervals hold the population's coefficient",
        replicate=replication(LOADINGS[loadings], cuts, n),
    )
