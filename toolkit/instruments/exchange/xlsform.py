"""XLSForm workbooks, as ODK, KoboToolbox, SurveyCTO and Enketo read them.

The sheet ``survey`` has one row a question, ``choices`` one row an answer, ``settings`` one row for the form. Every
language has columns of its own. Two columns are no part of the format and are passed over by its tools: ``intent`` of a
question, and ``missing`` of an answer, which names the missing code it is.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from toolkit.instruments.exchange import Exported, ExportOptions, Imported, ImportOptions, Loss
from toolkit.instruments.exchange.drafting import plain_name
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

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

    from toolkit.instruments.instrument import Instrument

MOST_BYTES = 10 * 1024 * 1024
MOST_UNPACKED = 40 * 1024 * 1024
MOST_PARTS = 500
MOST_ROWS = 20_000
MOST_COLUMNS = 250

_SHEETS = ("survey", "choices", "settings")
_TRANSLATED = re.compile(r"(?P<what>label|hint)\s*::?\s*(?P<language>.+)\Z")
_CODE_AT_END = re.compile(r"\((?P<code>[A-Za-z]{2,3}(-[A-Za-z]{2,4}){0,2})\)\s*\Z")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?\Z")
_SELECT = re.compile(r"select[ _]?(?:one|1)(?: from)? +(?P<list>\S+)(?P<other> or[ _]other)?\Z", re.IGNORECASE)
_MISSING = re.compile(r"(?P<name>[a-z][a-z0-9_]{0,31})(?P<structural> structural)?\Z")
_REFERENCE = re.compile(r"\$(?=\{)")
_LOGIC = frozenset({"relevant", "relevance", "required", "constraint", "calculation", "choice_filter", "trigger"})
_KEPT = frozenset({"type", "name", "label", "hint", "intent", "appearance", "note", "comment", "notes", "comments"})
_PAGE = "field-list"
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ParseError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    EOFError,
    OSError,
    RuntimeError,
    AssertionError,
    UnicodeError,
)
"""What openpyxl and zipfile raise for workbooks that are damaged in one way or another."""


def export_xlsform(instrument: Instrument, options: ExportOptions) -> Exported:
    """Write a questionnaire as an XLSForm workbook.

    Parameters
    ----------
    instrument : Instrument
        The questionnaire.
    options : ExportOptions
        The first language is the form's default.

    Returns
    -------
    Exported
        Each section is a group shown on one page; the title and introduction are a group with a note. Nothing is
        required, and no question depends on another. All cells are text, so no spreadsheet program computes them.
    """
    import openpyxl

    languages = options.chosen(instrument)
    writer = _Workbook(instrument, languages)
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in (("survey", writer.survey()), ("choices", writer.choices()), ("settings", writer.settings())):
        _fill(workbook.create_sheet(name), rows)
    content = io.BytesIO()
    workbook.save(content)
    losses = [*not_in_forms(instrument, languages), *writer.losses]
    name = f"{instrument.id}-{instrument.version}.xlsx"
    return Exported(files={name: content.getvalue()}, losses=tuple(dict.fromkeys(losses)))


def _fill(sheet: Worksheet, rows: Sequence[Mapping[str, str]]) -> None:
    """Write rows below a header of all their keys, each cell as text."""
    header = list(dict.fromkeys(key for row in rows for key in row))
    for number, values in enumerate([header, *([row.get(key, "") for key in header] for row in rows)], start=1):
        for place, value in enumerate(values, start=1):
            if value:
                cell = sheet.cell(row=number, column=place)
                cell.value = value
                # Words that start with "=" would become a formula; the mark keeps them words when they are edited.
                cell.data_type = "s"
                if value[0] in "=+-@":
                    cell.style = "Normal"
                    cell.quotePrefix = True


class _Workbook:
    """The rows of the three sheets."""

    def __init__(self, instrument: Instrument, languages: Sequence[str]) -> None:
        self.instrument = instrument
        self.languages = languages
        self.called = {language: _called(language) for language in languages}
        self.losses: list[Loss] = []
        definition = instrument.definition
        used = {item.responses for item in definition.items}
        self.sets = [responses for responses in definition.responses if responses.name in used]
        taken = {responses.name for responses in self.sets}
        self.lists = {}
        for covariate in definition.covariates:
            self.lists[covariate.code] = covariate.code
            if covariate.code in taken:
                self.lists[covariate.code] = plain_name(f"options_{covariate.code}", taken)
            taken.add(self.lists[covariate.code])

    def survey(self) -> list[dict[str, str]]:
        definition = self.instrument.definition
        texts = self._texts()
        taken = {covariate.code.casefold() for covariate in definition.covariates}
        start = self._free("introduction", taken)
        rows = [
            self._row("begin_group", start, {one: text.title for one, text in texts.items()}, "title", _PAGE),
            self._row("note", "welcome", {one: text.introduction for one, text in texts.items()}, "introduction"),
            {"type": "end_group"},
        ]
        for section in definition.sections:
            name = self._free(section.code, taken)
            key = f"sections.{section.code}"
            if name != section.code:
                why = "a group and a question beside it have different names"
                self.losses.append(Loss(where=f"sections[{section.code}].code", what=f"it is called {name}", why=why))
            told = {one: text.sections[section.code] for one, text in texts.items()}
            headings = {one: words.heading for one, words in told.items()}
            rows.append(self._row("begin_group", name, headings, f"{key}.heading", _PAGE))
            introductions = {one: words.introduction or "" for one, words in told.items()}
            if any(introductions.values()):
                inside = {code.casefold() for code in section.items}
                note = self._free(f"{section.code}_introduction"[:64], inside)
                rows.append(self._row("note", note, introductions, f"{key}.introduction"))
            rows += [self._item(code) for code in section.items]
            rows.append({"type": "end_group"})
        for covariate in definition.covariates:
            words = {one: text.covariates[covariate.code].text for one, text in texts.items()}
            kind = f"select_one {self.lists[covariate.code]}"
            rows.append(self._row(kind, covariate.code, words, f"covariates.{covariate.code}.text"))
        return [self._first_row(), *rows]

    def _first_row(self) -> dict[str, str]:
        """Give the columns their order: this row holds no value and is not written."""
        translated = [f"{what}::{called}" for what in ("label", "hint") for called in self.called.values()]
        return dict.fromkeys(["type", "name", *translated, "appearance", "intent"], "")

    def _item(self, code: str) -> dict[str, str]:
        item = self.instrument.items[code]
        told = {one: text.items[code] for one, text in self._texts().items()}
        words = {one: words.text for one, words in told.items()}
        row = self._row(f"select_one {item.responses}", code, words, f"items.{code}.text")
        helps = {one: words.help or "" for one, words in told.items()}
        for language, text in helps.items():
            row[f"hint::{self.called[language]}"] = self._words(text, f"{language}: items.{code}.help")
        row["intent"] = self._words(item.intent, f"items[{code}].intent")
        return row

    def _row(self, kind: str, name: str, words: Mapping[str, str], key: str, appearance: str = "") -> dict[str, str]:
        labels = {
            f"label::{self.called[language]}": self._words(told, f"{language}: {key}")
            for language, told in words.items()
        }
        return {"type": kind, "name": name, **labels, "appearance": appearance}

    def choices(self) -> list[dict[str, str]]:
        rows = []
        texts = self._texts()
        for responses in self.sets:
            for point in responses.points:
                words = {one: text.responses[responses.name][point] for one, text in texts.items()}
                rows.append(self._choice(responses.name, str(point), words, f"responses.{responses.name}.{point}"))
            for name in responses.missing:
                missing = self.instrument.missing_codes[name]
                words = {one: text.missing[name] for one, text in texts.items()}
                row = self._choice(responses.name, str(missing.code), words, f"missing.{name}")
                rows.append({**row, "missing": f"{name} structural" if missing.structural else name})
        for covariate in self.instrument.definition.covariates:
            for option in covariate.options:
                words = {one: text.covariates[covariate.code].options[option] for one, text in texts.items()}
                key = f"covariates.{covariate.code}.options.{option}"
                rows.append(self._choice(self.lists[covariate.code], option, words, key))
        translated = [f"label::{called}" for called in self.called.values()]
        return [dict.fromkeys(["list_name", "name", *translated, "missing"], ""), *rows]

    def _choice(self, list_name: str, code: str, words: Mapping[str, str], key: str) -> dict[str, str]:
        row = self._row("", code, words, key)
        return {
            "list_name": list_name,
            **{name: told for name, told in row.items() if name not in ("type", "appearance")},
        }

    def settings(self) -> list[dict[str, str]]:
        main = self.languages[0]
        return [
            {
                "form_title": self._words(self.instrument.texts[main].title, f"{main}: title"),
                "form_id": self.instrument.id,
                "version": self.instrument.version,
                "default_language": self.called[main],
                "style": "pages",
            }
        ]

    def _texts(self) -> dict[str, Any]:
        return {language: self.instrument.texts[language] for language in self.languages}

    def _words(self, words: str, where: str) -> str:
        kept = printable(words, where, self.losses)
        apart = _REFERENCE.sub("$ ", kept)
        if apart != kept:
            why = "'${' starts a reference to a question"
            self.losses.append(Loss(where=where, what="a space was set after '$'", why=why))
        return apart

    @staticmethod
    def _free(name: str, taken: set[str]) -> str:
        """Return a name of a group or note that no neighbour has, in any capitals."""
        found, number = name, 2
        while found.casefold() in taken:
            found, number = f"{name}_{number}", number + 1
        taken.add(found.casefold())
        return found


def _called(language: str) -> str:
    """Return a language as XLSForm writes it, such as ``English (en)``."""
    return f"{_english(language)} ({language})"


def _english(language: str) -> str:
    from babel import Locale, UnknownLocaleError

    try:
        name = Locale.parse(language, sep="-").english_name
    except (UnknownLocaleError, ValueError):
        name = None
    # Parentheses inside, as in "Portuguese (Brazil)", would be read as the code.
    return (name or language).replace(" (", ", ").replace(")", "")


@cache
def _codes_by_name() -> dict[str, str]:
    """Return the codes of languages by their English names."""
    from babel import Locale

    names = Locale("en").languages.items()
    return {name.casefold(): code.replace("_", "-") for code, name in names if _LANGUAGE.match(code.replace("_", "-"))}


def import_xlsform(content: bytes, options: ImportOptions) -> Imported:
    """Draft an instrument from an XLSForm workbook.

    Parameters
    ----------
    content : bytes
        An .xlsx file with the sheets ``survey`` and ``choices``.
    options : ImportOptions
        The language counts for columns that name none.

    Returns
    -------
    Imported
        ``select_one`` questions whose choices have numbers as names become items, those whose choices have words become
        background questions, groups become sections and notes introductions. Everything else is told and left out.

    Raises
    ------
    DefinitionError
        ``DEF_FOREIGN_FILE`` for a file that is no XLSForm workbook, or that unpacks to more than a form needs;
        ``DEF_NOTHING_TO_IMPORT`` when nothing in it can become an item; ``DEF_VALUE`` for an identifier or language
        that a definition cannot have.

    Notes
    -----
    Sizes are checked and document type definitions refused before the workbook is opened. Formulas are never computed:
    a cell that holds one is empty, and told.
    """
    losses: list[Loss] = []
    sheets = _sheets(content, options.file, losses)
    if "survey" not in sheets:
        raise foreign(options.file, "The workbook has no sheet 'survey'.", "Give an XLSForm workbook.")
    choices = sheets.get("choices", _Sheet())
    settings = next(iter(sheets.get("settings", _Sheet()).rows), _Row(number=2))
    default = settings.cells.get("default_language", "")
    fallback = (_language_code(default) if default else None) or options.language
    columns = {*sheets["survey"].header, *choices.header}
    languages, unknown = _languages(columns, fallback)
    losses += [
        Loss(what=f"the language '{called[:80]}'", where="survey", why="its code is not known") for called in unknown
    ]
    form = Form(
        languages=languages,
        id=settings.cells.get("form_id", "") or settings.cells.get("id_string", ""),
        version=settings.cells.get("version", ""),
        title={languages[0]: settings.cells.get("form_title", "")},
    )
    reader = _Reader(form, choices, fallback, losses)
    for row in sheets["survey"].rows:
        reader.take(row)
    reader.end()
    form.take_title()
    return drafted(form, options, losses)


@dataclass(slots=True)
class _Row:
    """The cells of a row by heading."""

    number: int
    cells: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Sheet:
    """The headings of a sheet, and the rows below."""

    header: list[str] = field(default_factory=list)
    rows: list[_Row] = field(default_factory=list)


def _sheets(content: bytes, file: str, losses: list[Loss]) -> dict[str, _Sheet]:
    """Open a workbook within limits."""
    import openpyxl

    _refuse_unsafe(content, file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
            found: dict[str, _Sheet] = {}
            for sheet in workbook.worksheets:
                name = sheet.title.strip().lower()
                if name in _SHEETS and name not in found:
                    found[name] = _read(sheet, name, file, losses)
                elif name not in _SHEETS:
                    why = "it is no part of the questions"
                    losses.append(Loss(what="the sheet is left out", where=sheet.title[:80], why=why))
            return found
    except _DAMAGED:
        raise _damaged(file) from None


def _refuse_unsafe(content: bytes, file: str) -> None:
    """Refuse what is no workbook, unpacks to too much, or could make the XML reader expand entities."""
    if len(content) > MOST_BYTES:
        what, fix = "The file is too large for a form.", "Remove pictures and sheets that are no part of the form."
        raise foreign(file, what, fix, got=f"{len(content) / 1024**2:.0f} MB")
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise foreign(file, "This is an old or encrypted Excel workbook.", "Save it as .xlsx without a password.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            unpacked = sum(part.file_size for part in parts)
            if unpacked > MOST_UNPACKED or len(parts) > MOST_PARTS:
                what, fix = "The workbook unpacks to more than a form needs.", "Keep the three sheets of the form only."
                raise foreign(file, what, fix, got=f"{unpacked / 1024**2:.0f} MB in {len(parts)} parts")
            for part in parts:
                if part.filename.endswith((".xml", ".rels", ".vml")):
                    _refuse_dtd(archive.read(part), file)
    except _DAMAGED:
        raise _damaged(file) from None


def _refuse_dtd(part: bytes, file: str) -> None:
    for encoding in ("ascii", "utf-16-le", "utf-16-be"):
        if any(mark.encode(encoding) in part for mark in ("<!DOCTYPE", "<!ENTITY")):
            what, fix = "A part of the workbook has a document type definition.", "Save it with a spreadsheet program."
            raise foreign(file, what, fix)


def _damaged(file: str) -> Exception:
    return foreign(file, "This is no .xlsx workbook, or it is damaged.", "Save it as .xlsx with a spreadsheet program.")


def _read(sheet: Any, name: str, file: str, losses: list[Loss]) -> _Sheet:
    """Read a sheet within limits; the first row that is not empty is the header."""
    header: list[str] = []
    rows: list[_Row] = []
    for number, cells in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS, max_row=MOST_ROWS + 1), start=1):
        if number > MOST_ROWS:
            raise foreign(file, f"The sheet '{name}' has too many rows.", f"Keep at most {MOST_ROWS} rows.")
        values = [_written(cell, f"{name}, row {number}", losses) for cell in cells]
        if not any(header):
            header = _header(values, name, losses)
            continue
        row = {key: value for key, value in zip(header, values, strict=False) if key and value}
        if row:
            rows.append(_Row(number, row))
    return _Sheet(header, rows)


def _header(values: Sequence[str], name: str, losses: list[Loss]) -> list[str]:
    header = []
    for value in values:
        key = " ".join(value.split())
        what, colon, language = key.partition(":")
        key = f"{what.strip().lower()}::{language.strip(': ')}" if colon else key.lower().replace(" ", "_")
        if key and key in header:
            losses.append(Loss(what=f"the second column '{value[:80]}'", where=name, why="the heading stands twice"))
            key = ""
        header.append(key)
    return header


def _written(cell: Any, where: str, losses: list[Loss]) -> str:
    """Return what a cell says; nothing for a formula."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        losses.append(Loss(what="the formula is left out", where=where, why="formulas are never computed"))
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _language_code(called: str) -> str | None:
    """Return the code of a language as a column names it, or None."""
    match = _CODE_AT_END.search(called)
    written = match["code"] if match else called.strip()
    parts = written.replace("_", "-").split("-")
    code = "-".join([parts[0].lower(), *(part.title() if len(part) == 4 else part.upper() for part in parts[1:])])
    if _LANGUAGE.match(code):
        return code
    return _codes_by_name().get(written.casefold())


