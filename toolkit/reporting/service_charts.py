"""Charts about services: where groups stand, how they moved, and how they answered. No chart ranks a unit.

Only what a comparison shows gets into a chart, so that a hidden number is not in its data, its hover or its words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from toolkit.reporting.drawing import BLUE, GREY, ORANGE, Draft, data, fills, stacked_bars, unchecked
from toolkit.reporting.service_tables import changes_of, of_group, records, shares_of, units_of

if TYPE_CHECKING:
    import altair as alt

    from toolkit.comparison import Comparison
    from toolkit.comparison.results import Distributions
    from toolkit.instruments.instrument import Instrument
    from toolkit.reporting.service_labels import Labels

TREND_HEIGHT = 230
SCORES = [0, 100]
LETTERS_OF_A_WAVE = 9
LETTERS = 46
"""Letters of a line over a bar, so that it fits on a phone."""
DECIMALS = ("mean:Q", "at:Q", "difference:Q")


@unchecked()
def trend_chart(comparison: Comparison, *, scale: str, kind: str, group: str, labels: Labels) -> Draft:
    """Score of one group on one scale by wave; the line breaks where versions or hidden waves break it."""
    import altair as alt

    words = labels.words
    rows = of_group(comparison.levels, kind, group)
    by_wave = {str(row["wave"]): row for row in records(rows[rows["scale"] == scale])}
    waves = list(comparison.waves)
    breaks = _breaks(comparison, scale)
    values: list[dict[str, Any]] = []
    segment = 0
    for place, wave in enumerate(waves):
        row = by_wave.get(wave)
        if place and (waves[place - 1], wave) in breaks:
            segment += 1
        if row is None or not row["shown"]:
            segment += 1
            continue
        values.append(
            {"place": place, "wave": labels.waves[wave], "segment": segment, "n": int(row["n"]), "mean": row["mean"],
             "low": row["low"], "high": row["high"], "interval": _interval(row["low"], row["high"], labels)}
        )  # fmt: skip
    names = [wrap(labels.waves[wave], LETTERS_OF_A_WAVE) for wave in waves]
    x = (
        alt.X("place:Q", title=None)
        .scale(domain=[-0.4, len(waves) - 0.6], nice=False)
        .axis(values=list(range(len(waves))), labelExpr=f"{json.dumps(names)}[datum.value]", grid=False, labelLimit=90)
    )
    y = alt.Y("mean:Q", title=labels.words["score"]).scale(domain=SCORES).axis(tickCount=5)
    base = alt.Chart(data(values))
    layers: list[alt.Chart] = [
        base.mark_line(strokeWidth=2, color=BLUE).encode(x=x, y=y, detail="segment:N"),
        base.mark_rule(strokeWidth=3, color=BLUE, opacity=0.55, clip=True).encode(
            x=x, y=alt.Y("low:Q", title=labels.words["score"]).scale(domain=SCORES), y2=alt.Y2("high:Q")
        ),
        base.mark_point(size=45, filled=True, opacity=1, color=BLUE).encode(
            x=x,
            y=y,
            tooltip=_tooltips(
                labels, comparison.level, {"wave": "wave:N", "mean": "mean:Q", "interval": "interval:N", "n": "n:Q"}
            ),
        ),
    ]
    hidden = [
        {"place": place, "wave": labels.waves[wave], "text": labels.words["not_shown"]}
        for place, wave in enumerate(waves)
        if not (by_wave.get(wave) or {"shown": False})["shown"]
    ]
    layers.append(
        alt.Chart(data(hidden))
        .mark_text(text="\N{EN DASH}", fontSize=16, color=GREY)
        .encode(
            x=x,
            y=alt.value(TREND_HEIGHT - 10),
            tooltip=[alt.Tooltip("wave:N", title=words["wave"]), alt.Tooltip("text:N", title=" ")],
        )
    )
    broken = [{"place": place - 0.5} for place in range(1, len(waves)) if (waves[place - 1], waves[place]) in breaks]
    if broken:
        layers.append(
            alt.Chart(data(broken)).mark_rule(strokeDash=[3, 3], strokeWidth=1.5, color=GREY).encode(x="place:Q")
        )
    return Draft(
        name=f"trend-{scale}",
        title=labels.scales[scale],
        alternative=_trend_words(comparison, scale, kind, group, by_wave, breaks, labels),
        table=f"scores-{kind}-{group or 'all'}",
        chart=alt.layer(*layers).properties(height=TREND_HEIGHT, width="container"),
    )


def break_sentences(comparison: Comparison, *, scales: Sequence[str], labels: Labels) -> list[str]:
    """Say once for each pair of waves and reason why the lines break."""
    sentences: dict[str, None] = {}
    for scale in scales:
        for row in _breaks(comparison, scale).values():
            sentences[_break_sentence(comparison, row, labels)] = None
    return list(sentences)


@unchecked()
def units_chart(comparison: Comparison, *, scale: str, wave: str, parent: str | None, labels: Labels) -> Draft:
    """Units on one scale in one wave, in the order of their names: as answered, and steadied by empirical Bayes."""
    import altair as alt

    words = labels.words
    rows = records(units_of(comparison, scale=scale, wave=wave, parent=parent, labels=labels))
    names = [row["name"] for row in rows]
    kinds = [words["raw"], words["shrunken"]]
    values = [
        {"group": row["name"], "kind": kind, "at": row[at], "low": row[low], "high": row[high], "n": int(row["n"]),
         "interval": _interval(row[low], row[high], labels)}
        for row in rows
        if row["shown"]
        for kind, at, low, high in (
            (kinds[0], "mean", "low", "high"), (kinds[1], "shrunken", "shrunken_low", "shrunken_high"))
    ]  # fmt: skip
    y = alt.Y("group:N", sort=names, title=None).scale(domain=names).axis(labelLimit=190, ticks=False, domain=False)
    offset = alt.YOffset("kind:N", sort=kinds).scale(domain=kinds)
    colour = alt.Color("kind:N", title=None).scale(domain=kinds, range=[BLUE, ORANGE]).legend(orient="top")
    base = alt.Chart(data(values)).encode(y=y, yOffset=offset, color=colour)
    x = alt.X("at:Q", title=words["score"]).scale(domain=SCORES).axis(tickCount=5)
    limits = base.mark_rule(strokeWidth=2.5, clip=True).encode(
        x=alt.X("low:Q", title=words["score"]).scale(domain=SCORES), x2=alt.X2("high:Q")
    )
    dots = base.mark_point(size=80, filled=True, opacity=1).encode(
        x=x,
        shape=alt.Shape("kind:N", title=None).scale(domain=kinds, range=["circle", "diamond"]),
        tooltip=_tooltips(
            labels, comparison.level, {"group": "group:N", "mean": "at:Q", "interval": "interval:N", "n": "n:Q"}
        ),
    )
    hidden = [{"group": row["name"], "text": words["not_shown"]} for row in rows if not row["shown"]]
    said = (
        alt.Chart(data(hidden))
        .mark_text(align="left", color=GREY, fontStyle="italic")
        .encode(y=y, x=alt.value(4), text=alt.Text("text:N"))
    )
    parts = [
        words["unit_value"].format(
            group=row["name"], mean=labels.score(row["mean"]), shrunken=labels.score(row["shrunken"]),
            low=labels.score(row["shrunken_low"]), high=labels.score(row["shrunken_high"]), n=int(row["n"]))
        if row["shown"]
        else words["unit_hidden"].format(group=row["name"])
        for row in rows
    ]  # fmt: skip
    return Draft(
        name=f"units-{scale}",
        title=f"{labels.scales[scale]}, {labels.waves[wave]}",
        alternative=words["unit_alt"].format(
            scale=labels.scales[scale], wave=labels.waves[wave], values="; ".join(parts)
        ),
        table=f"units-{scale}-{wave}",
        chart=alt.layer(limits, dots, said).properties(height=alt.Step(17), width="container"),
    )


@unchecked()
def changes_chart(
    comparison: Comparison, *, kind: str, group: str, wave_from: str, wave_to: str, labels: Labels
) -> Draft:
    """Change of one group between two waves on every scale; a refused one says so in its place."""
    import altair as alt

    words = labels.words
    rows = records(changes_of(comparison, kind=kind, group=group, wave_from=wave_from, wave_to=wave_to))
    names = [labels.scales[row["scale"]] for row in rows]
    values = [
        {"scale": labels.scales[row["scale"]], "difference": row["difference"], "low": row["low"], "high": row["high"],
         "interval": _interval(row["low"], row["high"], labels)}
        for row in rows
        if row["allowed"]
    ]  # fmt: skip
    reach = max((max(abs(value["low"]), abs(value["high"])) for value in values), default=10.0)
    domain = [-max(10.0, reach * 1.1), max(10.0, reach * 1.1)]
    y = alt.Y("scale:N", sort=names, title=None).scale(domain=names).axis(labelLimit=220, ticks=False, domain=False)
    base = alt.Chart(data(values)).encode(y=y)
    limits = base.mark_rule(strokeWidth=2.5, color=BLUE).encode(
        x=alt.X("low:Q", title=f"{words['difference']}, {words['points']}").scale(domain=domain), x2=alt.X2("high:Q")
    )
    dots = base.mark_point(size=80, filled=True, opacity=1, color=BLUE).encode(
        x=alt.X("difference:Q"),
        tooltip=_tooltips(
            labels, comparison.level, {"scale": "scale:N", "difference": "difference:Q", "interval": "interval:N"}
        ),
    )
    zero = alt.Chart(data([{"at": 0}])).mark_rule(color=GREY, strokeDash=[4, 4]).encode(x=alt.X("at:Q"))
    hidden = [
        {"scale": labels.scales[row["scale"]], "text": ABSENCES[_absence(row)]} for row in rows if not row["allowed"]
    ]
    said = (
        alt.Chart(data(hidden)).mark_text(color=GREY, fontSize=15).encode(y=y, x=alt.datum(0), text=alt.Text("text:N"))
    )
    parts = [
        words["change_value"].format(
            scale=labels.scales[row["scale"]], difference=labels.signed(row["difference"]),
            low=labels.signed(row["low"]), high=labels.signed(row["high"]))
        if row["allowed"]
        else words["change_hidden"].format(scale=labels.scales[row["scale"]], why=labels.why(comparison, row))
        for row in rows
    ]  # fmt: skip
    return Draft(
        name=f"changes-{kind}",
        title=words["change_caption"].format(group=labels.group(kind, group)),
        alternative=words["change_alt"].format(
            wave_from=labels.waves[wave_from],
            wave_to=labels.waves[wave_to],
            group=labels.group(kind, group),
            values="; ".join(parts),
        ),
        table=f"changes-{kind}-{group or 'all'}",
        chart=alt.layer(zero, limits, dots, said).properties(height=alt.Step(34), width="container"),
    )


@unchecked()
def answers_chart(
    distributions: Distributions,
    instrument: Instrument,
    *,
    scale: str,
    kind: str,
    group: str,
    wave: str,
    labels: Labels,
) -> Draft | None:
    """How the items of a scale were answered; None where no item may be shown."""
    items = list(instrument.scales[scale].items)
    rows = shares_of(distributions, items=items, kind=kind, group=group, wave=wave)
    shown = rows[rows["shown"]]
    parted = [(str(item), part) for item, part in shown.groupby("item", sort=False, observed=True)]
    shares = {item: part["share"].tolist() for item, part in parted}
    if not shares:
        return None
    words = labels.words
    first = next(iter(shares))
    language = labels.language if labels.language in instrument.texts else instrument.languages[0]
    points = instrument.points(first)
    named = instrument.labels(first, language)
    answers = [named[point] for point in points]
    n = {item: int(part["n"].iloc[0]) for item, part in parted}
    parts = [
        words["shares_value"].format(
            item=labels.items[item], low=_percent(shares[item], labels, upper=False),
            high=_percent(shares[item], labels, upper=True), n=n[item])
        if item in shares
        else words["shares_hidden"].format(item=labels.items[item])
        for item in items
    ]  # fmt: skip
    return Draft(
        name=f"answers-{scale}",
        title=labels.scales[scale],
        alternative=words["shares_alt"].format(
            group=labels.group(kind, group), wave=labels.waves[wave], values="; ".join(parts)
        ),
        table=f"answers-{scale}-{wave}-{group or 'all'}",
        chart=stacked_bars(
            {item: shares[item] for item in items if item in shares},
            words={item: f"{labels.items[item]} (n = {n[item]})" for item in shares},
            answers=answers,
            title=words["share"],
            diverging=True,
            letters=LETTERS,
        ),
        legend=tuple(zip(fills(len(points)), answers, strict=True)),
    )


ABSENCES = {"hidden": "\N{EN DASH}", "refused": "\N{MULTIPLICATION SIGN}"}
"""What stands on the zero line where there is no number: a dash where it is hidden, a cross where it is refused."""


def _absence(row: Mapping[str, Any]) -> str:
    return "hidden" if row["reason"] == "not_shown" else "refused"


def _breaks(comparison: Comparison, scale: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the pairs of neighbouring waves between which the line of a scale breaks."""
    waves = list(comparison.waves)
    neighbours = set(pairwise(waves))
    table = comparison.breaks
    rows = records(table[(table["scale"] == scale) & (table["reason"] != "")])
    found = {(str(row["wave_from"]), str(row["wave_to"])): row for row in rows}
    return {pair: row for pair, row in found.items() if pair in neighbours}


