"""Response files: from the bytes of a CSV file to a frame, with a message for every way such files break.

A file is read when it says one thing only. A consistent file with semicolons or tabs is read, decimal commas
included. A file that a spreadsheet has damaged is refused, with the row and the fix, because no reader can
know what stood there before.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import Code, Problem, ResponsesError
from toolkit.storage.text_files import EXPORT_AGAIN, bytes_of, lines_of, text_of

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.instruments.instrument import Instrument
    from toolkit.instruments.responses import MissingCodes

MAXIMUM_COLUMNS = 5000
"""More columns than any questionnaire has."""
SHOWN = 20
"""As many places of one kind of problem are listed; the rest are counted."""

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
_MONTHS = (
    r"jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch|s)?|apr(?:il)?|ma[yi]|june?|juni|july?|juli|aug(?:ust)?"
    r"|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cs](?:ember)?"
)
_DATE = re.compile(
    rf"\d{{1,4}}[\s./-]+(?:{_MONTHS})\.?(?:[\s./-]+\d{{2,4}})?"
    rf"|(?:{_MONTHS})\.?[\s./-]+\d{{1,4}}"
    r"|\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2}/\d{1,2}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Records:
    """A parsed file: the header, the records of the same length, and the spreadsheet row of each."""

    header: tuple[str, ...]
    cells: list[list[str]]
    rows: list[int]
    separator: str


def sha256_of(path: Path | str) -> str:
    """SHA-256 of a file in hexadecimal, so that a result can say which file it came from."""
    return hashlib.sha256(bytes_of(Path(path))).hexdigest()


def read_csv(path: Path | str, *, content: bytes | None = None) -> pd.DataFrame:
    """Read a CSV file into a frame of text.

    Parameters
    ----------
    path : path or str
        A file with one header row; separated by commas, semicolons or tabs; UTF-8 with or without a mark.
    content : bytes, optional
        The bytes of a file that is not on this disk, such as an uploaded one; ``path`` is then only its name.

    Returns
    -------
    DataFrame of str
        Cells as written, outer spaces removed; an empty cell is an empty text. The index, named ``row``,
        holds the row numbers that a spreadsheet shows, so the first answers are in row 2. In a file with
        semicolons or tabs a number with a decimal comma gets a decimal point.

    Raises
    ------
    ResponsesError
        With ``RSP_FILE_*``, ``RSP_NOT_CSV``, ``RSP_NOT_UTF8``, ``RSP_NUL_BYTE``, ``RSP_SEPARATOR_LINE``,
        ``RSP_ROW_IN_ONE_CELL``, ``RSP_RAGGED_ROW``, ``RSP_HEADER_EMPTY``, ``RSP_HEADER_TWICE``,
        ``RSP_NO_ROWS`` or ``RSP_CELL_TOO_LONG``.
    """
    path = Path(path)
    text = text_of(bytes_of(path) if content is None else content, path)
    return _frame(next(_parts(io.StringIO(text, newline=""), path)))


def _frame(records: _Records) -> pd.DataFrame:
    import pandas as pd

    index: pd.Index[int] = pd.RangeIndex(2, len(records.rows) + 2, name="row")
    if records.rows[0] != 2 or records.rows[-1] != len(records.rows) + 1:
        index = pd.Index(records.rows, name="row")
    return pd.DataFrame(records.cells, columns=list(records.header), index=index, dtype="str")


def read_responses(
    path: Path | str,
    instrument: Instrument,
    *,
    content: bytes | None = None,
    id_column: str | None = None,
    rename: Mapping[str, str] | None = None,
    missing_codes: MissingCodes | None = None,
    several_waves: bool = False,
    keep: Sequence[str] = (),
) -> pd.DataFrame:
    """Read a CSV file of answers to an instrument into the response frame that the toolkit works on.

    Parameters
    ----------
    path : path or str
        The file, as :func:`read_csv` takes it.
    instrument : Instrument
        The instrument that was answered.
    content : bytes, optional
        The bytes of a file that is not on this disk, as :func:`read_csv` takes them.
    id_column : str, optional
        The column with the respondent ids.
    rename : mapping of str to str, optional
        Column names in the file to the names the instrument uses.
    missing_codes : mapping or sequence, optional
        Codes in the file to the instrument's missing codes by name, None for "unanswered"; the codes of a sequence
        are all "unanswered".
    several_waves : bool
        Whether a respondent may have one row in each ``wave``, of which a validation then uses one.
    keep : sequence of str
        More columns to keep as text, such as one whose groups are to be compared.

    Returns
    -------
    DataFrame
        One row a respondent and one float column an item, as ``toolkit.instruments.responses.read_frame`` returns it.

    Raises
    ------
    ResponsesError
        As :func:`read_csv`; ``RSP_CELL_IS_DATE`` where a spreadsheet turned answers into dates; and everything
        that ``read_frame`` raises.
    """
    from toolkit.instruments.responses import read_frame

    path = Path(path)
    frame = read_csv(path, content=content)
    _refuse_dates(frame, instrument, rename or {}, path)
    return read_frame(
        frame,
        instrument,
        id_column=id_column,
        rename=rename,
        missing_codes=missing_codes,
        file=str(path),
        several_waves=several_waves,
        keep=keep,
    )


def read_responses_in_parts(
    path: Path | str,
    instrument: Instrument,
    *,
    id_column: str | None = None,
    rename: Mapping[str, str] | None = None,
    missing_codes: MissingCodes | None = None,
    rows_at_once: int = 20_000,
) -> Iterator[tuple[list[int], pd.DataFrame]]:
    """Read a CSV file of any size, some rows at once.

    Parameters
    ----------
    path, instrument, id_column, rename, missing_codes
        As :func:`read_responses` takes them.
    rows_at_once : int
        Rows of one part.

    Yields
    ------
    tuple of list of int and DataFrame
        The row numbers that a spreadsheet shows, and a response frame as :func:`read_responses` returns one.

    Raises
    ------
    ResponsesError
        As :func:`read_responses`, but for ``RSP_FILE_TOO_LARGE`` and ``RSP_NO_ANSWERS``. What is wrong is told part by
        part: later parts may hold more.
    """
    from toolkit.instruments.responses import RESPONDENT, read_frame

    path = Path(path)
    file = str(path)
    first_row: dict[str, int] = {}
    id_name = id_column or next((old for old, new in (rename or {}).items() if new == RESPONDENT), RESPONDENT)
    for records in _parts(lines_of(path), path, rows_at_once=rows_at_once):
        raw = _frame(records)
        _refuse_dates(raw, instrument, rename or {}, path)
        frame = read_frame(
            raw,
            instrument,
            id_column=id_column,
            rename=rename,
            missing_codes=missing_codes,
            file=file,
            is_part=True,
        )
        if id_name in raw.columns:
            _raise_all(
                Problem(
                    code=Code.RSP_RESPONDENT_TWICE,
                    file=file,
                    row=row,
                    column=id_name,
                    what=f"The respondent id was used in row {first_row[name]} already.",
                    got=_excerpt(name),
                    fix="Keep one of the rows, or correct the id.",
                )
                for name, row in zip(frame.index, records.rows, strict=True)
                if first_row.setdefault(name, row) != row
            )
        yield records.rows, frame


def _parts(lines: Iterable[str], path: Path, *, rows_at_once: int | None = None) -> Iterator[_Records]:
    """Split the lines of a file into a header and records of the same length, some rows at once or all of them."""
    file = str(path)
    lines = iter(lines)
    head = []
    for line in lines:
        head.append(line)
        if line.strip():
            break
    if re.match(r'"?sep=', head[0], re.IGNORECASE):
        raise ResponsesError(
            Problem(
                code=Code.RSP_SEPARATOR_LINE,
                file=file,
                row=1,
                what="The first line tells a spreadsheet program the separator; it is not a header.",
                got=head[0].splitlines()[0],
                fix="Delete the first line, so that the column names come first.",
            )
        )
    separator = separator_of(head[-1])
    header: list[str] = []
    header_row = row = 0
    records: list[list[str]] = []
    rows: list[int] = []
    is_first = True
    reader = csv.reader(chain(head, lines), delimiter=separator, strict=True)
    try:
        for row, record in enumerate(reader, start=1):
            cells = [cell.strip() for cell in record]
            if not any(cells):
                continue
            if not header:
                header, header_row = cells, row
                continue
            records.append(cells)
            rows.append(row)
            if len(records) == rows_at_once:
                yield _checked(header, header_row, records, rows, separator, file, is_first=is_first)
                records, rows, is_first = [], [], False
    except csv.Error as error:
        raise ResponsesError(_unparsed(str(error), row + 1, file)) from None
    if records or is_first:
        yield _checked(header, header_row, records, rows, separator, file, is_first=is_first)


def _checked(
    header: list[str],
    header_row: int,
    body: list[list[str]],
    rows: list[int],
    separator: str,
    file: str,
    *,
    is_first: bool,
) -> _Records:
    """Return records that fit their header, or refuse them; the header is checked with the first ones."""
    if is_first:
        _check_one_cell(header, [header, *body], [header_row, *rows], file)
    else:
        _check_one_cell(header, body, rows, file)
    header, body = _without_empty_edge(header, body)
    _check_header(header, header_row, file)
    if not body:
        raise ResponsesError(
            Problem(
                code=Code.RSP_NO_ROWS,
                file=file,
                what="The file has a header row and no answers.",
                fix="Give one row for each respondent below the header.",
            )
        )
    _check_lengths(header, body, rows, separator, file)
    if separator != ",":
        for record in body:
            record[:] = [cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell for cell in record]
    return _Records(header=tuple(header), cells=body, rows=rows, separator=separator)


def separator_of(header: str) -> str:
    """Find the separator that the header line uses most; a comma if it uses none."""
    outside = re.sub(r'"[^"]*"', "", header)
    return max(_SEPARATORS, key=outside.count)


def _unparsed(reason: str, row: int, file: str) -> Problem:
    """Say what the parser could not read."""
    if "field larger" in reason:
        return Problem(
            code=Code.RSP_CELL_TOO_LONG,
            file=file,
            row=row,
            what="A cell holds more than 131,072 characters.",
            fix="Look for a quotation mark that opens and never closes, or remove the long text.",
        )
    return Problem(
        code=Code.RSP_QUOTES,
        file=file,
        row=row,
        what="A quotation mark is not closed, or text follows a closed one.",
        fix="Write a quotation mark inside a text twice, and put the whole text between quotation marks.",
    )


def _check_one_cell(header: list[str], records: Iterable[list[str]], rows: Iterable[int], file: str) -> None:
    """Refuse rows that were quoted as a whole, so that all their values stand in one cell."""
    width = len(header)
    if width == 1 and not any(mark in header[0] for mark in _SEPARATORS):
        return
    found = [
        (row, record[0])
        for row, record in zip(rows, records, strict=True)
        if (len(record) == 1 or (width > 3 and not any(record[1:])))
        and any(record[0].count(mark) >= max(width - 1, 1) for mark in _SEPARATORS)
    ]
    _raise_all(
        Problem(
            code=Code.RSP_ROW_IN_ONE_CELL,
            file=file,
            row=row,
            column=header[0] if width > 1 else None,
            what="The whole row stands in one cell, between quotation marks or with another separator.",
            got=_excerpt(cell) if row == 1 else None,
            allowed=f"{width} cells" if width > 1 else None,
            fix=EXPORT_AGAIN,
        )
        for row, cell in found
    )


def _without_empty_edge(header: list[str], body: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Drop the columns without name and value that spreadsheets leave at the right."""
    named = len(header)
    while named and not header[named - 1]:
        named -= 1
    width = len(header)
    body = [record[:named] if named < len(record) <= width and not any(record[named:]) else record for record in body]
    if named < width and not all(len(record) == named for record in body):
        return header, body
    return header[:named], body


