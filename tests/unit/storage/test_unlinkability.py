"""Whoever gets the database's files after a freeze cannot tell whose answers are whose.

The attacker here knows in which order people submitted, holds every file of the database, and tries to join
invitations to answers: by shared values, by the order in which rows are read, by where their bytes lie, by time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sqlalchemy import Date, DateTime, Float

from tests.collecting import SECRET, Browser, Survey
from tests.databases import Kind
from toolkit.collection.answers import read
from toolkit.collection.ports import Answer
from toolkit.collection.privacy import keyed_hash, receipt_as_typed
from toolkit.storage.tables import metadata

N_PEOPLE = 60
N_SURVEYS = 5
N_ATTACKS = 12 + 20
"""Orders that are compared in one run, on SQLite and PostgreSQL; the false alarms of all of them are counted."""
LIMIT = float(stats.norm.isf(1e-6 / N_ATTACKS / 2))
"""About 5.2 standard deviations. Under independence the mean of the rank correlations times sqrt(59 x 5) is close to
normal, and its tails are lighter than normal, so that all attacks together give a false alarm less than once in a
million runs."""

ANSWER_SIDE = ("responses",)
TRACE = {"sqlite": b"CC5-9", "postgresql": b"CC5\x07-9"}
"""How a draft's answer -9 to CC5 lies in a file; PostgreSQL writes the length between them."""
PERSON_SIDE = ("invitations", "respondent_sessions", "drafts", "draft_answers")


def answers_of(number: int) -> dict[str, str]:
    """Write a person's number in the answers, so that the test knows whose they are."""
    return {"HB1": str(number % 5 + 1), "HB2": str(number // 5 % 5 + 1), "HB3": str(number // 25 + 1)}


def number_of(answers: dict[str, str]) -> int:
    return int(answers["HB1"]) - 1 + 5 * (int(answers["HB2"]) - 1) + 25 * (int(answers["HB3"]) - 1)


class Collected:
    """A survey in which person 0 submits first, person 59 last, with everything secret written down."""

    def __init__(self, folder: Path, kind: Kind) -> None:
        self.survey = Survey(folder, kind=kind)
        survey = self.survey
        self.people: list[Browser] = []
        self.receipts: list[str] = []
        for number in range(N_PEOPLE):
            browser, receipt = survey.respond(answers_of(number))
            self.people.append(browser)
            self.receipts.append(receipt)
        # Three who never submit, with answers that nobody else gives.
        self.unfinished = [survey.browser() for _ in range(3)]
        for browser in self.unfinished:
            survey.answer(browser, "CC5", "-9")
        everyone = [*self.people, *self.unfinished]
        self.never_stored = [one.token for one in everyone] + [one.cookie for one in everyone] + self.receipts
        self.drafts = [one.draft for one in everyone]
        self.old_keys = [row[0] for row in survey.rows("SELECT key FROM responses UNION SELECT id FROM invitations")]
        self.hashes = [keyed_hash(SECRET, "receipt", receipt_as_typed(receipt)) for receipt in self.receipts]
        self.hashes += [keyed_hash(SECRET, "cookie", one.cookie) for one in everyone]
        if kind == "postgresql":
            # As the server does by itself from time to time: it keeps samples of what the tables hold.
            with survey.engine.begin() as connection:
                connection.exec_driver_sql("ANALYZE")
        self.bytes_before = survey.bytes()
        self.person_of_token = {keyed_hash(SECRET, "token", one.token): n for n, one in enumerate(self.people)}

    def orders(self) -> dict[str, list[int]]:
        """Return people's numbers in every order that an attacker can read; there are N_ATTACKS pairs of them."""
        survey = self.survey
        person_of_key = {
            key: number_of(read(answers)) for key, answers in survey.rows("SELECT key, answers FROM responses")
        }
        people = {row[0]: row[1] for row in survey.rows("SELECT token_hash, id FROM invitations")}
        person_of_invitation = {
            invitation: self.person_of_token[token]
            for token, invitation in people.items()
            if token in self.person_of_token
        }

        def as_read(sql: str, person: dict[str, int]) -> list[int]:
            return [person[row[0]] for row in survey.rows(sql) if row[0] in person]

        def as_lying(person: dict[str, int], content: bytes) -> list[int]:
            return [person[key] for key in sorted(person, key=lambda key: content.find(key.encode()))]

        by_link = as_read("SELECT token_hash FROM invitations ORDER BY token_hash", self.person_of_token)
        if survey.kind == "postgresql":
            content = survey.bytes()
            return {
                "answers read": as_read("SELECT key FROM responses", person_of_key),
                "answers by place": as_read("SELECT key FROM responses ORDER BY ctid", person_of_key),
                "answers by command": as_read("SELECT key FROM responses ORDER BY cmin::text::int", person_of_key),
                "answers lying": as_lying(person_of_key, content),
                "people read": as_read("SELECT id FROM invitations", person_of_invitation),
                "people by command": as_read(
                    "SELECT id FROM invitations ORDER BY cmin::text::int", person_of_invitation
                ),
                "people lying": as_lying(person_of_invitation, content),
                "people by link": by_link,
            }
        content = survey.file.read_bytes()
        return {
            "answers read": as_read("SELECT key FROM responses NOT INDEXED", person_of_key),
            "answers lying": as_lying(person_of_key, content),
            "answers in the index": as_read("SELECT key FROM responses WHERE wave_id > ''", person_of_key),
            "people read": as_read("SELECT id FROM invitations NOT INDEXED", person_of_invitation),
            "people lying": as_lying(person_of_invitation, content),
            "people by link": by_link,
        }


def signal(orders: list[tuple[list[int], list[int]]]) -> float:
    """Return how far, in standard deviations, the rank correlation of two orders of the same people is from chance."""
    correlations = []
    for one, other in orders:
        assert sorted(one) == sorted(other) == list(range(N_PEOPLE))
        correlations.append(stats.spearmanr(np.argsort(one), np.argsort(other)).statistic)
    return abs(float(np.mean(correlations))) * math.sqrt((N_PEOPLE - 1) * len(orders))


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory, kind: Kind) -> Iterator[list[Collected]]:
    surveys = [Collected(tmp_path_factory.mktemp("frozen"), kind) for _ in range(N_SURVEYS)]
    for one in surveys:
        one.survey.waves.freeze(one.survey.wave.id)
    yield surveys
    for one in surveys:
        one.survey.drop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, kind: Kind) -> Iterator[list[Collected]]:
    surveys = [Collected(tmp_path_factory.mktemp("running"), kind) for _ in range(N_SURVEYS)]
    yield surveys
    for one in surveys:
        one.survey.drop()


