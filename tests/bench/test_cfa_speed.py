"""How long confirmatory models take, beside a fixed load of numpy and beside semopy and lavaan where they are there.

The design is that of the peers' table: 30 five-point items, 3 correlated factors. Every figure is the best of several
runs, with the median, the processor time of the best, and the time in units of a reference load measured in the same
run. semopy is run by the Python that the variable EOT_SEMOPY_PYTHON names, because it is no dependency of the toolkit.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.bench.test_correlation_speed import reference_load, report, respondents
from toolkit import psychometrics as pm

AIMS_MS = {
    (500, "ML"): 50.0,
    (2000, "ML"): 60.0,
    (20_000, "ML"): 140.0,
    (2000, "MLR"): 120.0,
    (20_000, "MLR"): 470.0,
    (500, "WLSMV"): 380.0,
    (2000, "WLSMV"): 250.0,
    (20_000, "WLSMV"): 1000.0,
}
"""What is aimed at: ML no slower than semopy, the others ten times as fast as lavaan."""
MOST_BYTES = 3 * 2**30
"""What 100 items of 10,000 persons may take at most."""
R_PEER = r"""
suppressMessages(library(lavaan))
a <- commandArgs(TRUE); d <- read.csv(a[1]); m <- paste(readLines(a[2]), collapse = "\n")
ms <- function(e) { t <- proc.time()[["elapsed"]]; suppressWarnings(force(e)); 1000 * (proc.time()[["elapsed"]] - t) }
invisible(cfa(m, head(d, 300)))
cat("lavaan|ML|", ms(cfa(m, d)), "\n")
cat("lavaan|MLR|", ms(cfa(m, d, estimator = "MLR")), "\n")
cat("lavaan|WLSMV|", ms(cfa(m, d, ordered = names(d))), "\n")
"""
PYTHON_PEER = r"""
import sys, time, warnings
import pandas, semopy
warnings.simplefilter("ignore")
d, m = pandas.read_csv(sys.argv[1]), open(sys.argv[2]).read()
def run():
    start = time.perf_counter()
    model = semopy.Model(m)
    model.fit(d)
    fitted = time.perf_counter()
    model.inspect()
    return fitted - start, time.perf_counter() - start
times = [run() for _ in range(5)]
print("semopy|ML|", 1000 * min(t[0] for t in times))
print("semopy|ML with standard errors|", 1000 * min(t[1] for t in times))
"""


def timed(work: Callable[[], object], repeats: int, load: float) -> dict[str, float]:
    """Return the best and the median of several runs, and the processor time of the best."""
    runs = []
    for _ in range(repeats):
        start, cpu = time.perf_counter(), time.process_time()
        work()
        runs.append((1000.0 * (time.perf_counter() - start), 1000.0 * (time.process_time() - cpu)))
    best = min(wall for wall, _ in runs)
    return {
        "ms": best,
        "median": float(np.median([wall for wall, _ in runs])),
        "processor": min(cpu for _, cpu in runs),
        "in reference loads": best / load,
    }


def model_of(columns: list[str], n_factors: int = 3) -> str:
    """Return a model in which each factor has its share of the items."""
    parts = np.array_split(np.array(columns), n_factors)
    return "\n".join(f"f{number} =~ {' + '.join(part)}" for number, part in enumerate(parts, start=1))


def peers(frame: pd.DataFrame, model: str, folder: Path) -> dict[tuple[str, str], float]:
    """Run lavaan and semopy on the same answers, if they are there."""
    data, text = folder / "answers.csv", folder / "model.txt"
    frame.to_csv(data, index=False)
    text.write_text(model, encoding="utf-8")
    found = {}
    for program, script in (("Rscript", R_PEER), (os.environ.get("EOT_SEMOPY_PYTHON", ""), PYTHON_PEER)):
        if not program or shutil.which(program) is None:
            continue
        file = folder / "peer"
        file.write_text(script, encoding="utf-8")
        done = subprocess.run([program, str(file), str(data), str(text)], capture_output=True, text=True, check=False)
        rows = re.findall(r"(\w+)\|([^|]+)\|\s*([\d.]+)", done.stdout)
        found |= {(peer, task): float(ms) for peer, task, ms in rows}
    return found


@pytest.mark.bench
@pytest.mark.parametrize("n", [500, 2000, 20_000])
def test_confirmatory_factor_analysis(n: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame, load = respondents(n), reference_load()
    model = model_of(list(frame.columns))
    gaps = frame.mask(np.random.default_rng(1).random(frame.shape) < 0.05)
    work = {
        "ML": (lambda: pm.cfa(frame, model), 7),
        "MLR": (lambda: pm.cfa(frame, model, estimator="MLR"), 7),
        "WLSMV": (lambda: pm.cfa(frame, model, ordered=True), 5),
        "FIML, 5 % missing": (lambda: pm.cfa(gaps, model, missing="fiml"), 1 if n > 2000 else 3),
    }
    others = peers(frame, model, tmp_path)
    figures = {}
    for name, (run, repeats) in work.items():
        figures[name] = timed(run, repeats, load)
        if (n, name) in AIMS_MS:
            figures[name]["of the aim"] = figures[name]["ms"] / AIMS_MS[n, name]
        for (peer, task), ms in others.items():
            if task.split(" with ")[0] == name:
                figures[name][f"{peer} takes times, {task}"] = ms / figures[name]["ms"]
    report(figures, f"confirmatory factor analysis of 30 items, {n} persons", capsys)
    assert pm.cfa(frame, model).converged


@pytest.mark.bench
def test_invariance_of_bfi(bfi_raw: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    load = reference_load()
    items = [f"{scale}{number}" for scale in "ACENO" for number in range(1, 6)]
    model = model_of(items, 5)
    work = {
        "ML": lambda: pm.invariance(bfi_raw, model, group="gender"),
        "MLR": lambda: pm.invariance(bfi_raw, model, group="gender", estimator="MLR"),
        "ordered answers": lambda: pm.invariance(bfi_raw, model, group="gender", ordered=True),
        "full information, MLR, one group": lambda: pm.cfa(bfi_raw, model, missing="fiml", estimator="MLR"),
    }
    report({name: timed(run, 3, load) for name, run in work.items()}, "invariance of bfi over gender", capsys)


@pytest.mark.bench
def test_a_hundred_items(capsys: pytest.CaptureFixture[str]) -> None:
    load = reference_load()
    loadings = np.kron(np.eye(5), np.full((20, 1), 0.7))
    phi = np.full((5, 5), 0.3) + 0.7 * np.eye(5)
    frame = pm.simulate_ordinal(loadings, phi=phi, thresholds=[-1.2, -0.4, 0.4, 1.2], n_persons=10_000, rng=1)
    model = model_of(list(frame.columns), 5)
    figures = {}
    for name, options in (("ML", {}), ("WLSMV", {"ordered": True})):
        figures[name] = timed(lambda options=options: pm.cfa(frame, model, **options), 1, load)
        tracemalloc.start()
        pm.cfa(frame, model, **options)
        figures[name]["peak, MB"] = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        assert figures[name]["peak, MB"] * 2**20 < MOST_BYTES
    report(figures, "confirmatory factor analysis of 100 items, 10,000 persons", capsys)
