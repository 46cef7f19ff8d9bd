"""The checker of FHIR resources: one broken rule at a time, beside a twin that keeps it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from toolkit.instruments.exchange.fhir_rules import RELEASES, Release, fhir_problems

CHOICE = {"R4": "choice", "R5": "coding"}
OPTION = {"valueCoding": {"code": "1"}}


def questionnaire(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Questionnaire", "status": "draft", "item": list(items), **more}


def question(kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"linkId": "q", "type": kind, **more}


def rules(resource: dict[str, Any], release: Release) -> list[tuple[str, str]]:
    return [(problem.rule, problem.severity) for problem in fhir_problems(resource, release)]


BEHAVIOUR = {"question": "p", "operator": "=", "answerString": "x"}
ERROR, WARNING = "error", "warning"
# Broken item, the same item mended, rule in R4, rule in R5.
ITEMS: list[tuple[dict[str, Any], dict[str, Any], tuple[str, str] | None, tuple[str, str] | None]] = [
    (question("group"), question("group", item=[question() | {"linkId": "r"}]), ("que-1", ERROR), ("que-1b", WARNING)),
    (
        question("display", item=[question() | {"linkId": "r"}]),
        question("display"),
        ("que-1", ERROR),
        ("que-1c", ERROR),
    ),
    (question("display", code=[{"code": "a"}]), question(code=[{"code": "a"}]), ("que-3", ERROR), ("que-3", ERROR)),
    (question("text", answerOption=[OPTION]), question("text"), ("que-5", ERROR), ("que-5", ERROR)),
    (question("display", required=False), question(required=False), ("que-6", ERROR), ("que-6", ERROR)),
    (question("display", repeats=True), question(repeats=True), ("que-6", ERROR), ("que-6", ERROR)),
    (
        question(enableWhen=[{"question": "p", "operator": "exists", "answerString": "x"}]),
        question(enableWhen=[{"question": "p", "operator": "exists", "answerBoolean": True}]),
        ("que-7", ERROR),
        ("que-7", ERROR),
    ),
    (
        question("display", initial=[{"valueString": "a"}]),
        question(initial=[{"valueString": "a"}]),
        ("que-8", ERROR),
        ("que-8", ERROR),
    ),
    (question("display", readOnly=True), question(readOnly=True), ("que-9", ERROR), ("que-9", ERROR)),
    (question("date", maxLength=3), question("text", maxLength=3), ("que-10", ERROR), ("que-10", ERROR)),
    (
        question(answerOption=[{"valueString": "a"}], initial=[{"valueString": "a"}]),
        question(answerOption=[{"valueString": "a", "initialSelected": True}]),
        ("que-11", ERROR),
        ("que-11", ERROR),
    ),
    (
        question(enableWhen=[BEHAVIOUR, BEHAVIOUR]),
        question(enableWhen=[BEHAVIOUR, BEHAVIOUR], enableBehavior="any"),
        ("que-12", ERROR),
        ("que-12", ERROR),
    ),
    (
        question(initial=[{"valueString": "a"}, {"valueString": "b"}]),
        question(initial=[{"valueString": "a"}, {"valueString": "b"}], repeats=True),
        ("que-13", ERROR),
        ("que-13", ERROR),
    ),
    (
        question(answerConstraint="optionsOnly"),
        question(answerConstraint="optionsOnly", answerOption=[{"valueString": "a"}]),
        ("element", ERROR),
        ("que-14", WARNING),
    ),
]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("case", ITEMS, ids=lambda case: str(case[2]))
def test_an_invariant_of_items(case: tuple[Any, Any, Any, Any], release: Release) -> None:
    broken, mended, in_r4, in_r5 = case
    expected = in_r4 if release == "R4" else in_r5
    assert rules(questionnaire(broken), release) == [expected]
    if expected != ("element", ERROR):
        assert rules(questionnaire(mended), release) == []


@pytest.mark.parametrize("release", RELEASES)
def test_options_and_a_value_set_exclude_each_other(release: Release) -> None:
    kind = CHOICE[release]
    for more in ({"answerOption": [OPTION]}, {"answerValueSet": "http://example.org/v"}):
        assert rules(questionnaire(question(kind, **more)), release) == []
    both = question(kind, answerOption=[OPTION], answerValueSet="http://example.org/v")
    assert rules(questionnaire(both), release) == [("que-4", ERROR)]


@pytest.mark.parametrize("release", RELEASES)
def test_link_ids_are_used_once_at_any_depth(release: Release) -> None:
    group = {"linkId": "g", "type": "group", "item": [question()]}
    assert rules(questionnaire(group), release) == []
    assert rules(questionnaire(group, question()), release) == [("que-2", ERROR)]


def test_names_and_addresses_are_warned_of() -> None:
    for release, rule in (("R4", "que-0"), ("R5", "cnl-0")):
        assert rules(questionnaire(name="Mood"), release) == [("cardinality", ERROR)]  # an empty list of items
        assert rules(questionnaire(question(), name="Mood"), release) == []
        assert rules(questionnaire(question(), name="my mood"), release) == [(rule, WARNING)]
    assert rules(questionnaire(question(), name="M"), "R4") == []
    assert rules(questionnaire(question(), name="M"), "R5") == [("cnl-0", WARNING)]
    for url, warned in (("http://example.org/q", []), ("http://example.org/q#1", [("cnl-1", WARNING)])):
        assert rules(questionnaire(question(), url=url), "R5") == warned
        assert rules(questionnaire(question(), url=url), "R4") == []


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"status": "ready"}, "binding"),
        ({"status": None}, "type"),
        ({"title": 3}, "type"),
        ({"title": ""}, "type"),
        ({"titel": "Mood"}, "element"),
        ({"id": "a b"}, "type"),
        ({"date": "yesterday"}, "type"),
        ({"experimental": "no"}, "type"),
        ({"code": []}, "cardinality"),
        ({"code": [{"code": " a"}]}, "type"),
        ({"code": [{}]}, "ele-1"),
        ({"code": ["a"]}, "type"),
        ({"text": {}}, "ele-1"),
        ({"text": {"div": ""}}, "type"),
        ({"contained": [{"id": "a"}]}, "type"),
        ({"contained": [{"resourceType": "ValueSet", "contained": [{"resourceType": "ValueSet"}]}]}, "dom-2"),
        ({"extension": [{"valueString": "a"}]}, "cardinality"),
        ({"extension": [{"url": "u"}]}, "ext-1"),
        ({"extension": [{"url": "u", "valueString": "a", "extension": [{"url": "u", "valueCode": "a"}]}]}, "ext-1"),
        ({"extension": [{"url": "u", "valueInteger": 1.5}]}, "type"),
        ({"extension": [{"url": "u", "valueInteger": 2**31}]}, "type"),
        ({"extension": [{"url": "u", "valueDecimal": True}]}, "type"),
        ({"extension": [{"url": "u", "valueString": "a", "why": "b"}]}, "element"),
        ({"_title": {}}, "ele-1"),
        ({"_title": {"value": "a"}}, "ele-1"),
        ({"_item": {"id": "a"}}, "element"),
        ({"item": question()}, "cardinality"),
        ({"item": ["q"]}, "type"),
        ({"item": [{"linkId": "q"}]}, "cardinality"),
        ({"item": [{"type": "string"}]}, "cardinality"),
        ({"item": [question("essay")]}, "binding"),
        ({"item": [question(enableWhen=[{"question": "p", "operator": "~", "answerString": "x"}])]}, "binding"),
        ({"item": [question(enableWhen=[{"question": "p", "operator": "="}])]}, "cardinality"),
        ({"item": [question(answerOption=[{"valueString": "a", "valueInteger": 1}])]}, "cardinality"),
        ({"item": [question(answerOption=[{"valueBoolean": True}])]}, "element"),
    ],
)
def test_shapes_types_and_bindings(change: dict[str, Any], rule: str, release: Release) -> None:
    valid = questionnaire(question(), title="Mood")
    assert rules(valid, release) == []
    found = [problem.rule for problem in fhir_problems({**copy.deepcopy(valid), **change}, release)]
    assert rule in found
    assert all(str(problem).startswith(problem.rule) for problem in fhir_problems({**valid, **change}, release))


def test_releases_differ_in_types() -> None:
    for release, other in (("R4", "R5"), ("R5", "R4")):
        resource = questionnaire(question(CHOICE[release], answerOption=[OPTION]))
        assert rules(resource, release) == []
        assert ("binding", ERROR) in rules(resource, other)


def response(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"status": "completed", "questionnaire": "http://example.org/q|1", "item": list(items)}
    return {"resourceType": "QuestionnaireResponse", **body, **more}


def test_responses() -> None:
    answer = {"linkId": "a", "answer": [{"valueCoding": {"code": "1"}}]}
    nested = {"linkId": "g", "item": [answer]}
    for release in RELEASES:
        assert rules(response(nested), release) == []
        assert rules(response({**answer, "item": [nested]}), release) == [("qrs-1", ERROR)]
        assert rules(response(answer, status="done"), release) == [("binding", ERROR)]
        assert rules(response(answer, authored="2026-03"), release) == []
    unnamed = response(answer)
    del unnamed["questionnaire"]
    assert (rules(unnamed, "R4"), rules(unnamed, "R5")) == ([], [("cardinality", ERROR)])
    empty = response({"linkId": "a", "answer": [{"id": "x"}]})
    assert (rules(empty, "R4"), rules(empty, "R5")) == ([], [("cardinality", ERROR)])
    twice = response({"linkId": "g", "item": [answer, answer]})
    assert (rules(twice, "R4"), rules(twice, "R5")) == ([], [("qrs-2", ERROR)])


def test_other_resources_are_not_checked() -> None:
    assert rules({"resourceType": "Patient"}, "R4") == [("element", ERROR)]
    assert rules({}, "R5") == [("element", ERROR)]
