"""How long ordinal correlations take, beside a fixed load of numpy and beside R's packages where they are installed.

The design is that of the peers' table: 30 five-point items, 3 correlated factors. Every figure is the best of several
runs, and is also given in units of a reference load measured in the same run, because machines and their other work
differ.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm

FIGURES = Path(__file__).resolve().parents[2] / "build" / "bench" / "correlation.json"
AIMS_MS = {"polychoric": 16.0, "polychoric, full covariance": 75.0}
"""For 2,000 persons, the fastest peer's milliseconds."""
PEERS = r"""
suppressMessages({library(lavaan); library(psych)})
d <- read.csv(commandArgs(TRUE)[1])
ms <- function(e) { t <- proc.time()[["elapsed"]]; suppressWarnings(force(e)); 1000 * (proc.time()[["elapsed"]] - t) }
cat("lavaan", ms(lavCor(d, ordered = names(d))), "\n")
capture.output(took <- ms(psych::polychoric(d))); cat("psych", took, "\n")
"""


def milliseconds(work: Callable[[], object], repeats: int = 7) -> float:
    """Return the best of several runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000.0 * min(times)


def reference_load() -> float:
    """Return the milliseconds of 20 eigendecompositions of 200 x 200 matrices."""
    stack = np.random.default_rng(1).standard_normal((20, 200, 200))
    stack = stack + stack.transpose(0, 2, 1)
    return milliseconds(lambda: np.linalg.eigvalsh(stack), 5)


def respondents(n: int) -> pd.DataFrame:
    loadings = np.zeros((30, 3))
    loadings[np.arange(30), np.arange(30) // 10] = 0.7
    phi = np.full((3, 3), 0.3) + 0.7 * np.eye(3)
    return pm.simulate_ordinal(loadings, phi=phi, thresholds=[-1.2, -0.4, 0.4, 1.2], n_persons=n, rng=1)


def peers(frame: pd.DataFrame, folder: Path) -> dict[str, float]:
    """Run lavaan and psych on the same answers, if R has them; nothing otherwise."""
    if shutil.which("Rscript") is None:
        return {}
    file, script = folder / "answers.csv", folder / "peers.R"
    frame.to_csv(file, index=False)
    script.write_text(PEERS, encoding="utf-8")
    done = subprocess.run(["Rscript", str(script), str(file)], capture_output=True, text=True, check=False)
    return {name: float(ms) for name, ms in re.findall(r"(lavaan|psych) ([\d.]+)", done.stdout)}


def report(figures: dict[str, dict[str, float]], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Print a part's figures and keep them beside the others."""
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    FIGURES.write_text(json.dumps(kept | {part: figures}, indent=2) + "\n", encoding="utf-8")
    with capsys.disabled():
        for name, values in figures.items():
            shown = "   ".join(f"{key} {value:.4g}" for key, value in values.items())
            sys.stdout.write(f"\n{part}, {name}: {shown}")
        sys.stdout.write("\n")


@pytest.mark.bench
@pytest.mark.parametrize("n", [500, 2000, 20_000])
def test_polychoric(n: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = respondents(n)
    counts = pm.count_responses(frame)
    load = reference_load()
    work = {
        "polychoric": lambda: pm.polychoric(frame),
        "polychoric, variances": lambda: pm.polychoric(frame, acov="diagonal"),
        "polychoric, full covariance": lambda: pm.polychoric(frame, acov="full"),
        "polychoric, from counts": lambda: pm.polychoric(counts),
        "polychoric, variances, from counts": lambda: pm.polychoric(counts, acov="diagonal"),
    }
    others = peers(frame, tmp_path)
    figures = {}
    for name, run in work.items():
        ms = milliseconds(run)
        figures[name] = {"ms": ms, "in reference loads": ms / load}
        if n == 2000 and name in AIMS_MS:
            figures[name]["of the fastest peer's time"] = ms / AIMS_MS[name]
        if name == "polychoric":
            figures[name] |= {f"{peer} takes times": value / ms for peer, value in others.items()}
    report(figures, f"30 items, {n} persons", capsys)
    assert pm.polychoric(frame).converged


@pytest.mark.bench
def test_a_million_persons(capsys: pytest.CaptureFixture[str]) -> None:
    frame = respondents(1_000_000)
    load = reference_load()
    counts = pm.count_responses(frame)
    small = pm.count_responses(frame.head(1000))
    work = {
        "count": (lambda: pm.count_responses(frame), None),
        "pearson": (lambda: pm.pearson_correlation(counts), lambda: pm.pearson_correlation(small)),
        "spearman": (lambda: pm.spearman_correlation(counts), lambda: pm.spearman_correlation(small)),
        "polychoric": (lambda: pm.polychoric(counts), lambda: pm.polychoric(small)),
        "alpha": (lambda: pm.cronbach_alpha(counts), lambda: pm.cronbach_alpha(small)),
        "pearson without counts": (lambda: pm.pearson_correlation(frame), None),
    }
    figures = {}
    for name, (run, with_few) in work.items():
        ms = milliseconds(run, 3)
        figures[name] = {"ms": ms, "in reference loads": ms / load}
        if with_few:
            figures[name]["times that of 1,000 persons"] = ms / milliseconds(with_few, 3)
    report(figures, "30 items, a million persons", capsys)
    np.testing.assert_allclose(pm.pearson_correlation(counts).matrix, pm.pearson_correlation(frame).matrix, rtol=1e-9)
