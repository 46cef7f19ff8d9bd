"""Whether the scores of two versions of a questionnaire, or of two languages, may be compared.

Scores stand on one line of time only where somebody has shown that they may. What was shown is stated in
``instruments/<id>/evidence/comparability.yaml``, which :mod:`toolkit.instruments.evidence` reads; what is not stated is
unknown. The rules, with worked examples that are also the tests, are in ``tests/spec/comparability.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date as Date  # noqa: N812  the models have a key of the name date
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from toolkit.errors import Code, DefinitionError, Problem
from toolkit.instruments.definition import Day, Identifier, ItemCode, Language, Strict, Version, Words, version_order
from toolkit.instruments.diff import version_diff

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument

Comparability = Literal["identical", "linked", "not_comparable", "unknown"]
EvidenceKind = Literal["human", "synthetic"]
Reason = Literal[
    "same_version",
    "stated",
    "not_stated",
    "language_not_stated",
    "language_absent",
    "scale_absent",
    "other_instrument",
    "synthetic_only",
]

LEAST_ANCHORS = 3
"""Fewer unchanged items cannot show whether one of them drifted."""


class Linking(Strict):
    """A line from the shown scores of the version under ``from`` to those of the version under ``to``.

    ``score(to) = intercept + slope x score(from)``.
    """

    method: Words
    """As the literature calls it, such as mean-sigma."""
    slope: Annotated[float, Field(gt=0, strict=False)]
    intercept: Annotated[float, Field(strict=False)]
    slope_se: Annotated[float, Field(ge=0, strict=False)]
    intercept_se: Annotated[float, Field(ge=0, strict=False)]
    anchors: Annotated[tuple[ItemCode, ...], Field(min_length=LEAST_ANCHORS, strict=False)]
    """Items of the scale that are the same in both versions, and that linking relied on."""
    n_from: Annotated[int, Field(ge=1)]
    n_to: Annotated[int, Field(ge=1)]
    """Respondents of each version."""
    sample_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the answers that the line was computed from."""


class StatedComparability(Strict):
    """One statement of ``comparability.yaml``."""

    from_version: Annotated[Version, Field(alias="from")]
    to_version: Annotated[Version, Field(alias="to")]
    scale: ItemCode
    language: Language
    to_language: Language | None = None
    """The language of the version under ``to``, where it is another one."""
    comparability: Comparability
    kind: EvidenceKind
    """Whether people answered. Synthetic evidence opens nothing outside a demonstration."""
    evidence: Annotated[str, Field(pattern=r"^(\.\./)*[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$")]
    """The file that shows it, as a path from the folder ``evidence``."""
    date: Day
    linking: Linking | None = None
    """Required where the comparability is ``linked``, and nowhere else."""


