"""What an instrument says in one language: the whole of ``text.<language>.yaml``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from toolkit.instruments.definition import AnswerCode, Identifier, ItemCode, Language, Name, Strict, Version, Words

TranslationStatus = Literal["draft", "reconciled", "back_translated", "debriefed", "invariance_tested"]


class SectionText(Strict):
    """The heading over a page of items, and what the person must know to answer them."""

    heading: Words
    introduction: Words | None = None


class ItemText(Strict):
    """The sentence the person reads, and how far its translation has been checked by people."""

    text: Words
    help: Words | None = None
    status: TranslationStatus


class CovariateText(Strict):
    """A background question and its options."""

    text: Words
    options: dict[Name, Words]


class ScaleText(Strict):
    """A scale's name as reports and pages print it."""

    name: Words
    high: Words
    """What a high score means, in one sentence."""


class Text(Strict):
    """All the words of one version in one language."""

    instrument: Identifier
    version: Version
    language: Language
    title: Words
    introduction: Words
    responses: dict[Name, dict[AnswerCode, Words]]
    missing: dict[Name, Words] = Field(default_factory=dict)
    sections: dict[ItemCode, SectionText]
    items: dict[ItemCode, ItemText]
    scales: dict[ItemCode, ScaleText] = Field(default_factory=dict)
    covariates: dict[Name, CovariateText] = Field(default_factory=dict)
