"""Many writers at once, and a writer that is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.collecting import SECRET, Browser, Survey, load
from tests.databases import Kind
from toolkit.collection.ports import Answer
from toolkit.collection.reconciliation import Conflict, Saved
from toolkit.errors import Code, CollectionError
from toolkit.storage.integrity import problems_of

N_THREADS = 8
N_SAVES = 200


def run_all(work: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=run, args=(number,)) for number in range(N_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_eight_people_answering_at_once_lose_nothing(tmp_path: Path, kind: Kind) -> None:
    survey = Survey(tmp_path, kind=kind)
    browsers = [survey.browser() for _ in range(N_THREADS)]
    items = survey.instrument.item_codes

    def work(number: int) -> None:
        base: dict[str, Answer] = {}
        for save in range(N_SAVES):
            item = items[save % len(items)]
            value = str((save // len(items) + number) % 5 + 1)
            base[item] = survey.answer(browsers[number], item, value, base.get(item))

    run_all(work)
    for number, browser in enumerate(browsers):
        saves = [[save for save in range(N_SAVES) if save % len(items) == place] for place in range(len(items))]
        assert survey.stored(browser) == {
            item: Answer(str((of_item[-1] // len(items) + number) % 5 + 1), len(of_item))
            for item, of_item in zip(items, saves, strict=True)
        }
    assert problems_of(survey.engine, load) == ()
    survey.drop()


def test_eight_tabs_at_one_answer_take_turns(tmp_path: Path, kind: Kind) -> None:
    """Every tab that is asked keeps its own answer; each write is then one revision, and none is skipped."""
    survey = Survey(tmp_path, kind=kind)
    token = survey.link()
    tabs = [survey.browser(token) for _ in range(N_THREADS)]
    written: list[tuple[int, str | None]] = []

    def work(number: int) -> None:
        browser, base = tabs[number], None
        for save in range(N_SAVES // 4):
            shown = str((number + save) % 5 + 1)
            result: Saved | Conflict = Conflict(Answer(None, 0), shown)
            while isinstance(result, Conflict):
                before = base
                result = survey.responding.save(browser.cookie, browser.draft, "HB1", shown, base=base)
                base = result.stored if isinstance(result, Conflict) else result.answer
            if result.answer.revision == (before.revision if before else 0) + 1:
                written.append((result.answer.revision, result.answer.value))

    run_all(work)
    final = survey.stored(tabs[0])["HB1"]
    # A tab whose answer was there already has written nothing; so revisions may be told twice, never differently.
    assert len(dict(written)) == len(set(written)) == final.revision
    assert set(dict(written)) == set(range(1, final.revision + 1))
    assert dict(written)[final.revision] == final.value
    survey.drop()


WRITER = """
import json, sys, threading
from pathlib import Path
from toolkit.collection.responding import Responding
from toolkit.instruments.catalog import Catalog
from toolkit.settings import Settings
from toolkit.storage.engine import open_engine
from toolkit.storage.response_store import SqlStore

order = json.load(sys.stdin)
load = Catalog((Settings().catalog,)).load
instrument = load("eomhs@1.0.0")
responding = Responding(SqlStore(open_engine(order["address"])), lambda _: instrument, order["secret"].encode(),
                        clock=lambda: order["now"])

