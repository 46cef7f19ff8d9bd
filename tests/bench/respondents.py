"""Respondents without a browser: they speak Streamlit's websocket protocol, and count what was saved and how fast.

Run beside a server that is already there::

    python tests/bench/respondents.py --respondents 50 --url http://127.0.0.1:8501 \
        --links links.csv --database eot.db --json out.json

Each respondent follows an invitation link with plain HTTP, opens the websocket with the cookie, consents, answers every
question of every page, reviews and submits. A click is timed from its sending to the message in which the page says how
many answers are saved. Afterwards the database is opened read-only, and each acknowledged answer must be in it.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import hashlib
import html
import http.client
import json
import re
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from rich.console import Console
from rich.table import Table
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin, Subprotocol

from toolkit.collection.privacy import keyed_hash
from toolkit.instruments.catalog import Catalog
from toolkit.instruments.instrument import Instrument
from toolkit.settings import Settings

COOKIE = "eot_respondent"
KINDS = {
    "saved": "an answer: click to Saved",
    "turned": "Next to the next page",
    "opened": "link to the consent page",
    "submitted": "Submit to the receipt",
}
"""What is timed, and what the table calls it."""
CALIBRATION_ROUNDS = 100
LAG_SECONDS = 0.01
MOST_IGNORED = 20


class RefusedError(Exception):
    """The page shows an error, a warning or something that the walk does not expect."""


# --- what a browser keeps


@dataclass(slots=True)
class Shown:
    """One element on the page."""

    element: Element
    run: str
    fragment: str


@dataclass
class Screen:
    """The page as the browser holds it: its elements by place, and the values of its widgets."""

    elements: dict[tuple[int, ...], Shown] = field(default_factory=dict)
    values: dict[str, WidgetState] = field(default_factory=dict)
    page: str = ""
    run: str = ""
    fragments: frozenset[str] = frozenset()
    n_runs: int = 0
    n_whole_runs: int = 0
    """Runs of the whole script, not of a fragment alone."""
    is_running: bool = False
    n_answered: int = 0
    """How many answers the page last said to be saved."""
    status_run: int = 0
    """The number of the run that said so."""

    def apply(self, message: ForwardMsg) -> None:
        """Take one message of the server in."""
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.page = message.new_session.page_script_hash
            self.run = message.metadata.run.script_run_id
            self.fragments = frozenset(message.metadata.run.fragment_ids)
            self.n_runs += 1
            self.n_whole_runs += not self.fragments
            self.is_running = True
        elif kind == "navigation":
            self.page = message.navigation.page_script_hash
        elif kind == "delta":
            self._place(message)
        elif kind == "script_finished":
            self._finish(message.script_finished)

    def _place(self, message: ForwardMsg) -> None:
        place = tuple(message.metadata.delta_path)
        delta = message.delta
        if delta.WhichOneof("type") != "new_element":
            self.elements.pop(place, None)
            return
        for below in [known for known in self.elements if known[: len(place)] == place]:
            del self.elements[below]
        self.elements[place] = Shown(delta.new_element, self.run, delta.fragment_id)
        self._mount(delta.new_element)

    def _mount(self, element: Element) -> None:
        """Set a widget's value as the browser does when it draws the widget."""
        kind = element.WhichOneof("type")
        if kind in ("exception", "alert"):
            text = element.alert.body if kind == "alert" else element.exception.type
            raise RefusedError(f"the page shows: {text}")
        if kind == "html" and 'id="save-status"' in element.html.body:
            numbers = re.findall(r"\d+", re.sub(r"<[^>]*>", "", element.html.body))
            self.n_answered = int(numbers[0]) if numbers else 0
            self.status_run = self.n_runs
        widget = getattr(element, str(kind))
        if kind not in ("radio", "checkbox", "button_group") or (widget.id in self.values and not widget.set_value):
            return
        value = WidgetState(id=widget.id)
        if kind == "radio":
            if widget.set_value and widget.HasField("raw_value"):
                value.string_value = widget.raw_value
            elif not widget.set_value and widget.HasField("default"):
                value.string_value = widget.options[widget.default]
        elif kind == "checkbox":
            value.bool_value = widget.value if widget.set_value else widget.default
        else:
            chosen = [widget.options[position].content for position in widget.default]
            value.string_array_value.data.extend(widget.raw_values if widget.set_value else chosen)
        self.values[widget.id] = value

    def _finish(self, status: int) -> None:
        """Forget what the run did not draw again."""
        if status == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            raise RefusedError("the script does not compile")
        if status == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return
        self.is_running = False
        is_whole = status == ForwardMsg.FINISHED_SUCCESSFULLY
        self.elements = {
            place: shown
            for place, shown in self.elements.items()
            if shown.run == self.run or (not is_whole and shown.fragment not in self.fragments)
        }
        active = {getattr(getattr(one, str(one.WhichOneof("type"))), "id", "") for one in self._all()}
        self.values = {name: value for name, value in self.values.items() if name in active}

    def _all(self) -> Iterable[Element]:
        return (self.elements[place].element for place in sorted(self.elements))

    def radios(self) -> list[Any]:
        """Return the radio groups, in their order."""
        return [element.radio for element in self._all() if element.WhichOneof("type") == "radio"]

    def widget(self, kind: str, key: str) -> Any | None:
        """Return the widget that the app gave this key, or None."""
        found = (getattr(element, kind) for element in self._all() if element.WhichOneof("type") == kind)
        return next((widget for widget in found if key_of(widget.id) == key), None)

    def chosen(self, widget: Any) -> str | None:
        """Return the option that a radio group shows."""
        value = self.values[widget.id]
        return value.string_value if value.HasField("string_value") else None

    def fragment_of(self, widget_id: str) -> str:
        """Return the fragment that a widget lives in; empty outside of fragments."""
        for shown in self.elements.values():
            if getattr(getattr(shown.element, str(shown.element.WhichOneof("type"))), "id", "") == widget_id:
                return shown.fragment
        raise RefusedError("the widget is not on the page")

    def text_of(self, identifier: str) -> str | None:
        """Return the text of a paragraph by its id, or None."""
        for element in self._all():
            found = re.search(rf'id="{identifier}"[^>]*>([^<]*)<', element.html.body)
            if found:
                return html.unescape(found[1])
        return None


