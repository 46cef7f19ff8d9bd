"""REDCap data dictionaries: the CSV file that a project is set up from.

A dictionary has one row a field and eighteen columns, and holds one language. What has no column of its own but is
needed to read the file back stands in the field annotation, one ``key: value`` a line: REDCap shows it to designers
only, and acts on nothing but words that start with ``@``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from toolkit.instruments.exchange import Exported, ExportOptions, Imported, ImportOptions, Loss
from toolkit.instruments.exchange.forms import (
    MOST_CHOICES,
    Block,
    Choice,
    Form,
    Question,
    drafted,
    foreign,
    not_in_forms,
    printable,
)
from toolkit.instruments.exchange.rows import page_words, plain_words, rows_of, table

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument

COLUMNS = (
    "Variable / Field Name",
    "Form Name",
    "Section Header",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Field Note",
    "Text Validation Type OR Show Slider Number",
    "Text Validation Min",
    "Text Validation Max",
    "Identifier?",
    "Branching Logic (Show field only if...)",
    "Required Field?",
    "Custom Alignment",
    "Question Number (surveys only)",
    "Matrix Group Name",
    "Matrix Ranking?",
    "Field Annotation",
)
"""The header of a data dictionary."""
_API_NAMES = (
    "field_name",
    "form_name",
    "section_header",
    "field_type",
    "field_label",
    "select_choices_or_calculations",
    "field_note",
    "text_validation_type_or_show_slider_number",
    "text_validation_min",
    "text_validation_max",
    "identifier",
    "branching_logic",
    "required_field",
    "custom_alignment",
    "question_number",
    "matrix_group_name",
    "matrix_ranking",
    "field_annotation",
)
"""The same columns as REDCap's programming interface calls them."""
LONGEST_NAME = 26
"""Longer field names are allowed but advised against: statistics programs cut them."""

