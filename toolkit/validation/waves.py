"""Which wave a validation uses: one, so that nobody counts twice; the latest, unless the plan names another or all."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from toolkit.errors import Code, Problem, ResponsesError

_DATE = re.compile(r"\d{4}(-\d{2}){0,2}\Z", re.ASCII)
SHOWN = 20
"""As many waves are named in a message; the rest are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveChoice:
    """The wave that is used.

    Attributes
    ----------
    wave : str or None
        Its name; None where the answers name no wave, or all waves are used.
    waves : tuple of str
        All waves of the answers, the earliest first.
    told : tuple of Problem
        What must be known about the choice.
    """

    wave: str | None
    waves: tuple[str, ...]
    told: tuple[Problem, ...] = ()


def waves_in_order(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the waves of answers, the earliest first.

    The order is that of an ordered categorical, of dates where all names are dates such as 2026, 2026-03 or 2026-03-01,
    and of first appearance otherwise.
    """
    if "wave" not in frame.columns:
        return ()
    column = frame["wave"].dropna()
    present = [str(name) for name in column.unique()]
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered:
        return tuple(name for name in map(str, column.cat.categories) if name in present)
    if all(map(_DATE.match, present)):
        return tuple(sorted(present, key=lambda name: [int(part) for part in name.split("-")]))
    return tuple(present)


def choose_wave(
    frame: pd.DataFrame, *, wave: str | None, all_waves: bool, smallest_group: int
) -> tuple[pd.DataFrame, WaveChoice]:
    """Return the rows of the wave to use, and which it is.

    Parameters
    ----------
    frame : DataFrame, one row a respondent and wave
        The response frame.
    wave : str or None
        The wave asked for; None is the latest.
    all_waves : bool
        Whether to take all waves together.
    smallest_group : int
        With more than 0 no message tells how many rows a wave has.

    Raises
    ------
    ResponsesError
        ``RSP_NO_SUCH_COLUMN``, ``RSP_UNKNOWN_WAVE``, or ``RSP_RESPONDENT_TWICE`` where all waves are asked for and a
        respondent is in several.
    """
    waves = waves_in_order(frame)
    if wave is not None:
        _require(wave, waves, known="wave" in frame.columns)
    if all_waves:
        return frame, WaveChoice(wave=None, waves=waves, told=_together(frame, waves))
    if not waves:
        return frame, WaveChoice(wave=None, waves=())
    used = waves[-1] if wave is None else wave
    rows = (frame["wave"].astype("str") == used).fillna(False).to_numpy(dtype=bool)
    if rows.all():
        return frame, WaveChoice(wave=used, waves=waves)
    told = Problem(
        code=Code.RSP_SEVERAL_WAVES,
        column="wave",
        what=f"The answers hold more than one wave; only '{used}' is used, so that nobody counts twice.",
        got=_listed(waves) + ("" if smallest_group else f"; {int(rows.sum()):,} of {len(frame):,} rows are used"),
        fix="Name another wave in the plan (--wave), or take all of them together (--all-waves).",
    )
    return frame[rows], WaveChoice(wave=used, waves=waves, told=() if wave is not None else (told,))


def _require(wave: str, waves: tuple[str, ...], *, known: bool) -> None:
    if not known:
        raise ResponsesError(
            Problem(
                code=Code.RSP_NO_SUCH_COLUMN,
                column="wave",
                what="There is no column 'wave' to find the wave in.",
                got=wave,
                fix="Name no wave, or give the column (--map OLD=wave).",
            )
        )
    if wave not in waves:
        raise ResponsesError(
            Problem(
                code=Code.RSP_UNKNOWN_WAVE,
                column="wave",
                what="No answers belong to this wave.",
                got=wave,
                allowed=_listed(waves) or "none; the column is empty",
                fix="Name one of the waves as the column writes it.",
            )
        )


def _together(frame: pd.DataFrame, waves: tuple[str, ...]) -> tuple[Problem, ...]:
    """Refuse respondents in several waves; say what taking waves together means."""
    twice = frame.index[frame.index.duplicated()]
    if len(twice):
        raise ResponsesError(
            Problem(
                code=Code.RSP_RESPONDENT_TWICE,
                what="All waves were asked for, and a respondent is in several; one person would count as two.",
                got=str(twice[0]) + (f" and {len(set(twice)) - 1:,} more" if len(set(twice)) > 1 else ""),
                fix="Validate one wave at a time (--wave), or keep one row a respondent.",
            )
        )
    if len(waves) < 2:
        return ()
    return (
        Problem(
            code=Code.RSP_SEVERAL_WAVES,
            column="wave",
            what="All waves are taken together. Persons are told apart by their ids alone: whoever answered in several "
            "waves under different ids counts as several persons, and intervals are then too short.",
            got=_listed(waves),
            fix="Validate one wave at a time (--wave) unless every person answered once.",
        ),
    )


def _listed(waves: tuple[str, ...]) -> str:
    more = f" and {len(waves) - SHOWN} more" if len(waves) > SHOWN else ""
    return ", ".join(waves[:SHOWN]) + more
