"""Where the parts of a path diagram stand: items in one column, factors left of them, general factors on the right.

One column of items is as narrow as a phone, and grows downwards with the number of items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.reporting.model_graph import Link, ModelGraph, coefficient, named
from toolkit.reporting.vector import NARROWEST, PLAIN, SMALL, Box, clipped, curve, text_width, wrapped

MOST_FACTORS = 8
"""With more correlated factors than this, the correlations stand in a table instead of the diagram."""
SHARED = 0.75
"""A factor is general if at least two others share so much of their items with it."""

_FACTOR_WIDTH, _FACTOR_LINES = 78.0, 3
_ITEM_NARROWEST, _ITEM_WIDEST, _ITEM_HEIGHT = 38.0, 150.0, 17.0
_ROW, _ROW_OF_MANY, _MANY = 22.0, 19.0, 40
_GAP = 12.0
_STUB, _BEND = 31.0, 34.0
_LANE, _OUTER_LANE = 23.0, 32.0
_RESIDUAL_WIDTH, _MARK_WIDTH = 40.0, 12.0
_ENTRY = 12.0
_MARGIN = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A factor or an item with its middle, its size and the lines of its name."""

    name: str
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]

    @property
    def left(self) -> float:
        """Where it begins."""
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Route:
    """The line of one link, from its first to its last point, and where its number stands."""

    link: Link
    points: np.ndarray
    label: str
    label_x: float
    label_y: float

    @property
    def box(self) -> Box:
        """What the number covers, with a place for a warning mark before it."""
        half = text_width(self.label, SMALL) / 2 + 1.5
        return Box(
            left=self.label_x - half - (10 if self.link.impossible else 0),
            top=self.label_y - SMALL * 0.55,
            right=self.label_x + half,
            bottom=self.label_y + SMALL * 0.55,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """A whole diagram: its size, its nodes by name, and the routes of its links."""

    width: float
    height: float
    factors: Mapping[str, Node]
    items: Mapping[str, Node]
    routes: tuple[Route, ...]
    residuals_drawn: bool
    correlations_drawn: bool
    not_drawn: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """Which factors stand where, and whose items are whose."""

    right: tuple[str, ...]
    left: tuple[str, ...]
    blocks: tuple[tuple[str | None, tuple[str, ...]], ...]
    level: Mapping[str, int]


def path_layout(
    graph: ModelGraph, *, language: str, names: Mapping[str, str] | None = None, residual_variances: bool = True
) -> Layout:
    """Place the parts of a model.

    Parameters
    ----------
    graph : ModelGraph
        The parts and their links.
    language : str
        Language of the numbers.
    names : mapping of str to str, optional
        Names of factors and items for readers.
    residual_variances : bool
        Draw the residual variances of the items. They are left out where a general factor needs their place.
    """
    sides = _sides(graph)
    between = (*graph.correlations, *graph.disturbances)
    arcs = [link for link in between if {link.source, link.target} <= set(sides.left)]
    correlated = {part for link in arcs for part in (link.source, link.target)}
    drawn = len(correlated) <= MOST_FACTORS
    arcs = arcs if drawn else []
    residuals = residual_variances and not sides.right
    sizes = _factor_sizes(graph.factors, names)
    entries = {item: [link for link in graph.loadings if link.target == item] for item in graph.items}
    items, ranges, bottom = _items(sides, entries, sizes, names, 0.0, _ITEM_WIDEST)
    factors = _left_factors(graph, sides, ranges, sizes, 0.0, 0.0)
    order = {part: place for place, part in enumerate(sorted(correlated, key=lambda part: factors[part].y))}
    spans = {link: abs(order[link.source] - order[link.target]) for link in arcs}
    lane_of = {span: lane for lane, span in enumerate(sorted(set(spans.values())))}
    covariance_lane, n_covariance_lanes = _lanes(graph)

    marked = any(link.impossible for link in arcs)
    arcs_width = len(lane_of) * _LANE + (4 if lane_of else 0) + (_MARK_WIDTH if marked else 0)
    n_levels = max((sides.level[factor] for factor in sides.left), default=-1) + 1
    column = _FACTOR_WIDTH + _STUB + _BEND
    beside = 2.0
    if residuals:
        beside = _RESIDUAL_WIDTH + (_MARK_WIDTH if any(link.impossible for link in graph.residuals) else 0)
    right_width = beside + n_covariance_lanes * _OUTER_LANE
    if sides.right:
        right_width += _STUB + _BEND + _FACTOR_WIDTH
    left_width = arcs_width + max(n_levels - 1, 0) * column
    left_width += (_FACTOR_WIDTH + _BEND + _STUB) if n_levels else 0
    longest = max((text_width(named(names, item), PLAIN) for item in graph.items), default=0.0) + 12
    fixed = 2 * _MARGIN + left_width + right_width
    item_width = min(max(longest, _ITEM_NARROWEST), max(NARROWEST - fixed, 70.0), _ITEM_WIDEST)
    bend = _BEND + min(max(NARROWEST - fixed - item_width, 0.0), 40.0)
    spare = max(NARROWEST - fixed - item_width - (bend - _BEND), 0.0)
    item_left = _MARGIN + left_width + (bend - _BEND) + spare / 2
    width = item_left + item_width + right_width + _MARGIN + spare / 2

    items, ranges, bottom = _items(sides, entries, sizes, names, item_left + item_width / 2, item_width)
    factors = _left_factors(graph, sides, ranges, sizes, item_left - _STUB - bend, column)
    general_x = item_left + item_width + right_width - _FACTOR_WIDTH / 2
    factors |= _right_factors(graph, sides, items, sizes, general_x)
    top = min(node.y - node.height / 2 for node in (*factors.values(), *items.values())) - 4
    bottom = max([bottom, *(node.y + node.height / 2 for node in factors.values())])

    routes = [
        *_loading_routes(graph, sides, factors, items, entries, language),
        *_arc_routes(arcs, spans, lane_of, factors, order, language),
        *(_residual_routes(graph, items, language) if residuals else []),
        *_covariance_routes(graph, items, covariance_lane, beside, language),
    ]
    apart = tuple(link for link in between if not {link.source, link.target} <= set(sides.left))
    return _moved(
        Layout(
            width=width,
            height=bottom - top + 4,
            factors=factors,
            items=items,
            routes=tuple(routes),
            residuals_drawn=residuals and bool(graph.residuals),
            correlations_drawn=drawn,
            not_drawn=apart,
        ),
        -top,
    )


def _sides(graph: ModelGraph) -> _Sides:
    """Find general factors and method factors, which stand on the right, and whose block each item is in."""
    own = {factor: [name for name in graph.indicators(factor) if name in graph.items] for factor in graph.factors}
    general = [
        factor
        for factor in graph.factors
        if sum(
            other != factor
            and 0 < len(own[other]) < len(own[factor])
            and len(set(own[other]) & set(own[factor])) >= SHARED * len(own[other])
            for other in graph.factors
        )
        >= 2
    ]
    owner: dict[str, str | None] = {}
    for factor in graph.factors:
        if factor not in general:
            for item in own[factor]:
                owner.setdefault(item, factor)
    for item in graph.items:
        owner.setdefault(item, None)
    owning = set(owner.values())
    higher = [factor for factor in graph.factors if any(name in graph.factors for name in graph.indicators(factor))]
    right = tuple(factor for factor in graph.factors if factor not in owning and factor not in higher)
    level: dict[str, int] = {}
    for factor in graph.factors:
        _depth(factor, graph, level, ())
    left = tuple(factor for factor in graph.factors if factor not in right)
    blocks: list[tuple[str | None, tuple[str, ...]]] = [
        (factor, tuple(item for item in graph.items if owner[item] == factor)) for factor in left if factor in owning
    ]
    rest = tuple(item for item in graph.items if owner[item] is None)
    if rest:
        blocks.append((None, rest))
    return _Sides(right=right, left=left, blocks=tuple(blocks), level=level)


def _depth(factor: str, graph: ModelGraph, level: dict[str, int], above: tuple[str, ...]) -> int:
    """Return how many layers of factors stand below a factor; a circle of factors ends where it closes."""
    if factor not in level:
        below = [name for name in graph.indicators(factor) if name in graph.factors and name not in (*above, factor)]
        level[factor] = max((_depth(name, graph, level, (*above, factor)) + 1 for name in below), default=0)
    return level[factor]


def _factor_sizes(factors: Iterable[str], names: Mapping[str, str] | None) -> dict[str, tuple[tuple[str, ...], float]]:
    sizes = {}
    for factor in factors:
        lines = wrapped(named(names, factor), _FACTOR_WIDTH - 18, PLAIN, _FACTOR_LINES)
        sizes[factor] = (lines, 20.0 + 13 * len(lines))
    return sizes


def _items(
    sides: _Sides,
    entries: Mapping[str, Sequence[Link]],
    sizes: Mapping[str, tuple[tuple[str, ...], float]],
    names: Mapping[str, str] | None,
    x: float,
    width: float,
) -> tuple[dict[str, Node], dict[str, tuple[float, float]], float]:
    """Stack the items, one block for each factor; return them, the reach of each block, and the bottom."""
    row = _ROW if len(entries) <= _MANY else _ROW_OF_MANY
    items: dict[str, Node] = {}
    reach: dict[str, tuple[float, float]] = {}
    y = 0.0
    for factor, members in sides.blocks:
        heights = {}
        for item in members:
            from_right = sum(link.source in sides.right for link in entries[item])
            heights[item] = max(row, _ENTRY * max(from_right, len(entries[item]) - from_right) + 4)
        total = sum(heights.values())
        smallest = sizes[factor][1] + 4 if factor is not None else 0.0
        start = y
        y += max(smallest - total, 0.0) / 2
        for item in members:
            items[item] = Node(
                name=item,
                x=x,
                y=y + heights[item] / 2,
                width=width,
                height=max(_ITEM_HEIGHT, heights[item] - 5) if heights[item] > row else _ITEM_HEIGHT,
                lines=(clipped(named(names, item), width - 8, PLAIN),),
            )
            y += heights[item]
        y += max(smallest - total, 0.0) / 2
        if factor is not None:
            reach[factor] = (start, y)
        y += _GAP
    return items, reach, y - _GAP


def _left_factors(
    graph: ModelGraph,
    sides: _Sides,
    reach: Mapping[str, tuple[float, float]],
    sizes: Mapping[str, tuple[tuple[str, ...], float]],
    right_edge: float,
    column: float,
) -> dict[str, Node]:
    """Place a factor at the middle of what it measures, and a higher factor one column further out."""
    middle = {factor: (low + high) / 2 for factor, (low, high) in reach.items()}
    factors: dict[str, Node] = {}
    for layer in range(max((sides.level[factor] for factor in sides.left), default=-1) + 1):
        members = [factor for factor in sides.left if sides.level[factor] == layer]
        for factor in members:
            below = [middle[name] for name in graph.indicators(factor) if name in middle]
            middle.setdefault(factor, sum(below) / len(below) if below else 0.0)
        x = right_edge - layer * column - _FACTOR_WIDTH / 2
        for factor, y in _apart({factor: (middle[factor], sizes[factor][1]) for factor in members}).items():
            middle[factor] = y
            factors[factor] = _factor(factor, x, y, sizes)
    return factors


def _right_factors(
    graph: ModelGraph,
    sides: _Sides,
    items: Mapping[str, Node],
    sizes: Mapping[str, tuple[tuple[str, ...], float]],
    x: float,
) -> dict[str, Node]:
    wanted = {}
    for factor in sides.right:
        heights = [items[name].y for name in graph.indicators(factor) if name in items]
        wanted[factor] = (sum(heights) / len(heights) if heights else 0.0, sizes[factor][1])
    return {factor: _factor(factor, x, y, sizes) for factor, y in _apart(wanted).items()}


def _factor(name: str, x: float, y: float, sizes: Mapping[str, tuple[tuple[str, ...], float]]) -> Node:
    lines, height = sizes[name]
    return Node(name=name, x=x, y=y, width=_FACTOR_WIDTH, height=height, lines=lines)


def _apart(wanted: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Move parts down where they would lie on one another."""
    placed: dict[str, float] = {}
    bottom = -np.inf
    for name, (y, height) in sorted(wanted.items(), key=lambda entry: entry[1][0]):
        placed[name] = max(y, bottom + height / 2 + 4)
        bottom = placed[name] + height / 2
    return placed


def _lanes(graph: ModelGraph) -> tuple[dict[Link, int], int]:
    """Give each residual covariance a lane of its own wherever two would overlap."""
    place = {item: number for number, item in enumerate(graph.items)}
    lanes: dict[Link, int] = {}
    ends: list[list[tuple[int, int]]] = []
    reaches = {
        link: tuple(sorted((place[link.source], place[link.target])))
        for link in graph.residual_covariances
        if link.source in place and link.target in place
    }
    for link, (low, high) in sorted(reaches.items(), key=lambda entry: entry[1][1] - entry[1][0]):
        lane = next(
            (number for number, taken in enumerate(ends) if all(high < a or low > b for a, b in taken)), len(ends)
        )
        if lane == len(ends):
            ends.append([])
        ends[lane].append((low, high))
        lanes[link] = lane
    return lanes, len(ends)


def _on_ellipse(node: Node, offset: float, side: int) -> tuple[float, float]:
    """Return the point of an ellipse at a height from its middle, on its left (-1) or right (+1)."""
    share = min(abs(offset) / (node.height / 2), 0.95)
    return node.x + side * node.width / 2 * float(np.sqrt(1 - share**2)), node.y + offset


def _loading_routes(
    graph: ModelGraph,
    sides: _Sides,
    factors: Mapping[str, Node],
    items: Mapping[str, Node],
    entries: Mapping[str, Sequence[Link]],
    language: str,
) -> list[Route]:
    routes = []
    for link in graph.loadings:
        factor = factors[link.source]
        target = items.get(link.target) or factors[link.target]
        from_right = link.source in sides.right
        side = -1 if from_right else 1
        rivals = [other for other in entries.get(link.target, ()) if (other.source in sides.right) == from_right]
        rivals.sort(key=lambda other: factors[other.source].y)
        shift = _ENTRY * (rivals.index(link) - (len(rivals) - 1) / 2) if len(rivals) > 1 else 0.0
        mates = sorted(
            (items.get(name) or factors[name]).y for name in graph.indicators(link.source) if name in (*items, *factors)
        )
        spread = (mates.index(target.y) - (len(mates) - 1) / 2) * min(3.0, factor.height * 0.6 / max(len(mates), 1))
        start = _on_ellipse(factor, spread, side)
        end = (target.right if from_right else target.left, target.y + shift)
        knee = (end[0] - side * _STUB, end[1])
        reach = knee[0] - start[0]
        bend = curve(start, knee, reach * 0.55, -reach * 0.55)
        stub = np.linspace(knee, end, int(_STUB) + 1)
        routes.append(
            Route(
                link=link,
                points=np.concatenate([bend, stub[1:]]),
                label=coefficient(link.estimate, language),
                label_x=end[0] - side * (_STUB / 2 + 2) + (4 if link.impossible else 0),
                label_y=end[1],
            )
        )
    return routes


def _arc_routes(
    arcs: Sequence[Link],
    spans: Mapping[Link, int],
    lane_of: Mapping[int, int],
    factors: Mapping[str, Node],
    order: Mapping[str, int],
    language: str,
) -> list[Route]:
    """Bend each correlation to the left, the further the more factors lie between its ends."""
    ends: dict[str, list[str]] = {}
    for link in arcs:
        ends.setdefault(link.source, []).append(link.target)
        ends.setdefault(link.target, []).append(link.source)
    offset: dict[tuple[str, str], float] = {}
    for factor, others in ends.items():
        up = sorted((other for other in others if order[other] < order[factor]), key=lambda o: -order[o])
        down = sorted((other for other in others if order[other] >= order[factor]), key=lambda o: -order[o])
        step = min(5.0, factors[factor].height * 0.75 / max(len(others), 1))
        for rank, other in enumerate((*up, *down)):
            offset[factor, other] = step * (rank - (len(others) - 1) / 2)
    routes = []
    edge = min((factors[part].left for part in ends), default=0.0)
    for link in arcs:
        start = _on_ellipse(factors[link.source], offset[link.source, link.target], -1)
        end = _on_ellipse(factors[link.target], offset[link.target, link.source], -1)
        apex = edge - 5 - _LANE * lane_of[spans[link]] - _LANE / 2
        handle = (8 * apex - start[0] - end[0]) / 6
        points = curve(start, end, handle - start[0], handle - end[0])
        middle = points[len(points) // 2]
        routes.append(
            Route(
                link=link,
                points=points,
                label=coefficient(link.estimate, language),
                label_x=float(middle[0]),
                label_y=float(middle[1]),
            )
        )
    return routes


def _residual_routes(graph: ModelGraph, items: Mapping[str, Node], language: str) -> list[Route]:
    routes = []
    for link in graph.residuals:
        node = items[link.source]
        label = coefficient(link.estimate, language)
        points = np.linspace((node.right + 12, node.y), (node.right, node.y), 13)
        label_x = node.right + 14 + text_width(label, SMALL) / 2 + (10 if link.impossible else 0)
        routes.append(Route(link=link, points=points, label=label, label_x=label_x, label_y=node.y))
    return routes


def _covariance_routes(
    graph: ModelGraph, items: Mapping[str, Node], lane_of: Mapping[Link, int], offset: float, language: str
) -> list[Route]:
    """Bend each residual covariance to the right of the items."""
    routes = []
    for link in graph.residual_covariances:
        if link not in lane_of:
            continue
        first, second = sorted((items[link.source], items[link.target]), key=lambda node: node.y)
        start, end = (first.right + offset, first.y + 2), (second.right + offset, second.y - 2)
        reach = (6 + _OUTER_LANE * lane_of[link]) / 0.75
        points = curve(start, end, reach, reach)
        middle = points[len(points) // 2]
        label = coefficient(link.estimate, language)
        routes.append(
            Route(
                link=link,
                points=points,
                label=label,
                label_x=float(middle[0]) + text_width(label, SMALL) / 2 + (13 if link.impossible else 3),
                label_y=float(middle[1]),
            )
        )
    return routes


def _moved(layout: Layout, down: float) -> Layout:
    """Move everything down."""
    shift = np.array([0.0, down])

    def node(old: Node) -> Node:
        return Node(name=old.name, x=old.x, y=old.y + down, width=old.width, height=old.height, lines=old.lines)

    return Layout(
        width=layout.width,
        height=layout.height,
        factors={name: node(old) for name, old in layout.factors.items()},
        items={name: node(old) for name, old in layout.items.items()},
        routes=tuple(
            Route(
                link=old.link,
                points=old.points + shift,
                label=old.label,
                label_x=old.label_x,
                label_y=old.label_y + down,
            )
            for old in layout.routes
        ),
        residuals_drawn=layout.residuals_drawn,
        correlations_drawn=layout.correlations_drawn,
        not_drawn=layout.not_drawn,
    )
