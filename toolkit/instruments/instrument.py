"""A loaded instrument: one version's definition with its texts, and what is asked of it again and again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

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

    def to_model(
        self,
        *,
        structure: Literal["correlated", "higher_order", "bifactor", "one_factor"] = "correlated",
        items: Collection[str] | None = None,
    ) -> str:
        """Write the measurement model that the scales state, in lavaan's model syntax.

        The model is meant for items as :func:`toolkit.instruments.scored_items` returns them: reversed items are turned
        round already, so no loading has a sign.

        Parameters
        ----------
        structure : {"correlated", "higher_order", "bifactor", "one_factor"}
            One factor a scale, freely correlated; a general factor that the factors of the scales measure; a general
            factor of all items beside a factor a scale, all uncorrelated; or one factor of all items of the scales.
        items : collection of str, optional
            Use these items only. By default all.

        Returns
        -------
        str
            The model's text, one statement a line. Comments tell what has no factor and why.

        Raises
        ------
        DefinitionError
            ``DEF_NO_FACTOR_MODEL`` for a formative instrument, or with too few items or scales for the structure;
            ``DEF_UNKNOWN_NAME`` for an item that is not there; ``DEF_RESERVED_NAME`` for an item whose code the syntax
            reads as a value, such as ``NA``; ``DEF_VALUE`` for another structure.

        Notes
        -----
        A factor is named as its scale, and the general factor ``general``. Where that is the code of an item, the name
        of another factor, or a word that the syntax reads as a value, ``_f`` is added. A scale of one item gets no
        factor: its item is left out, but measures the general factor where that is measured by items. A scale of two
        items gets a factor and a comment; in the bifactor model its two loadings are equal, because nothing else
        would determine them, and so are those of a general factor over two factors.

        Examples
        --------
        >>> from toolkit import instruments
        >>> chosen = ["HB1", "HB2", "HB3", "ZE1", "ZE2", "ZE3"]
        >>> text = instruments.load("eomhs@1.0.0").to_model(items=chosen)
        >>> [line for line in text.splitlines() if "=~" in line]
        ['HB =~ HB1 + HB2 + HB3', 'ZE =~ ZE1 + ZE2 + ZE3']
        """
        from toolkit.instruments.factor_model import factor_model

        return factor_model(self, structure=structure, items=items)