def key_of(widget_id: str) -> str:
    """Return the key that the app gave a widget; the id is a prefix, a hash and the key."""
    return widget_id.split("-", 2)[-1]


# --- one respondent


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How respondents behave."""

    think: tuple[float, float]
    """Seconds between two clicks, drawn evenly."""
    changes: float
    """Share of answers that are changed once."""
    hasty: float
    """Share of pages answered without waiting for anything, by arrow keys, with Next pressed at once."""
    patience: float
    """Seconds after which a missing message is an error."""
    locale: str


@dataclass
class Respondent:
    """One person from the link to the receipt."""

    link: str
    manner: Manner
    rng: np.random.Generator
    screen: Screen = field(default_factory=Screen)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    moments: list[float] = field(default_factory=list)
    """When each acknowledgement came."""
    n_clicks: int = 0
    """Answers given, changes counted."""
    n_ignored: int = 0
    """How often Next was pressed and the page stayed."""
    acknowledged: dict[str, str] = field(default_factory=dict)
    """The label last acknowledged for each question."""
    draft: str | None = None
    receipt: str | None = None
    error: str | None = None
    _socket: ClientConnection = field(init=False)

    async def run(self, delay: float) -> None:
        """Answer everything; what goes wrong is kept as :attr:`error`."""
        await asyncio.sleep(delay)
        try:
            await self._walk()
        except (RefusedError, TimeoutError, WebSocketException, OSError, http.client.HTTPException) as error:
            self.error = f"{type(error).__name__}: {error}"

    async def _walk(self) -> None:
        start = time.perf_counter()
        cookie = await asyncio.to_thread(follow, self.link)
        parts = urlsplit(self.link)
        async with connect(
            f"ws://{parts.netloc}/_stcore/stream",
            additional_headers={"Cookie": f"{COOKIE}={cookie}"},
            origin=Origin(f"http://{parts.netloc}"),
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
        ) as self._socket:
            await self._rerun()
            await self._until(lambda: bool(self.screen.widget("checkbox", "agreed") or self.screen.radios()))
            self.seconds["opened"].append(time.perf_counter() - start)
            await self._until_idle()
            if not self.screen.radios():
                await self._consent()
            while self.screen.widget("button", "submit") is None:
                await self._page()
            await self._submit()

    async def _consent(self) -> None:
        await self._think()
        agreed = self.screen.widget("checkbox", "agreed")
        if agreed is None:
            raise RefusedError("there is no consent")
        self.screen.values[agreed.id].bool_value = True
        await self._rerun()
        await self._until(lambda: (begin := self.screen.widget("button", "begin")) is not None and not begin.disabled)
        await self._until_idle()
        await self._think()
        await self._press("begin")
        await self._until(lambda: bool(self.screen.radios()))
        await self._until_idle()

    async def _page(self) -> None:
        """Answer the page that is shown, and turn it."""
        radios = self.screen.radios()
        if not radios:
            raise RefusedError("a page without questions")
        self.draft = key_of(radios[0].id).split(":", 1)[0]
        given: dict[str, str] = {}
        is_hasty = self.rng.random() < self.manner.hasty
        for radio in radios:
            for _ in range(1 + (self.rng.random() < self.manner.changes)):
                others = [option for option in radio.options if option != self.screen.chosen(radio)]
                label = str(self.rng.choice(others))
                if is_hasty:
                    await self._hurry(radio, label)
                else:
                    await self._answer(radio, label)
                given[radio.id] = label
        if not is_hasty:
            await self._think()
        start = time.perf_counter()
        while not await self._next(radios[0].id):
            self.n_ignored += 1
            if self.n_ignored > MOST_IGNORED:
                raise RefusedError("the page does not turn")
        self.seconds["turned"].append(time.perf_counter() - start)
        await self._until_idle()
        # The app leaves a page only when all of it is saved, so the next page acknowledges a hasty one.
        self.acknowledged |= {question_of(widget): label for widget, label in given.items()}

    async def _next(self, before: str) -> bool:
        """Press Next; return whether the page has turned when the server is done."""
        n_whole_runs = self.screen.n_whole_runs
        await self._press("next")
        await self._until(
            lambda: self._has_turned(before) or (self.screen.n_whole_runs > n_whole_runs and not self.screen.is_running)
        )
        return self._has_turned(before)

    def _has_turned(self, before: str) -> bool:
        if self.screen.widget("button", "submit") is not None:
            return True
        radios = self.screen.radios()
        return bool(radios) and radios[0].id != before and self.screen.widget("button", "next") is not None

    async def _answer(self, radio: Any, label: str) -> None:
        """Choose an answer and wait until the page says that it is saved."""
        await self._think()
        n_expected = sum(self.screen.chosen(other) is not None for other in self.screen.radios())
        n_expected += self.screen.chosen(radio) is None
        n_runs = self.screen.n_runs
        start = time.perf_counter()
        await self._choose(radio, label)
        moment = await self._until(
            lambda: self.screen.status_run > n_runs and self.screen.n_answered == n_expected, asked=label
        )
        self.seconds["saved"].append(moment - start)
        self.moments.append(moment)
        self.acknowledged[question_of(radio.id)] = label
        await self._until_idle()

    async def _hurry(self, radio: Any, label: str) -> None:
        """Go to an answer with the arrow keys: every option on the way is chosen, and nothing is waited for."""
        options = list(radio.options)
        for option in options[max(0, options.index(label) - 2) : options.index(label) + 1]:
            await self._choose(radio, option)

    async def _submit(self) -> None:
        await self._think()
        start = time.perf_counter()
        await self._press("submit")
        moment = await self._until(lambda: self.screen.text_of("receipt") is not None)
        self.seconds["submitted"].append(moment - start)
        self.receipt = self.screen.text_of("receipt")
        await self._until_idle()

    # --- the wire

    async def _think(self) -> None:
        await asyncio.sleep(self.rng.uniform(*self.manner.think))

    async def _choose(self, radio: Any, label: str) -> None:
        self.screen.values[radio.id].string_value = label
        self.n_clicks += 1
        await self._rerun(self.screen.fragment_of(radio.id))

    async def _press(self, key: str) -> None:
        button = self.screen.widget("button", key)
        if button is None:
            raise RefusedError(f"there is no button {key!r}")
        await self._rerun(self.screen.fragment_of(button.id), pressed=button.id)

    async def _rerun(self, fragment: str = "", pressed: str | None = None) -> None:
        """Send all widget values, as the browser does; a pressed button counts for this message only."""
        parts = urlsplit(self.link)
        message = BackMsg()
        state = message.rerun_script
        state.page_script_hash = self.screen.page
        state.fragment_id = fragment
        state.widget_states.widgets.extend(self.screen.values.values())
        if pressed is not None:
            state.widget_states.widgets.add(id=pressed, trigger_value=True)
        state.context_info.timezone = "Europe/Oslo"
        state.context_info.timezone_offset = -60
        state.context_info.locale = self.manner.locale
        state.context_info.url = f"http://{parts.netloc}/"
        state.context_info.color_scheme = "light"
        await self._socket.send(message.SerializeToString())

    async def _until(self, condition: Callable[[], bool], *, asked: str = "") -> float:
        """Read messages until the condition holds; return when the message came that made it hold."""
        try:
            async with asyncio.timeout(self.manner.patience):
                while True:
                    data = await self._socket.recv(decode=False)
                    moment = time.perf_counter()
                    self.screen.apply(ForwardMsg.FromString(data))
                    if condition():
                        return moment
        except TimeoutError:
            raise RefusedError(f"nothing came for {self.manner.patience:g} s {asked}".strip()) from None

    async def _until_idle(self) -> None:
        if self.screen.is_running:
            await self._until(lambda: not self.screen.is_running)


def question_of(widget_id: str) -> str:
    """Return the question of a radio group, whose key is the draft, a colon and the question."""
    return key_of(widget_id).split(":", 1)[1]


def follow(link: str) -> str:
    """Follow an invitation link and the redirect after it; return the cookie."""
    parts = urlsplit(link)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=60)) as connection:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        answer.read()
        found = re.match(rf"{COOKIE}=([^;]+)", answer.getheader("Set-Cookie", ""))
        if answer.status != http.client.SEE_OTHER or found is None:
            raise RefusedError(f"the link gives {answer.status} {answer.getheader('Location', '')}")
        connection.request("GET", answer.getheader("Location", "/"), headers={"Cookie": f"{COOKIE}={found[1]}"})
        page = connection.getresponse()
        page.read()
        if page.status != http.client.OK:
            raise RefusedError(f"the page gives {page.status}")
    return found[1]


# --- all of them


async def answer_all(respondents: list[Respondent], ramp: float) -> list[float]:
    """Let all respondents answer, begun evenly over ``ramp`` seconds; return how late this process itself was."""
    lags: list[float] = []

    async def watch() -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(LAG_SECONDS)
            lags.append(time.perf_counter() - start - LAG_SECONDS)

    watching = asyncio.create_task(watch())
    delays = np.linspace(0.0, ramp, num=len(respondents), endpoint=False)
    await asyncio.gather(*(one.run(float(delay)) for one, delay in zip(respondents, delays, strict=True)))
    watching.cancel()
    return lags


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the database holds of what was acknowledged."""

    n_acknowledged: int
    n_stored: int
    lost: tuple[str, ...]
    """One line an answer, without the answer."""


