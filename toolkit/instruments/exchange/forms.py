"""What form tools have in common: blocks of questions with choices, and the draft that is made of them.

Importers of form tools read their file into a :class:`Form`, and :func:`drafted` decides what becomes an item, a
background question or a missing code. Whatever is changed, made up or left out is told as a :class:`Loss`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

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
from toolkit.instruments.lint import RESERVED_COLUMNS
from toolkit.instruments.source import MAXIMUM_BYTES

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument

MOST_POINTS = 101
MOST_OPTIONS = 101
MOST_MISSING_CODES = 50
MOST_CHOICES = 1000
"""A list with more choices is not even read."""

_VERSION = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\Z", re.ASCII)
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}\Z")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9-]{1,39}\Z")
_INTEGER = re.compile(r"[-+]?\d{1,4}(\.0+)?\Z", re.ASCII)
_USUAL_MISSING = frozenset({77, 88, 97, 98, 99, 777, 888, 997, 998, 999, 7777, 8888, 9999})

Words = dict[str, str]
"""The same words by language."""


@dataclass(slots=True, kw_only=True)
class Choice:
    """One answer of a question.

    Attributes
    ----------
    code : str
        As the file writes it.
    labels : dict of str to str
        By language.
    missing : str
        Name of the missing code where the file marks the answer as one; else empty.
    structural : bool
        Whether the file marks the answer as "does not apply".
    """

    code: str
    labels: Words
    missing: str = ""
    structural: bool = False


@dataclass(slots=True, kw_only=True)
class Question:
    """One question with choices of which one is taken.

    Attributes
    ----------
    name : str
        As the file has it, or as the file says it was called before.
    where : str
        Its place in the file, for the losses.
    words, help : dict of str to str
        By language.
    choices : list of Choice
        In the order of the file.
    answers : str
        Name of the list of choices; empty where the file has none.
    intent : str
        What the question is meant to find out, where the file says so.
    is_marked : bool
        Whether the file tells which answers are missing codes, so that nothing is guessed from their numbers.
    """

    name: str
    where: str
    words: Words
    help: Words = field(default_factory=dict)
    choices: list[Choice] = field(default_factory=list)
    answers: str = ""
    intent: str = ""
    is_marked: bool = False


@dataclass(slots=True, kw_only=True)
class Block:
    """Questions under one heading."""

    name: str = ""
    where: str = ""
    heading: Words = field(default_factory=dict)
    introduction: Words = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)

    def introduce(self, words: Mapping[str, str]) -> None:
        """Add words to the introduction."""
        for language, told in words.items():
            if told.strip():
                before = self.introduction.get(language, "")
                self.introduction[language] = f"{before} {told}".strip()


@dataclass(slots=True, kw_only=True)
class Form:
    """A whole form; languages with the main one first."""

    languages: list[str]
    id: str = ""
    version: str = ""
    title: Words = field(default_factory=dict)
    introduction: Words = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)

    def take_title(self) -> None:
        """Read a first block that holds words and no question as title and introduction."""
        self.blocks = [block for block in self.blocks if block.heading or block.introduction or block.questions]
        if len(self.blocks) > 1 and not self.blocks[0].questions:
            first = self.blocks.pop(0)
            self.title = first.heading or self.title
            self.introduction = first.introduction


def foreign(file: str, what: str, fix: str, *, row: int | None = None, got: str | None = None) -> DefinitionError:
    """Return the error of a file that is not what its format says."""
    return DefinitionError(Problem(code=Code.DEF_FOREIGN_FILE, what=what, fix=fix, file=file, row=row, got=got))


def drafted(form: Form, options: ImportOptions, losses: list[Loss]) -> Imported:
    """Make a draft of a form.

    Parameters
    ----------
    form : Form
        What the file holds.
    options : ImportOptions
        What the caller says about it.
    losses : list of Loss
        What the reader of the file has to tell; more is added.

    Returns
    -------
    Imported
        A draft without scales: form tools do not say which questions are scored together.

    Raises
    ------
    DefinitionError
        ``DEF_VALUE`` for an identifier or language that a definition cannot have; ``DEF_NOTHING_TO_IMPORT`` when no
        question can become an item; ``DEF_FOREIGN_FILE`` for more questions or words than a draft can hold.
    """
    return _Draft(form, options, losses).made()


class _Draft:
    """One draft while it is made."""

    def __init__(self, form: Form, options: ImportOptions, losses: list[Loss]) -> None:
        self.form = form
        self.file = options.file
        self.losses = losses
        self.id = options.id or form.id
        if not options.id and not _IDENTIFIER.match(form.id):
            self.id = identifier_of(form.id or PurePath(options.file).stem)
            if form.id:
                self._tell(f"'{form.id[:80]}' is called '{self.id}'", "id", "an identifier has another form")
        self.main = form.languages[0]
        spoken = {language for block in form.blocks for one in block.questions for language in one.words}
        self.languages = [one for one in form.languages if one == self.main or one in spoken]
        require_names(self.id, self.languages)
        for language in form.languages:
            if language not in self.languages:
                self._tell("the language is left out", language, "no question has words in it")
        self.codes: set[str] = set()
        self.without_intent: list[str] = []
        self.missing: dict[str, dict[str, Any]] = {}
        self.missing_words: dict[str, Words] = {}
        self.sets: dict[object, dict[str, Any]] = {}
        self.set_words: dict[str, dict[int, Words]] = {}
        self.items: list[dict[str, Any]] = []
        self.item_words: dict[str, tuple[Words, Words]] = {}
        self.sections: list[dict[str, Any]] = []
        self.section_words: dict[str, tuple[Words, Words]] = {}
        self.covariates: list[dict[str, Any]] = []
        self.covariate_words: dict[str, tuple[Words, dict[str, Words]]] = {}

    def made(self) -> Imported:
        n_questions = sum(len(block.questions) for block in self.form.blocks)
        if n_questions > MOST_ITEMS:
            what, fix = f"The file holds more than {MOST_ITEMS} questions.", "Split the file."
            raise foreign(self.file, what, fix, got=str(n_questions))
        title, introduction = self._head()
        # Items come first, so that a background question never takes the code of an item.
        sections: list[tuple[Block, list[str]]] = []
        background: list[Question] = []
        for block in self.form.blocks:
            items = []
            for question in block.questions:
                if not self._is_answerable(question):
                    continue
                if any(_INTEGER.match(choice.code) for choice in question.choices):
                    code = self._item(question)
                    items += [code] if code else []
                else:
                    background.append(question)
            sections.append((block, items))
        if not self.items:
            what = "The file holds no question that can become an item."
            fix = "Give a file with questions of which one answer is taken and whose answers have numbers as codes."
            raise DefinitionError(Problem(code=Code.DEF_NOTHING_TO_IMPORT, what=what, fix=fix, file=self.file))
        for question in background:
            self._covariate(question)
        for block, items in sections:
            self._section(block, items, title)
        return self._written(title, introduction)

    def _tell(self, what: str, where: str, why: str) -> None:
        self.losses.append(Loss(what=what, where=where, why=why))

    def _in_all(self, words: Mapping[str, str], key: str, stand_in: str, *, is_plain: bool = True) -> Words:
        """Clean the words of every language; where a language has none, those of the main one stand in."""
        found: Words = {}
        for language in self.languages:
            where = f"{language}: {key}"
            cleaned = clean_words(words.get(language, ""), where, self.losses, is_plain=is_plain)
            if not cleaned and language == self.main:
                cleaned = stand_in
                self._tell("words were made up", where, "the file has none")
            elif not cleaned:
                cleaned = found[self.main]
                self._tell(f"the words of '{self.main}' stand in", where, "the file has none in this language")
            found[language] = cleaned
        return found

    def _in_some(self, words: Mapping[str, str], key: str) -> Words:
        """Clean words that a text need not have."""
        cleaned = {
            language: clean_words(words.get(language, ""), f"{language}: {key}", self.losses, is_plain=False)
            for language in self.languages
        }
        return {language: told for language, told in cleaned.items() if told}

    def _head(self) -> tuple[Words, Words]:
        version, wanted = VERSION, self.form.version
        if _VERSION.match(wanted):
            version = wanted
        elif wanted:
            self._tell("the version was replaced", "version", f"'{wanted[:40]}' is not three numbers")
        self.version = version
        title = self._in_all(self.form.title, "title", f"Questionnaire {self.id}", is_plain=False)
        introduction = {
            language: clean_words(
                self.form.introduction.get(language, ""), f"{language}: introduction", self.losses, is_plain=False
            )
            for language in self.languages
        }
        for language, told in introduction.items():
            if not told:
                self._tell("the title stands in", f"{language}: introduction", "the file has no introduction")
        return title, {language: told or title[language] for language, told in introduction.items()}

    def _is_answerable(self, question: Question) -> bool:
        kept: list[Choice] = []
        codes: set[str] = set()
        for choice in question.choices:
            read = _integer(choice.code)
            code = choice.code if read is None else str(read)
            if code.casefold() in codes:
                self._tell("the answer is left out", question.where, f"the code '{code[:40]}' is used twice")
            elif code:
                codes.add(code.casefold())
                choice.code = code
                kept.append(choice)
        question.choices = kept
        if len(kept) < 2:
            self._tell("the question is left out", question.where, "it has fewer than two answers")
        elif len(kept) > MOST_POINTS + len(_USUAL_MISSING):
            self._tell("the question is left out", question.where, f"it has {len(kept)} answers")
            return False
        return len(kept) >= 2

    def _code(self, wanted: str, where: str, make: Callable[[str, set[str]], str], pattern: re.Pattern[str]) -> str:
        """Keep a code where a definition can have it, else make one and tell."""
        folded = {code.casefold() for code in self.codes}
        fits = pattern.match(wanted) and wanted.casefold() not in folded | RESERVED_COLUMNS
        code = wanted if fits else make(wanted, self.codes)
        if code != wanted:
            why = "a code is used once, has letters, digits and underscores only, a letter first, and is not reserved"
            self._tell(f"'{wanted[:80]}' is called '{code}'", where, why)
        self.codes.add(code)
        return code

    def _item(self, question: Question) -> str | None:
        points, missing = self._told_apart(question)
        if not 2 <= len(points) <= MOST_POINTS:
            self._tell("the question is left out", question.where, f"{len(points)} of its answers have a score")
            return None
        code = self._code(question.name, question.where, item_code, _CODE)
        intent = clean_words(question.intent, f"items[{code}].intent", self.losses, is_plain=False)
        if not intent:
            intent = f"what {code} is meant to find out"
            self.without_intent.append(code)
        responses = self._responses(question, points, missing)
        self.items.append({"code": code, "responses": responses, "intent": intent})
        words = self._in_all(question.words, f"items.{code}.text", code.replace("_", " ").strip())
        self.item_words[code] = (words, self._in_some(question.help, f"items.{code}.help"))
        return code

    def _told_apart(self, question: Question) -> tuple[dict[int, Choice], list[str]]:
        """Return the scored answers in order, and the names of the missing codes."""
        numbers = {choice.code: _integer(choice.code) for choice in question.choices}
        scored = {read for one in question.choices if (read := numbers[one.code]) is not None and not one.missing}
        guessed: set[int] = set()
        if not question.is_marked:
            positive = {code for code in scored if code >= 0}
            # Negative codes beside others are missing codes, unless all codes run through zero without a gap.
            if len(positive) >= 2 and scored != set(range(min(scored), max(scored) + 1)):
                guessed |= scored - positive
            near = positive - _USUAL_MISSING
            if len(near) >= 2:
                guessed |= {code for code in positive & _USUAL_MISSING if code > max(near) + 1}
        points: dict[int, Choice] = {}
        missing: list[str] = []
        for choice in question.choices:
            number = numbers[choice.code]
            if choice.missing or number is None or number in guessed:
                name = self._missing(choice, number, question)
                missing += [name] if name and name not in missing else []
                if number in guessed:
                    why = "negative codes, and 77, 88, 97 to 99 and the like outside the other codes, are not scored"
                    self._tell(f"'{number}' is read as a missing code", question.where, why)
            else:
                points[number] = choice
        if list(points) != sorted(points):
            self._tell("the answers are put in the order of their codes", question.where, "points rise")
        return {code: points[code] for code in sorted(points)}, missing

    def _missing(self, choice: Choice, number: int | None, question: Question) -> str | None:
        """Return the name of a missing code, one for each code of the whole form."""
        taken = {entry["code"]: name for name, entry in self.missing.items()}
        if number is None:
            known = self.missing.get(plain_name(choice.code, ()))
            number = known["code"] if known else next(code for code in range(-71, -9999, -1) if code not in taken)
            if not known:
                why = "a missing code is a number; the answers that are scored have numbers"
                self._tell(f"'{choice.code[:40]}' is the missing code {number}", question.where, why)
        if number in taken:
            name = taken[number]
            told = {language: choice.labels.get(language, "") for language in self.languages}
            first = self.missing_words[name]
            if any(words.strip() not in ("", first.get(language, "").strip()) for language, words in told.items()):
                self._tell(f"the label of {number} is that of the first question", question.where, "each has one label")
            return name
        if len(self.missing) == MOST_MISSING_CODES:
            what = f"The file holds more than {MOST_MISSING_CODES} answers that are not scored beside others that are."
            raise foreign(self.file, what, "Give only numbers, or only words, as the codes of a question's answers.")
        wanted = choice.missing or (
            choice.code if _integer(choice.code) is None else f"missing_{'minus_' if number < 0 else ''}{abs(number)}"
        )
        fits = _NAME.match(wanted) and wanted not in self.missing and wanted not in RESERVED_COLUMNS
        name = wanted if fits else plain_name(wanted, self.missing)
        self.missing[name] = {"name": name, "code": number} | ({"structural": True} if choice.structural else {})
        self.missing_words[name] = dict(choice.labels)
        return name

    def _responses(self, question: Question, points: Mapping[int, Choice], missing: list[str]) -> str:
        """Return the name of the response set: one for all questions that are answered alike."""
        labels = tuple((code, tuple(sorted(choice.labels.items()))) for code, choice in points.items())
        key = (question.answers, labels, tuple(missing))
        if key not in self.sets:
            taken = {entry["name"] for entry in self.sets.values()}
            wanted = question.answers or f"answers_{len(taken) + 1}"
            fits = _NAME.match(wanted) and wanted not in taken | RESERVED_COLUMNS
            name = wanted if fits else plain_name(wanted, taken)
            if question.answers and name != question.answers:
                why = "the answers of each name are the same for all questions, and a name has small letters"
                self._tell(f"the answers '{wanted[:80]}' are called '{name}'", question.where, why)
            self.sets[key] = {"name": name, "points": list(points)} | ({"missing": missing} if missing else {})
            self.set_words[name] = {
                code: self._in_all(choice.labels, f"responses.{name}.{code}", str(code))
                for code, choice in points.items()
            }
        return str(self.sets[key]["name"])

    def _covariate(self, question: Question) -> None:
        if len(question.choices) > MOST_OPTIONS:
            self._tell("the question is left out", question.where, f"it has {len(question.choices)} answers")
            return
        code = self._code(question.name, question.where, plain_name, _NAME)
        options: dict[str, Words] = {}
        renamed = []
        for choice in question.choices:
            fits = _NAME.match(choice.code) and choice.code not in options
            name = choice.code if fits else plain_name(choice.code, options)
            if name != choice.code:
                renamed.append(f"'{choice.code[:40]}' is called '{name}'")
            options[name] = choice.labels
        if renamed:
            why = "an option is named with small letters, digits and underscores"
            self._tell(f"options: {', '.join(renamed)}", question.where, why)
        self.covariates.append({"code": code, "options": list(options)})
        if any(question.help.values()):
            self._tell("the help is left out", question.where, "a background question has none")
        words = self._in_all(question.words, f"covariates.{code}.text", code.replace("_", " ").strip())
        labels = {
            name: self._in_all(told, f"covariates.{code}.options.{name}", name.replace("_", " ").strip())
            for name, told in options.items()
        }
        self.covariate_words[code] = (words, labels)

    def _section(self, block: Block, items: list[str], title: Words) -> None:
        if not items:
            if block.heading or block.introduction:
                self._tell("the heading is left out", block.where or block.name, "no item stands under it")
            return
        taken = {section["code"] for section in self.sections}
        wanted = block.name or block.heading.get(self.main, "") or f"page_{len(taken) + 1}"
        fits = _CODE.match(wanted) and wanted.casefold() not in {code.casefold() for code in taken}
        code = wanted if fits else item_code(wanted, taken)
        if block.name and code != wanted:
            self._tell(f"the section '{wanted[:80]}' is called '{code}'", block.where, "a code is used once")
        heading = {language: block.heading.get(language, "") for language in self.languages}
        if not any(told.strip() for told in heading.values()):
            heading = dict(title)
            self._tell("the title stands in for the heading", f"sections[{code}]", "the file has no heading here")
        self.sections.append({"code": code, "items": items})
        self.section_words[code] = (
            self._in_all(heading, f"sections.{code}.heading", code.replace("_", " ").strip()),
            self._in_some(block.introduction, f"sections.{code}.introduction"),
        )

    def _written(self, title: Words, introduction: Words) -> Imported:
        made_up = "form tools do not hold it; check it"
        is_all = len(self.without_intent) == len(self.items)
        for code in ["*"] if is_all else self.without_intent:
            self._tell("the intent was made up", f"items[{code}].intent", "the file does not tell it")
        for key in ("speaker", "measurement", "construct", "minutes"):
            self._tell("the value was made up", key, made_up)
        self._tell("no scales are drafted", "scales", "form tools do not say which questions are scored together")
        definition: dict[str, Any] = {
            "format": 1,
            "id": self.id,
            "version": self.version,
            "original_language": self.main,
            "speaker": "respondents",
            "measurement": "reflective",
            "construct": f"What {self.id} measures",
            "minutes": min(120, max(1, ceil(len(self.items) / 6))),
            "missing": list(self.missing.values()),
            "responses": list(self.sets.values()),
            "items": self.items,
            "sections": self.sections,
            "covariates": self.covariates,
        }
        missing = {
            name: self._in_all(words, f"missing.{name}", name.replace("_", " "))
            for name, words in self.missing_words.items()
        }
        texts = {}
        for language in self.languages:
            texts[language] = {
                "instrument": self.id,
                "version": self.version,
                "language": language,
                "title": title[language],
                "introduction": introduction[language],
                "responses": {
                    name: {code: words[language] for code, words in labels.items()}
                    for name, labels in self.set_words.items()
                },
                "missing": {name: words[language] for name, words in missing.items()},
                "sections": {
                    code: {"heading": heading[language]}
                    | ({"introduction": told[language]} if language in told else {})
                    for code, (heading, told) in self.section_words.items()
                },
                "items": {
                    code: {"status": "draft", "text": words[language]}
                    | ({"help": told[language]} if language in told else {})
                    for code, (words, told) in self.item_words.items()
                },
                "covariates": {
                    code: {
                        "text": words[language],
                        "options": {name: label[language] for name, label in options.items()},
                    }
                    for code, (words, options) in self.covariate_words.items()
                },
            }
        made = written(definition, texts, self.losses)
        if max(len(content.encode()) for content in (made.definition_yaml, *made.texts.values())) > MAXIMUM_BYTES:
            what, fix = "The file holds more words than an instrument may have.", "Split the file."
            raise foreign(self.file, what, fix)
        return made


def _integer(code: str) -> int | None:
    return int(float(code)) if _INTEGER.match(code) else None


WHAT_FORMS_LACK: tuple[tuple[str, str, str], ...] = (
    ("speaker", "who speaks", "the form has no place for it"),
    ("measurement", "reflective or formative", "the form has no place for it"),
    ("construct", "what is measured", "the form has no place for it"),
    ("minutes", "how long it takes", "the form has no place for it"),
    ("scoring", "how scales are scored", "a form tool collects answers; score them here"),
    ("*: items.*.status", "how far translations were checked", "the form has no place for it"),
)
"""Where, what and why of the things that no form tool holds."""


def not_in_forms(instrument: Instrument, languages: Iterable[str]) -> list[Loss]:
    """Tell what of a questionnaire no form tool holds."""
    definition = instrument.definition
    losses = [Loss(where=where, what=what, why=why) for where, what, why in WHAT_FORMS_LACK]
    if definition.scales:
        why = "form tools do not say which questions are scored together, or turned round"
        losses.append(Loss(where="scales", what="the scales", why=why))
        losses.append(Loss(where="*: scales", what="names of the scales", why=why))
    used = {item.responses for item in definition.items}
    offered = {name for responses in definition.responses if responses.name in used for name in responses.missing}
    for responses in definition.responses:
        if responses.name not in used:
            why = "no item is answered with it"
            losses.append(Loss(where=f"responses[{responses.name}]", what="the response set", why=why))
            losses.append(Loss(where=f"*: responses.{responses.name}", what="its labels", why=why))
    for missing in definition.missing:
        if missing.name not in offered:
            why = "no item offers it"
            losses.append(Loss(where=f"missing[{missing.name}]", what="the missing code", why=why))
            losses.append(Loss(where=f"*: missing.{missing.name}", what="its label", why=why))
    chosen = tuple(languages)
    losses += [
        Loss(where=f"{language}: *", what="the texts in this language", why="it was not chosen")
        for language in instrument.languages
        if language not in chosen
    ]
    if chosen[0] != definition.original_language:
        why = "the form's main language is the first that was chosen"
        losses.append(Loss(where="original_language", what="the language it was written in", why=why))
    return losses


def printable(words: str, where: str, losses: list[Loss]) -> str:
    """Remove the control characters that files of forms cannot hold, and tell."""
    kept = "".join(one for one in words if one in "\n\t" or not (ord(one) < 32 or 0x7F <= ord(one) < 0xA0))
    kept = "".join(one for one in kept if not (0xD800 <= ord(one) < 0xE000 or ord(one) in (0xFFFE, 0xFFFF)))
    if kept != words:
        losses.append(Loss(where=where, what="control characters were removed", why="the format cannot hold them"))
    return kept
