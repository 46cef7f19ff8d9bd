"""Charts of a validation run as static SVG: readable without colour, each with words that say what it shows.

Text and lines take the colour of the page around them, so one picture serves the light and the dark page.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from toolkit.reporting.tables import item_text, scale_name, shown

if TYPE_CHECKING:
    import altair as alt

    from toolkit.validation.run import ValidationRun
    from toolkit.validation.scales import ScaleResult

BLUE, ORANGE, GREY = "#2f6fb0", "#c8641b", "#8a8f98"
FONT = "Arial, 'Liberation Sans', Helvetica, sans-serif"
"""Fonts of equal widths, so that text fits on every machine as it did where the picture was made."""
WIDTH = 640

_VEGA_LITE = "6.1"
_DIVERGING = {
    2: ("#c8641b", "#2f6fb0"),
    3: ("#d98243", "#b9bdc4", "#5b93c9"),
    4: ("#c8641b", "#eab68c", "#a5c6e6", "#2f6fb0"),
    5: ("#c8641b", "#eab68c", "#c6cad0", "#a5c6e6", "#2f6fb0"),
    6: ("#b4530f", "#dc8d52", "#f1cdb0", "#bcd6ee", "#6a9fd3", "#235a94"),
    7: ("#b4530f", "#dc8d52", "#f1cdb0", "#c6cad0", "#bcd6ee", "#6a9fd3", "#235a94"),
}
_DARK_FILLS = {"#c8641b", "#2f6fb0", "#b4530f", "#235a94"}
_CONFIG: dict[str, Any] = {
    "background": None,
    "font": FONT,
    "view": {"stroke": None},
    "padding": {"left": 4, "right": 8, "top": 4, "bottom": 4},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "domainColor": GREY,
        "tickColor": GREY,
        "gridColor": GREY,
        "gridOpacity": 0.25,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "header": {"labelColor": "currentColor", "titleColor": "currentColor", "labelFontSize": 13},
    "legend": {"labelColor": "currentColor", "titleColor": "currentColor", "labelFontSize": 12, "symbolStrokeWidth": 2},
    "title": {"color": "currentColor", "anchor": "start", "fontSize": 13, "fontWeight": 600},
    "text": {"color": "currentColor", "fontSize": 11},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart for a page.

    Attributes
    ----------
    name : str
        Its name within the report.
    title : str
        What it shows.
    alternative : str
        The same in words, for readers who do not see it.
    table : str
        Name of the table that holds its numbers.
    legend : tuple of (str, str)
        Colours and words that a page prints over the picture, in order; empty where the picture has its own.
    svg : str
        The picture.
    """

    name: str
    title: str
    alternative: str
    table: str
    legend: tuple[tuple[str, str], ...]
    svg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    name: str
    title: str
    alternative: str
    table: str
    chart: alt.TopLevelMixin
    legend: tuple[tuple[str, str], ...] = ()


def warm_up() -> threading.Thread:
    """Start the renderer in the background, so that it is ready when the numbers are."""
    spec = {"data": {"values": [{}]}, "mark": "point"}
    thread = threading.Thread(target=partial(_svg, spec), daemon=True, name="chart renderer")
    thread.start()
    return thread


def validation_charts(run: ValidationRun, *, language: str) -> dict[str, Figure]:
    """Draw every chart of a run that has content, by name.

    Parameters
    ----------
    run : ValidationRun
        What was found.
    language : str
        Language of item texts, scale names and answer labels.
    """
    from altair.utils.schemapi import debug_mode

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="chart renderer") as pool, debug_mode(False):
        pictures = [(draft, pool.submit(_svg, draft.chart.to_dict(validate=False))) for draft in _drafts(run, language)]
        return {
            draft.name: Figure(
                name=draft.name,
                title=draft.title,
                alternative=draft.alternative,
                table=draft.table,
                legend=draft.legend,
                svg=_unique_ids(picture.result(), draft.name),
            )
            for draft, picture in pictures
        }


