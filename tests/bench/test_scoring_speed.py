"""How long a million respondents take to score, beside the plain pandas expression of the same mean."""

from __future__ import annotations

import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from toolkit import instruments

N_PERSONS = 1_000_000
FIGURES = Path(__file__).resolve().parents[2] / "build" / "bench" / "scoring.json"


def seconds(work: Callable[[], object]) -> float:
    """Return the best of three runs."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.mark.bench
def test_a_million_respondents(capsys: pytest.CaptureFixture[str]) -> None:
    instrument = instruments.load("eomhs@1.0.0")
    items = list(instrument.item_codes)
    answers = np.random.default_rng(1).choice([1, 2, 3, 4, 5, -7, -8, -9, np.nan], size=(len(items), N_PERSONS))
    frame = pd.DataFrame(answers.T, columns=items, copy=False)

    def plain() -> list[pd.Series]:
        points = frame.where(frame > 0)
        return [points[list(scale.items)].mean(axis=1) for scale in instrument.definition.scales]

    figures = {
        "n_persons": N_PERSONS,
        "n_items": len(items),
        "score_seconds": seconds(lambda: instruments.score(instrument, frame)),
        "scored_items_seconds": seconds(lambda: instruments.scored_items(instrument, frame)),
        "plain_pandas_means_seconds": seconds(plain),
    }
    tracemalloc.start()
    table = instruments.score(instrument, frame)
    figures["score_peak_mib"] = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    figures["frame_mib"] = float(frame.memory_usage().sum()) / 2**20
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    with capsys.disabled():
        sys.stdout.write(f"\n{json.dumps(figures, indent=2)}\n")
    assert table.scores.shape == (N_PERSONS, 6)
    expected = plain()[0].where(table.status["HB"] == "scored")
    np.testing.assert_allclose(table.means["HB"].to_numpy(), expected.to_numpy())
