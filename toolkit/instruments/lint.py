"""Checks of what must hold between the values of a definition, and between a definition and its texts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from toolkit.errors import Code, Problem
from toolkit.instruments.source import Path, Source

if TYPE_CHECKING:
    from toolkit.instruments.definition import Definition, ResponseSet
    from toolkit.instruments.text import Text

RESERVED_COLUMNS = frozenset({"respondent", "service", "unit", "wave", "language", "instrument", "version"})
"""Columns that come with a response and cannot be the code of an item or covariate."""
ITEMS_A_PAGE = 12

_MARKDOWN = re.compile(r"[*_`#\[\]~|<>\\$]|^\s*(\d+[.)]|[-+])\s|\n|:[a-z_]+:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What lint found: ``problems`` refuse the instrument, ``advice`` does not."""

    problems: tuple[Problem, ...]
    advice: tuple[Problem, ...]


def lint(
    definition: Definition,
    texts: Sequence[Text] = (),
    *,
    sources: Mapping[str, Source] | None = None,
    unread: Collection[str] = (),
) -> Findings:
    """Check a definition and its texts against each other.

    Parameters
    ----------
    definition : Definition
        The definition.
    texts : sequence of Text
        Its texts. An empty sequence checks the definition alone, and says that the original language lacks.
    sources : mapping, optional
        Where the values stand: ``definition`` and each language code, for file names and lines in the messages.
    unread : collection of str, optional
        Languages whose file is there but could not be used; it is told elsewhere, so their texts do not count as
        lacking.

    Returns
    -------
    Findings
        Every problem and advice, in the order of the files.
    """
    places = dict(sources or {})
    here = places.get("definition", Source())
    found = [
        *_names(definition, here),
        *_answer_codes(definition, here),
        *_references(definition, here),
        *_asked(definition, here),
        *_scoring(definition, here),
    ]
    for text in texts:
        found += _text(definition, text, places.get(text.language, Source()))
    found += _original_language(definition, {text.language for text in texts} | set(unread), here)
    found += _labels_across(definition, texts, places)
    return Findings(problems=tuple(found), advice=tuple(_advice(definition, here)))


def _names(definition: Definition, here: Source) -> Iterator[Problem]:
    """Names and codes that are used once only."""
    path: Path
    named = {
        "missing": [entry.name for entry in definition.missing],
        "responses": [entry.name for entry in definition.responses],
        "items": [entry.code for entry in definition.items],
        "sections": [entry.code for entry in definition.sections],
        "scales": [entry.code for entry in definition.scales],
        "covariates": [entry.code for entry in definition.covariates],
    }
    for key, names in named.items():
        for position in _repeated(name.casefold() for name in names):
            what = f"'{names[position]}' is used twice under '{key}' (capital and small letters count as the same)."
            yield here.problem(Code.DEF_TWICE, (key, position), what, "Give each its own name.", got=names[position])
    for key in ("items", "covariates"):
        for position, name in enumerate(named[key]):
            if name.casefold() in RESERVED_COLUMNS:
                what, fix = f"'{name}' is a column that comes with every response.", "Choose another code."
                allowed = f"anything but {', '.join(sorted(RESERVED_COLUMNS))}"
                yield here.problem(Code.DEF_RESERVED_NAME, (key, position), what, fix, got=name, allowed=allowed)
    items = {name.casefold() for name in named["items"]}
    for position, name in enumerate(named["covariates"]):
        if name.casefold() in items:
            what, fix = f"'{name}' is both an item and a covariate.", "Rename one of them."
            yield here.problem(Code.DEF_TWICE, ("covariates", position), what, fix, got=name)
    for position, covariate in enumerate(definition.covariates):
        for option in _repeated(covariate.options):
            name = covariate.options[option]
            what, path = f"The option '{name}' is written twice.", ("covariates", position, "options", option)
            yield here.problem(Code.DEF_TWICE, path, what, "Remove one of them.", got=name)