def _drafts(run: ValidationRun, language: str) -> Iterator[_Draft]:
    """Draw the charts one by one; one is rendered while the next is drawn."""
    yield from _answers(run, language)
    yield from _reliability(run)
    yield from _item_rest(run)
    yield from _scores(run, language)
    yield from _scree(run)
    yield from _loadings(run)


def _svg(spec: dict[str, Any]) -> str:
    """Render one specification; nothing is fetched from anywhere."""
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(spec, vl_version=_VEGA_LITE, config=_CONFIG, allowed_base_urls=[])
    return svg


def _unique_ids(svg: str, name: str) -> str:
    """Give the parts of one picture identifiers of its own, counted from 1: many pictures share a page."""
    numbers = {found: place for place, found in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)), start=1)}
    svg = re.sub(r'\bid="([^"]+)"', lambda match: f'id="{name}-{numbers[match[1]]}"', svg)
    return re.sub(r"url\(#([^)]+)\)", lambda match: f"url(#{name}-{numbers.get(match[1], 0)})", svg)


def _data(rows: list[dict[str, Any]]) -> alt.InlineData:
    """Put rows into a chart."""
    import altair as alt

    return alt.InlineData(values=rows)


def _answers(run: ValidationRun, language: str) -> Iterator[_Draft]:
    """Stacked bars of the answers, one chart for each scale, or one for all items without scales."""
    instrument = run.instrument
    groups: list[tuple[str | None, Sequence[str]]] = [(code, scale.items) for code, scale in run.scales.items()]
    left = [item for item in instrument.item_codes if not any(item in items for _, items in groups)]
    if left:
        groups.append((None, left))
    for code, items in groups:
        by_set: dict[str, list[str]] = {}
        for item in items:
            by_set.setdefault(instrument.items[item].responses, []).append(item)
        for number, members in enumerate(by_set.values()):
            name = f"answers-{code or 'other'}" + (f"-{number}" if number else "")
            yield _stacked(run, language, name, code, members)


def _stacked(run: ValidationRun, language: str, name: str, code: str | None, items: Sequence[str]) -> _Draft:
    import altair as alt

    points = run.instrument.points(items[0])
    labels = run.instrument.labels(items[0], language)
    fills = _fills(len(points))
    table: dict[Any, Any] = run.data.distribution.to_dict(orient="index")
    counts = {item: {point: int(table[item][str(point)]) for point in points} for item in items}
    values: list[dict[str, Any]] = []
    for item, given in counts.items():
        total = sum(given.values())
        begin = 0.0
        for place, point in enumerate(points):
            share = given[point] / total if total else 0.0
            values.append(
                {
                    "item": item,
                    "answer": _answer(point, labels),
                    "begin": begin,
                    "end": begin + share,
                    "middle": begin + share / 2,
                    "label": f"{share:.0%}" if share >= 0.07 else "",
                    "ink": "white" if fills[place] in _DARK_FILLS else "#14181f",
                }
            )
            begin += share
    answers = [_answer(point, labels) for point in points]
    base = alt.Chart(_data(values)).encode(y=alt.Y("item:N", sort=list(items), axis=None))
    bars = base.mark_bar(height=18, yOffset=9, stroke="white", strokeWidth=1).encode(
        x=alt.X("begin:Q", title="share of the scored answers").axis(format=".0%", tickCount=5, grid=False),
        x2=alt.X2("end:Q"),
        color=alt.Color("answer:N", sort=answers, title=None).scale(domain=answers, range=list(fills)).legend(None),
    )
    words = base.mark_text(yOffset=9).encode(
        x=alt.X("middle:Q"), text=alt.Text("label:N"), color=alt.Color("ink:N", scale=None)
    )
    questions = (
        alt.Chart(_data([{"item": item, "text": f"{item}  {item_text(run, item, language)}"} for item in items]))
        .mark_text(align="left", baseline="bottom", yOffset=-2, fontSize=12.5, limit=WIDTH)
        .encode(y=alt.Y("item:N", sort=list(items), axis=None), x=alt.value(0), text=alt.Text("text:N"))
    )
    heading = scale_name(run, code, language) if code else "Items outside the scales"
    return _Draft(
        name=name,
        title=f"Answers: {heading}",
        alternative=f"Stacked bars, one for each of {len(items)} items, from {answers[0]} on the left to {answers[-1]} "
        "on the right. " + _extremes(counts),
        table="distribution",
        legend=tuple(zip(fills, answers, strict=True)),
        chart=(bars + words + questions).properties(width=WIDTH, height=alt.Step(46)),
    )


