"""Pages of questions, for any instrument."""

from __future__ import annotations

import pytest

from tests.collecting import load
from toolkit.collection.flow import (
    ABOUT,
    ITEMS_A_PAGE,
    REVIEW,
    allowed_answers,
    display_order,
    pages,
    steps,
    unanswered,
)
from toolkit.instruments import Definition, Instrument


def made(sections: dict[str, int], n_covariates: int = 0) -> Instrument:
    """Make an instrument with so many items in each section."""
    definition = Definition.model_validate(
        {
            "format": 1,
            "id": "made",
            "version": "1.0.0",
            "speaker": "respondents",
            "measurement": "reflective",
            "construct": "Pages",
            "minutes": 1,
            "responses": [{"name": "two", "points": [0, 1]}],
            "items": [
                {"code": f"{code}{number}", "responses": "two", "intent": "one"}
                for code, n in sections.items()
                for number in range(n)
            ],
            "sections": [
                {"code": code, "items": [f"{code}{number}" for number in range(n)]} for code, n in sections.items()
            ],
            "covariates": [{"code": f"about{number}", "options": ["yes", "no"]} for number in range(n_covariates)],
        }
    )
    return Instrument(definition=definition, texts={}, definition_hash="")


@pytest.mark.parametrize("n", range(1, 101))
def test_long_sections_are_cut_into_even_parts_that_keep_their_order(n: int) -> None:
    instrument = made({"S": n})
    parts = [page.questions for page in pages(instrument)]
    sizes = [len(part) for part in parts]
    assert max(sizes) <= ITEMS_A_PAGE
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == -(-n // ITEMS_A_PAGE)
    assert tuple(question for part in parts for question in part) == instrument.item_codes


def test_many_background_questions_are_cut_too() -> None:
    instrument = made({"S": 3}, n_covariates=17)
    about = pages(instrument)[1:]
    assert [len(page.questions) for page in about] == [5, 6, 6]
    assert {page.section for page in about} == {None}
    assert steps(instrument) == ("S", ABOUT, f"{ABOUT}.2", f"{ABOUT}.3", REVIEW)


def test_an_instrument_without_background_questions_has_no_page_for_them() -> None:
    assert steps(made({"S": 3})) == ("S", REVIEW)
    assert ABOUT in steps(made({"S": 3}, n_covariates=1))


def test_sections_may_be_called_anything() -> None:
    instrument = made({"about": 2, "review": 9, "about_you": 1}, n_covariates=2)
    found = steps(instrument)
    assert len(set(found)) == len(found)
    assert found == ("about", "review", "review.2", "about_you", ABOUT, REVIEW)


@pytest.mark.parametrize("name", ["eomhs@1.0.0", "bfi@1.0.0"])
def test_every_question_of_an_instrument_is_shown_once(name: str) -> None:
    instrument = load(name)
    covariates = [covariate.code for covariate in instrument.definition.covariates]
    assert display_order(instrument) == (*instrument.item_codes, *covariates)
    assert all(len(page.questions) <= ITEMS_A_PAGE for page in pages(instrument))
    assert len(set(steps(instrument))) == len(steps(instrument)) == len(pages(instrument)) + 1


@pytest.mark.parametrize("name", ["eomhs@1.0.0", "bfi@1.0.0"])
def test_allowed_answers_are_the_codes_and_options_as_stored(name: str) -> None:
    instrument = load(name)
    for item in instrument.item_codes:
        assert allowed_answers(instrument, item) == tuple(str(code) for code in instrument.codes(item))
    for covariate in instrument.definition.covariates:
        assert allowed_answers(instrument, covariate.code) == covariate.options
    assert allowed_answers(instrument, "no_such_question") is None


def test_unanswered_lists_items_only_and_in_order() -> None:
    instrument = load("eomhs@1.0.0")
    first, second, *rest = instrument.item_codes
    assert unanswered(instrument, {second}) == (first, *rest)
    assert unanswered(instrument, set(instrument.item_codes)) == ()