def _answer_codes(definition: Definition, here: Source) -> Iterator[Problem]:
    """Codes that tell answers apart."""
    path: Path
    for position in _repeated(entry.code for entry in definition.missing):
        code = definition.missing[position].code
        what = f"The code {code} stands for two missing answers."
        path = ("missing", position, "code")
        yield here.problem(Code.DEF_CODE_OVERLAP, path, what, "Give each its own code.", got=str(code))
    missing = {entry.name: entry.code for entry in definition.missing}
    for position, responses in enumerate(definition.responses):
        points = responses.points
        if any(later <= earlier for earlier, later in pairwise(points)):
            what, path = "The points do not rise from the lowest to the highest.", ("responses", position, "points")
            fix = "Order them and remove repeated ones; the texts say what each means."
            yield here.problem(Code.DEF_POINT_ORDER, path, what, fix, got=_listed(points))
        for name in responses.missing:
            if missing.get(name) in points:
                what = f"The code {missing[name]} is both a point of '{responses.name}' and the missing code '{name}'."
                fix = "Give the missing code a number outside the points, such as -8."
                path = ("responses", position, "missing")
                yield here.problem(Code.DEF_CODE_OVERLAP, path, what, fix, got=str(missing[name]))
        for option in _repeated(responses.missing):
            name, path = responses.missing[option], ("responses", position, "missing", option)
            yield here.problem(Code.DEF_TWICE, path, f"'{name}' is offered twice.", "Remove one of them.", got=name)


def _references(definition: Definition, here: Source) -> Iterator[Problem]:
    """Names that must exist elsewhere in the definition."""
    path: Path
    missing = [entry.name for entry in definition.missing]
    sets = [entry.name for entry in definition.responses]
    items = [entry.code for entry in definition.items]
    for position, responses in enumerate(definition.responses):
        for option, name in enumerate(responses.missing):
            yield from _known(here, ("responses", position, "missing", option), name, missing, "missing code")
    for position, item in enumerate(definition.items):
        yield from _known(here, ("items", position, "responses"), item.responses, sets, "response set")
    for position, section in enumerate(definition.sections):
        for place, code in enumerate(section.items):
            yield from _known(here, ("sections", position, "items", place), code, items, "item")
    for position, scale in enumerate(definition.scales):
        for place, code in enumerate(scale.items):
            yield from _known(here, ("scales", position, "items", place), code, items, "item")
        for place, code in enumerate(scale.reversed):
            if code not in scale.items:
                what = f"'{code}' is reversed in the scale '{scale.code}' but not one of its items."
                fix, path = "Add it to the scale's items, or remove it here.", ("scales", position, "reversed", place)
                yield here.problem(Code.DEF_REVERSED, path, what, fix, got=code, item=code)


def _asked(definition: Definition, here: Source) -> Iterator[Problem]:
    """Every item is asked exactly once."""
    seen: set[str] = set()
    for position, section in enumerate(definition.sections):
        for place, code in enumerate(section.items):
            if code in seen:
                what, path = f"The item '{code}' is asked twice.", ("sections", position, "items", place)
                yield here.problem(Code.DEF_TWICE, path, what, "Remove one of the two.", got=code, item=code)
            seen.add(code)
    for position, item in enumerate(definition.items):
        if item.code not in seen:
            what, fix = f"The item '{item.code}' is in no section.", "Add it to a section, or remove the item."
            yield here.problem(Code.DEF_NOT_ASKED, ("items", position), what, fix, item=item.code)


def _scoring(definition: Definition, here: Source) -> Iterator[Problem]:
    """Scales that can be scored as the definition says."""
    path: Path
    sets = {entry.name: entry for entry in definition.responses}
    responses = {item.code: sets[item.responses] for item in definition.items if item.responses in sets}
    keyed: dict[str, bool] = {}
    for position, scale in enumerate(definition.scales):
        for place in _repeated(scale.items):
            code, path = scale.items[place], ("scales", position, "items", place)
            what = f"The item '{code}' is in the scale '{scale.code}' twice."
            yield here.problem(Code.DEF_TWICE, path, what, "Remove one of the two.", got=code, item=code)
        if scale.minimum_answered > len(scale.items):
            what = f"The scale '{scale.code}' asks for more answers than it has items."
            got, allowed = str(scale.minimum_answered), f"1 to {len(scale.items)}"
            path, fix = ("scales", position, "minimum_answered"), "Lower the number."
            yield here.problem(Code.DEF_MINIMUM_ANSWERED, path, what, fix, got=got, allowed=allowed)
        yield from _one_range(position, scale.code, [(code, responses.get(code)) for code in scale.items], here)
        for code in scale.items:
            is_reversed = code in scale.reversed
            if keyed.setdefault(code, is_reversed) != is_reversed:
                what = f"The item '{code}' is reversed in one scale and not in another."
                fix, path = "Reverse it in every scale that holds it, or in none.", ("scales", position)
                yield here.problem(Code.DEF_REVERSED, path, what, fix, got=scale.code, item=code)
    scoring = definition.scoring
    if not scoring.shown_from < scoring.shown_to:
        what, fix = "The shown range is empty.", "Let shown_from be smaller than shown_to."
        got = f"{scoring.shown_from:g} to {scoring.shown_to:g}"
        yield here.problem(Code.DEF_SCORING, ("scoring", "shown_to"), what, fix, got=got)
    numerator, denominator = (int(part) for part in scoring.not_relevant_limit.split("/"))
    if denominator == 0 or Fraction(numerator, denominator) > 1:
        what, fix = "The limit is not a share.", "Write a fraction between 0/1 and 1/1."
        path, got = ("scoring", "not_relevant_limit"), scoring.not_relevant_limit
        yield here.problem(Code.DEF_SCORING, path, what, fix, got=got)