@pytest.fixture(scope="module")
def running_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Collected]]:
    surveys = [Collected(tmp_path_factory.mktemp("files"), "sqlite") for _ in range(N_SURVEYS)]
    yield surveys
    for one in surveys:
        one.survey.drop()


def attacks(surveys: list[Collected]) -> dict[str, float]:
    """Compare every order of answers with every order of people, and with the order of submission."""
    found = [one.orders() for one in surveys]
    answer_orders = [name for name in found[0] if name.startswith("answers")]
    person_orders = [name for name in found[0] if name.startswith("people")]
    submitted = list(range(N_PEOPLE))
    results = {
        f"{name} - submission": signal([(orders[name], submitted) for orders in found]) for name in answer_orders
    }
    for name in answer_orders:
        for other in person_orders:
            results[f"{name} - {other}"] = signal([(orders[name], orders[other]) for orders in found])
    return results


def test_after_a_freeze_no_order_joins_answers_to_people(frozen: list[Collected]) -> None:
    results = attacks(frozen)
    assert len(results) == {"sqlite": 12, "postgresql": 20}[frozen[0].survey.kind]
    assert {name: value for name, value in results.items() if value > LIMIT} == {}


def test_a_row_of_postgresql_tells_its_transaction_until_the_freeze(
    running: list[Collected], frozen: list[Collected]
) -> None:
    """A submission writes a response and an invitation under one transaction number; a freeze all of a wave's."""
    if running[0].survey.kind == "sqlite":
        columns = {row[1] for row in running[0].survey.rows("PRAGMA table_info(responses)")}
        assert columns == set(metadata.tables["responses"].c.keys())
        return
    joined = "SELECT answers, token_hash FROM responses JOIN invitations ON responses.xmin = invitations.xmin"
    for one in running:
        found = {(number_of(read(answers)), one.person_of_token[token]) for answers, token in one.survey.rows(joined)}
        assert found == {(number, number) for number in range(N_PEOPLE)}, "the twin: before the freeze all are joined"
    for one in frozen:
        for table in ("responses", "invitations"):
            assert one.survey.rows(f"SELECT count(DISTINCT xmin::text) FROM {table}") == [(1,)]  # noqa: S608  our names
        assert len(one.survey.rows(joined)) == N_PEOPLE * (N_PEOPLE + len(one.unfinished))


