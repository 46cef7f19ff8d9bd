"""Charts of a confirmatory model: what it does not explain, and its loadings with intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from toolkit.reporting.drawing import BLUE, GREY, ORANGE, Draft, data
from toolkit.reporting.model_graph import (
    WEAK,
    Link,
    coefficient,
    flag_sentences,
    model_graph,
    named,
    of_group,
)
from toolkit.reporting.table import Table
from toolkit.reporting.vector import INADMISSIBLE, NARROWEST, clipped, wrapped
from toolkit.reporting.words import listed, percent, report_words

if TYPE_CHECKING:
    from toolkit.reporting.drawing import Chart

COLOUR_LIMIT = 0.2
"""The colours of residual correlations end here, in every chart, so that charts can be compared."""
LARGE = 0.1
"""Residual correlations larger than this in size are marked."""
MOST_NUMBERED = 36
"""With more items than this there is no room for numbers; a dot marks large residuals."""

_CELL, _SMALL_CELL = 21, 11
_DARK_INK, _LIGHT_INK = "#14181f", "white"
_SIGN = "\N{WARNING SIGN}\N{VARIATION SELECTOR-15}"
_LABEL_WIDTH = 76
PLOT_WIDTH = 236
"""So that a phone shows the names, the plot and the numbers."""


def residual_heat_map(
    residuals: pd.DataFrame,
    standardized: pd.DataFrame,
    *,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    group: str | None = None,
    admissible: bool = True,
    converged: bool = True,
    name: str = "cfa-residuals",
) -> Draft:
    """Draw observed minus implied correlations, items in the order of the model.

    Parameters
    ----------
    residuals : DataFrame, shape (n_items, n_items)
        Observed minus implied correlations; with groups, rows by (group, item).
    standardized : DataFrame
        The standardised solution, for the order of the items, their factors, and values that cannot be.
    language : str
        Language of words and numbers.
    names : mapping of str to str, optional
        Names of factors and items for readers.
    group : str, optional
        Group to draw; the first where there are several.
    admissible, converged : bool
        What the fit says about itself.
    name : str
        Name of the figure within its page.
    """
    import altair as alt

    words = report_words(language)
    square = residuals_of(residuals, group)
    graph = model_graph(standardized, group=group)
    owner: dict[str, str] = {}
    for link in graph.loadings:
        owner.setdefault(link.target, link.source)
    order = [item for item in graph.items if item in square.index]
    order += [str(item) for item in square.index if item not in order]
    numbers: dict[Any, dict[Any, float]] = square.to_dict(orient="index")
    cells = [
        (row, column, numbers[first][second])
        for row, first in enumerate(order)
        for column, second in enumerate(order[:row])
    ]
    numbered = len(order) <= MOST_NUMBERED
    step, size = (_CELL, 10.5) if numbered else (_SMALL_CELL, 8.5)
    values = [
        {"row": row, "column": column, "residual": value, "one": named(names, order[row]),
         "other": named(names, order[column]),
         "label": (coefficient(value, language) if numbered else "\N{BLACK CIRCLE}") if abs(value) > LARGE else "",
         "ink": _LIGHT_INK if abs(value) >= 0.14 else _DARK_INK}
        for row, column, value in cells
        if not math.isnan(value)
    ]  # fmt: skip
    flags = _flags(graph.links, words, language, names, admissible, converged)
    n = len(order)
    rim = [-0.5, n - 0.5]
    x = alt.X("column:Q", title=None).scale(domain=rim, nice=False, zero=False)
    y = alt.Y("row:Q", title=None).scale(domain=rim, nice=False, zero=False, reverse=True)
    base = alt.Chart(data(values))
    colour = (
        alt.Fill("residual:Q", title=words["cfa_residuals_axis"])
        .scale(
            domain=[-COLOUR_LIMIT, 0, COLOUR_LIMIT], range=["#b4530f", "#f2f3f5", "#235a94"], clamp=True,
            interpolate="rgb",
        )
        .legend(
            orient="top", gradientLength=180, values=[-COLOUR_LIMIT, 0, COLOUR_LIMIT],
            labelExpr=_signed_labels(language),
        )
    )  # fmt: skip
    labels = [named(names, item) for item in order]
    corner = alt.Chart(data([{"at": place, "name": label} for place, label in enumerate(labels)]))
    layers: list[alt.Chart] = [
        base.mark_rect(stroke="white", strokeWidth=0.5).encode(
            x=alt.X("left:Q", title=None).scale(domain=rim, nice=False, zero=False).axis(None),
            x2=alt.X2("right:Q"),
            y=alt.Y("top:Q", title=None).scale(domain=rim, nice=False, zero=False, reverse=True).axis(None),
            y2=alt.Y2("bottom:Q"),
            fill=colour,
            tooltip=[
                alt.Tooltip("one:N", title=" "),
                alt.Tooltip("other:N", title="  "),
                alt.Tooltip("residual:Q", title=words["cfa_residuals_axis"], format=".3f"),
            ],
        ).transform_calculate(
            left="datum.column - 0.5", right="datum.column + 0.5", top="datum.row - 0.5", bottom="datum.row + 0.5"
        ),
        base.mark_text(fontSize=8 if numbered else 6).encode(
            x=x.axis(None), y=y.axis(None), text=alt.Text("label:N"), color=alt.Color("ink:N", scale=None)
        ),
        corner.mark_text(color="currentColor", align="right", dx=-5, fontSize=size, limit=_LABEL_WIDTH).encode(
            y=alt.Y("at:Q", axis=None).scale(domain=rim, nice=False, zero=False, reverse=True),
            x=alt.value(0),
            text=alt.Text("name:N"),
        ),
        corner.mark_text(color="currentColor", align="left", angle=300, dx=4, dy=-1, fontSize=size, limit=90).encode(
            x=alt.X("at:Q", axis=None).scale(domain=rim, nice=False, zero=False),
            y=alt.Y("at:Q", axis=None).scale(domain=rim, nice=False, zero=False, reverse=True),
            text=alt.Text("name:N"),
        ),
    ]  # fmt: skip
    edges = [place for place, (one, other) in enumerate(pairwise(order), 1) if owner.get(one) != owner.get(other)]
    lines = [{"a": -0.5, "b": edge - 0.5, "c": edge - 0.5, "d": edge - 0.5} for edge in edges] + [
        {"a": edge - 0.5, "b": edge - 0.5, "c": edge - 0.5, "d": n - 0.5} for edge in edges
    ]
    layers.append(
        alt.Chart(data(lines))
        .mark_rule(color=_DARK_INK, strokeWidth=1.4)
        .encode(x=alt.X("a:Q", axis=None), x2=alt.X2("c:Q"), y=alt.Y("b:Q", axis=None), y2=alt.Y2("d:Q"))
    )
    return Draft(
        name=name,
        title=_flagged(words["cfa_residuals_title"], group_shown(standardized, group), flags, words),
        alternative=" ".join([*flags, _largest(cells, order, words, language, names)]),
        table="cfa_residuals",
        chart=with_flag(alt.layer(*layers).properties(width=n * step, height=n * step), flags),
    )


def residuals_of(residuals: pd.DataFrame, group: str | None) -> pd.DataFrame:
    """Return the square of one group; of the first where none is named."""
    if residuals.index.nlevels == 1:
        return residuals
    wanted = residuals.index.get_level_values(0)[0] if group is None else group
    return residuals[residuals.index.get_level_values(0) == wanted].droplevel(0)


def residuals_table(
    residuals: pd.DataFrame,
    *,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    group: str | None = None,
    flags: Sequence[str] = (),
) -> Table:
    """Make the table of observed minus implied correlations, below the diagonal."""
    words = report_words(language)
    square = residuals_of(residuals, group)
    columns: dict[str, list[Any]] = {"item": [named(names, str(item)) for item in square.index]}
    for place, item in enumerate(square.columns):
        values = square[item].tolist()
        columns[str(item)] = [value if row > place else math.nan for row, value in enumerate(values)]
    return Table(
        name="cfa_residuals" + (f"_{group}" if group else ""),
        caption=words["cfa_residuals_caption"] + (f": {group}" if group else ""),
        frame=pd.DataFrame(columns),
        headings={"item": words["cfa_item"]} | {str(item): named(names, str(item)) for item in square.columns},
        decimals={str(item): 3 for item in square.columns},
        note=" ".join([*flags, words["cfa_residuals_note"]]),
        language=language,
    )


def loadings_chart(
    standardized: pd.DataFrame,
    *,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    group: str | None = None,
    admissible: bool = True,
    converged: bool = True,
    level: float = 0.95,
    width: float | Literal["container"] = PLOT_WIDTH,
    name: str = "cfa-loadings",
) -> Draft:
    """Draw the standardised loadings with their intervals, factor by factor.

    Parameters
    ----------
    standardized : DataFrame
        The standardised solution.
    language : str
        Language of words and numbers.
    names : mapping of str to str, optional
        Names of factors and items for readers.
    group : str, optional
        Group to draw; the first where there are several.
    admissible, converged : bool
        What the fit says about itself.
    level : float
        Level of the intervals.
    width : float or "container"
        Width of the plot beside the names of the items.
    name : str
        Name of the figure within its page.
    """
    words = report_words(language)
    graph = model_graph(standardized, group=group)
    flags = _flags(graph.links, words, language, names, admissible, converged)
    known = [link for link in graph.loadings if not math.isnan(link.estimate)]
    return Draft(
        name=name,
        title=_flagged(
            words["cfa_forest_title"].format(level=percent(level, language), limit=coefficient(WEAK, language)),
            group_shown(standardized, group),
            flags,
            words,
        ),
        alternative=" ".join([*flags, _range(known, words, language, names)]),
        table="cfa_loadings",
        chart=with_flag(_forest(known, width, words, language, names), flags),
    )


def _forest(
    links: Sequence[Link],
    width: float | str,
    words: Mapping[str, str],
    language: str,
    names: Mapping[str, str] | None,
) -> Chart:
    import altair as alt

    signs = [words[f"cfa_sign_{sign}"] for sign in ("positive", "negative", "impossible")]
    ends = [end for link in links for end in (link.estimate, link.low, link.high) if not math.isnan(end)]
    domain = [min(0.0, *ends, 0.0), max(1.0, *ends, 1.0)]
    labels: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    heads: list[dict[str, Any]] = []
    for number, factor in enumerate(dict.fromkeys(link.source for link in links)):
        heads.append({"row": f"{number}", "name": named(names, factor)})
        labels[f"{number}"] = ""
        for link in links:
            if link.source != factor:
                continue
            row = f"{number} {link.target}"
            labels[row] = clipped(named(names, link.target), _LABEL_WIDTH, 12)
            rows.append(
                {"row": row, "item": named(names, link.target), "estimate": link.estimate,
                 "low": link.estimate if math.isnan(link.low) else link.low,
                 "high": link.estimate if math.isnan(link.high) else link.high,
                 "sign": signs[2] if link.impossible else signs[1] if link.estimate < 0 else signs[0],
                 "label": coefficient(link.estimate, language), "mark": _SIGN if link.impossible else ""}
            )  # fmt: skip
    y = (
        alt.Y("row:N", sort=list(labels), title=None)
        .scale(domain=list(labels))
        .axis(
            ticks=False,
            domain=False,
            labelLimit=_LABEL_WIDTH + 24,
            minExtent=40,
            labelExpr=f"{json.dumps(labels)}[datum.value]",
        )
    )
    base = alt.Chart(data(rows)).encode(
        y=y,
        color=alt.Color("sign:N", title=None).scale(domain=signs, range=[BLUE, ORANGE, INADMISSIBLE]).legend(None),
    )
    x = alt.X("low:Q", title=words["cfa_forest_axis"]).scale(domain=domain, nice=False).axis(tickCount=5)
    limits = base.mark_rule(strokeWidth=2).encode(x=x, x2=alt.X2("high:Q"))
    dots = base.mark_point(size=60, filled=True, opacity=1).encode(
        x=alt.X("estimate:Q"),
        shape=alt.Shape("sign:N", title=None)
        .scale(domain=signs, range=["circle", "diamond", "triangle-up"])
        .legend(None),
        tooltip=[
            alt.Tooltip("item:N", title=" "),
            alt.Tooltip("estimate:Q", title=words["cfa_std"], format=".3f"),
            alt.Tooltip("low:Q", title=words["cfa_low"], format=".3f"),
            alt.Tooltip("high:Q", title=words["cfa_high"], format=".3f"),
        ],
    )
    texts = base.mark_text(align="left", dx=6, fontSize=11).encode(
        x=alt.datum(domain[1]), text=alt.Text("label:N"), color=alt.value("currentColor")
    )
    marks = base.mark_text(align="left", dx=34, fontSize=12).encode(x=alt.datum(domain[1]), text=alt.Text("mark:N"))
    titles = (
        alt.Chart(data(heads))
        .mark_text(color="currentColor", align="left", fontWeight=600, fontSize=12, dx=5, limit=PLOT_WIDTH)
        .encode(y=y, x=alt.value(0), text=alt.Text("name:N"))
    )
    guide = alt.Chart(data([{"at": WEAK}])).mark_rule(strokeDash=[4, 4], color=GREY).encode(x=alt.X("at:Q"))
    zero = alt.Chart(data([{"at": 0.0}])).mark_rule(color=GREY).encode(x=alt.X("at:Q"))
    return alt.layer(zero, guide, limits, dots, texts, marks, titles).properties(width=width, height=alt.Step(18))


def _signed_labels(language: str) -> str:
    """Return the expression that writes the ends of the colours in a language."""
    low, high = coefficient(-COLOUR_LIMIT, language), coefficient(COLOUR_LIMIT, language)
    return f"datum.value < 0 ? '{low}' : datum.value > 0 ? '+{high}' : '0'"


def group_shown(standardized: pd.DataFrame, group: str | None) -> str:
    """Return the label of the group that is shown, empty without groups."""
    rows = of_group(standardized, group)
    return "" if "group" not in rows.columns or rows.empty else str(rows["group"].iloc[0])


def _flags(
    links: Sequence[Link],
    words: Mapping[str, str],
    language: str,
    names: Mapping[str, str] | None,
    admissible: bool,
    converged: bool,
) -> list[str]:
    return flag_sentences(
        links, words=words, language=language, names=names, admissible=admissible, converged=converged
    )


def _flagged(title: str, group: str, flags: Sequence[str], words: Mapping[str, str]) -> str:
    heading = f"{title}: {group}" if group else title
    return f"{heading} ({words['cfa_flag']})" if flags else heading


def with_flag(chart: Chart, flags: Sequence[str]) -> Chart:
    """Write over a chart of a solution that cannot be read that it cannot, inside the picture."""
    if not flags:
        return chart
    import altair as alt

    lines = [line for flag in flags[:2] for line in wrapped(flag, NARROWEST - 40, 12)]
    lines[0] = f"{_SIGN} {lines[0]}"
    flagged: Chart = chart.properties(title=alt.Title(lines, fontSize=12, anchor="start", frame="bounds", offset=10))
    return flagged


def _largest(
    cells: Sequence[tuple[int, int, float]],
    order: Sequence[str],
    words: Mapping[str, str],
    language: str,
    names: Mapping[str, str] | None,
) -> str:
    known = [cell for cell in cells if not math.isnan(cell[2])]
    ranked = sorted(known, key=lambda cell: -abs(cell[2]))[:3]
    parts = [
        words["cfa_path_alt_pair"].format(
            source=named(names, order[row]),
            target=named(names, order[column]),
            estimate=coefficient(value, language),
        )
        for row, column, value in ranked
    ]
    told = words["cfa_residuals_alt"].format(
        n_large=sum(abs(value) > LARGE for _, _, value in known),
        n=len(known),
        limit=coefficient(LARGE, language),
        largest=listed(parts, language),
    )
    return f"{told} {words['cfa_residuals_cut'].format(limit=coefficient(COLOUR_LIMIT, language))}"


def _range(links: Sequence[Link], words: Mapping[str, str], language: str, names: Mapping[str, str] | None) -> str:
    if not links:
        return ""
    low, high = min(links, key=lambda link: link.estimate), max(links, key=lambda link: link.estimate)
    return words["cfa_forest_alt"].format(
        low=coefficient(low.estimate, language),
        lowest=named(names, low.target),
        high=coefficient(high.estimate, language),
        highest=named(names, high.target),
        n_weak=sum(link.weak for link in links),
        n=len(links),
        limit=coefficient(WEAK, language),
        n_negative=sum(link.estimate < 0 for link in links),
    )
