"""The tables of scoring.md, row by row."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from toolkit import instruments
from toolkit.instruments import Definition, Instrument

PAGE = (Path(__file__).parent / "scoring.md").read_text(encoding="utf-8")


def rows() -> list[tuple[str, dict[str, str]]]:
    """Scale and cells of every row of every table."""
    found = []
    for scale, body in re.findall(r"^## (\w+):.*?\n\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE):
        header, _, *lines = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in body.splitlines()]
        found += [(scale, dict(zip(header, cells, strict=True))) for cells in lines]
    return found


ROWS = rows()


@pytest.fixture(scope="module")
def instrument() -> Instrument:
    block = re.search(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert block
    definition = Definition.model_validate(YAML(typ="safe").load(block[1]))
    return Instrument(definition=definition, texts={}, definition_hash="")


def test_every_table_is_read() -> None:
    assert {scale for scale, _ in ROWS} == {"FIVE", "SIX", "TURNED"}
    assert len(ROWS) == PAGE.count("\n| ") - 3


@pytest.mark.parametrize(("scale", "row"), ROWS, ids=[f"{scale}: {row['case']}" for scale, row in ROWS])
def test_the_row_is_scored_as_worked_out_by_hand(instrument: Instrument, scale: str, row: dict[str, str]) -> None:
    answers = {code: float(row[code]) if row.get(code) else np.nan for code in instrument.item_codes}
    table = instruments.score(instrument, pd.DataFrame([answers], index=["person"]))
    assert table.status.loc["person", scale] == row["status"]
    assert table.n_answered.loc["person", scale] == int(row["answered"])
    for name, frame in (("mean", table.means), ("score", table.scores)):
        got = frame.loc["person", scale]
        if row[name]:
            assert got == pytest.approx(float(row[name]), rel=1e-12, abs=1e-12)
        else:
            assert np.isnan(got)