def _break_sentence(comparison: Comparison, row: Mapping[str, Any], labels: Labels) -> str:
    return labels.words["trend_break"].format(
        wave_from=labels.waves[str(row["wave_from"])],
        wave_to=labels.waves[str(row["wave_to"])],
        why=labels.why(comparison, row),
    )


def _trend_words(
    comparison: Comparison,
    scale: str,
    kind: str,
    group: str,
    by_wave: Mapping[str, Mapping[str, Any]],
    breaks: Mapping[tuple[str, str], Mapping[str, Any]],
    labels: Labels,
) -> str:
    words = labels.words
    parts = []
    for wave in comparison.waves:
        row = by_wave.get(wave)
        if row is None or not row["shown"]:
            parts.append(words["trend_hidden"].format(wave=labels.waves[wave]))
            continue
        numbers = {name: labels.score(row[name]) for name in ("mean", "low", "high")}
        parts.append(words["trend_value"].format(wave=labels.waves[wave], n=int(row["n"]), **numbers))
    return (
        words["trend_alt"]
        .format(
            scale=labels.scales[scale],
            group=labels.group(kind, group),
            values="; ".join(parts),
            breaks=" ".join(_break_sentence(comparison, row, labels) for row in breaks.values()),
        )
        .strip()
    )


def _interval(low: float, high: float, labels: Labels) -> str:
    return labels.words["interval_of"].format(low=labels.score(low), high=labels.score(high))


def _percent(shares: Sequence[float], labels: Labels, *, upper: bool) -> str:
    half = len(shares) // 2
    part = shares[-half:] if upper else shares[:half]
    return labels.level(float(sum(part)))


def _tooltips(labels: Labels, level: float, fields: Mapping[str, str]) -> list[alt.Tooltip]:
    """Return what the hover says: the words of the language and no more than the chart's data hold."""
    import altair as alt

    words = dict(labels.words) | {"interval": labels.words["interval"].format(level=labels.level(level))}
    return [
        alt.Tooltip(field, title=words[name], format=".1f")
        if field in DECIMALS
        else alt.Tooltip(field, title=words[name])
        for name, field in fields.items()
    ]
