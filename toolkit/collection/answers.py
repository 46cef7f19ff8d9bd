"""How submitted answers are written: in one way only, so that their order tells nothing and equal ones look equal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from toolkit.collection.ports import AnswerRow


def written(answers: Mapping[str, str]) -> str:
    """Return answers as a compact JSON object whose keys are sorted.

    Examples
    --------
    >>> written({"HB2": "4", "HB1": "-9"})
    '{"HB1":"-9","HB2":"4"}'
    """
    return json.dumps(answers, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def read(text: str) -> dict[str, str]:
    """Return answers as they were before :func:`written`.

    Examples
    --------
    >>> read('{"HB1":"-9"}')
    {'HB1': '-9'}
    """
    found: dict[str, str] = json.loads(text)
    return found


def content_hash(instrument_id: str, definition_hash: str, rows: Iterable[AnswerRow]) -> str:
    """Return the SHA-256 of what a wave holds: its instrument and every response, whatever their order.

    Random keys, receipts and counts of changes are no part of it, so that freezing, moving and restoring change
    nothing. Every response is hashed, and the sorted hashes once more, so that a million of them need little memory.

    Parameters
    ----------
    instrument_id, definition_hash : str
        What was asked.
    rows : iterable of AnswerRow
        Every response of the wave, in any order.

    Examples
    --------
    >>> one, other = AnswerRow("a", "1.0.0", "en", "{}"), AnswerRow("b", "1.0.0", "en", "{}")
    >>> content_hash("x", "y", [one, other]) == content_hash("x", "y", [other, one])
    True
    """
    digests = sorted(hashlib.sha256("\0".join(row).encode()).digest() for row in rows)
    whole = hashlib.sha256(f"{instrument_id}\0{definition_hash}\0{len(digests)}\0".encode())
    for digest in digests:
        whole.update(digest)
    return whole.hexdigest()
