"""A path diagram is one accessible, self-contained picture that fits a phone and hides nothing that is impossible."""

from __future__ import annotations

import math
import re
from base64 import b64decode
from itertools import combinations
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from tests.confirmatory_solutions import bifactor, blocks, crossed, heywood, higher_order, row, solution
from toolkit.reporting.drawing import Figure
from toolkit.reporting.model_graph import (
    CORRELATION,
    LOADING,
    RESIDUAL_COVARIANCE,
    coefficient,
    flag_sentences,
    model_graph,
)
from toolkit.reporting.path_diagram import path_diagram
from toolkit.reporting.path_layout import MOST_FACTORS, Layout, path_layout
from toolkit.reporting.vector import NARROWEST, boxes_of, clean, clipped, image_tag, line_path, text_width, wrapped
from toolkit.reporting.words import report_words

SVG = "{http://www.w3.org/2000/svg}"
MODELS = {
    "heywood": heywood,
    "bifactor": bifactor,
    "higher order": higher_order,
    "crossed": crossed,
    "six by thirty-one": lambda: blocks([6, 5, 5, 5, 5, 5]),
    "sixty": lambda: blocks([60]),
    "eight factors": lambda: blocks([3] * 8),
}


def layout_of(standardized: pd.DataFrame) -> Layout:
    return path_layout(model_graph(standardized), language="en")


def root_of(figure: Figure) -> ET.Element:
    return ET.fromstring(figure.svg)  # noqa: S314 - the picture is our own


