"""The criteria on data whose number of factors is known: three, one and none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code

CUTS = [-1.2, -0.4, 0.4, 1.2]
THREE = np.kron(np.eye(3), np.full((4, 1), 0.7))
PHI = np.full((3, 3), 0.3) + 0.7 * np.eye(3)
CRITERIA: dict[str, Callable[[pd.DataFrame], int]] = {
    "parallel analysis": lambda frame: pm.parallel_analysis(frame, n_datasets=200, rng=1).n_factors,
    "smc": lambda frame: pm.parallel_analysis(frame, n_datasets=200, eigenvalues="smc", rng=1).n_factors,
    "spearman": lambda frame: pm.parallel_analysis(frame, n_datasets=200, correlation="spearman", rng=1).n_factors,
    "polychoric": lambda frame: pm.parallel_analysis(frame, n_datasets=20, correlation="polychoric", rng=1).n_factors,
    "map": lambda frame: pm.map_test(frame).n_factors,
    "map, revised": lambda frame: pm.map_test(frame).n_factors_revised,
    "empirical Kaiser": lambda frame: pm.empirical_kaiser_criterion(frame).n_factors,
    "hull, CAF": lambda frame: pm.hull(frame, n_factors_max=5).n_factors,
    "hull, CFI": lambda frame: pm.hull(frame, n_factors_max=5).n_factors_cfi,
    "hull, RMSEA": lambda frame: pm.hull(frame, n_factors_max=5).n_factors_rmsea,
    "hull, minres": lambda frame: pm.hull(frame, extraction="minres", n_factors_max=5).n_factors,
    "nest": lambda frame: pm.nest(frame, n_datasets=200, alpha=0.001, rng=1).n_factors,
    "comparison data": lambda frame: pm.comparison_data(frame, rng=1).n_factors,
}
"""NEST at a low level, so that the tests do not depend on luck."""
EXACT = [name for name in CRITERIA if not name.startswith("hull")]
MAY_SAY_NONE = ["map", "map, revised", "empirical Kaiser", "nest"]


def samples(loadings: object, *, n: int, how_many: int = 5, phi: object = None) -> list[pd.DataFrame]:
    return [
        pm.simulate_ordinal(loadings, phi=phi, thresholds=CUTS, n_persons=n, rng=seed)
        for seed in range(1, how_many + 1)
    ]


@pytest.mark.parametrize("name", EXACT)
def test_three_clear_factors_are_found(name: str) -> None:
    assert [CRITERIA[name](frame) for frame in samples(THREE, phi=PHI, n=600)] == [3] * 5


def test_hull_finds_three_major_factors_beside_minor_ones() -> None:
    """Two minor factors with loadings of .2; each index keeps three in at least 6 of 8 samples."""
    loadings = np.zeros((12, 5))
    loadings[:, :3] = THREE
    loadings[::4, 3] = loadings[2::4, 4] = 0.2
    loadings[1::4, 3] = -0.2
    phi = np.eye(5)
    phi[:3, :3] = PHI
    found = [pm.hull(frame, n_factors_max=5) for frame in samples(loadings, phi=phi, n=600, how_many=8)]
    for field in ("n_factors", "n_factors_cfi", "n_factors_rmsea"):
        assert sum(getattr(result, field) == 3 for result in found) >= 6, field


def test_hull_misses_the_first_solution_that_fits_perfectly() -> None:
    """After a CFI of 1 nothing grows, so three factors end the hull; its bend is at another number."""
    found = [pm.hull(frame, n_factors_max=5) for frame in samples(THREE, phi=PHI, n=600)]
    perfect = [result.table.loc[3, "CFI"] == 1.0 for result in found]
    assert any(perfect)
    assert not all(perfect)
    assert [result.n_factors_cfi == 3 for result in found] == [not fits for fits in perfect]


@pytest.mark.parametrize("name", list(CRITERIA))
def test_one_factor_is_found(name: str) -> None:
    assert [CRITERIA[name](frame) for frame in samples(np.full(8, 0.7), n=600)] == [1] * 5


@pytest.mark.parametrize("name", MAY_SAY_NONE)
def test_unrelated_items_have_none(name: str) -> None:
    assert [CRITERIA[name](frame) for frame in samples(np.zeros(10), n=500)] == [0] * 5


def test_comparison_data_never_say_none() -> None:
    kept = [CRITERIA["comparison data"](frame) for frame in samples(np.zeros(6), n=300, how_many=3)]
    assert min(kept) >= 1


def test_hull_says_none_where_nothing_fits_better() -> None:
    """The smallest RMSEA is that of no factor where the null model already fits better than chance."""
    frames = samples(np.zeros(8), n=400, how_many=12)
    found = {frame_number: pm.hull(frame, n_factors_max=3) for frame_number, frame in enumerate(frames)}
    fits = {number: result.table.loc[0, "1 - RMSEA"] == 1.0 for number, result in found.items()}
    assert any(fits.values())
    assert not all(fits.values())
    for number, result in found.items():
        assert (result.n_factors_rmsea == 0) == fits[number]
        assert result.n_factors > 0 or result.table["CAF"].argmax() == 0


def test_nest_keeps_its_level() -> None:
    """Unrelated normal items pass the first test as often as alpha says: 10 % of 200 samples, within 3 errors."""
    draws = np.random.default_rng(5).standard_normal((200, 150, 6))
    kept = [pm.nest(pd.DataFrame(X), n_datasets=200, alpha=0.10, rng=1).n_factors > 0 for X in draws]
    assert abs(np.mean(kept) - 0.10) <= 3 * np.sqrt(0.1 * 0.9 / 200)


def test_polychoric_parallel_analysis_finds_the_factors_of_skewed_answers() -> None:
    """Opposite skews make a difficulty factor of Pearson correlations, which polychoric correlations do not have."""
    cuts = np.array([[0.9, 1.6], [-1.6, -0.9]] * 6)
    found = {"pearson": [], "polychoric": []}
    for seed in range(4):
        frame = pm.simulate_ordinal(np.full(12, 0.8), thresholds=cuts, n_persons=1500, rng=seed)
        for correlation in ("pearson", "polychoric"):
            result = pm.parallel_analysis(frame, n_datasets=30, correlation=correlation, rng=1)
            found[correlation].append(result.n_factors)
    assert found == {"pearson": [2] * 4, "polychoric": [1] * 4}


def test_the_spread_of_polychoric_eigenvalues_is_larger_than_that_of_normal_data() -> None:
    frame = pm.simulate_ordinal(np.zeros(8), thresholds=[0.9], n_persons=400, rng=1)
    polychoric = pm.parallel_analysis(frame, n_datasets=60, correlation="polychoric", rng=1).reference_mean
    pearson = pm.parallel_analysis(frame, n_datasets=60, rng=1).reference_mean
    assert polychoric[0] - 1.0 > 1.3 * (pearson[0] - 1.0)


def test_factors_beyond_what_can_be_tested_are_said_to_be_at_the_limit() -> None:
    """Two factors of two items each: four items leave room for one."""
    truth = [[0.8, 0], [0.8, 0], [0, 0.8], [0, 0.8]]
    frame = pm.simulate_ordinal(truth, thresholds=CUTS, n_persons=500, rng=1)
    for result in (pm.nest(frame, n_datasets=100, rng=1), pm.comparison_data(frame, n_factors_max=1, rng=1)):
        assert [problem.code for problem in result.warnings][-1:] == [Code.STA_AT_LIMIT], result.method
    assert pm.nest(frame, n_datasets=100, rng=1).n_factors == 2
