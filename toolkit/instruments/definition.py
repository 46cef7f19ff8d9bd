"""What an instrument is: its items, response sets, missing codes, scales, sections and covariates.

These models hold the language-free half, ``definition.yaml``; :mod:`toolkit.instruments.text` holds the words.
They check one value at a time; what must hold between values is checked by :mod:`toolkit.instruments.lint`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,39}$")]
Version = Annotated[str, Field(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$")]
ItemCode = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$")]
AnswerCode = Annotated[int, Field(ge=-9999, le=9999)]
Words = Annotated[str, Field(max_length=2000, pattern=r"^\S(?s:.*\S)?$")]
Day = Annotated[date, Field(strict=False)]
Speaker = Literal["respondents", "named_informants", "organisational_record"]


class Strict(BaseModel):
    """Base of all models here: unknown keys are refused and values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class MissingCode(Strict):
    """A code that is offered as an answer but never scored."""

    name: Name
    code: AnswerCode
    structural: bool = False
    """True where the question does not apply to the person; that is not missing at random."""


class ResponseSet(Strict):
    """The ordered points an item can be answered with, and the missing codes offered beside them."""

    name: Name
    points: Annotated[tuple[AnswerCode, ...], Field(min_length=2, max_length=101, strict=False)]
    missing: Annotated[tuple[Name, ...], Field(strict=False)] = ()


class Item(Strict):
    """One question."""

    code: ItemCode
    intent: str
    """What the item is meant to find out, in a few words."""
    responses: Name
    """Name of the response set."""


class Section(Strict):
    """Items shown together on one page, in this order."""

    code: ItemCode
    items: Annotated[tuple[ItemCode, ...], Field(min_length=1, strict=False)]


class Scale(Strict):
    """Items that are scored together."""

    code: ItemCode
    items: Annotated[tuple[ItemCode, ...], Field(min_length=1, strict=False)]
    reversed: Annotated[tuple[ItemCode, ...], Field(strict=False)] = ()
    minimum_answered: Annotated[int, Field(ge=1)]
    rates_leader: bool = False
    """True where the items rate one person, the unit's leader; a unit's result is then shown at a higher floor."""


class Scoring(Strict):
    """How every scale of the instrument is scored."""

    statistic: Literal["mean"] = "mean"
    shown_from: float = 0.0
    shown_to: float = 100.0
    not_relevant_limit: Annotated[str, Field(pattern=r"^\d+/\d+$")] = "1/3"
    """A scale with a larger share of structural codes than this is "not applicable", written as a fraction."""


class Covariate(Strict):
    """A background question with named options, asked after the items and always optional."""

    code: Name
    options: Annotated[tuple[Name, ...], Field(min_length=2, strict=False)]


class Definition(Strict):
    """The whole of ``definition.yaml``."""

    format: Literal[1]
    id: Identifier
    version: Version
    original_language: Language = "en"
    """The language the instrument was written in; its text is required, and shown first."""
    speaker: Speaker
    measurement: Literal["reflective", "formative"]
    construct_measured: Annotated[str, Field(alias="construct")]
    minutes: Annotated[int, Field(ge=1, le=120)]
    missing: Annotated[tuple[MissingCode, ...], Field(strict=False)] = ()
    responses: Annotated[tuple[ResponseSet, ...], Field(min_length=1, strict=False)]
    items: Annotated[tuple[Item, ...], Field(min_length=1, strict=False)]
    sections: Annotated[tuple[Section, ...], Field(min_length=1, strict=False)]
    scales: Annotated[tuple[Scale, ...], Field(strict=False)] = ()
    scoring: Scoring = Scoring()
    covariates: Annotated[tuple[Covariate, ...], Field(strict=False)] = ()


def version_order(version: str) -> tuple[tuple[int, ...], str]:
    """Sort key of a version: by its numbers; names that are no version come first."""
    parts = version.split(".")
    if all(part.isdecimal() for part in parts):
        return tuple(int(part) for part in parts), version
    return (), version
