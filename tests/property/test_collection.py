"""Two tabs, one person, a server that restarts: no answer that was acknowledged is lost or silently replaced."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.collecting import Browser, Survey, refused
from toolkit.collection.ports import Answer
from toolkit.collection.reconciliation import Conflict, Saved
from toolkit.errors import Code

QUESTIONS = ("HB1", "position")
VALUES = {"HB1": ("1", "-9"), "position": ("clinician", "manager")}
TABS = st.integers(0, 1)
NOTHING_YET = Answer(None, 0)


@dataclass
class Tab:
    """What a page of the app knows: what it shows, and what it saw acknowledged."""

    browser: Browser
    shown: dict[str, str | None] = field(default_factory=dict)
    seen: dict[str, Answer | None] = field(default_factory=dict)
    asked: dict[str, Answer] = field(default_factory=dict)


class TwoTabs(RuleBasedStateMachine):
    """The model is ``held``: the last acknowledged answer of each question, whichever tab gave it."""

    survey: ClassVar[Survey]

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, Answer] = {}
        self.receipt: str | None = None

    @initialize()
    def open_two_tabs(self) -> None:
        token = self.survey.link()
        self.tabs = [Tab(self.survey.browser(token)) for _ in range(2)]
        for number in range(2):
            self.reload(number)

    def teardown(self) -> None:
        if self.receipt is not None:
            self.survey.responding.withdraw(self.receipt)

    def save(self, tab: Tab, question: str) -> None:
        """Send what a tab shows, and check what becomes of it."""
        shown, seen = tab.shown[question], tab.seen.get(question)
        before = self.held.get(question)
        result = self.survey.responding.save(
            tab.browser.cookie, tab.browser.draft, question, shown, base=None if seen == NOTHING_YET else seen
        )
        has_seen_it = before is None or seen == before
        if isinstance(result, Conflict):
            assert not has_seen_it, "a tab that had seen the answer was asked about it"
            assert result == Conflict(before, shown)
            tab.asked[question] = result.stored
            return
        assert isinstance(result, Saved)
        assert has_seen_it or before.value == shown, "an answer was replaced by a tab that had not seen it"
        tab.asked.pop(question, None)
        tab.seen[question] = result.answer
        if result.answer != (before or NOTHING_YET):
            assert result.answer == Answer(shown, (before.revision if before else 0) + 1)
            self.held[question] = result.answer

    @precondition(lambda self: self.receipt is None)
    @rule(number=TABS, question=st.sampled_from(QUESTIONS), data=st.data())
    def answer(self, number: int, question: str, data: st.DataObject) -> None:
        tab = self.tabs[number]
        tab.shown[question] = data.draw(st.sampled_from(VALUES[question]))
        self.save(tab, question)

    @precondition(lambda self: self.receipt is None)
    @rule(number=TABS, question=st.sampled_from(QUESTIONS))
    def clear(self, number: int, question: str) -> None:
        tab = self.tabs[number]
        tab.shown[question] = None
        self.save(tab, question)

    @precondition(lambda self: self.receipt is None)
    @rule(number=TABS)
    def reload(self, number: int) -> None:
        """The page is built anew from the database."""
        tab = self.tabs[number]
        answers = self.survey.responding.visit(tab.browser.cookie).answers
        assert dict(answers) == self.held
        tab.shown = {question: answers[question].value if question in answers else None for question in QUESTIONS}
        tab.seen = {question: answers.get(question, NOTHING_YET) for question in QUESTIONS}
        tab.asked = {}

    @precondition(lambda self: self.receipt is None)
    @rule()
    def restart(self) -> None:
        """The server forgets what tabs saw; browsers send again what they show."""
        self.survey.restart()
        for tab in self.tabs:
            answers = self.survey.responding.visit(tab.browser.cookie).answers
            tab.seen, tab.asked = {}, {}
            for question in QUESTIONS:
                loaded = answers.get(question, NOTHING_YET)
                if loaded.value == tab.shown[question]:
                    tab.seen[question] = loaded
                else:
                    self.save(tab, question)

    @precondition(lambda self: self.receipt is None)
    @rule(number=TABS, question=st.sampled_from(QUESTIONS), keeps_own=st.booleans())
    def choose(self, number: int, question: str, keeps_own: bool) -> None:
        """A person who was asked chooses; by then the other tab may have written again."""
        tab = self.tabs[number]
        if question not in tab.asked:
            return
        tab.seen[question] = tab.asked.pop(question)
        if not keeps_own:
            tab.shown[question] = tab.seen[question].value
        self.save(tab, question)

    @precondition(lambda self: self.receipt is None)
    @rule(number=TABS)
    def submit(self, number: int) -> None:
        tab = self.tabs[number]
        self.receipt = self.survey.responding.submit(tab.browser.cookie, tab.browser.draft)

    @precondition(lambda self: self.receipt is not None)
    @rule(number=TABS, question=st.sampled_from(QUESTIONS))
    def answer_too_late(self, number: int, question: str) -> None:
        """After the submission no tab can change anything, and none is told "Saved"."""
        browser = self.tabs[number].browser
        with refused(Code.COL_SESSION_ENDED):
            self.survey.responding.save(
                browser.cookie, browser.draft, question, VALUES[question][0], base=self.held.get(question)
            )

    @invariant()
    def the_database_holds_what_was_acknowledged_last(self) -> None:
        if not hasattr(self, "tabs"):
            return
        if self.receipt is None:
            assert self.survey.stored(self.tabs[0].browser) == self.held
            return
        with self.survey.store.reading() as transaction:
            (response,) = transaction.responses(self.survey.wave.id)
        assert response.answers == {
            question: answer.value for question, answer in self.held.items() if answer.value is not None
        }
        assert response.n_changes == sum(answer.revision - 1 for answer in self.held.values())


SETTINGS = settings(
    max_examples=50,
    stateful_step_count=30,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_no_sequence_of_two_tabs_and_restarts_loses_an_answer(tmp_path: Path) -> None:
    TwoTabs.survey = Survey(tmp_path)
    run_state_machine_as_test(TwoTabs, settings=SETTINGS)
    TwoTabs.survey.close()
