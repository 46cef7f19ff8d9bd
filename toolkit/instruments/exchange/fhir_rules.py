"""What the FHIR specification demands of a Questionnaire and a QuestionnaireResponse, in R4 (4.0.1) and R5 (5.0.0).

Element names, cardinalities, types, required bindings and invariants are those of the resources' definitions in the
specification. Of other types, such as Identifier or Narrative, only the shape is checked, and value sets that are not
required are not. A class that reads a resource is more tolerant than the specification; this is the rule for what the
toolkit writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Release = Literal["R4", "R5"]
RELEASES: tuple[Release, ...] = ("R4", "R5")


@dataclass(frozen=True, slots=True)
class FhirProblem:
    """One rule that a resource breaks.

    Attributes
    ----------
    path : str
        Where, as FHIRPath writes it, such as ``Questionnaire.item[0].linkId``.
    rule : str
        The invariant's key, such as ``que-2``, or ``cardinality``, ``element``, ``type`` or ``binding``.
    what : str
        What is wrong, in one sentence.
    severity : {"error", "warning"}
        As the specification grades it.
    """

    path: str
    rule: str
    what: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """Return the problem in one line."""
        return f"{self.rule}  {self.path}: {self.what}"


_ANSWER = "boolean decimal integer date dateTime time string uri Attachment Coding Quantity Reference"
_DOMAIN = """
id 0..1 id
meta 0..1 Meta
implicitRules 0..1 uri
language 0..1 code
text 0..1 Narrative
contained 0..* Resource
extension 0..* Extension
modifierExtension 0..* Extension
"""
_BACKBONE = """
id 0..1 string
extension 0..* Extension
modifierExtension 0..* Extension
"""
_PUBLISHED = """
url 0..1 uri
identifier 0..* Identifier
version 0..1 string
name 0..1 string
title 0..1 string
derivedFrom 0..* canonical
status 1..1 code
experimental 0..1 boolean
subjectType 0..* code
date 0..1 dateTime
publisher 0..1 string
contact 0..* ContactDetail
description 0..1 markdown
useContext 0..* UsageContext
jurisdiction 0..* CodeableConcept
purpose 0..1 markdown
copyright 0..1 markdown
approvalDate 0..1 date
lastReviewDate 0..1 date
effectivePeriod 0..1 Period
code 0..* Coding
item 0..* Questionnaire.item
"""
_ITEM = """
linkId 1..1 string
definition 0..1 uri
code 0..* Coding
prefix 0..1 string
text 0..1 string
type 1..1 code
enableWhen 0..* Questionnaire.item.enableWhen
enableBehavior 0..1 code
required 0..1 boolean
repeats 0..1 boolean
readOnly 0..1 boolean
maxLength 0..1 integer
answerValueSet 0..1 canonical
answerOption 0..* Questionnaire.item.answerOption
initial 0..* Questionnaire.item.initial
item 0..* Questionnaire.item
"""
_BOTH = {
    "Questionnaire": _DOMAIN + _PUBLISHED,
    "Questionnaire.item": _BACKBONE + _ITEM,
    "Questionnaire.item.enableWhen": _BACKBONE
    + "question 1..1 string\noperator 1..1 code\n"
    + "answer[x] 1..1 boolean decimal integer date dateTime time string Coding Quantity Reference\n",
    "Questionnaire.item.answerOption": _BACKBONE
    + "value[x] 1..1 integer date time string Coding Reference\ninitialSelected 0..1 boolean\n",
    "Questionnaire.item.initial": _BACKBONE + f"value[x] 1..1 {_ANSWER}\n",
    "QuestionnaireResponse": _DOMAIN
    + """
basedOn 0..* Reference
partOf 0..* Reference
status 1..1 code
subject 0..1 Reference
encounter 0..1 Reference
authored 0..1 dateTime
author 0..1 Reference
source 0..1 Reference
item 0..* QuestionnaireResponse.item
""",
    "QuestionnaireResponse.item": _BACKBONE
    + """
linkId 1..1 string
definition 0..1 uri
text 0..1 string
answer 0..* QuestionnaireResponse.item.answer
item 0..* QuestionnaireResponse.item
""",
    "QuestionnaireResponse.item.answer": _BACKBONE + "item 0..* QuestionnaireResponse.item\n",
    "Coding": """
