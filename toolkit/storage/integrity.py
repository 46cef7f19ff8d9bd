"""Whether a database holds what it should: the engine's own check, the links between tables, and our rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations

from sqlalchemy import Connection, Engine, func, select

from toolkit.collection.answers import content_hash, read, written
from toolkit.collection.flow import allowed_answers
from toolkit.collection.placements import overlaps, services_on
from toolkit.collection.ports import Wave
from toolkit.errors import Code, Problem, ToolkitError
from toolkit.instruments.instrument import Instrument
from toolkit.storage import tables as t
from toolkit.storage.engine import is_server, reading_engine
from toolkit.storage.refusals import refusals
from toolkit.storage.response_store import SqlTransaction

MOST_FINDINGS = 50
RESTORE = "Restore the last backup in which eot store check finds nothing."


def problems_of(engine: Engine, instruments: Callable[[str], Instrument]) -> tuple[Problem, ...]:
    """Return what is wrong with a database, read in one state while the app runs; no answer is quoted.

    Parameters
    ----------
    engine : Engine
        A migrated database.
    instruments : callable
        Returns the instrument for a name such as ``eomhs@1.0.0``.
    """
    with refusals(), reading_engine(engine).begin() as connection:
        found = []
        for problem in _all_problems(connection, instruments):
            found.append(problem)
            if len(found) == MOST_FINDINGS:
                break
    return tuple(found)


def _all_problems(connection: Connection, instruments: Callable[[str], Instrument]) -> Iterator[Problem]:
    transaction = SqlTransaction(connection)
    yield from _damage(connection)
    yield from _orphans(connection)
    yield from _placements(transaction)
    for wave in transaction.waves():
        yield from _wave(connection, transaction, wave, instruments)


def _damage(connection: Connection) -> Iterator[Problem]:
    """Tell what the database engine itself finds; PostgreSQL finds damage when it reads, and everything is read."""
    if not is_server(connection.engine.url):
        for (told,) in connection.exec_driver_sql("PRAGMA integrity_check").all():
            if told != "ok":
                yield _damaged("The database file is damaged.", got=str(told)[:120])
        return
    switched_off = "SELECT count(*) FROM pg_constraint WHERE contype IN ('f', 'p', 'u') AND NOT convalidated"
    if n := connection.exec_driver_sql(switched_off).scalar_one():
        yield _damaged("Rules of the tables were switched off.", got=f"{n} constraints")


def _orphans(connection: Connection) -> Iterator[Problem]:
    for table in t.metadata.sorted_tables:
        for key in table.foreign_keys:
            owner = key.column.table.alias("owner")
            query = select(func.count()).select_from(table.outerjoin(owner, key.parent == owner.c[key.column.name]))
            query = query.where(owner.c[key.column.name].is_(None), key.parent.isnot(None))
            if n := connection.execute(query).scalar_one():
                yield _damaged(f"Rows of {table.name} belong to nothing.", got=f"{n} without {key.column.table.name}")


def _placements(transaction: SqlTransaction) -> Iterator[Problem]:
    names = {unit.id: unit.name for unit in transaction.units()}
    by_unit: dict[str, list[int]] = {}
    placements = transaction.placements()
    for number, placement in enumerate(placements):
        by_unit.setdefault(placement.unit_id, []).append(number)
        if placement.until is not None and placement.until <= placement.since:
            yield _damaged("A unit leaves a service before it belongs to it.", got=names[placement.unit_id])
    for unit_id, numbers in by_unit.items():
        if any(overlaps(placements[one], placements[other]) for one, other in combinations(numbers, 2)):
            yield _damaged("A unit belongs to two services on one day.", got=names.get(unit_id, unit_id))


def _wave(
    connection: Connection, transaction: SqlTransaction, wave: Wave, instruments: Callable[[str], Instrument]
) -> Iterator[Problem]:
    placed = services_on(transaction.placements(), wave.asked_on)
    taking_part = {one.unit_id for one in transaction.wave_units(wave.id)}
    if lost := taking_part - placed.keys():
        yield _damaged(
            f"Units of the wave {wave.name!r} belong to no service on its day.",
            got=f"{len(lost)}",
            fix="Move the units to their service from a day before the wave.",
        )
    strangers = {*transaction.n_responses(wave.id), *transaction.n_invitations(wave.id)} - taking_part
    if strangers:
        yield _damaged(f"Units answered the wave {wave.name!r} and do not take part in it.", got=f"{len(strangers)}")
    if wave.status == "frozen":
        yield from _frozen(connection, transaction, wave)
    instrument = None
    try:
        instrument = instruments(wave.instrument)
    except ToolkitError as error:
        yield from error.problems
    if instrument is None:
        return
    if instrument.definition_hash != wave.definition_hash:
        yield Problem(
            code=Code.COL_QUESTIONNAIRE_CHANGED,
            what=f"The questionnaire {wave.instrument} is not the one that the wave {wave.name!r} was made with.",
            fix="Put its definition back as it was, and give the changed one a new version.",
        )
        return
    yield from _answers(connection, transaction, wave, instrument)


def _frozen(connection: Connection, transaction: SqlTransaction, wave: Wave) -> Iterator[Problem]:
    found = content_hash(wave.instrument_id, wave.definition_hash, transaction.answer_rows(wave.id))
    if found != wave.content_hash:
        yield _damaged(f"The answers of the frozen wave {wave.name!r} are not those that were frozen.")
    of_wave = t.invitations.c.wave_id == wave.id
    left = {
        "drafts": select(func.count()).select_from(t.drafts.join(t.invitations)).where(of_wave),
        "sessions": select(func.count()).select_from(t.respondent_sessions.join(t.invitations)).where(of_wave),
        "receipts": select(func.count(t.responses.c.receipt_hash)).where(t.responses.c.wave_id == wave.id),
    }
    for name, query in left.items():
        if n := connection.execute(query).scalar_one():
            yield _damaged(f"The frozen wave {wave.name!r} still has {name}, which a freeze deletes.", got=f"{n}")


def _answers(
    connection: Connection, transaction: SqlTransaction, wave: Wave, instrument: Instrument
) -> Iterator[Problem]:
    """Tell answers that the instrument does not have, by question."""
    options = {
        question: frozenset(allowed_answers(instrument, question) or ())
        for question in (*instrument.item_codes, *(one.code for one in instrument.definition.covariates))
    }
    wrong: Counter[str] = Counter()
    n_unreadable = n_other_version = 0
    for row in transaction.answer_rows(wave.id):
        n_other_version += row.version != wave.instrument_version
        try:
            answers = read(row.answers)
            is_canonical = written(answers) == row.answers
        except (ValueError, TypeError, AttributeError):
            is_canonical = False
        if not is_canonical or not isinstance(answers, dict):
            n_unreadable += 1
            continue
        wrong.update(question for question, answer in answers.items() if answer not in options.get(question, ()))
    if n_unreadable:
        yield _damaged(f"Responses of the wave {wave.name!r} are not written as answers are.", got=f"{n_unreadable}")
    if n_other_version:
        yield _damaged(f"Responses of the wave {wave.name!r} are of another version.", got=f"{n_other_version}")
    drafts = (
        select(t.draft_answers.c.question, t.draft_answers.c.answer)
        .select_from(t.draft_answers.join(t.drafts).join(t.invitations))
        .where(t.invitations.c.wave_id == wave.id, t.draft_answers.c.answer.isnot(None))
    )
    for question, answer in connection.execute(drafts):
        wrong[question] += answer not in options.get(question, ())
    for question, n in sorted(wrong.items()):
        if n:
            yield _damaged(
                f"Answers of the wave {wave.name!r} are none that {wave.instrument} has.", got=f"{n}", item=question
            )


def _damaged(what: str, *, got: str | None = None, item: str | None = None, fix: str = RESTORE) -> Problem:
    return Problem(code=Code.STO_DAMAGED, what=what, got=got, item=item, fix=fix)