def texts_of(figure: Figure) -> list[str]:
    return [element.text or "" for element in root_of(figure).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("language", ["en", "nb"])
def test_the_picture_is_one_image_with_words_and_loads_nothing(name: str, language: str) -> None:
    figure = path_diagram(MODELS[name](), language=language, name="cfa-path-of-a-model")
    root = root_of(figure)
    assert root.get("role") == "img"
    named = {element.get("id"): element.text for element in root if element.tag in {f"{SVG}title", f"{SVG}desc"}}
    assert [named[part] for part in str(root.get("aria-labelledby")).split()] == [figure.title, figure.alternative]
    assert len(figure.alternative) > 60
    assert figure.table == "cfa_loadings"
    assert re.findall(r"url\(|href|@font-face|@import|<script|<image|<foreignObject", figure.svg) == []
    assert "nan" not in figure.svg.split("</style>")[1].lower().replace("finan", "")


@pytest.mark.parametrize("name", MODELS)
def test_every_part_and_every_link_is_drawn_inside_the_picture(name: str) -> None:
    standardized = MODELS[name]()
    graph, layout = model_graph(standardized), layout_of(standardized)
    assert set(layout.factors) == set(graph.factors)
    assert set(layout.items) == set(graph.items)
    drawn = [route.link for route in layout.routes]
    assert set(graph.loadings) <= set(drawn)
    assert set(graph.residual_covariances) <= set(drawn)
    assert set(graph.correlations) <= {*drawn, *layout.not_drawn}
    assert len(drawn) == len(set(drawn))
    for node in (*layout.factors.values(), *layout.items.values()):
        assert 0 <= node.left < node.right <= layout.width
        assert 0 <= node.y - node.height / 2 < node.y + node.height / 2 <= layout.height
    for route in layout.routes:
        assert route.points[:, 0].min() >= 0
        assert route.points[:, 0].max() <= layout.width
        assert 0 <= route.box.left < route.box.right <= layout.width + 1


@pytest.mark.parametrize("name", MODELS)
def test_no_two_parts_and_no_two_numbers_lie_on_one_another(name: str) -> None:
    layout = layout_of(MODELS[name]())
    nodes = [
        (node.left, node.y - node.height / 2, node.right, node.y + node.height / 2)
        for node in (*layout.factors.values(), *layout.items.values())
    ]
    numbers = [tuple(box) for box in boxes_of(route.box for route in layout.routes)]
    for boxes, slack in ((nodes, 0.0), (numbers, 2.0)):
        for one, other in combinations(boxes, 2):
            apart = (
                one[2] <= other[0] + slack
                or other[2] <= one[0] + slack
                or one[3] <= other[1] + slack
                or other[3] <= one[1] + slack
            )
            assert apart, (one, other)


@pytest.mark.parametrize("name", ["heywood", "bifactor", "higher order", "crossed", "six by thirty-one", "sixty"])
def test_a_phone_shows_it_without_much_shrinking(name: str) -> None:
    assert layout_of(MODELS[name]()).width <= NARROWEST * 1.18


def test_loadings_show_sign_strength_and_interval() -> None:
    figure = path_diagram(heywood())
    hovers = [element.text for element in root_of(figure).iter(f"{SVG}title")]
    assert "textual → x4: 0.85 (0.77 to 0.93)" in hovers
    paths = {
        (group.find(f"{SVG}title").text or "").split(":")[0]: group.find(f"{SVG}path").attrib
        for group in root_of(figure).iter(f"{SVG}g")
        if group.find(f"{SVG}title") is not None and group.find(f"{SVG}path") is not None
    }
    positive, negative, weak = paths["textual → x4"], paths["textual → x6"], paths["speed → x7"]
    assert "stroke-dasharray" not in positive
    assert "stroke-dasharray" in negative
    assert positive["stroke"] != negative["stroke"]
    assert float(weak["stroke-width"]) < float(positive["stroke-width"])
    assert {".85", "\N{MINUS SIGN}.42", ".21"} <= set(texts_of(figure))


def test_what_is_impossible_is_marked_and_said_in_both_languages() -> None:
    for language in ("en", "nb"):
        words = report_words(language)
        figure = path_diagram(heywood(), language=language, admissible=False)
        assert words["cfa_flag"] in figure.title
        assert figure.alternative.startswith(words["cfa_inadmissible"])
        for told in (
            words["cfa_impossible_loading"].format(source="visual", target="x2", estimate=coefficient(1.08, language)),
            words["cfa_impossible_residual"].format(source="x2", estimate=coefficient(1 - 1.08**2, language)),
            words["cfa_impossible_correlation"].format(
                source="visual", target="speed", estimate=coefficient(1.04, language)
            ),
        ):
            assert told in figure.alternative
        shown = " ".join(texts_of(figure))
        assert words["cfa_inadmissible"].split()[0] in shown
        marks = list(root_of(figure).iter(f"{SVG}circle"))
        assert len(marks) == 4
        assert figure.svg.count(words["cfa_flag_value"]) == 2 * 3
    fine = path_diagram(higher_order())
    assert list(root_of(fine).iter(f"{SVG}circle")) == []
    assert report_words("en")["cfa_flag"] not in fine.title


def test_a_matrix_that_is_impossible_as_a_whole_and_a_search_that_did_not_end_are_said() -> None:
    words = report_words("en")
    figure = path_diagram(higher_order(), admissible=False, converged=False)
    assert figure.alternative.startswith(words["cfa_not_converged"])
    assert words["cfa_inadmissible_matrix"] in figure.alternative
    assert flag_sentences([], words=words, language="en") == []


def test_an_unknown_estimate_is_a_dash() -> None:
    standardized = solution({"f": {"a": 0.5, "b": math.nan, "c": 0.6}})
    assert "\N{EN DASH}" in texts_of(path_diagram(standardized, converged=False))


def test_hostile_and_long_names_are_escaped_and_shortened() -> None:
    hostile = '<script>alert("1")</script>&\x00'
    long = "a very long name of an item that nobody could print in a small box"
    standardized = solution({hostile: {"a<b": 0.5, long: 0.6, "c": 0.7}})
    figure = path_diagram(standardized, names={"c": "</title><b>"})
    root = root_of(figure)
    hovers = [element.text or "" for element in root.iter(f"{SVG}title")]
    assert long in hovers
    assert "c: </title><b>" in hovers
    assert not any(text == long for text in texts_of(figure))
    assert any(text.endswith("\N{HORIZONTAL ELLIPSIS}") for text in texts_of(figure))
    assert "<script>" not in figure.svg
    assert "\x00" not in figure.svg


def test_a_general_factor_stands_on_the_other_side_and_residuals_in_the_table() -> None:
    layout = layout_of(bifactor())
    general = layout.factors["General work health"]
    assert all(general.left > item.right for item in layout.items.values())
    assert all(node.right < layout.items["m1"].left for name, node in layout.factors.items() if name[0] != "G")
    assert not layout.residuals_drawn
    assert report_words("en")["cfa_note_residuals_left_out"] in path_diagram(bifactor()).alternative
    assert {route.link.kind for route in layout.routes} == {LOADING}


def test_a_higher_factor_stands_left_of_those_it_explains() -> None:
    layout = layout_of(higher_order())
    for factor in ("visual", "textual", "speed"):
        assert layout.factors["ability"].right < layout.factors[factor].left
    hovers = re.findall(r"<title>([^<]+)", path_diagram(higher_order()).svg)
    assert any("what the higher factor leaves over" in told for told in hovers)


def test_a_method_factor_stands_on_the_right_and_its_correlation_is_told() -> None:
    layout = layout_of(crossed())
    assert layout.factors["Negative wording"].left > layout.items["a1"].right
    assert [link.target for link in layout.not_drawn] == ["Negative wording"]
    assert "B \N{LEFT RIGHT ARROW} Negative wording .22" in path_diagram(crossed()).alternative
    entries = [route for route in layout.routes if route.link.target == "a3" and route.link.kind == LOADING]
    assert len({round(float(route.points[-1, 1]), 3) for route in entries}) == 2


def test_correlations_of_many_factors_stand_in_a_table_instead() -> None:
    few, many = layout_of(blocks([3] * MOST_FACTORS)), layout_of(blocks([3] * (MOST_FACTORS + 1)))
    kinds = [route.link.kind for route in few.routes]
    assert kinds.count(CORRELATION) == MOST_FACTORS * (MOST_FACTORS - 1) / 2
    assert CORRELATION not in [route.link.kind for route in many.routes]
    told = report_words("en")["cfa_note_correlations"].format(n=MOST_FACTORS)
    assert told in path_diagram(blocks([3] * (MOST_FACTORS + 1))).alternative
    assert told not in path_diagram(blocks([3] * MOST_FACTORS)).alternative


def test_residual_covariances_that_overlap_have_lanes_of_their_own() -> None:
    routes = [route for route in layout_of(heywood()).routes if route.link.kind == RESIDUAL_COVARIANCE]
    reach = {(route.link.source, route.link.target): float(route.points[:, 0].max()) for route in routes}
    assert reach["x1", "x3"] == pytest.approx(reach["x7", "x8"], abs=0.1)
    assert reach["x2", "x6"] > reach["x1", "x3"] + 20


def test_what_is_fixed_to_zero_is_no_link_and_regressions_are_counted() -> None:
    standardized = pd.concat(
        [
            solution({"f": {"a": 0.5, "b": 0.6}, "g": {"c": 0.5, "d": 0.6}}, {("f", "g"): 0.0}),
            pd.DataFrame([row("g", "~", "f", 0.3), row("a", "~1", "", 2.0), row("f", "~~", "a", 0.2)]),
        ],
        ignore_index=True,
    )
    graph = model_graph(standardized)
    assert graph.correlations == ()
    assert graph.left_out == 2
    assert "no measurement model: 2" in path_diagram(standardized).alternative


def test_a_fixed_value_has_no_interval() -> None:
    standardized = pd.DataFrame([row("f", "=~", "a", 1.0, se=1e-17), row("f", "=~", "b", 0.5)])
    fixed, free = model_graph(standardized).loadings
    assert math.isnan(fixed.low)
    assert free.low == pytest.approx(0.5 - 1.96 * 0.04)


def test_groups_are_drawn_one_by_one() -> None:
    both = pd.concat(
        [solution({"f": {"a": value, "b": 0.6}}, group=group) for group, value in (("north", 0.5), ("south", 0.7))]
    )
    assert path_diagram(both).title.endswith(": north")
    south = path_diagram(both, group="south")
    assert south.title.endswith(": south")
    assert ".70" in texts_of(south)
    assert ".50" not in texts_of(south)


def test_lines_have_gaps_where_numbers_stand() -> None:
    points = np.linspace((0.0, 0.0), (100.0, 0.0), 101)
    whole = line_path(points, np.empty((0, 4)))
    parted = line_path(points, np.array([[40.0, -5.0, 60.0, 5.0]]))
    assert whole.count("M") == 1
    assert parted.count("M") == 2
    crossings = [float(x) for x in re.findall(r"[ML]([\d.]+) ", parted)]
    assert not [x for x in crossings if 40 < x < 60]


def test_text_is_measured_wrapped_and_clipped() -> None:
    assert text_width("wwww", 10) > text_width("iiii", 10)
    assert text_width("\N{CJK UNIFIED IDEOGRAPH-4E2D}", 10) >= 10
    assert text_width("e\N{COMBINING ACUTE ACCENT}", 10) == text_width("e", 10)
    assert clipped("short", 100, 10) == "short"
    assert text_width(clipped("x" * 80, 60, 10), 10) <= 60
    assert wrapped("one_two_three", 40, 10) == ("one_", "two_", "three")
    assert len(wrapped("a b c d e f g h", 12, 10, 2)) == 2
    assert wrapped("", 40, 10) == ("",)
    assert clean("\x0b'") == "\N{REPLACEMENT CHARACTER}&#x27;"


def test_a_page_without_svg_gets_the_picture_as_an_image() -> None:
    figure = path_diagram(higher_order())
    tag = image_tag(figure.svg, '"quoted"')
    assert 'alt="&quot;quoted&quot;"' in tag
    coded = tag.split("base64,")[1].split('"')[0]
    assert b64decode(coded).decode("utf-8") == figure.svg