def _check_header(header: Sequence[str], row: int, file: str) -> None:
    """Refuse column names that are empty or given twice."""
    if len(header) > MAXIMUM_COLUMNS:
        raise ResponsesError(
            Problem(
                code=Code.RSP_FILE_TOO_LARGE,
                file=file,
                row=row,
                what="The file has too many columns.",
                got=str(len(header)),
                allowed=f"up to {MAXIMUM_COLUMNS}",
                fix="Keep the columns of this instrument only.",
            )
        )
    first: dict[str, int] = {}
    problems = []
    for number, name in enumerate(header, start=1):
        if not name:
            problems.append(
                Problem(
                    code=Code.RSP_HEADER_EMPTY,
                    file=file,
                    row=row,
                    column=str(number),
                    what=f"Column {number} has values and no name.",
                    fix="Write a column name in the header, or delete the column.",
                )
            )
        elif name in first:
            problems.append(
                Problem(
                    code=Code.RSP_HEADER_TWICE,
                    file=file,
                    row=row,
                    column=name,
                    what=f"Two columns have the same name: column {first[name]} and column {number}.",
                    fix="Rename or delete one of them.",
                )
            )
        else:
            first[name] = number
    _raise_all(problems)


def _check_lengths(header: list[str], body: list[list[str]], rows: list[int], separator: str, file: str) -> None:
    """Refuse rows with more or fewer cells than the header."""
    width = len(header)
    problems = []
    for row, record in zip(rows, body, strict=True):
        if len(record) == width:
            continue
        joined = separator.join(record)
        others = [name for mark, name in _SEPARATORS.items() if mark != separator and joined.count(mark) >= width - 1]
        reason = f" It uses {others[0]}, the header {_SEPARATORS[separator]}." if others and width > 1 else ""
        problems.append(
            Problem(
                code=Code.RSP_RAGGED_ROW,
                file=file,
                row=row,
                what=f"The row has another number of cells than the header.{reason}",
                got=f"{len(record)} cells",
                allowed=f"{width} cells",
                fix="Use one separator in the whole file, and put a text that contains it between quotation marks.",
            )
        )
    _raise_all(problems)