def _answer(point: int, labels: Mapping[int, str]) -> str:
    """Write a point with its label, once where they are the same."""
    return shown(point) if labels[point] == str(point) else f"{shown(point)} {labels[point]}"


def _extremes(counts: Mapping[str, Mapping[int, int]]) -> str:
    """Say which items have the highest and lowest mean as answered."""
    means = {
        item: sum(point * count for point, count in given.items()) / max(sum(given.values()), 1)
        for item, given in counts.items()
    }
    low, high = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    return f"Highest mean: {high} ({means[high]:.2f}); lowest: {low} ({means[low]:.2f})."


def _fills(n: int) -> tuple[str, ...]:
    """Colours for the points of a response set, from orange over grey to blue."""
    if n in _DIVERGING:
        return _DIVERGING[n]
    palette = _DIVERGING[7]
    return tuple(palette[round(place * (len(palette) - 1) / (n - 1))] for place in range(n))


def _reliability(run: ValidationRun) -> list[_Draft]:
    """Alpha and omega of each scale with their intervals."""
    import altair as alt

    values: list[dict[str, Any]] = [
        {"scale": code, "coefficient": word, "estimate": result.estimate, "low": result.interval.low,
         "high": result.interval.high, "label": f"{result.estimate:.2f}"}
        for code, scale in run.scales.items()
        for word, result in (("alpha", scale.alpha), ("omega total", scale.omega))
        if result is not None
    ]  # fmt: skip
    if not values:
        return []
    lowest = min(float(str(value["low"])) for value in values)
    domain = [max(min(0.5, lowest - 0.05), -1.0), 1.0]
    both = ["alpha", "omega total"]
    base = alt.Chart(_data(values)).encode(
        y=alt.Y("scale:N", sort=list(run.scales), title=None).axis(ticks=False, domain=False, grid=False),
        yOffset=alt.YOffset("coefficient:N", sort=both),
        color=alt.Color("coefficient:N", title=None).scale(domain=both, range=[BLUE, ORANGE]).legend(orient="top"),
    )
    limits = base.mark_rule(strokeWidth=2.5).encode(
        x=alt.X("low:Q", title="reliability").scale(domain=domain, zero=False, clamp=True), x2=alt.X2("high:Q")
    )
    shapes = alt.Shape("coefficient:N", title=None).scale(domain=both, range=["circle", "diamond"])
    dots = base.mark_point(size=80, filled=True, opacity=1).encode(x=alt.X("estimate:Q"), shape=shapes)
    words = base.mark_text(align="left", dx=8).encode(
        x=alt.X("high:Q"), text=alt.Text("label:N"), color=alt.value("currentColor")
    )
    guide = alt.Chart(_data([{"at": 0.70}])).mark_rule(strokeDash=[4, 4], color=GREY).encode(x=alt.X("at:Q"))
    level = run.plan.level
    chart = (guide + limits + dots + words).properties(width=WIDTH - 60, height=alt.Step(20))
    return [
        _Draft(
            name="reliability",
            title=f"Reliability with {level:.0%} intervals; the dashed line is .70",
            alternative="; ".join(
                f"{value['scale']} {value['coefficient']} {value['estimate']:.2f} "
                f"({value['low']:.2f} to {value['high']:.2f})"
                for value in values
            )
            + ".",
            table="reliability",
            chart=chart,
        )
    ]


