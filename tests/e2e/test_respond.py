"""A clinician answers in the browser, whatever happens to the server, the page and the language."""

from __future__ import annotations

import json
import time

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.app_server import AppServer
from tests.e2e.walker import Walker
from toolkit.collection.ports import Wave

pytestmark = pytest.mark.e2e
EOMHS = "eomhs@1.0.0"


def draft_answers(server: AppServer, wave: Wave) -> dict[object, object]:
    return dict(
        server.rows(
            "SELECT question, answer FROM draft_answers JOIN drafts ON drafts.id = draft_id "
            "JOIN invitations ON invitations.id = invitation_id WHERE wave_id = ? AND answer IS NOT NULL",
            wave.id,
        )
    )


def wait_stored(server: AppServer, wave: Wave, question: str, answer: str) -> None:
    """Wait until the database holds an answer; the page's count says nothing when an answer is changed."""
    deadline = time.monotonic() + 20
    while draft_answers(server, wave).get(question) != answer:
        assert time.monotonic() < deadline, draft_answers(server, wave)
        time.sleep(0.05)


def submitted(server: AppServer, wave_id: str) -> list[dict[str, str]]:
    rows = server.rows("SELECT answers FROM responses WHERE wave_id = ?", wave_id)
    return [json.loads(str(answers)) for (answers,) in rows]


def test_with_the_keyboard_alone_through_reload_kill_and_change_of_language(server: AppServer, walker: Walker) -> None:
    wave, unit = server.add_wave(EOMHS)
    page = walker.page
    walker.open(server.link(wave, unit))
    assert "/i/" not in page.url
    assert walker.serious_findings() == []
    page.keyboard.press("Tab")
    walker.tab_to('[data-testid="stCheckbox"]')
    page.keyboard.press("Space")
    expect(page.locator(".st-key-begin button")).to_be_enabled()
    walker.press("begin")
    page.locator('[class*="st-key-question-"]').first.wait_for()
    expect(page.locator("#page-heading")).to_be_focused()

    given: dict[str, int] = {}

    def answer_page(from_item: int = 0) -> None:
        for number, code in enumerate(walker.questions()):
            if number >= from_item:
                position = (len(given) * 2) % 5
                walker.press_choice(code, position)
                given[code] = position + 1
                wait_stored(server, wave, code, str(given[code]))
                walker.wait_saved(number + 1)

    # Page 1: reload in the middle of it.
    for number, code in enumerate(walker.questions()[:2]):
        walker.press_choice(code, number + 1)
        given[code] = number + 2
        wait_stored(server, wave, code, str(given[code]))
        walker.wait_saved(number + 1)
    page.reload()
    walker.wait_saved(2)
    expect(walker.chosen("HB1")).to_have_text("Disagree")
    expect(walker.chosen("HB2")).to_have_text("Neither agree nor disagree")
    page.keyboard.press("Tab")
    answer_page(from_item=2)
    assert walker.serious_findings() == []
    walker.press("next")
    expect(page.locator("#page-heading")).to_be_focused()

    # Page 2: the server hangs, an answer is given, the server is killed, and it comes back.
    answer_page()
    last = walker.questions()[-1]
    server.hang()
    page.keyboard.press("ArrowUp")
    given[last] -= 1
    server.restart()
    question = walker.question(last)
    question.get_by_role("button", name="Keep").first.wait_for()
    assert int(str(draft_answers(server, wave)[last])) == given[last] + 1
    walker.press(f"keep-shown-{last}")
    expect(question.get_by_role("button", name="Keep")).to_have_count(0)
    walker.wait_saved(5)
    assert int(str(draft_answers(server, wave)[last])) == given[last]
    walker.press("next")
    expect(page.locator("#page-heading")).to_be_focused()

    # Page 3: another language; what is chosen stays chosen.
    answer_page()
    shown = [walker.chosen(code).inner_text() for code in walker.questions()]
    page.keyboard.press("Home")
    page.evaluate("document.activeElement.blur()")
    walker.tab_to(".st-key-language")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Norsk bokmål")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("html")).to_have_attribute("lang", "nb")
    walker.wait_saved(5)
    norwegian = {"Strongly disagree": "Svært uenig", "Neither agree nor disagree": "Verken enig eller uenig"}
    norwegian |= {"Disagree": "Uenig", "Agree": "Enig", "Strongly agree": "Svært enig"}
    for code, label in zip(walker.questions(), shown, strict=True):
        expect(walker.chosen(code)).to_have_text(norwegian[label])
    assert walker.serious_findings() == []

    # To the end.
    here, pages = walker.place()
    for number in range(here + 1, pages + 1):
        walker.press("next")
        expect(page.get_by_test_id("stProgress")).to_contain_text(f"{number} av {pages}")
        expect(page.locator("#page-heading")).to_be_focused()
        if number < pages - 1:
            answer_page()
        assert walker.serious_findings() == []
    walker.press("submit")
    page.locator("#receipt").wait_for()
    assert walker.serious_findings() == []

    assert len(given) == 31
    (response,) = submitted(server, wave.id)
    assert response == {code: str(value) for code, value in given.items()}
    assert server.rows("SELECT count(*) FROM drafts") == [(0,)]
    assert server.rows("SELECT count(*) FROM draft_answers") == [(0,)]
    assert server.rows("SELECT status FROM invitations WHERE wave_id = ?", wave.id) == [("used",)]