def _one_range(
    position: int, scale: str, items: list[tuple[str, ResponseSet | None]], here: Source
) -> Iterator[Problem]:
    ranges = [(code, (min(entry.points), max(entry.points))) for code, entry in items if entry is not None]
    for code, limits in ranges:
        if limits != ranges[0][1]:
            what = f"The items of the scale '{scale}' have different ranges of points, so that a mean has no meaning."
            fix = f"Give '{code}' the same range as '{ranges[0][0]}', or put it in another scale."
            got, allowed = f"{limits[0]} to {limits[1]}", f"{ranges[0][1][0]} to {ranges[0][1][1]}"
            path = ("scales", position, "items")
            yield here.problem(Code.DEF_SCALE_RANGE, path, what, fix, got=got, allowed=allowed, item=code)
            return


def _text(definition: Definition, text: Text, here: Source) -> Iterator[Problem]:
    """One language says everything the definition asks for, and nothing else."""
    for key, got, allowed in (
        ("instrument", text.instrument, definition.id),
        ("version", text.version, definition.version),
    ):
        if got != allowed:
            what = f"The text belongs to another {key}."
            fix = "Change the key, or move the file to its own folder."
            yield here.problem(Code.DEF_PLACE, (key,), what, fix, got=got, allowed=allowed)
    wanted_keys: dict[Path, tuple[Iterable[object], Iterable[object]]] = {
        ("responses",): (text.responses, [entry.name for entry in definition.responses]),
        ("missing",): (text.missing, [entry.name for entry in definition.missing]),
        ("sections",): (text.sections, [entry.code for entry in definition.sections]),
        ("items",): (text.items, [entry.code for entry in definition.items]),
        ("scales",): (text.scales, [entry.code for entry in definition.scales]),
        ("covariates",): (text.covariates, [entry.code for entry in definition.covariates]),
    }
    for responses in definition.responses:
        if responses.name in text.responses:
            wanted_keys["responses", responses.name] = (text.responses[responses.name], responses.points)
    for covariate in definition.covariates:
        if covariate.code in text.covariates:
            options = text.covariates[covariate.code].options
            wanted_keys["covariates", covariate.code, "options"] = (options, covariate.options)
    for path, (present, wanted) in wanted_keys.items():
        yield from _same_keys(here, path, list(present), list(wanted))
    yield from _labels(definition, text, here)
    yield from _markdown(text, here)


def _same_keys(here: Source, path: Path, present: list[object], wanted: list[object]) -> Iterator[Problem]:
    below = ".".join(path)
    for key in wanted:
        if key not in present:
            what, fix = f"The words for '{key}' under '{below}' are lacking.", f"Write them under '{below}'."
            yield here.problem(Code.DEF_TEXT_LACKING, (*path, key), what, fix)
    for key in present:
        if key not in wanted:
            near = get_close_matches(str(key), [str(name) for name in wanted], n=1)
            fix = f"Did you mean '{near[0]}'?" if near else "Remove the words, or add it to the definition."
            what = f"There are words for '{key}' under '{below}', which the definition does not know."
            yield here.problem(Code.DEF_TEXT_EXTRA, (*path, key), what, fix, got=str(key))


def _labels(definition: Definition, text: Text, here: Source) -> Iterator[Problem]:
    """Labels that tell the answers of one question apart; the browser sends labels, not codes."""
    for responses in definition.responses:
        points = text.responses.get(responses.name, {})
        offered: list[tuple[Path, str]] = [
            *((("responses", responses.name, code), points[code]) for code in responses.points if code in points),
            *((("missing", name), text.missing[name]) for name in responses.missing if name in text.missing),
        ]
        yield from _told_apart(here, offered, f"answers of '{responses.name}'")
    for code, covariate in text.covariates.items():
        options = [(("covariates", code, "options", name), label) for name, label in covariate.options.items()]
        yield from _told_apart(here, options, f"options of '{code}'")


