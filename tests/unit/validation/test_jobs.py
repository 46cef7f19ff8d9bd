"""Long work: shared by key, cancelled, remembered for a while, and failing without a traceback."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from threading import Event, Thread

import pytest

from toolkit.errors import Code, Problem, StatisticsError, ToolkitError
from toolkit.validation.jobs import Job, Progress, ThreadedJobs, Work

SOON = 20.0


class StoppedError(ToolkitError):
    def __init__(self) -> None:
        super().__init__(())


class Gate:
    """Work that begins, waits until it is let through or stopped, and counts how often it was done."""

    def __init__(self, result: object = "result") -> None:
        self.result = result
        self.begun = Event()
        self.through = Event()
        self.times = 0

    def __call__(self, progress: Progress, cancelled: Callable[[], bool]) -> object:
        self.times += 1
        progress(1, 3, "Waiting at the gate")
        self.begun.set()
        deadline = time.monotonic() + SOON
        while not self.through.wait(0.005) and time.monotonic() < deadline:
            if cancelled():
                raise StoppedError
        return self.result


def ended(jobs: ThreadedJobs, key: str) -> Job:
    job = jobs.wait(key, seconds=SOON)
    assert job is not None
    assert job.ended
    return job


def failing(error: Exception) -> Work:
    def work(_progress: Progress, _cancelled: Callable[[], bool]) -> None:
        raise error

    return work


def test_a_job_tells_its_steps_and_keeps_its_result() -> None:
    jobs, gate = ThreadedJobs(), Gate()
    assert jobs.start("a", gate).state == "waiting"
    assert gate.begun.wait(SOON)
    running = jobs.find("a")
    assert running is not None
    assert (running.state, running.step, running.n_steps, running.label) == ("running", 1, 3, "Waiting at the gate")
    assert not running.ended
    gate.through.set()
    done = ended(jobs, "a")
    assert (done.state, done.result, done.problems) == ("done", "result", ())
    assert jobs.find("b") is None
    assert jobs.wait("b", seconds=0.01) is None
    jobs.cancel("b")


def test_whoever_asks_for_the_same_shares_one_job_while_it_runs_and_after() -> None:
    jobs, first, second = ThreadedJobs(), Gate("first"), Gate("second")
    jobs.start("a", first)
    assert first.begun.wait(SOON)
    assert jobs.start("a", second).state == "running"
    first.through.set()
    assert ended(jobs, "a").result == "first"
    again = jobs.start("a", second)
    assert (again.state, again.result) == ("done", "first")
    assert (first.times, second.times) == (1, 0)


def test_jobs_run_one_at_a_time_in_their_order() -> None:
    jobs, first, second = ThreadedJobs(), Gate(), Gate()
    jobs.start("a", first)
    assert first.begun.wait(SOON)
    assert jobs.start("b", second).state == "waiting"
    assert not second.begun.wait(0.05)
    first.through.set()
    assert second.begun.wait(SOON)
    second.through.set()
    assert ended(jobs, "b").state == "done"


def test_two_run_together_where_that_is_allowed() -> None:
    jobs, first, second = ThreadedJobs(n_parallel=2), Gate(), Gate()
    jobs.start("a", first)
    jobs.start("b", second)
    assert first.begun.wait(SOON)
    assert second.begun.wait(SOON)
    first.through.set()
    second.through.set()
    assert {ended(jobs, key).state for key in "ab"} == {"done"}


def test_running_work_is_cancelled_for_everyone_and_can_be_started_again() -> None:
    jobs, gate = ThreadedJobs(), Gate()
    jobs.start("a", gate)
    assert gate.begun.wait(SOON)
    jobs.cancel("a")
    assert jobs.find("a").stopping or jobs.find("a").ended
    stopped = ended(jobs, "a")
    assert (stopped.state, stopped.result, stopped.stopping) == ("cancelled", None, False)
    again = Gate("again")
    again.through.set()
    jobs.start("a", again)
    assert ended(jobs, "a").result == "again"
    jobs.cancel("a")
    assert jobs.find("a").state == "done"


def test_a_job_that_is_still_stopping_is_not_shared() -> None:
    jobs, deaf, fresh = ThreadedJobs(), Event(), Gate("fresh")
    begun = Event()

    def work(_progress: Progress, _cancelled: Callable[[], bool]) -> str:
        begun.set()
        deaf.wait(SOON)
        return "old"

    jobs.start("a", work)
    assert begun.wait(SOON)
    jobs.cancel("a")
    assert jobs.start("a", fresh).state == "waiting"
    deaf.set()
    fresh.through.set()
    assert ended(jobs, "a").result == "fresh"


def test_waiting_work_is_cancelled_at_once_and_never_begins() -> None:
    jobs, first, second = ThreadedJobs(), Gate(), Gate()
    jobs.start("a", first)
    assert first.begun.wait(SOON)
    jobs.start("b", second)
    jobs.cancel("b")
    assert jobs.find("b").state == "cancelled"
    first.through.set()
    assert ended(jobs, "a").state == "done"
    assert second.times == 0


def test_an_error_of_the_toolkit_keeps_its_code_and_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    jobs = ThreadedJobs()
    problem = Problem(code=Code.STA_TOO_FEW_ITEMS, what="Too few.", fix="More.")
    jobs.start("a", failing(StatisticsError(problem)))
    failed = ended(jobs, "a")
    assert (failed.state, failed.problems, failed.result) == ("failed", (problem,), None)
    assert caplog.records == []
    # A failure is not kept as an answer: the next start tries again.
    jobs.start("a", lambda _progress, _cancelled: "better")
    assert ended(jobs, "a").result == "better"


def test_any_other_error_is_logged_once_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    jobs = ThreadedJobs()
    with caplog.at_level(logging.DEBUG):
        jobs.start("a", failing(ValueError("the answer of one person")))
        failed = ended(jobs, "a")
        jobs.start("b", lambda _progress, _cancelled: "goes on")
        assert ended(jobs, "b").result == "goes on"
    assert [found.code for found in failed.problems] == [Code.STO_JOB_FAILED]
    assert "answer of one person" not in str(failed.problems[0])
    (record,) = caplog.records
    assert (record.levelname, record.exc_info) == ("ERROR", None)
    assert "ValueError" in record.getMessage()
    assert __name__.rsplit(".", maxsplit=1)[-1] in record.getMessage()
    assert "answer of one person" not in caplog.text


def test_the_result_that_was_asked_for_longest_ago_is_forgotten_first() -> None:
    jobs = ThreadedJobs(n_kept=2)
    for key in "ab":
        jobs.start(key, lambda _progress, _cancelled, key=key: key)
        ended(jobs, key)
    assert jobs.find("a") is not None
    jobs.start("c", lambda _progress, _cancelled: "c")
    ended(jobs, "c")
    assert [key for key in "abc" if jobs.find(key)] == ["a", "c"]


def test_what_runs_is_never_forgotten() -> None:
    jobs, gate = ThreadedJobs(n_parallel=2, n_kept=1), Gate()
    jobs.start("long", gate)
    assert gate.begun.wait(SOON)
    for key in "abc":
        jobs.start(key, lambda _progress, _cancelled: "short")
        ended(jobs, key)
    assert jobs.find("long").state == "running"
    assert [key for key in "abc" if jobs.find(key)] == ["c"]
    gate.through.set()
    assert ended(jobs, "long").state == "done"


def test_nothing_of_the_work_is_kept_after_its_end() -> None:
    class Answers:
        gone = Event()

        def __call__(self, _progress: Progress, _cancelled: Callable[[], bool]) -> str:
            return "result"

        def __del__(self) -> None:
            self.gone.set()

    jobs = ThreadedJobs()
    jobs.start("a", Answers())
    assert ended(jobs, "a").state == "done"
    assert Answers.gone.wait(SOON)


def test_many_tabs_at_once_get_one_job_each_key_and_no_thread_stays() -> None:
    jobs = ThreadedJobs(n_parallel=3)
    done: list[str] = []
    lock = threading.Lock()

    def work_of(key: str) -> Work:
        def work(progress: Progress, _cancelled: Callable[[], bool]) -> str:
            for step in range(3):
                progress(step, 3, key)
                time.sleep(0.001)
            with lock:
                done.append(key)
            return key

        return work

    def tab() -> None:
        for key in map(str, range(12)):
            jobs.start(key, work_of(key))
            jobs.find(key)

    tabs = [Thread(target=tab) for _ in range(8)]
    for one in tabs:
        one.start()
    for one in tabs:
        one.join()
    assert [ended(jobs, str(number)).result for number in range(12)] == [str(number) for number in range(12)]
    assert sorted(done, key=int) == [str(number) for number in range(12)]
    deadline = time.monotonic() + SOON
    while jobs._n_threads and time.monotonic() < deadline:
        time.sleep(0.005)
    assert jobs._n_threads == 0
