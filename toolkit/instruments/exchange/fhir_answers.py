"""The answers of a FHIR question read as points and missing codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from toolkit.instruments.exchange.drafting import plain_name
from toolkit.instruments.exchange.fhir_terms import MISSING_ANSWER, STRUCTURAL, own_value, weight_of

Words = dict[str, str]
"""What is said, by language; the main one is always there."""

MOST_POINTS = 101
MOST_MISSING = 200
LARGEST_CODE = 9999

_INTEGER = re.compile(r"-?\d{1,4}\Z", re.ASCII)
_SYSTEM = re.compile(r"/CodeSystem/[a-z0-9-]+-answers-(?P<name>[a-z][a-z0-9_]{0,31})\Z")
_OPTION_TYPES = ("choice", "coding", "open-choice", "integer", "string", "question")


class Say(Protocol):
    """Returns the words of an element by language."""

    def __call__(self, element: Mapping[str, Any], key: str, where: str, *, is_plain: bool = True) -> Words | None:
        """Return None where the main language has none."""
        ...


@dataclass(frozen=True, slots=True)
class Option:
    """One answer as the file has it."""

    code: str
    words: Words
    weight: float | None = None
    missing: str | None = None
    is_structural: bool = False


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of one question."""

    options: tuple[Option, ...]
    system: str = ""


@dataclass(slots=True)
class _Kept:
    """A response set of the draft."""

    name: str
    labels: dict[int, Words]
    missing: tuple[str, ...] = ()


@dataclass(slots=True)
class _Missing:
    """A missing code of the draft."""

    code: int
    words: Words
    is_structural: bool


@dataclass(slots=True)
class AnswerSets:
    """The response sets and missing codes of a draft, each kept once.

    Attributes
    ----------
    resource : mapping
        The questionnaire, for value sets that it contains.
    say, lose : callable
        Return the words of an element, and tell a loss.
    """

    resource: Mapping[str, Any]
    say: Say
    lose: Callable[[str, str, str], None]
    sets: list[_Kept] = field(default_factory=list)
    missing: dict[str, _Missing] = field(default_factory=dict)

    def keep(self, answers: Answers, link: str) -> str:
        """Keep the answers of a question and return the name of their response set."""
        offered = [option for option in answers.options if option.missing is not None]
        points = [option for option in answers.options if option.missing is None]
        labels = self._points(points, link)
        found = [self._missing(option, set(labels), link) for option in offered]
        names = tuple(dict.fromkeys(name for name in found if name is not None))
        for known in self.sets:
            if known.labels == labels and known.missing == names:
                return known.name
        match = _SYSTEM.search(answers.system)
        wanted = match["name"] if match else f"answers_{len(self.sets) + 1}"
        name = plain_name(wanted, [known.name for known in self.sets])
        self.sets.append(_Kept(name, labels, names))
        return name

    def options(self, answers: Answers, link: str) -> dict[str, Words]:
        """Return the options of a background question by name."""
        named: dict[str, Words] = {}
        for option in answers.options:
            name = plain_name(option.code, named)
            if name != option.code:
                self.lose(f"the option's name is {name}", f"{link}: {option.code}", "a name has small letters")
            named[name] = option.words
        return named

    def definition(self) -> dict[str, Any]:
        """Return the part of ``definition.yaml`` on answers."""
        missing = [
            {"name": name, "code": one.code} | ({"structural": True} if one.is_structural else {})
            for name, one in self.missing.items()
        ]
        responses = [
            {"name": kept.name, "points": list(kept.labels)} | ({"missing": list(kept.missing)} if kept.missing else {})
            for kept in self.sets
        ]
        return {"missing": missing, "responses": responses}

    def text(self, in_language: Callable[[Words, str], str]) -> dict[str, Any]:
        """Return the part of a text on answers."""
        responses = {
            kept.name: {
                code: in_language(words, f"responses.{kept.name}.{code}") for code, words in kept.labels.items()
            }
            for kept in self.sets
        }
        missing = {name: in_language(one.words, f"missing.{name}") for name, one in self.missing.items()}
        return {"responses": responses, "missing": missing}

    def _points(self, options: list[Option], link: str) -> dict[int, Words]:
        """Return the labels of the points, lowest first."""
        codes = _distinct([int(option.code) if _INTEGER.match(option.code) else None for option in options])
        counted = _distinct(
            [
                int(option.weight)
                if option.weight is not None
                and option.weight == int(option.weight)
                and abs(option.weight) <= LARGEST_CODE
                else None
                for option in options
            ]
        )
        if codes is not None:
            points = codes
            if counted is not None and counted != codes:
                ascending = sorted(range(len(codes)), key=codes.__getitem__)
                turned = [counted[place] for place in ascending] == sorted(counted, reverse=True)
                what = "what the answers count runs the other way" if turned else "what the answers count"
                why = (
                    "the item is reverse-keyed: name it under reversed in its scale"
                    if turned
                    else "an answer counts its code"
                )
                self.lose(what, link, why)
        elif counted is not None:
            points = counted
            self.lose("the codes of the answers", link, "points are integers; what each answer counts stands for it")
        else:
            points = list(range(1, len(options) + 1))
            self.lose("the codes of the answers", link, "points are integers; the answers were numbered in their order")
        if points != sorted(points):
            self.lose("the order of the answers", link, "points are shown from the lowest to the highest")
        return {point: option.words for point, option in sorted(zip(points, options, strict=True), key=_point)}

    def _missing(self, option: Option, points: set[int], link: str) -> str | None:
        """Keep a missing code and return its name; None where there are too many."""
        wanted = int(option.code) if _INTEGER.match(option.code) else None
        name = option.missing or ""
        for known, one in self.missing.items():
            is_same = one.words == option.words and one.code not in points and wanted in (one.code, None)
            if is_same and (known == name or not name):
                return known
        if len(self.missing) >= MOST_MISSING:
            self.lose("a missing answer", link, f"a draft has {MOST_MISSING} kinds of missing answers at most")
            return None
        taken = {one.code for one in self.missing.values()} | points
        code = wanted if wanted is not None and wanted not in taken else None
        if code is None:
            code = next(number for number in range(-7, -LARGEST_CODE, -1) if number not in taken)
            self.lose(f"the code of a missing answer is {code}", link, "a missing code is an integer of its own")
        kept = plain_name(name or f"missing_{abs(code)}", self.missing)
        self.missing[kept] = _Missing(code, option.words, option.is_structural)
        return kept


