"""Numeric answers from files that are too large to hold: one frame after the other."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import Code, Problem, ResponsesError
from toolkit.storage.response_files import separator_of

if TYPE_CHECKING:
    import pandas as pd

ROWS = 100_000
_PARQUET = b"PAR1"
_NO_NUMBER = "The column holds something that is not a number."
_NUMBERS_ONLY = "Write the code of the answer, or name the other columns with columns=."


def read_chunks(path: Path | str, *, columns: Sequence[str] | None = None, rows: int = ROWS) -> Iterator[pd.DataFrame]:
    r"""Read a CSV or Parquet file of numbers in frames of a few rows, so that a file of any length can be counted.

    ``psychometrics.count_responses`` takes what this returns. For files of ordinary size
    :func:`~toolkit.storage.response_files.read_responses` tells much more about what is wrong with them.

    Parameters
    ----------
    path : path or str
        A CSV file in UTF-8 with one header row, separated by commas, semicolons or tabs; or a Parquet file. Its first
        bytes say which.
    columns : sequence of str, optional
        The columns to read, in this order; None reads all.
    rows : int, default 100,000
        The most rows a frame has, 1 or more.

    Returns
    -------
    iterator of DataFrame
        Numbers as float64; an empty cell is NaN. The file is opened at once and read as the iterator goes on.

    Raises
    ------
    ResponsesError
        At once: RSP_FILE_NOT_FOUND, RSP_FILE_IS_FOLDER, RSP_FILE_UNREADABLE, RSP_FILE_EMPTY, RSP_NOT_UTF8,
        RSP_HEADER_TWICE, RSP_NO_SUCH_COLUMN. While reading: RSP_TEXT_IN_NUMBERS, RSP_RAGGED_ROW.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "answers.csv"
    ...     _ = file.write_text("a,b\n1,2\n3,\n5,4\n")
    ...     [frame.shape for frame in read_chunks(file, rows=2)]
    [(2, 2), (1, 2)]
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(len(_PARQUET))
        if start == _PARQUET:
            return _parquet_chunks(path, columns, rows)
        return _csv_chunks(path, columns, rows)
    except FileNotFoundError:
        problem = Problem(
            code=Code.RSP_FILE_NOT_FOUND,
            file=str(path),
            what="There is no such file.",
            fix="Check the name and folder.",
        )
    except IsADirectoryError:
        problem = Problem(
            code=Code.RSP_FILE_IS_FOLDER,
            file=str(path),
            what="This is a folder, not a file.",
            fix="Name the file in it.",
        )
    except OSError as error:
        problem = Problem(
            code=Code.RSP_FILE_UNREADABLE,
            file=str(path),
            what=f"The file cannot be read: {error.strerror or 'it is damaged'}.",
            fix="Check that you may read the file, and that it is whole.",
        )
    raise ResponsesError(problem)


def _csv_chunks(path: Path, columns: Sequence[str] | None, rows: int) -> Iterator[pd.DataFrame]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = stream.readline()
    except UnicodeDecodeError:
        raise ResponsesError(
            Problem(
                code=Code.RSP_NOT_UTF8,
                file=str(path),
                what="The file is not in UTF-8.",
                allowed="UTF-8",
                fix="Save the file as CSV in UTF-8.",
            )
        ) from None
    if not header.strip():
        raise ResponsesError(
            Problem(
                code=Code.RSP_FILE_EMPTY,
                file=str(path),
                what="The file is empty.",
                fix="Give a CSV file with a header row and one row for each respondent.",
            )
        )
    separator = separator_of(header)
    names = [name.strip() for name in next(csv.reader([header], delimiter=separator))]
    wanted = _wanted(path, names, columns)
    return _read_csv(path, separator, names, wanted, rows)


def _read_csv(path: Path, separator: str, names: list[str], wanted: list[str], rows: int) -> Iterator[pd.DataFrame]:
    from pyarrow import ArrowInvalid, float64
    from pyarrow import csv as arrow_csv

    try:
        reader = arrow_csv.open_csv(
            path,
            read_options=arrow_csv.ReadOptions(column_names=names, skip_rows=1, use_threads=False),
            parse_options=arrow_csv.ParseOptions(delimiter=separator),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=wanted, column_types=dict.fromkeys(wanted, float64()), check_utf8=False
            ),
        )
        with reader:
            for batch in reader:
                yield from _cut(batch.to_pandas(), rows)
    except ArrowInvalid as error:
        raise ResponsesError(_unread(str(error), path, names)) from None


def _cut(frame: pd.DataFrame, rows: int) -> Iterator[pd.DataFrame]:
    """Cut a frame into pieces of at most so many rows."""
    return (frame.iloc[start : start + rows] for start in range(0, len(frame), rows))


def _unread(reason: str, path: Path, names: list[str]) -> Problem:
    """Say what could not be read; the reason's own words may hold an answer."""
    column = re.search(r"column #(\d+)", reason)
    if column:
        return Problem(
            code=Code.RSP_TEXT_IN_NUMBERS,
            file=str(path),
            column=names[int(column[1])],
            what=_NO_NUMBER,
            fix=_NUMBERS_ONLY,
        )
    row = re.search(r"Row #(\d+)", reason)
    return Problem(
        code=Code.RSP_RAGGED_ROW,
        file=str(path),
        row=int(row[1]) if row else None,
        what="A row has another number of cells than the header, or a quotation mark is not closed.",
        allowed=f"{len(names)} cells",
        fix="Use one separator in the whole file, and put a text that contains it between quotation marks.",
    )


def _parquet_chunks(path: Path, columns: Sequence[str] | None, rows: int) -> Iterator[pd.DataFrame]:
    from pyarrow import ArrowInvalid, parquet

    try:
        file = parquet.ParquetFile(path)
    except ArrowInvalid:
        raise OSError from None
    wanted = _wanted(path, file.schema_arrow.names, columns)
    return (_numbers(batch.to_pandas()[wanted], path) for batch in file.iter_batches(batch_size=rows, columns=wanted))


def _wanted(path: Path, names: Sequence[str], columns: Sequence[str] | None) -> list[str]:
    """Return the columns to read, or refuse names that occur twice or not at all."""
    twice = sorted({name for name in names if list(names).count(name) > 1})
    _refuse(
        Code.RSP_HEADER_TWICE, twice, path, what="Two columns have the same name.", fix="Rename or delete one of them."
    )
    wanted = list(names if columns is None else columns)
    absent = [name for name in wanted if name not in names]
    _refuse(Code.RSP_NO_SUCH_COLUMN, absent, path, what="The file does not have this column.", fix="Correct the name.")
    return wanted


def _numbers(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the frame as float64, or name the columns that hold something else."""
    from pandas.api.types import is_any_real_numeric_dtype, is_bool_dtype

    text = [
        str(name)
        for name, kind in frame.dtypes.items()
        if not (is_any_real_numeric_dtype(kind) or is_bool_dtype(kind)) and frame[name].notna().any()
    ]
    _refuse(Code.RSP_TEXT_IN_NUMBERS, text, path, what=_NO_NUMBER, fix=_NUMBERS_ONLY)
    return frame.astype("float64")


def _refuse(code: Code, columns: Sequence[str], path: Path, *, what: str, fix: str) -> None:
    """Raise one problem a column, if there are any."""
    if columns:
        raise ResponsesError([Problem(code=code, file=str(path), column=name, what=what, fix=fix) for name in columns])
