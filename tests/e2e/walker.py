"""A person in the browser: reads the page as it is, answers with mouse or keyboard, waits for "Saved"."""

from __future__ import annotations

import re
from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

MOST_TABS = 80
ACTIVE = "document.activeElement"


class Walker:
    def __init__(self, page: Page) -> None:
        self.page = page

    # --- reading

    def wait_until_drawn(self) -> None:
        """Wait until the server has sent the whole page; before that, parts of it come and go."""
        self.page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()

    def question(self, code: str) -> Locator:
        return self.page.locator(f'[class*="st-key-question-"][class$="-{code}"], [class*="-{code} "]').first

    def questions(self) -> list[str]:
        """Return the codes of the questions on the page, in their order."""
        self.wait_until_drawn()
        classes = self.page.locator('[class*="st-key-question-"]').evaluate_all("all => all.map(one => one.className)")
        return [re.search(r"st-key-question-\d+-(\w+)", name).group(1) for name in classes]

    def chosen(self, code: str) -> Locator:
        """Return the label of the chosen answer; it is not there while nothing is chosen."""
        return self.question(code).locator("label:has(input:checked)")

    def heading(self) -> str:
        return self.page.locator("#page-heading").inner_text()

    def serious_findings(self) -> list[str]:
        """Return what axe calls serious or critical on the page as it stands."""
        findings = Axe().run(self.page).response["violations"]
        return [
            f"{finding['id']}: {node['html']}"
            for finding in findings
            if finding["impact"] in ("serious", "critical")
            for node in finding["nodes"]
        ]

    # --- with the mouse

    def open(self, link: str) -> None:
        self.page.goto(link)
        self.page.locator("#page-heading").wait_for()

    def consent(self) -> None:
        self.page.locator('[data-testid="stCheckbox"] label').click()
        self.page.locator(".st-key-begin button:enabled").click()
        self.page.locator('[class*="st-key-question-"]').first.wait_for()

    def choose(self, code: str, label: str) -> None:
        """Click an answer and wait until the page says how many are saved."""
        self.question(code).get_by_text(label, exact=True).click()

    def wait_saved(self, answered: int) -> None:
        expect(self.page.locator("#save-status")).to_contain_text(re.compile(rf"^\D+ {answered} \D+ \d+"))

    def turn(self, button: str = "next") -> str:
        """Press Next or Back and return the heading of the page that opens."""
        before = self.heading()
        self.page.locator(f".st-key-{button} button").click()
        expect(self.page.locator("#page-heading")).not_to_have_text(before)
        self.wait_until_drawn()
        return self.heading()

    def place(self) -> tuple[int, int]:
        """Return the number of this page and of all pages, as the page says them."""
        here, pages = re.findall(r"\d+", self.page.get_by_test_id("stProgress").inner_text())
        return int(here), int(pages)

    def to_review(self, on_page: Callable[[], None] = lambda: None) -> None:
        """Go to the last page, doing something on every page of questions."""
        here, pages = self.place()
        for _ in range(here, pages):
            on_page()
            self.turn()
        self.page.locator(".st-key-submit").wait_for()

    def submit(self) -> str:
        """Submit from the review page and return the receipt code."""
        self.page.locator(".st-key-submit button").click()
        return self.page.locator("#receipt").inner_text()

    # --- with the keyboard alone

    def tab_to(self, target: str) -> None:
        """Press Tab until the focus is inside the target, as a keyboard user would who sees it on the page."""
        self.page.locator(target).first.wait_for()
        for _ in range(MOST_TABS):
            if self.page.evaluate(f"!!{ACTIVE}.closest({target!r})"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{target} cannot be reached with the Tab key")

    def press_choice(self, code: str, position: int) -> None:
        """Choose the answer at a position with arrow keys and Space."""
        self.tab_to(f'[class*="st-key-question-"][class*="-{code}"] [role="radiogroup"]')
        if position == 0:
            self.page.keyboard.press("Space")
        for _ in range(position):
            self.page.keyboard.press("ArrowDown")

    def press(self, key: str) -> None:
        """Reach a button and press it."""
        self.tab_to(f".st-key-{key} button")
        self.page.keyboard.press("Enter")
