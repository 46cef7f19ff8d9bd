"""Tables in text files read within limits, and words written so that a web page shows them and runs nothing."""

from __future__ import annotations

import codecs
import csv
import html
import io
import re
from collections.abc import Iterable, Sequence

from toolkit.instruments.exchange import Loss
from toolkit.instruments.exchange.forms import foreign

MOST_BYTES = 10 * 1024 * 1024
MOST_ROWS = 100_000
MOST_COLUMNS = 1000

_OTHER_FORMATS = (
    (b"PK\x03\x04", "an Excel workbook or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
)
_BREAK = re.compile(r"<\s*(br|/p|/div|/li|/h[1-6])\b[^<>]*>", re.IGNORECASE)
_HIDDEN = tuple(
    (re.compile(start, re.IGNORECASE), re.compile(end, re.IGNORECASE))
    for start, end in (("<!--", "-->"), (r"<script\b", r"</script\s*>"), (r"<style\b", r"</style\s*>"))
)
_TAG = re.compile(r"</?[A-Za-z!?][^<>]*>")
_FORMULA = frozenset("=+-@")


def rows_of(content: bytes, file: str, *, delimiter: str, is_strict: bool = True) -> list[list[str]]:
    """Read a table of a text file in UTF-8, or in UTF-16 with a byte order mark.

    Parameters
    ----------
    content : bytes
        The file.
    file : str
        The file as messages name it.
    delimiter : str
        What stands between two cells.
    is_strict : bool
        Whether a quotation mark at a wrong place is refused.

    Returns
    -------
    list of list of str
        Rows as they stand; the first is row 1.

    Raises
    ------
    DefinitionError
        ``DEF_FOREIGN_FILE`` for another format, encoding or quoting, or a file that is too large.
    """
    if len(content) > MOST_BYTES:
        what, fix = "The file is too large for a form.", "Give the form's structure, not its answers."
        raise foreign(file, what, fix, got=f"{len(content) / 1024**2:.0f} MB")
    for start, kind in _OTHER_FORMATS:
        if content.startswith(start):
            raise foreign(file, f"This is {kind}, not a text file.", "Save it as text in UTF-8, or choose its format.")
    text = _text(content, file)
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise foreign(file, "The file holds a zero byte, so it is damaged or no text.", "Export it again.", row=line)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=is_strict)
    rows: list[list[str]] = []
    try:
        for row in reader:
            rows.append(row)
            if len(rows) > MOST_ROWS or len(row) > MOST_COLUMNS:
                what, allowed = "The table is too large for a form.", f"{MOST_ROWS} rows of {MOST_COLUMNS} cells"
                raise foreign(file, what, f"Keep at most {allowed}.", row=len(rows))
    except csv.Error:
        what = "A cell is not closed, has a quotation mark at a wrong place, or is far too long."
        raise foreign(file, what, "Export the file again, and let no program change it.", row=len(rows) + 1) from None
    if not any(any(cell.strip() for cell in row) for row in rows):
        raise foreign(file, "The file is empty.", "Give the file of a form.")
    return rows


def _text(content: bytes, file: str) -> str:
    encoding = "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        what = f"The file is not in UTF-8: the byte at position {error.start} is not part of any character."
        fix = "Save it as UTF-8, and do not let a spreadsheet program change it."
        raise foreign(file, what, fix, row=row, got=f"0x{content[error.start]:02X}") from None


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, delimiter: str) -> bytes:
    """Write a table as text in UTF-8."""
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return written.getvalue().encode()


def page_words(words: str, special: str = "") -> str:
    """Write words for a tool that shows them as HTML.

    Characters that HTML or the tool itself would read, and a first character that a spreadsheet program takes for the
    start of a formula, become character references; :func:`plain_words` turns them back.

    Parameters
    ----------
    words : str
        Plain words.
    special : str
        Further characters that the tool would read.
    """
    written = words
    if html.unescape(words) != words or any(one in words for one in "<>"):
        written = html.escape(words, quote=False)
    for one in special:
        written = written.replace(one, f"&#{ord(one)};")
    if written[:1] in _FORMULA:
        written = f"&#{ord(written[0])};{written[1:]}"
    return written


def plain_words(words: str, where: str, losses: list[Loss]) -> str:
    """Read words that a tool shows as HTML: tags go, references become characters; tags are told."""
    without = _TAG.sub("", _BREAK.sub("\n", _without_hidden(words)))
    if without != words:
        losses.append(Loss(what="HTML was removed", where=where, why="texts here are plain words"))
    return html.unescape(without).strip()


def _without_hidden(words: str) -> str:
    """Remove comments, scripts and styles in time that grows with the length, whatever is left open."""
    for start, end in _HIDDEN:
        kept, place = [], 0
        while (opened := start.search(words, place)) and (closed := end.search(words, opened.end())):
            kept.append(words[place : opened.start()])
            place = closed.end()
        words = " ".join([*kept, words[place:]])
    return words
