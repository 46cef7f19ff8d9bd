"""``eot store`` and ``eot serve`` through the command itself."""

from __future__ import annotations

import errno
import os
import re
import socket
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from tests.unit.cli.eot import Eot, call_eot, forget_settings
from toolkit.collection.ports import Answer
from toolkit.errors import Code, CollectionError, DefinitionError, StorageError
from toolkit.settings import Settings
from toolkit.wiring import wire

TOKEN = re.compile(r"/i/([A-Za-z0-9_-]{22})")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with nothing set by the machine."""
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def eot(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Eot:
    monkeypatch.setenv("EOT_DATABASE_URL", "sqlite:///store/eot.db")

    return call_eot


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def links(file: Path) -> pd.DataFrame:
    return pd.read_csv(file)


def add_wave(eot: Eot, *units: str, name: str = "Spring", service: str = "Service") -> str:
    options = [option for unit in units or ("North", "South") for option in ("--unit", unit)]
    told = eot("store", "add-wave", "--instrument", "eomhs@1.0.0", "--service", service, "--name", name, *options)
    found = re.search(r"[0-9a-f]{32}", told)
    assert found
    return found[0]


def respond(file: Path, n: int) -> None:
    """Submit an answer for each of the first n links of a file."""
    services = wire(Settings())
    for link in links(file)["link"].head(n):
        cookie = services.responding.open_link(link.rsplit("/", 1)[1])
        draft = services.responding.begin(cookie, language="en", consent_version="1")
        with services.store.writing() as transaction:
            transaction.write_answer(draft.id, "HB1", Answer("4", 1))
        services.responding.submit(cookie, draft.id)
    services.engine.dispose()


# Demonstration


def test_the_demonstration_is_loaded_once(eot: Eot, folder: Path) -> None:
    first = eot("store", "demo")
    store = folder / "store"
    assert {path.name for path in store.iterdir()} >= {"eot.db", "eot.db.key", "invitations.csv"}
    assert {mode(path) for path in store.iterdir()} == {0o600}
    table = links(store / "invitations.csv")
    assert list(table.columns) == ["unit", "link"]
    assert table["unit"].value_counts().tolist() == [10, 10, 10]
    assert table["link"].is_unique
    content = (store / "invitations.csv").read_bytes()
    second = eot("store", "demo")
    assert "already" in second
    assert (store / "invitations.csv").read_bytes() == content
    assert eot("store", "waves").count("demo") == 1
    assert "30 invited" in eot("store", "waves")
    # One link is shown, on a line of its own, and it works.
    assert len(TOKEN.findall(first)) == 1
    assert TOKEN.findall(second) == []
    (line,) = [line for line in first.splitlines() if TOKEN.search(line)]
    assert line.endswith(table["link"].iloc[0])
    services = wire(Settings())
    services.responding.open_link(TOKEN.findall(first)[0])
    services.engine.dispose()


def test_the_demonstration_keeps_links_of_an_earlier_database(eot: Eot, folder: Path) -> None:
    eot("store", "demo")
    file = folder / "store" / "invitations.csv"
    first = file.read_bytes()
    for path in (folder / "store").glob("eot.db*"):
        path.unlink()
    eot("store", "demo")
    assert file.read_bytes() != first
    assert (folder / "store" / "invitations.old.csv").read_bytes() == first


def test_links_carry_the_address_of_the_app(eot: Eot, folder: Path) -> None:
    eot("store", "demo", "--address", "https://survey.example.org")
    assert links(folder / "store" / "invitations.csv")["link"].str.startswith("https://survey.example.org/i/").all()
    wave = add_wave(eot)
    address = ("--address", "https://survey.example.org/")
    eot("store", "invite", wave, "--unit", "North", "--number", "1", "--out", "slash.csv", *address)
    assert links(folder / "slash.csv")["link"].str.startswith("https://survey.example.org/i/").all()
    for wrong in ("survey.example.org", "ftp://survey.example.org", "https://", "https://survey.example.org/?a=b"):
        told = eot(
            "store", "invite", wave, "--unit", "North", "--number", "1", "--out", "no.csv", "--address", wrong, code=2
        )
        assert "address of a site" in " ".join(told.replace("│", " ").split())
        assert not (folder / "no.csv").exists()


# Waves and links


def test_a_wave_goes_from_links_to_an_export(eot: Eot, folder: Path) -> None:
    wave = add_wave(eot)
    told = eot("store", "invite", wave, "--unit", "North", "--number", "6", "--out", "north.csv")
    assert TOKEN.search(told) is None
    assert mode(folder / "north.csv") == 0o600
    table = links(folder / "north.csv")
    assert set(table["unit"]) == {"North"}
    assert table["link"].str.fullmatch(r"http://localhost:8501/i/[A-Za-z0-9_-]{22}").all()
    assert "6 invited" in eot("store", "waves")
    respond(folder / "north.csv", 5)
    assert "Frozen" in eot("store", "freeze", wave, "--yes")
    assert f"{wave}  frozen" in eot("store", "waves")
    eot("store", "export", wave, "--out", "out/export")
    answers = pd.read_csv(folder / "out" / "export" / "answers.csv", dtype=str)
    assert answers["HB1"].tolist() == ["4"] * 5
    assert mode(folder / "out" / "export" / "answers.csv") == 0o600
    book = pd.read_csv(folder / "out" / "export" / "codebook.csv", dtype=str)
    context = {"respondent", "instrument", "version", "wave", "service", "unit", "language"}
    assert set(answers.columns) - context == set(book["variable"])
    # A folder that others may not open stays so.
    (folder / "out" / "export").chmod(0o700)
    # The same place again: an earlier export is replaced, somebody else's files are not.
    eot("store", "export", wave, "--out", "out/export")
    assert mode(folder / "out" / "export") == 0o700
    (folder / "out" / "export" / "notes.txt").write_text("mine")
    eot("store", "export", wave, "--out", "out/export", code=StorageError.exit_code, said=Code.STO_FOLDER_NOT_OURS)
    eot("store", "export", wave, "--out", "out/export", "--force")
    assert (folder / "out" / "export" / "notes.txt").read_text() == "mine"


def test_what_must_not_be_exported_is_refused_and_leaves_nothing(eot: Eot, folder: Path) -> None:
    wave = add_wave(eot)
    eot("store", "invite", wave, "--unit", "North", "--number", "5", "--out", "links.csv")
    respond(folder / "links.csv", 4)
    code = CollectionError.exit_code
    eot("store", "export", wave, "--out", "out", code=code, said=Code.COL_WAVE_NOT_FROZEN)
    eot("store", "freeze", wave, "--yes")
    eot("store", "export", wave, "--out", "out", code=code, said=Code.COL_TOO_FEW_TO_EXPORT)
    eot("store", "export", "nothing", "--out", "out", code=code, said=Code.COL_UNKNOWN_WAVE)
    assert not (folder / "out").exists()
    assert sorted(path.name for path in folder.iterdir()) == ["links.csv", "store"]


def test_a_full_disk_leaves_no_file(eot: Eot, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wave = add_wave(eot)
    invite = ("store", "invite", wave, "--unit", "North", "--number", "5", "--out")
    eot(*invite, "links.csv")
    respond(folder / "links.csv", 5)
    eot("store", "freeze", wave, "--yes")
    eot("store", "export", wave, "--out", "valid")
    before = sorted(path.name for path in folder.iterdir())

    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    code, said = StorageError.exit_code, Code.STO_FOLDER_NOT_WRITABLE
    told = eot("store", "export", wave, "--out", "out", code=code, said=said)
    assert told.startswith(f"{said}  out\n"), "the folder is named as it was given"
    other = add_wave(eot, name="Autumn")
    eot("store", "invite", other, *invite[3:], "other.csv", code=code, said=said)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_freezing_asks_first_and_happens_once(eot: Eot) -> None:
    wave = add_wave(eot)
    eot("store", "freeze", wave, answer="n\n", code=1)
    assert f"{wave}  open" in eot("store", "waves")
    eot("store", "freeze", wave, answer="y\n")
    assert f"{wave}  frozen" in eot("store", "waves")
    code = CollectionError.exit_code
    eot("store", "freeze", wave, "--yes", code=code, said=Code.COL_WAVE_NOT_OPEN)
    eot("store", "freeze", "nothing", "--yes", code=code, said=Code.COL_UNKNOWN_WAVE)


def test_links_that_cannot_be_made_or_written_leave_nothing(eot: Eot, folder: Path) -> None:
    wave = add_wave(eot)
    valid = ("--unit", "North", "--number", "2", "--out", "valid.csv")
    eot("store", "invite", wave, *valid)
    code = CollectionError.exit_code
    invite = ("store", "invite", wave, "--number", "2", "--out", "new.csv", "--unit")
    eot(*invite, "East", code=code, said=Code.COL_UNKNOWN_UNIT)
    eot("store", "invite", "nothing", *valid[:-1], "new.csv", code=code, said=Code.COL_UNKNOWN_WAVE)
    eot("store", "invite", wave, *valid, code=2)
    for number in ("0", "-1", "10001", "many"):
        eot("store", "invite", wave, "--unit", "North", "--out", "new.csv", "--number", number, code=2)
    below = ("--unit", "North", "--number", "2", "--out", "valid.csv/below.csv")
    eot("store", "invite", wave, *below, code=StorageError.exit_code, said=Code.STO_FOLDER_NOT_WRITABLE)
    eot("store", "freeze", wave, "--yes")
    eot(*invite, "North", code=code, said=Code.COL_WAVE_NOT_OPEN)
    assert sorted(path.name for path in folder.iterdir()) == ["store", "valid.csv"]
    assert "2 invited" in eot("store", "waves")


def test_a_wave_needs_a_questionnaire_and_units_with_names(eot: Eot) -> None:
    add_wave(eot)
    valid = ("--service", "S", "--name", "W")
    add = ("store", "add-wave", *valid, "--unit", "A", "--instrument")
    eot(*add, "nothing@1.0.0", code=DefinitionError.exit_code, said=Code.DEF_NOT_FOUND)
    same = ("--instrument", "eomhs@1.0.0", "--unit", "A", "--unit", "A")
    eot("store", "add-wave", *valid, *same, code=CollectionError.exit_code, said=Code.COL_UNIT_NAMES)
    eot("store", "add-wave", *valid, "--instrument", "eomhs@1.0.0", code=2)
    with sqlite3.connect("store/eot.db") as connection:
        assert connection.execute("SELECT count(*) FROM services").fetchone() == (1,)
    connection.close()


def test_names_are_shown_as_they_are_and_ids_are_never_cut(eot: Eot, folder: Path) -> None:
    name, unit = "Spring [pilot] [/red]", "Ward [b]3[/b] " + "long " * 30
    wave = add_wave(eot, unit.strip(), name=name, service="[link=x]Service")
    told = eot("store", "waves")
    assert f"{wave}  open  eomhs@1.0.0  0 invited" in told.splitlines()
    for text in (name, unit.strip(), "[link=x]Service"):
        assert text in told
    eot("store", "invite", wave, "--unit", unit.strip(), "--number", "1", "--out", "links [1].csv")
    assert (folder / "links [1].csv").exists()
    assert name in eot("store", "freeze", wave, "--yes")


# Databases


def test_a_database_that_cannot_be_used_is_told(eot: Eot, folder: Path) -> None:
    eot("store", "waves", "--database", "sqlite:///valid.db")
    code = StorageError.exit_code
    told = eot("store", "waves", "--database", "mysql://a:hunter2@b/c", code=code, said=Code.STO_BAD_ADDRESS)
    told += eot("store", "waves", "--database", "postgresql://a:hunter2@localhost:1/c", code=code)
    assert "STO_UNAVAILABLE" in told
    assert "hunter2" not in told
    (folder / "text.db").write_text("This is no database. " * 100)
    eot("store", "waves", "--database", "sqlite:///text.db", code=code, said=Code.STO_NOT_A_STORE)
    eot("store", "waves", "--database", "sqlite:///text.db/below.db", code=code, said=Code.STO_UNAVAILABLE)
    (folder / "valid.db.key").write_text("short")
    eot("store", "waves", "--database", "sqlite:///valid.db", code=code, said=Code.STO_KEY_UNUSABLE)


def test_no_command_tells_a_token(eot: Eot, folder: Path) -> None:
    """Every command is run beside a file of links; no token of it appears in anything that is printed."""
    wave = add_wave(eot)
    told = eot("store", "invite", wave, "--unit", "North", "--number", "5", "--out", "links.csv")
    tokens = [link.rsplit("/", 1)[1] for link in links(folder / "links.csv")["link"]]
    respond(folder / "links.csv", 5)
    told += eot("store", "waves")
    told += eot("store", "invite", wave, "--unit", "North", "--number", "1", "--out", "links.csv", code=2)
    told += eot("store", "freeze", wave, "--yes") + eot("store", "export", wave, "--out", "out")
    told += (folder / "out" / "answers.csv").read_text() + (folder / "out" / "codebook.csv").read_text()
    assert [token for token in tokens if token in told] == []


# Serving


def test_pages_without_accounts_are_served_on_this_computer_only(eot: Eot) -> None:
    for address in ("0.0.0.0", "192.168.1.5", "::", "localhost"):  # noqa: S104  refused, which is the point
        told = eot("serve", "--demo", "--address", address, code=2)
        assert "127.0.0.1" in told


def test_a_taken_port_is_told_before_the_database_is_touched(eot: Eot, folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        eot("serve", "--port", port, code=StorageError.exit_code, said=Code.STO_PORT_TAKEN)
    assert list(folder.iterdir()) == []


def test_a_database_that_cannot_be_used_is_told_before_anything_is_served(eot: Eot, folder: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    (folder / "text.db").write_text("This is no database. " * 100)
    code = StorageError.exit_code
    eot("serve", "--port", port, "--database", "sqlite:///text.db", code=code, said=Code.STO_NOT_A_STORE)
    eot("serve", "--port", port, "--database", "sqlite://", code=code, said=Code.STO_BAD_ADDRESS)