def _refuse_dates(frame: pd.DataFrame, instrument: Instrument, rename: Mapping[str, str], path: Path) -> None:
    """Refuse answers that a spreadsheet turned into dates, such as ``3-Jan``."""
    problems: list[Problem] = []
    for column in frame.columns:
        item = rename.get(column, column)
        if item not in instrument.items:
            continue
        values = frame[column]
        dates = [value for value in values.unique() if _DATE.fullmatch(value)]
        problems.extend(
            Problem(
                code=Code.RSP_CELL_IS_DATE,
                file=str(path),
                row=int(row),
                column=column,
                item=item if item != column else None,
                what="A spreadsheet program has turned this answer into a date.",
                got=values[row],
                allowed=", ".join(map(str, instrument.codes(item))),
                fix=EXPORT_AGAIN,
            )
            for row in values.index[values.isin(dates)]
        )
    _raise_all(sorted(problems, key=lambda problem: problem.row or 0))


def _raise_all(problems: Iterable[Problem]) -> None:
    """Raise the problems if there are any; a long list is cut, and its last entry tells how many follow."""
    found = list(problems)
    if not found:
        return
    if len(found) > SHOWN:
        rest = len(found) - SHOWN
        last = found[SHOWN - 1]
        found = [*found[: SHOWN - 1], replace(last, what=f"{last.what} There are {rest} more places like this one.")]
    raise ResponsesError(found)


def _excerpt(cell: str) -> str:
    """Cut a long text."""
    return cell if len(cell) <= 60 else f"{cell[:57]}..."
