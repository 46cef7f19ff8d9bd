"""``eot store import`` through the command itself: all of a file becomes a wave, or nothing does."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.collecting import load
from tests.databases import Kind, drop_database, new_database
from tests.unit.cli.eot import Eot, call_eot, forget_settings
from toolkit.collection.importing import AnswersOfAFile, UnitName
from toolkit.errors import Code, CollectionError, ResponsesError
from toolkit.instruments import Instrument
from toolkit.settings import Settings
from toolkit.storage.integrity import problems_of
from toolkit.storage.response_files import read_responses_in_parts
from toolkit.wiring import Services, wire

EOMHS = load("eomhs@1.0.0")
START = ("store", "import", "answers.csv", "--instrument", "eomhs@1.0.0", "--on", "2026-03-01", "--name")
WAVE = re.compile(r"[0-9a-f]{32}")


@pytest.fixture
def services(tmp_path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """The database of the settings, of either kind, with nothing else set by the machine."""
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    address = new_database(kind, tmp_path)
    monkeypatch.setenv("EOT_DATABASE_URL", address)
    monkeypatch.setenv("EOT_SECRET_FILE", str(tmp_path / "key"))
    wired = wire(Settings())
    yield wired
    wired.engine.dispose()
    drop_database(address)


@pytest.fixture
def eot(services: Services) -> Eot:
    return call_eot


def answers_of(n: int, *, instrument: Instrument = EOMHS, seed: int = 1) -> pd.DataFrame:
    """Return answers as a file holds them: units of two services, some items left out, some languages not said."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"respondent": [f"person {number}" for number in range(n)]}, dtype="object")
    for item in instrument.item_codes:
        frame[item] = rng.choice([str(code) for code in instrument.codes(item)], n)
        frame.loc[rng.random(n) < 0.1, item] = ""
    for covariate in instrument.definition.covariates:
        frame[covariate.code] = rng.choice([*covariate.options, ""], n)
    frame["service"] = rng.choice(["North", "South"], n)
    frame["unit"] = rng.choice(["Ward 1", "Ward 2", "Ward 3"], n)
    frame["language"] = rng.choice(["en", "nb", ""], n)
    return frame


def rows_of(frame: pd.DataFrame, names: list[str]) -> Counter[tuple[str, ...]]:
    return Counter(frame[names].astype("object").itertuples(index=False, name=None))


def counts(services: Services) -> tuple[int, ...]:
    with services.engine.connect() as connection:
        tables = ("services", "units", "placements", "waves", "wave_units", "responses")
        return tuple(connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in tables)  # noqa: S608  our names


def test_every_answer_of_a_file_becomes_part_of_a_wave(eot: Eot, services: Services) -> None:
    frame = answers_of(120)
    frame.loc[7, list(EOMHS.item_codes)] = ""
    frame.to_csv("answers.csv", index=False)
    told = eot(*START, "Spring", "--add-units", "--freeze", "--demo")
    wave_id = WAVE.search(told)[0]
    assert f"120 responses of 6 units, 6 of them new: wave {wave_id} (frozen)." in told
    ((wave, taking_part),) = services.waves.all()
    assert (wave.name, wave.asked_on.isoformat(), wave.is_demo, wave.status) == ("Spring", "2026-03-01", True, "frozen")
    assert [(service.name, len(units)) for service, units in taking_part] == [("North", 3), ("South", 3)]
    owner = {unit.id: (service.name, unit.name) for service, units in taking_part for unit in units}
    with services.store.reading() as transaction:
        responses = transaction.responses(wave.id)
    questions = [*EOMHS.item_codes, *(one.code for one in EOMHS.definition.covariates)]
    stored = pd.DataFrame(
        {
            "service": [owner[one.unit_id][0] for one in responses],
            "unit": [owner[one.unit_id][1] for one in responses],
            "language": ["" if one.language == "und" else one.language for one in responses],
            **{question: [one.answers.get(question, "") for one in responses] for question in questions},
        }
    )
    assert rows_of(stored, list(stored)) == rows_of(frame, list(stored))
    assert {(one.n_changes, one.receipt_hash, one.consent_version) for one in responses} == {(0, None, "elsewhere")}
    assert len(services.waves.answers_frame([wave.id])) == 119
    assert problems_of(services.engine, load) == ()
    assert "synthetic" in eot("store", "waves")


