"""Charts of measurement invariance: the levels as steps, and the latent means with and without the constraint."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from toolkit.reporting.drawing import BLUE, GREY, ORANGE, Draft, Figure, data
from toolkit.reporting.invariance_tables import (
    held_equal,
    highest_level,
    invariance_sentence,
    level_meaning,
    level_name,
    mean_sentences,
    rows_of,
    rule_text,
)
from toolkit.reporting.model_charts import PLOT_WIDTH, with_flag
from toolkit.reporting.model_graph import named
from toolkit.reporting.vector import (
    GREEN,
    NARROWEST,
    PLAIN,
    SMALL,
    clean,
    clipped,
    document,
    verdict_mark,
    warning_mark,
    wrapped,
    written,
)
from toolkit.reporting.words import number, percent, report_words

if TYPE_CHECKING:
    from toolkit.reporting.drawing import Chart

_INDENT, _GAP, _LINE = 16.0, 8.0, 14.0
_NAME_SIZE = 12.0
_COLOURS, _SHAPES = [BLUE, ORANGE, GREY], ["circle", "diamond", "square"]


def invariance_ladder(
    tests: pd.DataFrame,
    levels: Sequence[str],
    *,
    rule: str,
    contexts: Sequence[str],
    longitudinal: bool = False,
    fits: bool = True,
    language: str = "en",
    flags: Mapping[str, Sequence[str]] | None = None,
    name: str = "invariance-ladder",
) -> Figure:
    """Draw the levels as steps, each with its test, its changes of fit and a mark that says whether it holds.

    Parameters
    ----------
    tests : DataFrame
        One row a step: level, against, chisq_diff, df_diff, p, d_cfi, d_rmsea, d_srmr, holds.
    levels : sequence of str
        All levels, the least restricted first.
    rule : str
        Name of the rule that says whether a level holds, or the rule itself.
    contexts : sequence of str
        Groups or waves that were compared.
    longitudinal : bool
        Whether they are waves of the same persons.
    fits : bool
        Whether the least restricted model fits well enough to build on.
    language : str
        Language of words and numbers.
    flags : mapping of str to sequence of str, optional
        For each level, why its solution cannot be read.
    name : str
        Name of the figure within its page.
    """
    words = report_words(language)
    step = {str(row["level"]): row for row in rows_of(tests)}
    flags = flags or {}
    broken = [level for level, told in flags.items() if told]
    verdict = invariance_sentence(
        tests, levels, contexts=contexts, longitudinal=longitudinal, fits=fits, broken=broken, language=language
    )
    highest = highest_level(tests, levels, broken=broken) if fits else None
    reached = -1 if highest is None else list(levels).index(highest)
    parts: list[str] = []
    said: list[str] = [verdict]
    y = 2.0
    for place, level in enumerate(levels):
        row = step.get(level, {})
        holds = row.get("holds") if place else fits
        counts = place == 0 or level in levels[: reached + 1]
        shown = None if flags.get(level) or (holds and not counts) else holds
        left = 2.0 + place * _INDENT
        lines = _lines(level, row, place, words, language)
        flagged = [line for flag in flags.get(level, ()) for line in wrapped(flag, NARROWEST - left - 66, SMALL)]
        height = 26 + _LINE * (len(lines) + len(flagged)) + 4
        outline = _outline(left, y, height, shown)
        heading = level_name(level, words)
        middle = y + 16
        text = written(left + 32, middle, [heading], size=_NAME_SIZE, anchor="start", weight=600)
        told = words["inv_unreadable" if flags.get(level) else _told(holds, place, counts)]
        text += written(NARROWEST - 10, middle, [told], size=SMALL, anchor="end")
        for number_of, line in enumerate(lines):
            text += written(left + 32, middle + 17 + _LINE * number_of, [line], size=SMALL, anchor="start")
        for number_of, line in enumerate(flagged):
            at = middle + 17 + _LINE * (len(lines) + number_of)
            text += warning_mark(left + 37, at, 10) if number_of == 0 else ""
            text += written(left + 48, at, [line], size=SMALL, anchor="start", weight=600)
        hover = f"<title>{clean(f'{heading}: {told}')}</title>"
        parts.append(f"<g>{hover}{outline}{verdict_mark(left + 16, middle, shown)}{text}</g>")
        said += [f"{heading}: {told}; {', '.join(lines)}.", *flags.get(level, ())]
        y += height + _GAP
    y += 4
    for line in wrapped(verdict, NARROWEST - 40, PLAIN):
        y += _LINE + 1
        parts.append(written(4, y - 4, [line], size=PLAIN, anchor="start", weight=600))
    y += 4
    for line in wrapped(words["inv_rule"].format(rule=rule_text(rule, words)), NARROWEST - 8, SMALL):
        y += _LINE
        parts.append(f'<g opacity="0.85">{written(4, y - 4, [line], size=SMALL, anchor="start")}</g>')
    title = words["inv_ladder_title"]
    if any(flags.values()):
        title = f"{title} ({words['inv_flag']})"
    alternative = " ".join(said).replace("..", ".")
    return Figure(
        name=name,
        title=title,
        alternative=alternative,
        table="invariance",
        legend=(),
        svg=document("".join(parts), name=name, title=title, alternative=alternative, width=NARROWEST, height=y + 4),
    )


def _told(holds: bool | None, place: int, counts: bool) -> str:
    """Return the key of the words beside a step."""
    if place == 0:
        return "inv_fits" if holds else "inv_misfits"
    if holds and not counts:
        return "inv_after"
    return {True: "inv_yes", False: "inv_no", None: "inv_unknown"}[holds]


def _outline(left: float, top: float, height: float, holds: bool | None) -> str:
    colour = {True: GREEN, False: ORANGE, None: GREY}[holds]
    dashes = "" if holds else ' stroke-dasharray="4 3"'
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{NARROWEST - left - 2:.1f}" height="{height:.1f}" rx="5" '
        f'fill="{colour}" fill-opacity="0.08" stroke="{colour}"{dashes}/>'
    )


def _lines(level: str, row: Mapping[str, Any], place: int, words: Mapping[str, str], language: str) -> list[str]:
    """Write what is equal at a level, the test of the step and the changes of fit."""
    meaning = level_meaning(level, words)
    meant = [meaning[:1].upper() + meaning[1:]] if meaning else []
    if place == 0:
        return [words["inv_first_step"]]
    chi_square, df, p = (_float(row.get(column)) for column in ("chisq_diff", "df_diff", "p"))
    if not row.get("against") or (row.get("holds") is None and math.isnan(chi_square)):
        return [*meant, words["inv_not_tested"]]
    test = words["inv_step_test"].format(
        chi_square=number(chi_square, language, 1), df=number(df, language), p=_probability(p, language)
    )
    changes = [
        f"\N{INCREMENT}{index.upper()} {_change(_float(row.get(f'd_{index}')), language)}"
        for index in ("cfi", "rmsea", "srmr")
    ]
    return [*meant, test, "\N{NO-BREAK SPACE} ".join(changes)]


def _change(value: float, language: str) -> str:
    text = number(value, language, 3)
    return f"+{text}" if value > 0 and any(figure in text for figure in "123456789") else text


def _probability(p: float, language: str) -> str:
    return f"p < {number(0.001, language, 3)}" if p < 0.0005 else f"p = {number(p, language, 3)}"


def _float(value: Any) -> float:
    return math.nan if value is None or value is pd.NA else float(value)


def latent_means_chart(
    means: pd.DataFrame,
    *,
    reference: str,
    language: str = "en",
    level: float = 0.95,
    names: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
    width: float | Literal["container"] = PLOT_WIDTH,
    name: str = "latent-means",
) -> Draft:
    """Draw the differences of latent means with their intervals, with and without the constraint.

    Parameters
    ----------
    means : DataFrame
        As for :func:`toolkit.reporting.invariance_tables.latent_means_table`.
    reference : str
        The group or wave whose means are 0.
    language : str
        Language of words and numbers.
    level : float
        Level of the intervals.
    names : mapping of str to str, optional
        Names of factors for readers.
    flags : sequence of str
        Why a solution cannot be read.
    width : float or "container"
        Width of the plot beside the names.
    name : str
        Name of the figure within its page.
    """
    import altair as alt

    words = report_words(language)
    found = [{str(key): value for key, value in row.items()} for row in means.to_dict(orient="records")]
    kinds = [held_equal(kind, words) for kind in dict.fromkeys(str(row["intercepts"]) for row in found)]
    several = len({str(row["context"]) for row in found}) > 1
    labels = {
        f"{row['context']}\n{row['factor']}": clipped(
            named(names, str(row["factor"])) + (f", {row['context']}" if several else ""), 96, 12
        )
        for row in found
    }
    values: list[dict[str, Any]] = [
        {"row": f"{row['context']}\n{row['factor']}", "kind": held_equal(str(row["intercepts"]), words),
         "name": named(names, str(row["factor"])), "context": str(row["context"]), "estimate": _float(row["est"]),
         "low": _float(row["ci_lower"]), "high": _float(row["ci_upper"])}
        for row in found
        if not math.isnan(_float(row["est"]))
    ]  # fmt: skip
    known = [value for value in values if not (math.isnan(value["low"]) or math.isnan(value["high"]))]
    reach = max((max(abs(value["low"]), abs(value["high"])) for value in known), default=0.5)
    domain = [-max(0.3, reach * 1.05), max(0.3, reach * 1.05)]
    y = (
        alt.Y("row:N", sort=list(labels), title=None)
        .scale(domain=list(labels))
        .axis(ticks=False, domain=False, labelLimit=120, minExtent=64, labelExpr=f"{json.dumps(labels)}[datum.value]")
    )
    colours = alt.Color("kind:N", title=None).scale(domain=kinds, range=_COLOURS[: len(kinds)])
    colours = colours.legend(orient="top", direction="vertical", labelLimit=320)
    offset = alt.YOffset("kind:N", sort=kinds).scale(domain=kinds)
    x = alt.X("low:Q", title=words["inv_means_axis"].format(reference=reference)).scale(domain=domain, nice=False)
    limits = (
        alt.Chart(data(known))
        .mark_rule(strokeWidth=2.5)
        .encode(y=y, yOffset=offset, color=colours, x=x.axis(tickCount=5), x2=alt.X2("high:Q"))
    )
    dots = (
        alt.Chart(data(values))
        .mark_point(size=70, filled=True, opacity=1)
        .encode(
            y=y,
            yOffset=offset,
            color=colours,
            x=alt.X("estimate:Q"),
            shape=alt.Shape("kind:N", title=None).scale(domain=kinds, range=_SHAPES[: len(kinds)]),
            tooltip=[
                alt.Tooltip("name:N", title=words["inv_factor"]),
                alt.Tooltip("context:N", title=words["inv_context"]),
                alt.Tooltip("kind:N", title=words["inv_intercepts"]),
                alt.Tooltip("estimate:Q", title=words["inv_est"], format=".3f"),
            ],
        )
    )
    zero = alt.Chart(data([{"at": 0}])).mark_rule(color=GREY, strokeDash=[4, 4]).encode(x=alt.X("at:Q"))
    chart: Chart = alt.layer(zero, limits, dots).properties(width=width, height=alt.Step(15))
    told = [
        words["inv_means_value"].format(
            factor=value["name"], context=value["context"], kind=value["kind"],
            estimate=number(value["estimate"], language, 2), low=number(value["low"], language, 2),
            high=number(value["high"], language, 2))
        for value in values
    ]  # fmt: skip
    title = words["inv_means_title"].format(level=percent(level, language), reference=reference)
    return Draft(
        name=name,
        title=f"{title} ({words['inv_flag']})" if flags else title,
        alternative=" ".join([*flags, f"{'; '.join(told)}.", *mean_sentences(means, language=language, names=names)]),
        table="latent_means",
        chart=with_flag(chart, flags),
    )