def _item_rest(run: ValidationRun) -> list[_Draft]:
    """Item-rest correlations of all scales with their limits."""
    import altair as alt

    values: list[dict[str, Any]] = [
        {"item": str(row["item"]), "r": row["item_rest_correlation"], "low": row["item_rest_low"],
         "high": row["item_rest_high"]}
        for scale in run.scales.values()
        if scale.item_analysis is not None
        for row in scale.item_analysis.table.rename_axis("item").reset_index().to_dict(orient="records")
    ]  # fmt: skip
    if not values:
        return []
    ranked = sorted(values, key=lambda value: value["r"])
    lowest = min(0.0, min(float(value["low"]) for value in values))
    base = alt.Chart(_data(values)).encode(
        y=alt.Y("item:N", sort=[value["item"] for value in values], title=None).axis(ticks=False, domain=False)
    )
    limits = base.mark_rule(strokeWidth=2, color=BLUE).encode(
        x=alt.X("low:Q", title="correlation with the sum of the other items")
        .scale(domain=[lowest, 1])
        .axis(tickCount=6),
        x2=alt.X2("high:Q"),
    )
    dots = base.mark_point(size=60, filled=True, opacity=1, color=BLUE).encode(x=alt.X("r:Q"))
    guide = alt.Chart(_data([{"at": 0.30}])).mark_rule(strokeDash=[4, 4], color=GREY).encode(x=alt.X("at:Q"))
    return [
        _Draft(
            name="item-rest",
            title="Item-rest correlations with their limits; the dashed line is .30",
            alternative=f"Lowest: {ranked[0]['item']} ({ranked[0]['r']:.2f}); highest: {ranked[-1]['item']} "
            f"({ranked[-1]['r']:.2f}); {sum(value['r'] < 0.3 for value in values)} of {len(values)} items below .30.",
            table="item_analysis",
            chart=(guide + limits + dots).properties(width=WIDTH - 60, height=alt.Step(18)),
        )
    ]


def _scores(run: ValidationRun, language: str) -> list[_Draft]:
    """Histograms of the scale scores."""
    import altair as alt

    scored = {code: scale for code, scale in run.scales.items() if scale.scores.n_scored}
    if not scored:
        return []
    panels = [_histogram(run, code, scale, language) for code, scale in scored.items()]
    return [
        _Draft(
            name="scores",
            title="Scale scores; the line is the median",
            alternative="; ".join(
                f"{code}: median {scale.scores.median:.0f}, middle half {scale.scores.lower_quartile:.0f} to "
                f"{scale.scores.upper_quartile:.0f}"
                for code, scale in scored.items()
            )
            + ".",
            table="scores",
            chart=alt.concat(*panels, columns=3).resolve_scale(y="shared"),
        )
    ]


def _histogram(run: ValidationRun, code: str, scale: ScaleResult, language: str) -> alt.LayerChart | alt.FacetChart:
    import altair as alt

    scores = scale.scores
    values = [
        {"from": low, "to": high, "persons": count}
        for low, high, count in zip(scores.edges, scores.edges[1:], scores.counts, strict=False)
    ]
    bars = (
        alt.Chart(_data(values))
        .mark_bar(color=BLUE, stroke="white", strokeWidth=1)
        .encode(
            x=alt.X("from:Q", title=None)
            .bin("binned")
            .scale(domain=[scores.edges[0], scores.edges[-1]])
            .axis(tickCount=5, grid=False),
            x2=alt.X2("to:Q"),
            y=alt.Y("persons:Q", title="persons").axis(tickCount=4),
        )
    )
    median = (
        alt.Chart(_data([{"median": scores.median}]))
        .mark_rule(color="currentColor", strokeWidth=2)
        .encode(x=alt.X("median:Q"))
    )
    name = scale_name(run, code, language)
    title = f"{code}  {name}" if name != code else code
    return alt.layer(bars, median, width=190, height=110, title=alt.Title(title, fontSize=12, limit=200))


