"""How long the criteria for the number of factors take, in units of a fixed load and of the fastest peer's time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.bench.test_correlation_speed import milliseconds, reference_load, report, respondents
from toolkit import psychometrics as pm

PEERS_MS = {
    "parallel analysis, pca": {500: 830.0, 2000: 2300.0, 20_000: 28_000.0},
    "parallel analysis, polychoric, 20 data sets": {500: 62_000.0, 2000: 74_000.0},
    "all criteria": {500: 15_000.0, 2000: 29_000.0},
}
"""Milliseconds of the fastest peer, on a machine of two cores: EFAtools, psych, EFAtools."""


@pytest.mark.bench
@pytest.mark.parametrize("n", [500, 2000, 20_000])
def test_retention(n: int, capsys: pytest.CaptureFixture[str]) -> None:
    frame = respondents(n)
    load = reference_load()
    work: dict[str, Callable[[], object]] = {
        "parallel analysis, pca": lambda: pm.parallel_analysis(frame, rng=1),
        "parallel analysis, smc": lambda: pm.parallel_analysis(frame, eigenvalues="smc", rng=1),
        "parallel analysis, polychoric, 20 data sets": lambda: pm.parallel_analysis(
            frame, n_datasets=20, correlation="polychoric", rng=1
        ),
        "parallel analysis, spearman, 100 data sets": lambda: pm.parallel_analysis(
            frame, n_datasets=100, correlation="spearman", rng=1
        ),
        "MAP": lambda: pm.map_test(frame),
        "empirical Kaiser": lambda: pm.empirical_kaiser_criterion(frame),
        "hull": lambda: pm.hull(frame, n_factors_max=4),
        "NEST": lambda: pm.nest(frame, rng=1),
        "comparison data": lambda: pm.comparison_data(frame, rng=1),
        "all criteria": lambda: pm.retention(frame, rng=1),
        "all criteria, polychoric": lambda: pm.retention(frame, correlation="polychoric", rng=1),
    }
    figures: dict[str, dict[str, float]] = {}
    for name, run in work.items():
        ms = milliseconds(run, 3)
        figures[name] = {"ms": ms, "in reference loads": ms / load}
        if n in PEERS_MS.get(name, {}):
            figures[name]["peer takes times"] = PEERS_MS[name][n] / ms
    report(figures, f"number of factors, 30 items, {n} persons", capsys)
    assert set(pm.retention(frame, rng=1).n_factors) == {3.0}
