"""Drafts made from FHIR Questionnaires: forms of others, written by hand with what a person reads out of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from toolkit.errors import Code, DefinitionError
from toolkit.instruments import Instrument
from toolkit.instruments.exchange import Imported, ImportOptions
from toolkit.instruments.exchange.fhir import to_fhir
from toolkit.instruments.exchange.fhir_draft import from_fhir, import_fhir
from toolkit.instruments.exchange.fhir_rules import RELEASES, Release, fhir_problems
from toolkit.instruments.loader import Inspection, inspect_folder


def inspect(imported: Imported, folder: Path) -> Inspection:
    place = folder / imported.id / imported.version
    place.mkdir(parents=True)
    (place / "definition.yaml").write_text(imported.definition_yaml, encoding="utf-8")
    for language, text in imported.texts.items():
        (place / f"text.{language}.yaml").write_text(text, encoding="utf-8")
    return inspect_folder(place)


def loaded(imported: Imported, folder: Path) -> Instrument:
    found = inspect(imported, folder)
    assert found.problems == ()
    assert found.instrument is not None
    return found.instrument


def coding(*labels: str, **more: Any) -> dict[str, Any]:
    """A question whose answers are coded 1, 2, 3."""
    options = [{"valueCoding": {"code": str(number), "display": label}} for number, label in enumerate(labels, start=1)]
    return {"linkId": "a", "type": "coding", "text": "How was it?", "answerOption": options, **more}


def form(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Questionnaire", "status": "draft", "language": "en", "item": list(items), **more}


@pytest.mark.parametrize(("name", "release"), [("sleep-form-r4", "R4"), ("noise-form-r5", "R5")])
def test_a_form_of_others_is_read_as_a_person_reads_it(
    name: str, release: Release, golden_folder: Path, tmp_path: Path
) -> None:
    content = (golden_folder / f"{name}.json").read_bytes()
    assert [one for one in fhir_problems(json.loads(content), release) if one.severity == "error"] == []
    imported = import_fhir(content, ImportOptions(file=f"{name}.json"))
    yaml = YAML(typ="safe", pure=True)
    expected = yaml.load((golden_folder / f"{name}.expected.yaml").read_text(encoding="utf-8"))
    assert yaml.load(imported.definition_yaml) == expected["definition"]
    assert {language: yaml.load(text) for language, text in imported.texts.items()} == expected["texts"]
    told = {loss.where.split(":")[0].removesuffix(".text").split(" in ")[0] for loss in imported.losses} - {""}
    assert told == set(expected["losses"])
    loaded(imported, tmp_path)


@pytest.mark.parametrize("release", RELEASES)
def test_what_was_exported_is_read_again(full: Instrument, release: Release, tmp_path: Path) -> None:
    (content,) = to_fhir(full, release=release).files.values()
    imported = import_fhir(content, ImportOptions(file="mood.json"))
    again = loaded(imported, tmp_path)
    assert again.definition.model_copy(update={"scales": full.definition.scales}) == full.definition
    assert again.texts["nb"].items["M1"].help == "Rolig betyr uten uro."
    assert again.texts["en"].sections == full.texts["en"].sections
    assert [(loss.what, loss.where) for loss in imported.losses] == [
        ("what the answers count runs the other way", "M2"),
        ("scales", ""),
    ]


def test_background_questions_are_read_again(small: Instrument, tmp_path: Path) -> None:
    (content,) = to_fhir(small, release="R5").files.values()
    again = loaded(import_fhir(content, ImportOptions(file="mood.json", id="own")), tmp_path)
    assert again.definition.covariates == small.definition.covariates
    assert again.texts["en"].covariates == small.texts["en"].covariates
    assert again.id == "own"


def test_answers_that_count_nothing_are_missing_ones(tmp_path: Path) -> None:
    weight = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/itemWeight", "valueDecimal": 5}]}
    question = coding("Bad", "Good", "No idea")
    question["answerOption"][0] |= weight
    question["answerOption"][1] |= {"extension": [{**weight["extension"][0], "valueDecimal": 7}]}
    again = loaded(from_fhir(form(question, name="Day")), tmp_path)
    assert (again.points("a"), again.labels("a", "en")) == ((1, 2), {1: "Bad", 2: "Good", 3: "No idea"})


def test_labels_that_read_alike_get_their_code(tmp_path: Path) -> None:
    again = loaded(from_fhir(form(coding("Same", "same"), name="Day")), tmp_path)
    assert again.labels("a", "en") == {1: "Same (1)", 2: "same (2)"}


def test_codes_that_cannot_be_kept_are_made_to_fit(tmp_path: Path) -> None:
    links = ["/1234-5", "unit", "é", "a", "A", "x" * 90, ""]
    items = [coding("No", "Yes", linkId=link) for link in links]
    again = loaded(from_fhir(form(*items, name="7 days!")), tmp_path)
    assert again.item_codes == ("Q1234_5", "unit_2", "e", "a", "A_2", "x" * 32, "item")
    assert again.id == "q-7-days"


@pytest.mark.parametrize(
    "words",
    [
        "**Bold** and _more_",
        "1. First",
        "a < b | c > d",
        "line\nbreak",
        "- list",
        ":smile: $5 #1 `x` ~ \\ [y]",
        "\u200b",
    ],
)
def test_words_with_markup_are_rewritten_so_that_they_lint(words: str, tmp_path: Path) -> None:
    imported = from_fhir(form(coding("No", words or "x", text=f"Say {words}"), name="Day"))
    loaded(imported, tmp_path)
    assert any(
        loss.what in ("the words were rewritten", "an answer", "the label was made up") for loss in imported.losses
    )


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ({"type": "text"}, "an item is answered from a list"),
        ({"repeats": True}, "an item has one answer"),
        ({"answerOption": []}, "an item needs 2 to 101 answers that are listed in the file"),
        ({"answerOption": 5}, "an item needs 2 to 101 answers that are listed in the file"),
        (
            {"answerOption": [{"valueString": str(n)} for n in range(500)]},
            "an item needs 2 to 101 answers that are listed in the file",
        ),
    ],
)
def test_a_question_that_cannot_be_an_item_is_left_out_and_told(item: dict[str, Any], why: str) -> None:
    lost = from_fhir(form(coding("No", "Yes"), coding("No", "Yes", linkId="b", **item))).losses
    assert (why, "b") in [(loss.why, loss.where) for loss in lost]
    with pytest.raises(DefinitionError) as caught:
        from_fhir(form(coding("No", "Yes", **item)))
    assert caught.value.codes == (Code.DEF_NOTHING_TO_IMPORT,)


DEEP = b'{"resourceType":"Questionnaire","item":' + b'[{"item":' * 100 + b"[]" + b"}]" * 100 + b"}"


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"null", b"\xff\xfe", b"PK\x03\x04", b"<Questionnaire/>", b'{"a": 1, "a": 2}', b"[NaN]"),
        *(b'{"resourceType": "Patient"}', b'{"resourceType": "Bundle"}', b'{"resourceType": ["Questionnaire"]}'),
        *(b"[" * 200_000, b"9" * 10_000, DEEP, b'{"resourceType": "Questionnaire", "title": "\\ud800"}'),
        b" " * 20_000_001,
        json.dumps(form(*[{"type": "display", "text": "x"}] * 5000)).encode(),
    ],
    ids=lambda content: repr(content[:20]),
)
def test_a_file_that_is_none_ends_in_a_coded_error(content: bytes) -> None:
    with pytest.raises(DefinitionError) as caught:
        import_fhir(content, ImportOptions(file="form.json"))
    assert caught.value.codes == (Code.DEF_FOREIGN_FILE,)
    assert caught.value.problems[0].file == "form.json"


def test_an_identifier_or_language_in_the_wrong_form_is_refused() -> None:
    resource = form(coding("No", "Yes"))
    del resource["language"]
    with pytest.raises(DefinitionError) as caught:
        from_fhir(resource, ImportOptions(file="f", id="My Form", language="English"))
    assert caught.value.codes == (Code.DEF_VALUE, Code.DEF_VALUE)


def test_many_questions_and_languages_end_soon(tmp_path: Path) -> None:
    translations = [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/translation",
            "extension": [{"url": "lang", "valueCode": f"{first}{second}"}, {"url": "content", "valueString": "x"}],
        }
        for first in "abcdefghij"
        for second in "abcdefghij"
    ]
    items = [coding("No", "Yes", linkId=f"q{number}", _text={"extension": translations[:1]}) for number in range(1000)]
    imported = from_fhir(form(*items, title="Many", _title={"extension": translations}))
    assert len(imported.texts) <= 30
    assert len(loaded(imported, tmp_path).items) == 1000


def test_a_bundle_with_one_questionnaire_is_read(golden: Callable[[str], Any]) -> None:
    one = golden("noise-form-r5.json")
    bundle = {"resourceType": "Bundle", "entry": [{"resource": one}, {"resource": {"resourceType": "Patient"}}]}
    assert from_fhir(bundle) == from_fhir(one)
    with pytest.raises(DefinitionError) as caught:
        from_fhir({**bundle, "entry": bundle["entry"] * 2})
    assert caught.value.codes == (Code.DEF_FOREIGN_FILE,)


def test_more_kinds_of_missing_answers_than_anybody_has_are_left_out(tmp_path: Path) -> None:
    own = "https://example.org/StructureDefinition/eot-missing-answer"
    questions = []
    for number in range(60):
        question = coding("No", "Yes", *(f"Reason {number} {reason}" for reason in "abcdef"), linkId=f"q{number}")
        for option in question["answerOption"][2:]:
            option["extension"] = [{"url": own, "valueCode": "reason"}]
        questions.append(question)
    imported = from_fhir(form(*questions, name="Reasons"))
    assert len(loaded(imported, tmp_path).definition.missing) == 200
    assert len([loss for loss in imported.losses if loss.what == "a missing answer"]) == 27  # one a question