def compare(respondents: list[Respondent], database: Path, secret: bytes) -> Comparison:
    """Look up each acknowledged answer: in the submitted responses by the receipt, else in the draft."""
    catalog = Catalog((Settings().catalog, *Settings().extra_catalogs))
    instruments: dict[str, Instrument] = {}
    n_stored = 0
    lost: list[str] = []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        for number, one in enumerate(respondents):
            found = (
                find_response(connection, keyed_hash(secret, "receipt", one.receipt))
                if one.receipt
                else find_draft(connection, one.draft)
            )
            name, language, stored = found or ("", "", {})
            n_stored += len(stored)
            for question, label in one.acknowledged.items():
                if name and name not in instruments:
                    instruments[name] = catalog.load(name)
                if not name or stored.get(question) != code_of(instruments[name], question, language, label):
                    lost.append(f"respondent {number}, question {question}")
    n_acknowledged = sum(len(one.acknowledged) for one in respondents)
    return Comparison(n_acknowledged=n_acknowledged, n_stored=n_stored, lost=tuple(lost))


def find_response(connection: sqlite3.Connection, receipt_hash: str) -> tuple[str, str, dict[str, str]] | None:
    """Return the instrument, the language and the answers of a submitted response."""
    row = connection.execute(
        "SELECT answers, instrument_id || '@' || instrument_version, language FROM responses WHERE receipt_hash = ?",
        [receipt_hash],
    ).fetchone()
    if row is None:
        return None
    return row[1], row[2], json.loads(row[0])