def _scree(run: ValidationRun) -> list[_Draft]:
    """Eigenvalues beside those of random data."""
    import altair as alt

    if run.structure is None or run.structure.parallel is None:
        return []
    parallel = run.structure.parallel
    names = ("observed", "random, mean", f"random, {parallel.percentile:g}th percentile")
    series = (parallel.eigenvalues, parallel.reference_mean, parallel.reference_percentile)
    values = [
        {"number": number, "eigenvalue": float(value), "of": name}
        for name, numbers in zip(names, series, strict=True)
        for number, value in enumerate(numbers, start=1)
    ]
    base = alt.Chart(_data(values)).encode(
        x=alt.X("number:Q", title="number").axis(tickMinStep=1, grid=False).scale(nice=False),
        y=alt.Y("eigenvalue:Q", title="eigenvalue"),
        color=alt.Color("of:N", title=None)
        .scale(domain=list(names), range=[BLUE, ORANGE, GREY])
        .legend(orient="top", labelLimit=220),
    )
    dashes = alt.StrokeDash("of:N", title=None).scale(domain=list(names), range=[[1, 0], [6, 4], [2, 3]])
    lines = base.mark_line(strokeWidth=2).encode(strokeDash=dashes)
    dots = base.mark_point(size=45, filled=True, opacity=1).encode(
        shape=alt.Shape("of:N", title=None).scale(domain=list(names), range=["circle", "diamond", "triangle-up"])
    )
    factors = "factor" if parallel.n_factors == 1 else "factors"
    return [
        _Draft(
            name="scree",
            title="Eigenvalues, observed and of random data",
            alternative=f"The first {parallel.n_factors} observed eigenvalues lie above the mean of random data, which "
            f"suggests {parallel.n_factors} {factors}. The largest is {parallel.eigenvalues[0]:.2f}.",
            table="eigenvalues",
            chart=(lines + dots).properties(width=WIDTH, height=280),
        )
    ]


def _loadings(run: ValidationRun) -> list[_Draft]:
    """Heat map of the pattern loadings, with the numbers in it."""
    import altair as alt

    if run.structure is None or run.structure.efa is None:
        return []
    loadings = run.structure.efa.loadings
    values = [
        {"item": str(item), "factor": str(factor), "loading": float(value), "label": _two_decimals(float(value)),
         "ink": "white" if abs(float(value)) >= 0.55 else "#14181f", "weight": abs(float(value)) >= 0.3}
        for item in loadings.index
        for factor, value in loadings.loc[item].items()
    ]  # fmt: skip
    base = alt.Chart(_data(values)).encode(
        x=alt.X("factor:N", sort=[str(factor) for factor in loadings.columns], title=None).axis(
            orient="top", labelAngle=0, domain=False, ticks=False
        ),
        y=alt.Y("item:N", sort=[str(item) for item in loadings.index], title=None).axis(domain=False, ticks=False),
    )
    colour = (
        alt.Fill("loading:Q", title="loading")
        .scale(domain=[-1, 0, 1], range=["#b4530f", "#f2f3f5", "#235a94"], interpolate="rgb")
        .legend(gradientLength=160)
    )
    cells = base.mark_rect(stroke="white", strokeWidth=1).encode(fill=colour)
    words = base.mark_text(fontSize=11).encode(
        text=alt.Text("label:N"),
        color=alt.Color("ink:N", scale=None),
        opacity=alt.condition("datum.weight", alt.value(1.0), alt.value(0.75)),
    )
    clear = int((loadings.abs() >= 0.3).sum(axis=1).eq(1).sum())
    return [
        _Draft(
            name="loadings",
            title="Pattern loadings",
            alternative=f"{clear} of {len(loadings)} items load .30 or more on exactly one of "
            f"{loadings.shape[1]} factors.",
            table="loadings",
            chart=(cells + words).properties(width=alt.Step(70), height=alt.Step(20)),
        )
    ]


def _two_decimals(value: float) -> str:
    """Write a loading as the field does: two decimals, no leading zero."""
    text = f"{value:.2f}".replace("0.", ".").replace("-", "\N{MINUS SIGN}")
    return ".00" if text.endswith(".00") and abs(value) < 0.5 else text
