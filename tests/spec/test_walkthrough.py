"""The walkthrough for researchers runs as it stands, and its last sentence is true."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

WALKTHROUGH = Path(__file__).parents[2] / "docs" / "walkthrough.py"


def test_the_walkthrough_runs_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    found = runpy.run_path(str(WALKTHROUGH))
    told = capsys.readouterr().out
    assert "alpha 0.86 (0.84 to 0.88), n = 600" in told
    assert "birch CI: rise autumn-2025 to spring-2026" in told
    assert "of 480 results of units are not shown" in told
    results = json.loads((tmp_path / "walkthrough-results" / "report" / "results.json").read_text(encoding="utf-8"))
    assert results["scales"]["HB"]["alpha"]["estimate"] == pytest.approx(found["alpha"].estimate)
    assert (tmp_path / "walkthrough-results" / "report" / "report.html").is_file()


def test_every_cell_begins_as_notebooks_read_it() -> None:
    lines = WALKTHROUGH.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# %% [markdown]"
    assert sum(line == "# %%" for line in lines) >= 8
    assert all(line in ("# %%", "# %% [markdown]") for line in lines if line.startswith("# %%"))
