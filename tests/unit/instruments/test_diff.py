"""What changed between two versions, and which number has to move."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit import instruments
from toolkit.errors import Code, DefinitionError
from toolkit.instruments import Instrument, version_diff
from toolkit.instruments.diff import LEAST_BUMP, bump_between

AddVersion = Callable[..., Path]
Later = Callable[..., Instrument]


@pytest.fixture
def later(catalog: Path, add_version: AddVersion) -> Later:
    """``mood`` 2.0.0 with words of its files replaced: ``definition=[(old, new)]``, ``text=[(old, new)]``."""

    def make(**replaced: list[tuple[str, str]]) -> Instrument:
        folder = add_version(catalog, version="2.0.0")
        for name, pairs in replaced.items():
            file = folder / {"definition": "definition.yaml", "text": "text.en.yaml"}[name]
            content = file.read_text(encoding="utf-8")
            for old, new in pairs:
                assert old in content, old
                content = content.replace(old, new)
            file.write_text(content, encoding="utf-8")
        return instruments.load(folder)

    return make


def test_a_copy_has_no_changes(mood: Instrument, later: Later) -> None:
    found = version_diff(mood, later())
    assert found.changes == ()
    assert found.unchanged == ("M1", "M2", "T1")
    assert (found.least_bump, found.bump, found.is_enough) == ("none", "major", True)


CHANGES = [
    ({"definition": [("minutes: 2", "minutes: 3")]}, "metadata", "minutes"),
    ({"definition": [("intent: calm", "intent: at ease")]}, "metadata", "items.M1.intent"),
    ({"definition": [("minimum_answered: 1}", "minimum_answered: 1, rates_leader: true}")]}, "metadata", "scales.MOOD"),
    ({"definition": [("construct: Mood at work", "construct: mood, at work")]}, "metadata", "construct"),
    ({"text": [("status: draft, text: I am calm", "status: reconciled, text: I am calm")]}, "metadata", "items.M1"),
    ({"text": [("name: Mood,", "name: Spirits,")]}, "metadata", "scales.MOOD"),
    ({"text": [("I am calm at work.", "'I am calm, at Work'")]}, "correction", "items.M1"),
    ({"text": [("3: Agree", "3: agree")]}, "correction", "responses.agreement"),
    ({"text": [("I am calm at work.", "I feel calm at work.")]}, "wording", "items.M1"),
    ({"text": [("text: I am calm at work.", "text: I am calm at work., help: Any day.")]}, "wording", "items.M1"),
    ({"text": [("Two minutes about your work.", "Take two minutes.")]}, "instructions", "introduction"),
    ({"text": [("{heading: Mood}", "{heading: Mood, introduction: This week}")]}, "instructions", "sections.FIRST"),
    ({"text": [("Don't know", "No idea")]}, "instructions", "missing.dont_know"),
    ({"definition": [("[nurse, doctor]", "[doctor, nurse]")]}, "background", "covariates"),
    ({"text": [("What do you work as?", "What are you?")]}, "background", "covariates.position"),
    ({"text": [("doctor: Doctor", "doctor: Physician")]}, "background", "covariates.position"),
    (
        {"definition": [("items: [M1, M2]}\n  - {code: SECOND", "items: [M2, M1]}\n  - {code: SECOND")]},
        "order",
        "sections",
    ),
    ({"definition": [("minimum_answered: 1", "minimum_answered: 2")]}, "scoring", "scales.MOOD.minimum_answered"),
    ({"definition": [("reversed: [M2], ", "")]}, "scoring", "scales.MOOD"),
    ({"definition": [("-7, structural: true", "-7")]}, "scoring", "responses.agreement.missing"),
    ({"definition": [("covariates:", "scoring: {shown_to: 10.0}\ncovariates:")]}, "scoring", "scoring"),
    ({"text": [("3: Agree", "3: Strongly agree")]}, "labels", "responses.agreement"),
    ({"definition": [("construct: Mood at work", "construct: Fatigue")]}, "construct", "construct"),
    ({"definition": [("speaker: respondents", "speaker: named_informants")]}, "construct", "speaker"),
    ({"definition": [("reflective", "formative")]}, "construct", "measurement"),
]


@pytest.mark.parametrize(("replaced", "kind", "key"), CHANGES, ids=[f"{kind} {key}" for _, kind, key in CHANGES])
def test_one_change_is_told_with_its_kind_and_place(
    mood: Instrument, later: Later, replaced: dict[str, list[tuple[str, str]]], kind: str, key: str
) -> None:
    (change,) = version_diff(mood, later(**replaced)).changes
    assert change.kind == kind
    assert change.key.startswith(key)
    assert change.bump == LEAST_BUMP[kind]


def test_every_kind_of_change_is_met_here() -> None:
    here = {kind for _, kind, _ in CHANGES}
    elsewhere = {"item_added", "item_dropped", "points", "language_added", "language_dropped"}
    assert here | elsewhere == set(LEAST_BUMP)


def test_items_added_and_dropped_and_points_ask_for_a_major_version(mood: Instrument, later: Later) -> None:
    found = version_diff(
        mood,
        later(
            definition=[("code: T1", "code: T2"), ("[T1]", "[T2]"), ("points: [1, 2, 3]", "points: [1, 2, 3, 4]")],
            text=[("T1:", "T2:"), ("3: Agree", "3: Agree, 4: Agree fully")],
        ),
    )
    assert (found.added, found.dropped, found.rescored, found.unchanged) == (("T2",), ("T1",), ("M1", "M2"), ())
    assert [change.kind for change in found.changes] == ["item_added", "item_dropped", "points"]
    assert found.least_bump == "major"


def test_a_language_added_is_a_patch_and_one_dropped_is_minor(mood: Instrument, later: Later, catalog: Path) -> None:
    later()
    folder = catalog / "mood" / "2.0.0"
    text = (folder / "text.en.yaml").read_text(encoding="utf-8")
    (folder / "text.nb.yaml").write_text(text.replace("language: en", "language: nb"), encoding="utf-8")
    both = instruments.load(folder)
    (added,) = version_diff(mood, both).changes
    (dropped,) = version_diff(both, mood).changes
    assert (added.kind, added.bump, added.languages) == ("language_added", "patch", ("nb",))
    assert (dropped.kind, dropped.bump) == ("language_dropped", "minor")


def test_an_item_that_moves_to_another_response_set_is_rescored(mood: Instrument, later: Later) -> None:
    changed = later(
        definition=[
            ("code: M1, responses: agreement", "code: M1, responses: times"),
            ("items: [M1, M2], reversed: [M2]", "items: [M2], reversed: [M2]"),
        ]
    )
    found = version_diff(mood, changed)
    assert found.rescored == ("M1",)
    assert {(change.kind, change.key) for change in found.changes} == {
        ("points", "responses.times"),
        ("labels", "responses.times"),
        ("scoring", "responses.times.missing"),
        ("scoring", "scales.MOOD"),
    }


def test_the_pool_and_the_form_differ_as_they_were_written() -> None:
    found = version_diff(instruments.load("eomhs@0.9.0"), instruments.load("eomhs@1.0.0"))
    assert (len(found.unchanged), len(found.reworded), len(found.added), len(found.dropped)) == (20, 9, 2, 13)
    # Where only the Norwegian was mended, the item stays an anchor in English.
    assert found.reworded["CC3"] == ("nb",)
    assert set(found.reworded.values()) == {("nb",), ("en", "nb")}
    assert found.rescored == ()
    assert (found.least_bump, found.bump, found.is_enough) == ("major", "major", True)
    told = found.to_dict()
    assert told["least_bump"] == "major"
    assert {"kind": "item_added", "key": "items.CI5", "languages": [], "bump": "major"} in told["changes"]


def test_two_questionnaires_are_not_compared(mood: Instrument) -> None:
    version_diff(mood, mood)
    with pytest.raises(DefinitionError) as refusal:
        version_diff(mood, instruments.load("eomhs@1.0.0"))
    assert refusal.value.codes == (Code.DEF_PLACE,)


@pytest.mark.parametrize(
    ("earlier", "later", "bump"),
    [
        ("1.0.0", "1.0.1", "patch"),
        ("1.0.9", "1.1.0", "minor"),
        ("1.9.0", "1.10.0", "minor"),
        ("0.9.0", "1.0.0", "major"),
        ("1.0.0", "1.0.0", "none"),
        ("1.1.0", "1.0.9", "none"),
    ],
)
def test_the_bump_is_the_first_number_that_rose(earlier: str, later: str, bump: str) -> None:
    assert bump_between(earlier, later) == bump
