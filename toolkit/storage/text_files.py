"""Text files: from a file to its lines, with a message for every kind of file that is no text in UTF-8."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from pathlib import Path

from toolkit.errors import Code, Problem, ResponsesError

MAXIMUM_BYTES = 100 * 1024 * 1024
"""Larger files are refused: they are not questionnaire data, or belong in a store."""
_HEAD_BYTES = 64 * 1024
SAVE_AS = "Open the file in the spreadsheet program and save it as 'CSV UTF-8 (comma delimited)'."
EXPORT_AGAIN = (
    "Export the file again from where the answers were collected, and do not save it with a spreadsheet program."
)
_OTHER_FORMATS = (
    (b"PK\x03\x04", "an Excel workbook or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
    (b"$FL2", "an SPSS file"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "an SQLite database"),
)


def lines_of(path: Path) -> Iterator[str]:
    """Read the lines of a file of any size, or say why it cannot be read."""
    head = bytes_of(path, limit=_HEAD_BYTES)
    # The beginning shows what kind of file it is; where it was cut, it is cut at the end of a line.
    text_of(head if len(head) < _HEAD_BYTES else head[: head.rfind(b"\n") + 1] or head, path)
    n_bytes = 0
    with path.open("rb") as opened:
        for row, line in enumerate(opened, start=1):
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise ResponsesError(_not_utf8(path, row, n_bytes + error.start, line[error.start])) from None
            if "\x00" in text:
                raise ResponsesError(_nul_byte(path, row))
            n_bytes += len(line)
            yield from io.StringIO(text.removeprefix("\ufeff") if row == 1 else text, newline="")


def bytes_of(path: Path, *, limit: int | None = None) -> bytes:
    """Read a file, or its beginning up to a limit, or say why it cannot be read."""
    file = str(path)
    if path.is_dir():
        raise ResponsesError(
            Problem(
                code=Code.RSP_FILE_IS_FOLDER, file=file, what="This is a folder, not a file.", fix="Name the CSV file."
            )
        )
    try:
        size = path.stat().st_size
        if limit is None and size > MAXIMUM_BYTES:
            raise ResponsesError(
                Problem(
                    code=Code.RSP_FILE_TOO_LARGE,
                    file=file,
                    what="The file is too large.",
                    got=f"{size / 1024**2:.0f} MB",
                    allowed=f"up to {MAXIMUM_BYTES // 1024**2} MB",
                    fix="Keep the columns of this instrument only, or split the file.",
                )
            )
        if limit is None:
            return path.read_bytes()
        with path.open("rb") as opened:
            return opened.read(limit)
    except FileNotFoundError:
        problem = Problem(
            code=Code.RSP_FILE_NOT_FOUND, file=file, what="There is no such file.", fix="Check the name and folder."
        )
    except OSError as error:
        problem = Problem(
            code=Code.RSP_FILE_UNREADABLE,
            file=file,
            what=f"The file cannot be read: {error.strerror or 'input/output error'}.",
            fix="Check that you may read the file and that no other program holds it.",
        )
    raise ResponsesError(problem)


def text_of(content: bytes, path: Path) -> str:
    """Decode a file's bytes, or name the format or the byte that is wrong."""
    file = str(path)
    for start, kind in _OTHER_FORMATS:
        if content.startswith(start):
            raise ResponsesError(
                Problem(code=Code.RSP_NOT_CSV, file=file, what=f"This is {kind}, not a CSV file.", fix=SAVE_AS)
            )
    body = content[3:] if content.startswith(codecs.BOM_UTF8) else content
    if not body.strip():
        raise ResponsesError(
            Problem(
                code=Code.RSP_FILE_EMPTY,
                file=file,
                what="The file is empty.",
                fix="Give a CSV file with a header row and one row for each respondent.",
            )
        )
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or body[:200].count(0) >= len(body[:200]) // 3:
        raise ResponsesError(
            Problem(
                code=Code.RSP_NOT_UTF8,
                file=file,
                row=1,
                what="The file is in UTF-16, which spreadsheet programs call 'Unicode text'.",
                allowed="UTF-8",
                fix=SAVE_AS,
            )
        )
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        row = body.count(b"\n", 0, error.start) + 1
        raise ResponsesError(_not_utf8(path, row, error.start, body[error.start])) from None
    nul = text.find("\x00")
    if nul >= 0:
        raise ResponsesError(_nul_byte(path, text.count("\n", 0, nul) + 1))
    return text


def _not_utf8(path: Path, row: int, position: int, byte: int) -> Problem:
    return Problem(
        code=Code.RSP_NOT_UTF8,
        file=str(path),
        row=row,
        what=f"The file is not in UTF-8: the byte at position {position} is not part of any character.",
        got=f"0x{byte:02X}",
        allowed="UTF-8",
        fix=SAVE_AS,
    )


def _nul_byte(path: Path, row: int) -> Problem:
    return Problem(
        code=Code.RSP_NUL_BYTE,
        file=str(path),
        row=row,
        what="The file holds a zero byte, so it is damaged or not a text file.",
        got="0x00",
        fix=EXPORT_AGAIN,
    )