def test_rows_of_a_server_lie_as_they_were_written_until_the_freeze(running: list[Collected]) -> None:
    """The twin of the attack after the freeze, and the reason why the consent text promises nothing before it."""
    results = attacks(running)
    is_told = results["answers read - submission"] > LIMIT
    assert is_told is (running[0].survey.kind == "postgresql")


def test_rows_of_a_file_do_not_tell_the_order_of_submission_before_a_freeze_either(
    running_files: list[Collected],
) -> None:
    results = attacks(running_files)
    assert {name: value for name, value in results.items() if value > LIMIT and "lying" not in name} == {}


def test_the_attack_finds_an_order_where_there_is_one(running_files: list[Collected]) -> None:
    """The twin: tables with row ids, as most programs make them, are joined at once."""
    orders = []
    for one in running_files:
        with one.survey.engine.begin() as connection:
            connection.exec_driver_sql("CREATE TEMP TABLE leaky (key TEXT PRIMARY KEY)")
            rng = np.random.default_rng(1)
            for number in range(N_PEOPLE):
                connection.exec_driver_sql("INSERT INTO leaky VALUES (?)", (f"{rng.bytes(8).hex()}:{number}",))
            keys = connection.exec_driver_sql("SELECT key FROM leaky NOT INDEXED").scalars().all()
            connection.exec_driver_sql("DROP TABLE leaky")
        orders.append(([int(key.split(":")[1]) for key in keys], list(range(N_PEOPLE))))
    assert signal(orders) > 3 * LIMIT
    # Even an order in which one row in three was moved elsewhere is found.
    rng = np.random.default_rng(2)
    half_hidden = []
    for one, other in orders:
        mixed = list(one)
        moved = rng.choice(N_PEOPLE, N_PEOPLE // 3, replace=False)
        for place, value in zip(moved, [mixed[place] for place in rng.permutation(moved)], strict=True):
            mixed[place] = value
        half_hidden.append((mixed, other))
    assert signal(half_hidden) > LIMIT


# Shared values


def values(survey: Survey, tables: tuple[str, ...]) -> dict[str, set[str]]:
    found = {}
    for name in tables:
        for column in metadata.tables[name].c:
            rows = survey.rows(f"SELECT {column.name} FROM {name}")  # noqa: S608  names of our own tables
            found[f"{name}.{column.name}"] = {str(row[0]) for row in rows if row[0] is not None}
    return found


def shared(survey: Survey) -> set[tuple[str, str]]:
    answer_values, person_values = values(survey, ANSWER_SIDE), values(survey, PERSON_SIDE)
    return {
        (one, other)
        for one, some in answer_values.items()
        for other, others in person_values.items()
        if {value for value in some & others if len(value) > 2}
    }


def test_only_wave_and_unit_stand_on_both_sides(running: list[Collected], frozen: list[Collected]) -> None:
    allowed = {("responses.wave_id", "invitations.wave_id"), ("responses.unit_id", "invitations.unit_id")}
    for one in frozen:
        assert shared(one.survey) == allowed
    for one in running:
        # Those who are still answering have a consent version in common with the others.
        assert shared(one.survey) - {("responses.consent_version", "drafts.consent_version")} == allowed


def test_no_foreign_key_leads_from_answers_to_people() -> None:
    for name in ANSWER_SIDE:
        targets = {key.column.table.name for key in metadata.tables[name].foreign_keys}
        assert targets & set(PERSON_SIDE) == set()
    for name in PERSON_SIDE:
        targets = {key.column.table.name for key in metadata.tables[name].foreign_keys}
        assert targets & set(ANSWER_SIDE) == set()


def test_no_table_of_people_or_answers_has_a_row_id(running_files: list[Collected]) -> None:
    survey = running_files[0].survey
    tables = dict(survey.rows("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
    for name in (*ANSWER_SIDE, *PERSON_SIDE):
        assert tables[name].rstrip().endswith("WITHOUT ROWID")
    assert "sqlite_sequence" not in tables


def test_no_date_is_kept_with_answers_and_none_with_people_once_they_submitted(
    running: list[Collected], frozen: list[Collected]
) -> None:
    timed = [
        f"{table.name}.{column.name}"
        for table in (metadata.tables[name] for name in (*ANSWER_SIDE, *PERSON_SIDE))
        for column in table.c
        if isinstance(column.type, Date | DateTime | Float)
    ]
    assert timed == ["respondent_sessions.last_seen"]
    assert running[0].survey.count("respondent_sessions") == len(running[0].unfinished)
    assert frozen[0].survey.count("respondent_sessions") == 0
    for one in (running[0], frozen[0]):
        numbers = {value for some in values(one.survey, ANSWER_SIDE).values() for value in some if value.isdigit()}
        assert all(int(value) < 100 for value in numbers)


# Bytes


SUFFIXES: dict[str, Callable[[Collected], list[str]]] = {
    "draft keys": lambda one: one.drafts,
    "hashes of receipts and cookies": lambda one: one.hashes,
    "keys from before the freeze": lambda one: one.old_keys,
}


@pytest.mark.parametrize("what", SUFFIXES)
def test_a_freeze_leaves_no_trace_in_any_file(frozen: list[Collected], what: str) -> None:
    for one in frozen:
        secrets = SUFFIXES[what](one)
        # The twin: before the freeze the same search finds those that were still in use, at the least.
        assert sum(secret.encode() in one.bytes_before for secret in secrets) >= len(one.unfinished)
        content = one.survey.bytes()
        assert [secret for secret in secrets if secret.encode() in content] == []


def test_tokens_cookies_and_receipts_are_never_in_any_file(frozen: list[Collected]) -> None:
    for one in frozen:
        assert len(one.never_stored) == 3 * N_PEOPLE + 6
        for content in (one.bytes_before, one.survey.bytes()):
            assert [secret for secret in one.never_stored if secret.encode() in content] == []


def test_no_deleted_row_and_no_log_is_left(frozen: list[Collected]) -> None:
    for one in frozen:
        if one.survey.kind == "postgresql":
            for table in ("drafts", "draft_answers", "respondent_sessions"):
                assert one.survey.rows(f"SELECT pg_relation_size('{table}')") == [(0,)]
            continue
        assert one.survey.rows("PRAGMA freelist_count") == [(0,)]
        log = one.survey.file.with_name("eot.db-wal")
        assert not log.exists() or log.stat().st_size == 0


def test_answers_that_were_not_submitted_are_gone(frozen: list[Collected]) -> None:
    for one in frozen:
        # Nobody else answered CC5; its code stands in the order of questions, so it is followed by its answer here.
        trace = TRACE[one.survey.kind]
        assert trace in one.bytes_before
        assert trace not in one.survey.bytes()


def test_withdrawn_answers_leave_the_files_with_the_freeze(tmp_path: Path, kind: Kind) -> None:
    survey = Survey(tmp_path, kind=kind)
    _, receipt = survey.respond({"HB1": "4", "CC5": "-9"})
    survey.respond({"HB1": "4"})
    assert b'"CC5":"-9"' in survey.bytes()
    survey.responding.withdraw(receipt)
    survey.waves.freeze(survey.wave.id)
    assert b'"CC5":"-9"' not in survey.bytes()
    assert TRACE[kind] not in survey.bytes()
    assert survey.count("responses") == 1
    survey.drop()


def test_an_answer_that_was_changed_is_not_kept_beside_the_last_one(tmp_path: Path, kind: Kind) -> None:
    survey = Survey(tmp_path, kind=kind)
    browser = survey.browser()
    first = survey.answer(browser, "CC5", "-9")
    assert TRACE[kind] in survey.bytes()
    assert survey.answer(browser, "CC5", "4", first) == Answer("4", 2)
    survey.responding.submit(browser.cookie, browser.draft)
    survey.waves.freeze(survey.wave.id)
    assert TRACE[kind] not in survey.bytes()
    assert survey.rows("SELECT answers FROM responses") == [('{"CC5":"4"}',)]
    survey.drop()


def test_the_order_of_keys_in_an_answer_tells_nothing(tmp_path: Path, kind: Kind) -> None:
    survey = Survey(tmp_path, kind=kind)
    for order in (["CC5", "HB1", "position"], ["position", "HB1", "CC5"]):
        browser = survey.browser()
        for question in order:
            survey.answer(browser, question, "clinician" if question == "position" else "4")
        survey.responding.submit(browser.cookie, browser.draft)
    texts = survey.rows("SELECT answers FROM responses")
    assert texts == [('{"CC5":"4","HB1":"4","position":"clinician"}',)] * 2
    survey.drop()