def test_rows_of_the_store_do_not_tell_the_rows_of_the_file(eot: Eot, services: Services) -> None:
    frame = answers_of(200)
    names = ["HB1", "HB2", "HB3", "HB4"]
    codes = np.array(["1", "2", "3", "4", "5"])
    for place, name in enumerate(names):
        frame[name] = codes[np.arange(200) // 5**place % 5]
    frame.to_csv("answers.csv", index=False)
    eot(*START, "Spring", "--add-units")
    with services.engine.connect() as connection:
        read = connection.exec_driver_sql("SELECT answers FROM responses").scalars().all()
    numbers = [
        sum((int(re.search(rf'"{name}":"(\d)"', answers)[1]) - 1) * 5**place for place, name in enumerate(names))
        for answers in read
    ]
    assert sorted(numbers) == list(range(200))
    # Independent orders have a rank correlation with a standard deviation of 0.07; 0.42 is six of them.
    assert abs(np.corrcoef(numbers, range(200))[0, 1]) < 0.42
    everything = str(read)
    assert "person" not in everything


def test_an_imported_wave_can_stay_open_and_be_frozen_later(eot: Eot, services: Services) -> None:
    answers_of(30).to_csv("answers.csv", index=False)
    wave = WAVE.search(eot(*START, "Spring", "--add-units"))[0]
    assert services.waves.wave(wave).status == "open"
    eot("store", "export", wave, "--out", "out", code=CollectionError.exit_code, said=Code.COL_WAVE_NOT_FROZEN)
    eot("store", "freeze", wave, "--yes")
    eot("store", "export", wave, "--out", "out")
    assert len(pd.read_csv("out/answers.csv")) == 30
    # What was exported is what an import takes.
    exported = pd.read_csv("out/answers.csv", dtype=str).assign(service="North", unit="Ward 1")
    exported.to_csv("answers.csv", index=False)
    again = WAVE.search(eot(*START, "Again", "--freeze"))[0]
    assert len(services.waves.answers_frame([again])) == 30


def test_the_same_answers_give_the_same_hash_frozen_at_once_or_later(eot: Eot, services: Services) -> None:
    answers_of(40).to_csv("answers.csv", index=False)
    first = WAVE.search(eot(*START, "First", "--add-units", "--freeze"))[0]
    second = WAVE.search(eot(*START, "Second"))[0]
    eot("store", "freeze", second, "--yes")
    hashes = {services.waves.wave(wave).content_hash for wave in (first, second)}
    assert len(hashes) == 1
    assert None not in hashes


def test_units_are_found_by_service_and_name_and_columns_can_be_renamed(eot: Eot, services: Services) -> None:
    services.waves.add_service("North", ["Ward 1", "Ward 2", "Ward 3"])
    frame = answers_of(40).drop(columns=["service", "respondent"]).rename(columns={"unit": "ward", "HB1": "q1"})
    frame["q1"] = frame["q1"].replace({"-9": "99"})
    frame.to_csv("answers.csv", index=False, sep=";")
    options = ("--map", "ward=unit", "--map", "q1=HB1", "--missing", "99=prefer_not")
    told = eot(*START, "Spring", *options)
    assert "40 responses of 3 units: wave" in told
    # The same names in a second service: now the service must be named.
    services.waves.add_service("South", ["Ward 1", "Ward 2", "Ward 3"])
    before = counts(services)
    eot(*START, "Spring", *options, code=CollectionError.exit_code, said=Code.COL_UNIT_NAMES)
    assert counts(services) == before
    eot(*START, "Spring", *options, "--service", "South")
    assert len(services.waves.all()) == 2


def test_people_who_were_invited_elsewhere_are_counted(eot: Eot, services: Services) -> None:
    frame = answers_of(60)
    frame.to_csv("answers.csv", index=False)
    units = [(service, f"Ward {number}") for service in ("North", "South") for number in (1, 2, 3)]
    invited = pd.DataFrame([(*unit, 10 * place) for place, unit in enumerate(units)])
    invited.columns = ["service", "unit", "n_invited"]
    invited.loc[6] = ["South", "Nobody answered", 7]
    invited.to_csv("invited.csv", index=False)
    told = eot(*START, "Spring", "--add-units", "--freeze", "--invited", "invited.csv")
    assert "60 responses of 7 units" in told
    ((wave, taking_part),) = services.waves.all()
    names = {unit.id: (service.name, unit.name) for service, some in taking_part for unit in some}
    found = {names[one.unit_id]: one for one in services.waves.participation(wave.id)}
    assert {name: one.n_invited for name, one in found.items()} == {
        **{unit: 10 * place for place, unit in enumerate(units)},
        ("South", "Nobody answered"): 7,
    }
    assert {name: one.n_submitted for name, one in found.items()} == {
        **rows_of(frame, ["service", "unit"]),
        ("South", "Nobody answered"): 0,
    }
    assert services.waves.n_invited(wave.id) == 157
    code = ResponsesError.exit_code
    for damage, said in (
        (invited.assign(n_invited="many"), Code.RSP_TEXT_IN_NUMBERS),
        (pd.concat([invited, invited]), Code.RSP_TEXT_IN_NUMBERS),
        (invited.drop(columns="n_invited"), Code.RSP_MISSING_COLUMN),
    ):
        damage.to_csv("invited.csv", index=False)
        before = counts(services)
        eot(*START, "Autumn", "--add-units", "--invited", "invited.csv", code=code, said=said)
        assert counts(services) == before


def test_what_is_wrong_in_a_file_is_told_with_its_row_and_nothing_is_written(eot: Eot, services: Services) -> None:
    frame = answers_of(50)
    frame.to_csv("answers.csv", index=False)
    before = counts(services)
    unknown = eot(*START, "Spring", code=CollectionError.exit_code, said=Code.COL_UNKNOWN_UNIT)
    assert unknown.count("COL_UNKNOWN_UNIT") == 6
    assert "answers.csv, row 2" in unknown
    damages: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], Code]] = {
        "code": (lambda good: good.assign(HB1=[*["4"] * 40, "6", *["4"] * 9]), Code.RSP_CODE_NOT_ALLOWED),
        "no unit": (lambda good: good.assign(unit=[*["A"] * 40, "", *["A"] * 9]), Code.RSP_UNIT_EMPTY),
        "no units": (lambda good: good.drop(columns="unit"), Code.RSP_MISSING_COLUMN),
        "language": (lambda good: good.assign(language=[*["en"] * 40, "fi", *["en"] * 9]), Code.RSP_UNKNOWN_OPTION),
        "twice": (
            lambda good: good.assign(respondent=[*range(40), 39, *range(41, 50)]),
            Code.RSP_RESPONDENT_TWICE,
        ),
        "long name": (lambda good: good.assign(unit=[*["A"] * 40, "x" * 201, *["A"] * 9]), Code.COL_UNIT_NAMES),
    }
    for name, (damage, said) in damages.items():
        damage(frame).to_csv("answers.csv", index=False)
        code = CollectionError.exit_code if said.startswith("COL") else ResponsesError.exit_code
        told = eot(*START, "Spring", "--add-units", code=code, said=said)
        assert ("row 42" in told) is (name != "no units"), told
        assert counts(services) == before
    eot(*START, " ", "--add-units", code=CollectionError.exit_code, said=Code.COL_WAVE_NAME)
    frame.to_csv("answers.csv", index=False)
    eot("store", "import", "answers.csv", "--instrument", "eomhs@1.0.0", "--name", "A", "--on", "yesterday", code=2)
    eot(*START, "Spring", "--add-units")
    assert counts(services) != before


