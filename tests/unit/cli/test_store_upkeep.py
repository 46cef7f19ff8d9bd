"""``eot store migrate``, ``backup``, ``restore``, ``check`` and waves of several services, as commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import make_url, text

from tests.databases import KINDS, Kind, drop_database, new_database
from tests.unit.cli.eot import Eot, call_eot, forget_settings
from toolkit.errors import Code, CollectionError, StorageError
from toolkit.settings import Settings
from toolkit.storage.engine import open_engine

WAVE = re.compile(r"[0-9a-f]{32}")
ADD = ("store", "add-wave", "--instrument", "eomhs@1.0.0", "--service", "North", "--unit", "A", "--unit", "B")


@pytest.fixture
def eot(tmp_path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> Iterator[Eot]:
    """The command on a new database without tables."""
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store").mkdir()
    address = new_database(kind, tmp_path / "store", empty=True)
    monkeypatch.setenv("EOT_DATABASE_URL", address)
    monkeypatch.setenv("EOT_SECRET_FILE", str(tmp_path / "store" / "key"))

    yield call_eot
    drop_database(address)


@pytest.fixture(params=KINDS)
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of another database, of either kind."""
    (tmp_path / "other").mkdir()
    address = new_database(request.param, tmp_path / "other", empty=True)
    yield address
    drop_database(address)


def test_migrating_says_from_where_to_where(eot: Eot) -> None:
    assert "from nothing to the schema 0002" in eot("store", "migrate")
    assert "at the schema 0002 already" in eot("store", "migrate")
    code = StorageError.exit_code
    eot("store", "migrate", "--database", "mysql://a/b", code=code, said=Code.STO_BAD_ADDRESS)


def test_a_backup_is_restored_and_used(eot: Eot, other: str, tmp_path: Path) -> None:
    wave = WAVE.search(eot(*ADD, "--name", "Spring", "--on", "2026-03-01"))[0]
    eot("store", "invite", wave, "--unit", "A", "--number", "3", "--out", "links.csv")
    listed = eot("store", "waves")
    told = eot("store", "backup", "backup.zip")
    assert re.search(r"rows of 10 tables: backup.zip", told)
    code = StorageError.exit_code
    eot("store", "backup", "backup.zip", code=code, said=Code.STO_FOLDER_NOT_WRITABLE)
    assert "were restored" in eot("store", "restore", "backup.zip", "--database", other)
    # The key is not in the backup; the settings still name it.
    assert eot("store", "waves", "--database", other) == listed
    eot("store", "restore", "backup.zip", "--database", other, code=code, said=Code.STO_NOT_EMPTY)
    (tmp_path / "text.zip").write_text("This is no backup.")
    for name in ("text.zip", "nothing.zip"):
        eot("store", "restore", name, "--database", other, code=code, said=Code.STO_BACKUP_UNUSABLE)
    assert eot("store", "waves", "--database", other) == listed
    for token in pd.read_csv("links.csv")["link"].str.rsplit("/", n=1).str[1]:
        assert token.encode() not in (tmp_path / "backup.zip").read_bytes()


def test_a_database_without_tables_is_not_backed_up(eot: Eot) -> None:
    eot("store", "backup", "backup.zip", code=StorageError.exit_code, said=Code.STO_NOT_A_STORE)
    assert not Path("backup.zip").exists()


def test_a_check_tells_what_is_wrong_and_how_much(eot: Eot, tmp_path: Path) -> None:
    eot(*ADD, "--name", "Spring")
    assert "Nothing is wrong." in eot("store", "check")
    engine = open_engine(Settings().database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE placements SET until = since"))
    engine.dispose()
    told = eot("store", "check", code=StorageError.exit_code, said=Code.STO_DAMAGED)
    assert "leaves a service before it belongs to it" in told
    assert "The check found 3 problems." in told


def test_a_wave_takes_in_units_of_several_services(eot: Eot) -> None:
    autumn = WAVE.search(eot(*ADD, "--name", "Autumn", "--on", "2026-09-01"))[0]
    spring = WAVE.search(eot(*ADD, "--name", "Spring", "--on", "2026-03-01"))[0]
    more = ("store", "add-units", spring, "--service", "South", "--unit", "A", "--unit", "C")
    assert "2 units of South take part." in eot(*more)
    listed = eot("store", "waves")
    assert listed.index("Spring; 2026-03-01") < listed.index("Autumn; 2026-09-01")
    assert listed.count("North: A, B") == 2
    assert listed.count("South: A, C") == 1
    code = CollectionError.exit_code
    invite = ("store", "invite", spring, "--unit", "A", "--number", "2", "--out")
    eot(*invite, "links.csv", code=code, said=Code.COL_UNIT_NAMES)
    eot(*invite, "links.csv", "--service", "South")
    eot(
        "store",
        "invite",
        autumn,
        "--unit",
        "C",
        "--number",
        "2",
        "--out",
        "no.csv",
        code=code,
        said=Code.COL_UNKNOWN_UNIT,
    )
    assert f"{spring}  open  eomhs@1.0.0  2 invited" in eot("store", "waves")
    eot("store", "freeze", spring, "--yes")
    eot(*more, code=code, said=Code.COL_WAVE_NOT_OPEN)
    eot("store", "add-units", "nothing", *more[3:], code=code, said=Code.COL_UNKNOWN_WAVE)
    eot(*ADD, "--name", "Wrong", "--on", "1.3.2026", code=2)
    assert "Wrong" not in eot("store", "waves")


def test_the_demonstration_is_loaded_into_either_kind_of_database(eot: Eot, tmp_path: Path) -> None:
    told = eot("store", "demo")
    assert "30 invitation links" in told
    assert "demo  open  eomhs@1.0.0  30 invited  synthetic" in eot("store", "waves")
    assert (tmp_path / "store" / "invitations.csv").stat().st_mode & 0o777 == 0o600
    assert "Nothing is wrong." in eot("store", "check")
    assert make_url(Settings().database_url).database
