"""A loaded instrument: one version's definition with its texts, and what is asked of it again and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit.instruments.definition import Definition, Item, MissingCode, ResponseSet, Scale
    from toolkit.instruments.text import Text


@dataclass(frozen=True, kw_only=True, eq=False)
class Instrument:
    """One version of a questionnaire.

    Attributes
    ----------
    definition : Definition
        The language-free half.
    texts : mapping of language code to Text
        At least one; the first is the one the instrument was written in.
    definition_hash : str
        SHA-256 (hexadecimal) of ``definition.yaml``; stored with every response.
    """

    definition: Definition
    texts: Mapping[str, Text]
    definition_hash: str

    @property
    def id(self) -> str:
        """The instrument's identifier, such as ``eomhs``."""
        return self.definition.id

    @property
    def version(self) -> str:
        """The version, such as ``1.0.0``."""
        return self.definition.version

    @property
    def name(self) -> str:
        """Identifier and version as the command line writes them, such as ``eomhs@1.0.0``."""
        return f"{self.id}@{self.version}"

    @property
    def languages(self) -> tuple[str, ...]:
        """Language codes with a text, the original first."""
        return tuple(self.texts)

    @cached_property
    def item_codes(self) -> tuple[str, ...]:
        """Item codes in the order they are asked."""
        return tuple(code for section in self.definition.sections for code in section.items)

    @cached_property
    def items(self) -> Mapping[str, Item]:
        """Items by code."""
        return {item.code: item for item in self.definition.items}

    @cached_property
    def scales(self) -> Mapping[str, Scale]:
        """Scales by code."""
        return {scale.code: scale for scale in self.definition.scales}

    @cached_property
    def response_sets(self) -> Mapping[str, ResponseSet]:
        """Response sets by name."""
        return {responses.name: responses for responses in self.definition.responses}

    @cached_property
    def missing_codes(self) -> Mapping[str, MissingCode]:
        """Missing codes by name."""
        return {missing.name: missing for missing in self.definition.missing}

    def points(self, item: str) -> tuple[int, ...]:
        """Scored codes of an item, lowest first."""
        return self.response_sets[self.items[item].responses].points

    def codes(self, item: str) -> tuple[int, ...]:
        """All codes an item may be answered with: its points, then the missing codes offered with them."""
        responses = self.response_sets[self.items[item].responses]
        return responses.points + tuple(self.missing_codes[name].code for name in responses.missing)

    def labels(self, item: str, language: str) -> dict[int, str]:
        """Labels of an item's codes in one language, in the order they are shown."""
        responses = self.response_sets[self.items[item].responses]
        text = self.texts[language]
        points = {code: text.responses[responses.name][code] for code in responses.points}
        return points | {self.missing_codes[name].code: text.missing[name] for name in responses.missing}
