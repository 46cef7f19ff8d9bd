"""Names that people know, in place of the identifiers that a comparison holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from toolkit.errors import Code
from toolkit.reporting.words import as_rounded, number, percent, report_words

if TYPE_CHECKING:
    from toolkit.comparison import Comparison
    from toolkit.instruments.instrument import Instrument


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labels:
    """How a page calls groups, waves, scales and items, in the reader's language.

    Attributes
    ----------
    language : str
        Language of the words.
    groups : mapping of str to str
        Names of services and units by identifier.
    waves : mapping of str to str
        Names of waves by identifier, in order.
    scales : mapping of str to str
        Names of scales by code.
    items : mapping of str to str
        Sentences of items by code.
    """

    language: str
    groups: Mapping[str, str]
    waves: Mapping[str, str]
    scales: Mapping[str, str]
    items: Mapping[str, str]

    @property
    def words(self) -> Mapping[str, str]:
        """The words of charts, tables and sentences."""
        return report_words(self.language)

    def group(self, kind: str, group: str) -> str:
        """Return the name of a service or unit, or the word for all services together."""
        return self.words["all"] if kind == "all" else self.groups.get(group, group)

    def number(self, value: float, decimals: int = 0) -> str:
        """Write a number."""
        return number(float(value), self.language, decimals)

    def score(self, value: float) -> str:
        """Write a score as it was rounded: a whole number, or one decimal."""
        return as_rounded(float(value), self.language)

    def signed(self, value: float) -> str:
        """Write a difference with its sign."""
        text = self.score(value)
        return f"+{text}" if value > 0 else text

    def level(self, level: float) -> str:
        """Write the level of an interval."""
        return percent(level, self.language)

    def why(self, comparison: Comparison, row: Mapping[str, Any]) -> str:
        """Say in words why a change or a line is not shown."""
        return self.words[f"why_{row['reason']}"].format(**versions_between(comparison, row))


def versions_between(comparison: Comparison, row: Mapping[str, Any]) -> dict[str, str]:
    """Return the versions that stand at both ends of a row that goes from wave to wave."""
    table = comparison.breaks
    found = table[
        (table["scale"] == row["scale"])
        & (table["wave_from"] == row["wave_from"])
        & (table["wave_to"] == row["wave_to"])
    ]
    if found.empty:
        return {"version_from": "", "version_to": ""}
    first = found.iloc[0]
    return {"version_from": str(first["version_from"]), "version_to": str(first["version_to"])}


def notes_on(comparison: Comparison, labels: Labels, *, kind: str, group: str) -> list[str]:
    """Say what must be known of a group: languages that are pooled, units that belong to another service now."""
    codes = {problem.code for problem in comparison.warnings}
    sentences = [labels.words["note_languages"]] if Code.CMP_LANGUAGES_POOLED in codes else []
    table = comparison.levels
    units = table[table["kind"] == "unit"].drop_duplicates(["group", "wave"]).sort_values("wave", kind="stable")
    for unit, rows in units.groupby("group", sort=False):
        places = list(zip(rows["wave"].astype(str), rows["parent"], strict=True))
        for (_, before), (wave, after) in pairwise(places):
            if before != after and (kind == "all" or group in (unit, before, after)):
                sentences.append(
                    labels.words["note_moved"].format(
                        unit=labels.group("unit", str(unit)),
                        wave=labels.waves[wave],
                        before=labels.group("service", before),
                        after=labels.group("service", after),
                    )
                )
    return sentences


def labels_of(
    instruments: Sequence[Instrument], *, language: str, groups: Mapping[str, str], waves: Mapping[str, str]
) -> Labels:
    """Return the labels of the versions of one instrument; the newest version that knows a name gives it.

    Parameters
    ----------
    instruments : sequence of Instrument
        Versions, oldest first.
    language : str
        Language of the page; an instrument without it is quoted in its original language.
    groups, waves : mapping of str to str
        Names by identifier.
    """
    scales: dict[str, str] = {}
    items: dict[str, str] = {}
    for instrument in instruments:
        text = instrument.texts[language if language in instrument.texts else instrument.languages[0]]
        scales |= {code: text.scales[code].name if code in text.scales else code for code in instrument.scales}
        items |= {code: item.text for code, item in text.items.items()}
    return Labels(language=language, groups=groups, waves=waves, scales=scales, items=items)