def _languages(columns: set[str], fallback: str) -> tuple[list[str], list[str]]:
    """Return the languages of the columns, the main one first, and those whose code is not known."""
    called = {match["language"] for key in columns if (match := _TRANSLATED.match(key))}
    codes = {name: _language_code(name) for name in sorted(called)}
    found = {code for code in codes.values() if code}
    if columns & {"label", "hint"} or not found:
        found.add(fallback)
    unknown = [name for name, code in codes.items() if code is None]
    return sorted(found, key=lambda code: (code != fallback, code)), unknown


class _Reader:
    """Builds a form row by row."""

    def __init__(self, form: Form, choices: _Sheet, fallback: str, losses: list[Loss]) -> None:
        self.form = form
        self.losses = losses
        self.fallback = fallback
        self.lists: dict[str, list[_Row]] = {}
        for row in choices.rows:
            name = row.cells.get("list_name", row.cells.get("list", ""))
            self.lists.setdefault(name.strip(), []).append(row)
        self.is_marked = "missing" in choices.header
        self.read: dict[str, list[Choice]] = {}
        self.groups: list[tuple[Block, bool]] = []
        self.form.blocks.append(Block())

    def take(self, row: _Row) -> None:
        """Take the next row of the survey."""
        kind = " ".join(row.cells.get("type", "").split())
        name = row.cells.get("name", "")
        where = f"survey, row {row.number}{f', {name[:80]}' if name else ''}"
        plain = kind.lower().replace(" ", "_")
        if not kind:
            return
        if row.cells.get("disabled", "").lower() in ("yes", "true", "1"):
            self.losses.append(Loss(what="the question is left out", where=where, why="it is disabled"))
        elif plain in ("begin_group", "begin_repeat"):
            self._open(row, where, is_repeat=plain == "begin_repeat")
        elif plain in ("end_group", "end_repeat"):
            self._close(where)
        elif any(is_repeat for _, is_repeat in self.groups):
            why = "a repeated question has more than one answer of a person"
            self.losses.append(Loss(what="the question is left out", where=where, why=why))
        elif plain == "note":
            self._note(row, where)
        elif match := _SELECT.match(kind):
            self._ask(row, where, match)
        else:
            formula = row.cells.get("calculation", "")
            what = f"the field is left out{f': {formula[:120]}' if formula else ''}"
            why = f"a field of type '{kind[:40]}' is no question of which one answer is taken"
            self.losses.append(Loss(what=what, where=where, why=why))

    def end(self) -> None:
        """Tell about groups that are not ended."""
        if self.groups:
            why = "the sheet has fewer rows 'end_group' than 'begin_group'"
            self.losses.append(Loss(what="a group was ended at the end", where="survey", why=why))

    def _open(self, row: _Row, where: str, *, is_repeat: bool) -> None:
        block = Block(name=row.cells.get("name", ""), where=where, heading=self._words(row, "label"))
        self.groups.append((block, is_repeat))
        self.form.blocks.append(block)
        self._logic(row, where)

    def _close(self, where: str) -> None:
        if not self.groups:
            self.losses.append(Loss(what="the row is left out", where=where, why="it ends a group that was not begun"))
            return
        self.groups.pop()
        outer = self.groups[-1][0] if self.groups else Block()
        self.form.blocks.append(Block(where=outer.where, heading=dict(outer.heading) if outer.questions else {}))

    def _note(self, row: _Row, where: str) -> None:
        block = self.form.blocks[-1]
        if block.questions:
            why = "words between two items have no place here"
            self.losses.append(Loss(what="the words are left out", where=where, why=why))
        else:
            block.introduce(self._words(row, "label"))
        self._logic(row, where)

    def _ask(self, row: _Row, where: str, match: re.Match[str]) -> None:
        if match["list"] not in self.lists:
            why = f"the sheet 'choices' has no list '{match['list'][:80]}'"
            self.losses.append(Loss(what="the question is left out", where=where, why=why))
            return
        if match["other"]:
            why = "an answer in own words has no place here"
            self.losses.append(Loss(what="the choice 'other'", where=where, why=why))
        self._logic(row, where)
        self.form.blocks[-1].questions.append(
            Question(
                name=row.cells.get("name", ""),
                where=where,
                words=self._words(row, "label"),
                help=self._words(row, "hint"),
                choices=list(self._choices(match["list"])),
                answers=match["list"],
                intent=row.cells.get("intent", ""),
                is_marked=self.is_marked,
            )
        )

    def _logic(self, row: _Row, where: str) -> None:
        """Tell every cell of a kept row that a draft has no place for."""
        for key, value in row.cells.items():
            what = key.partition("::")[0]
            if what in _KEPT and not (key == "appearance" and value != _PAGE):
                continue
            if what in ("required", "read_only", "readonly") and value.lower() in ("no", "false", "false()", "0"):
                continue
            why = "a definition has no place for it"
            if what in _LOGIC:
                why = "every question here is shown to all, and may be left unanswered"
            self.losses.append(Loss(what=f"{key}: '{' '.join(value.split())[:120]}'", where=where, why=why))

    def _words(self, row: _Row, what: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, value in row.cells.items():
            match = _TRANSLATED.match(key)
            language = _language_code(match["language"]) if match else self.fallback
            if language and (match["what"] if match else key) == what and language in self.form.languages:
                found.setdefault(language, value)
        return found

    def _choices(self, name: str) -> Iterator[Choice]:
        """Return the choices of a list; they are read once."""
        if name not in self.read:
            self.read[name] = []
            for row in self.lists[name][:MOST_CHOICES]:
                marked = _MISSING.match(row.cells.get("missing", ""))
                self.read[name].append(
                    Choice(
                        code=row.cells.get("name", row.cells.get("value", "")),
                        labels=self._words(row, "label"),
                        missing=marked["name"] if marked else "",
                        structural=bool(marked and marked["structural"]),
                    )
                )
        return iter(self.read[name])