def test_many_unknown_units_are_told_once_each_and_cut(eot: Eot, services: Services) -> None:
    frame = answers_of(60).assign(unit=[f"Unit {number}" for number in range(60)])
    frame.to_csv("answers.csv", index=False)
    told = eot(*START, "Spring", code=CollectionError.exit_code, said=Code.COL_UNKNOWN_UNIT)
    assert told.count("COL_UNKNOWN_UNIT") == 20
    assert "41 more units" in told
    no_service = frame.drop(columns="service")
    no_service.to_csv("answers.csv", index=False)
    told = eot(*START, "Spring", "--add-units", code=CollectionError.exit_code, said=Code.COL_UNKNOWN_UNIT)
    assert "service of the unit" in told
    eot(*START, "Spring", "--add-units", "--service", "North")


# Parts


def test_a_file_is_read_in_parts_as_it_is_read_as_a_whole(tmp_path: Path) -> None:
    frame = answers_of(103)
    # A part of which nobody answered an item, and an empty line within the file.
    frame.loc[100:, list(EOMHS.item_codes)] = ""
    lines = frame.to_csv(index=False).splitlines()
    lines.insert(40, "")
    (tmp_path / "answers.csv").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    parts = list(read_responses_in_parts(tmp_path / "answers.csv", EOMHS, rows_at_once=25))
    assert [len(part) for _, part in parts] == [25, 25, 25, 25, 3]
    rows = [row for some, _ in parts for row in some]
    assert rows == [*range(2, 41), *range(42, 106)]
    ((_, whole),) = read_responses_in_parts(tmp_path / "answers.csv", EOMHS)
    pd.testing.assert_frame_equal(pd.concat([part for _, part in parts]), whole)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'90,"4', Code.RSP_QUOTES),
        (b"90," + b"4," * 60, Code.RSP_RAGGED_ROW),
        (b"90,\xff", Code.RSP_NOT_UTF8),
        (b"90,\x00", Code.RSP_NUL_BYTE),
    ],
)
def test_damage_in_a_later_part_is_told_with_its_row(tmp_path: Path, line: bytes, code: Code) -> None:
    lines = answers_of(100).to_csv(index=False).encode().splitlines()
    file = tmp_path / "answers.csv"
    file.write_bytes(b"\n".join(lines))
    assert [len(part) for _, part in read_responses_in_parts(file, EOMHS, rows_at_once=20)] == [20] * 5
    lines[90] = line
    file.write_bytes(b"\n".join(lines))
    taken = []
    with pytest.raises(ResponsesError) as caught:
        taken.extend(read_responses_in_parts(file, EOMHS, rows_at_once=20))
    assert caught.value.codes == (code,)
    assert caught.value.problems[0].row in (91, 101 if code == Code.RSP_QUOTES else 91)


