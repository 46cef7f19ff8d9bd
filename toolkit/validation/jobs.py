"""Long work behind a port: started by key, shared by everyone who asks for the same, watched, and cancelled.

The key is the hash of everything that the result depends on, so a second asker gets the first one's result.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Condition, Event, Thread
from typing import Any, Literal, Protocol

from toolkit.errors import Code, Problem, ToolkitError

logger = logging.getLogger(__name__)

State = Literal["waiting", "running", "done", "failed", "cancelled"]
"""``waiting`` and ``running`` work goes on; the others are ends."""
Progress = Callable[[int, int, str], None]
"""Called with the step that begins, the number of steps, and a label."""
Work = Callable[[Progress, Callable[[], bool]], Any]
"""Work takes ``progress`` and ``cancelled``, and raises an error of the toolkit when ``cancelled()`` is true."""

MOST_KEPT = 20
"""Ended jobs that are remembered; the one that was asked for longest ago is forgotten first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is known about a piece of work at one moment.

    Attributes
    ----------
    key : str
        What was asked for.
    state : {"waiting", "running", "done", "failed", "cancelled"}
        How far it is.
    step, n_steps : int
        The step that it is at, from 0, and how many there are; 0 of 0 before it begins.
    label : str
        What the step does.
    stopping : bool
        Whether it was told to stop and has not stopped yet.
    result : object
        What the work returned; None unless ``done``.
    problems : tuple of Problem
        Why it failed; empty unless ``failed``.
    """

    key: str
    state: State = "waiting"
    step: int = 0
    n_steps: int = 0
    label: str = ""
    stopping: bool = False
    result: Any = None
    problems: tuple[Problem, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state not in ("waiting", "running")


class Jobs(Protocol):
    """What pages ask of the place where long work is done."""

    def start(self, key: str, work: Work) -> Job:
        """Return the job of this key: the one that waits, runs or is done already, otherwise a new one."""
        ...

    def find(self, key: str) -> Job | None:
        """Return a job as it stands, or None when it was never started or is forgotten."""
        ...

    def cancel(self, key: str) -> None:
        """Tell a job to stop, for everyone who shares it; a job that has ended stays as it is."""
        ...


class _Entry:
    """A job with what the worker needs; ``job`` is replaced as a whole, under the lock."""

    def __init__(self, key: str, work: Work) -> None:
        self.job = Job(key=key)
        self.work = work
        self.stop = Event()


class ThreadedJobs:
    """Jobs in threads of this process, as many at a time as ``n_parallel``, in the order in which they were started.

    A thread is started when there is work for it and ends when there is none, so an idle process has none.

    Parameters
    ----------
    n_parallel : int
        Jobs that run at the same time.
    n_kept : int
        Ended jobs that are remembered.
    """

    def __init__(self, *, n_parallel: int = 1, n_kept: int = MOST_KEPT) -> None:
        self._n_parallel = n_parallel
        self._n_kept = n_kept
        self._changed = Condition()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._queue: deque[_Entry] = deque()
        self._n_threads = 0

    def start(self, key: str, work: Work) -> Job:
        """Return the job of this key: the one that waits, runs or is done already, otherwise a new one."""
        with self._changed:
            known = self._entries.get(key)
            if known is not None and known.job.state in ("waiting", "running", "done") and not known.stop.is_set():
                self._entries.move_to_end(key)
                return known.job
            entry = _Entry(key, work)
            self._entries[key] = entry
            self._entries.move_to_end(key)
            self._queue.append(entry)
            if self._n_threads < self._n_parallel:
                self._n_threads += 1
                Thread(target=self._work_off, name="job", daemon=True).start()
            return entry.job

    def find(self, key: str) -> Job | None:
        """Return a job as it stands, or None when it was never started or is forgotten."""
        with self._changed:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry.job

    def cancel(self, key: str) -> None:
        """Tell a job to stop, for everyone who shares it; a job that has ended stays as it is."""
        with self._changed:
            entry = self._entries.get(key)
            if entry is None or entry.job.ended:
                return
            entry.stop.set()
            if entry.job.state == "waiting":
                self._queue.remove(entry)
                self._end(entry, state="cancelled")
            else:
                self._tell(entry, stopping=True)

    def wait(self, key: str, *, seconds: float) -> Job | None:
        """Return a job when it has ended, or as it stands when the time is over."""
        with self._changed:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._changed.wait_for(lambda: entry.job.ended, timeout=seconds)
            return entry.job

    def _work_off(self) -> None:
        """Do what waits, one after the other, until nothing does."""
        while True:
            with self._changed:
                if not self._queue:
                    self._n_threads -= 1
                    return
                entry = self._queue.popleft()
                self._tell(entry, state="running")
            self._do(entry)

    def _do(self, entry: _Entry) -> None:
        def progress(step: int, n_steps: int, label: str) -> None:
            with self._changed:
                self._tell(entry, step=step, n_steps=n_steps, label=label)

        try:
            result = entry.work(progress, entry.stop.is_set)
        except ToolkitError as error:
            if entry.stop.is_set():
                self._end(entry, state="cancelled")
            else:
                self._end(entry, state="failed", problems=error.problems)
        except Exception as error:  # noqa: BLE001  the edge of a job
            # The error itself may quote answers, so the log has where it happened and what kind it was, and no words.
            place = _place(error)
            logger.error("a job failed: %s at %s", type(error).__name__, place)  # noqa: TRY400  a traceback has words
            self._end(entry, state="failed", problems=(_unexpected(type(error).__name__),))
        else:
            self._end(entry, state="done", result=result)

    def _end(self, entry: _Entry, **values: Any) -> None:
        with self._changed:
            # The work holds the answers; nothing of them stays once it is over.
            entry.work = _nothing
            self._tell(entry, stopping=False, **values)
            ended = [key for key, known in self._entries.items() if known.job.ended]
            for key in ended[: max(len(ended) - self._n_kept, 0)]:
                del self._entries[key]
            self._changed.notify_all()

    def _tell(self, entry: _Entry, **values: Any) -> None:
        entry.job = replace(entry.job, **values)


def _nothing(_progress: Progress, _cancelled: Callable[[], bool]) -> None:
    """Stand in the place of work that is over."""


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "unknown place" if trace is None else f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"


def _unexpected(kind: str) -> Problem:
    return Problem(
        code=Code.STO_JOB_FAILED,
        what="Something went wrong that the toolkit does not know, and there is no result.",
        got=kind,
        fix="Start it again; if it fails again, send the server's log to whoever maintains the app.",
    )
