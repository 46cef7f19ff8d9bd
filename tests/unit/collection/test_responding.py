"""From the link to the receipt, and everything that must be refused on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.collecting import CONSENT, IDLE_SECONDS, Browser, Survey, answered, load, refused
from tests.databases import Kind
from toolkit.collection.flow import REVIEW, display_order, steps
from toolkit.collection.ports import Answer
from toolkit.collection.reconciliation import Conflict, Saved
from toolkit.collection.responding import TOUCH_SECONDS
from toolkit.errors import Code, CollectionError


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls in threads that start together; give what each returned or raised."""
    barrier = threading.Barrier(len(calls))
    found: list[Any] = [None] * len(calls)

    def run(number: int) -> None:
        barrier.wait()
        try:
            found[number] = calls[number]()
        except CollectionError as error:
            found[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def language_of(survey: Survey, browser: Browser) -> str:
    draft = survey.responding.visit(browser.cookie).draft
    assert draft is not None
    return draft.language


# Links


def test_a_forged_link_is_unknown(survey: Survey) -> None:
    token = survey.link()
    survey.responding.open_link(token)
    for forged in (token[:-1], token + "x", token.swapcase(), "", "\0", "../staff", "é" * 500):
        with refused(Code.COL_LINK_UNKNOWN):
            survey.responding.open_link(forged)


def test_a_hash_from_the_database_is_no_link(survey: Survey) -> None:
    survey.responding.open_link(survey.link())
    for (token_hash,) in survey.rows("SELECT token_hash FROM invitations"):
        with refused(Code.COL_LINK_UNKNOWN):
            survey.responding.open_link(token_hash)


def test_opening_a_link_uses_nothing_up(survey: Survey) -> None:
    token = survey.link()
    cookies = {survey.responding.open_link(token) for _ in range(20)}
    assert len(cookies) == 20
    assert all(survey.responding.visit(cookie).draft is None for cookie in cookies)
    assert survey.count("drafts") == survey.count("responses") == 0


def test_a_used_link_says_so(survey: Survey) -> None:
    browser, _ = survey.respond({"HB1": "4"})
    with refused(Code.COL_LINK_USED):
        survey.responding.open_link(browser.token)


def test_a_revoked_link_is_unknown_and_stops_its_browsers(survey: Survey) -> None:
    browser = survey.browser()
    survey.answer(browser, "HB1", "4")
    with survey.store.writing() as transaction:
        invitation = transaction.session(survey.responding._hash("cookie", browser.cookie))
        assert invitation is not None
        transaction.set_invitation_status(invitation.invitation_id, "revoked")
    with refused(Code.COL_LINK_UNKNOWN):
        survey.responding.open_link(browser.token)
    with refused(Code.COL_LINK_UNKNOWN):
        survey.responding.save(browser.cookie, browser.draft, "HB1", "5", base=Answer("4", 1))
    assert survey.stored(browser) == {"HB1": Answer("4", 1)}


@pytest.mark.parametrize("status", ["draft", "frozen"])
def test_a_wave_that_is_not_open_takes_nothing(survey: Survey, status: Any) -> None:
    browser = survey.browser()
    survey.answer(browser, "HB1", "4")
    with survey.store.writing() as transaction:
        transaction.set_wave_status(survey.wave.id, status)
    calls: tuple[Callable[[], Any], ...] = (
        lambda: survey.responding.open_link(browser.token),
        lambda: survey.responding.visit(browser.cookie),
        lambda: survey.responding.begin(browser.cookie, language="en", consent_version=CONSENT),
        lambda: survey.responding.save(browser.cookie, browser.draft, "HB1", "5", base=Answer("4", 1)),
        lambda: survey.responding.go_to(browser.cookie, browser.draft, REVIEW),
        lambda: survey.responding.choose_language(browser.cookie, browser.draft, "nb"),
        lambda: survey.responding.submit(browser.cookie, browser.draft),
    )
    for call in calls:
        with refused(Code.COL_WAVE_NOT_OPEN):
            call()
    assert survey.stored(browser) == {"HB1": Answer("4", 1)}
    assert survey.count("responses") == 0


def test_freezing_ends_running_browsers(survey: Survey) -> None:
    browser = survey.browser()
    survey.answer(browser, "HB1", "4")
    survey.waves.freeze(survey.wave.id)
    with refused(Code.COL_SESSION_ENDED):
        survey.responding.save(browser.cookie, browser.draft, "HB1", "5", base=Answer("4", 1))
    with refused(Code.COL_WAVE_NOT_OPEN):
        survey.responding.open_link(browser.token)


# Browsers


def test_a_second_device_goes_on_where_the_first_one_is(survey: Survey) -> None:
    phone = survey.browser(language="nb")
    survey.answer(phone, "HB1", "4")
    survey.responding.go_to(phone.cookie, phone.draft, "TB")
    computer = survey.browser(phone.token, language="en")
    assert computer.draft == phone.draft
    assert computer.cookie != phone.cookie
    visit = survey.responding.visit(computer.cookie)
    assert visit.draft is not None
    assert (visit.draft.step, visit.draft.language) == ("TB", "nb")
    assert visit.answers == {"HB1": Answer("4", 1)}
    # Both may go on, and neither overwrites what it has not seen.
    seen = survey.answer(computer, "HB1", "5", Answer("4", 1))
    conflict = survey.responding.save(phone.cookie, phone.draft, "HB1", "2", base=Answer("4", 1))
    assert conflict == Conflict(seen, "2")
    assert survey.stored(phone) == {"HB1": Answer("5", 2)}


def test_a_second_link_in_the_same_browser_ends_the_first(survey: Survey) -> None:
    first = survey.browser()
    survey.answer(first, "HB1", "4")
    cookie = survey.responding.open_link(survey.link(), previous_cookie=first.cookie)
    assert survey.responding.visit(cookie).draft is None
    with refused(Code.COL_SESSION_ENDED):
        survey.responding.save(first.cookie, first.draft, "HB1", "5", base=Answer("4", 1))
    again = survey.browser(first.token)
    assert survey.stored(again) == {"HB1": Answer("4", 1)}


def test_a_cookie_of_another_person_cannot_reach_a_draft(survey: Survey) -> None:
    one, other = survey.browser(), survey.browser()
    survey.answer(one, "HB1", "4")
    survey.answer(other, "HB1", "2")
    for cookie, draft in ((other.cookie, one.draft), (one.cookie, other.draft)):
        for call in (
            lambda cookie=cookie, draft=draft: survey.responding.save(cookie, draft, "HB1", "1", base=Answer("4", 1)),
            lambda cookie=cookie, draft=draft: survey.responding.go_to(cookie, draft, REVIEW),
            lambda cookie=cookie, draft=draft: survey.responding.choose_language(cookie, draft, "nb"),
            lambda cookie=cookie, draft=draft: survey.responding.submit(cookie, draft),
        ):
            with refused(Code.COL_SESSION_ENDED):
                call()
    assert survey.stored(one) == {"HB1": Answer("4", 1)}
    assert survey.stored(other) == {"HB1": Answer("2", 1)}


def test_a_draft_that_does_not_exist_is_refused(survey: Survey) -> None:
    browser = survey.browser()
    survey.answer(browser, "HB1", "4")
    for draft in ("", "0" * 32, browser.draft.upper() + " "):
        with refused(Code.COL_SESSION_ENDED):
            survey.responding.save(browser.cookie, draft, "HB1", "5", base=Answer("4", 1))
    # Before consent there is no draft either.
    cookie = survey.responding.open_link(survey.link())
    with refused(Code.COL_SESSION_ENDED):
        survey.responding.submit(cookie, browser.draft)


def test_a_cookie_that_was_never_given_is_refused(survey: Survey) -> None:
    browser = survey.browser()
    assert survey.responding.visit(browser.cookie).draft is not None
    hashes = [row[0] for row in survey.rows("SELECT cookie_hash FROM respondent_sessions")]
    for cookie in ("", "x", browser.token, browser.draft, *hashes):
        with refused(Code.COL_SESSION_ENDED):
            survey.responding.visit(cookie)


def test_a_browser_left_alone_needs_the_link_again(survey: Survey) -> None:
    browser = survey.browser()
    survey.now += IDLE_SECONDS
    seen = survey.answer(browser, "HB1", "4")
    survey.now += IDLE_SECONDS
    survey.answer(browser, "HB1", "5", seen)
    survey.now += IDLE_SECONDS + 1
    for call in (
        lambda: survey.responding.visit(browser.cookie),
        lambda: survey.responding.save(browser.cookie, browser.draft, "HB1", "1", base=Answer("5", 2)),
        lambda: survey.responding.submit(browser.cookie, browser.draft),
    ):
        with refused(Code.COL_SESSION_ENDED):
            call()
    assert survey.stored(survey.browser(browser.token)) == {"HB1": Answer("5", 2)}
    # The next link that is opened sweeps ended sessions out.
    assert survey.count("respondent_sessions") == 1


def test_answering_keeps_a_browser_alive_and_looking_does_not(survey: Survey) -> None:
    busy, idle = survey.browser(), survey.browser()
    base = None
    for number in range(20):
        survey.now += IDLE_SECONDS / 4
        base = survey.answer(busy, "HB1", "45"[number % 2], base)
        if number < 4:
            survey.responding.visit(idle.cookie)
    with refused(Code.COL_SESSION_ENDED):
        survey.responding.visit(idle.cookie)
    survey.now += TOUCH_SECONDS + 1
    survey.responding.go_to(busy.cookie, busy.draft, REVIEW)
    survey.now += IDLE_SECONDS
    survey.responding.visit(busy.cookie)


def test_finish_later_ends_this_browser_only(survey: Survey) -> None:
    phone = survey.browser()
    survey.answer(phone, "HB1", "4")
    computer = survey.browser(phone.token)
    survey.responding.finish_later(phone.cookie)
    survey.responding.finish_later(phone.cookie)
    survey.responding.finish_later("never given")
    with refused(Code.COL_SESSION_ENDED):
        survey.responding.visit(phone.cookie)
    assert survey.responding.visit(computer.cookie).answers == {"HB1": Answer("4", 1)}
    assert survey.stored(survey.browser(phone.token)) == {"HB1": Answer("4", 1)}


# Consent and pages


def test_agreeing_twice_at_once_makes_one_draft(survey: Survey) -> None:
    token = survey.link()
    cookies = [survey.responding.open_link(token) for _ in range(6)]
    drafts = at_once(
        *(
            lambda cookie=cookie: survey.responding.begin(cookie, language="en", consent_version=CONSENT)
            for cookie in cookies
        )
    )
    assert len({draft.id for draft in drafts}) == 1
    assert survey.count("drafts") == 1
    assert drafts[0].step == steps(survey.instrument)[0]


def test_a_language_that_the_questionnaire_has_not_is_not_stored(survey: Survey) -> None:
    browser = survey.browser(language="nb")
    survey.responding.choose_language(browser.cookie, browser.draft, "xx")
    assert language_of(survey, browser) == "nb"
    survey.responding.choose_language(browser.cookie, browser.draft, "en")
    assert language_of(survey, browser) == "en"
    other = survey.browser(language="Klingon")
    assert language_of(survey, other) == "en"


def test_a_page_that_does_not_exist_is_not_remembered(survey: Survey) -> None:
    browser = survey.browser()
    survey.responding.go_to(browser.cookie, browser.draft, "CC")
    survey.responding.go_to(browser.cookie, browser.draft, "../../etc")
    assert survey.rows("SELECT step FROM drafts") == [("CC",)]


def test_changing_the_language_changes_no_answer(survey: Survey) -> None:
    browser = survey.browser()
    survey.answer(browser, "HB1", "4")
    survey.responding.choose_language(browser.cookie, browser.draft, "nb")
    assert survey.stored(browser) == {"HB1": Answer("4", 1)}


# Answers


def test_every_answer_that_is_offered_is_taken(survey: Survey) -> None:
    browser = survey.browser()
    base = None
    for code in survey.instrument.codes("HB1"):
        base = survey.answer(browser, "HB1", str(code), base)
    assert survey.stored(browser)["HB1"] == Answer("-9", len(survey.instrument.codes("HB1")))
    for covariate in survey.instrument.definition.covariates:
        survey.answer(browser, covariate.code, covariate.options[-1])


def test_unknown_questions_are_refused(survey: Survey) -> None:
    browser = survey.browser()
    survey.answer(browser, "HB1", "4")
    for question in ("HB99", "hb1", "", "unit", "HB", "HB1; DROP TABLE drafts", "draft_id"):
        with refused(Code.COL_UNKNOWN_QUESTION):
            survey.responding.save(browser.cookie, browser.draft, question, "4", base=None)
    assert survey.stored(browser) == {"HB1": Answer("4", 1)}


def test_unknown_answers_are_refused_and_not_repeated(survey: Survey) -> None:
    browser = survey.browser()
    survey.answer(browser, "HB1", "4")
    for value in ("6", "0", "4.0", "04", " 4", "", "None", "Strongly agree", "-1", "\N{FULLWIDTH DIGIT FOUR}"):
        with pytest.raises(CollectionError) as caught:
            survey.responding.save(browser.cookie, browser.draft, "HB1", value, base=Answer("4", 1))
        assert caught.value.codes == (Code.COL_UNKNOWN_ANSWER,)
        assert caught.value.problems[0].got is None
    position = survey.instrument.definition.covariates[0]
    survey.answer(browser, position.code, position.options[0])
    with refused(Code.COL_UNKNOWN_ANSWER):
        survey.responding.save(browser.cookie, browser.draft, position.code, "1", base=None)
    assert survey.stored(browser)["HB1"] == Answer("4", 1)


def test_clearing_an_answer_keeps_that_it_was_changed(survey: Survey) -> None:
    browser = survey.browser()
    first = survey.answer(browser, "HB1", "4")
    cleared = survey.answer(browser, "HB1", None, first)
    assert cleared == Answer(None, 2)
    assert survey.answer(browser, "HB1", "3", cleared) == Answer("3", 3)
    # Clearing what was never answered writes nothing.
    assert survey.answer(browser, "HB2", None) == Answer(None, 0)
    assert set(survey.stored(browser)) == {"HB1"}


def test_a_stale_tab_does_not_undo_that_an_answer_was_cleared(survey: Survey) -> None:
    browser = survey.browser()
    seen = survey.answer(browser, "HB1", "4")
    cleared = survey.answer(browser, "HB1", None, seen)
    for base in (seen, None):
        result = survey.responding.save(browser.cookie, browser.draft, "HB1", "4", base=base)
        assert result == Conflict(cleared, "4")
    assert survey.stored(browser) == {"HB1": Answer(None, 2)}


def test_the_same_save_twice_is_one_save(survey: Survey) -> None:
    browser = survey.browser()
    for _ in range(3):
        assert survey.answer(browser, "HB1", "4") == Answer("4", 1)
    results = at_once(
        *(
            lambda: survey.responding.save(browser.cookie, browser.draft, "HB1", "5", base=Answer("4", 1))
            for _ in range(6)
        )
    )
    assert results == [Saved(Answer("5", 2))] * 6


def test_a_questionnaire_that_was_changed_under_a_wave_is_not_asked(survey: Survey) -> None:
    browser = survey.browser()
    survey.answer(browser, "HB1", "4")
    changed = replace(load("eomhs@1.0.0"), definition_hash="0" * 64)
    survey.close()
    survey.open(instruments=lambda _: changed)
    for call in (
        lambda: survey.responding.visit(browser.cookie),
        lambda: survey.responding.save(browser.cookie, browser.draft, "HB1", "5", base=Answer("4", 1)),
        lambda: survey.responding.submit(browser.cookie, browser.draft),
    ):
        with refused(Code.COL_QUESTIONNAIRE_CHANGED):
            call()
    assert survey.stored(browser) == {"HB1": Answer("4", 1)}


# Submitting


def test_a_submission_holds_what_was_answered_and_how_it_was_shown(survey: Survey) -> None:
    browser = survey.browser(language="nb", unit=1)
    answers = answered(survey.instrument, [1, 2, 3, 4, 5, -7, -8, -9])
    for question, value in answers.items():
        survey.answer(browser, question, value)
    changed = survey.answer(browser, "HB1", "5", Answer(answers["HB1"], 1))
    survey.answer(browser, "HB1", None, changed)
    survey.responding.submit(browser.cookie, browser.draft)
    with survey.store.reading() as transaction:
        (response,) = transaction.responses(survey.wave.id)
    assert response.answers == {question: value for question, value in answers.items() if question != "HB1"}
    assert response.n_changes == 2
    assert response.unit_id == survey.units[1].id
    assert (response.language, response.consent_version) == ("nb", CONSENT)
    assert response.display_order == display_order(survey.instrument)
    assert response.definition_hash == survey.instrument.definition_hash
    assert survey.count("drafts") == survey.count("draft_answers") == survey.count("respondent_sessions") == 0


def test_submitting_again_is_refused_and_changes_nothing(survey: Survey) -> None:
    browser, _ = survey.respond({"HB1": "4"})
    with refused(Code.COL_SESSION_ENDED):
        survey.responding.submit(browser.cookie, browser.draft)
    with refused(Code.COL_LINK_USED):
        survey.responding.open_link(browser.token)
    assert survey.count("responses") == 1


def test_submitting_from_eight_tabs_at_once_makes_one_response(survey: Survey) -> None:
    for _ in range(5):
        before = survey.count("responses")
        browser = survey.browser()
        tabs = [browser, *(survey.browser(browser.token) for _ in range(7))]
        survey.answer(browser, "HB1", "4")
        results = at_once(*(lambda tab=tab: survey.responding.submit(tab.cookie, tab.draft) for tab in tabs))
        receipts = [result for result in results if isinstance(result, str)]
        assert len(receipts) == 1
        assert {result.codes for result in results if not isinstance(result, str)} == {(Code.COL_SESSION_ENDED,)}
        assert survey.count("responses") == before + 1
        survey.responding.withdraw(receipts[0])


def test_saving_and_submitting_at_once_loses_nothing_that_was_acknowledged(survey: Survey) -> None:
    for _ in range(10):
        browser = survey.browser()
        other = survey.browser(browser.token)
        saved, receipt = at_once(
            lambda browser=browser: survey.responding.save(browser.cookie, browser.draft, "HB1", "4", base=None),
            lambda other=other: survey.responding.submit(other.cookie, other.draft),
        )
        with survey.store.reading() as transaction:
            (response,) = transaction.responses(survey.wave.id)
        if isinstance(saved, Saved):
            assert response.answers == {"HB1": "4"}
        else:
            assert saved.codes == (Code.COL_SESSION_ENDED,)
            assert response.answers == {}
        survey.responding.withdraw(receipt)


def test_any_instrument_can_be_answered(tmp_path: Path, kind: Kind) -> None:
    survey = Survey(tmp_path, kind=kind, instrument="bfi@1.0.0")
    answers = answered(survey.instrument, survey.instrument.points(survey.instrument.item_codes[0]))
    survey.respond(answers)
    with survey.store.reading() as transaction:
        (response,) = transaction.responses(survey.wave.id)
    assert response.answers == answers
    survey.close()


# Withdrawing


@pytest.mark.parametrize(
    "mistype",
    [str, str.lower, lambda code: f"  {code} \n", lambda code: code.replace("-", ""), lambda code: " ".join(code)],
)
def test_a_receipt_deletes_its_response_however_it_is_typed(survey: Survey, mistype: Callable[[str], str]) -> None:
    survey.respond({"HB1": "1"})
    _, receipt = survey.respond({"HB1": "2"})
    survey.responding.withdraw(mistype(receipt))
    with survey.store.reading() as transaction:
        assert [response.answers for response in transaction.responses(survey.wave.id)] == [{"HB1": "1"}]
    assert survey.rows("SELECT answers FROM responses") == [('{"HB1":"1"}',)]


def test_a_receipt_works_once_and_others_never(survey: Survey) -> None:
    browser, receipt = survey.respond({"HB1": "2"})
    hashes = [row[0] for row in survey.rows("SELECT receipt_hash FROM responses")]
    keys = [row[0] for row in survey.rows("SELECT key FROM responses")]
    for wrong in ("", receipt[:-1], receipt[::-1], browser.token, browser.draft, *hashes, *keys):
        with refused(Code.COL_RECEIPT_UNKNOWN):
            survey.responding.withdraw(wrong)
    assert survey.count("responses") == 1
    survey.responding.withdraw(receipt)
    assert survey.count("responses") == 0
    with refused(Code.COL_RECEIPT_UNKNOWN):
        survey.responding.withdraw(receipt)
    # The invitation stays used: nobody answers twice by withdrawing.
    with refused(Code.COL_LINK_USED):
        survey.responding.open_link(browser.token)


def test_after_the_wave_is_frozen_no_receipt_works(survey: Survey) -> None:
    _, first = survey.respond({"HB1": "2"})
    _, second = survey.respond({"HB1": "3"})
    survey.responding.withdraw(first)
    survey.waves.freeze(survey.wave.id)
    with refused(Code.COL_RECEIPT_UNKNOWN):
        survey.responding.withdraw(second)
    assert survey.count("responses") == 1


def test_messages_tell_no_secret(survey: Survey) -> None:
    browser, receipt = survey.respond({"HB1": "2"})
    secrets = (browser.token, browser.cookie, browser.draft, receipt)
    calls = (
        lambda: survey.responding.open_link(browser.token),
        lambda: survey.responding.visit(browser.cookie),
        lambda: survey.responding.submit(browser.cookie, browser.draft),
        lambda: survey.responding.withdraw(receipt + "A"),
    )
    for call in calls:
        with pytest.raises(CollectionError) as caught:
            call()
        assert not any(secret in str(caught.value) for secret in secrets)


def test_browsers_hold_what_the_test_expects(survey: Survey) -> None:
    """The module's own tools: two browsers of one link share a draft, two links do not."""
    one = survey.browser()
    assert isinstance(one, Browser)
    assert survey.browser(one.token).draft == one.draft
    assert survey.browser().draft != one.draft


def test_the_same_link_opened_twice_in_one_browser_keeps_both_tabs(survey: Survey) -> None:
    token = survey.link()
    first = survey.responding.open_link(token)
    second = survey.responding.open_link(token, previous_cookie=first)
    draft = survey.responding.begin(second, language="en", consent_version="1")
    assert survey.responding.save(first, draft.id, "HB1", "3", base=None) == Saved(Answer("3", 1))
    other = survey.responding.open_link(survey.link(), previous_cookie=second)
    assert survey.responding.visit(other).draft is None
    with refused(Code.COL_SESSION_ENDED):
        survey.responding.visit(second)