id 0..1 string
extension 0..* Extension
system 0..1 uri
version 0..1 string
code 0..1 code
display 0..1 string
userSelected 0..1 boolean
""",
}
_ONLY: dict[Release, dict[str, str]] = {
    "R4": {
        "QuestionnaireResponse": "identifier 0..1 Identifier\nquestionnaire 0..1 canonical\n",
        "QuestionnaireResponse.item.answer": f"value[x] 0..1 {_ANSWER}\n",
    },
    "R5": {
        "Questionnaire": "versionAlgorithm[x] 0..1 string Coding\ncopyrightLabel 0..1 string\n",
        "Questionnaire.item": "disabledDisplay 0..1 code\nanswerConstraint 0..1 code\n",
        "QuestionnaireResponse": "identifier 0..* Identifier\nquestionnaire 1..1 canonical\n",
        "QuestionnaireResponse.item.answer": f"value[x] 1..1 {_ANSWER}\n",
    },
}

_QUESTION_TYPES = "boolean decimal integer date dateTime time string text url attachment reference quantity"
_ITEM_TYPES: dict[Release, str] = {
    "R4": f"group display question {_QUESTION_TYPES} choice open-choice",
    "R5": f"group display question {_QUESTION_TYPES} coding",
}
_BINDINGS = {
    "Questionnaire.status": "draft active retired unknown",
    "Questionnaire.item.enableWhen.operator": "exists = != > < >= <=",
    "Questionnaire.item.enableBehavior": "all any",
    "Questionnaire.item.disabledDisplay": "hidden protected",
    "Questionnaire.item.answerConstraint": "optionsOnly optionsOrType optionsOrString",
    "QuestionnaireResponse.status": "in-progress completed amended entered-in-error stopped",
}
"""Value sets with a required binding; that of subjectType, which names kinds of resources, is not listed here."""

_WITH_OPTIONS: dict[Release, frozenset[str]] = {
    "R4": frozenset(["choice", "open-choice", "decimal", "integer", "date", "dateTime", "time", "string", "quantity"]),
    "R5": frozenset(["coding", "decimal", "integer", "date", "dateTime", "time", "string", "quantity"]),
}
_WITH_LENGTH = frozenset(["boolean", "decimal", "integer", "string", "text", "url"])

_DATE = r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"
_PATTERNS = {
    "id": r"[A-Za-z0-9\-.]{1,64}",
    "code": r"[^\s]+( [^\s]+)*",
    "uri": r"\S+",
    "canonical": r"\S+",
    "string": r"[\s\S]+",
    "markdown": r"[\s\S]+",
    "date": _DATE,
    "dateTime": rf"{_DATE}|\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
    "time": r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?",
}
_NAME: dict[Release, tuple[str, str]] = {
    "R4": ("que-0", r"[A-Z]([A-Za-z0-9_]){0,254}"),
    "R5": ("cnl-0", r"[A-Z]([A-Za-z0-9_]){1,254}"),
}


@dataclass(frozen=True, slots=True)
class _Element:
    """One line of a table: an element's least and most number, and its types."""

    name: str
    least: int
    is_list: bool
    types: tuple[str, ...]


def _table(lines: str) -> dict[str, _Element]:
    """Return the elements of a type by the name that JSON has for them."""
    elements = {}
    for line in lines.split("\n"):
        if line.strip():
            name, limits, *types = line.split()
            for kind in types:
                key = name.replace("[x]", kind[0].upper() + kind[1:])
                elements[key] = _Element(name, int(limits[0]), limits.endswith("*"), (kind,))
    return elements


_TABLES: dict[Release, dict[str, dict[str, _Element]]] = {
    release: {name: _table(lines + _ONLY[release].get(name, "")) for name, lines in _BOTH.items()}
    for release in RELEASES
}


