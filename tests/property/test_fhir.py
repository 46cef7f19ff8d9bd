"""FHIR round trips: what is not among the losses comes back as it was, for any questionnaire and any answers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit import instruments
from toolkit.errors import DefinitionError, ResponsesError
from toolkit.instruments.definition import Definition
from toolkit.instruments.exchange import ImportOptions
from toolkit.instruments.exchange.fhir import to_fhir
from toolkit.instruments.exchange.fhir_draft import from_fhir, import_fhir
from toolkit.instruments.exchange.fhir_responses import import_responses, responses_from_fhir, responses_to_fhir
from toolkit.instruments.exchange.fhir_rules import RELEASES, fhir_problems
from toolkit.instruments.instrument import Instrument
from toolkit.instruments.lint import RESERVED_COLUMNS, lint
from toolkit.instruments.source import read_source
from toolkit.instruments.text import Text

EOMHS = instruments.load("eomhs@1.0.0")
MISSING = {"not_relevant": -7, "dont_know": -8, "prefer_not": 99}
TAKEN = RESERVED_COLUMNS | {"position"}
LETTERS = "abcæøå ABCÆØÅ.,?!'\"%&/()=é漢字:;"


def words(prefix: str) -> st.SearchStrategy[str]:
    """Words that a text may hold; the prefix tells the labels of one question apart."""
    return st.text(LETTERS, max_size=20).map(lambda some: " ".join(f"{prefix} {some}.".split()))


@st.composite
def questionnaires(draw: st.DrawFn) -> Instrument:
    """Questionnaires that lint, with all that a definition can have."""
    names = draw(st.lists(st.sampled_from(sorted(MISSING)), unique=True, max_size=3))
    sets: dict[str, dict[str, Any]] = {}
    for name in draw(st.lists(st.sampled_from(["agreement", "frequency", "times"]), unique=True, min_size=1)):
        points = sorted(draw(st.sets(st.integers(-5, 20), min_size=2, max_size=6)))
        offered = [one for one in names if draw(st.booleans())]
        sets[name] = {"name": name, "points": points, "missing": offered}
    codes = draw(
        st.lists(
            st.from_regex(r"[A-Z][A-Za-z0-9_]{0,6}", fullmatch=True), min_size=1, max_size=6, unique_by=str.casefold
        )
    )
    codes = [code for code in codes if code.casefold() not in TAKEN] or ["Q1"]
    items = [
        {"code": code, "responses": draw(st.sampled_from(sorted(sets))), "intent": draw(words("find"))}
        for code in codes
    ]
    cut = draw(st.integers(1, len(codes)))
    pages = [codes[:cut], codes[cut:]]
    sections = [{"code": f"P{number}", "items": page} for number, page in enumerate(pages) if page]
    covariates = [{"code": "position", "options": ["nurse", "doctor"]}] if draw(st.booleans()) else []
    first = items[0]["responses"]
    scored = [item["code"] for item in items if item["responses"] == first]
    turned = [code for code in scored if draw(st.booleans())]
    scales = [{"code": "S", "items": scored, "reversed": turned, "minimum_answered": 1}] if draw(st.booleans()) else []
    definition = {
        "format": 1,
        "id": draw(st.from_regex(r"[a-z][a-z0-9]{1,8}(-[a-z0-9]{1,5})?", fullmatch=True)),
        "version": draw(st.sampled_from(["0.1.0", "1.0.0", "12.3.45"])),
        "original_language": "en",
        "speaker": draw(st.sampled_from(["respondents", "named_informants", "organisational_record"])),
        "measurement": draw(st.sampled_from(["reflective", "formative"])),
        "construct": draw(words("what")),
        "minutes": draw(st.integers(1, 120)),
        "missing": [{"name": name, "code": MISSING[name], "structural": draw(st.booleans())} for name in names],
        "responses": list(sets.values()),
        "items": items,
        "sections": sections,
        "scales": scales,
        "covariates": covariates,
    }
    helped = {code for code in codes if draw(st.booleans())}
    texts = {}
    for language in draw(st.sampled_from([["en"], ["en", "nb"], ["en", "de", "nb"]])):
        texts[language] = Text.model_validate(
            {
                "instrument": definition["id"],
                "version": definition["version"],
                "language": language,
                "title": draw(words("title")),
                "introduction": draw(words("hello")),
                "responses": {
                    name: {
                        code: draw(words(f"{language} answer {number}")) for number, code in enumerate(one["points"])
                    }
                    for name, one in sets.items()
                },
                "missing": {name: draw(words(f"{language} {name.replace('_', ' ')}")) for name in names},
                "sections": {
                    one["code"]: {"heading": draw(words("page")), "introduction": draw(words("now"))}
                    for one in sections
                },
                "items": {
                    code: {"status": "draft", "text": draw(words("I"))}
                    | ({"help": draw(words("that is"))} if code in helped else {})
                    for code in codes
                },
                "scales": {one["code"]: {"name": "Scale", "high": "Much of it."} for one in scales},
                "covariates": {
                    one["code"]: {
                        "text": draw(words("your")),
                        "options": {"nurse": draw(words("a")), "doctor": draw(words("b"))},
                    }
                    for one in covariates
                },
            }
        )
    return Instrument(definition=Definition.model_validate(definition), texts=texts, definition_hash="0" * 64)


def by_name(entries: Any) -> list[Any]:
    return sorted(entries, key=lambda one: one.get("name") or one["code"])


def kept(instrument: Instrument, lost: set[str]) -> dict[str, Any]:
    """What of a questionnaire is not among the losses. The order of response sets and missing codes has no meaning."""
    found = instrument.definition.model_dump(mode="json")
    del found["scales"], found["scoring"]
    for key in ("responses", "missing"):
        found[key] = by_name(one for one in found[key] if f"{key}[{one['name']}]" not in lost)
    found["items"] = by_name(found["items"])
    for language, text in instrument.texts.items():
        told = text.model_dump(mode="json")
        del told["scales"]
        for key in ("responses", "missing"):
            told[key] = {name: one for name, one in told[key].items() if f"{key}[{name}]" not in lost}
        for item in told["items"].values():
            item["status"] = "draft"
        found[f"text.{language}"] = told
    return found


@settings(deadline=None, max_examples=60)
@given(questionnaires(), st.sampled_from(RELEASES))
def test_a_questionnaire_comes_back_but_for_its_losses(instrument: Instrument, release: Any) -> None:
    found = lint(instrument.definition, list(instrument.texts.values()))
    assert found.problems == ()
    exported = to_fhir(instrument, release=release)
    (content,) = exported.files.values()
    assert fhir_problems(json.loads(content), release) == ()
    imported = import_fhir(content, ImportOptions(file="q.json"))
    definition = Definition.model_validate(parsed(imported.definition_yaml))
    texts = {language: Text.model_validate(parsed(text)) for language, text in imported.texts.items()}
    again = Instrument(definition=definition, texts=texts, definition_hash="1" * 64)
    lost = {loss.where for loss in exported.losses}
    assert kept(again, lost) == kept(instrument, lost)
    turned = {code for scale in instrument.definition.scales for code in scale.reversed}
    assert {loss.where for loss in imported.losses} - {""} == turned


def parsed(content: str) -> Any:
    source, problems = read_source(content.encode("utf-8"), "file.yaml")
    assert problems == []
    assert source is not None
    return source.data


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from([1, 2, 3, 4, 5, -7, -8, -9, np.nan]), min_size=31, max_size=31),
            st.sampled_from(["clinician", "manager", None]),
            st.sampled_from(["en", "nb", None]),
            st.sampled_from(["North", "Æ 2", None]),
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(RELEASES),
)
def test_answers_come_back(rows: list[Any], release: Any) -> None:
    frame = pd.DataFrame([answers for answers, *_ in rows], columns=list(EOMHS.item_codes), dtype="float64")
    for place, column in enumerate(("position", "language", "unit"), start=1):
        frame[column] = pd.array([row[place] for row in rows], dtype="str")
    exported = responses_to_fhir(frame, EOMHS, release=release)
    (content,) = exported.files.values()
    bundle = json.loads(content)
    for entry in bundle["entry"]:
        assert fhir_problems(entry["resource"], release) == ()
    if frame[list(EOMHS.item_codes)].isna().all(axis=None):
        return
    again = responses_from_fhir(bundle, EOMHS).frame
    expected = frame.dropna(axis="columns", how="all")
    expected = expected.reindex(columns=again.columns)
    pd.testing.assert_frame_equal(again.reset_index(drop=True), expected, check_dtype=False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "item",
                    "linkId",
                    "type",
                    "text",
                    "_text",
                    "answerOption",
                    "extension",
                    "url",
                    "valueCoding",
                    "code",
                    "display",
                    "contained",
                    "answerValueSet",
                    "answer",
                    "valueString",
                    "valueInteger",
                    "entry",
                    "resource",
                    "questionnaire",
                    "language",
                    "title",
                    "repeats",
                    "valueDecimal",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(["item", "title", "language", "url", "version", "contained", "purpose", "extension"]), JSON
    )
)
def test_no_questionnaire_ends_in_another_error(body: dict[str, Any]) -> None:
    question = {"linkId": "a", "type": "boolean", "text": "Yes?"}
    items = body.get("item")
    resource = {
        **body,
        "resourceType": "Questionnaire",
        "item": [question, *(items if isinstance(items, list) else [])],
    }
    for release in RELEASES:
        fhir_problems(resource, release)
    try:
        imported = from_fhir(resource)
    except DefinitionError:
        return
    definition = Definition.model_validate(parsed(imported.definition_yaml))
    texts = [Text.model_validate(parsed(text)) for text in imported.texts.values()]
    assert lint(definition, texts).problems == ()


@settings(deadline=None, max_examples=200)
@given(
    JSON
    | st.fixed_dictionaries({"resourceType": st.just("QuestionnaireResponse"), "item": JSON, "questionnaire": JSON})
)
def test_no_file_of_answers_ends_in_another_error(body: Any) -> None:
    for release in RELEASES:
        if isinstance(body, dict):
            fhir_problems(body, release)
    try:
        import_responses(json.dumps(body).encode(), EOMHS, ImportOptions(file="a.json"))
    except ResponsesError:
        return
