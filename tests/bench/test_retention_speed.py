"""How long the criteria for the number of factors take, in units of a fixed load and of the fastest peer's time."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm

FIGURES = Path(__file__).resolve().parents[2] / "build" / "bench" / "retention.json"
PEERS_MS = {
    "parallel analysis, pca": {500: 830.0, 2000: 2300.0, 20_000: 28_000.0},
    "parallel analysis, polychoric, 20 data sets": {500: 62_000.0, 2000: 74_000.0},
    "all criteria": {500: 15_000.0, 2000: 29_000.0},
}
"""Milliseconds of the fastest peer, on a machine of two cores: EFAtools, psych, EFAtools."""


def milliseconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the best of several runs, in processor time: other work on the machine does not count."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1000.0 * min(times)


def reference_load() -> float:
    """Return the milliseconds of 20 eigendecompositions of 200 x 200 matrices."""
    stack = np.random.default_rng(1).standard_normal((20, 200, 200))
    stack = stack + stack.transpose(0, 2, 1)
    return milliseconds(lambda: np.linalg.eigvalsh(stack), 5)


def respondents(n: int) -> pd.DataFrame:
    loadings = np.kron(np.eye(3), np.full((10, 1), 0.7))
    phi = np.full((3, 3), 0.3) + 0.7 * np.eye(3)
    return pm.simulate_ordinal(loadings, phi=phi, thresholds=[-1.2, -0.4, 0.4, 1.2], n_persons=n, rng=1)


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
    figures = {}
    for name, run in work.items():
        ms = milliseconds(run)
        figures[name] = {"ms": ms, "in reference loads": ms / load}
        if n in PEERS_MS.get(name, {}):
            figures[name]["peer takes times"] = PEERS_MS[name][n] / ms
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    FIGURES.write_text(json.dumps(kept | {f"30 items, {n} persons": figures}, indent=2) + "\n", encoding="utf-8")
    with capsys.disabled():
        for name, values in figures.items():
            shown = "   ".join(f"{key} {value:.4g}" for key, value in values.items())
            sys.stdout.write(f"\n30 items, {n} persons, {name}: {shown}")
        sys.stdout.write("\n")
    assert set(pm.retention(frame, rng=1).n_factors) == {3.0}