def fhir_problems(resource: Mapping[str, Any], release: Release) -> tuple[FhirProblem, ...]:
    """Check a resource against the specification.

    Parameters
    ----------
    resource : mapping
        A Questionnaire or a QuestionnaireResponse as JSON reads it, not nested deeper than a program can follow.
    release : {"R4", "R5"}
        The release of FHIR.

    Returns
    -------
    tuple of FhirProblem
        Every rule that is broken, with the key of its invariant.

    Examples
    --------
    >>> from toolkit.instruments.exchange.fhir_rules import fhir_problems
    >>> group = {"linkId": "a", "type": "group"}
    >>> [problem.rule for problem in fhir_problems({"resourceType": "Questionnaire", "item": [group, group]}, "R4")]
    ['que-1', 'que-1', 'cardinality', 'que-2']
    """
    kind = resource.get("resourceType")
    if kind not in ("Questionnaire", "QuestionnaireResponse"):
        what = "the resource is neither a Questionnaire nor a QuestionnaireResponse"
        return (FhirProblem("resourceType", "element", what),)
    check = _Check(release)
    body = {key: value for key, value in resource.items() if key != "resourceType"}
    check.complex(body, kind, kind, is_resource=True)
    if kind == "Questionnaire":
        check.questionnaire(resource)
    else:
        check.response(resource)
    return tuple(check.found)