NAME, FORM, HEADER, TYPE, LABEL, CHOICES, NOTE = range(7)
BRANCHING, REQUIRED, ANNOTATION = 11, 12, 17
_TOLD = {
    7: "the validation or slider setting",
    8: "the lowest value",
    9: "the highest value",
    10: "the mark as an identifier",
    BRANCHING: "the branching logic",
    REQUIRED: "the mark as required",
    13: "the alignment",
    14: "the question number",
    15: "the matrix",
    16: "the matrix ranking",
}
"""Columns of kept questions that a draft has no place for."""
_FIXED = {
    "yesno": (("1", "Yes"), ("0", "No")),
    "truefalse": (("1", "True"), ("0", "False")),
}
_KEYS = frozenset({"instrument", "language", "code", "section", "answers", "intent", "missing"})
_ANNOTATED = re.compile(r"(?P<key>[a-z]+): (?P<value>.*)\Z", re.DOTALL)
_MISSING = re.compile(r"(?P<code>-?\d{1,4}) (?P<name>[a-z][a-z0-9_]{0,31})(?P<structural> structural)?\Z", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?\Z")
_RECORD = "record_id"


def export_redcap(instrument: Instrument, options: ExportOptions) -> Exported:
    """Write a questionnaire as REDCap data dictionaries, one a language.

    Parameters
    ----------
    instrument : Instrument
        The questionnaire.
    options : ExportOptions
        Without languages, the original one only.

    Returns
    -------
    Exported
        The items are radio buttons in one form, the background questions in a second. Nothing is required, branches, or
        stands in a matrix, which is hard to use with a screen reader or on a phone.
    """
    languages = options.chosen(instrument) if options.languages else instrument.languages[:1]
    losses = not_in_forms(instrument, languages)
    files = {}
    for language in languages:
        dictionary = _Dictionary(instrument, language)
        name = f"{instrument.id}-{instrument.version}.redcap.{language}.csv"
        files[name] = table(COLUMNS, dictionary.rows(), delimiter=",")
        losses += dictionary.losses
    return Exported(files=files, losses=tuple(dict.fromkeys(losses)))


class _Dictionary:
    """The rows of one language."""

    def __init__(self, instrument: Instrument, language: str) -> None:
        self.instrument = instrument
        self.text = instrument.texts[language]
        self.language = language
        self.losses: list[Loss] = []
        base = re.sub(r"_+", "_", instrument.id.replace("-", "_")).strip("_")
        self.forms = (base, f"{base}_background")
        # REDCap adds a field "<form>_complete" to every form.
        self.taken = {_RECORD, *(f"{form}_complete" for form in self.forms)}

    def rows(self) -> list[list[str]]:
        definition, text = self.instrument.definition, self.text
        about = [("instrument", self.instrument.name), ("language", self.language)]
        rows = [
            self._row(_RECORD, "text", "Record ID"),
            self._row(
                self._name("introduction"),
                "descriptive",
                self._words(text.introduction, "introduction"),
                header=self._words(text.title, "title"),
                annotation=about,
            ),
        ]
        for section in definition.sections:
            told = text.sections[section.code]
            header = self._words(told.heading, f"sections.{section.code}.heading")
            notes = [("section", section.code)]
            if told.introduction:
                words = self._words(told.introduction, f"sections.{section.code}.introduction")
                name = self._name(f"{section.code}_intro")
                rows.append(self._row(name, "descriptive", words, header=header, annotation=notes))
                header, notes = "", []
            for code in section.items:
                rows.append(self._item(code, header, notes))
                header, notes = "", []
        for covariate in definition.covariates:
            asked = text.covariates[covariate.code]
            choices = [
                (name, self._words(asked.options[name], f"covariates.{covariate.code}.options.{name}"))
                for name in covariate.options
            ]
            label = self._words(asked.text, f"covariates.{covariate.code}.text")
            name = self._name(covariate.code)
            notes = [("code", covariate.code)] if name != covariate.code else []
            rows.append(self._row(name, "radio", label, form=1, choices=choices, annotation=notes))
        return rows

    def _item(self, code: str, header: str, notes: list[tuple[str, str]]) -> list[str]:
        item, told = self.instrument.items[code], self.text.items[code]
        responses = self.instrument.response_sets[item.responses]
        offered = [self.instrument.missing_codes[name] for name in responses.missing]
        choices = [
            (str(point), self._words(self.text.responses[item.responses][point], f"responses.{item.responses}.{point}"))
            for point in responses.points
        ]
        choices += [
            (str(missing.code), self._words(self.text.missing[missing.name], f"missing.{missing.name}"))
            for missing in offered
        ]
        marks = [f"{one.code} {one.name}{' structural' if one.structural else ''}" for one in offered]
        intent = " ".join(item.intent.replace("@", "(at)").split())
        if intent != item.intent:
            why = "'@' starts an action tag in an annotation, and a line ends there"
            self.losses.append(Loss(where=f"items[{code}].intent", what="the intent was rewritten", why=why))
        annotation = [
            *notes,
            ("code", code),
            ("answers", item.responses),
            ("missing", ", ".join(marks) or "none"),
            *([("intent", printable(intent, f"items[{code}].intent", self.losses))] if intent else []),
        ]
        label = self._words(told.text, f"items.{code}.text")
        note = self._words(told.help, f"items.{code}.help") if told.help else ""
        name = self._name(code)
        return self._row(name, "radio", label, header=header, choices=choices, note=note, annotation=annotation)

    def _row(
        self,
        name: str,
        kind: str,
        label: str,
        *,
        form: int = 0,
        header: str = "",
        choices: Sequence[tuple[str, str]] = (),
        note: str = "",
        annotation: Sequence[tuple[str, str]] = (),
    ) -> list[str]:
        row = [""] * len(COLUMNS)
        row[NAME], row[FORM], row[HEADER], row[TYPE], row[LABEL] = name, self.forms[form], header, kind, label
        offered = " | ".join(f"{code}, {words}" for code, words in choices)
        # A spreadsheet program takes a first "-" for the start of a formula; REDCap drops a first space.
        row[CHOICES] = f" {offered}" if offered.startswith("-") else offered
        row[NOTE] = note
        row[ANNOTATION] = "\n".join(f"{key}: {value}" for key, value in annotation)
        return row

    def _name(self, code: str) -> str:
        """Make a field name: small letters, digits and single underscores, used once."""
        base = re.sub(r"_+", "_", code.lower()).strip("_")
        name, number = base[:LONGEST_NAME].rstrip("_"), 2
        while name in self.taken:
            tail = f"_{number}"
            name, number = f"{base[: LONGEST_NAME - len(tail)].rstrip('_')}{tail}", number + 1
        self.taken.add(name)
        return name

    def _words(self, words: str, key: str) -> str:
        where = f"{self.language}: {key}"
        return page_words(printable(words, where, self.losses), special="[]|")


def import_redcap(content: bytes, options: ImportOptions) -> Imported:
    """Draft an instrument from a REDCap data dictionary.

    Parameters
    ----------
    content : bytes
        A CSV file in UTF-8 with REDCap's header, or with the names of its programming interface.
    options : ImportOptions
        The language counts where the file does not tell it.

    Returns
    -------
    Imported
        Radio buttons, drop-down lists, yes-no and true-false questions whose answers have numbers become items, those
        whose answers have words become background questions. Every other field is told and left out.

    Raises
    ------
    DefinitionError
        ``DEF_FOREIGN_FILE`` for a file that is no data dictionary; ``DEF_NOTHING_TO_IMPORT`` when nothing in it can
        become an item; ``DEF_VALUE`` for an identifier or language that a definition cannot have.
    """
    rows = rows_of(content, options.file, delimiter=",")
    places = _places(rows[0], options.file)
    losses: list[Loss] = []
    reader = _Reader(options, losses)
    for number, cells in enumerate(rows[1:], start=2):
        if any(cell.strip() for cell in cells):
            if any(cell.strip() for cell in cells[len(rows[0]) :]):
                what, fix = "The row has more cells than the header.", "Put texts with commas between quotation marks."
                raise foreign(options.file, what, fix, row=number)
            row = [cells[place].strip() if place is not None and place < len(cells) else "" for place in places]
            reader.take(number, row)
    reader.form.take_title()
    return drafted(reader.form, options, losses)


def _places(header: Sequence[str], file: str) -> list[int | None]:
    """Return where each of the eighteen columns stands."""
    read = [" ".join(cell.split()).casefold() for cell in header]
    places: list[int | None] = []
    for label, name in zip(COLUMNS, _API_NAMES, strict=True):
        found = [place for place, cell in enumerate(read) if cell in (label.casefold(), name)]
        if len(found) > 1:
            raise foreign(file, f"The column '{label}' stands twice.", "Remove one of the two.", row=1)
        places.append(found[0] if found else None)
    needed = [COLUMNS[place] for place in (NAME, TYPE, LABEL, CHOICES) if places[place] is None]
    if needed:
        what = f"This is no REDCap data dictionary: it has no column '{needed[0]}'."
        raise foreign(file, what, "Download the data dictionary from the project's designer.", row=1)
    return places


class _Reader:
    """Builds a form row by row."""

    def __init__(self, options: ImportOptions, losses: list[Loss]) -> None:
        self.losses = losses
        self.form = Form(languages=[options.language], blocks=[Block()])
        self.language = options.language
        self.last_form: str | None = None

    def take(self, number: int, row: Sequence[str]) -> None:
        """Take the next field."""
        where = f"row {number}, {row[NAME][:80]}"
        told, rest = _annotation(row[ANNOTATION])
        if "instrument" in told:
            self.form.id, _, self.form.version = told["instrument"].partition("@")
        if _LANGUAGE.match(told.get("language", "")) and not any(block.questions for block in self.form.blocks):
            self._speak(told["language"])
        if row[HEADER] or row[FORM] != self.last_form:
            words = self._words(row[HEADER], f"{where}: header")
            name = told.get("section", "")
            self.form.blocks.append(Block(name=name, where=where, heading=words))
        self.form.id = self.form.id or row[FORM]
        self.last_form = row[FORM]
        kind = row[TYPE].lower()
        if kind == "descriptive":
            self._describe(row, where)
        elif kind in ("radio", "dropdown", *_FIXED):
            self._ask(row, where, told, rest)
        elif number == 2 and kind == "text":
            why = "answers here have a respondent of their own"
            self.losses.append(Loss(what="the record's identifier is left out", where=where, why=why))
        else:
            self._leave_out(row, where, kind)

    def _speak(self, language: str) -> None:
        """Change the language of all words read so far."""
        for block in self.form.blocks:
            for words in (block.heading, block.introduction):
                if self.language in words:
                    words[language] = words.pop(self.language)
        self.form.languages = [language]
        self.language = language

    def _words(self, words: str, where: str) -> dict[str, str]:
        plain = plain_words(words, where, self.losses) if words else ""
        return {self.language: plain} if plain else {}

    def _describe(self, row: Sequence[str], where: str) -> None:
        block = self.form.blocks[-1]
        if block.questions:
            why = "words between two items have no place here"
            self.losses.append(Loss(what="the words are left out", where=where, why=why))
        else:
            block.introduce(self._words(row[LABEL], where))
        if row[BRANCHING]:
            self._lost(row, where, BRANCHING)

    def _ask(self, row: Sequence[str], where: str, told: Mapping[str, str], rest: str) -> None:
        for place in _TOLD:
            if row[place] and not (place == REQUIRED and row[place].lower() == "n"):
                self._lost(row, where, place)
        if rest:
            why = "an annotation has no place here; action tags do nothing"
            self.losses.append(Loss(what=f"the annotation '{rest[:80]}'", where=where, why=why))
        kind = row[TYPE].lower()
        if row[CHOICES].count("|") + row[CHOICES].count("\n") > MOST_CHOICES:
            why = f"it has more than {MOST_CHOICES} answers"
            self.losses.append(Loss(what="the question is left out", where=where, why=why))
            return
        if kind in _FIXED:
            choices = [Choice(code=code, labels={self.language: label}) for code, label in _FIXED[kind]]
            why = "REDCap writes them in the project's language"
            self.losses.append(Loss(what="the labels were written in English", where=where, why=why))
        else:
            choices = self._choices(row[CHOICES], where)
        marks = _marks(told.get("missing", ""))
        for choice in choices:
            if choice.code in marks:
                choice.missing, choice.structural = marks[choice.code]
        self.form.blocks[-1].questions.append(
            Question(
                name=told.get("code", row[NAME]),
                where=where,
                words=self._words(row[LABEL], where),
                help=self._words(row[NOTE], f"{where}: note"),
                choices=choices,
                answers=told.get("answers", ""),
                intent=told.get("intent", ""),
                is_marked="missing" in told,
            )
        )

    def _choices(self, written: str, where: str) -> list[Choice]:
        choices = []
        # Before it was "|", the sign between two choices was a line break.
        for part in re.split(r"\||\n" if "|" not in written else r"\|", written):
            code, comma, label = part.strip().partition(",")
            if comma:
                words = self._words(label, f"{where}: choice {code.strip()[:40]}")
                choices.append(Choice(code=code.strip(), labels=words))
            elif part.strip():
                why = "a choice is a code, a comma and a label"
                self.losses.append(Loss(what=f"the choice '{part.strip()[:80]}' is left out", where=where, why=why))
        return choices

    def _lost(self, row: Sequence[str], where: str, place: int) -> None:
        what = f"{_TOLD[place]}: '{' '.join(row[place].split())[:120]}'"
        why = "every question here is shown to all, and may be left unanswered"
        if place not in (BRANCHING, REQUIRED):
            why = "a definition has no place for it"
        self.losses.append(Loss(what=what, where=where, why=why))

    def _leave_out(self, row: Sequence[str], where: str, kind: str) -> None:
        why = f"a field of type '{kind[:40]}' is no question of which one answer is taken"
        formula = f": {' '.join(row[CHOICES].split())[:120]}" if kind in ("calc", "sql") and row[CHOICES] else ""
        self.losses.append(Loss(what=f"the field is left out{formula}", where=where, why=why))


def _annotation(written: str) -> tuple[dict[str, str], str]:
    """Return what this toolkit wrote into an annotation, and the rest."""
    told: dict[str, str] = {}
    rest = []
    for line in written.splitlines():
        match = _ANNOTATED.match(line.strip())
        if match and match["key"] in _KEYS and match["key"] not in told:
            told[match["key"]] = match["value"].strip()
        elif line.strip():
            rest.append(line.strip())
    return told, " ".join(rest)


def _marks(written: str) -> dict[str, tuple[str, bool]]:
    """Return the missing codes of an annotation: name, and whether the question does not apply."""
    found = (_MISSING.match(part.strip()) for part in written.split(","))
    return {match["code"]: (match["name"], bool(match["structural"])) for match in found if match}
