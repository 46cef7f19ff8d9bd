"""Many writers at once, and a writer that is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.collecting import SECRET, Browser, Survey, load
from tests.databases import Kind
from toolkit.collection.ports import Answer
from toolkit.collection.reconciliation import Conflict, Saved
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
