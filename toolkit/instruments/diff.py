"""What changed between two versions of a questionnaire, and the least number that has to move for it.

A program sees that words changed, not whether their meaning did. Words that differ only in punctuation, capital
letters or spaces are a correction (patch); every other change of words is a new wording (minor), misspellings included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from toolkit.errors import Code, DefinitionError, Problem
from toolkit.instruments.definition import version_order

if TYPE_CHECKING:
    from toolkit.instruments.definition import Scale
    from toolkit.instruments.instrument import Instrument

Bump = Literal["none", "patch", "minor", "major"]
Kind = Literal[
    "metadata",
    "correction",
    "language_added",
    "wording",
    "instructions",
    "background",
    "order",
    "language_dropped",
    "item_added",
    "item_dropped",
    "scoring",
    "points",
    "labels",
    "construct",
]

BUMPS: tuple[Bump, ...] = ("none", "patch", "minor", "major")
"""From the least to the greatest."""
LEAST_BUMP: Mapping[Kind, Bump] = {
    "metadata": "patch",
    "correction": "patch",
    "language_added": "patch",
    "wording": "minor",
    "instructions": "minor",
    "background": "minor",
    "order": "minor",
    "language_dropped": "minor",
    "item_added": "major",
    "item_dropped": "major",
    "scoring": "major",
    "points": "major",
    "labels": "major",
    "construct": "major",
}
"""The least bump that each kind of change asks for (docs/decisions/0002-version-semantics.md)."""

_BESIDE_WORDS = re.compile(r"[\W_]+")
Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is not as it was.

    Attributes
    ----------
    kind : str
        One of :data:`LEAST_BUMP`.
    key : str
        Where it stands, written as in the files, such as ``items.HB2`` or ``scales.HB.minimum_answered``.
    languages : tuple of str
        The languages whose words changed; empty for what has no words.
    """

    kind: Kind
    key: str
    languages: tuple[str, ...] = ()

    @property
    def bump(self) -> Bump:
        """The least bump for this change alone."""
        return LEAST_BUMP[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDiff:
    """What changed from one version to another.

    Attributes
    ----------
    instrument, from_version, to_version : str
        What was compared.
    unchanged : tuple of str
        Items with the same words in every language that both versions have, answered and scored as before: the
        anchors that linking may use.
    reworded : dict of str to tuple of str
        By item, the languages in which its words changed.
    added, dropped : tuple of str
        Items of one version only.
    rescored : tuple of str
        Items of both versions that are answered with other codes, reversed otherwise or scored in other scales.
    changes : tuple of Change
        Every change, the greatest first.
    """

    instrument: str
    from_version: str
    to_version: str
    unchanged: tuple[str, ...]
    reworded: Mapping[str, tuple[str, ...]]
    added: tuple[str, ...]
    dropped: tuple[str, ...]
    rescored: tuple[str, ...]
    changes: tuple[Change, ...]

    @property
    def least_bump(self) -> Bump:
        """The least bump that all changes together ask for; ``none`` when nothing changed."""
        return max((change.bump for change in self.changes), key=BUMPS.index, default="none")

    @property
    def bump(self) -> Bump:
        """The bump from one version number to the other; ``none`` unless it rises."""
        return bump_between(self.from_version, self.to_version)

    @property
    def is_enough(self) -> bool:
        """Whether the version number rose as far as the changes ask for."""
        return BUMPS.index(self.bump) >= BUMPS.index(self.least_bump)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready mapping."""
        return {
            "instrument": self.instrument,
            "from": self.from_version,
            "to": self.to_version,
            "unchanged": list(self.unchanged),
            "reworded": {item: list(languages) for item, languages in self.reworded.items()},
            "added": list(self.added),
            "dropped": list(self.dropped),
            "rescored": list(self.rescored),
            "changes": [
                {"kind": one.kind, "key": one.key, "languages": list(one.languages), "bump": one.bump}
                for one in self.changes
            ],
            "least_bump": self.least_bump,
            "bump": self.bump,
            "is_enough": self.is_enough,
        }


def version_diff(earlier: Instrument, later: Instrument) -> VersionDiff:
    """Compare two versions of one questionnaire.

    Parameters
    ----------
    earlier, later : Instrument
        Two versions with the same identifier. The version numbers may stand in any order.

    Returns
    -------
    VersionDiff
        Words are compared in the languages that both versions have.

    Raises
    ------
    DefinitionError
        ``DEF_PLACE`` when the two have different identifiers.

    Examples
    --------
    >>> from toolkit import instruments
    >>> found = instruments.version_diff(instruments.load("eomhs@0.9.0"), instruments.load("eomhs@1.0.0"))
    >>> len(found.unchanged), len(found.reworded), found.added, found.least_bump
    (20, 9, ('ZE4', 'CI5'), 'major')
    """
    if earlier.id != later.id:
        what, fix = "The two versions belong to different questionnaires.", "Name two versions of one questionnaire."
        raise DefinitionError(Problem(code=Code.DEF_PLACE, what=what, fix=fix, got=later.name, allowed=earlier.id))
    languages = tuple(language for language in earlier.languages if language in later.languages)
    common = [code for code in earlier.items if code in later.items]
    changes = [
        *_definition(earlier, later),
        *_items(earlier, later, common),
        *_answers(earlier, later, common, languages),
        *_scales(earlier, later, common),
        *_pages(earlier, later, common),
        *_words(earlier, later, languages),
    ]
    reworded = {change.key.split(".")[1]: change.languages for change in changes if change.kind == "wording"}
    rescored = [code for code in common if _scored_as(earlier, code) != _scored_as(later, code)]
    return VersionDiff(
        instrument=earlier.id,
        from_version=earlier.version,
        to_version=later.version,
        unchanged=tuple(code for code in common if code not in reworded and code not in rescored),
        reworded=reworded,
        added=tuple(code for code in later.items if code not in earlier.items),
        dropped=tuple(code for code in earlier.items if code not in later.items),
        rescored=tuple(rescored),
        changes=tuple(sorted(changes, key=lambda change: -BUMPS.index(change.bump))),
    )


def bump_between(earlier: str, later: str) -> Bump:
    """Return which of the three numbers of a version rose; ``none`` when the later version is not later.

    Examples
    --------
    >>> bump_between("1.9.3", "1.10.0")
    'minor'
    """
    before, after = version_order(earlier)[0], version_order(later)[0]
    if after <= before:
        return "none"
    kinds: tuple[Bump, ...] = ("major", "minor", "patch")
    return next(kind for kind, old, new in zip(kinds, before, after, strict=True) if old != new)


def _definition(earlier: Instrument, later: Instrument) -> Iterator[Change]:
    """Compare what stands at the top of the definitions, and which languages there are."""
    old, new = earlier.definition, later.definition
    kind: Kind = "construct" if _worded(old.construct_measured, new.construct_measured) == "wording" else "metadata"
    if old.construct_measured != new.construct_measured:
        yield Change(kind=kind, key="construct")
    for key in ("speaker", "measurement"):
        if getattr(old, key) != getattr(new, key):
            yield Change(kind="construct", key=key)
    for key in ("minutes", "original_language"):
        if getattr(old, key) != getattr(new, key):
            yield Change(kind="metadata", key=key)
    if old.scoring != new.scoring:
        yield Change(kind="scoring", key="scoring")
    if old.covariates != new.covariates:
        yield Change(kind="background", key="covariates")
    for code in (language for language in later.languages if language not in earlier.languages):
        yield Change(kind="language_added", key=f"text.{code}.yaml", languages=(code,))
    for code in (language for language in earlier.languages if language not in later.languages):
        yield Change(kind="language_dropped", key=f"text.{code}.yaml", languages=(code,))


def _items(earlier: Instrument, later: Instrument, common: Sequence[str]) -> Iterator[Change]:
    for code in later.items:
        if code not in earlier.items:
            yield Change(kind="item_added", key=f"items.{code}")
    for code in earlier.items:
        if code not in later.items:
            yield Change(kind="item_dropped", key=f"items.{code}")
    for code in common:
        if earlier.items[code].intent != later.items[code].intent:
            yield Change(kind="metadata", key=f"items.{code}.intent")


def _answers(
    earlier: Instrument, later: Instrument, common: Sequence[str], languages: Sequence[str]
) -> Iterator[Change]:
    """Compare what the common items are answered with, response set by response set."""
    pairs = dict.fromkeys((earlier.items[code].responses, later.items[code].responses) for code in common)
    for before, name in pairs:
        old, new = earlier.response_sets[before], later.response_sets[name]
        if old.points != new.points:
            yield Change(kind="points", key=f"responses.{name}")
        if _codes(earlier, before) != _codes(later, name):
            yield Change(kind="scoring", key=f"responses.{name}.missing")
        shared = [point for point in old.points if point in new.points]
        yield from _changed(
            f"responses.{name}",
            {
                language: [
                    (
                        earlier.texts[language].responses[before][point],
                        later.texts[language].responses[name][point],
                    )
                    for point in shared
                ]
                for language in languages
            },
            "labels",
        )


def _scales(earlier: Instrument, later: Instrument, common: Sequence[str]) -> Iterator[Change]:
    for code in sorted({*earlier.scales, *later.scales}):
        old, new = earlier.scales.get(code), later.scales.get(code)
        if old is None or new is None or _scored(old, common) != _scored(new, common):
            yield Change(kind="scoring", key=f"scales.{code}")
            continue
        if old.minimum_answered != new.minimum_answered:
            yield Change(kind="scoring", key=f"scales.{code}.minimum_answered")
        if old.rates_leader != new.rates_leader:
            yield Change(kind="metadata", key=f"scales.{code}.rates_leader")


def _pages(earlier: Instrument, later: Instrument, common: Sequence[str]) -> Iterator[Change]:
    """Compare the order of the common items, and the page that each stands on."""
    pages = [
        [(section.code, code) for section in version.definition.sections for code in section.items if code in common]
        for version in (earlier, later)
    ]
    if pages[0] != pages[1]:
        yield Change(kind="order", key="sections")


def _words(earlier: Instrument, later: Instrument, languages: Sequence[str]) -> Iterator[Change]:
    """Compare all other words, place by place."""
    told: dict[tuple[str, Kind], dict[str, list[tuple[str, str]]]] = {}
    for language in languages:
        old, new = earlier.texts[language], later.texts[language]
        pairs: list[tuple[str, Kind, str, str]] = [
            ("title", "instructions", old.title, new.title),
            ("introduction", "instructions", old.introduction, new.introduction),
        ]
        for code, (a, b) in _both(old.items, new.items):
            pairs += [
                (f"items.{code}", "wording", a.text, b.text),
                (f"items.{code}", "wording", *_said(a.help, b.help)),
            ]
            pairs += [(f"items.{code}.status", "metadata", a.status, b.status)]
        for code, (c, d) in _both(old.sections, new.sections):
            key = f"sections.{code}"
            pairs += [(key, "instructions", c.heading, d.heading)]
            pairs += [(key, "instructions", *_said(c.introduction, d.introduction))]
        for name, (before, after) in _both(old.missing, new.missing):
            pairs.append((f"missing.{name}", "instructions", before, after))
        for code, (e, f) in _both(old.scales, new.scales):
            pairs += [(f"scales.{code}", "metadata", e.name, f.name), (f"scales.{code}", "metadata", e.high, f.high)]
        for code, (g, h) in _both(old.covariates, new.covariates):
            key = f"covariates.{code}"
            pairs.append((key, "background", g.text, h.text))
            pairs += [(key, "background", *both) for _, both in _both(g.options, h.options)]
        for key, kind, before, after in pairs:
            told.setdefault((key, kind), {}).setdefault(language, []).append((before, after))
    for (key, kind), by_language in told.items():
        yield from _changed(key, by_language, kind)


def _changed(key: str, told: Mapping[str, Sequence[tuple[str, str]]], kind: Kind) -> Iterator[Change]:
    """Tell the languages with new words, and those with corrections only."""
    found: dict[Kind, list[str]] = {}
    for language, pairs in told.items():
        worded = {_worded(old, new) for old, new in pairs} - {None}
        if worded and kind == "metadata":
            found.setdefault("metadata", []).append(language)
        elif worded:
            found.setdefault(kind if "wording" in worded else "correction", []).append(language)
    for one, languages in found.items():
        yield Change(kind=one, key=key, languages=tuple(languages))


def _worded(old: str, new: str) -> Literal["correction", "wording"] | None:
    if old == new:
        return None
    same = _BESIDE_WORDS.sub(" ", old).casefold().strip() == _BESIDE_WORDS.sub(" ", new).casefold().strip()
    return "correction" if same else "wording"


def _both(old: Mapping[str, Thing], new: Mapping[str, Thing]) -> Iterator[tuple[str, tuple[Thing, Thing]]]:
    return ((key, (old[key], new[key])) for key in old if key in new)


def _said(old: str | None, new: str | None) -> tuple[str, str]:
    return old or "", new or ""


def _codes(instrument: Instrument, responses: str) -> dict[str, tuple[int, bool]]:
    """Missing codes that a response set offers, and which of them are structural."""
    names: Iterable[str] = instrument.response_sets[responses].missing
    return {name: (instrument.missing_codes[name].code, instrument.missing_codes[name].structural) for name in names}


def _scored(scale: Scale, common: Sequence[str]) -> tuple[set[str], set[str]]:
    return set(scale.items) & set(common), set(scale.reversed) & set(common)


def _scored_as(instrument: Instrument, item: str) -> tuple[object, ...]:
    """Everything that turns an answer to an item into a score."""
    name = instrument.items[item].responses
    in_scales = {scale.code: item in scale.reversed for scale in instrument.definition.scales if item in scale.items}
    return instrument.points(item), _codes(instrument, name), in_scales
