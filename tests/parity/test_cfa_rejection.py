"""p-values of confirmatory models against lavaan 0.6.14, data set by data set, and the share that both reject.

The data sets are the first ones of cells of ``tests/bench/cfa_rejection_rates.py``; they are drawn again here, and a
checksum says whether they are the same.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.comparing import Compare
from tests.conftest import REFERENCE

THEIRS: dict[str, Any] = json.loads((REFERENCE / "cfa_rejection.json").read_text(encoding="utf-8"))
CELLS = [f"{cell['answers']}, {cell['model'].count('x')} items, {cell['n']}" for cell in THEIRS["cells"]]
P_VALUE = 1e-5  # seen: 4e-7, over all data sets
RUNS = 40
"""Data sets of a cell that are fitted here; all of them were, when the reference was made."""


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "bench"))
    return import_module("cfa_rejection_rates")


@pytest.mark.parametrize("number", range(len(CELLS)), ids=CELLS)
def test_p_values_are_those_of_lavaan(number: int, rates: ModuleType, compare: Compare) -> None:
    cell, (population, answers, n, count) = THEIRS["cells"][number], rates.COMPARED[number]
    assert (cell["model"], cell["answers"], cell["n"]) == (population.text, answers, n)
    assert len(cell["checksum"]) == count
    ours: dict[str, list[float]] = {name: [] for name in cell["p_values"]}
    for run in range(RUNS):
        values = rates.drawn_again(population, answers, n, run)
        assert values.sum() == pytest.approx(cell["checksum"][run], abs=1e-5)
        found = rates.p_values(population, answers, values, None)
        for name, p in ours.items():
            p.append(found[name])
    for name, p in ours.items():
        theirs = np.array(cell["p_values"][name][:RUNS])
        compare(f"p of {name}", p, theirs, tolerance=P_VALUE, absolute=True)
        clear = np.abs(theirs - 0.05) > P_VALUE
        np.testing.assert_array_equal((np.array(p) < 0.05)[clear], (theirs < 0.05)[clear])
