"""Validating in the app: from an uploaded file to the numbers that the command line gives, and stopping on the way."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.app_server import ROOT, AppServer
from tests.e2e.walker import Walker

pytestmark = pytest.mark.e2e
SHIPPED = ROOT / "data" / "eomhs-1.0.0-synthetic" / "responses.csv"
DATASETS = "20"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def choose_instrument(page: Page) -> None:
    page.locator(".st-key-validation_instrument input").click()
    page.get_by_role("option").filter(has_text="eomhs@1.0.0").click()
    expect(page.get_by_label("Questionnaire")).to_have_value(re.compile("eomhs@1.0.0"))


def choose_file(walker: Walker, *, n_datasets: str = DATASETS) -> None:
    """Upload the shipped answers and set the number of random data sets."""
    page = walker.page
    choose_instrument(page)
    page.locator(".st-key-validation_kind [role=radiogroup] label").nth(1).click()
    page.locator("input[type=file]").set_input_files(SHIPPED)
    page.locator('[data-testid="stExpander"] summary').click()
    field = page.locator(".st-key-validation_datasets input")
    field.fill(n_datasets)
    field.press("Enter")
    expect(page.locator(".st-key-validation_start button")).to_be_enabled()


def report_of(page: Page) -> None:
    page.locator("iframe").wait_for()


# First in this file: nobody has opened any other page of this server, which must not matter.
def test_the_page_opens_by_its_own_address(server: AppServer, walker: Walker) -> None:
    walker.open(f"{server.url}/validation")
    assert walker.heading() == "Validation"
    expect(walker.page.get_by_text("No wave of this questionnaire has ended yet")).to_be_visible()
    expect(walker.page.locator(".st-key-validation_start button")).to_be_disabled()
    assert walker.serious_findings() == []


def test_the_app_finds_what_the_command_line_finds(
    server: AppServer, walker: Walker, chromium: Browser, tmp_path: Path
) -> None:
    page = walker.page
    walker.open(f"{server.url}/validation")
    choose_file(walker)
    page.locator(".st-key-validation_start button").click()
    report_of(page)
    expect(page.get_by_text("The validation is done.")).to_be_visible()
    expect(page.get_by_text("31 in 6 scales")).to_be_visible()
    with page.expect_download() as started:
        page.locator(".st-key-validation_save_results button").click()
    assert started.value.suggested_filename == "results.json"
    results = json.loads(Path(started.value.path()).read_text(encoding="utf-8"))
    out = tmp_path / "report"
    command = [str(Path(sys.executable).with_name("eot")), "validate", "--instrument", "eomhs@1.0.0"]
    command += ["--responses", str(SHIPPED), "--out", str(out), "--datasets", DATASETS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    theirs = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert results["content_sha256"] == theirs["content_sha256"]
    for button, name in (("report", "report.html"), ("tables", "tables.zip")):
        with page.expect_download() as started:
            page.locator(f".st-key-validation_save_{button} button").click()
        assert started.value.suggested_filename == name
        assert Path(started.value.path()).stat().st_size > 1000

    # The report is in the page, and its own links stay inside it.
    frame = page.frame_locator("iframe")
    expect(frame.locator("#summary")).to_have_text("In short")
    frame.locator('nav a[href="#factors"]').click()
    expect(frame.locator("#factors")).to_be_in_viewport()
    expect(page.locator("iframe")).to_have_attribute("title", "Validation report")
    assert walker.serious_findings() == []

    # Another tab asks for the same and has it at once.
    other = Walker(page.context.new_page())
    other.open(f"{server.url}/validation")
    choose_file(other)
    other.page.locator(".st-key-validation_start button").click()
    expect(other.page.get_by_text("stored result of an earlier run")).to_be_visible()
    assert other.page.url == page.url
    other.page.reload()
    report_of(other.page)

    # A phone shows the same address, in every theme and language, without sideways scroll.
    for locale, scheme in (("en-GB", "dark"), ("nb-NO", "light")):
        phone = chromium.new_context(locale=locale, color_scheme=scheme, viewport={"width": 390, "height": 800})
        small = Walker(phone.new_page())
        small.open(page.url)
        report_of(small.page)
        assert small.page.evaluate(OVERFLOW) <= 0
        assert small.page.locator('[data-testid="stMain"]').evaluate("one => one.scrollWidth - one.clientWidth") <= 0
        assert small.serious_findings() == []
        phone.close()


def test_a_long_run_is_cancelled_and_leaves_nothing(server: AppServer, walker: Walker) -> None:
    page = walker.page
    walker.open(f"{server.url}/validation")
    choose_file(walker, n_datasets="100000")
    page.locator(".st-key-validation_start button").click()
    expect(page.get_by_text("Exploring the factors")).to_be_visible()
    assert walker.serious_findings() == []
    pressed = time.monotonic()
    page.locator(".st-key-validation_cancel button").click()
    expect(page.get_by_text("The validation was cancelled. There is no result.")).to_be_visible()
    # About a second on an idle machine; the limit tells stopping from running to the end.
    assert time.monotonic() - pressed < 10
    expect(page.locator("iframe")).to_have_count(0)
    expect(page.locator(".st-key-validation_start button")).to_be_enabled()


def test_the_keyboard_alone_reaches_everything(server: AppServer, walker: Walker) -> None:
    page = walker.page
    walker.open(f"{server.url}/staff")
    walker.tab_to('.eot-staff a[href^="/validation"]')
    page.keyboard.press("Enter")
    expect(page.locator("#page-heading")).to_have_text("Validation")
    expect(page.locator('.eot-staff [aria-current="page"]')).to_have_text("Validation")
    walker.tab_to(".st-key-validation_instrument")
    page.keyboard.press("ArrowDown")
    page.keyboard.type("eomhs")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Questionnaire")).to_have_value(re.compile("eomhs@1.0.0"))
    walker.tab_to(".st-key-validation_kind [role=radiogroup]")
    page.keyboard.press("ArrowRight")
    walker.tab_to('[data-testid="stFileUploader"]')
    page.locator("input[type=file]").set_input_files(SHIPPED)
    expect(page.locator(".st-key-validation_start button")).to_be_enabled()
    walker.tab_to('[data-testid="stExpander"] summary')
    page.keyboard.press("Enter")
    walker.tab_to(".st-key-validation_datasets input")
    page.keyboard.press("Control+A")
    page.keyboard.type(DATASETS)
    page.keyboard.press("Enter")
    walker.press("validation_start")
    report_of(page)
    with page.expect_download() as started:
        walker.press("validation_save_results")
    assert started.value.suggested_filename == "results.json"
    walker.tab_to("iframe")


def test_a_damaged_file_is_told_row_by_row(server: AppServer, walker: Walker, tmp_path: Path) -> None:
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    column = lines[0].split(",").index("HB2")
    cells = lines[3].split(",")
    cells[column] = "9"
    damaged = tmp_path / "damaged.csv"
    damaged.write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]), encoding="utf-8")
    walker.open(f"{server.url}/validation")
    choose_instrument(walker.page)
    walker.page.locator(".st-key-validation_kind [role=radiogroup] label").nth(1).click()
    walker.page.locator("input[type=file]").set_input_files(damaged)
    walker.page.locator(".st-key-validation_start button:enabled").click()
    problem = walker.page.locator(".eot-problems li")
    expect(problem).to_have_count(1)
    for part in ("damaged.csv", "row 4", "column HB2", "Found: 9", "What to do", "RSP_CODE_NOT_ALLOWED"):
        expect(problem).to_contain_text(part)
    assert walker.serious_findings() == []


def test_reports_are_read_only_and_for_staff_only(
    server: AppServer, walker: Walker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    walker.open(f"{server.url}/validation")
    choose_file(walker)
    walker.page.locator(".st-key-validation_start button").click()
    report_of(walker.page)
    path = walker.page.locator("iframe").get_attribute("src") or ""
    status, headers = _get(server.port, path)
    assert status == 200
    assert headers["content-security-policy"].startswith("sandbox allow-popups")
    assert "allow-scripts" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert _get(server.port, path[:-4])[0] == 404
    closed = AppServer(tmp_path_factory.mktemp("closed"), demo=False)
    closed.start()
    try:
        assert _get(closed.port, path)[0] == 403
        walker.open(f"{closed.url}/validation")
        expect(walker.page.get_by_text("served only in a demonstration")).to_be_visible()
        expect(walker.page.locator(".st-key-validation_start")).to_have_count(0)
    finally:
        closed.stop()
        closed.services.engine.dispose()


def _get(port: int, path: str) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("localhost", port, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()
