"""The order of pages a respondent walks through, as pure rules on an instrument."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from toolkit.instruments.instrument import Instrument

ITEMS_A_PAGE = 8
ABOUT = "about-you"
REVIEW = "review-answers"
"""Hyphens keep these steps apart from the sections of any questionnaire, whose codes have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of questions.

    Attributes
    ----------
    step : str
        Stable name of the page; stored so that a respondent comes back to it.
    section : str or None
        Code of the section, or None for the page of background questions.
    questions : tuple of str
        Item codes, or covariate codes on the background page.
    """

    step: str
    section: str | None
    questions: tuple[str, ...]


def pages(instrument: Instrument, *, items_a_page: int = ITEMS_A_PAGE) -> tuple[Page, ...]:
    """Return the pages of an instrument: a section each, background questions last, long ones in even parts."""
    found: list[Page] = []
    for section in instrument.definition.sections:
        found += _parts(section.code, section.code, section.items, items_a_page)
    covariates = tuple(covariate.code for covariate in instrument.definition.covariates)
    return (*found, *_parts(ABOUT, None, covariates, items_a_page))


def _parts(step: str, section: str | None, questions: Sequence[str], most: int) -> list[Page]:
    """Cut questions into as few pages as ``most`` allows, none longer than another by more than one question."""
    n_parts = -(-len(questions) // most)
    cuts = [part * len(questions) // n_parts for part in range(n_parts)] + [len(questions)]
    return [
        Page(
            step=step if part == 0 else f"{step}.{part + 1}",
            section=section,
            questions=tuple(questions[cuts[part] : cuts[part + 1]]),
        )
        for part in range(n_parts)
    ]


def steps(instrument: Instrument) -> tuple[str, ...]:
    """Return the steps after consent, in order; the last one is the review."""
    return (*(page.step for page in pages(instrument)), REVIEW)


def allowed_answers(instrument: Instrument, question: str) -> tuple[str, ...] | None:
    """Return what a question may be answered with, as stored, or None for a question the instrument does not have."""
    if question in instrument.items:
        return tuple(str(code) for code in instrument.codes(question))
    return next(
        (covariate.options for covariate in instrument.definition.covariates if covariate.code == question), None
    )


def unanswered(instrument: Instrument, answered: Collection[str]) -> tuple[str, ...]:
    """Return the items without an answer, in the order they are asked; background questions are optional."""
    return tuple(item for item in instrument.item_codes if item not in answered)


def display_order(instrument: Instrument) -> tuple[str, ...]:
    """Return every question in the order it is shown."""
    return tuple(question for page in pages(instrument) for question in page.questions)
