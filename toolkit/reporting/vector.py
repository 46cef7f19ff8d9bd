"""Parts of pictures that are written as SVG by hand: measured text, lines with gaps for labels, arrowheads, marks.

No font is embedded and no marker, mask or script is used, so that every program that reads SVG shows the same picture.
"""

from __future__ import annotations

import math
import re
import unicodedata
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from toolkit.reporting.drawing import FONT, GREY, ORANGE

SMALL, PLAIN = 10.0, 11.0
"""Sizes of text in units of a picture; one unit is one pixel on a phone that is 390 pixels wide."""
NARROWEST = 356
"""Units that a phone of 390 pixels shows beside the page's margins."""
ENLARGED = 1.3
"""Pixels a unit where there is room."""
INADMISSIBLE = "#c8321b"
GREEN = "#1f8a52"

_NARROW = frozenset("fijlrtI.,:;'|!()[]{} -/\\")
_BROAD = frozenset("mwMW@%&\N{EM DASH}")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LIGHT_INK, _DARK_INK = "#1b2430", "#e5e9ef"
_LIGHT_PAPER, _DARK_PAPER = "#ffffff", "#14181f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle that lines keep out of."""

    left: float
    top: float
    right: float
    bottom: float


def clean(text: str) -> str:
    """Escape a text for SVG; characters that XML does not allow become a replacement character.

    Examples
    --------
    >>> clean('a < "b"')
    'a &lt; &quot;b&quot;'
    """
    return escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text), quote=True)


def text_width(text: str, size: float) -> float:
    """Estimate how wide a text is; fonts on machines without Arial are a little wider, so rather too much."""
    total = 0.0
    for letter in text:
        if unicodedata.combining(letter):
            continue
        if unicodedata.east_asian_width(letter) in "WF":
            total += 1.0
        elif letter in _NARROW:
            total += 0.34
        elif letter in _BROAD:
            total += 0.9
        elif letter.isupper():
            total += 0.7
        else:
            total += 0.57
    return 1.08 * total * size


def clipped(text: str, width: float, size: float) -> str:
    """Shorten a text to a width, with an ellipsis where letters are left out."""
    if text_width(text, size) <= width:
        return text
    kept = text
    while kept and text_width(f"{kept}\N{HORIZONTAL ELLIPSIS}", size) > width:
        kept = kept[:-1]
    return f"{kept.rstrip()}\N{HORIZONTAL ELLIPSIS}"


def wrapped(text: str, width: float, size: float, most: int | None = None) -> tuple[str, ...]:
    """Break a text into lines of a width; the last of ``most`` lines is shortened, and so is a long word.

    Examples
    --------
    >>> wrapped("meaning of work", 50, 10)
    ('meaning', 'of work')
    """
    lines: list[str] = []
    gap = ""
    for piece in re.findall(r"\s+|[^\s_]+_*|_+", text.strip()):
        if piece.isspace():
            gap = " "
            continue
        longer = f"{lines[-1]}{gap}{piece}" if lines else piece
        if lines and text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(piece)
        gap = ""
    if most is not None and len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :]) + "\N{HORIZONTAL ELLIPSIS}"]
    return tuple(clipped(line, width, size) for line in lines) or ("",)


def curve(start: tuple[float, float], end: tuple[float, float], bend_start: float, bend_end: float) -> np.ndarray:
    """Return points of a cubic curve that leaves and arrives horizontally, about one a unit.

    Parameters
    ----------
    start, end : tuple of float
        Its ends.
    bend_start, bend_end : float
        How far to the right of each end its handle stands; negative is to the left.
    """
    n_points = max(8, int(math.dist(start, end) + abs(bend_start) + abs(bend_end)))
    t = np.linspace(0.0, 1.0, n_points)[:, None]
    p0, p3 = np.array(start), np.array(end)
    p1, p2 = p0 + np.array([bend_start, 0.0]), p3 + np.array([bend_end, 0.0])
    points: np.ndarray = (1 - t) ** 3 * p0 + 3 * t * (1 - t) ** 2 * p1 + 3 * t**2 * (1 - t) * p2 + t**3 * p3
    return points


def line_path(points: np.ndarray, boxes: np.ndarray) -> str:
    """Write a line through points as path data, with a gap wherever it would run through a box.

    Parameters
    ----------
    points : ndarray, shape (n_points, 2)
        Near to one another.
    boxes : ndarray, shape (n_boxes, 4)
        Left, top, right and bottom of each.
    """
    x, y = points[:, :1], points[:, 1:]
    hit = (x > boxes[:, 0]) & (x < boxes[:, 2]) & (y > boxes[:, 1]) & (y < boxes[:, 3])
    free = np.logical_not(hit.any(axis=1))
    runs = np.split(np.arange(len(points)), np.flatnonzero(np.diff(free)) + 1)
    return "".join(_one_line(points[run]) for run in runs if free[run[0]] and len(run) > 1)


def _one_line(points: np.ndarray) -> str:
    kept = np.concatenate([points[:-1:5], points[-1:]])
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in kept)