def find_draft(connection: sqlite3.Connection, draft: str | None) -> tuple[str, str, dict[str, str]] | None:
    """Return the instrument, the language and the answers of a draft that was not submitted."""
    row = connection.execute(
        "SELECT waves.instrument_id || '@' || waves.instrument_version, drafts.language FROM drafts"
        " JOIN invitations ON invitations.id = drafts.invitation_id JOIN waves ON waves.id = invitations.wave_id"
        " WHERE drafts.id = ?",
        [draft],
    ).fetchone()
    if row is None:
        return None
    query = "SELECT question, answer FROM draft_answers WHERE draft_id = ? AND answer IS NOT NULL"
    return row[0], row[1], dict(connection.execute(query, [draft]).fetchall())


def code_of(instrument: Instrument, question: str, language: str, label: str) -> str | None:
    """Return the stored form of a label."""
    if question in instrument.items:
        known = {text: str(code) for code, text in instrument.labels(question, language).items()}
    else:
        known = {text: option for option, text in instrument.texts[language].covariates[question].options.items()}
    return known.get(label)


# --- figures


def calibrate(folder: Path) -> list[float]:
    """Time a fixed piece of work, in seconds: a little computing, and one durable write beside the database."""
    seconds = []
    with tempfile.TemporaryDirectory(dir=folder) as own:
        connection = sqlite3.connect(Path(own) / "calibration.db", isolation_level=None)
        with closing(connection):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("CREATE TABLE written (text TEXT)")
            for _ in range(CALIBRATION_ROUNDS):
                start = time.perf_counter()
                text = ""
                for _ in range(1000):
                    text = hashlib.sha256(text.encode("ascii")).hexdigest()
                connection.execute("INSERT INTO written VALUES (?)", [text])
                seconds.append(time.perf_counter() - start)
    return seconds


