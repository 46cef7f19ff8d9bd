"""Answers of several waves and units, made to order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

from toolkit import instruments
from toolkit.instruments import Instrument

WAVES = ("2023", "2024", "2025", "2026")
Sizes = Mapping[str, Mapping[str, Sequence[int]]]
"""People by wave, service, and unit in order: {"2024": {"North": [12, 9]}}."""
Respond = Callable[..., pd.DataFrame]


@pytest.fixture(scope="session")
def form() -> Instrument:
    return instruments.load("eomhs@1.0.0")


@pytest.fixture(scope="session")
def pool() -> Instrument:
    return instruments.load("eomhs@0.9.0")


@pytest.fixture(scope="session")
def respond(form: Instrument) -> Respond:
    """Draw answers: all items answered, unit means that differ, and shifts by wave."""

    def draw(
        sizes: Sizes,
        *,
        instrument: Instrument = form,
        seed: int = 1,
        shift: Mapping[str, float] | None = None,
        language: str = "en",
        waves: Sequence[str] = WAVES,
    ) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        rows = [
            (wave, service, f"{service} {number}")
            for wave, services in sizes.items()
            for service, units in services.items()
            for number, n in enumerate(units, start=1)
            for _ in range(n)
        ]
        frame = pd.DataFrame(rows, columns=["wave", "service", "unit"])
        effects = {unit: rng.normal(0, 0.4) for unit in frame["unit"].unique()}
        centre = 3 + frame["unit"].map(effects) + frame["wave"].map(shift or {}).fillna(0.0)
        person = centre.to_numpy() + rng.normal(0, 0.6, len(frame))
        items = list(instrument.item_codes)
        answers = np.clip(np.rint(person[:, None] + rng.normal(0, 0.9, (len(frame), len(items)))), 1, 5)
        frame["wave"] = pd.Categorical(frame["wave"], categories=list(waves), ordered=True)
        frame["language"], frame["version"] = language, instrument.version
        index = [f"p{n}" for n in range(len(frame))]
        return pd.concat([frame, pd.DataFrame(answers, columns=items)], axis=1).set_index(pd.Index(index))

    return draw


@pytest.fixture(scope="session")
def two_waves(respond: Respond) -> pd.DataFrame:
    """Two waves of two services: everything can be shown but one unit of each wave and its neighbour."""
    return respond(
        {
            "2024": {"North": [30, 22, 17, 12], "South": [25, 18, 6, 3]},
            "2025": {"North": [28, 25, 15, 14], "South": [21, 19, 4, 8]},
        },
        shift={"2025": 0.5},
    )
