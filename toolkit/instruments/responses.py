"""A frame of text turned into the response frame that everything else works on, with every problem told at once.

The response frame has one row a respondent; the index holds unique respondent ids; each item is one float64 column
with the codes as given (points and missing codes) and NaN where nothing was answered. Covariates, ``service``,
``unit``, ``wave`` and ``language`` follow as text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem, ResponsesError
from toolkit.instruments.lint import RESERVED_COLUMNS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas.api.extensions import ExtensionArray

    from toolkit.instruments.instrument import Instrument

SHOWN = 50
"""As many problems of one kind are told one by one; the rest are counted."""
CONTEXT_COLUMNS = ("service", "unit", "wave", "language")
"""Columns that come with a response and are kept."""
RESPONDENT = "respondent"
"""The column that holds respondent ids when no other is named."""

MissingCodes = Mapping[int | str, str | None] | Sequence[int | str]

_NUMBER = re.compile(r"[-+]?\d{1,9}(\.\d{0,9})?\Z", re.ASCII)
_STEM = re.compile(r"(?P<stem>.*?)[ _.-]*(?P<number>\d{1,6})\Z", re.ASCII)


def read_frame(
    raw: pd.DataFrame,
    instrument: Instrument,
    *,
    id_column: str | None = None,
    rename: Mapping[str, str] | None = None,
    missing_codes: MissingCodes | None = None,
    file: str | None = None,
    is_part: bool = False,
    several_waves: bool = False,
    keep: Sequence[str] = (),
) -> pd.DataFrame:
    """Check a frame of text against an instrument and return the response frame.

    Parameters
    ----------
    raw : DataFrame of str
        Cells as written; an empty cell is unanswered. When the index is named ``row`` it holds the row numbers that
        messages tell; otherwise the first row is told as row 2, as a spreadsheet counts.
    instrument : Instrument
        The instrument that was answered.
    id_column : str, optional
        The column with the respondent ids, by its name in the file. By default ``respondent`` when there is one;
        otherwise respondents are named after their row, as in ``row 2``.
    rename : mapping of str to str, optional
        Column names in the file to the names that the instrument uses.
    missing_codes : mapping or sequence, optional
        How the file writes missing answers. A mapping gives the instrument's missing code by name, or None for
        "unanswered"; the codes of a sequence are all "unanswered".
    file : str, optional
        The file, for the messages.
    is_part : bool
        Whether this is one part of a file, in which nobody may have answered.
    several_waves : bool
        Whether a respondent may have one row in each ``wave``. The ids are then unique in each wave only.
    keep : sequence of str
        More columns to keep as text, such as one whose groups are to be compared.

    Returns
    -------
    DataFrame
        The response frame. Columns that the instrument does not know are left out and listed in
        ``attrs["ignored_columns"]``.

    Raises
    ------
    ResponsesError
        With every problem found: ``RSP_NO_ROWS``, ``RSP_NO_SUCH_COLUMN``, ``RSP_COLUMN_TWICE``,
        ``RSP_UNKNOWN_COLUMN``, ``RSP_MISSING_COLUMN``, ``RSP_RESPONDENT_EMPTY``, ``RSP_RESPONDENT_TWICE``,
        ``RSP_WRONG_VERSION``, ``RSP_MISSING_CODES``, ``RSP_TEXT_IN_NUMBERS``, ``RSP_CODE_NOT_ALLOWED``,
        ``RSP_UNKNOWN_OPTION`` and ``RSP_NO_ANSWERS``. Of one kind the first fifty are told and the rest counted.
    """
    check = _Check(raw, instrument, file, keep)
    if not len(raw):
        check.add(Code.RSP_NO_ROWS, "There is a header and no row of answers.", "Give a file with answers.")
        check.refuse()
    named = check.renamed(rename or {}, id_column)
    recoded = check.missing(missing_codes if missing_codes is not None else {})
    check.columns(named)
    ids = check.respondents(named, several_waves=several_waves)
    check.versions(named)
    items = {code: check.answers(code, named[code], recoded) for code in instrument.item_codes if code in named}
    check.refuse()
    if not is_part and all(np.isnan(values).all() for values in items.values()):
        what = "No respondent has answered any item."
        check.add(Code.RSP_NO_ANSWERS, what, "Give a file with answers, or check how it was exported.")
    kept = {name: check.context(name, named[name]) for name in check.kept if name in named}
    check.refuse()
    frame = pd.DataFrame({**items, **kept}, index=pd.Index(ids, name=RESPONDENT, dtype="str"))
    frame.attrs["ignored_columns"] = check.ignored
    return frame


def require_respondents(frame: pd.DataFrame, minimum: int) -> None:
    """Refuse a response frame with fewer respondents than a computation needs.

    Parameters
    ----------
    frame : DataFrame
        A response frame.
    minimum : int
        The least number of respondents.

    Raises
    ------
    ResponsesError
        ``RSP_TOO_FEW_RESPONDENTS``.
    """
    if len(frame) < minimum:
        what, fix = "There are too few respondents.", "Collect more answers first."
        got, allowed = str(len(frame)), f"at least {minimum}"
        raise ResponsesError(Problem(code=Code.RSP_TOO_FEW_RESPONDENTS, what=what, fix=fix, got=got, allowed=allowed))


class _Check:
    """Collects the problems of one frame."""

    def __init__(self, raw: pd.DataFrame, instrument: Instrument, file: str | None, keep: Sequence[str]) -> None:
        self.raw = raw
        self.instrument = instrument
        self.file = file
        self.rows: NDArray[np.int64] = (
            raw.index.to_numpy(dtype=np.int64) if raw.index.name == "row" else np.arange(2, len(raw) + 2)
        )
        self.covariates = {covariate.code: covariate.options for covariate in instrument.definition.covariates}
        self.asked = tuple(name for name in keep if name not in instrument.item_codes)
        self.kept = tuple(dict.fromkeys((*self.covariates, *CONTEXT_COLUMNS, *self.asked)))
        self.ignored: tuple[str, ...] = ()
        self.problems: list[Problem] = []
        self._told: Counter[Code] = Counter()

    def add(
        self,
        code: Code,
        what: str,
        fix: str,
        *,
        row: int | None = None,
        column: str | None = None,
        item: str | None = None,
        got: str | None = None,
        allowed: str | None = None,
    ) -> None:
        """Keep a problem; beyond fifty of a kind only count it."""
        self._told[code] += 1
        if self._told[code] > SHOWN:
            return
        shown = got if got is None or len(got) <= 40 else f"{got[:37]}..."
        problem = Problem(
            code=code,
            what=what,
            fix=fix,
            file=self.file,
            row=row,
            column=column,
            item=item,
            got=shown,
            allowed=allowed,
        )
        self.problems.append(problem)

    def refuse(self) -> None:
        """Raise when anything was found."""
        if not self.problems:
            return
        problems = list(self.problems)
        for code, count in self._told.items():
            if count > SHOWN:
                last = max(place for place, problem in enumerate(problems) if problem.code == code)
                what = f"And {count - SHOWN:,} more of this kind."
                problems.insert(
                    last + 1, replace(problems[last], what=what, row=None, column=None, item=None, got=None)
                )
        raise ResponsesError(problems)

    def renamed(self, rename: Mapping[str, str], id_column: str | None) -> dict[str, pd.Series[str]]:
        """Return the columns by the name that the instrument uses; the respondent ids under ``respondent``."""
        present = [str(name) for name in self.raw.columns]
        names = dict(rename)
        if id_column is not None:
            names[id_column] = RESPONDENT
        for old in names:
            if old not in present:
                near = get_close_matches(old, present, n=1)
                fix = f"Did you mean '{near[0]}'?" if near else f"The columns are: {_listed(present)}."
                self.add(Code.RSP_NO_SUCH_COLUMN, f"There is no column '{old}'.", fix, column=old)
        columns: dict[str, pd.Series[str]] = {}
        for place, old in enumerate(present):
            new = names.get(old, old)
            if new in columns:
                what, fix = f"Two columns are called '{new}'.", "Rename one of them, or remove it."
                self.add(Code.RSP_COLUMN_TWICE, what, fix, row=1, column=old)
                continue
            columns[new] = self.raw.iloc[:, place]
        return columns

    def missing(self, codes: MissingCodes) -> dict[str, float]:
        """Return how the file writes missing answers, and the code to store instead."""
        named = codes if isinstance(codes, Mapping) else dict.fromkeys(codes)
        points = {point for responses in self.instrument.definition.responses for point in responses.points}
        recoded = {}
        for written, name in named.items():
            number = _number(str(written))
            if number in points:
                what = f"{written} is a point of the instrument and cannot stand for a missing answer."
                self.add(Code.RSP_MISSING_CODES, what, "Give the code that the file uses.", got=str(written))
            elif name is not None and name not in self.instrument.missing_codes:
                allowed = _listed(self.instrument.missing_codes) or "none; leave the name out for 'unanswered'"
                what = f"The instrument has no missing code '{name}'."
                self.add(Code.RSP_MISSING_CODES, what, "Use one of its names.", got=name, allowed=allowed)
            else:
                code = np.nan if name is None else float(self.instrument.missing_codes[name].code)
                recoded[_plain(str(written))] = code
        return recoded

    def columns(self, named: Mapping[str, pd.Series[str]]) -> None:
        """Tell lacking item columns, and columns that look like items and are none."""
        items = self.instrument.item_codes
        known = {*items, *self.kept, *RESERVED_COLUMNS}
        strangers = [name for name in named if name not in known]
        lacking = [code for code in items if code not in named]
        for code in lacking:
            near = _nearest(code, strangers)
            fix = f"Rename the column '{near}' to '{code}'." if near else "Add the column; leave it empty if not asked."
            what = f"There is no column for the item '{code}'."
            self.add(Code.RSP_MISSING_COLUMN, what, fix, row=1, column=code, item=code)
        for name in self.asked:
            if name not in named:
                alike = get_close_matches(name, list(named), n=1)
                fix = f"Did you mean '{alike[0]}'?" if alike else f"The columns are: {_listed(list(named))}."
                self.add(Code.RSP_NO_SUCH_COLUMN, f"There is no column '{name}'.", fix, column=name)
        ignored = []
        stems = {_stem(code) for code in items} - {None}
        for name in strangers:
            near = _nearest(name, list(items))
            if near is None and _stem(name) not in stems:
                ignored.append(name)
                continue
            fix = f"Did you mean '{near}'? Otherwise remove the column." if near else "Remove the column or rename it."
            what = f"The column '{name}' looks like an item, and {self.instrument.name} has no such item."
            self.add(Code.RSP_UNKNOWN_COLUMN, what, fix, row=1, column=name)
        self.ignored = tuple(ignored)

    def respondents(self, named: Mapping[str, pd.Series[str]], *, several_waves: bool) -> list[str]:
        """Return the respondent ids, and tell the empty and repeated ones."""
        if RESPONDENT not in named:
            return [f"row {row}" for row in self.rows]
        column = str(named[RESPONDENT].name)
        ids = [value.strip() for value in _text(named[RESPONDENT])]
        by_wave = several_waves and "wave" in named
        waves = [value.strip() for value in _text(named["wave"])] if by_wave else [""] * len(ids)
        first: dict[tuple[str, str], int] = {}
        for value, wave, row in zip(ids, waves, self.rows, strict=True):
            if not value:
                what, fix = "The respondent id is empty.", "Give each respondent an id, or leave the column out."
                self.add(Code.RSP_RESPONDENT_EMPTY, what, fix, row=int(row), column=column)
            elif first.setdefault((value, wave), int(row)) != row:
                what = f"The respondent id was used in row {first[value, wave]} already."
                fix = "Keep one of the rows, or correct the id."
                self.add(Code.RSP_RESPONDENT_TWICE, what, fix, row=int(row), column=column, got=value)
        return ids

    def versions(self, named: Mapping[str, pd.Series[str]]) -> None:
        """Tell answers that say they belong to another instrument or version."""
        instrument = self.instrument
        for name, allowed in (
            ("instrument", (instrument.id, instrument.name)),
            ("version", (instrument.version, instrument.name)),
        ):
            if name in named:
                for value, rows in self._by_value(named[name]).items():
                    if value and value not in allowed:
                        more = f" The same in {len(rows) - 1:,} more rows." if len(rows) > 1 else ""
                        what = f"The answers belong to another {name}.{more}"
                        fix = f"Use that {name}, or keep only the rows of {instrument.name}."
                        column = str(named[name].name)
                        self.add(
                            Code.RSP_WRONG_VERSION, what, fix, row=rows[0], column=column, got=value, allowed=allowed[0]
                        )

    def answers(self, code: str, cells: pd.Series[str], recoded: Mapping[str, float]) -> NDArray[np.float64]:
        """Return the codes of one item, and tell the cells that are none."""
        allowed = self.instrument.codes(code)
        places, uniques = _factorized(cells)
        values = np.full(len(uniques), np.nan)
        wrong: dict[int, tuple[Code, str, str]] = {}
        for place, cell in enumerate(uniques):
            written = _plain(cell)
            number = _number(written)
            if not written:
                continue
            if written in recoded:
                values[place] = recoded[written]
                if not np.isnan(recoded[written]) and recoded[written] not in allowed:
                    what = "The item does not offer this missing code."
                    wrong[place] = (Code.RSP_CODE_NOT_ALLOWED, what, "Read it as unanswered instead.")
            elif number is None:
                wrong[place] = (Code.RSP_TEXT_IN_NUMBERS, "The cell holds text where a code is needed.", "")
            elif number not in allowed:
                what, fix = "The item does not have this code.", "Correct it, or name it as a missing code."
                wrong[place] = (Code.RSP_CODE_NOT_ALLOWED, what, fix)
            else:
                values[place] = number
        if wrong:
            column = str(cells.name)
            listed = ", ".join(str(value) for value in allowed)
            for position in np.flatnonzero(np.isin(places, list(wrong))):
                kind, what, fix = wrong[int(places[position])]
                cell = str(uniques[places[position]])
                told = fix or self._text_fix(code, cell)
                row = int(self.rows[position])
                self.add(kind, what, told, row=row, column=column, item=code, got=cell, allowed=listed)
        return values[places]

    def context(self, name: str, cells: pd.Series[str]) -> ExtensionArray:
        """Return the text of a covariate, unit, wave or language; an empty cell is missing."""
        options = self.covariates.get(name)
        if options is not None:
            for value, rows in self._by_value(cells).items():
                if value and value not in options:
                    near = get_close_matches(value, options, n=1)
                    fix = f"Did you mean '{near[0]}'?" if near else "Use one of the options, or leave the cell empty."
                    more = f" The same in {len(rows) - 1:,} more rows." if len(rows) > 1 else ""
                    what = f"'{name}' has no such option.{more}"
                    self.add(
                        Code.RSP_UNKNOWN_OPTION,
                        what,
                        fix,
                        row=rows[0],
                        column=str(cells.name),
                        got=value,
                        allowed=_listed(options),
                    )
        values = _text(cells).str.strip()
        return values.mask(values == "").array

    def _by_value(self, cells: pd.Series[str]) -> dict[str, list[int]]:
        """Return the rows of each value of a column."""
        places, uniques = _factorized(cells)
        rows: dict[str, list[int]] = {}
        for place, value in enumerate(uniques):
            rows.setdefault(value.strip(), []).extend(int(row) for row in self.rows[places == place])
        return rows

    def _text_fix(self, code: str, cell: str) -> str:
        for language in self.instrument.languages:
            for answer, label in self.instrument.labels(code, language).items():
                if label.casefold() == cell.strip().casefold():
                    return f"The file holds labels; export codes instead ('{label}' is {answer})."
        return "Write the code, leave the cell empty, or name the text as a missing code."


def _text(cells: pd.Series[str]) -> pd.Series[str]:
    """Cells as text, missing ones empty."""
    return cells.astype("str").where(cells.notna(), "")


def _factorized(cells: pd.Series[str]) -> tuple[NDArray[np.intp], list[str]]:
    """Return the place of each cell in the list of different cells; a missing cell is the last one, an empty text."""
    places, uniques = pd.factorize(cells)
    return np.where(places < 0, len(uniques), places), [*(str(value) for value in uniques), ""]


def _plain(cell: str) -> str:
    """Write a number in one way, so that ``-8``, ``-8.0`` and `` -8`` are the same."""
    number = _number(cell)
    return cell.strip() if number is None else repr(number)


def _number(cell: str) -> float | None:
    cell = cell.strip()
    return float(cell) if _NUMBER.match(cell) else None


def _stem(name: str) -> str | None:
    """Letters of a name that ends in a number, as in ``HB`` of ``hb_6``; None for other names."""
    match = _STEM.match(name.strip())
    return match["stem"].casefold() if match else None


def _nearest(name: str, names: Sequence[str]) -> str | None:
    """Return the name that differs only in case, separators or leading zeros, or is spelled nearly the same."""
    for other in names:
        if _key(other) == _key(name):
            return other
    if len(name) < 4:
        return None
    near = get_close_matches(name, names, n=1, cutoff=0.85)
    return near[0] if near else None


def _key(name: str) -> tuple[str, int | None]:
    match = _STEM.match(name.strip())
    return (name.strip().casefold(), None) if match is None else (match["stem"].casefold(), int(match["number"]))


def _listed(names: Sequence[str] | Mapping[str, object]) -> str:
    shown = ", ".join(list(names)[:30])
    return f"{shown} and {len(names) - 30} more" if len(names) > 30 else shown
