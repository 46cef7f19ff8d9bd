"""Charts of a validation run, each with words that say what it shows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toolkit.reporting.confirmation_report import confirmation_drafts, confirmation_pictures
from toolkit.reporting.drawing import BLUE, GREY, ORANGE, WIDTH, Draft, Figure, data, figures, fills, stacked_bars
from toolkit.reporting.table import shown
from toolkit.reporting.tables import item_text, scale_name

if TYPE_CHECKING:
    import altair as alt

    from toolkit.validation.run import ValidationRun
    from toolkit.validation.scales import ScaleResult


def validation_charts(run: ValidationRun, *, language: str) -> dict[str, Figure]:
    """Draw every chart of a run that has content, by name.

    Parameters
    ----------
    run : ValidationRun
        What was found.
    language : str
        Language of item texts, scale names and answer labels.
    """
    return figures(_drafts(run, language)) | confirmation_pictures(run, spoken=language)


def _drafts(run: ValidationRun, language: str) -> Iterator[Draft]:
    """Draw the charts one by one; one is rendered while the next is drawn."""
    yield from _answers(run, language)
    yield from _reliability(run)
    yield from _item_rest(run)
    yield from _scores(run, language)
    yield from _scree(run)
    yield from _loadings(run)
    yield from confirmation_drafts(run, spoken=language)


def _answers(run: ValidationRun, language: str) -> Iterator[Draft]:
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


def _stacked(run: ValidationRun, language: str, name: str, code: str | None, items: Sequence[str]) -> Draft:
    points = run.instrument.points(items[0])
    labels = run.instrument.labels(items[0], language)
    table: dict[Any, Any] = run.data.distribution.to_dict(orient="index")
    counts = {item: {point: int(table[item][str(point)]) for point in points} for item in items}
    answers = [_answer(point, labels) for point in points]
    heading = scale_name(run, code, language) if code else "Items outside the scales"
    return Draft(
        name=name,
        title=f"Answers: {heading}",
        alternative=f"Stacked bars, one for each of {len(items)} items, from {answers[0]} on the left to {answers[-1]} "
        "on the right. " + _extremes(counts),
        table="distribution",
        legend=tuple(zip(fills(len(points)), answers, strict=True)),
        chart=stacked_bars(
            {item: list(given.values()) for item, given in counts.items()},
            words={item: f"{item}  {item_text(run, item, language)}" for item in items},
            answers=answers,
            title="share of the scored answers",
        ),
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


def _reliability(run: ValidationRun) -> list[Draft]:
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
    wider = _limits_with_units(run)
    lowest = min(float(str(value["low"])) for value in [*values, *wider])
    domain = [max(min(0.5, lowest - 0.05), -1.0), 1.0]
    both = ["alpha", "omega total"]
    base = alt.Chart(data(values)).encode(
        y=alt.Y("scale:N", sort=list(run.scales), title=None).axis(ticks=False, domain=False, grid=False),
        yOffset=alt.YOffset("coefficient:N", sort=both),
        color=alt.Color("coefficient:N", title=None).scale(domain=both, range=[BLUE, ORANGE]).legend(orient="top"),
    )
    limits = base.mark_rule(strokeWidth=2.5).encode(
        x=alt.X("low:Q", title="reliability").scale(domain=domain, zero=False, clamp=True), x2=alt.X2("high:Q")
    )
    by_units = base.properties(data=data(wider)).mark_rule(strokeWidth=1).encode(x=alt.X("low:Q"), x2=alt.X2("high:Q"))
    shapes = alt.Shape("coefficient:N", title=None).scale(domain=both, range=["circle", "diamond"])
    dots = base.mark_point(size=80, filled=True, opacity=1).encode(x=alt.X("estimate:Q"), shape=shapes)
    words = base.mark_text(align="left", dx=8).encode(
        x=alt.X("high:Q"), text=alt.Text("label:N"), color=alt.value("currentColor")
    )
    guide = alt.Chart(data([{"at": 0.70}])).mark_rule(strokeDash=[4, 4], color=GREY).encode(x=alt.X("at:Q"))
    told = {
        (value["scale"], value["coefficient"]): f"; with units {value['low']:.2f} to {value['high']:.2f}"
        for value in wider
    }
    level = run.plan.level
    thin = ", thin lines with units" if wider else ""
    layers = guide + by_units + limits + dots + words if wider else guide + limits + dots + words
    chart = layers.properties(width=WIDTH - 60, height=alt.Step(20))
    return [
        Draft(
            name="reliability",
            title=f"Reliability with {level:.0%} intervals{thin}; the dashed line is .70",
            alternative="; ".join(
                f"{value['scale']} {value['coefficient']} {value['estimate']:.2f} "
                f"({value['low']:.2f} to {value['high']:.2f}{told.get((value['scale'], value['coefficient']), '')})"
                for value in values
            )
            + ".",
            table="reliability",
            chart=chart,
        )
    ]


def _limits_with_units(run: ValidationRun) -> list[dict[str, Any]]:
    """Return the limits of alpha and omega that respect units, where there are any."""
    if run.units is None:
        return []
    return [
        {"scale": code, "coefficient": word, "low": result.interval.low, "high": result.interval.high}
        for word, results in (("alpha", run.units.alpha), ("omega total", run.units.omega))
        for code, result in results.items()
        if math.isfinite(result.interval.low)
    ]


def _item_rest(run: ValidationRun) -> list[Draft]:
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
    base = alt.Chart(data(values)).encode(
        y=alt.Y("item:N", sort=[value["item"] for value in values], title=None).axis(ticks=False, domain=False)
    )
    limits = base.mark_rule(strokeWidth=2, color=BLUE).encode(
        x=alt.X("low:Q", title="correlation with the sum of the other items")
        .scale(domain=[lowest, 1])
        .axis(tickCount=6),
        x2=alt.X2("high:Q"),
    )
    dots = base.mark_point(size=60, filled=True, opacity=1, color=BLUE).encode(x=alt.X("r:Q"))
    guide = alt.Chart(data([{"at": 0.30}])).mark_rule(strokeDash=[4, 4], color=GREY).encode(x=alt.X("at:Q"))
    return [
        Draft(
            name="item-rest",
            title="Item-rest correlations with their limits; the dashed line is .30",
            alternative=f"Lowest: {ranked[0]['item']} ({ranked[0]['r']:.2f}); highest: {ranked[-1]['item']} "
            f"({ranked[-1]['r']:.2f}); {sum(value['r'] < 0.3 for value in values)} of {len(values)} items below .30."
            + ("" if run.units is None else " The limits take persons as independent; the table has ICC(1) by unit."),
            table="item_analysis",
            chart=(guide + limits + dots).properties(width=WIDTH - 60, height=alt.Step(18)),
        )
    ]


def _scores(run: ValidationRun, language: str) -> list[Draft]:
    """Histograms of the scale scores."""
    import altair as alt

    scored = {code: scale for code, scale in run.scales.items() if scale.scores.n_scored}
    if not scored:
        return []
    panels = [_histogram(run, code, scale, language) for code, scale in scored.items()]
    return [
        Draft(
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
        alt.Chart(data(values))
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
        alt.Chart(data([{"median": scores.median}]))
        .mark_rule(color="currentColor", strokeWidth=2)
        .encode(x=alt.X("median:Q"))
    )
    name = scale_name(run, code, language)
    title = f"{code}  {name}" if name != code else code
    return alt.layer(bars, median, width=190, height=110, title=alt.Title(title, fontSize=12, limit=200))


def _scree(run: ValidationRun) -> list[Draft]:
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
    base = alt.Chart(data(values)).encode(
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
        Draft(
            name="scree",
            title="Eigenvalues, observed and of random data",
            alternative=f"The first {parallel.n_factors} observed eigenvalues lie above the mean of random data, which "
            f"suggests {parallel.n_factors} {factors}. The largest is {parallel.eigenvalues[0]:.2f}.",
            table="eigenvalues",
            chart=(lines + dots).properties(width=WIDTH, height=280),
        )
    ]


def _loadings(run: ValidationRun) -> list[Draft]:
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
    base = alt.Chart(data(values)).encode(
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
        Draft(
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
