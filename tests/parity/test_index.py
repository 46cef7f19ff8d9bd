"""The INDEX names every public statistic, and every test it names exists."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from toolkit import psychometrics as pm

ROOT = Path(__file__).resolve().parents[2]
ROWS = [
    [cell.strip() for cell in line.split("|")]
    for line in (Path(__file__).parent / "INDEX").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def test_every_public_statistic_has_a_reference_or_a_truth() -> None:
    statistics = {name for name in pm.__all__ if name.islower()}
    assert {row[0].split(":")[0] for row in ROWS} == statistics
    assert {row[1] for row in ROWS} == {"reference", "truth"}


def test_every_test_named_exists() -> None:
    for row in ROWS:
        file, test = row[3].split("::")
        assert re.search(rf"^def {test}\(", (ROOT / file).read_text(encoding="utf-8"), flags=re.MULTILINE), row


def test_every_public_statistic_says_where_it_comes_from() -> None:
    for name in (name for name in pm.__all__ if name.islower()):
        text = inspect.getdoc(getattr(pm, name)) or ""
        for heading in ("Parameters", "Returns", "Raises", "Notes", "References", "Examples"):
            assert f"{heading}\n---" in text, (name, heading)
        assert "https://doi.org/" in text
        assert "Validated" in text
        assert "tests/" in text