def test_a_respondent_of_two_parts_is_told(tmp_path: Path) -> None:
    frame = answers_of(50)
    frame.loc[45, "respondent"] = "person 3"
    frame.to_csv(tmp_path / "answers.csv", index=False)
    with pytest.raises(ResponsesError) as caught:
        list(read_responses_in_parts(tmp_path / "answers.csv", EOMHS, rows_at_once=20))
    (problem,) = caught.value.problems
    assert (problem.code, problem.row) == (Code.RSP_RESPONDENT_TWICE, 47)
    assert "row 5" in problem.what


def test_answers_of_a_file_are_kept_small(tmp_path: Path) -> None:
    answers_of(2_000).to_csv(tmp_path / "answers.csv", index=False)
    kept = AnswersOfAFile(EOMHS, file="answers.csv")
    for rows, part in read_responses_in_parts(tmp_path / "answers.csv", EOMHS, rows_at_once=300):
        kept.add(rows, part)
    assert len(kept) == 2_000
    assert set(kept.first_row) == {
        UnitName(service, f"Ward {number}") for service in ("North", "South") for number in (1, 2, 3)
    }
    n_bytes = sum(array.nbytes for some in (kept._answers, kept._languages) for array in some)
    assert n_bytes / 2_000 < 100


# Stopped


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_import_that_is_stopped_leaves_nothing(services: Services, tmp_path: Path, number: signal.Signals) -> None:
    """The command is stopped while it writes: what it wrote until then is not there, and the store is sound."""
    services.waves.add_service("North", ["Ward 1"])
    before = counts(services)
    frame = pd.concat([answers_of(4_000)] * 5, ignore_index=True).assign(service="North", unit="Ward 1")
    frame.drop(columns="respondent").to_csv("answers.csv", index=False)
    code = (
        "import sys\n"
        "from toolkit.collection import importing\n"
        "importing.RESPONSES_AT_ONCE = 200\n"
        "from toolkit.storage import response_store\n"
        "add = response_store.SqlTransaction.add_responses\n"
        "def told(self, responses):\n"
        "    add(self, responses)\n"
        "    print('wrote', flush=True)\n"
        "response_store.SqlTransaction.add_responses = told\n"
        "from toolkit.cli import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", code, *START, "Spring", "--freeze"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as importing:
        assert importing.stdout
        for _ in range(20):
            assert importing.stdout.readline() == "wrote\n"
        importing.send_signal(number)
    assert importing.returncode == (-number if number == signal.SIGKILL else 130)
    # A server takes a moment to notice that its client is gone.
    deadline = time.monotonic() + 20
    while counts(services) != before:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    services.waves.add_service("North", ["Ward 2"])
    assert problems_of(services.engine, load) == ()
