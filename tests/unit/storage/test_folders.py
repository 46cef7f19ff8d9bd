"""A folder of results appears whole or not at all, and other people's files are safe."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.errors import Code, StorageError
from toolkit.storage.folders import check_place, write_atomically


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".eot")
    }


def write(place: Path, text: str, *, force: bool = False) -> None:
    with write_atomically(place, force=force) as folder:
        (folder / "tables").mkdir()
        (folder / "tables" / "a.csv").write_text(text)
        (folder / f"{text}.txt").write_text(text)


def write_half(place: Path, failure: type[BaseException]) -> None:
    with write_atomically(place) as folder:
        (folder / "half.txt").write_text("half")
        raise failure


def test_a_new_folder_its_parents_and_an_empty_folder(tmp_path):
    write(tmp_path / "deep" / "er", "one")
    assert tree(tmp_path / "deep" / "er") == {"tables/a.csv": "one", "one.txt": "one"}
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", "one")
    assert tree(tmp_path / "empty") == {"tables/a.csv": "one", "one.txt": "one"}
    assert {path.name for path in tmp_path.iterdir()} == {"deep", "empty"}


def test_what_an_earlier_run_wrote_is_replaced_as_a_whole(tmp_path):
    write(tmp_path / "out", "one")
    write(tmp_path / "out", "two")
    assert tree(tmp_path / "out") == {"tables/a.csv": "two", "two.txt": "two"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("exists", [False, True])
def test_after_a_failure_nothing_has_changed(tmp_path, failure, exists):
    place = tmp_path / "a" / "out" if not exists else tmp_path / "out"
    if exists:
        write(place, "one")
    before = tree(tmp_path)
    with pytest.raises(failure):
        write_half(place, failure)
    assert tree(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == ({"out"} if exists else set())


def test_the_old_folder_comes_back_when_the_new_cannot_take_its_place(tmp_path, monkeypatch):
    write(tmp_path / "out", "one")
    rename = Path.rename

    def failing(self: Path, other: Path) -> Path:
        if self.name == "new":
            raise KeyboardInterrupt
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "out", "two")
    assert tree(tmp_path) == {"out/tables/a.csv": "one", "out/one.txt": "one"}


def test_a_folder_with_other_files_is_refused_and_force_keeps_them(tmp_path):
    write(tmp_path / "out", "one")
    (tmp_path / "out" / "tables" / "mine.docx").write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(StorageError) as caught:
        write(tmp_path / "out", "two")
    assert caught.value.codes == (Code.STO_FOLDER_NOT_OURS,)
    assert "mine.docx" in str(caught.value)
    assert "--force" in str(caught.value)
    assert tree(tmp_path) == before
    write(tmp_path / "out", "two", force=True)
    assert tree(tmp_path / "out") == {"tables/a.csv": "two", "two.txt": "two", "tables/mine.docx": "mine"}
    write(tmp_path / "out", "three", force=True)
    assert tree(tmp_path / "out")["tables/mine.docx"] == "mine"


def test_a_file_in_the_place_is_refused(tmp_path):
    write(tmp_path / "out", "one")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError) as caught:
        write(tmp_path / "file", "one")
    assert caught.value.codes == (Code.STO_FOLDER_IS_FILE,)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    write(tmp_path / "out", "one")

    def denied(**_options: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("toolkit.storage.folders.tempfile.mkdtemp", denied)
    with pytest.raises(StorageError) as caught:
        write(tmp_path / "other", "one")
    assert caught.value.codes == (Code.STO_FOLDER_NOT_WRITABLE,)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("when", "exists"),
    [
        (when, exists)
        for exists in (False, True)
        for when in ("writing", "listing", "copying", "moving")
        if exists or when != "copying"
    ],
)
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch, when, exists):
    place = tmp_path / "out" if exists else tmp_path / "deep" / "er" / "out"
    valid = tmp_path / "valid"
    write(valid, "one")
    if exists:
        write(place, "one")
        (place / "mine.docx").write_text("mine")
    before = tree(tmp_path)
    write_text, rename = Path.write_text, Path.rename

    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def full_for(name: str, method):
        return lambda self, *given, **options: (full if self.name == name else method)(self, *given, **options)

    if when in ("writing", "listing"):
        name = "two.txt" if when == "writing" else ".eot-folder"
        monkeypatch.setattr(Path, "write_text", full_for(name, write_text))
    elif when == "copying":
        monkeypatch.setattr("toolkit.storage.folders.shutil.copy2", full)
    else:
        monkeypatch.setattr(Path, "rename", full_for("new", rename))
    with pytest.raises(StorageError) as caught:
        write(place, "two", force=True)
    monkeypatch.undo()
    (problem,) = caught.value.problems
    assert problem.code == Code.STO_FOLDER_NOT_WRITABLE
    assert problem.file == str(place)
    assert os.strerror(errno.ENOSPC) in problem.what
    assert "space" in problem.fix
    assert tree(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == ({"valid", "out"} if exists else {"valid"})


@pytest.fixture
def umask() -> Iterator[None]:
    """The umask is put back."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(("mask", "folder_mode", "file_mode"), [(0o022, 0o755, 0o644), (0o077, 0o700, 0o600)])
