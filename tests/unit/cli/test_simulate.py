"""``eot simulate`` as a person calls it."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from toolkit.cli.simulate import simulate
from toolkit.errors import Code, StatisticsError, StorageError

APP = typer.Typer()
APP.command()(simulate)


def call(*arguments: str) -> object:
    return CliRunner().invoke(APP, list(arguments), catch_exceptions=False, standalone_mode=False)


def test_four_files_are_written_and_written_again_the_same(tmp_path: Path) -> None:
    out = tmp_path / "set"
    options = ("--instrument", "eomhs@1.0.0", "--persons", "30", "--units", "2", "--seed", "3", "--out", str(out))
    call(*options)
    first = {path.name: path.read_bytes() for path in out.glob("[!.]*")}
    assert sorted(first) == ["datasheet.md", "datasheet.yaml", "population.yaml", "responses.csv"]
    assert first["responses.csv"].count(b"\n") == 31
    assert b"--seed 3" in first["datasheet.md"]
    call(*options)
    assert {path.name: path.read_bytes() for path in out.glob("[!.]*")} == first
    call(*options, "--population", str(out / "population.yaml"))
    assert (out / "responses.csv").read_bytes() == first["responses.csv"]


def test_a_refusal_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "set"
    valid = ("--instrument", "eomhs@1.0.0", "--persons", "10", "--units", "2")
    call(*valid, "--out", str(tmp_path / "valid"))
    with pytest.raises(StatisticsError):
        call(*valid, "--units", "11", "--out", str(out))
    assert not out.exists()


def test_a_folder_with_other_files_is_kept_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    options = ("--instrument", "eomhs@1.0.0", "--persons", "10", "--units", "2", "--out", str(tmp_path))
    with pytest.raises(StorageError) as refusal:
        call(*options)
    assert refusal.value.codes == (Code.STO_FOLDER_NOT_OURS,)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    call(*options, "--force")
    assert (tmp_path / "responses.csv").exists()
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "mine"


STUDY = Path(__file__).resolve().parents[3] / "data" / "eomhs-demo-synthetic" / "study.yaml"


def test_a_study_is_drawn_in_waves_and_drawn_again_the_same(tmp_path: Path) -> None:
    out = tmp_path / "waves"
    call("--study", str(STUDY), "--seed", "7", "--out", str(out))
    first = {path.name: path.read_bytes() for path in out.glob("[!.]*")}
    assert {"responses-spring-2025.csv", "responses-autumn-2026.csv", "study.yaml", "waves.yaml", "units.csv"} < set(
        first
    )
    assert b"--seed 7" in first["datasheet.md"]
    call("--study", str(out / "study.yaml"), "--seed", "7", "--out", str(out))
    again = {path.name: path.read_bytes() for path in out.glob("[!.]*")}
    assert {name for name in first if first[name] != again[name]} == {"datasheet.md", "datasheet.yaml"}


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--instrument", "eomhs@1.0.0", "--study", str(STUDY)),
        ("--study", str(STUDY), "--persons", "10"),
        ("--study", str(STUDY), "--units", "2"),
        ("--study", str(STUDY), "--population", str(STUDY)),
    ],
)
def test_either_an_instrument_or_a_study_is_named(tmp_path: Path, options: tuple[str, ...]) -> None:
    with pytest.raises(typer.BadParameter):
        call(*options, "--out", str(tmp_path / "set"))
    assert list(tmp_path.iterdir()) == []


def test_a_refused_study_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("format: 1\n", encoding="utf-8")
    with pytest.raises(StatisticsError) as refusal:
        call("--study", str(tmp_path / "study.yaml"), "--out", str(tmp_path / "set"))
    assert set(refusal.value.codes) == {Code.STA_STUDY}
    assert not (tmp_path / "set").exists()
