"""A draft made from a FHIR Questionnaire, of R4 or R5, and a report of what it does not hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any, NoReturn

from toolkit.errors import Code, DefinitionError, Problem
from toolkit.instruments.exchange import Imported, ImportOptions, Loss
from toolkit.instruments.exchange.drafting import (
    MOST_ITEMS,
    VERSION,
    clean_words,
    identifier_of,
    item_code,
    plain_name,
    require_names,
    written,
)
from toolkit.instruments.exchange.fhir_answers import AnswerSets, Words, question_answers
from toolkit.instruments.exchange.fhir_terms import (
    BACKGROUND,
    INTENT,
    ITEM_CONTROL,
    MEASUREMENT,
    MINUTES,
    SPEAKER,
    own_value,
    value_of,
    words_of,
)
from toolkit.instruments.exchange.json_files import read_json

MOST_LANGUAGES = 30

_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)\Z", re.ASCII)
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:-([A-Za-z]{4}))?(?:-([A-Za-z]{2}))?\Z")
_BEHAVIOUR = {
    "enableWhen": "an item is asked of everybody",
    "initial": "no answer is given beforehand",
    "required": "every question may be left out",
    "readOnly": "every question can be answered",
    "maxLength": "answers are chosen from a list",
    "prefix": "the app numbers nothing; items are shown in their order",
    "code": "an item has its own code only",
    "definition": "an item has its own code only",
}
"""Elements of an item that a definition has no place for, and why."""
_ABOUT = (
    *("identifier", "derivedFrom", "experimental", "subjectType", "date", "publisher", "contact", "useContext"),
    *("jurisdiction", "copyright", "copyrightLabel", "approvalDate", "lastReviewDate", "effectivePeriod", "code"),
    *("text", "implicitRules", "modifierExtension"),
)
"""Elements of a questionnaire that a definition has no place for."""


def import_fhir(content: bytes, options: ImportOptions) -> Imported:
    """Make a draft from the bytes of a FHIR Questionnaire.

    Raises
    ------
    DefinitionError
        ``DEF_FOREIGN_FILE`` for a file that is none, ``DEF_NOTHING_TO_IMPORT`` without a question that can be kept, and
        ``DEF_VALUE`` for an identifier or language that is written in the wrong form.
    """

    def refuse(what: str, fix: str, line: int | None) -> NoReturn:
        raise DefinitionError(Problem(code=Code.DEF_FOREIGN_FILE, what=what, fix=fix, file=options.file, line=line))

    return from_fhir(read_json(content, refuse), options)


def from_fhir(questionnaire: Any, options: ImportOptions | None = None) -> Imported:
    """Make a draft from a FHIR Questionnaire.

    Parameters
    ----------
    questionnaire : mapping
        The resource, as JSON reads it; a Bundle with one Questionnaire will do.
    options : ImportOptions, optional
        The identifier of the draft, the language where the resource tells none, and the file for messages.

    Returns
    -------
    Imported
        A draft that loads and can be linted. Groups become sections, questions with one answer of a list become items;
        scales have to be written by hand.

    Raises
    ------
    DefinitionError
        As :func:`import_fhir`.

    Examples
    --------
    >>> from toolkit.instruments.exchange.fhir_draft import from_fhir
    >>> question = {"linkId": "calm", "type": "boolean", "text": "I am calm."}
    >>> draft = from_fhir({"resourceType": "Questionnaire", "name": "Mood", "item": [question]})
    >>> draft.id, draft.version, [loss.where for loss in draft.losses][:2]
    ('mood', '0.1.0', ['language', 'version'])
    """
    options = options or ImportOptions(file="questionnaire")
    return _Reader(_found(questionnaire, options), options).draft()


def _found(questionnaire: Any, options: ImportOptions) -> Mapping[str, Any]:
    """Return the one Questionnaire, or say what was given instead."""
    kind = questionnaire.get("resourceType") if isinstance(questionnaire, Mapping) else None
    if kind == "Questionnaire":
        return dict(questionnaire)
    inside = []
    if kind == "Bundle":
        entries = questionnaire.get("entry")
        resources = [one.get("resource") for one in _objects(entries)]
        inside = [one for one in resources if isinstance(one, Mapping) and one.get("resourceType") == "Questionnaire"]
    if len(inside) == 1:
        return inside[0]
    what = "The file holds no FHIR Questionnaire." if not inside else "The file holds several FHIR Questionnaires."
    fix = "Give a file of JSON with one Questionnaire of FHIR R4 or R5."
    got = f"resourceType {str(kind)[:60]}"
    raise DefinitionError(Problem(code=Code.DEF_FOREIGN_FILE, what=what, fix=fix, file=options.file, got=got))


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


@dataclass(slots=True)
class _Section:
    """A page as it is found."""

    heading: Words
    introduction: list[Words] = field(default_factory=list)
    items: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Item:
    """A question as it is found."""

    words: Words
    intent: str
    responses: str
    help: list[Words] = field(default_factory=list)


class _Reader:
    """Reads one resource."""

    def __init__(self, resource: Mapping[str, Any], options: ImportOptions) -> None:
        self.resource = resource
        self.options = options
        self.losses: list[Loss] = []
        self.languages: dict[str, str | None] = {}
        self.main = self._main_language()
        self.sections: dict[str, _Section] = {}
        self.items: dict[str, _Item] = {}
        self.covariates: dict[str, tuple[Words, dict[str, Words]]] = {}
        self.answers = AnswerSets(resource, self.say, self.lose)
        self.seen = 0

    def lose(self, what: str, where: str, why: str) -> None:
        self.losses.append(Loss(what=what, where=where, why=why))

    def draft(self) -> Imported:
        """Return the draft."""
        identifier = self._identifier()
        require_names(identifier, [self.main])
        version = self._version()
        title = self.say(self.resource, "title", "title", is_plain=False) or self._made_up("title", "title", identifier)
        about = self.say(self.resource, "description", "description", is_plain=False)
        introduction = about or self._made_up("introduction", "description", "Please answer these questions.")
        for key in _ABOUT:
            if key in self.resource:
                self.lose("what it says about the questionnaire", key, "a definition has no place for it")
        self.walk()
        if not self.items:
            what = "No question of the file has one answer of a list, so that nothing can become an item."
            fix = (
                "Give a Questionnaire with questions of the type choice, coding, boolean or integer and their options."
            )
            raise DefinitionError(Problem(code=Code.DEF_NOTHING_TO_IMPORT, what=what, fix=fix, file=self.options.file))
        self.lose("scales", "", "FHIR has none; write them, with the items that are reverse-keyed")
        definition = self._definition(identifier, version)
        texts = {
            language: self._text(identifier, version, language, title, introduction) for language in self._spoken()
        }
        return written(definition, texts, self.losses)

    # Words

    def say(self, element: Mapping[str, Any], key: str, where: str, *, is_plain: bool = True) -> Words | None:
        """Return the words of an element by language, cleaned; None where the main language has none."""
        text, translations = words_of(element, key)
        said = {self.main: clean_words(text, where, self.losses, is_plain=is_plain)} if text else {}
        for written_language, words in translations.items():
            language = self._language(written_language)
            if language is not None and language != self.main:
                said[language] = clean_words(words, f"{where} in {language}", self.losses, is_plain=is_plain)
        said = {language: words for language, words in said.items() if words}
        return said if self.main in said else None

    def _language(self, found: str) -> str | None:
        """Return a language as a text can be named; None for one that cannot."""
        if found not in self.languages:
            match = _LANGUAGE.match(found)
            kept = None
            if match and len(self.languages) < MOST_LANGUAGES:
                language, script, country = match.groups()
                parts = (language.lower(), script and script.title(), country and country.upper())
                kept = "-".join(part for part in parts if part)
            if kept is None:
                self.lose("a translation", found[:60], "a language is written as in nb or pt-BR")
            self.languages[found] = kept
        return self.languages[found]

    def _main_language(self) -> str:
        found = self.resource.get("language")
        kept = self._language(found) if isinstance(found, str) else None
        if kept is None:
            self.lose("the language was taken from the command", "language", "the file does not say a usable one")
            return self.options.language
        return kept

    def _spoken(self) -> list[str]:
        """Return the languages of the texts, the main one first."""
        others = sorted({language for language in self.languages.values() if language} - {self.main})
        return [self.main, *others]

    def _made_up(self, what: str, where: str, words: str) -> Words:
        self.lose(f"the {what} was made up", where, "the file does not say it")
        return {self.main: words}

    def _identifier(self) -> str:
        if self.options.id is not None:
            return self.options.id
        url = self.resource.get("url")
        names = [url.rstrip("/").rpartition("/")[2]] if isinstance(url, str) else []
        names += [one for key in ("name", "title", "id") if isinstance(one := self.resource.get(key), str)]
        return identifier_of(next((name for name in names if name.strip()), "questionnaire"))

    def _version(self) -> str:
        found = self.resource.get("version")
        if isinstance(found, str) and _VERSION.match(found):
            return found
        why = "the file says none" if found is None else "it is not three numbers, as in 1.0.0"
        self.lose(f"the version is {VERSION}", "version", why)
        return VERSION

    # Items

    def walk(self) -> None:
        """Go through all items in their order, without recursion."""
        waiting: list[tuple[Mapping[str, Any], str | None, bool]] = [
            (item, None, False) for item in reversed(_objects(self.resource.get("item")))
        ]
        while waiting:
            item, section, is_background = waiting.pop()
            self._count()
            kind = item.get("type")
            inner = _objects(item.get("item"))
            if kind == "group":
                asked = is_background or own_value(item, BACKGROUND) is True
                place = None if asked else self._group(item, section)
                self._behaviour(item, _link(item))
                waiting += [(one, place, asked) for one in reversed(inner)]
            elif kind == "display":
                self._display(item, section)
            else:
                code = self._question(item, section, is_background=is_background)
                waiting += [(one, section, is_background) for one in reversed(self._helped(inner, code, _link(item)))]

    def _count(self) -> None:
        self.seen += 1
        if self.seen > 2 * MOST_ITEMS:
            what, fix = "The file holds too many items.", "Split the questionnaire."
            got, allowed = f"more than {2 * MOST_ITEMS:,}", f"up to {2 * MOST_ITEMS:,}"
            raise DefinitionError(
                Problem(
                    code=Code.DEF_FOREIGN_FILE, what=what, fix=fix, file=self.options.file, got=got, allowed=allowed
                )
            )

    def _group(self, item: Mapping[str, Any], above: str | None) -> str:
        """Keep a group as a section and return its code."""
        link = _link(item) or "section"
        code = item_code(link.removeprefix("section-"), self.sections)
        words = self.say(item, "text", f"{link}.text")
        if words is None:
            words = self.sections[above].heading if above else self._made_up("heading", link, code.replace("_", " "))
        if above is not None:
            self.lose("a group within a group", link, "sections stand one after the other")
        self.sections[code] = _Section(heading=words)
        return code

    def _section_of(self, section: str | None) -> _Section:
        """Return a section, or that of questions outside of any group."""
        if section is None:
            last = list(self.sections)[-1:]
            if last and self.sections[last[0]].heading == {self.main: "Questions"}:
                return self.sections[last[0]]
            section = item_code("questions", self.sections)
            self.sections[section] = _Section(heading={self.main: "Questions"})
            self.lose("the heading was made up", section, "questions stand outside of any group")
        return self.sections[section]

    def _display(self, item: Mapping[str, Any], section: str | None) -> None:
        link = _link(item)
        words = self.say(item, "text", f"{link}.text", is_plain=False)
        if words is None:
            return
        if section is None or self.sections[section].items:
            self.lose("words that are shown", link, "a text has words before the questions of a section only")
        else:
            self.sections[section].introduction.append(words)

    def _question(self, item: Mapping[str, Any], section: str | None, *, is_background: bool) -> str | None:
        """Keep a question as an item or background question; return the item's code."""
        link = _link(item)
        kept = question_answers(item, link, self.answers)
        words = self.say(item, "text", f"{link}.text")
        if kept is None:
            return None
        if words is None:
            words = self._made_up("words", f"{link}.text", link or "Question")
        self._behaviour(item, link)
        if is_background:
            code = plain_name(link, {*self.covariates, *self.items})
            self.covariates[code] = (words, self.answers.options(kept, link))
            return None
        code = item_code(link, {*self.items, *self.covariates})
        if code != link:
            self.lose(f"its code is {code}", link, "a code has letters, digits and _ only, a letter first")
        found = own_value(item, INTENT)
        intent = clean_words(found, f"{link}: intent", self.losses, is_plain=False) if isinstance(found, str) else ""
        if not intent:
            self.lose("the intent was made up", link, "the file does not say it")
            intent = f"what {code} is meant to find out"
        self.items[code] = _Item(words=words, intent=intent, responses=self.answers.keep(kept, link))
        self._section_of(section).items.append(code)
        return code

    def _helped(self, inner: list[Mapping[str, Any]], code: str | None, link: str) -> list[Mapping[str, Any]]:
        """Take the help from the items below a question, and return the others."""
        others = []
        for one in inner:
            is_help = one.get("type") == "display" and "help" in _controls(one)
            words = self.say(one, "text", _link(one), is_plain=False) if is_help and code else None
            if words is not None and code is not None:
                self.items[code].help.append(words)
            else:
                others.append(one)
        if any(one.get("type") != "display" for one in others):
            self.lose("that items stand below a question", link, "every item stands in a section")
        return others

    def _behaviour(self, item: Mapping[str, Any], link: str) -> None:
        for key, why in _BEHAVIOUR.items():
            if key in item and not (key == "required" and item[key] is False):
                self.lose(key, link, why)

    # Files

    def _definition(self, identifier: str, version: str) -> dict[str, Any]:
        speaker = own_value(self.resource, SPEAKER)
        measurement = own_value(self.resource, MEASUREMENT)
        minutes = own_value(self.resource, MINUTES)
        purpose = self.resource.get("purpose")
        if speaker not in ("respondents", "named_informants", "organisational_record"):
            speaker = "respondents"
            self.lose("the speaker was made up", "speaker", "the file does not say who answers")
        if measurement not in ("reflective", "formative"):
            measurement = "reflective"
            self.lose("the measurement was made up", "measurement", "the file does not say it")
        if not isinstance(minutes, int) or isinstance(minutes, bool) or not 1 <= minutes <= 120:
            minutes = min(120, max(1, ceil(len(self.items) / 6)))
            self.lose("the minutes were made up", "minutes", "the file does not say them")
        construct = clean_words(purpose, "purpose", self.losses, is_plain=False) if isinstance(purpose, str) else ""
        if not construct:
            construct = f"What {identifier} measures"
            self.lose("the construct was made up", "construct", "the file does not say it")
        sections = {code: section for code, section in self.sections.items() if section.items}
        for code in self.sections:
            if code not in sections:
                self.lose("a group", code, "a section has questions of its own that can be kept")
        self.sections = sections
        return {
            "format": 1,
            "id": identifier,
            "version": version,
            "original_language": self.main,
            "speaker": speaker,
            "measurement": measurement,
            "construct": construct,
            "minutes": minutes,
            **self.answers.definition(),
            "items": [
                {"code": code, "responses": item.responses, "intent": item.intent} for code, item in self.items.items()
            ],
            "sections": [{"code": code, "items": section.items} for code, section in sections.items()],
            "covariates": [{"code": code, "options": list(options)} for code, (_, options) in self.covariates.items()],
        }

    def _text(self, identifier: str, version: str, language: str, title: Words, introduction: Words) -> dict[str, Any]:
        untranslated: list[str] = []

        def in_language(words: Words, where: str) -> str:
            if language not in words:
                untranslated.append(where)
            return words.get(language, words[self.main])

        sections: dict[str, Any] = {}
        for code, section in self.sections.items():
            sections[code] = {"heading": in_language(section.heading, f"sections.{code}")}
            if section.introduction:
                words = " ".join(in_language(part, f"sections.{code}.introduction") for part in section.introduction)
                sections[code]["introduction"] = words[:2000].rstrip()
        items: dict[str, Any] = {}
        for code, item in self.items.items():
            items[code] = {"status": "draft", "text": in_language(item.words, f"items.{code}")}
            if item.help:
                items[code]["help"] = " ".join(in_language(part, f"items.{code}.help") for part in item.help)[:2000]
        covariates = {
            code: {
                "text": in_language(words, f"covariates.{code}"),
                "options": {name: in_language(label, f"covariates.{code}.{name}") for name, label in options.items()},
            }
            for code, (words, options) in self.covariates.items()
        }
        text = {
            "instrument": identifier,
            "version": version,
            "language": language,
            "title": in_language(title, "title"),
            "introduction": in_language(introduction, "introduction"),
            **self.answers.text(in_language),
            "sections": sections,
            "items": items,
            "covariates": covariates,
        }
        if untranslated:
            why = f"the file does not translate them; those in {self.main} stand there"
            self.lose(f"{len(untranslated)} words in {language}, the first at {untranslated[0]}", language, why)
        return text


def _link(item: Mapping[str, Any]) -> str:
    """Return an item's linkId, empty where it has none."""
    found = item.get("linkId")
    return found if isinstance(found, str) else ""


def _controls(item: Mapping[str, Any]) -> list[str]:
    """Return what an item is shown as, such as help."""
    concept = value_of(item, lambda url: url == ITEM_CONTROL)
    codings = _objects(concept.get("coding")) if isinstance(concept, Mapping) else []
    return [str(coding.get("code")) for coding in codings]
