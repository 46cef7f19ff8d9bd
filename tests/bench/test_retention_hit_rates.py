"""The studies of the retention criteria are whole: every cell runs and names its criteria."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest


def test_the_studies_of_retention_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    found = import_module("retention_hit_rates").studies()
    assert len({study.name for study in found}) == len(found) == 20
    for study in found:
        assert len(study.design) == len(study.columns)
    quick, comparison = found[5], found[13]
    hits = quick.replicate(np.random.default_rng(1))
    assert len(hits) == 9
    assert hits == quick.replicate(np.random.default_rng(1))
    assert hits["NEST"]
    assert list(comparison.replicate(np.random.default_rng(1))) == ["comparison data"]
