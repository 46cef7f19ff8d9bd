"""A service lead in a real browser: every page on every screen, and no hidden number on the wire."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Download, Page, WebSocket, expect
from playwright.sync_api import Error as BrowserError
from typer.testing import CliRunner

from tests.e2e.app_server import AppServer
from tests.e2e.walker import Walker
from toolkit import comparison
from toolkit.cli import app as command_line
from toolkit.collection.ports import Wave
from toolkit.instruments import score

pytestmark = pytest.mark.e2e
PAGES = ("overview", "unit", "change")
CHART = '[data-testid="stVegaLiteChart"]'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    running = AppServer(tmp_path_factory.mktemp("services"))
    done = CliRunner().invoke(command_line, ["store", "demo", "--database", running.database_url])
    assert done.exit_code == 0, done.output
    running.start()
    yield running
    running.stop()
    running.services.engine.dispose()


def open_page(page: Page, server: AppServer, address: str) -> None:
    page.goto(f"{server.url}/{address}")
    page.locator(".eot-say").wait_for()
    page.locator(CHART).first.locator("canvas, svg").first.wait_for()
    Walker(page).wait_until_drawn()


def choose(page: Page, key: str, option: str) -> None:
    """Open a list and choose; a list closes when the charts above it grow, and is then opened again."""
    Walker(page).wait_until_drawn()
    box = page.locator(f".st-key-{key}").get_by_role("combobox")
    wanted = page.get_by_role("option", name=option, exact=True)
    for _ in range(10):
        box.click()
        try:
            wanted.click(timeout=3_000)
            break
        except BrowserError:
            page.keyboard.press("Escape")
    expect(box).to_have_value(option)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "locale"), [(1280, "en-GB"), (390, "nb-NO")])
def test_every_page_is_readable_on_every_screen(
    server: AppServer, chromium: Browser, width: int, locale: str, scheme: str
) -> None:
    context = chromium.new_context(locale=locale, viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(30_000)
    page = context.new_page()
    walker = Walker(page)
    for address in PAGES:
        open_page(page, server, address)
        assert walker.serious_findings() == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.locator("html").get_attribute("lang") == locale[:2]
        names = page.locator(f"{CHART} [aria-label], {CHART}[aria-label]").evaluate_all(
            "all => all.map(one => one.getAttribute('aria-label'))"
        )
        assert any(len(name) > 60 for name in names)
    context.close()


def last_wave(server: AppServer) -> Wave:
    return next(wave for wave, _ in server.services.waves.all() if wave.name == "Autumn 2026")


def hidden_means(server: AppServer) -> dict[tuple[str, str], float]:
    """Return the true means of units below the floor in the last wave, by unit and scale."""
    last = last_wave(server)
    answers = server.services.waves.answers_frame([last.id])
    instrument = server.services.catalog.load(last.instrument)
    scores = score(instrument, answers).scores
    n = answers.groupby("unit").size()
    small = set(n[n < 5].index)
    means = scores.groupby(answers["unit"]).mean()
    return {(unit, scale): value for unit in small for scale, value in means.loc[unit].items() if pd.notna(value)}


def test_no_hidden_number_reaches_the_browser(server: AppServer, page: Page) -> None:
    received: list[bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: received.append(frame if isinstance(frame, bytes) else frame.encode()))

    page.on("websocket", listen)
    hidden = hidden_means(server)
    assert len(hidden) >= 6
    open_page(page, server, "overview")
    for scale in ("Belongs in treatment", "Daily integration"):
        choose(page, "overview_scale", scale)
        expect(page.locator(".st-key-chart-units")).to_be_visible()
    open_page(page, server, "unit")
    choose(page, "unit_unit", "Youth team 20")
    expect(page.get_by_text("Youth team 20: not shown: too few answers or none.")).to_be_visible()
    wire = b"".join(received)
    # A number that is shown arrives in full, so that a hidden one would be found in the same way.
    numbers = numbers_in(wire)
    assert np.isclose(numbers, round(mean_of_all(server, "CI"), 1), rtol=0, atol=1e-9).any()
    published = shown_numbers(server)
    telling = {cell: mean for cell, mean in hidden.items() if not np.isclose(published, mean, rtol=0, atol=1e-9).any()}
    assert len(telling) >= 4
    for cell, mean in telling.items():
        assert not np.isclose(numbers, mean, rtol=0, atol=1e-9).any(), cell


def shown_numbers(server: AppServer) -> NDArray[np.float64]:
    """Return every number of the levels that may be shown; a hidden one can equal one of them by chance."""
    waves = [wave for wave, _ in server.services.waves.all() if wave.status == "frozen"]
    versions = [server.services.catalog.load(name) for name in sorted({wave.instrument for wave in waves})]
    found = comparison.compare(versions, server.services.waves.answers_frame([wave.id for wave in waves]))
    levels = comparison.rounded(found).levels
    return levels.select_dtypes("float64").to_numpy().ravel()


def mean_of_all(server: AppServer, scale: str) -> float:
    last = last_wave(server)
    answers = server.services.waves.answers_frame([last.id])
    return float(score(server.services.catalog.load(last.instrument), answers).scores[scale].mean())


def numbers_in(wire: bytes) -> NDArray[np.float64]:
    """Return every number that a message could hold: doubles at any place, and numbers written as text."""
    doubles = [np.frombuffer(wire[place : place + (len(wire) - place) // 8 * 8], "<f8") for place in range(8)]
    texts = np.array([float(text) for text in re.findall(rb"\d+\.\d{4,}", wire)])
    found = np.concatenate([*doubles, texts])
    return np.unique(found[(found > 0) & (found < 100)])


def saved_file(page: Page, key: str) -> Download:
    """Press a button that saves, with the keyboard: charts that still grow move it away from under a mouse."""
    button = page.locator(f".st-key-{key} button")
    for _ in range(6):
        try:
            with page.expect_download(timeout=8_000) as download:
                button.focus()
                page.keyboard.press("Enter")
        except BrowserError:
            Walker(page).wait_until_drawn()
        else:
            return download.value
    raise AssertionError(f"nothing was saved by {key}")


def test_what_is_saved_is_what_is_shown(server: AppServer, page: Page) -> None:
    open_page(page, server, "overview")
    page.locator("summary").filter(has_text="Units: Health benefit of work, Autumn 2026").click()
    saved = pd.read_csv(saved_file(page, "csv-units").path()).set_index("group")
    assert len(saved) == 20
    assert saved.loc["Youth team 20"].isna().all()
    assert saved.loc["Community team 17", "n"] >= 5
    svg = saved_file(page, "svg-units").path().read_text(encoding="utf-8")
    assert svg.startswith("<svg")
    assert "Community team 17" in svg
    assert "Not shown: too few answers or none" in svg


def test_with_the_keyboard_from_page_to_page(server: AppServer, walker: Walker) -> None:
    page = walker.page
    open_page(page, server, "overview")
    walker.tab_to('.eot-staff a[href^="/change"]')
    page.keyboard.press("Enter")
    expect(page.locator("#page-heading")).to_have_text("Change")
    page.locator(".eot-say").wait_for()
    walker.tab_to(".st-key-change_waves")
    page.keyboard.press("ArrowDown")
    page.get_by_role("option").first.wait_for()
    page.keyboard.type("Spring 2025 \N{RIGHTWARDS ARROW} Autumn 2025")
    page.keyboard.press("Enter")
    expect(page.locator(".eot-say")).to_contain_text("no change is stated: the questionnaire changed")


def test_two_tabs_do_not_mix(server: AppServer, page: Page) -> None:
    other = page.context.new_page()
    open_page(page, server, "overview")
    open_page(other, server, "overview")
    choose(page, "overview_wave", "Spring 2026")
    expect(page.locator(".eot-say")).to_contain_text("From Autumn 2025 to Spring 2026")
    expect(other.locator(".eot-say")).to_contain_text("From Spring 2026 to Autumn 2026")
