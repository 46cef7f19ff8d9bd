"""How long 32,000 respondents take to compare, beside the grouped means and SDs of pandas."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.bench.test_scoring_speed import seconds
from toolkit import comparison, instruments

N_PERSONS = 32_000
FIGURES = Path(__file__).resolve().parents[2] / "build" / "bench" / "comparison.json"


def responses(items: list[str], n_units: int) -> pd.DataFrame:
    """Answers of everybody in four waves, with services of about twenty units."""
    rng = np.random.default_rng(n_units)
    unit = rng.integers(0, n_units, N_PERSONS)
    centre = 3 + rng.normal(0, 0.4, n_units)[unit] + rng.normal(0, 0.7, N_PERSONS)
    answers = np.clip(np.rint(centre[:, None] + rng.normal(0, 0.8, (N_PERSONS, len(items)))), 1, 5)
    frame = pd.DataFrame(answers, columns=items)
    frame["unit"] = pd.Series([f"unit {number:04}" for number in range(n_units)]).take(unit).to_numpy()
    frame["service"] = pd.Series([f"service {number // 20:02}" for number in range(n_units)]).take(unit).to_numpy()
    waves = pd.CategoricalDtype(["2023", "2024", "2025", "2026"], ordered=True)
    frame["wave"] = pd.Categorical.from_codes(rng.integers(0, 4, N_PERSONS), dtype=waves)
    return frame.assign(language="en")


@pytest.mark.bench
def test_units_over_four_waves(capsys: pytest.CaptureFixture[str]) -> None:
    instrument = instruments.load("eomhs@1.0.0")
    figures: dict[str, object] = {"n_persons": N_PERSONS, "n_items": len(instrument.item_codes), "n_waves": 4}
    for n_units in (20, 200, 1000):
        frame = responses(list(instrument.item_codes), n_units)

        def plain(frame: pd.DataFrame = frame) -> list[pd.DataFrame]:
            scores = instruments.score(instrument, frame).scores
            keys = (["wave"], ["wave", "service"], ["wave", "service", "unit"])
            return [
                scores.groupby([frame[key] for key in by], observed=True).agg(["count", "mean", "std"]) for by in keys
            ]

        figures[f"{n_units}_units"] = {
            "compare_seconds": seconds(lambda frame=frame: comparison.compare(instrument, frame)),
            "distributions_seconds": seconds(lambda frame=frame: comparison.distributions(instrument, frame)),
            "plain_pandas_seconds": seconds(plain),
        }
        levels = comparison.compare(instrument, frame).levels
        whole = levels[levels["kind"] == "all"].pivot_table(index="wave", columns="scale", values="mean", observed=True)
        expected = plain()[0].xs("mean", axis=1, level=1)[list(whole.columns)]
        np.testing.assert_allclose(whole.to_numpy(), expected.to_numpy())
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    with capsys.disabled():
        sys.stdout.write(f"\n{json.dumps(figures, indent=2)}\n")