def boxes_of(boxes: Iterable[Box]) -> np.ndarray:
    """Return boxes as an array of shape (n_boxes, 4)."""
    rows = [(box.left, box.top, box.right, box.bottom) for box in boxes]
    return np.array(rows, dtype=float).reshape(-1, 4)


def arrowhead(tip: Iterable[float], direction: Iterable[float], colour: str, size: float = 5.5) -> str:
    """Write a filled arrowhead with its tip at a point."""
    along, down = direction
    length = math.hypot(along, down) or 1.0
    dx, dy = along / length, down / length
    x, y = tip
    half = size * 0.42
    corners = (
        (x, y),
        (x - size * dx - half * dy, y - size * dy + half * dx),
        (x - size * dx + half * dy, y - size * dy - half * dx),
    )
    shape = " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)
    return f'<polygon points="{shape}" fill="{colour}"/>'


def written(
    x: float,
    y: float,
    lines: Sequence[str],
    *,
    size: float = PLAIN,
    anchor: str = "middle",
    weight: int = 400,
    colour: str = "currentColor",
) -> str:
    """Write lines of text whose middle stands at a height."""
    step = size * 1.2
    top = y - step * (len(lines) - 1) / 2 + size * 0.35
    return "".join(
        f'<text x="{x:.1f}" y="{top + place * step:.1f}" font-size="{size:g}" text-anchor="{anchor}"'
        f'{f" font-weight={chr(34)}{weight}{chr(34)}" if weight != 400 else ""} fill="{colour}">{clean(line)}</text>'
        for place, line in enumerate(lines)
    )


def warning_mark(x: float, y: float, size: float = 9.0) -> str:
    """Draw a filled triangle with an exclamation mark, its middle at a point."""
    half = size / 2
    corners = f"{x:.1f},{y - half:.1f} {x + half * 1.1:.1f},{y + half:.1f} {x - half * 1.1:.1f},{y + half:.1f}"
    return (
        f'<polygon points="{corners}" fill="{INADMISSIBLE}"/>'
        f'<path d="M{x:.1f} {y - size * 0.18:.1f}v{size * 0.34:.1f}" stroke="#fff" stroke-width="{size * 0.13:.1f}"/>'
        f'<circle cx="{x:.1f}" cy="{y + size * 0.34:.1f}" r="{size * 0.075:.2f}" fill="#fff"/>'
    )


def verdict_mark(x: float, y: float, holds: bool | None, size: float = 18.0) -> str:
    """Draw a round mark that colour alone does not carry: a tick, a cross, or a dash for what was not tested."""
    reach = size * 0.22
    colour, shape = {
        True: (GREEN, f"M{x - reach:.1f} {y + reach * 0.1:.1f}l{reach * 0.7:.1f} {reach * 0.8:.1f}"
               f"l{reach * 1.3:.1f} {-reach * 1.7:.1f}"),
        False: (ORANGE, f"M{x - reach:.1f} {y - reach:.1f}l{reach * 2:.1f} {reach * 2:.1f}m0 {-reach * 2:.1f}"
                f"l{-reach * 2:.1f} {reach * 2:.1f}"),
        None: (GREY, f"M{x - reach:.1f} {y:.1f}h{reach * 2:.1f}"),
    }[holds]  # fmt: skip
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size / 2:g}" fill="{colour}"/><path d="{shape}" fill="none" '
        f'stroke="#fff" stroke-width="{size * 0.12:.1f}" stroke-linecap="round" stroke-linejoin="round"/>'
    )


def document(body: str, *, name: str, title: str, alternative: str, width: float, height: float) -> str:
    """Put the parts of a picture into a document that is read as one image and shrinks with its page.

    Inside a page it takes the page's colour of text; by itself it follows the reader's choice of light or dark.
    """
    part = re.sub(r"[^\w-]", "-", name)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width * ENLARGED:.0f}" height="{height * ENLARGED:.0f}" '
        f'style="max-width:100%;height:auto;overflow:visible" font-family="{FONT}" role="img" '
        f'aria-labelledby="{part}-title {part}-desc">'
        f'<title id="{part}-title">{clean(title)}</title><desc id="{part}-desc">{clean(alternative)}</desc>'
        f"<style>svg:root{{color:{_LIGHT_INK};background:{_LIGHT_PAPER}}}@media(prefers-color-scheme:dark)"
        f"{{svg:root{{color:{_DARK_INK};background:{_DARK_PAPER}}}}}</style>"
        f"{body}</svg>"
    )


def image_tag(svg: str, alternative: str) -> str:
    """Return HTML that shows a picture where a page allows no SVG of its own, such as a page of the app.

    Parameters
    ----------
    svg : str
        The picture.
    alternative : str
        What it shows, in words.
    """
    coded = b64encode(svg.encode("utf-8")).decode("ascii")
    return (
        f'<img src="data:image/svg+xml;base64,{coded}" alt="{clean(alternative)}" style="max-width:100%;height:auto">'
    )
