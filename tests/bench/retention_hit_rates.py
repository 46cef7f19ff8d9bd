"""How often each criterion keeps the true number of factors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from coverage_study import Study

from toolkit import psychometrics as pm

SIZES = (200, 500)
SYMMETRIC, SKEWED = (-1.2, -0.4, 0.4, 1.2), (0.3, 0.9, 1.4, 2.0)
DATASETS = 200
"""Simulated data sets of a parallel analysis and of each test of NEST."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """A population: so many factors with so many items each, their loadings and correlation, and the thresholds."""

    name: str
    n_factors: int
    items_a_factor: int
    loading: float
    correlation: float
    thresholds: tuple[float, ...]

    def answers(self, n: int, random: np.random.Generator) -> pd.DataFrame:
        """Draw n persons; without factors the items are unrelated."""
        m = max(self.n_factors, 1)
        loadings = np.kron(np.eye(m), np.full((self.items_a_factor, 1), self.loading if self.n_factors else 0.0))
        phi = np.full((m, m), self.correlation) + (1.0 - self.correlation) * np.eye(m)
        return pm.simulate_ordinal(loadings, phi=phi, thresholds=self.thresholds, n_persons=n, rng=random)


TRUTHS = (
    Truth(name="none", n_factors=0, items_a_factor=12, loading=0.0, correlation=0.0, thresholds=SYMMETRIC),
    Truth(name="one", n_factors=1, items_a_factor=8, loading=0.6, correlation=0.0, thresholds=SYMMETRIC),
    Truth(name="three, clear", n_factors=3, items_a_factor=4, loading=0.7, correlation=0.3, thresholds=SYMMETRIC),
    Truth(name="three, near", n_factors=3, items_a_factor=4, loading=0.6, correlation=0.6, thresholds=SYMMETRIC),
    Truth(name="three, skewed", n_factors=3, items_a_factor=4, loading=0.7, correlation=0.3, thresholds=SKEWED),
)


def quick(frame: pd.DataFrame, random: np.random.Generator) -> dict[str, int]:
    """Return the number of factors by every criterion but comparison data."""
    pca = pm.parallel_analysis(frame, n_datasets=DATASETS, rng=random)
    smc = pm.parallel_analysis(frame, n_datasets=DATASETS, eigenvalues="smc", rng=random)
    partial = pm.map_test(frame)
    bend = pm.hull(frame, n_factors_max=max(smc.n_factors, 1) + 1)
    return {
        "parallel, pca": pca.n_factors,
        "parallel, smc": smc.n_factors,
        "MAP": partial.n_factors,
        "MAP, revised": partial.n_factors_revised,
        "empirical Kaiser": pm.empirical_kaiser_criterion(frame).n_factors,
        "hull, CAF": bend.n_factors,
        "hull, CFI": bend.n_factors_cfi,
        "hull, RMSEA": bend.n_factors_rmsea,
        "NEST": pm.nest(frame, n_datasets=DATASETS, rng=random).n_factors,
    }


def comparison(frame: pd.DataFrame, random: np.random.Generator) -> dict[str, int]:
    """Return the number of factors by comparison data, as published."""
    return {"comparison data": pm.comparison_data(frame, rng=random).n_factors}


def replication(
    truth: Truth, n: int, criteria: Callable[[pd.DataFrame, np.random.Generator], dict[str, int]]
) -> Callable[[np.random.Generator], Mapping[str, bool]]:
    """Return the function that draws n persons once and says which criteria keep the true number."""

    def replicate(random: np.random.Generator) -> Mapping[str, bool]:
        found = criteria(truth.answers(n, random), random)
        return {name: number == truth.n_factors for name, number in found.items()}

    return replicate


def studies() -> list[Study]:
    """Return every cell: the quick criteria, and comparison data, which take longer."""
    families = {"Number of factors": ("quick", quick), "Number of factors, comparison data": ("comparison", comparison)}
    return [
        Study(
            family=family,
            name=f"retention-{part}-{truth.name.replace(', ', '-')}-{n}",
            design=(
                truth.name,
                f"{max(truth.n_factors, 1) * truth.items_a_factor} items, loadings {truth.loading:g}, "
                f"factors {truth.correlation:g}",
                str(n),
            ),
            columns=("factors", "items", "persons"),
            nominal="percent of samples in which the true number is kept; the more the better",
            replicate=replication(truth, n, criteria),
        )
        for family, (part, criteria) in families.items()
        for truth in TRUTHS
        for n in SIZES
    ]
