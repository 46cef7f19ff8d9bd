"""Charts of a confirmatory model hold its numbers, say them in words, and carry the flag of what cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.confirmatory_solutions import blocks, heywood, solution
from toolkit.reporting.drawing import Draft, figures
from toolkit.reporting.invariance_charts import latent_means_chart
from toolkit.reporting.model_charts import (
    COLOUR_LIMIT,
    MOST_NUMBERED,
    loadings_chart,
    residual_heat_map,
    residuals_of,
    residuals_table,
)
from toolkit.reporting.words import report_words


def residuals_for(standardized: pd.DataFrame) -> pd.DataFrame:
    items = list(dict.fromkeys(standardized.loc[standardized["op"] == "=~", "rhs"]))
    lower = np.tril(np.random.default_rng(5).normal(0, 0.06, (len(items), len(items))), -1)
    return pd.DataFrame(lower + lower.T, index=items, columns=items)


def rows_in(specification: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All rows of data of a chart."""
    for rows in specification["datasets"].values():
        yield from rows


def cells_of(draft: Draft) -> dict[tuple[str, str], dict[str, Any]]:
    rows = list(rows_in(draft.specification))
    return {(value["one"], value["other"]): value for value in rows if "residual" in value}


def test_residuals_stand_in_the_order_of_the_model_with_large_ones_marked() -> None:
    standardized = heywood()
    residuals = residuals_for(standardized)
    residuals.loc["x9", "x1"] = residuals.loc["x1", "x9"] = -0.27
    shuffled = residuals.loc[residuals.index[::-1], residuals.index[::-1]]
    draft = residual_heat_map(shuffled, standardized)
    cells = cells_of(draft)
    assert len(cells) == 9 * 8 / 2
    assert cells["x9", "x1"]["residual"] == -0.27
    assert cells["x9", "x1"]["label"] == "\N{MINUS SIGN}.27"
    for (one, other), value in cells.items():
        assert (value["label"] != "") == (abs(residuals.loc[one, other]) > 0.1)
    scale = draft.specification["layer"][0]["encoding"]["fill"]["scale"]
    assert scale["domain"] == [-COLOUR_LIMIT, 0, COLOUR_LIMIT]
    assert scale["clamp"]
    lines = [value for value in rows_in(draft.specification) if "c" in value]
    assert sorted({value["b"] for value in lines if value["b"] == value["d"]}) == [2.5, 5.5]
    assert "x9 with x1 \N{MINUS SIGN}.27" in draft.alternative


def test_many_items_have_dots_and_a_group_has_its_own_residuals() -> None:
    large = blocks([MOST_NUMBERED + 1])
    labels = {cell["label"] for cell in cells_of(residual_heat_map(residuals_for(large), large)).values()}
    assert labels == {"", "\N{BLACK CIRCLE}"}
    both = pd.concat([solution({"f": {"a": 0.5, "b": 0.6}}, group=group) for group in ("north", "south")])
    square = pd.DataFrame([[0.0, 0.1], [0.1, 0.0]], index=["a", "b"], columns=["a", "b"])
    stacked = pd.concat([square, 2 * square], keys=["north", "south"], names=["group", "item"])
    assert residuals_of(stacked, None).loc["b", "a"] == 0.1
    draft = residual_heat_map(stacked, both, group="south")
    assert draft.title.endswith(": south")
    assert cells_of(draft)["b", "a"]["residual"] == 0.2
    table = residuals_table(stacked, group="south", names={"a": "Answer"})
    assert table.name == "cfa_residuals_south"
    assert table.frame["a"].tolist()[1] == 0.2
    assert table.rows[1][1] == "0.200"
    assert table.rows[0][1] == "\N{EN DASH}"


def test_loadings_have_intervals_and_signs_that_are_no_colour_alone() -> None:
    draft = loadings_chart(heywood(), language="nb", names={"x7": "Tempo"})
    rows = {value["item"]: value for value in rows_in(draft.specification) if "estimate" in value}
    assert len(rows) == 9
    assert rows["x4"]["low"] == pytest.approx(0.85 - 1.96 * 0.04)
    assert (rows["x4"]["sign"], rows["x6"]["sign"], rows["x2"]["sign"]) == ("positiv", "negativ", "umulig")
    assert rows["Tempo"]["label"] == ",21"
    encodings = [layer["encoding"] for layer in draft.specification["layer"]]
    shapes = [encoding["shape"]["scale"]["range"] for encoding in encodings if "shape" in encoding]
    assert [len(set(each)) for each in shapes] == [3]
    assert "\N{MINUS SIGN},42 (x6) til 1,08 (x2); 1 av 9 er under ,30" in draft.alternative


@pytest.mark.parametrize("language", ["en", "nb"])
def test_every_chart_of_an_inadmissible_solution_carries_the_flag(language: str) -> None:
    words = report_words(language)
    standardized = heywood()
    means = pd.DataFrame(
        [
            {"factor": "f", "context": "b", "intercepts": "equal", "est": 0.1, "ci_lower": -0.1, "ci_upper": 0.3},
        ]
    )
    drafts = [
        residual_heat_map(residuals_for(standardized), standardized, language=language),
        loadings_chart(standardized, language=language),
        latent_means_chart(means, reference="a", language=language, flags=[words["cfa_inadmissible"]]),
    ]
    pictures = figures(drafts)
    for draft in drafts:
        assert words["cfa_flag"] in draft.title or words["inv_flag"] in draft.title
        assert draft.alternative.startswith(words["cfa_inadmissible"])
        assert words["cfa_inadmissible"].split(":")[0] in pictures[draft.name].svg
    fine = solution({"f": {"a": 0.5, "b": 0.6, "c": 0.7}})
    drafts = [residual_heat_map(residuals_for(fine), fine), loadings_chart(fine)]
    assert all("title" not in draft.specification for draft in drafts)


def test_charts_match_the_schema_of_charts() -> None:
    standardized = heywood()
    for draft in (
        residual_heat_map(residuals_for(standardized), standardized),
        loadings_chart(standardized, width="container"),
    ):
        assert draft.chart.to_dict(validate=True)["$schema"]