def spread(seconds: list[float]) -> dict[str, float | None]:
    """Return n, and the percentiles and the maximum in milliseconds; None where there is nothing."""
    if not seconds:
        return {"n": 0, "p50": None, "p95": None, "p99": None, "max": None}
    p50, p95, p99 = np.percentile(seconds, [50, 95, 99]) * 1000
    return {
        "n": len(seconds),
        "p50": round(float(p50), 2),
        "p95": round(float(p95), 2),
        "p99": round(float(p99), 2),
        "max": round(max(seconds) * 1000, 2),
    }


def report(
    respondents: list[Respondent], manner: Manner, comparison: Comparison, lags: list[float], calibration: list[float]
) -> dict[str, Any]:
    """Put all figures together."""
    milliseconds = {kind: spread([s for one in respondents for s in one.seconds[kind]]) for kind in KINDS}
    moments = sorted(moment for one in respondents for moment in one.moments)
    span = moments[-1] - moments[0] if len(moments) > 1 else None
    unit = spread(calibration)
    median = milliseconds["saved"]["p50"]
    return {
        "respondents": len(respondents),
        "receipts": sum(one.receipt is not None for one in respondents),
        "think_seconds": list(manner.think),
        "share_changed": manner.changes,
        "share_of_hasty_pages": manner.hasty,
        "clicks": sum(one.n_clicks for one in respondents),
        "acknowledged": comparison.n_acknowledged,
        "stored": comparison.n_stored,
        "lost": len(comparison.lost),
        "lost_answers": list(comparison.lost),
        "ignored_presses_of_next": sum(one.n_ignored for one in respondents),
        "errors": [f"respondent {number}: {one.error}" for number, one in enumerate(respondents) if one.error],
        "seconds": span and round(span, 2),
        "answers_per_second": span and round(len(moments) / span, 2),
        "milliseconds": milliseconds,
        "driver_lag_milliseconds": spread(lags),
        "calibration_milliseconds": unit,
        "ratio_of_medians": median and unit["p50"] and round(median / unit["p50"], 2),
    }


