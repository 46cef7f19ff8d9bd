"""Versions beside each other: numbers that rise far enough, codes that mean one item, and what became of versions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit.errors import Code, DefinitionError
from toolkit.instruments.history import inspect_history
from toolkit.instruments.releases import release
from toolkit.instruments.status import STATUS_FILE, read_status

AddVersion = Callable[..., Path]
SHIPPED = Path(__file__).resolve().parents[3] / "instruments"


def replace(file: Path, *pairs: tuple[str, str]) -> None:
    content = file.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in content, old
        content = content.replace(old, new)
    file.write_text(content, encoding="utf-8")


@pytest.mark.parametrize(("version", "refused"), [("1.0.1", True), ("1.1.0", False), ("2.0.0", False)])
def test_a_number_that_rises_too_little_is_refused(
    catalog: Path, add_version: AddVersion, version: str, refused: bool
) -> None:
    folder = add_version(catalog, version=version)
    replace(folder / "text.en.yaml", ("I am calm at work.", "I feel calm at work."))
    problems = inspect_history(catalog / "mood")
    assert [problem.code for problem in problems] == [Code.DEF_SMALL_BUMP] * refused
    for problem in problems:
        assert (problem.file, problem.line) == (str(folder / "definition.yaml"), 3)
        assert "ask for a minor version: wording (items.M1)" in problem.what


def test_many_changes_are_counted(catalog: Path, add_version: AddVersion) -> None:
    folder = add_version(catalog, version="1.0.1")
    pairs = [("M1:", "M3:"), ("M2:", "M4:"), ("T1:", "T2:")]
    replace(folder / "text.en.yaml", *pairs)
    replace(folder / "definition.yaml", ("M1", "M3"), ("M2", "M4"), ("T1", "T2"))
    (problem,) = inspect_history(catalog / "mood")
    assert problem.what.endswith(" and 1 more.")
    assert problem.allowed == "a higher first number"


def test_each_version_is_compared_with_the_one_before_it(catalog: Path, add_version: AddVersion) -> None:
    for version in ("1.1.0", "1.1.1"):
        replace(add_version(catalog, version=version) / "text.en.yaml", ("I am calm at work.", "I feel calm at work."))
    assert inspect_history(catalog / "mood") == []
    text = catalog / "mood" / "1.1.1" / "text.en.yaml"
    replace(text, ("I feel calm at work.", "I am calm at work."))
    assert [problem.code for problem in inspect_history(catalog / "mood")] == [Code.DEF_SMALL_BUMP]
    # A version that cannot be read is told elsewhere, and passed over here.
    (catalog / "mood" / "1.1.0" / "text.en.yaml").unlink()
    assert inspect_history(catalog / "mood") == []


def test_the_code_of_a_dropped_item_comes_back_with_the_same_item_only(catalog: Path, add_version: AddVersion) -> None:
    dropped = add_version(catalog, version="2.0.0")
    replace(
        dropped / "definition.yaml",
        ("  - {code: T1, responses: times, intent: on time}\n", ""),
        ("  - {code: SECOND, items: [T1]}\n", ""),
    )
    replace(dropped / "text.en.yaml", ("  T1: {status: draft, text: I come to work on time.}\n", ""))
    replace(dropped / "text.en.yaml", ("  SECOND: {heading: Time}\n", ""))
    back = add_version(catalog, version="3.0.0")
    assert inspect_history(catalog / "mood") == []
    replace(back / "text.en.yaml", ("I come to work on time.", "I leave work on time."))
    (problem,) = inspect_history(catalog / "mood")
    assert (problem.code, problem.item, problem.line) == (Code.DEF_CODE_REUSED, "T1", 17)
    assert "in 1.0.0" in problem.what


def test_a_version_with_too_small_a_number_is_not_released(catalog: Path, add_version: AddVersion) -> None:
    release(catalog, catalog / "mood" / "1.0.0")
    folder = add_version(catalog, version="1.0.1")
    replace(folder / "text.en.yaml", ("I am calm at work.", "I feel calm at work."))
    before = (catalog / "RELEASES.lock").read_bytes()
    with pytest.raises(DefinitionError) as refusal:
        release(catalog, folder)
    assert refusal.value.codes == (Code.DEF_SMALL_BUMP,)
    assert (catalog / "RELEASES.lock").read_bytes() == before
    replace(folder / "text.en.yaml", ("I feel calm at work.", "I am calm at work."))
    assert release(catalog, folder)


# What became of versions


STATUS = """instrument: mood
superseded:
  - {version: "1.0.0", superseded_by: "1.1.0", date: 2026-03-01, reason: Two items were reworded.}
"""


@pytest.fixture
def family(catalog: Path, add_version: AddVersion) -> Path:
    """The folder of ``mood``, with two versions of which the second supersedes the first."""
    add_version(catalog, version="1.1.0")
    (catalog / "mood" / STATUS_FILE).write_text(STATUS, encoding="utf-8")
    return catalog / "mood"


def test_a_version_is_superseded_or_nothing_is_said(family: Path) -> None:
    status = read_status(family)
    superseded = status.of("1.0.0")
    assert superseded is not None
    assert (superseded.superseded_by, superseded.date.isoformat()) == ("1.1.0", "2026-03-01")
    assert status.of("1.1.0") is None
    (family / STATUS_FILE).unlink()
    assert read_status(family).of("1.0.0") is None


def test_the_shipped_pool_is_superseded_by_the_form() -> None:
    assert [entry.version for entry in read_status(SHIPPED / "eomhs").superseded] == ["0.9.0"]
    assert inspect_history(SHIPPED / "eomhs") == []


@pytest.mark.parametrize(
    ("old", "new", "code", "key"),
    [
        ("instrument: mood", "instrument: sleep", Code.DEF_PLACE, "instrument"),
        ('version: "1.0.0"', 'version: "0.1.0"', Code.DEF_UNKNOWN_NAME, "superseded[number 1].version"),
        ('by: "1.1.0"', 'by: "1.2.0"', Code.DEF_UNKNOWN_NAME, "superseded[number 1].superseded_by"),
        ('by: "1.1.0"', 'by: "1.0.0"', Code.DEF_VALUE, "superseded[number 1].superseded_by"),
        ("2026-03-01", "in spring", Code.DEF_VALUE, "superseded[number 1].date"),
        ("reason:", "why:", Code.DEF_UNKNOWN_KEY, "superseded[number 1].why"),
        ("superseded:\n", f"superseded:\n{STATUS.splitlines()[2]}\n", Code.DEF_TWICE, "superseded[number 2].version"),
    ],
)
def test_a_status_file_is_checked(family: Path, old: str, new: str, code: Code, key: str) -> None:
    assert inspect_history(family) == []
    replace(family / STATUS_FILE, (old, new))
    with pytest.raises(DefinitionError) as refusal:
        read_status(family)
    told = [(problem.code, problem.key) for problem in refusal.value.problems]
    assert (code, key) in told
    assert all(problem.line and problem.fix for problem in refusal.value.problems)
    assert code in {problem.code for problem in inspect_history(family)}
