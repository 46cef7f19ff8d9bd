"""FHIR Questionnaires as they are written: compared with files that were written by hand, and with the rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from fhir.resources.questionnaire import Questionnaire as QuestionnaireR5
from fhir.resources.R4B.questionnaire import Questionnaire as QuestionnaireR4

from toolkit import instruments
from toolkit.errors import Code, DefinitionError
from toolkit.instruments import Instrument
from toolkit.instruments.exchange import EXPORTERS, IMPORTERS, ExportOptions, exporter, importer
from toolkit.instruments.exchange.fhir import to_fhir
from toolkit.instruments.exchange.fhir_rules import RELEASES, Release, fhir_problems

BFI = "tests/instruments/bfi/1.0.0"


def resource_of(instrument: Instrument, release: Release, **options: Any) -> dict[str, Any]:
    (content,) = to_fhir(instrument, release=release, **options).files.values()
    return json.loads(content)


def test_r4_is_as_written_by_hand(full: Instrument, golden: Callable[[str], Any]) -> None:
    expected = golden("mood-1.0.0.fhir-r4.json")
    expected["extension"][0]["valueString"] = full.definition_hash
    assert resource_of(full, "R4") == expected


def test_r5_is_as_written_by_hand(small: Instrument, golden: Callable[[str], Any]) -> None:
    expected = golden("mood-en-1.0.0.fhir-r5.json")
    expected["extension"][0]["valueString"] = small.definition_hash
    assert resource_of(small, "R5", standing="retired", url_base="urn:oid:2.999") == expected


def test_what_is_lost_is_told(full: Instrument, small: Instrument) -> None:
    assert [loss.where for loss in to_fhir(full, release="R4").losses] == [
        *("scales[MOOD]", "scoring", "text.en: items.*.status", "text.nb: items.*.status")
    ]
    assert [loss.where for loss in to_fhir(small, release="R4").losses] == [
        *("responses[unused]", "missing[unused_too]", "text.en: items.*.status")
    ]


def test_languages_are_chosen_and_the_others_are_told(full: Instrument) -> None:
    exported = to_fhir(full, release="R4", languages=["nb"])
    (content,) = exported.files.values()
    resource = json.loads(content)
    assert (resource["language"], resource["title"], "_title" in resource) == ("nb", "Humør på jobb", False)
    assert {"text.en", "original_language"} <= {loss.where for loss in exported.losses}
    with pytest.raises(DefinitionError) as caught:
        to_fhir(full, release="R4", languages=["sv"])
    assert caught.value.codes == (Code.DEF_LANGUAGE_ABSENT,)


def test_words_that_only_a_translation_has_are_told(full: Instrument) -> None:
    text = full.texts["en"]
    silent = text.model_copy(
        update={"sections": {"FIRST": text.sections["FIRST"].model_copy(update={"introduction": None})}}
    )
    changed = Instrument(definition=full.definition, texts={"en": silent, "nb": full.texts["nb"]}, definition_hash="0")
    losses = to_fhir(changed, release="R5").losses
    assert "section-FIRST-introduction in nb" in {loss.where for loss in losses}


@pytest.mark.parametrize(
    ("release", "base"),
    [("R6", "https://example.org"), ("R4", "example.org"), ("R4", "https://x|y"), ("R5", "https://")],
)
def test_another_release_or_address_is_refused(small: Instrument, release: Any, base: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        to_fhir(small, release=release, url_base=base)
    assert caught.value.codes == (Code.DEF_VALUE,)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", ["eomhs@0.9.0", "eomhs@1.0.0", BFI])
def test_shipped_questionnaires_break_no_rule_and_the_class_reads_them(name: str, release: Release) -> None:
    resource = resource_of(instruments.load(name), release, standing="active")
    assert fhir_problems(resource, release) == ()
    model = {"R4": QuestionnaireR4, "R5": QuestionnaireR5}[release]
    assert model.model_validate(resource).version == resource["version"]


def test_the_tables_of_formats_name_what_is_there(small: Instrument) -> None:
    for name in EXPORTERS:
        assert exporter(name)(small, ExportOptions()).files
    for name in IMPORTERS:
        assert callable(importer(name))
    for find in (exporter, importer):
        with pytest.raises(DefinitionError) as caught:
            find("papyrus")
        assert caught.value.codes == (Code.DEF_UNKNOWN_NAME,)