def work(cookie, draft):
    base = {}
    for save in range(100_000):
        item = instrument.item_codes[save % 31]
        answer = responding.save(cookie, draft, item, str(save // 31 % 5 + 1), base=base.get(item)).answer
        base[item] = answer
        sys.stdout.write(f"{draft} {item} {answer.value} {answer.revision}\\n")
        sys.stdout.flush()

for cookie, draft in order["browsers"]:
    threading.Thread(target=work, args=(cookie, draft)).start()
"""


@pytest.mark.parametrize("n_acknowledged", [1, 150, 400])
def test_what_a_killed_server_acknowledged_is_there(tmp_path: Path, kind: Kind, n_acknowledged: int) -> None:
    survey = Survey(tmp_path, kind=kind)
    browsers: list[Browser] = [survey.browser() for _ in range(4)]
    order = {
        "address": survey.address,
        "secret": SECRET.decode(),
        "now": survey.now,
        "browsers": [(browser.cookie, browser.draft) for browser in browsers],
    }
    survey.close()
    with subprocess.Popen(
        [sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdin
        assert writer.stdout
        json.dump(order, writer.stdin)
        writer.stdin.close()
        lines = [writer.stdout.readline() for _ in range(n_acknowledged)]
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()
    assert writer.returncode == -signal.SIGKILL
    acknowledged: dict[tuple[str, str], Answer] = {}
    for line in lines:
        if line.endswith("\n"):
            draft, item, value, revision = line.split()
            acknowledged[draft, item] = Answer(value, int(revision))
    assert acknowledged
    survey.open()
    assert problems_of(survey.engine, load) == ()
    for browser in browsers:
        stored = survey.stored(browser)
        mine = {item: answer for (draft, item), answer in acknowledged.items() if draft == browser.draft}
        # At most one save of each browser was on its way: it may be there, acknowledged or not.
        ahead = {item: answer for item, answer in stored.items() if mine.get(item) != answer}
        assert len(ahead) <= 1
        for item, answer in ahead.items():
            assert answer.revision == (mine[item].revision if item in mine else 0) + 1
        assert set(mine) <= set(stored)
    survey.answer(browsers[0], "HB1", "4", survey.stored(browsers[0]).get("HB1"))
    survey.drop()


N_PEOPLE = 40


def test_forty_people_who_answer_and_submit_at_once_lose_nothing(tmp_path: Path, kind: Kind) -> None:
    survey = Survey(tmp_path, kind=kind)
    browsers = [survey.browser(unit=number % 2) for number in range(N_PEOPLE)]
    items = survey.instrument.item_codes[:6]
    receipts: list[str] = []

    def work(thread: int) -> None:
        for number in range(thread, N_PEOPLE, N_THREADS):
            for place, item in enumerate(items):
                # Who answers is written in the answers: six digits to the base of five.
                survey.answer(browsers[number], item, str(number // 5**place % 5 + 1))
            receipts.append(survey.responding.submit(browsers[number].cookie, browsers[number].draft))

    run_all(work)
    assert len(set(receipts)) == N_PEOPLE
    with survey.store.reading() as transaction:
        responses = transaction.responses(survey.wave.id)
    numbers = [sum((int(one.answers[item]) - 1) * 5**place for place, item in enumerate(items)) for one in responses]
    assert sorted(numbers) == list(range(N_PEOPLE))
    assert survey.count("drafts") == survey.count("draft_answers") == survey.count("respondent_sessions") == 0
    assert problems_of(survey.engine, load) == ()
    survey.drop()


def test_a_submission_that_races_a_freeze_is_in_the_wave_or_refused(tmp_path: Path, kind: Kind) -> None:
    """Whoever was told a receipt is part of the frozen wave and of its hash; all others are told that it is over."""
    survey = Survey(tmp_path, kind=kind)
    browsers = [survey.browser() for _ in range(N_PEOPLE)]
    for browser in browsers:
        survey.answer(browser, "HB1", "4")
    start = threading.Barrier(N_THREADS)
    taken: list[str] = []
    refusals: list[Code] = []

    def work(thread: int) -> None:
        start.wait()
        if thread == 0:
            while len(taken) < N_PEOPLE // 4:
                time.sleep(0.001)
            survey.waves.freeze(survey.wave.id)
            return
        for browser in browsers[thread - 1 :: N_THREADS - 1]:
            try:
                taken.append(survey.responding.submit(browser.cookie, browser.draft))
            except CollectionError as error:
                refusals.extend(error.codes)

    run_all(work)
    assert len(taken) + len(refusals) == N_PEOPLE
    assert set(refusals) <= {Code.COL_SESSION_ENDED, Code.COL_WAVE_NOT_OPEN}
    assert survey.count("responses") == len(taken)
    assert survey.count("drafts") == survey.count("draft_answers") == 0
    assert len(survey.waves.answers_frame([survey.wave.id])) == len(taken)
    assert problems_of(survey.engine, load) == ()
    survey.drop()


@pytest.mark.parametrize("last_step", ["replace_invitations", "replace_response_keys", "set_wave_status"])
def test_a_freeze_that_is_killed_has_not_happened(tmp_path: Path, kind: Kind, last_step: str) -> None:
    """Killed before its commit, a freeze leaves the wave open with every answer, draft and receipt in it."""
    survey = Survey(tmp_path, kind=kind)
    receipts = [survey.respond({"HB1": str(number % 5 + 1)})[1] for number in range(10)]
    browser = survey.browser()
    seen = survey.answer(browser, "HB1", "4")
    before = survey.rows("SELECT key, answers, receipt_hash FROM responses ORDER BY key")
    survey.close()
    arguments = [survey.address, SECRET.decode(), survey.wave.id, last_step]
    freezing = subprocess.run([sys.executable, "-c", FREEZER, *arguments], capture_output=True, text=True)
    assert freezing.returncode == -signal.SIGKILL, freezing.stderr
    survey.open()
    assert survey.waves.wave(survey.wave.id).status == "open"
    assert survey.rows("SELECT key, answers, receipt_hash FROM responses ORDER BY key") == before
    assert survey.answer(browser, "HB1", "5", seen) == Answer("5", 2)
    survey.responding.withdraw(receipts[0])
    survey.waves.freeze(survey.wave.id)
    assert len(survey.waves.answers_frame([survey.wave.id])) == 9
    assert problems_of(survey.engine, load) == ()
    survey.drop()


FREEZER = """
import os, signal, sys
from toolkit.collection.waves import Waves
from toolkit.instruments.catalog import Catalog
from toolkit.settings import Settings
from toolkit.storage import response_store
from toolkit.storage.engine import open_engine

address, secret, wave, name = sys.argv[1:]
transaction = response_store.SqlTransaction
step = getattr(transaction, name)

def killed(self, *values, **options):
    step(self, *values, **options)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(transaction, name, killed)
store = response_store.SqlStore(open_engine(address))
Waves(store, Catalog((Settings().catalog,)).load, secret.encode()).freeze(wave)
"""
