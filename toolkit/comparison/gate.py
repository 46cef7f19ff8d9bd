"""Whether a comparison may be shown at all, as reason codes: versions, languages, units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from toolkit.comparison.people import People, wave_column
from toolkit.comparison.results import BREAKS, Aggregation, Reason, Span, Status
from toolkit.comparison.shrinkage import LEAST_UNITS, Array
from toolkit.errors import Code, Problem
from toolkit.instruments.statements import comparability

if TYPE_CHECKING:
    from toolkit.comparison.shrinkage import VarianceComponents
    from toolkit.instruments.statements import Linking, StatedComparability, Statement

LEAST_SHARE = 0.05
"""A language that fewer of a wave's respondents answered in is pooled without a statement of its own."""
MOST_SHIFT = 0.10
"""Share of respondents by which the mix of languages may differ between two waves."""
_ORDER: tuple[Status, ...] = ("identical", "linked", "unknown", "not_comparable")
"""From the best to the worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether two waves of a scale stand on one line.

    Attributes
    ----------
    scale : str
        The scale.
    wave_from, wave_to : int
        Positions of the waves, the earlier first.
    span : {"adjacent", "first_to_last"}
        Which pair of waves it is.
    status : {"identical", "linked", "not_comparable", "unknown"}
        What is known about the versions.
    reason : str
        Why the line breaks; empty where it does not.
    linking : Linking or None
        The line from the scores of ``linked_version`` to those of the other version, where they are linked.
    linked_version : str
        The version that the line starts from.
    """

    scale: str
    wave_from: int
    wave_to: int
    span: Span
    status: Status
    reason: Reason
    linking: Linking | None
    linked_version: str


def wave_pairs(n_waves: int) -> list[tuple[int, int, Span]]:
    """Return adjacent waves, and the first with the last where that is another pair."""
    pairs: list[tuple[int, int, Span]] = [(a, b, "adjacent") for a, b in pairwise(range(n_waves))]
    return [*pairs, (0, n_waves - 1, "first_to_last")] if n_waves > 2 else pairs


def aggregation(components: VarianceComponents | None, n_units: int) -> Aggregation:
    """Say whether means of units may stand for units that differ.

    ``supported`` where the lower limit of ICC(1) is above 0. Where it is not, unit means are shown and compared with
    themselves over time, and differences between units are no evidence of anything.
    """
    if components is None or n_units < LEAST_UNITS:
        return "too_few_units"
    return "supported" if components.icc1_low > 0 else "not_supported"


def judge(
    people: People, scales: Iterable[str], statements: Sequence[StatedComparability], *, demo: bool
) -> list[Verdict]:
    """Judge every pair of waves of every scale.

    Notes
    -----
    A scale that one of the two versions does not have is never compared. Otherwise the statement on the two versions is
    asked for each language that at least 5 % of the respondents of either wave used, and the worst counts: what is
    not stated is unknown, and unknown breaks the line. ``linked`` needs one line of linking for all languages.

    Languages are pooled. Within one version that is no break, as long as the mix is the same: if it shifts by more
    than 10 % of the respondents (half the sum of the absolute differences of shares), the difference between waves
    could be one between languages, and the line breaks unless the languages are stated to be identical. Languages
    are counted over all respondents of a wave, never within a unit, so that a reason tells nothing about a few.
    """
    ask = _Statements(people=people, statements=tuple(statements), demo=demo, known={})
    names = [str(language) for language in people.languages.columns]
    shares = _language_shares(people)
    verdicts = []
    for scale in scales:
        for wave_from, wave_to, span in wave_pairs(len(people.waves)):
            earlier, later = people.version_of[wave_from], people.version_of[wave_to]
            if all(scale not in people.versions[version].scales for version in (earlier, later)):
                continue
            pair = shares[[wave_from, wave_to]]
            used = [names[place] for place in np.flatnonzero((pair >= LEAST_SHARE).any(axis=0))]
            shift = float(np.abs(pair[1] - pair[0]).sum()) / 2
            told = [ask(scale, (earlier, language), (later, language)) for language in used]
            worst = max(told, key=lambda one: _ORDER.index(one.comparability))
            status, reason = worst.comparability, _reason(worst)
            mixed = len({one.linking for one in told}) > 1
            if not reason and (mixed or (shift > MOST_SHIFT and not ask.are_one(scale, later, used))):
                status, reason = "unknown", "language_mix"
            verdict = Verdict(
                scale=scale,
                wave_from=wave_from,
                wave_to=wave_to,
                span=span,
                status=status,
                reason=reason,
                linking=None if reason else worst.linking,
                linked_version=worst.from_version,
            )
            verdicts.append(verdict)
    return verdicts


def break_table(people: People, verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """Return one row for each scale and pair of waves."""
    waves = {name: [getattr(one, name) for one in verdicts] for name in ("wave_from", "wave_to")}
    table = pd.DataFrame(
        {
            "scale": [one.scale for one in verdicts],
            "version_from": [people.version_of[wave] for wave in waves["wave_from"]],
            "version_to": [people.version_of[wave] for wave in waves["wave_to"]],
            "status": [one.status for one in verdicts],
            "reason": [one.reason for one in verdicts],
        },
        dtype="str",
    )
    return table.assign(**{name: wave_column(places, people.waves) for name, places in waves.items()})[list(BREAKS)]


def pooled_languages(people: People) -> tuple[Problem, ...]:
    """Return the warning that languages were pooled, if there are several."""
    if np.count_nonzero((_language_shares(people) >= LEAST_SHARE).any(axis=0)) < 2:
        return ()
    return (
        Problem(
            code=Code.CMP_LANGUAGES_POOLED,
            what="Answers in several languages are pooled, as if the translations measured alike.",
            fix="Say so beside the results, or test the translations for invariance.",
        ),
    )


def _language_shares(people: People) -> Array:
    """Return the share of each language in each wave."""
    counts = people.languages.to_numpy(dtype=np.float64)
    shares: Array = counts / counts.sum(axis=1, keepdims=True)
    return shares


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statements:
    """Asks for each statement once."""

    people: People
    statements: tuple[StatedComparability, ...]
    demo: bool
    known: dict[tuple[str, tuple[str, str], tuple[str, str]], Statement]

    def __call__(self, scale: str, one: tuple[str, str], other: tuple[str, str]) -> Statement:
        """Return what is said about a scale in two versions, each with its language."""
        key = (scale, one, other)
        if key not in self.known:
            self.known[key] = comparability(
                self.people.versions[one[0]],
                self.people.versions[other[0]],
                scale,
                one[1],
                to_language=other[1],
                demo=self.demo,
                statements=self.statements,
            )
        return self.known[key]

    def are_one(self, scale: str, version: str, languages: Sequence[str]) -> bool:
        """Say whether all languages of a version are stated to measure a scale alike."""
        pairs = combinations(languages, 2)
        return all(self(scale, (version, one), (version, other)).comparability == "identical" for one, other in pairs)


def _reason(statement: Statement) -> Reason:
    """Return the reason code of a statement; empty where it lets the line go on."""
    if statement.comparability in ("identical", "linked"):
        return ""
    if statement.reason == "scale_absent":
        return "scale_absent"
    if statement.reason == "synthetic_only":
        return "synthetic_evidence"
    return "version_not_comparable" if statement.comparability == "not_comparable" else "version_unknown"