class ComparabilityFile(Strict):
    """The whole of ``comparability.yaml``: it only grows, and of two statements on the same the later one counts."""

    instrument: Identifier
    statements: Annotated[tuple[StatedComparability, ...], Field(strict=False)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What may be said about the scores of one scale in two versions or languages.

    The earlier version stands under ``from``, however it was asked for, so that linking constants have one direction.

    Attributes
    ----------
    instrument : str
        Identifier of the questionnaire; both, where they are two.
    from_version, to_version, scale, language, to_language : str
        What is compared: the scale in ``language`` of the earlier version, and in ``to_language`` of the later one.
    comparability : {'identical', 'linked', 'not_comparable', 'unknown'}
        ``identical``: scores stand on one line as they are; ``linked``: after ``linking``. The others break the line.
    reason : str
        Why, as a code that pages have words for: ``same_version``, ``stated``, ``not_stated``, ``language_not_stated``,
        ``language_absent`` (a version is not in the language), ``scale_absent`` (a version does not have the scale),
        ``other_instrument`` or ``synthetic_only`` (there is synthetic evidence, and this is no demonstration).
    parameters : mapping of str to int
        Counts for the words of ``not_stated`` where one language is compared: the scale's items that are ``unchanged``,
        ``reworded``, ``rescored``, ``added`` and ``dropped``. One that was reworded and rescored counts as rescored.
    kind : {'human', 'synthetic'} or None
        Whose answers stand behind the statement; None where it follows from the rules alone.
    evidence : str or None
        The evidence file of the statement.
    date : date or None
        Day of the statement.
    linking : Linking or None
        The line from the scores of ``from_version`` to those of ``to_version``; only where they are linked.
    """

    instrument: str
    from_version: str
    to_version: str
    scale: str
    language: str
    to_language: str
    comparability: Comparability
    reason: Reason
    parameters: Mapping[str, int] = field(default_factory=dict)
    kind: EvidenceKind | None = None
    evidence: str | None = None
    date: Date | None = None
    linking: Linking | None = None


def comparability(
    from_instrument: Instrument,
    to_instrument: Instrument,
    scale: str,
    language: str,
    *,
    to_language: str | None = None,
    demo: bool = False,
    statements: Iterable[StatedComparability] | None = None,
) -> Statement:
    """Tell whether the scores of a scale in two versions may be compared.

    The same version in the same language is identical. Everything else is unknown until it is stated, even where
    no word changed. Between two languages of one version nothing is stated as a rule: a caller that pools the languages
    of a service should say so beside the result instead of breaking the line of the whole service.

    Parameters
    ----------
    from_instrument, to_instrument : Instrument
        Two versions. Which one comes first makes no difference.
    scale : str
        Code of the scale.
    language : str
        Language that ``from_instrument`` was answered in.
    to_language : str, optional
        Language that ``to_instrument`` was answered in; ``language`` by default.
    demo : bool
        True for a demonstration, whose waves are synthetic: there, synthetic evidence counts where there is none of
        people.
    statements : iterable of StatedComparability, optional
        What is stated, as :func:`toolkit.instruments.load_statements` reads it; by default it is read from the
        settings' catalog folders.

    Returns
    -------
    Statement

    Raises
    ------
    DefinitionError
        ``DEF_UNKNOWN_NAME`` when neither version has the scale; ``DEF_LANGUAGE_ABSENT`` when neither has a language
        that was asked for.

    Examples
    --------
    >>> from toolkit import instruments
    >>> pool, form = instruments.load("eomhs@0.9.0"), instruments.load("eomhs@1.0.0")
    >>> instruments.comparability(form, form, "HB", "nb").comparability
    'identical'
    >>> found = instruments.comparability(pool, form, "HB", "nb")
    >>> found.comparability, found.reason, found.parameters["unchanged"]
    ('unknown', 'not_stated', 3)
    """
    ends = [(from_instrument, language), (to_instrument, language if to_language is None else to_language)]
    ends.sort(key=lambda end: (end[0].id, version_order(end[0].version), end[1]))
    (earlier, first), (later, second) = ends
    _require(earlier, later, scale, first, second)
    kept = _Asked(earlier, later, scale, first, second)
    if earlier.id != later.id:
        return kept.say("not_comparable", "other_instrument")
    if scale not in earlier.scales or scale not in later.scales:
        return kept.say("not_comparable", "scale_absent")
    if first not in earlier.languages or second not in later.languages:
        return kept.say("unknown", "language_absent")
    if (earlier.version, first) == (later.version, second):
        return kept.say("identical", "same_version")
    if statements is None:
        from toolkit.instruments.evidence import load_statements

        statements = load_statements(earlier.id)
    found = [one for one in statements if kept.is_about(one)]
    by_people = [one for one in found if one.kind == "human"]
    counted = by_people or (found if demo else [])
    if counted:
        # Of two statements of one day the one that was written later counts.
        return kept.repeat(max(reversed(counted), key=lambda one: one.date))
    if found:
        return kept.say("unknown", "synthetic_only")
    if earlier.version == later.version:
        return kept.say("unknown", "language_not_stated")
    return kept.say("unknown", "not_stated", _counts(earlier, later, scale, first) if first == second else {})


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a statement is wanted for, the earlier version first."""

    earlier: Instrument
    later: Instrument
    scale: str
    first: str
    second: str

    def is_about(self, stated: StatedComparability) -> bool:
        """Whether a statement is about this pair, whichever end it names first."""
        ends = [
            (stated.from_version, stated.language),
            (stated.to_version, stated.language if stated.to_language is None else stated.to_language),
        ]
        wanted = {(self.earlier.version, self.first), (self.later.version, self.second)}
        return stated.scale == self.scale and set(ends) == wanted

    def say(self, told: Comparability, reason: Reason, parameters: Mapping[str, int] | None = None) -> Statement:
        same = self.earlier.id == self.later.id
        return Statement(
            instrument=self.earlier.id if same else f"{self.earlier.id}, {self.later.id}",
            from_version=self.earlier.version,
            to_version=self.later.version,
            scale=self.scale,
            language=self.first,
            to_language=self.second,
            comparability=told,
            reason=reason,
            parameters=parameters or {},
        )

    def repeat(self, stated: StatedComparability) -> Statement:
        """Say what was stated, in the direction in which it was stated."""
        return Statement(
            instrument=self.earlier.id,
            from_version=stated.from_version,
            to_version=stated.to_version,
            scale=self.scale,
            language=stated.language,
            to_language=stated.language if stated.to_language is None else stated.to_language,
            comparability=stated.comparability,
            reason="stated",
            kind=stated.kind,
            evidence=stated.evidence,
            date=stated.date,
            linking=stated.linking,
        )


def _require(earlier: Instrument, later: Instrument, scale: str, first: str, second: str) -> None:
    """Refuse a scale or language that no version has: it can only be a mistake."""
    if scale not in earlier.scales and scale not in later.scales:
        allowed = ", ".join(dict.fromkeys([*earlier.scales, *later.scales])) or "none"
        what, fix = f"There is no scale '{scale}' in either version.", "Name a scale of the questionnaire."
        raise DefinitionError(Problem(code=Code.DEF_UNKNOWN_NAME, what=what, fix=fix, got=scale, allowed=allowed))
    for language in (first, second):
        if language not in earlier.languages and language not in later.languages:
            allowed = ", ".join(dict.fromkeys([*earlier.languages, *later.languages]))
            what, fix = "Neither version has this language.", "Choose a language that one of them has."
            raise DefinitionError(
                Problem(code=Code.DEF_LANGUAGE_ABSENT, what=what, fix=fix, got=language, allowed=allowed)
            )


def _counts(earlier: Instrument, later: Instrument, scale: str, language: str) -> dict[str, int]:
    """Count what became of the items of a scale in one language."""
    found = version_diff(earlier, later)
    before, after = set(earlier.scales[scale].items), set(later.scales[scale].items)
    both = before & after
    rescored = both & set(found.rescored)
    reworded = {item for item in both - rescored if language in found.reworded.get(item, ())}
    return {
        "unchanged": len(both - rescored - reworded),
        "reworded": len(reworded),
        "rescored": len(rescored),
        "added": len(after - before),
        "dropped": len(before - after),
    }