def question_answers(item: Mapping[str, Any], link: str, sets: AnswerSets) -> Answers | None:
    """Return the answers of a question; None, and a loss, where it cannot be an item."""
    kind = str(item.get("type"))

    def leave_out(why: str) -> None:
        sets.lose(f"the question, of the type {kind[:20]}", link, why)

    if item.get("repeats") is True:
        leave_out("an item has one answer")
        return None
    if kind == "boolean":
        sets.lose("the words of yes and no were made up", link, "the file does not say them")
        words = [sets.say({"display": label}, "display", link) or {} for label in ("No", "Yes")]
        return Answers((Option("0", words[0]), Option("1", words[1])), "/CodeSystem/draft-answers-yes_no")
    if kind not in _OPTION_TYPES:
        leave_out("an item is answered from a list")
        return None
    if kind == "open-choice" or item.get("answerConstraint") in ("optionsOrType", "optionsOrString"):
        sets.lose("other answers than those listed", link, "an item is answered from a list")
    found = _options(item, link, sets)
    scored = [option for option in found if option.missing is None]
    if not 2 <= len(scored) <= MOST_POINTS:
        leave_out(f"an item needs 2 to {MOST_POINTS} answers that are listed in the file")
        return None
    return Answers(tuple(found), _system(item))


def _options(item: Mapping[str, Any], link: str, sets: AnswerSets) -> list[Option]:
    """Return the options of a question, from the question or from a value set in the file."""
    listed = item.get("answerOption", item.get("option"))
    elements = _elements(listed if isinstance(listed, list) else _value_set(item, sets.resource))
    if len(elements) > 2 * MOST_POINTS:
        return []
    read: list[Option] = []
    for number, (holder, coding, key) in enumerate(elements, start=1):
        words = sets.say(coding, key, f"{link}: answer {number}")
        found = coding.get("code", coding.get(key))
        code = str(found) if isinstance(found, str | int) else None
        if words is None and code:
            sets.lose("the label was made up", f"{link}: answer {number}", "the file does not say it")
            words = sets.say({"display": code}, "display", link)
        if words is None:
            sets.lose("an answer", f"{link}: answer {number}", "it has neither a code nor words")
            continue
        counted = weight_of(holder)
        name = own_value(holder, MISSING_ANSWER)
        option = Option(
            code=code or f"answer_{number}",
            words=words,
            weight=weight_of(coding) if counted is None else counted,
            missing=name if isinstance(name, str) else None,
            is_structural=own_value(holder, STRUCTURAL) is True,
        )
        if "initialSelected" in holder:
            sets.lose("initialSelected", link, "no answer is given beforehand")
        read.append(option)
    return _with_missing(read, link, sets)


