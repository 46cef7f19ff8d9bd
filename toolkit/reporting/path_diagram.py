"""A confirmatory model as a path diagram: ellipses, rectangles and arrows with standardised estimates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import isnan

import numpy as np
import pandas as pd

from toolkit.reporting.drawing import BLUE, GREY, ORANGE, Figure
from toolkit.reporting.model_graph import (
    CORRELATION,
    DISTURBANCE,
    LOADING,
    RESIDUAL,
    RESIDUAL_COVARIANCE,
    Link,
    ModelGraph,
    coefficient,
    flag_sentences,
    model_graph,
    named,
    of_group,
)
from toolkit.reporting.path_layout import MOST_FACTORS, Layout, Node, Route, path_layout
from toolkit.reporting.vector import (
    INADMISSIBLE,
    SMALL,
    arrowhead,
    boxes_of,
    clean,
    document,
    line_path,
    text_width,
    warning_mark,
    wrapped,
    written,
)
from toolkit.reporting.words import listed, number, report_words

_DASH = {"negative": "5 2.5", "covariance": "2 2.5"}
_WIDTHS = ((12, 1.5), (24, 1.2), (10_000, 0.9))
_TABLE = "cfa_loadings"
_LINE_OF_NOTES = 14.0


def path_diagram(
    standardized: pd.DataFrame,
    *,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    group: str | None = None,
    admissible: bool = True,
    converged: bool = True,
    residual_variances: bool = True,
    name: str = "cfa-path",
    title: str | None = None,
) -> Figure:
    """Draw a confirmatory factor model.

    Parameters
    ----------
    standardized : DataFrame
        Columns lhs, op, rhs, est and, where there are any, group, se, ci_lower, ci_upper.
    language : str
        Language of words and numbers.
    names : mapping of str to str, optional
        Names of factors and items for readers; the model's own names otherwise.
    group : str, optional
        Group to draw; the first where there are several.
    admissible, converged : bool
        What the fit says about itself. A diagram of a solution that cannot be read says so.
    residual_variances : bool
        Draw the residual variances of the items; where a general factor needs their place they are left out.
    name : str
        Name of the figure within its page.
    title : str, optional
        What it shows, instead of the usual words.

    Returns
    -------
    Figure
        The picture is one SVG image with its words, readable from 356 pixels of width on.
    """
    words = report_words(language)
    graph = model_graph(standardized, group=group)
    layout = path_layout(graph, language=language, names=names, residual_variances=residual_variances)
    flags = flag_sentences(
        graph.links, words=words, language=language, names=names, admissible=admissible, converged=converged
    )
    heading = title or words["cfa_path_title"]
    shown_group = _group_shown(standardized, group)
    if shown_group:
        heading = f"{heading}: {shown_group}"
    if flags:
        heading = f"{heading} ({words['cfa_flag']})"
    alternative = " ".join([*flags, *_alternative(graph, layout, words, language, names)])

    banner, top = _banner(flags, layout.width)
    drawing = _drawing(layout, words, language, names)
    foot, bottom = _foot(graph, layout, words, language, names, top + layout.height)
    body = f'{banner}<g transform="translate(0 {top:.1f})">{drawing}</g>{foot}'
    return Figure(
        name=name,
        title=heading,
        alternative=alternative,
        table=_TABLE,
        legend=(),
        svg=document(body, name=name, title=heading, alternative=alternative, width=layout.width, height=bottom),
    )


def _group_shown(standardized: pd.DataFrame, group: str | None) -> str:
    rows = of_group(standardized, group)
    return "" if "group" not in rows.columns or rows.empty else str(rows["group"].iloc[0])


def _banner(flags: Sequence[str], width: float) -> tuple[str, float]:
    """Say over the picture why it cannot be read."""
    if not flags:
        return "", 0.0
    lines = [line for flag in flags for line in wrapped(flag, width - 56, SMALL)]
    height = _LINE_OF_NOTES * len(lines) + 10
    text = "".join(
        written(26, 12 + _LINE_OF_NOTES * place, [line], size=SMALL, anchor="start", weight=600)
        for place, line in enumerate(lines)
    )
    frame = (
        f'<rect x="1" y="1" width="{width - 2:.1f}" height="{height - 2:.1f}" rx="5" fill="{INADMISSIBLE}" '
        f'fill-opacity="0.1" stroke="{INADMISSIBLE}"/>'
    )
    return f"{frame}{warning_mark(13, 12, 12)}{text}", height + 10


def _drawing(layout: Layout, words: Mapping[str, str], language: str, names: Mapping[str, str] | None) -> str:
    boxes = boxes_of(route.box for route in layout.routes if route.link.kind != RESIDUAL)
    order = (RESIDUAL_COVARIANCE, DISTURBANCE, CORRELATION, RESIDUAL, LOADING)
    routes = sorted(layout.routes, key=lambda route: order.index(route.link.kind))
    mates = Counter(route.link.source for route in routes if route.link.kind == LOADING)
    parts = [_route(route, boxes, mates[route.link.source], words, language, names) for route in routes]
    parts += [_node(node, "ellipse", names) for node in layout.factors.values()]
    parts += [_node(node, "rect", names) for node in layout.items.values()]
    parts += [_label(route, words, language, names) for route in routes]
    return "".join(parts)


def _style(link: Link, n_mates: int) -> tuple[str, float, str, float]:
    """Return colour, width, dashes and opacity of a line; the arrows of a factor with many items are thinner."""
    if link.kind == RESIDUAL:
        return GREY, 0.9, "", 1.0
    if link.kind in {RESIDUAL_COVARIANCE, DISTURBANCE}:
        return ("currentColor" if not link.impossible else INADMISSIBLE), 1.0, _DASH["covariance"], 0.85
    if link.kind == CORRELATION:
        return (INADMISSIBLE if link.impossible else GREY), 1.1, "", 1.0
    colour = INADMISSIBLE if link.impossible else ORANGE if link.estimate < 0 else BLUE if not link.weak else GREY
    if link.kind == LOADING and link.weak and not isnan(link.estimate):
        colour = ORANGE if link.estimate < 0 else BLUE
    full = next(width for most, width in _WIDTHS if n_mates <= most)
    return colour, (full * 0.6 if link.weak else full), (_DASH["negative"] if link.estimate < 0 else ""), 1.0


def _route(
    route: Route,
    boxes: np.ndarray,
    n_mates: int,
    words: Mapping[str, str],
    language: str,
    names: Mapping[str, str] | None,
) -> str:
    colour, width, dashes, opacity = _style(route.link, n_mates)
    pattern = f' stroke-dasharray="{dashes}"' if dashes else ""
    points = route.points
    line = (
        f'<path d="{line_path(points, boxes)}" fill="none" stroke="{colour}" stroke-width="{width:g}"{pattern}'
        f"{f' opacity={chr(34)}{opacity:g}{chr(34)}' if opacity < 1 else ''}/>"
    )
    thin = route.link.kind != LOADING or route.link.weak
    size = 3.5 if route.link.kind == RESIDUAL else 4.4 if thin else 5.5
    heads = arrowhead(points[-1], points[-1] - points[-3], colour, size)
    if route.link.kind not in {LOADING, RESIDUAL}:
        heads += arrowhead(points[0], points[0] - points[2], colour, size)
    return f"<g><title>{clean(_told(route.link, words, language, names))}</title>{line}{heads}</g>"


def _label(route: Route, words: Mapping[str, str], language: str, names: Mapping[str, str] | None) -> str:
    link = route.link
    mark = ""
    if link.impossible:
        mark = warning_mark(route.label_x - text_width(route.label, SMALL) / 2 - 6, route.label_y)
    weight = 700 if link.impossible else 400
    text = written(route.label_x, route.label_y, [route.label], size=SMALL, weight=weight)
    return f"<g><title>{clean(_told(link, words, language, names))}</title>{mark}{text}</g>"


def _node(node: Node, shape: str, names: Mapping[str, str] | None) -> str:
    paint = 'fill="currentColor" fill-opacity="0.07" stroke="currentColor" stroke-width="1.1"'
    if shape == "ellipse":
        outline = (
            f'<ellipse cx="{node.x:.1f}" cy="{node.y:.1f}" rx="{node.width / 2:.1f}" '
            f'ry="{node.height / 2:.1f}" {paint}/>'
        )
    else:
        outline = (
            f'<rect x="{node.left:.1f}" y="{node.y - node.height / 2:.1f}" width="{node.width:.1f}" '
            f'height="{node.height:.1f}" rx="1.5" {paint}/>'
        )
    weight = 600 if shape == "ellipse" else 400
    full = named(names, node.name)
    told = full if full == node.name else f"{node.name}: {full}"
    return f"<g><title>{clean(told)}</title>{outline}{written(node.x, node.y, node.lines, weight=weight)}</g>"


def _told(link: Link, words: Mapping[str, str], language: str, names: Mapping[str, str] | None) -> str:
    """Write one estimate with its interval."""
    text = words[f"cfa_hover_{link.kind}"].format(
        source=named(names, link.source),
        target=named(names, link.target),
        estimate=number(link.estimate, language, 2),
    )
    if not (isnan(link.low) or isnan(link.high)):
        text += " " + words["cfa_hover_interval"].format(
            low=number(link.low, language, 2), high=number(link.high, language, 2)
        )
    return f"{text} {words['cfa_flag_value']}" if link.impossible else text


def _foot(
    graph: ModelGraph,
    layout: Layout,
    words: Mapping[str, str],
    language: str,
    names: Mapping[str, str] | None,
    top: float,
) -> tuple[str, float]:
    """Write the key and the notes under the picture."""
    keys: list[tuple[str, str, str, float]] = []
    loadings = graph.loadings
    if any(link.estimate >= 0 for link in loadings):
        keys.append((words["cfa_key_positive"], BLUE, "", 1.5))
    if any(link.estimate < 0 for link in loadings):
        keys.append((words["cfa_key_negative"], ORANGE, _DASH["negative"], 1.5))
    if any(link.weak for link in loadings):
        keys.append((words["cfa_key_weak"].format(limit=coefficient(0.3, language)), BLUE, "", 0.9))
    kinds = {route.link.kind for route in layout.routes}
    if CORRELATION in kinds:
        keys.append((words["cfa_key_correlation"], GREY, "", 1.1))
    if RESIDUAL_COVARIANCE in kinds or DISTURBANCE in kinds:
        keys.append((words["cfa_key_covariance"], "currentColor", _DASH["covariance"], 1.0))
    parts = []
    x, y = 6.0, top + 16
    for word, colour, dashes, width in keys:
        needed = 26 + text_width(word, SMALL) + 12
        if x > 6 and x + needed > layout.width:
            x, y = 6.0, y + _LINE_OF_NOTES + 1
        pattern = f' stroke-dasharray="{dashes}"' if dashes else ""
        parts.append(
            f'<path d="M{x:.1f} {y:.1f}h20" stroke="{colour}" stroke-width="{width:g}" fill="none"{pattern}/>'
            + written(x + 25, y, [word], size=SMALL, anchor="start")
        )
        x += needed
    y += 6
    for note in _notes(graph, layout, words, language, names):
        for line in wrapped(note, layout.width - 12, SMALL):
            y += _LINE_OF_NOTES
            parts.append(written(6, y, [line], size=SMALL, anchor="start"))
    return f'<g opacity="0.85">{"".join(parts)}</g>', y + 10


def _notes(
    graph: ModelGraph, layout: Layout, words: Mapping[str, str], language: str, names: Mapping[str, str] | None
) -> list[str]:
    notes = [words["cfa_note_estimates"]]
    if graph.residuals:
        notes.append(words["cfa_note_residuals_drawn" if layout.residuals_drawn else "cfa_note_residuals_left_out"])
    if not layout.correlations_drawn:
        notes.append(words["cfa_note_correlations"].format(n=MOST_FACTORS))
    if layout.not_drawn:
        pairs = [
            f"{named(names, link.source)} \N{LEFT RIGHT ARROW} {named(names, link.target)} "
            f"{coefficient(link.estimate, language)}"
            for link in layout.not_drawn
        ]
        notes.append(words["cfa_note_not_drawn"].format(pairs=listed(pairs, language)))
    if graph.left_out:
        notes.append(words["cfa_note_left_out"].format(n=graph.left_out))
    return notes


def _alternative(
    graph: ModelGraph, layout: Layout, words: Mapping[str, str], language: str, names: Mapping[str, str] | None
) -> list[str]:
    said = [words["cfa_path_alt"].format(n_factors=len(graph.factors), n_items=len(graph.items))]
    for factor in graph.factors:
        mine = [link for link in graph.loadings if link.source == factor]
        parts = [f"{named(names, link.target)} {coefficient(link.estimate, language)}" for link in mine]
        said.append(words["cfa_path_alt_factor"].format(factor=named(names, factor), loadings=listed(parts, language)))
    for links, key in (
        (graph.correlations, "cfa_path_alt_correlations"),
        ((*graph.residual_covariances, *graph.disturbances), "cfa_path_alt_covariances"),
    ):
        if links:
            parts = [
                words["cfa_path_alt_pair"].format(
                    source=named(names, link.source),
                    target=named(names, link.target),
                    estimate=coefficient(link.estimate, language),
                )
                for link in links
            ]
            said.append(words[key].format(pairs="; ".join(parts)))
    return said + _notes(graph, layout, words, language, names)[1:]
