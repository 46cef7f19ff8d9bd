"""How fast the store is on both kinds of database: saving by a hundred at once, importing, and reading for analysis."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.collecting import Survey, load
from tests.databases import Kind
from tests.e2e.app_server import ROOT

N_THREADS = 100
N_SAVES = 31
N_RESPONSES = 32_300
FIGURES = ROOT / "build" / "bench"
EOMHS = load("eomhs@1.0.0")


def note(name: str, kind: Kind, figures: dict[str, float], capsys: pytest.CaptureFixture[str]) -> None:
    """Print figures and keep them."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    (FIGURES / f"{name}-{kind}.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")
    with capsys.disabled():
        sys.stdout.write(f"\n{name} on {kind}: {figures}\n")


def reference_seconds() -> float:
    """Return how long this machine takes, just now, for a piece of work that has nothing to do with a database."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        json.loads(json.dumps([{f"Q{number}": str(number) for number in range(31)} for _ in range(3_000)]))
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.mark.bench
@pytest.mark.usefixtures("durable")
@pytest.mark.parametrize("think_seconds", [0.0, 3.0])
def test_a_hundred_people_save_at_once(
    tmp_path: Path, kind: Kind, think_seconds: float, capsys: pytest.CaptureFixture[str]
) -> None:
    survey = Survey(tmp_path, kind=kind)
    browsers = [survey.browser() for _ in range(N_THREADS)]
    n_saves = N_SAVES if think_seconds == 0 else 6
    times: list[float] = []
    start = threading.Barrier(N_THREADS)

    def work(number: int) -> None:
        rng = np.random.default_rng(number)
        start.wait()
        time.sleep(rng.uniform(0, think_seconds))
        for item in EOMHS.item_codes[:n_saves]:
            begun = time.perf_counter()
            survey.answer(browsers[number], item, "4")
            times.append(time.perf_counter() - begun)
            time.sleep(rng.uniform(0.5, 1.5) * think_seconds)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(N_THREADS)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begun
    assert survey.count("draft_answers") == len(times) == N_THREADS * n_saves
    p50, p95 = (statistics.quantiles(times, n=100)[place - 1] * 1000 for place in (50, 95))
    figures = {
        "think_seconds": think_seconds,
        "p50_ms": round(p50, 1),
        "p95_ms": round(p95, 1),
        "saves_per_second": round(len(times) / seconds),
        "reference_ms": round(reference_seconds() * 1000, 1),
    }
    note(f"save-{think_seconds:.0f}", kind, figures, capsys)
    survey.drop()


def write_answers(file: Path, n: int) -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({item: rng.choice(["1", "2", "3", "4", "5", "-9", ""], n) for item in EOMHS.item_codes})
    for covariate in EOMHS.definition.covariates:
        frame[covariate.code] = rng.choice(covariate.options, n)
    frame["unit"] = [f"Unit {number}" for number in rng.integers(0, 200, n)]
    frame.to_csv(file, index=False)


@pytest.mark.bench
@pytest.mark.usefixtures("durable")
def test_a_file_is_imported_and_read(tmp_path: Path, kind: Kind, capsys: pytest.CaptureFixture[str]) -> None:
    """About a million answers, imported by the command and loaded for analysis."""
    survey = Survey(tmp_path, kind=kind)
    write_answers(tmp_path / "answers.csv", N_RESPONSES)
    command = [str(Path(sys.executable).with_name("eot")), "store", "import", str(tmp_path / "answers.csv")]
    command += ["--instrument", "eomhs@1.0.0", "--name", "Imported", "--on", "2026-01-01", "--service", "Large"]
    command += ["--add-units", "--freeze", "--database", survey.address]
    environment = {"EOT_SECRET_FILE": str(tmp_path / "key"), "OPENBLAS_NUM_THREADS": "1"}
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    import_seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    (wave,) = (wave for wave, _ in survey.waves.all() if wave.name == "Imported")
    times, cpu = [], []
    for _ in range(5):
        begun, begun_cpu = time.perf_counter(), time.process_time()
        frame = survey.waves.answers_frame([wave.id])
        times.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - begun_cpu)
    assert len(frame) == N_RESPONSES
    figures = {
        "import_seconds": round(import_seconds, 1),
        "import_peak_mib": round(peak),
        "answers": int(frame[list(EOMHS.item_codes)].notna().to_numpy().sum()),
        "frame_seconds": round(min(times), 3),
        "frame_cpu_seconds": round(min(cpu), 3),
        "reference_ms": round(reference_seconds() * 1000, 1),
    }
    note("import", kind, figures, capsys)
    survey.drop()
