"""How submitted answers are written: in one way only, so that their order tells nothing and equal ones look equal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from toolkit.collection.ports import AnswerRow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WORD = 8


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


def quoted(text: str) -> tuple[NDArray[np.int64], list[str]]:
    """Return what stands between quotation marks, in order: its place among the different texts, and these.

    Every eight bytes are compared as one number, for all texts at once: an object for each of a million answers would
    take several times longer.

    Parameters
    ----------
    text : str
        With an even number of quotation marks, none of them escaped.

    Examples
    --------
    >>> places, texts = quoted('{"HB1":"4","HB2":"4"}')
    >>> [texts[place] for place in places]
    ['HB1', '4', 'HB2', '4']
    """
    import numpy as np
    import pandas as pd

    content = text.encode() + b"\0" * _WORD
    marks = np.flatnonzero(np.frombuffer(content, np.uint8) == ord('"'))
    starts = marks[0::2] + 1
    lengths = marks[1::2] - starts
    # A number for each eight bytes, wherever they begin; of those at the end of a text only what belongs to it.
    words: NDArray[np.uint64] = np.ndarray((len(content) - _WORD + 1,), "<u8", content, 0, (1,))
    kept = np.array([(1 << (8 * n)) - 1 for n in range(_WORD + 1)], dtype=np.uint64)
    places = pd.factorize(words[starts] & kept[np.minimum(lengths, _WORD)])[0]
    for offset in range(_WORD, int(lengths.max(initial=0)), _WORD):
        longer = np.flatnonzero(lengths > offset)
        further = pd.factorize(words[starts[longer] + offset] & kept[np.minimum(lengths[longer] - offset, _WORD)])[0]
        # Texts that began alike are told apart by what follows, and from those that end here.
        places[longer] = places.max() + 1 + places[longer] * (further.max() + 1) + further
        places = pd.factorize(places)[0]
    first = np.empty(places.max(initial=-1) + 1, dtype=np.int64)
    first[places[::-1]] = np.arange(len(places))[::-1]
    return places, [content[starts[at] : starts[at] + lengths[at]].decode() for at in first]


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