def _with_missing(read: list[Option], link: str, sets: AnswerSets) -> list[Option]:
    """Take answers that count nothing, where others count, for missing ones; and negative codes beside others."""
    if any(option.missing is not None for option in read):
        return read
    counting = [option for option in read if option.weight is not None]
    if 2 <= len(counting) < len(read):
        apart = set(map(id, read)) - {id(option) for option in counting}
    else:
        numbers = {id(option): int(option.code) for option in read if _INTEGER.match(option.code)}
        negative = {one for one, code in numbers.items() if code < 0}
        apart = negative if not counting and len(numbers) == len(read) and len(read) - len(negative) >= 2 else set()
    if apart:
        sets.lose("answers were taken for missing ones", link, "they count nothing, or have negative codes")
    return [Option(one.code, one.words, None, "", one.is_structural) if id(one) in apart else one for one in read]


def _elements(holders: list[Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any], str]]:
    """Return each answer as the element that holds it, the element with its words, and the key of the words."""
    found: list[tuple[Mapping[str, Any], Mapping[str, Any], str]] = []
    for holder in holders:
        if not isinstance(holder, Mapping):
            continue
        if isinstance(holder.get("valueCoding"), Mapping):
            found.append((holder, holder["valueCoding"], "display"))
        elif isinstance(holder.get("valueString"), str):
            found.append((holder, holder, "valueString"))
        elif isinstance(holder.get("valueInteger"), int):
            number = str(holder["valueInteger"])
            found.append((holder, {"code": number, "display": number}, "display"))
        elif "code" in holder:
            found.append((holder, holder, "display"))
    return found


def _value_set(item: Mapping[str, Any], resource: Mapping[str, Any]) -> list[Any]:
    """Return the concepts of a value set that the questionnaire contains."""
    named = item.get("answerValueSet", item.get("options"))
    reference = named.get("reference") if isinstance(named, Mapping) else named
    contained = resource.get("contained")
    for one in contained if isinstance(contained, list) else ():
        if isinstance(one, Mapping) and reference in (f"#{one.get('id')}", one.get("url")) and reference is not None:
            expansion = one.get("expansion")
            if isinstance(expansion, Mapping) and isinstance(expansion.get("contains"), list):
                return list(expansion["contains"])
            compose = one.get("compose")
            included = compose.get("include") if isinstance(compose, Mapping) else None
            parts = [part for part in included if isinstance(part, Mapping)] if isinstance(included, list) else []
            concepts = [part.get("concept") for part in parts]
            return [concept for listed in concepts if isinstance(listed, list) for concept in listed]
    return []


def _system(item: Mapping[str, Any]) -> str:
    listed = item.get("answerOption")
    for holder in listed if isinstance(listed, list) else ():
        coding = holder.get("valueCoding") if isinstance(holder, Mapping) else None
        if isinstance(coding, Mapping) and isinstance(coding.get("system"), str):
            return str(coding["system"])
    return ""


def _point(pair: tuple[int, Option]) -> int:
    return pair[0]


def _distinct(numbers: list[int | None]) -> list[int] | None:
    """Return numbers that are all there and all different; None otherwise."""
    whole = [number for number in numbers if number is not None]
    return whole if len(whole) == len(numbers) == len(set(whole)) else None