def show(figures: dict[str, Any], console: Console) -> None:
    """Print the figures."""
    table = Table(title=f"{figures['respondents']} respondents, milliseconds")
    for column in ("", "n", "p50", "p95", "p99", "max"):
        table.add_column(column, justify="right" if column else "left")
    rows = [(KINDS[kind], figures["milliseconds"][kind]) for kind in KINDS]
    rows.append(("this process late by", figures["driver_lag_milliseconds"]))
    rows.append(("calibration: computing and one durable write", figures["calibration_milliseconds"]))
    for name, row in rows:
        cells = (row[column] for column in ("p50", "p95", "p99", "max"))
        table.add_row(name, str(row["n"]), *("-" if cell is None else f"{cell:.1f}" for cell in cells))
    console.print(table)
    if figures["ratio_of_medians"] is not None:
        console.print(
            f"{figures['answers_per_second']} answers a second; an answer takes {figures['ratio_of_medians']} times "
            f"the calibration (medians)."
        )
    console.print(
        f"Receipts {figures['receipts']}, answers acknowledged {figures['acknowledged']}, stored {figures['stored']}, "
        f"lost {figures['lost']}, errors {len(figures['errors'])}, "
        f"Next pressed in vain {figures['ignored_presses_of_next']} times."
    )
    for line in figures["errors"] + figures["lost_answers"]:
        console.print(line, markup=False, soft_wrap=True)


def read_links(file: Path, url: str | None) -> list[str]:
    """Return the links of a CSV file as ``eot store invite`` writes it, at another address when one is given."""
    with file.open(encoding="utf-8", newline="") as lines:
        links = [row["link"] for row in csv.DictReader(lines)]
    return [f"{url}{urlsplit(link).path}" for link in links] if url else links


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Drive the app as many respondents at once, and count lost answers.")
    parser.add_argument("--respondents", type=int, default=50)
    parser.add_argument("--url", help="address of the app; that of the links otherwise")
    parser.add_argument("--links", type=Path, required=True, help="CSV file of invitation links")
    parser.add_argument("--database", type=Path, required=True, help="SQLite file of the app; only read")
    parser.add_argument("--secret-file", type=Path, help="key of the receipts' hashes; beside the database otherwise")
    parser.add_argument("--json", type=Path, required=True, help="file to write")
    parser.add_argument("--think", type=float, nargs=2, default=(2.0, 4.0), metavar=("FROM", "TO"), help="seconds")
    parser.add_argument("--ramp", type=float, help="seconds over which respondents begin; one think time otherwise")
    parser.add_argument("--changes", type=float, default=0.1, help="share of answers that are changed once")
    parser.add_argument("--hasty", type=float, default=0.1, help="share of pages answered without waiting")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds after which a silence is an error")
    parser.add_argument("--locale", default="en-GB")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main() -> int:
    """Run; the exit code is 1 when an answer was lost or an error was met."""
    given = arguments()
    links = read_links(given.links, given.url)[: given.respondents]
    if len(links) < given.respondents:
        Console(stderr=True).print(f"{given.links} has {len(links)} links for {given.respondents} respondents.")
        return 2
    manner = Manner(
        think=tuple(given.think),
        changes=given.changes,
        hasty=given.hasty,
        patience=given.patience,
        locale=given.locale,
    )
    respondents = [
        Respondent(link, manner, np.random.default_rng([given.seed, number])) for number, link in enumerate(links)
    ]
    calibration = calibrate(given.database.absolute().parent)
    lags = asyncio.run(answer_all(respondents, given.think[1] if given.ramp is None else given.ramp))
    calibration += calibrate(given.database.absolute().parent)
    secret = (given.secret_file or Path(f"{given.database}.key")).read_bytes().strip()
    figures = report(respondents, manner, compare(respondents, given.database, secret), lags, calibration)
    given.json.absolute().parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    show(figures, Console())
    return 1 if figures["lost"] or figures["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