def _told_apart(here: Source, offered: Sequence[tuple[Path, str]], where: str) -> Iterator[Problem]:
    for position in _repeated(label.casefold() for _, label in offered):
        path, label = offered[position]
        what = f"Two {where} have the same label."
        yield here.problem(Code.DEF_LABEL_TWICE, path, what, "Give each answer its own label.", got=label)


def _markdown(text: Text, here: Source) -> Iterator[Problem]:
    """Items and labels are read aloud as they stand, so they hold words and plain punctuation only."""
    words: list[tuple[Path, str]] = [
        *((("items", code, "text"), item.text) for code, item in text.items.items()),
        *((("responses", name, code), label) for name, set_ in text.responses.items() for code, label in set_.items()),
        *((("missing", name), label) for name, label in text.missing.items()),
        *((("sections", code, "heading"), section.heading) for code, section in text.sections.items()),
        *((("covariates", code, "text"), covariate.text) for code, covariate in text.covariates.items()),
        *(
            (("covariates", code, "options", name), label)
            for code, covariate in text.covariates.items()
            for name, label in covariate.options.items()
        ),
    ]
    for path, told in words:
        found = _MARKDOWN.search(told)
        if found:
            what = "The words hold Markdown, which the browser would draw and a screen reader would spell."
            fix = "Write plain words; leave out list marks, line breaks and the characters * _ ` # [ ] ~ | < > \\ $."
            item = str(path[1]) if path[0] == "items" else None
            yield here.problem(Code.DEF_MARKDOWN, path, what, fix, got=repr(found.group()), item=item)


def _original_language(definition: Definition, present: Collection[str], here: Source) -> Iterator[Problem]:
    """Tell that the original language is lacking."""
    if definition.original_language not in present:
        what = f"The text in the original language '{definition.original_language}' is lacking."
        fix = f"Write text.{definition.original_language}.yaml, or change original_language."
        yield here.problem(Code.DEF_TEXT_LACKING, ("original_language",), what, fix)


def _labels_across(definition: Definition, texts: Sequence[Text], places: Mapping[str, Source]) -> Iterator[Problem]:
    """Tell where one label means two answers in two languages."""
    meanings: dict[tuple[str, str], tuple[object, str]] = {}
    for responses in definition.responses:
        for text in texts:
            labels: dict[int | str, str] = dict(text.responses.get(responses.name, {}).items())
            labels |= {name: text.missing[name] for name in responses.missing if name in text.missing}
            for answer, label in labels.items():
                key = (responses.name, label.casefold())
                first, language = meanings.setdefault(key, (answer, text.language))
                if first != answer and language != text.language:
                    what = f"'{label}' means {answer} in '{text.language}' and {first} in '{language}'."
                    fix = "Change one label: a browser may send a label of the language shown before."
                    path = ("responses", responses.name, answer) if isinstance(answer, int) else ("missing", answer)
                    place = places.get(text.language, Source())
                    yield place.problem(Code.DEF_LABEL_TWICE, path, what, fix, got=label)


def _advice(definition: Definition, here: Source) -> Iterator[Problem]:
    for position, section in enumerate(definition.sections):
        if len(section.items) > ITEMS_A_PAGE:
            what = f"The page '{section.code}' holds {len(section.items)} items, which is slow and tiring."
            fix = "Split the section; about 8 items a page are best."
            got, allowed = str(len(section.items)), f"up to {ITEMS_A_PAGE} without this advice"
            yield here.problem(Code.DEF_LONG_PAGE, ("sections", position), what, fix, got=got, allowed=allowed)


def _known(here: Source, path: Path, name: str, names: list[str], kind: str) -> Iterator[Problem]:
    if name not in names:
        near = get_close_matches(name, names, n=1)
        fix = f"Did you mean '{near[0]}'?" if near else f"Add the {kind}, or remove the name here."
        yield here.problem(Code.DEF_UNKNOWN_NAME, path, f"There is no {kind} '{name}'.", fix, got=name)


def _repeated(names: Iterable[object]) -> list[int]:
    """Positions of names that were met before."""
    seen: set[object] = set()
    positions = []
    for position, name in enumerate(names):
        if name in seen:
            positions.append(position)
        seen.add(name)
    return positions


def _listed(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)