def test_a_new_folder_follows_the_umask(tmp_path, mask, folder_mode, file_mode):
    os.umask(mask)
    write(tmp_path / "deep" / "out", "one")
    folders = [tmp_path / "deep", tmp_path / "deep" / "out", tmp_path / "deep" / "out" / "tables"]
    assert {mode(folder) for folder in folders} == {folder_mode}
    assert {mode(path) for path in tmp_path.rglob("*") if path.is_file()} == {file_mode}


@pytest.mark.usefixtures("umask")
def test_a_replaced_folder_keeps_its_permissions(tmp_path):
    out = tmp_path / "out"
    out.mkdir(0o700)
    write(out, "one")
    assert mode(out) == 0o700
    (out / "tables").chmod(0o750)
    (out / "mine").mkdir(0o700)
    (out / "mine" / "thesis.txt").write_text("mine")
    (out / "mine" / "thesis.txt").chmod(0o600)
    write(out, "two", force=True)
    assert [mode(out / name) for name in (".", "tables", "mine", "mine/thesis.txt", "two.txt")] == [
        0o700, 0o750, 0o700, 0o600, 0o644,
    ]  # fmt: skip


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("place", [".", "..", "../../work", "../.."])
def test_the_current_folder_and_those_above_are_refused(tmp_path, monkeypatch, place, force):
    current = tmp_path / "work" / "here"
    current.mkdir(parents=True)
    monkeypatch.chdir(current)
    write(Path("results"), "one")
    write(Path("../beside"), "one")
    before = tree(tmp_path)
    for refused in (check_place, lambda where, force: write(where, "two", force=force)):
        with pytest.raises(StorageError) as caught:
            refused(Path(place), force=force)
        assert caught.value.codes == (Code.STO_FOLDER_NOT_OURS,)
        assert "current folder" in str(caught.value)
    assert tree(tmp_path) == before
    assert Path("results").exists()


def test_a_place_is_checked_before_anything_is_written(tmp_path, monkeypatch):
    write(tmp_path / "out", "one")
    check_place(tmp_path / "out")
    check_place(tmp_path / "deep" / "er")
    (tmp_path / "out" / "mine.docx").write_text("mine")
    check_place(tmp_path / "out", force=True)
    (tmp_path / "file").write_text("mine")
    before = tree(tmp_path)
    for place, code in {
        "out": Code.STO_FOLDER_NOT_OURS,
        "file": Code.STO_FOLDER_IS_FILE,
        "file/below": Code.STO_FOLDER_NOT_WRITABLE,
    }.items():
        with pytest.raises(StorageError) as caught:
            check_place(tmp_path / place)
        assert caught.value.codes == (code,)
    monkeypatch.setattr("toolkit.storage.folders.os.access", lambda *_: False)
    with pytest.raises(StorageError) as caught:
        check_place(tmp_path / "new")
    assert caught.value.codes == (Code.STO_FOLDER_NOT_WRITABLE,)
    assert tree(tmp_path) == before
