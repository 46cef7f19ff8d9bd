"""How every chart is drawn: palette, fonts, stacked bars, and static SVG that needs no browser and fetches nothing.

Text and lines take the colour of the page around them, so one picture serves the light and the dark page.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt

    Chart = alt.Chart | alt.ConcatChart | alt.FacetChart | alt.LayerChart

BLUE, ORANGE, GREY = "#2f6fb0", "#c8641b", "#8a8f98"
FONT = "Arial, 'Liberation Sans', Helvetica, sans-serif"
"""Fonts of equal widths, so that text fits on every machine as it did where the picture was made."""
WIDTH = 640
SMALLEST_LABELLED = 0.07
"""A share below this has no number on its bar."""

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
CONFIG: dict[str, Any] = {
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Draft:
    """A chart as it is drawn, before it becomes a picture; the attributes are those of :class:`Figure`."""

    name: str
    title: str
    alternative: str
    table: str
    chart: Chart
    legend: tuple[tuple[str, str], ...] = ()

    @cached_property
    def specification(self) -> dict[str, Any]:
        """The chart as Vega-Lite reads it."""
        with unchecked():
            spec: dict[str, Any] = self.chart.to_dict(validate=False)
        return spec


def warm_up() -> threading.Thread:
    """Start the renderer in the background, so that it is ready when the numbers are."""
    spec = {"data": {"values": [{}]}, "mark": "point"}
    thread = threading.Thread(target=partial(svg, spec), daemon=True, name="chart renderer")
    thread.start()
    return thread


@contextmanager
def unchecked() -> Iterator[None]:
    """Draw without checking every part against the schema of charts, which takes most of the time; tests check it."""
    from altair.utils.schemapi import debug_mode

    with debug_mode(False):
        yield


def figures(drafts: Iterable[Draft]) -> dict[str, Figure]:
    """Turn charts into pictures by name; one is rendered while the next is drawn."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="chart renderer") as pool, unchecked():
        pictures = [(draft, pool.submit(svg, draft.specification)) for draft in drafts]
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


def svg(spec: dict[str, Any]) -> str:
    """Render one specification; nothing is fetched from anywhere."""
    import vl_convert

    picture: str = vl_convert.vegalite_to_svg(spec, vl_version=_VEGA_LITE, config=CONFIG, allowed_base_urls=[])
    return picture


def _unique_ids(svg: str, name: str) -> str:
    """Give the parts of one picture identifiers of its own, counted from 1: many pictures share a page."""
    numbers = {found: place for place, found in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)), start=1)}
    svg = re.sub(r'\bid="([^"]+)"', lambda match: f'id="{name}-{numbers[match[1]]}"', svg)
    return re.sub(r"url\(#([^)]+)\)", lambda match: f"url(#{name}-{numbers.get(match[1], 0)})", svg)


def data(rows: list[dict[str, Any]]) -> alt.InlineData:
    """Put rows into a chart."""
    import altair as alt

    return alt.InlineData(values=rows)


def fills(n: int) -> tuple[str, ...]:
    """Colours for the points of a response set, from orange over grey to blue."""
    if n in _DIVERGING:
        return _DIVERGING[n]
    palette = _DIVERGING[7]
    return tuple(palette[round(place * (len(palette) - 1) / (n - 1))] for place in range(n))


def stacked_bars(
    counts: Mapping[str, Sequence[float]],
    *,
    words: Mapping[str, str],
    answers: Sequence[str],
    title: str,
    diverging: bool = False,
    letters: int | None = None,
) -> alt.LayerChart:
    """Draw one bar for each item, cut by its answers from the lowest to the highest.

    Parameters
    ----------
    counts : mapping of str to sequence of float
        Persons, or shares of them, for each answer of each item, lowest answer first.
    words : mapping of str to str
        What stands over each bar.
    answers : sequence of str
        Names of the answers, lowest first.
    title : str
        Title of the axis.
    diverging : bool
        Put the middle of the answers on one line, so that agreement goes to the right and disagreement to the left.
    letters : int, optional
        Break the words into lines of so many letters, for a chart that narrow screens show too.

    Returns
    -------
    LayerChart
        A page prints the legend over it.
    """
    import altair as alt

    colours = fills(len(answers))
    values: list[dict[str, Any]] = []
    for item, given in counts.items():
        total = sum(given)
        shares = [count / total if total else 0.0 for count in given]
        begin = -_below_the_middle(shares) if diverging else 0.0
        for place, share in enumerate(shares):
            values.append(
                {
                    "item": item,
                    "answer": answers[place],
                    "begin": begin,
                    "end": begin + share,
                    "middle": begin + share / 2,
                    "share": share,
                    "label": f"{share:.0%}" if share >= SMALLEST_LABELLED else "",
                    "ink": "white" if colours[place] in _DARK_FILLS else "#14181f",
                }
            )
            begin += share
    axis: dict[str, Any] = {"format": ".0%", "tickCount": 5, "grid": False}
    x = alt.X("begin:Q", title=title)
    if diverging:
        # A share has no sign: what lies to the left is told by its length too.
        x = x.scale(domain=[-1, 1]).axis(**axis, labelExpr="format(abs(datum.value), '.0%')")
    else:
        x = x.axis(**axis)
    base = alt.Chart(data(values)).encode(y=alt.Y("item:N", sort=list(counts), axis=None))
    bars = base.mark_bar(height=18, yOffset=9, stroke="white", strokeWidth=1).encode(
        x=x,
        x2=alt.X2("end:Q"),
        color=alt.Color("answer:N", sort=list(answers), title=None)
        .scale(domain=list(answers), range=list(colours))
        .legend(None),
        tooltip=[alt.Tooltip("answer:N", title=" "), alt.Tooltip("share:Q", title="%", format=".0%")],
    )
    labels = base.mark_text(yOffset=9).encode(
        x=alt.X("middle:Q"), text=alt.Text("label:N"), color=alt.Color("ink:N", scale=None)
    )
    lines = {item: wrap(words[item], letters) if letters else [words[item]] for item in counts}
    most = max(map(len, lines.values()), default=1)
    questions = (
        alt.Chart(data([{"item": item, "text": "\n".join(lines[item])} for item in counts]))
        .mark_text(align="left", baseline="bottom", yOffset=-2, fontSize=12.5, limit=WIDTH, lineBreak="\n")
        .encode(y=alt.Y("item:N", sort=list(counts), axis=None), x=alt.value(0), text=alt.Text("text:N"))
    )
    chart: alt.LayerChart = (bars + labels + questions).properties(width=WIDTH, height=alt.Step(46 + 15 * (most - 1)))
    return chart


def _below_the_middle(shares: Sequence[float]) -> float:
    """Return the share below the middle of the answers, half of a middle answer included."""
    half, has_middle = divmod(len(shares), 2)
    return sum(shares[:half]) + (shares[half] / 2 if has_middle else 0.0)
