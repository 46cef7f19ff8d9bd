"""The release lock and the catalog that obeys it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit import instruments
from toolkit.errors import Code, DefinitionError
from toolkit.instruments import Catalog
from toolkit.instruments.releases import LOCK_FILE, changes, read_lock, release, verify

AddVersion = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def released(catalog: Path) -> Path:
    """The catalog with ``mood`` 1.0.0 released."""
    release(catalog, catalog / "mood" / "1.0.0")
    return catalog


def codes_of(catalog: Path, reference: str = "mood@1.0.0") -> tuple[Code, ...]:
    with pytest.raises(DefinitionError) as caught:
        Catalog([catalog]).load(reference)
    return caught.value.codes


def test_an_unchanged_release_is_accepted(released: Path) -> None:
    assert sorted(read_lock(released)) == ["mood/1.0.0/definition.yaml", "mood/1.0.0/text.en.yaml"]
    verify(released)
    assert Catalog([released]).load("mood").name == "mood@1.0.0"


@pytest.mark.parametrize("file", ["definition.yaml", "text.en.yaml"])
def test_a_changed_release_is_refused(released: Path, file: str) -> None:
    catalog = Catalog([released])
    catalog.load("mood@1.0.0")
    path = released / "mood" / "1.0.0" / file
    path.write_text(path.read_text(encoding="utf-8") + "# a remark\n", encoding="utf-8")
    assert codes_of(released) == (Code.DEF_RELEASE_CHANGED,)
    with pytest.raises(DefinitionError) as caught:
        catalog.load("mood@1.0.0")
    assert caught.value.codes == (Code.DEF_RELEASE_CHANGED,)
    assert caught.value.problems[0].file == str(path)
    with pytest.raises(DefinitionError) as caught:
        instruments.load(path.parent)
    assert caught.value.codes == (Code.DEF_RELEASE_CHANGED,)


def test_a_missing_released_file_is_refused(released: Path) -> None:
    verify(released)
    (released / "mood" / "1.0.0" / "text.en.yaml").unlink()
    assert codes_of(released) == (Code.DEF_RELEASE_MISSING,)


def test_a_file_added_to_a_release_is_refused(released: Path) -> None:
    verify(released)
    folder = released / "mood" / "1.0.0"
    (folder / "notes.md").write_text("Notes may stand here.")
    verify(released)
    text = (folder / "text.en.yaml").read_text(encoding="utf-8")
    (folder / "text.nb.yaml").write_text(text.replace("language: en", "language: nb"), encoding="utf-8")
    assert codes_of(released) == (Code.DEF_RELEASE_UNLISTED,)


def test_one_broken_version_does_not_close_the_others(released: Path, add_version: AddVersion) -> None:
    folder = add_version(released, version="1.1.0")
    release(released, folder)
    path = released / "mood" / "1.0.0" / "definition.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "#\n", encoding="utf-8")
    assert Catalog([released]).load("mood@1.1.0").version == "1.1.0"
    assert [problem.code for problem in changes(released)] == [Code.DEF_RELEASE_CHANGED]
    with pytest.raises(DefinitionError):
        release(released, add_version(released, version="1.2.0"))


def test_release_only_adds_lines_and_never_twice(released: Path, add_version: AddVersion) -> None:
    before = (released / LOCK_FILE).read_text(encoding="utf-8")
    lines = release(released, add_version(released, version="1.1.0"))
    after = (released / LOCK_FILE).read_text(encoding="utf-8")
    assert after == before + "".join(f"{line}\n" for line in lines)
    with pytest.raises(DefinitionError) as caught:
        release(released, released / "mood" / "1.1.0")
    assert caught.value.codes == (Code.DEF_RELEASED_ALREADY,)
    assert (released / LOCK_FILE).read_text(encoding="utf-8") == after


def test_a_version_that_does_not_check_is_not_released(released: Path, add_version: AddVersion) -> None:
    before = (released / LOCK_FILE).read_bytes()
    folder = add_version(released, version="1.1.0")
    (folder / "text.en.yaml").unlink()
    with pytest.raises(DefinitionError):
        release(released, folder)
    assert (released / LOCK_FILE).read_bytes() == before


def test_a_folder_of_another_catalog_is_not_released(released: Path, tmp_path: Path, add_version: AddVersion) -> None:
    release(released, add_version(released, version="1.1.0"))
    before = (released / LOCK_FILE).read_bytes()
    with pytest.raises(DefinitionError) as caught:
        release(released, add_version(tmp_path / "other", version="1.2.0"))
    assert caught.value.codes == (Code.DEF_PLACE,)
    assert (released / LOCK_FILE).read_bytes() == before


def test_a_release_behind_a_link_is_still_checked(released: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(released / "mood" / "1.0.0")
    assert instruments.load(link).name == "mood@1.0.0"
    path = released / "mood" / "1.0.0" / "text.en.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "#\n", encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        instruments.load(link)
    assert caught.value.codes == (Code.DEF_RELEASE_CHANGED,)


@pytest.mark.parametrize(
    "line", ["\udcff", "not a hash", f"{'0' * 64}  ../outside", f"{'0' * 63}  mood/1.0.0/definition.yaml"]
)
def test_a_damaged_lock_is_told_by_line(released: Path, line: str) -> None:
    lock = released / LOCK_FILE
    lock.write_text(f"# only grows\n{lock.read_text(encoding='utf-8')}", encoding="utf-8")
    verify(released)
    lock.write_bytes(f"{lock.read_text(encoding='utf-8')}{line}\n".encode("utf-8", "surrogateescape"))
    with pytest.raises(DefinitionError) as caught:
        verify(released)
    assert caught.value.codes == (Code.DEF_RELEASE_LOCK,)
    assert caught.value.problems[0].line == 4


def test_a_path_named_twice_in_the_lock_is_told(released: Path) -> None:
    lock = released / LOCK_FILE
    verify(released)
    lock.write_text(lock.read_text(encoding="utf-8") * 2, encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        verify(released)
    assert set(caught.value.codes) == {Code.DEF_RELEASE_LOCK}


def test_a_bare_name_finds_the_newest_release(released: Path, add_version: AddVersion) -> None:
    for version in ("1.2.0", "1.10.0"):
        release(released, add_version(released, version=version))
    add_version(released, version="2.0.0")
    catalog = Catalog([released])
    assert [entry.version for entry in catalog.entries()] == ["1.0.0", "1.2.0", "1.10.0", "2.0.0"]
    assert catalog.load("mood").version == "1.10.0"
    assert catalog.load("mood@2.0.0").version == "2.0.0"
    assert [entry.released for entry in catalog.entries()] == [True, True, True, False]


def test_without_a_release_a_bare_name_finds_the_newest_version(catalog: Path, add_version: AddVersion) -> None:
    add_version(catalog, version="1.1.0")
    assert Catalog([catalog]).load("mood").version == "1.1.0"


@pytest.mark.parametrize(("asked", "near"), [("mod", "mood"), ("mood@1.0.1", "mood@1.0.0"), ("mood@", None)])
def test_an_unknown_name_gets_a_suggestion(catalog: Path, asked: str, near: str | None) -> None:
    known = Catalog([catalog, catalog / "nowhere"])
    known.load("mood@1.0.0")
    if near is None:
        assert known.load(asked).name == "mood@1.0.0"
        return
    with pytest.raises(DefinitionError) as caught:
        instruments.load(asked, catalog=known)
    assert caught.value.codes == (Code.DEF_NOT_FOUND,)
    assert caught.value.problems[0].fix == f"Did you mean '{near}'?"


def test_the_same_version_in_two_folders_is_refused(catalog: Path, tmp_path: Path, add_version: AddVersion) -> None:
    other = tmp_path / "other"
    add_version(other, identifier="sleep")
    both = Catalog([catalog, other])
    assert both.load("mood").name == "mood@1.0.0"
    add_version(other)
    with pytest.raises(DefinitionError) as caught:
        both.load("mood")
    assert caught.value.codes == (Code.DEF_TWICE,)


def test_a_loaded_instrument_is_kept_until_its_files_change(catalog: Path) -> None:
    known = Catalog([catalog])
    first = known.load("mood")
    assert known.load("mood") is first
    path = catalog / "mood" / "1.0.0" / "text.en.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("I am calm at", "I feel calm at"), encoding="utf-8")
    assert known.load("mood").texts["en"].items["M1"].text == "I feel calm at work."


def test_the_shipped_catalog_is_as_released() -> None:
    verify(ROOT / "instruments")
    assert "eomhs/1.0.0/definition.yaml" in read_lock(ROOT / "instruments")
