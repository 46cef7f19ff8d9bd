"""Answers as FHIR QuestionnaireResponses: what is written, what is read, and what never leaves."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from fhir.resources.bundle import Bundle as BundleR5
from fhir.resources.R4B.bundle import Bundle as BundleR4

from toolkit import instruments
from toolkit.errors import Code, ResponsesError
from toolkit.instruments import Instrument
from toolkit.instruments.exchange import ExportOptions, ImportOptions, response_exporter, response_importer
from toolkit.instruments.exchange.fhir_responses import (
    import_responses,
    response_to_fhir,
    responses_from_fhir,
    responses_to_fhir,
)
from toolkit.instruments.exchange.fhir_rules import RELEASES, Release, fhir_problems


@pytest.fixture
def answered(mood: Instrument, raw: pd.DataFrame) -> pd.DataFrame:
    return instruments.read_frame(raw.assign(wave="Spring", language="en"), mood)


def bundle_of(frame: pd.DataFrame, instrument: Instrument, release: Release, **options: Any) -> dict[str, Any]:
    (content,) = responses_to_fhir(frame, instrument, release=release, **options).files.values()
    return json.loads(content)


@pytest.mark.parametrize("release", RELEASES)
def test_answers_are_read_as_they_were(mood: Instrument, answered: pd.DataFrame, release: Release) -> None:
    bundle = bundle_of(answered, mood, release)
    for entry in bundle["entry"]:
        assert fhir_problems(entry["resource"], release) == ()
    {"R4": BundleR4, "R5": BundleR5}[release].model_validate(bundle)
    again = responses_from_fhir(bundle, mood)
    columns = list(answered.columns)
    pd.testing.assert_frame_equal(again.frame[columns].reset_index(drop=True), answered.reset_index(drop=True))
    assert again.losses == ()


@pytest.mark.parametrize("release", RELEASES)
def test_nothing_says_who_answered_or_when(mood: Instrument, answered: pd.DataFrame, release: Release) -> None:
    named = answered.set_axis(["kari-nordmann", "b-77", "c-78"])
    (content,) = responses_to_fhir(named, mood, release=release).files.values()
    assert b"kari" not in content
    assert b"b-77" not in content
    allowed = {"resourceType", "language", "extension", "questionnaire", "status", "item"}
    for entry in json.loads(content)["entry"]:
        assert set(entry["resource"]) <= allowed
    bundle = bundle_of(named, mood, release, authored={"Spring": "2026-03"})
    assert {entry["resource"]["authored"] for entry in bundle["entry"]} == {"2026-03"}
    for exact in ("2026-03-01", "2026-13", "2026-03-01T10:00:00Z", "March"):
        with pytest.raises(ResponsesError) as caught:
            responses_to_fhir(named, mood, release=release, authored={"Spring": exact})
        assert caught.value.codes == (Code.RSP_CELL_IS_DATE,)


def test_one_response_is_as_written_by_hand(mood: Instrument) -> None:
    written = response_to_fhir(
        {"M1": -7.0, "M2": float("nan"), "position": "nurse", "unit": "north"}, mood, release="R4"
    )
    system = "https://example.org/fhir/CodeSystem/mood"
    assert written == {
        "resourceType": "QuestionnaireResponse",
        "extension": [{"url": "https://example.org/fhir/StructureDefinition/eot-unit", "valueString": "north"}],
        "questionnaire": "https://example.org/fhir/Questionnaire/mood|1.0.0",
        "status": "completed",
        "item": [
            {
                "linkId": "section-FIRST",
                "item": [
                    {
                        "linkId": "M1",
                        "answer": [
                            {
                                "valueCoding": {
                                    "system": f"{system}-answers-agreement",
                                    "version": "1.0.0",
                                    "code": "-7",
                                    "display": "Not relevant",
                                }
                            }
                        ],
                    }
                ],
            },
            {
                "linkId": "background-questions",
                "item": [
                    {
                        "linkId": "position",
                        "answer": [
                            {
                                "valueCoding": {
                                    "system": f"{system}-background-position",
                                    "version": "1.0.0",
                                    "code": "nurse",
                                    "display": "Nurse",
                                }
                            }
                        ],
                    }
                ],
            },
        ],
    }


def test_answers_of_another_program_are_read(mood: Instrument, golden: Callable[[str], Any]) -> None:
    read = responses_from_fhir(golden("mood-1.0.0-responses.fhir-r4.json"), mood)
    assert list(read.frame.index) == ["response 1", "response 3"]
    assert read.frame["M1"].tolist() == [1.0, 3.0]
    assert read.frame["M2"].tolist() == [-7.0, 2.0]
    assert read.frame["T1"].iloc[0] == 1.0
    assert read.frame["position"].iloc[0] == "nurse"
    assert {loss.where for loss in read.losses} == {"id", "identifier", "authored", "author", "source", "status"}
    assert "Kari" not in repr(read.losses)


def spoiled(**changes: Any) -> dict[str, Any]:
    resource = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": "https://example.org/fhir/Questionnaire/mood|1.0.0",
        "status": "completed",
        "item": [{"linkId": "M1", "answer": [{"valueInteger": 1}]}],
    }
    return resource | changes


def one(**answer: Any) -> list[dict[str, Any]]:
    return [{"linkId": "M1", "answer": [answer]}]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"questionnaire": "https://example.org/fhir/Questionnaire/mood|2.0.0"}, Code.RSP_WRONG_VERSION),
        ({"questionnaire": "https://example.org/fhir/Questionnaire/sleep|1.0.0"}, Code.RSP_WRONG_VERSION),
        ({"item": [{"linkId": "M9", "answer": [{"valueInteger": 1}]}]}, Code.RSP_UNKNOWN_COLUMN),
        ({"item": [{"linkId": "M1", "answer": [{"valueInteger": 1}, {"valueInteger": 2}]}]}, Code.RSP_CODE_NOT_ALLOWED),
        ({"item": one(valueInteger=1) * 2}, Code.RSP_CODE_NOT_ALLOWED),
        ({"item": one(valueInteger=4)}, Code.RSP_CODE_NOT_ALLOWED),
        ({"item": one(valueDecimal=1.5)}, Code.RSP_CODE_NOT_ALLOWED),
        ({"item": one(valueCoding={"system": "http://loinc.org", "code": "1"})}, Code.RSP_CODE_NOT_ALLOWED),
        ({"item": one(valueString="Agree")}, Code.RSP_TEXT_IN_NUMBERS),
        ({"item": one(valueQuantity={"value": 1})}, Code.RSP_TEXT_IN_NUMBERS),
        ({"item": [{"linkId": "position", "answer": [{"valueString": "pilot"}]}]}, Code.RSP_UNKNOWN_OPTION),
        ({"item": []}, Code.RSP_NO_ANSWERS),
        ({"status": "in-progress"}, Code.RSP_NO_ROWS),
    ],
)
def test_answers_that_do_not_fit_are_refused(mood: Instrument, changes: dict[str, Any], code: Code) -> None:
    assert responses_from_fhir(spoiled(), mood).frame["M1"].tolist() == [1.0]
    with pytest.raises(ResponsesError) as caught:
        responses_from_fhir([spoiled(**changes)], mood, file="answers.json")
    assert set(caught.value.codes) >= {code}
    assert caught.value.problems[0].file == "answers.json"


def test_a_response_without_a_version_is_read_and_told(mood: Instrument) -> None:
    for canonical in (None, "https://example.org/fhir/Questionnaire/mood"):
        losses = responses_from_fhir(spoiled(questionnaire=canonical), mood).losses
        assert [loss.where for loss in losses] == ["questionnaire"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"3", b'["a"]', b'[{"resourceType": "Patient"}]', b'{"resourceType": "Patient"}', b"[" * 10**5],
)
def test_a_file_that_is_none_ends_in_a_coded_error(mood: Instrument, content: bytes) -> None:
    with pytest.raises(ResponsesError) as caught:
        import_responses(content, mood, ImportOptions(file="answers.json"))
    assert caught.value.codes == (Code.RSP_FOREIGN_FILE,)


def test_answers_that_the_questionnaire_does_not_have_are_not_written(mood: Instrument, answered: pd.DataFrame) -> None:
    for column, value, code in (("M1", 9.0, Code.RSP_CODE_NOT_ALLOWED), ("position", "pilot", Code.RSP_UNKNOWN_OPTION)):
        wrong = copy.deepcopy(answered).assign(**{column: value})
        with pytest.raises(ResponsesError) as caught:
            responses_to_fhir(wrong, mood, release="R5")
        assert caught.value.codes == (code,)


def test_the_tables_of_formats_work_together(mood: Instrument, answered: pd.DataFrame) -> None:
    for name in ("fhir-r4", "fhir-r5"):
        exported = response_exporter(name)(answered.assign(extra="x"), mood, ExportOptions())
        assert [loss.where for loss in exported.losses] == ["respondent", "extra"]
        (content,) = exported.files.values()
        again = response_importer("fhir")(content, mood, ImportOptions(file="a.json"))
        assert len(again.frame) == len(answered)
