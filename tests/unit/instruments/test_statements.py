"""Statements on comparability: what the rule returns, and what is refused in their file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.comparability import ENTRY, VERSIONS, linking, stated
from toolkit import instruments
from toolkit.errors import Code, DefinitionError
from toolkit.instruments import Catalog, comparability, load_statements
from toolkit.instruments.history import inspect_history

AddVersion = Callable[..., Path]
Write = Callable[..., None]


def test_an_unknown_pair_says_what_became_of_the_items() -> None:
    pool, form = instruments.load("eomhs@0.9.0"), instruments.load("eomhs@1.0.0")
    english, norwegian = (comparability(pool, form, "CC", language) for language in ("en", "nb"))
    assert english.parameters == {"unchanged": 4, "reworded": 1, "rescored": 0, "added": 0, "dropped": 2}
    assert norwegian.parameters == {"unchanged": 3, "reworded": 2, "rescored": 0, "added": 0, "dropped": 2}
    assert comparability(pool, form, "CC", "en", to_language="nb").parameters == {}
    assert comparability(pool, form, "CI", "en").parameters["added"] == 1
    for scale in form.scales:
        assert comparability(form, pool, scale, "nb").comparability == "unknown"


def test_linking_constants_keep_the_direction_in_which_they_were_stated() -> None:
    line = stated(**{"from": "1.0.0", "to": "2.0.0", "comparability": "linked"})
    told = comparability(VERSIONS["2.0.0"], VERSIONS["1.0.0"], "MOOD", "en", statements=[line])
    assert (told.from_version, told.to_version) == ("1.0.0", "2.0.0")
    assert told.linking is not None
    assert (told.linking.slope, told.linking.intercept, told.linking.n_to) == (1.02, -3.5, 260)
    assert (told.kind, told.date.isoformat() if told.date else None) == ("human", "2026-01-10")


def test_a_scale_or_language_that_nobody_has_is_a_mistake() -> None:
    one, other = VERSIONS["1.0.0"], VERSIONS["2.0.0"]
    comparability(one, other, "MOOD", "en", statements=())
    with pytest.raises(DefinitionError) as refusal:
        comparability(one, other, "MOODS", "en", statements=())
    assert refusal.value.codes == (Code.DEF_UNKNOWN_NAME,)
    for languages in (("fr", None), ("en", "fr")):
        with pytest.raises(DefinitionError) as refusal:
            comparability(one, other, "MOOD", languages[0], to_language=languages[1], statements=())
        assert refusal.value.codes == (Code.DEF_LANGUAGE_ABSENT,)


# The file


@pytest.fixture
def family(catalog: Path, add_version: AddVersion) -> Path:
    """The folder of ``mood``: two versions whose scale has four items, evidence of people and synthetic evidence."""
    add_version(catalog, version="1.1.0")
    folder = catalog / "mood"
    added = {
        "definition.yaml": [
            ("  - {code: T1,", "  - {code: M3, responses: agreement, intent: x}\n"),
            ("  - {code: T1,", "  - {code: M4, responses: agreement, intent: x}\n"),
        ],
        "text.en.yaml": [
            ("  T1: {status", "  M3: {status: draft, text: I am glad.}\n"),
            ("  T1: {status", "  M4: {status: draft, text: I am sad.}\n"),
        ],
    }
    for version in ("1.0.0", "1.1.0"):
        for name, lines in added.items():
            file = folder / version / name
            content = file.read_text(encoding="utf-8").replace("items: [M1, M2]", "items: [M1, M2, M3, M4]")
            for before, line in lines:
                content = content.replace(before, line + before)
            file.write_text(content, encoding="utf-8")
    (folder / "evidence").mkdir()
    (folder / "evidence" / "invariance.md").write_text("Shown.", encoding="utf-8")
    (catalog.parent / "data").mkdir()
    (catalog.parent / "data" / "drawn.md").write_text("Drawn.", encoding="utf-8")
    return folder


@pytest.fixture
def write(family: Path) -> Write:
    def write(*entries: dict[str, Any], **top: Any) -> None:
        content = {"instrument": "mood", "statements": list(entries)} | top
        with (family / "evidence" / "comparability.yaml").open("w", encoding="utf-8") as file:
            YAML().dump(content, file)

    return write


def linked(**changes: Any) -> dict[str, Any]:
    return ENTRY | {"comparability": "linked", "linking": linking(anchors=["M1", "M2", "M3"]) | changes}


def test_statements_are_read_from_beside_the_versions(family: Path, write: Write) -> None:
    catalog = Catalog([family.parent, family.parent / "nowhere"])
    assert load_statements("mood", catalog=catalog) == ()
    write(ENTRY, linked(), ENTRY | {"kind": "synthetic", "evidence": "../../../data/drawn.md"})
    found = load_statements("mood", catalog=catalog)
    assert [one.comparability for one in found] == ["identical", "linked", "identical"]
    assert found[1].linking is not None
    assert found[1].linking.anchors == ("M1", "M2", "M3")
    assert inspect_history(family) == []


@pytest.mark.parametrize(
    "content", ["", "\n# Nothing yet.\n", "instrument: mood\n", "instrument: mood\nstatements: []\n"]
)
def test_a_file_without_statements_states_nothing(family: Path, content: str) -> None:
    (family / "evidence" / "comparability.yaml").write_text(content, encoding="utf-8")
    assert load_statements("mood", catalog=Catalog([family.parent])) == ()


def test_by_default_the_statements_of_the_settings_catalogs_count(
    family: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EOT_CATALOG", str(family.parent))
    one, other = (instruments.load(f"mood@{version}") for version in ("1.0.0", "1.1.0"))
    assert comparability(one, other, "MOOD", "en").reason == "not_stated"
    write(ENTRY)
    assert comparability(one, other, "MOOD", "en").reason == "stated"


HASH = "statements[number 1]"


@pytest.mark.parametrize(
    ("entry", "code", "key"),
    [
        (ENTRY | {"evidence": "absent.md"}, Code.DEF_EVIDENCE, f"{HASH}.evidence"),
        (ENTRY | {"evidence": "../../../data/drawn.md"}, Code.DEF_EVIDENCE, f"{HASH}.evidence"),
        (ENTRY | {"kind": "synthetic"}, Code.DEF_EVIDENCE, f"{HASH}.evidence"),
        (ENTRY | {"evidence": "/etc/hosts"}, Code.DEF_VALUE, f"{HASH}.evidence"),
        (ENTRY | {"comparability": "linked"}, Code.DEF_LINKING, HASH),
        (linked() | {"comparability": "identical"}, Code.DEF_LINKING, f"{HASH}.linking"),
        (linked(anchors=["M1", "M2", "T1"]), Code.DEF_LINKING, f"{HASH}.linking.anchors"),
        (linked(anchors=["M1", "M2", "M2"]), Code.DEF_LINKING, f"{HASH}.linking.anchors"),
        (linked(anchors=["M1", "M2"]), Code.DEF_VALUE, f"{HASH}.linking.anchors"),
        (linked(slope=0), Code.DEF_VALUE, f"{HASH}.linking.slope"),
        (linked(sample_sha256="none"), Code.DEF_VALUE, f"{HASH}.linking.sample_sha256"),
        (ENTRY | {"to": "1.0.0"}, Code.DEF_VALUE, f"{HASH}.to"),
        (ENTRY | {"from": "1.1.0", "to": "1.0.0"}, Code.DEF_VALUE, f"{HASH}.to"),
        (ENTRY | {"to": "1.2.0"}, Code.DEF_UNKNOWN_NAME, f"{HASH}.to"),
        (ENTRY | {"scale": "MODE"}, Code.DEF_UNKNOWN_NAME, f"{HASH}.scale"),
        (ENTRY | {"language": "nb"}, Code.DEF_LANGUAGE_ABSENT, f"{HASH}.language"),
        (ENTRY | {"to_language": "nb"}, Code.DEF_LANGUAGE_ABSENT, f"{HASH}.to_language"),
        (ENTRY | {"kind": "hearsay"}, Code.DEF_VALUE, f"{HASH}.kind"),
        (ENTRY | {"comparability": "same"}, Code.DEF_VALUE, f"{HASH}.comparability"),
        (ENTRY | {"language_to": "nb"}, Code.DEF_UNKNOWN_KEY, f"{HASH}.language_to"),
        ({key: value for key, value in ENTRY.items() if key != "date"}, Code.DEF_MISSING_KEY, f"{HASH}.date"),
    ],
)
def test_a_statement_that_cannot_stand_is_refused_with_its_place(
    family: Path, write: Write, entry: dict[str, Any], code: Code, key: str
) -> None:
    catalog = Catalog([family.parent])
    write(ENTRY)
    assert len(load_statements("mood", catalog=catalog)) == 1
    write(entry)
    with pytest.raises(DefinitionError) as refusal:
        load_statements("mood", catalog=catalog)
    assert (code, key) in [(problem.code, problem.key) for problem in refusal.value.problems]
    assert all(problem.line and problem.fix for problem in refusal.value.problems)
    assert code in {problem.code for problem in inspect_history(family)}


def test_every_problem_of_the_file_is_told_at_once(family: Path, write: Write) -> None:
    write(ENTRY | {"evidence": "absent.md", "scale": "MODE"}, ENTRY | {"to": "9.0.0"}, instrument="sleep")
    with pytest.raises(DefinitionError) as refusal:
        load_statements("mood", catalog=Catalog([family.parent]))
    assert sorted(refusal.value.codes) == [
        *(Code.DEF_EVIDENCE, Code.DEF_PLACE, Code.DEF_UNKNOWN_NAME, Code.DEF_UNKNOWN_NAME, Code.DEF_UNKNOWN_NAME),
    ]


def test_an_item_with_new_words_is_no_anchor(family: Path, write: Write) -> None:
    write(linked())
    assert inspect_history(family) == []
    text = family / "1.1.0" / "text.en.yaml"
    text.write_text(text.read_text(encoding="utf-8").replace("I am calm", "I feel calm"), encoding="utf-8")
    (problem,) = inspect_history(family)
    assert (problem.code, problem.got, problem.allowed) == (Code.DEF_LINKING, "M1", "M2, M3, M4")
