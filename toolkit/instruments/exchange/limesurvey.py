"""LimeSurvey's survey structure as a table with tabs, which LimeSurvey imports as a new survey.

One row for each setting, group, question, subquestion and answer; the whole survey in its base language comes first,
then once more in every other language. LimeSurvey takes question codes of at most 20 letters and digits and answer
codes of at most 5, so codes that do not fit are written in another way, and told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolkit.instruments.exchange import Exported, ExportOptions, Imported, ImportOptions, Loss
from toolkit.instruments.exchange.forms import Block, Choice, Form, Question, drafted, foreign, not_in_forms, printable
from toolkit.instruments.exchange.rows import page_words, plain_words, rows_of, table

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument

COLUMNS = (
    "id",
    "class",
    "type/scale",
    "name",
    "relevance",
    "text",
    "help",
    "language",
    "validation",
    "mandatory",
    "other",
    "default",
    "same_default",
)
"""The columns that every kind of row has in common."""
LONGEST_QUESTION_CODE = 20

_RADIO, _DROPDOWN, _TEXT = "L", "!", "X"
_RESERVED = frozenset({"lang", "sid", "savedid", "token", "qid", "gid", "sgq", "self", "that", "this"})
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?\Z")
_PLAIN_CODE = re.compile(r"(?P<mark>[NMX]?)(?P<digits>\d{1,4})\Z", re.ASCII)
_NUMBERED = re.compile(r"(?P<letters>[A-Za-z]{1,4})(?P<digits>\d{1,4})\Z", re.ASCII)
_ARRAYS = {"A": range(1, 6), "B": range(1, 11)}
_ARRAY = "F"
_FIVE_POINTS = "5"
_YES_NO = "Y"
_KINDS = {
    "1": "array with two scales",
    "5": "choice of five points",
    "C": "array of yes, no and uncertain",
    "D": "date",
    "E": "array of increase, same and decrease",
    "G": "gender",
    "H": "array by column",
    "I": "language switch",
    "K": "several numbers",
    "M": "multiple choice",
    "N": "number",
    "O": "list with comment",
    "P": "multiple choice with comments",
    "Q": "several short texts",
    "R": "ranking",
    "S": "short text",
    "T": "long text",
    "U": "huge text",
    "*": "equation",
    "|": "file upload",
    ":": "array of numbers",
    ";": "array of texts",
}


def export_limesurvey(instrument: Instrument, options: ExportOptions) -> Exported:
    """Write a questionnaire as a LimeSurvey survey structure.

    Parameters
    ----------
    instrument : Instrument
        The questionnaire.
    options : ExportOptions
        The first language is the survey's base language.

    Returns
    -------
    Exported
        Each section is a group, each item a list with radio buttons, each background question a drop-down list in a
        group of its own. Nothing is mandatory, and no question has a condition.

    Notes
    -----
    An answer code is the point, with ``N`` before a negative one; a missing code is ``X`` and the number without its
    minus, or ``M`` and the number. The assessment value of a point is the point, that of a missing code 0.
    """
    languages = options.chosen(instrument)
    survey = _Survey(instrument, languages)
    content = table(COLUMNS, survey.rows(), delimiter="\t")
    losses = tuple(dict.fromkeys([*not_in_forms(instrument, languages), *survey.losses]))
    # LimeSurvey's import dialog takes files that end in .txt; the byte order mark is what its own export writes.
    name = f"{instrument.id}-{instrument.version}.limesurvey.txt"
    return Exported(files={name: b"\xef\xbb\xbf" + content}, losses=losses)


class _Survey:
    """The rows of a survey."""

    def __init__(self, instrument: Instrument, languages: Sequence[str]) -> None:
        self.instrument = instrument
        self.languages = languages
        self.losses: list[Loss] = []
        self.taken: set[str] = set()
        definition = instrument.definition
        self.names = {code: self._question_code(code, f"items[{code}].code") for code in instrument.item_codes}
        for covariate in definition.covariates:
            where = f"covariates[{covariate.code}]"
            self.names[covariate.code] = self._question_code(covariate.code, f"{where}.code")
            why = "an answer code has at most 5 letters and digits"
            self.losses.append(Loss(where=f"{where}.options", what="the names of the options", why=why))
        self._tell_what_is_lost()

    def _tell_what_is_lost(self) -> None:
        definition = self.instrument.definition
        why = "the survey has no place for it"
        self.losses += [
            Loss(where="version", what="the version", why=why),
            Loss(where="id", what="the identifier", why="a survey gets a number when it is imported"),
            Loss(where="items[*].intent", what="what the items are meant to find out", why=why),
            Loss(where="responses[*].name", what="the names of the response sets", why="each question has its answers"),
            Loss(where="sections[*].code", what="the codes of the sections", why="groups have headings only"),
        ]
        if definition.missing:
            self.losses += [
                Loss(where="missing[*].name", what="the names of the missing codes", why=why),
                Loss(where="missing[*].structural", what="which missing code says 'does not apply'", why=why),
            ]

    def rows(self) -> list[list[str]]:
        base, *others = self.languages
        settings = {
            "language": base,
            "additional_languages": " ".join(others),
            "format": "G",
            "shownoanswer": "N",
            "anonymized": "Y" if self.instrument.definition.speaker == "respondents" else "N",
        }
        rows = [self._row("S", name, text=text) for name, text in settings.items()]
        for language in self.languages:
            text = self.instrument.texts[language]
            words = {"surveyls_title": text.title, "surveyls_welcometext": text.introduction}
            for name, told in words.items():
                key = "title" if name == "surveyls_title" else "introduction"
                rows.append(self._row("SL", name, text=self._words(told, language, key), language=language))
        for language in self.languages:
            rows += self._structure(language)
        return rows

    def _structure(self, language: str) -> list[list[str]]:
        """Return groups, questions and answers in one language; numbers tie the languages together."""
        definition, text = self.instrument.definition, self.instrument.texts[language]
        rows = []
        question = 0
        for group, section in enumerate(definition.sections, start=1):
            told = text.sections[section.code]
            heading = self._words(told.heading, language, f"sections.{section.code}.heading")
            words = self._words(told.introduction or "", language, f"sections.{section.code}.introduction")
            rows.append(self._row("G", heading, kind=str(group), text=words, language=language))
            for code in section.items:
                question += 1
                rows += self._item(question, code, language)
        if definition.covariates:
            heading = self._words(text.title, language, "title")
            rows.append(self._row("G", heading, kind=str(len(definition.sections) + 1), language=language))
        for covariate in definition.covariates:
            question += 1
            key = f"covariates.{covariate.code}"
            asked = text.covariates[covariate.code]
            rows.append(
                self._row(
                    "Q",
                    self.names[covariate.code],
                    kind=_DROPDOWN,
                    number=question,
                    text=self._words(asked.text, language, f"{key}.text"),
                    language=language,
                )
            )
            for place, option in enumerate(covariate.options, start=1):
                words = self._words(asked.options[option], language, f"{key}.options.{option}")
                rows.append(
                    self._row("A", f"B{place}", kind="0", number=question, relevance="0", text=words, language=language)
                )
        return rows

    def _item(self, question: int, code: str, language: str) -> list[list[str]]:
        text = self.instrument.texts[language]
        told, item = text.items[code], self.instrument.items[code]
        responses = self.instrument.response_sets[item.responses]
        rows = [
            self._row(
                "Q",
                self.names[code],
                kind=_RADIO,
                number=question,
                text=self._words(told.text, language, f"items.{code}.text"),
                help_=self._words(told.help or "", language, f"items.{code}.help"),
                language=language,
            )
        ]
        answers = [
            (
                f"N{-point}" if point < 0 else str(point),
                str(point),
                self._words(text.responses[responses.name][point], language, f"responses.{responses.name}.{point}"),
            )
            for point in responses.points
        ]
        for name in responses.missing:
            number = self.instrument.missing_codes[name].code
            words = self._words(text.missing[name], language, f"missing.{name}")
            answers.append((f"X{-number}" if number < 0 else f"M{number}", "0", words))
        return rows + [
            self._row("A", answer, kind="0", number=question, relevance=value, text=words, language=language)
            for answer, value, words in answers
        ]

    def _row(
        self,
        class_: str,
        name: str,
        *,
        kind: str = "",
        number: int | None = None,
        relevance: str = "",
        text: str = "",
        help_: str = "",
        language: str = "",
    ) -> list[str]:
        is_question = class_ == "Q"
        values = {
            "id": "" if number is None else str(number),
            "class": class_,
            "type/scale": kind,
            "name": name,
            "relevance": "1" if class_ in ("G", "Q") else relevance,
            "text": text,
            "help": help_,
            "language": language,
            "mandatory": "N" if is_question else "",
            "other": "N" if is_question else "",
        }
        return [values.get(column, "") for column in COLUMNS]

    def _question_code(self, code: str, where: str) -> str:
        base = re.sub(r"[^A-Za-z0-9]", "", code)
        name, number = base[:LONGEST_QUESTION_CODE], 2
        while name.casefold() in self.taken | _RESERVED:
            tail = f"x{number}"
            name, number = f"{base[: LONGEST_QUESTION_CODE - len(tail)]}{tail}", number + 1
        self.taken.add(name.casefold())
        if name != code:
            why = f"a question code has at most {LONGEST_QUESTION_CODE} letters and digits, and is used once"
            self.losses.append(Loss(where=where, what=f"'{code}' is called '{name}'", why=why))
        return name

    def _words(self, words: str, language: str, key: str) -> str:
        # Braces are expressions; a backslash before a quotation mark confuses PHP's reader of tables.
        return page_words(printable(words, f"{language}: {key}", self.losses), special="{}\\")


def import_limesurvey(content: bytes, options: ImportOptions) -> Imported:
    """Draft an instrument from a LimeSurvey survey structure.

    Parameters
    ----------
    content : bytes
        A table with tabs in UTF-8, or UTF-16 with a byte order mark.
    options : ImportOptions
        The language counts where the file does not tell the base language.

    Returns
    -------
    Imported
        Lists whose answer codes are numbers, or letters and numbers, become items, and so do the rows of an array, the
        choice of five points and the yes-no question; drop-down lists whose codes are not numbers become background
        questions. Everything else is told and left out.

    Raises
    ------
    DefinitionError
        ``DEF_FOREIGN_FILE`` for a file that is no survey structure; ``DEF_NOTHING_TO_IMPORT`` when nothing in it can
        become an item; ``DEF_VALUE`` for an identifier or language that a definition cannot have.
    """
    rows = rows_of(content, options.file, delimiter="\t", is_strict=False)
    header = [" ".join(cell.split()).lower() for cell in rows[0]]
    for column in ("class", "type/scale", "name", "text"):
        if column not in header:
            what = f"This is no LimeSurvey survey structure: it has no column '{column}'."
            fix = "Export the survey as 'Tab Separated Values format'; an .lss or .lsa file is another format."
            raise foreign(options.file, what, fix, row=1)
    losses: list[Loss] = []
    reader = _Reader(options, losses)
    for number, cells in enumerate(rows[1:], start=2):
        row: dict[str, str] = {}
        for key, cell in zip(header, cells, strict=False):
            if key and cell.strip():
                row.setdefault(key, cell.strip())
        reader.take(number, row)
    return drafted(reader.form(), options, losses)


@dataclass(slots=True, kw_only=True)
class _Asked:
    """A question of the file, in all its languages."""

    name: str
    kind: str
    where: str
    words: dict[str, str] = field(default_factory=dict)
    help: dict[str, str] = field(default_factory=dict)
    answers: dict[str, tuple[dict[str, str], str]] = field(default_factory=dict)
    parts: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Group:
    """A group of the file, in all its languages."""

    where: str
    heading: dict[str, str] = field(default_factory=dict)
    introduction: dict[str, str] = field(default_factory=dict)
    questions: list[_Asked] = field(default_factory=list)


class _Reader:
    """Gathers the languages of each group, question and answer."""

    def __init__(self, options: ImportOptions, losses: list[Loss]) -> None:
        self.losses = losses
        self.base = options.language
        self.languages: list[str] = []
        self.title: dict[str, str] = {}
        self.welcome: dict[str, str] = {}
        self.groups: dict[str, _Group] = {}
        self.questions: dict[str, _Asked] = {}
        self.group: _Group | None = None
        self.question: _Asked | None = None
        self.n_groups: dict[str, int] = {}

    def take(self, number: int, row: Mapping[str, str]) -> None:
        """Take the next row."""
        class_, where = row.get("class", "").upper(), f"row {number}"
        if not class_:
            return
        if class_ == "S":
            self._setting(row)
            return
        language = row.get("language", "") or self.base
        if language not in self.languages:
            if not _LANGUAGE.match(language):
                why = f"'{language[:40]}' is no language code of a text"
                self.losses.append(Loss(what="the row is left out", where=where, why=why))
                return
            self.languages.append(language)
        taker = {"SL": self._survey, "G": self._open, "Q": self._ask, "SQ": self._part, "A": self._answer}.get(class_)
        if taker is None:
            why = "quotas, assessments and the like have no place here"
            self.losses.append(Loss(what=f"a row of class '{class_[:20]}' is left out", where=where, why=why))
        else:
            taker(row, language, where)

    def _setting(self, row: Mapping[str, str]) -> None:
        if row.get("name") == "language" and _LANGUAGE.match(row.get("text", "")):
            self.base = row["text"]

    def _survey(self, row: Mapping[str, str], language: str, where: str) -> None:
        words = row.get("text", "")
        if row.get("name") == "surveyls_title":
            self.title.setdefault(language, plain_words(words, where, self.losses))
        elif row.get("name") in ("surveyls_welcometext", "surveyls_description") and words:
            told = plain_words(words, where, self.losses)
            if row["name"] == "surveyls_welcometext" and language not in self.welcome:
                self.welcome[language] = told
            elif told:
                self.losses.append(
                    Loss(what="the description is left out", where=where, why="texts have a welcome only")
                )
        elif row.get("name", "").startswith("surveyls_endtext") and words:
            self.losses.append(Loss(what="the end text is left out", where=where, why="texts have none"))

    def _open(self, row: Mapping[str, str], language: str, where: str) -> None:
        self.n_groups[language] = self.n_groups.get(language, 0) + 1
        key = row.get("type/scale", "") or row.get("id", "") or f"number {self.n_groups[language]}"
        self.group = self.groups.setdefault(key, _Group(where=where))
        self.question = None
        self.group.heading.setdefault(language, plain_words(row.get("name", ""), where, self.losses))
        if row.get("text"):
            self.group.introduction.setdefault(language, plain_words(row["text"], where, self.losses))
        self._logic(row, where)

    def _ask(self, row: Mapping[str, str], language: str, where: str) -> None:
        if self.group is None:
            self.group = self.groups.setdefault("", _Group(where=where))
        name = row.get("name", "")
        asked = self.questions.get(name)
        if asked is None or language in asked.words:
            if asked is not None:
                self.losses.append(Loss(what=f"'{name[:40]}' is asked twice", where=where, why="a code is used once"))
            asked = _Asked(name=name, kind=row.get("type/scale", ""), where=f"{where}, {name[:80]}")
            self.questions[name] = asked
            self.group.questions.append(asked)
            self._logic(row, asked.where)
        self.question = asked
        asked.words[language] = plain_words(row.get("text", ""), where, self.losses)
        if row.get("help"):
            asked.help[language] = plain_words(row["help"], where, self.losses)

    def _part(self, row: Mapping[str, str], language: str, where: str) -> None:
        if self.question is not None:
            words = self.question.parts.setdefault(row.get("name", ""), {})
            words.setdefault(language, plain_words(row.get("text", ""), where, self.losses))

    def _answer(self, row: Mapping[str, str], language: str, where: str) -> None:
        if self.question is None:
            self.losses.append(Loss(what="the answer is left out", where=where, why="no question stands before it"))
            return
        code = row.get("name", "")
        labels, _ = self.question.answers.setdefault(code, ({}, row.get("relevance", "")))
        if language in labels:
            self.losses.append(
                Loss(what=f"the answer '{code[:40]}' is left out", where=where, why="a code is used once")
            )
        labels.setdefault(language, plain_words(row.get("text", ""), where, self.losses))

    def _logic(self, row: Mapping[str, str], where: str) -> None:
        """Tell what a draft has no place for."""
        shown = "every question here is shown to all, and may be left unanswered"
        for key, what, nothing, why in (
            ("relevance", "the condition", ("1",), shown),
            ("mandatory", "the mark as mandatory", ("N",), shown),
            ("other", "the answer 'other'", ("N",), "an answer in own words has no place here"),
            ("validation", "the validation", (), "a definition has no place for it"),
            ("default", "the default answer", (), "an item starts without an answer"),
            ("random_group", "the random order", (), "a definition has no place for it"),
            ("array_filter", "the array filter", (), shown),
            ("hidden", "the mark as hidden", ("0",), shown),
        ):
            value = row.get(key, "")
            if value and value.upper() not in nothing:
                told = " ".join(value.split())[:120]
                self.losses.append(Loss(what=f"{what}: '{told}'", where=where, why=why))

    def form(self) -> Form:
        """Return the form of all rows."""
        languages = sorted(self.languages or [self.base], key=lambda one: (one != self.base, one))
        form = Form(languages=languages, title=self.title, introduction=self.welcome)
        for group in self.groups.values():
            block = Block(where=group.where, heading=group.heading, introduction=group.introduction)
            form.blocks.append(block)
            for asked in group.questions:
                if asked.kind in (_ARRAY, *_ARRAYS):
                    block = self._array(asked, group, block, form)
                elif asked.kind == _TEXT:
                    self._between(asked, block)
                else:
                    block.questions += self._questions(asked)
        form.blocks = [block for block in form.blocks if block.questions or block.introduction]
        return form

    def _between(self, asked: _Asked, block: Block) -> None:
        if block.questions:
            why = "words between two items have no place here"
            self.losses.append(Loss(what="the words are left out", where=asked.where, why=why))
        else:
            block.introduce(asked.words)

    def _array(self, asked: _Asked, group: _Group, block: Block, form: Form) -> Block:
        """Make a section of an array: its text introduces it, and each of its rows is an item."""
        if block.questions:
            block = Block(where=asked.where, heading=dict(group.heading))
            form.blocks.append(block)
        block.introduce(asked.words)
        for name, words in asked.parts.items():
            answers = asked.answers
            if asked.kind in _ARRAYS:
                answers = {str(point): (_same(str(point), asked.words), "") for point in _ARRAYS[asked.kind]}
            block.questions.append(self._question(asked, f"{asked.name}{name}", words, answers))
        after = Block(where=asked.where, heading=dict(group.heading))
        form.blocks.append(after)
        return after

    def _questions(self, asked: _Asked) -> Iterable[Question]:
        if asked.kind in (_RADIO, _DROPDOWN):
            yield self._question(asked, asked.name, asked.words, asked.answers)
        elif asked.kind == _FIVE_POINTS:
            answers = {str(point): (_same(str(point), asked.words), "") for point in range(1, 6)}
            yield self._question(asked, asked.name, asked.words, answers)
        elif asked.kind == _YES_NO:
            answers = {"1": (_same("Yes", asked.words), ""), "0": (_same("No", asked.words), "")}
            why = "LimeSurvey stores the letters Y and N, and writes the labels itself"
            self.losses.append(Loss(what="the codes are 1 and 0, the labels English", where=asked.where, why=why))
            yield self._question(asked, asked.name, asked.words, answers)
        else:
            kind = _KINDS.get(asked.kind, asked.kind[:20])
            why = f"'{kind}' is no question of which one answer is taken"
            formula = f": {asked.words.get(self.base, '')[:120]}" if asked.kind == "*" else ""
            self.losses.append(Loss(what=f"the question is left out{formula}", where=asked.where, why=why))

    def _question(
        self,
        asked: _Asked,
        name: str,
        words: dict[str, str],
        answers: Mapping[str, tuple[dict[str, str], str]],
    ) -> Question:
        choices, is_marked = self._choices(asked, answers)
        return Question(
            name=name, where=asked.where, words=words, help=asked.help, choices=choices, is_marked=is_marked
        )

    def _choices(self, asked: _Asked, answers: Mapping[str, tuple[dict[str, str], str]]) -> tuple[list[Choice], bool]:
        """Return the choices with numbers as codes where they have numbers, and whether missing codes are marked."""
        ours = {code: match for code in answers if (match := _PLAIN_CODE.match(code))}
        if len(ours) == len(answers):
            choices = []
            for code, (labels, _) in answers.items():
                mark, number = ours[code]["mark"], int(ours[code]["digits"])
                number = -number if mark in ("N", "X") else number
                name = f"missing_{'minus_' if number < 0 else ''}{abs(number)}" if mark in ("M", "X") else ""
                choices.append(Choice(code=str(number), labels=labels, missing=name))
            # The file tells missing codes when the value of every other answer is its code.
            values = [(choice, value) for choice, (_, value) in zip(choices, answers.values(), strict=True)]
            is_marked = any(choice.missing for choice in choices) or all(value == one.code for one, value in values)
            return choices, is_marked
        numbered = {code: match for code in answers if (match := _NUMBERED.match(code))}
        letters = {match["letters"] for match in numbered.values()}
        if asked.kind != _DROPDOWN and len(numbered) == len(answers) and len(letters) == 1:
            why = "the number of a code is read as its point"
            self.losses.append(Loss(what=f"'{letters.pop()}' was removed from the codes", where=asked.where, why=why))
            return [
                Choice(code=str(int(numbered[code]["digits"])), labels=labels) for code, (labels, _) in answers.items()
            ], False
        return [Choice(code=code, labels=labels) for code, (labels, _) in answers.items()], False


def _same(label: str, languages: Iterable[str]) -> dict[str, str]:
    return dict.fromkeys(languages, label)
