"""Whether a browser's answer may be written: the three-way comparison that loses nothing.

Three values meet: what the browser shows, what this tab last saw acknowledged (its base), and what the store holds
now. A server that was killed and restarted, a second tab and a second device all come down to these three.
"""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.collection.ports import Answer


@dataclass(frozen=True, slots=True)
class Saved:
    """The store holds the browser's answer."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Conflict:
    """The store holds another answer that this tab has never seen; the person must choose."""

    stored: Answer
    shown: str | None


def reconcile(shown: str | None, base: Answer | None, stored: Answer | None) -> Answer | Saved | Conflict:
    """Decide what to do with an answer that the browser shows.

    Parameters
    ----------
    shown : str or None
        The answer in the browser; None when it was cleared there.
    base : Answer or None
        What this tab last saw acknowledged; None when it has seen nothing (a restarted server).
    stored : Answer or None
        What the store holds now; None when it never held an answer.

    Returns
    -------
    Answer
        To be written: the store holds what this tab last saw, or never held an answer.
    Saved
        Nothing to write: the store holds the same already.
    Conflict
        Nothing may be written: show both and ask. A cleared answer is an answer too: clearing it in one tab is not
        undone by another tab that has not seen it.

    Examples
    --------
    >>> reconcile("4", None, None)
    Answer(value='4', revision=1)
    >>> reconcile("4", Answer("2", 1), Answer("5", 2))
    Conflict(stored=Answer(value='5', revision=2), shown='4')
    """
    if stored is None:
        return Answer(shown, 1) if shown is not None else Saved(Answer(None, 0))
    if stored.value == shown:
        return Saved(stored)
    if stored == base:
        return Answer(shown, stored.revision + 1)
    return Conflict(stored, shown)
