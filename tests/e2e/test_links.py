"""Links, cookies, receipts and staff pages, met from the outside."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.e2e.app_server import AppServer
from tests.e2e.walker import Walker

pytestmark = pytest.mark.e2e
EOMHS = "eomhs@1.0.0"


def test_link_works_until_submitted_and_the_receipt_deletes(
    server: AppServer, walker: Walker, chromium: Browser
) -> None:
    wave, unit = server.add_wave(EOMHS)
    link = server.link(wave, unit)
    walker.open(link)
    walker.consent()
    walker.choose("HB1", "Agree")
    walker.wait_saved(1)
    walker.page.locator(".eot-later button").click()
    expect(walker.page.locator("#page-heading")).to_have_text("You can go on later")
    assert walker.page.context.cookies() == [] or "eot_respondent" not in {
        cookie["name"] for cookie in walker.page.context.cookies()
    }
    # Another device goes on, then submits with a double click.
    other = chromium.new_context(locale="en-GB")
    device = Walker(other.new_page())
    device.page.goto(link)
    device.wait_saved(1)
    device.to_review()
    device.page.locator(".st-key-submit button").dblclick()
    receipt = device.page.locator("#receipt").inner_text()
    responses = "SELECT count(*) FROM responses WHERE wave_id = ?"
    assert server.rows(responses, wave.id) == [(1,)]
    walker.page.goto(link)
    expect(walker.page.locator("#page-heading")).to_have_text("Already submitted")
    # The receipt deletes, once, and only with the right code.
    walker.page.goto(f"{server.url}/withdraw")
    walker.page.get_by_label("Receipt code").fill("AAAA-BBBB-CCCC-DDDD")
    walker.page.get_by_role("button", name="Delete my answers").click()
    expect(walker.page.get_by_text("No answers can be found")).to_be_visible()
    assert server.rows(responses, wave.id) == [(1,)]
    walker.page.get_by_label("Receipt code").fill(receipt.lower().replace("-", " "))
    walker.page.get_by_role("button", name="Delete my answers").click()
    expect(walker.page.get_by_text("Your answers have been deleted")).to_be_visible()
    assert server.rows(responses, wave.id) == [(0,)]
    other.close()


def test_a_second_link_ends_the_page_of_the_first(server: AppServer, context: BrowserContext) -> None:
    wave, unit = server.add_wave(EOMHS)
    first = Walker(context.new_page())
    first.open(server.link(wave, unit))
    first.consent()
    first.choose("HB1", "Agree")
    first.wait_saved(1)
    second = Walker(context.new_page())
    second.open(server.link(wave, unit))
    second.consent()
    first.choose("HB2", "Agree")
    expect(first.page.locator("#page-heading")).to_have_text("This page has ended")
    expect(first.page.locator('[class*="st-key-question-"]')).to_have_count(0)
    assert server.rows("SELECT count(*) FROM draft_answers WHERE question = 'HB2'") == [(0,)]


def test_a_refused_link_signs_out_who_was_there_before(server: AppServer, walker: Walker) -> None:
    wave, unit = server.add_wave(EOMHS)
    walker.open(server.link(wave, unit))
    walker.consent()
    walker.page.goto(f"{server.url}/i/nope")
    expect(walker.page.locator("#page-heading")).to_have_text("This link is not known here")
    walker.page.goto(server.url)
    expect(walker.page.locator("#page-heading")).to_have_text("Welcome")
    assert server.rows(
        "SELECT count(*) FROM drafts JOIN invitations ON invitations.id = invitation_id WHERE wave_id = ?", wave.id
    ) == [(1,)]


@pytest.mark.parametrize("token", ["nope", "a" * 3000, "' OR 1=1 --", "%3Cscript%3E"])
def test_forged_links_are_refused_politely(server: AppServer, walker: Walker, token: str) -> None:
    wave, unit = server.add_wave(EOMHS)
    walker.open(server.link(wave, unit))
    expect(walker.page.locator("#page-heading")).to_have_text("Before you begin")
    walker.page.context.clear_cookies()
    walker.page.goto(f"{server.url}/i/{token}")
    expect(walker.page.locator("#page-heading")).to_have_text("This link is not known here")
    assert "eot_respondent" not in {cookie.get("name") for cookie in walker.page.context.cookies()}


@pytest.mark.parametrize("path", ["/i/..%2F..%2Fetc", "/i/%00", "/i/", "/i/a/b"])
def test_malformed_addresses_give_no_session(server: AppServer, walker: Walker, path: str) -> None:
    wave, unit = server.add_wave(EOMHS)
    walker.page.request.get(server.link(wave, unit), max_redirects=0)
    assert "eot_respondent" in {cookie.get("name") for cookie in walker.page.context.cookies()}
    walker.page.context.clear_cookies()
    answer = walker.page.request.get(f"{server.url}{path}", max_redirects=0)
    assert answer.status < 500
    assert "eot_respondent" not in {cookie.get("name") for cookie in walker.page.context.cookies()}


def test_staff_pages_exist_in_the_demonstration_only(
    server: AppServer, walker: Walker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server.add_wave(EOMHS)
    walker.page.goto(f"{server.url}/staff")
    expect(walker.page.get_by_text("have no accounts yet")).to_be_visible()
    expect(walker.page.get_by_role("button", name="Make links").first).to_be_visible()
    assert walker.serious_findings() == []
    closed = AppServer(tmp_path_factory.mktemp("closed"), demo=False)
    closed.add_wave(EOMHS)
    closed.start()
    try:
        walker.page.goto(f"{closed.url}/staff")
        expect(walker.page.get_by_text("served only in a demonstration")).to_be_visible()
        expect(walker.page.get_by_role("button", name="Make links")).to_have_count(0)
    finally:
        closed.stop()
        closed.services.engine.dispose()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-GB", "nb-NO"])
def test_phone_has_no_sideways_scroll_and_no_serious_findings(
    server: AppServer, chromium: Browser, locale: str, scheme: str
) -> None:
    wave, unit = server.add_wave(EOMHS)
    phone = chromium.new_context(locale=locale, color_scheme=scheme, viewport={"width": 320, "height": 700})
    walker = Walker(phone.new_page())
    asked: list[str] = []
    walker.page.on("request", lambda request: asked.append(request.url))
    walker.open(server.link(wave, unit))
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert walker.page.evaluate(overflow) <= 0
    assert walker.serious_findings() == []
    walker.consent()
    expect(walker.page.locator("html")).to_have_attribute("lang", locale[:2])

    def check() -> None:
        assert walker.page.evaluate(overflow) <= 0
        assert walker.serious_findings() == []

    walker.to_review(check)
    assert walker.serious_findings() == []
    outside = [url for url in asked if not url.startswith((server.url, "data:", "blob:", "ws://localhost"))]
    assert outside == []
    phone.close()