class _Check:
    """Collects the problems of one resource."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.tables = _TABLES[release]
        self.found: list[FhirProblem] = []

    def add(self, path: str, rule: str, what: str, severity: Literal["error", "warning"] = "error") -> None:
        self.found.append(FhirProblem(path, rule, what, severity))

    def complex(self, value: Any, kind: str, path: str, *, is_resource: bool = False) -> None:
        """Check an object: its elements, their number and types, and what is written beside primitive ones."""
        if not isinstance(value, Mapping):
            self.add(path, "type", f"an object is needed, not {_kind_of(value)}")
            return
        if not value and not is_resource:
            self.add(path, "ele-1", "an element must have a value or children")
        if kind == "Extension":
            self.extension(value, path)
            return
        table = self.tables.get(kind)
        if table is None:
            self.shape(value, path)
            return
        for key, part in value.items():
            plain = key.removeprefix("_")
            element = table.get(plain)
            if element is None:
                self.add(f"{path}.{key}", "element", f"{kind} has no such element in {self.release}")
            elif key.startswith("_"):
                self.beside(part, element, f"{path}.{key}")
            else:
                self.element(part, element, f"{path}.{key}", kind)
        self.cardinality(value, table, path)
        if "item" in kind:
            self.invariants(value, kind, path)

    def cardinality(self, value: Mapping[str, Any], table: Mapping[str, _Element], path: str) -> None:
        """Tell required elements that lack, and choices that were made twice."""
        named: dict[str, list[str]] = {}
        least = {element.name: element.least for element in table.values()}
        for key, element in table.items():
            if key in value or f"_{key}" in value:
                named.setdefault(element.name, []).append(key)
        for name, number in least.items():
            given = named.get(name, [])
            if len(given) < number:
                self.add(f"{path}.{name}", "cardinality", "the element is required")
            if len(given) > 1:
                self.add(f"{path}.{name}", "cardinality", f"only one of {', '.join(given)} may be there")

    def element(self, value: Any, element: _Element, path: str, kind: str) -> None:
        if element.is_list:
            if not isinstance(value, list) or not value:
                self.add(path, "cardinality", "a list with at least one entry is needed")
                return
            for position, part in enumerate(value):
                self.typed(part, element.types[0], f"{path}[{position}]", f"{kind}.{element.name}")
        else:
            self.typed(value, element.types[0], path, f"{kind}.{element.name}")

    def typed(self, value: Any, kind: str, path: str, definition: str) -> None:
        """Check one value of a type."""
        if kind in _PATTERNS:
            if not isinstance(value, str):
                self.add(path, "type", f"a {kind} is text, not {_kind_of(value)}")
            elif not re.fullmatch(_PATTERNS[kind], value):
                self.add(path, "type", f"the text is no {kind}")
            else:
                self.binding(value, path, definition)
        elif kind == "boolean":
            if not isinstance(value, bool):
                self.add(path, "type", f"a boolean is needed, not {_kind_of(value)}")
        elif kind in ("integer", "decimal"):
            if isinstance(value, bool) or not isinstance(value, int if kind == "integer" else int | float):
                self.add(path, "type", f"a number is needed for {kind}, not {_kind_of(value)}")
            elif kind == "integer" and not -(2**31) <= value < 2**31:
                self.add(path, "type", "an integer has 32 bits")
        elif kind == "Resource":
            self.contained(value, path)
        else:
            self.complex(value, kind, path)

    def binding(self, value: str, path: str, definition: str) -> None:
        allowed = _ITEM_TYPES[self.release] if definition == "Questionnaire.item.type" else _BINDINGS.get(definition)
        if allowed is not None and value not in allowed.split():
            self.add(path, "binding", f"'{value}' is not one of {', '.join(allowed.split())}")

    def beside(self, value: Any, element: _Element, path: str) -> None:
        """Check what is written beside a primitive value: its id and extensions."""
        if element.types[0][0].isupper() or "." in element.types[0]:
            self.add(path, "element", "only a primitive value has something beside it")
            return
        parts = value if element.is_list and isinstance(value, list) else [value]
        for part in parts:
            if not isinstance(part, Mapping) or not part or set(part) - {"id", "extension"}:
                if not (element.is_list and part is None):
                    self.add(path, "ele-1", "an id or an extension is needed, and nothing else")
                continue
            self.extensions(part, path)

    def extensions(self, value: Mapping[str, Any], path: str) -> None:
        for key in ("extension", "modifierExtension"):
            if key in value:
                element = _Element(key, 0, is_list=True, types=("Extension",))
                self.element(value[key], element, f"{path}.{key}", "Element")

    def extension(self, value: Mapping[str, Any], path: str) -> None:
        """Check an extension: an address, and either a value or extensions."""
        if not isinstance(value.get("url"), str) or not value["url"].strip():
            self.add(f"{path}.url", "cardinality", "the element is required")
        values = [key for key in value if key.startswith("value") and len(key) > 5]
        nested = "extension" in value
        if len(values) + nested != 1:
            self.add(path, "ext-1", "an extension has either one value or extensions")
        for key in value:
            if key not in ("id", "url", "extension") and key.lstrip("_") not in values:
                self.add(f"{path}.{key}", "element", "an extension has no such element")
        for key in values:
            kind = key[5:]
            plain = kind[0].lower() + kind[1:]
            is_primitive = plain in _PATTERNS or plain in ("boolean", "integer", "decimal")
            self.typed(value[key], plain if is_primitive else kind, f"{path}.{key}", "Extension.value")
        self.extensions(value, path)

    def shape(self, value: Any, path: str) -> None:
        """Check that no value, list or object of another type is empty."""
        if value is None or value in ({}, []):
            self.add(path, "ele-1", "an element must have a value or children")
        elif isinstance(value, Mapping):
            for key, part in value.items():
                self.shape(part, f"{path}.{key}")
        elif isinstance(value, list):
            for position, part in enumerate(value):
                self.shape(part, f"{path}[{position}]")
        elif value == "":
            self.add(path, "type", "a text has at least one letter")

    def contained(self, value: Any, path: str) -> None:
        if not isinstance(value, Mapping) or not isinstance(value.get("resourceType"), str):
            self.add(path, "type", "a contained resource names its kind in resourceType")
        elif "contained" in value:
            self.add(path, "dom-2", "a contained resource contains no other")

    def invariants(self, item: Mapping[str, Any], kind: str, path: str) -> None:
        """Check the invariants of one item."""
        if kind == "Questionnaire.item":
            for rule, is_broken, what, severity in self.item_rules(item):
                if is_broken:
                    self.add(path, rule, what, severity)
        elif kind == "Questionnaire.item.enableWhen":
            if item.get("operator") == "exists" and "answerBoolean" not in item:
                self.add(path, "que-7", "with the operator 'exists' the answer is a boolean")
        elif kind == "QuestionnaireResponse.item" and "answer" in item and "item" in item:
            self.add(path, "qrs-1", "an item has answers or items, not both")

    def item_rules(self, item: Mapping[str, Any]) -> Iterator[tuple[str, bool, str, Literal["error", "warning"]]]:
        """Return the invariants of an item: key, whether it is broken, what it says, and its severity."""
        kind = str(item.get("type"))
        is_group, is_display = kind == "group", kind == "display"
        is_r5 = self.release == "R5"
        if is_r5:
            yield "que-1b", is_group and "item" not in item, "a group should have items", "warning"
            yield "que-1c", is_display and "item" in item, "a display has no items", "error"
        else:
            yield "que-1", is_group and "item" not in item, "a group must have items", "error"
            yield "que-1", is_display and "item" in item, "a display has no items", "error"
        yield "que-3", is_display and "code" in item, "a display has no code", "error"
        has_options = "answerOption" in item or "answerValueSet" in item
        both = "answerOption" in item and "answerValueSet" in item
        yield "que-4", both, "a question has options or a value set of answers, not both", "error"
        wrong = has_options and kind not in _WITH_OPTIONS[self.release]
        yield "que-5", wrong, f"an item of the type '{kind}' has no options", "error"
        asks = "required" in item or "repeats" in item
        yield "que-6", is_display and asks, "a display is neither required nor repeated", "error"
        yield "que-8", (is_group or is_display) and "initial" in item, "only a question has an initial value", "error"
        yield "que-9", is_display and "readOnly" in item, "a display has no readOnly", "error"
        is_open = item.get("answerConstraint") == "optionsOrString" if is_r5 else kind == "open-choice"
        is_long = "maxLength" in item and kind not in _WITH_LENGTH and not is_open
        yield "que-10", is_long, "only a simple question has a maximum length", "error"
        yield "que-11", "answerOption" in item and "initial" in item, "with options, initialSelected says it", "error"
        conditions = item.get("enableWhen")
        several = isinstance(conditions, list) and len(conditions) > 1 and "enableBehavior" not in item
        yield "que-12", several, "several conditions need enableBehavior", "error"
        initial = item.get("initial")
        many = isinstance(initial, list) and len(initial) > 1 and item.get("repeats") is not True
        yield "que-13", many, "only a repeating question has several initial values", "error"
        if is_r5:
            lone = "answerConstraint" in item and not has_options
            yield "que-14", lone, "answerConstraint needs options or a value set of answers", "warning"

    def questionnaire(self, resource: Mapping[str, Any]) -> None:
        """Check the invariants of the whole questionnaire."""
        seen: set[str] = set()
        for item, path in _items(resource, "Questionnaire"):
            link = item.get("linkId")
            if isinstance(link, str):
                if link in seen:
                    self.add(f"{path}.linkId", "que-2", f"the linkId '{link}' is used twice")
                seen.add(link)
        rule, pattern = _NAME[self.release]
        name = resource.get("name")
        if isinstance(name, str) and not re.fullmatch(pattern, name):
            what = "the name should begin with a capital letter and hold letters, digits and _ only"
            self.add("Questionnaire.name", rule, what, "warning")
        if self.release == "R5" and re.search("[|# ]", str(resource.get("url", ""))):
            self.add("Questionnaire.url", "cnl-1", "the url should not hold | or #", "warning")

    def response(self, resource: Mapping[str, Any]) -> None:
        """Check the invariant of R5 on answers that are given in several items of one linkId."""
        if self.release == "R4":
            return
        holders = [(resource, "QuestionnaireResponse"), *_items(resource, "QuestionnaireResponse")]
        for holder, path in holders:
            inner = holder.get("item")
            parts = inner if isinstance(inner, list) else []
            answered = [part.get("linkId") for part in parts if isinstance(part, Mapping) and part.get("answer")]
            if len(set(map(str, answered))) < len(answered):
                self.add(path, "qrs-2", "the answers to a repeating question stand in one item")


def _items(holder: Mapping[str, Any], path: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Return all items below a resource, those below answers too."""
    waiting = [(holder, path)]
    while waiting:
        above, place = waiting.pop()
        for key in ("item", "answer"):
            parts = above.get(key)
            for position, part in enumerate(parts if isinstance(parts, list) else ()):
                if isinstance(part, Mapping):
                    inner = f"{place}.{key}[{position}]"
                    waiting.append((part, inner))
                    if key == "item":
                        yield part, inner


def _kind_of(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