def test_any_instrument_of_a_catalog_is_answerable(server: AppServer, walker: Walker) -> None:
    wave, unit = server.add_wave("bfi@1.0.0")
    walker.open(server.link(wave, unit))
    walker.consent()
    answered: list[str] = []

    def answer_page() -> None:
        for number, code in enumerate(walker.questions(), start=1):
            walker.question(code).locator("label:has(input)").nth(len(answered) % 6).click()
            walker.wait_saved(number)
            answered.append(code)

    walker.to_review(answer_page)
    walker.submit()
    (response,) = submitted(server, wave.id)
    assert len(response) == len(answered) == 25
    assert response["A1"] == "1"
    assert response["A2"] == "2"


def test_two_tabs_never_overwrite_each_other(server: AppServer, context: BrowserContext) -> None:
    wave, unit = server.add_wave(EOMHS)
    link = server.link(wave, unit)
    first = Walker(context.new_page())
    first.open(link)
    first.consent()
    first.choose("HB1", "Agree")
    first.wait_saved(1)
    second = Walker(context.new_page())
    second.page.goto(server.url)
    second.wait_saved(1)
    second.choose("HB1", "Disagree")
    wait_stored(server, wave, "HB1", "2")
    # The first tab has not seen "Disagree", so it asks and writes nothing.
    first.choose("HB1", "Strongly agree")
    question = first.question("HB1")
    expect(question.get_by_role("button", name="Keep “Strongly agree”")).to_be_visible()
    assert draft_answers(server, wave)["HB1"] == "2"
    assert first.serious_findings() == []
    # "Finish later" is not offered while something is undecided.
    expect(first.page.locator(".eot-later button")).to_have_count(0)
    # Leaving the page is not a way around the question.
    first.page.locator(".st-key-next button").click()
    expect(question.get_by_role("button", name="Keep “Disagree”")).to_be_visible()
    question.get_by_role("button", name="Keep “Strongly agree”").click()
    expect(question.get_by_role("button", name="Keep “Disagree”")).to_have_count(0)
    expect(first.page.locator(".eot-later button")).to_have_count(1)
    assert draft_answers(server, wave)["HB1"] == "5"
    # The second tab takes over what the first one saved.
    second.choose("HB1", "Neither agree nor disagree")
    second.question("HB1").get_by_role("button", name="Keep “Strongly agree”").click()
    expect(second.chosen("HB1")).to_have_text("Strongly agree")
    assert draft_answers(server, wave)["HB1"] == "5"


def test_an_answer_given_while_the_server_is_gone_reaches_the_database(server: AppServer, walker: Walker) -> None:
    wave, unit = server.add_wave(EOMHS)
    walker.open(server.link(wave, unit))
    walker.consent()
    walker.choose("HB1", "Agree")
    walker.wait_saved(1)
    server.hang()
    walker.choose("HB2", "Disagree")
    server.restart()
    walker.wait_saved(2)
    assert draft_answers(server, wave)["HB2"] == "2"


def test_a_restart_in_another_language_keeps_the_answer(server: AppServer, walker: Walker) -> None:
    wave, unit = server.add_wave(EOMHS)
    walker.open(server.link(wave, unit))
    walker.consent()
    walker.choose("HB1", "Agree")
    walker.wait_saved(1)
    # Another device goes on in Bokmål; this browser still holds English labels.
    server.hang()
    with server.services.store.writing() as transaction:
        ((draft_id,),) = server.rows(
            "SELECT drafts.id FROM drafts JOIN invitations ON invitations.id = invitation_id WHERE wave_id = ?", wave.id
        )
        transaction.set_draft_language(str(draft_id), "nb")
    walker.choose("HB2", "Strongly disagree")
    server.restart()
    walker.wait_saved(2)
    expect(walker.page.locator("html")).to_have_attribute("lang", "nb")
    assert draft_answers(server, wave)["HB2"] == "1"
    expect(walker.chosen("HB2")).to_have_text("Svært uenig")
    expect(walker.chosen("HB1")).to_have_text("Enig")


def test_clear_back_and_leaving_a_page_at_once(server: AppServer, walker: Walker) -> None:
    wave, unit = server.add_wave(EOMHS)
    walker.open(server.link(wave, unit))
    walker.consent()
    walker.choose("HB1", "Agree")
    walker.wait_saved(1)
    walker.question("HB1").get_by_role("button", name="Clear answer").click()
    expect(walker.page.locator("#save-status")).to_contain_text("Nothing answered")
    expect(walker.chosen("HB1")).to_have_count(0)
    assert "HB1" not in draft_answers(server, wave)
    # An answer and Next in one breath.
    walker.choose("HB5", "Strongly agree")
    walker.turn()
    assert draft_answers(server, wave)["HB5"] == "5"
    walker.turn("back")
    expect(walker.chosen("HB5")).to_have_text("Strongly agree")
    # The review says what is missing and leads there.
    for _ in range(7):
        walker.turn()
    walker.page.get_by_role("button", name="Answer: I believe that having a job helps people recover").click()
    expect(walker.page.locator("#page-heading")).to_have_text("Work and health")
