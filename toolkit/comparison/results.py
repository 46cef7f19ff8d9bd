"""What a comparison holds: tidy tables whose hidden numbers are absent."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from toolkit.comparison.findings import Finding, findings_of
from toolkit.disclosure.thresholds import Policy

if TYPE_CHECKING:
    from toolkit.errors import Problem

Kind = Literal["all", "service", "unit"]
Status = Literal["identical", "linked", "not_comparable", "unknown"]
Aggregation = Literal["supported", "not_supported", "too_few_units"]
Span = Literal["adjacent", "first_to_last"]
Adjustment = Literal["holm", "fdr"]
Reason = Literal[
    "",
    "version_unknown",
    "version_not_comparable",
    "synthetic_evidence",
    "scale_absent",
    "language_mix",
    "not_shown",
    "no_variance",
]

LEVELS = (
    *("scale", "wave", "version", "kind", "group", "parent", "n", "mean", "sd", "se", "low", "high"),
    *("shrunken", "shrunken_low", "shrunken_high", "shown"),
)
VARIANCE = (
    *("scale", "wave", "version", "n_units", "n", "mean", "within", "between"),
    *("icc1", "icc1_low", "icc1_high", "icc2", "mean_reliability", "aggregation"),
)
BREAKS = ("scale", "wave_from", "wave_to", "version_from", "version_to", "status", "reason")
SHARES = ("item", "wave", "version", "kind", "group", "parent", "n", "code", "share", "shown")
RATES = ("wave", "kind", "group", "parent", "invited", "submitted", "rate", "shown")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """Groups over waves: levels, variance between units, changes, and where the trend line breaks.

    In all tables ``wave`` columns are ordered categories, ``kind`` is ``all``, ``service`` or ``unit``, ``group`` is
    the unit's or service's name and empty for ``all``, and ``parent`` is a unit's service, else empty. Numbers are
    on the instrument's shown range. Where ``shown`` is False every number of the row is absent, the count too.

    Attributes
    ----------
    levels : DataFrame
        One row for each scale, wave and group: n, mean, SD, standard error, t interval of the mean, the shrunken
        mean of a unit with its interval, and ``shown``.
    variance : DataFrame
        One row for each scale and wave, from the units that are shown: variance within and between units, ICC(1)
        with its interval, ICC(2), mean reliability of the unit means, and whether units may be told apart.
    changes : DataFrame
        Adjacent waves, and the last against the first where there are more than two: the difference with its interval,
        Welch's test, the adjusted p, and ``allowed`` with a reason code where a difference may not be shown.
    breaks : DataFrame
        Every pair of waves of ``changes`` for each scale: versions, comparability, and the reason for which the
        trend line breaks; an empty reason where it does not.
    instrument : str
        Identifier of the instrument.
    versions, scales, waves : tuple of str
        What was compared, in order; waves chronologically.
    level : float
        Level of all intervals.
    adjust : {"holm", "fdr"}
        How p was adjusted for the number of scales and groups of a kind.
    policy : Policy
        The floors.
    demo : bool
        Whether synthetic evidence of comparability was accepted.
    method : str
        How the numbers were made.
    warnings : tuple of Problem
        What must be known about the numbers.
    """

    levels: pd.DataFrame
    variance: pd.DataFrame
    changes: pd.DataFrame
    breaks: pd.DataFrame
    instrument: str
    versions: tuple[str, ...]
    scales: tuple[str, ...]
    waves: tuple[str, ...]
    level: float
    adjust: Adjustment
    policy: Policy
    demo: bool
    method: str
    warnings: tuple[Problem, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What can be said, one for each row of ``changes`` and in its order; made anew whenever it is asked for."""
        return findings_of(self.changes, level=self.level)

    def to_frame(self) -> pd.DataFrame:
        """Return the levels, one row for each scale, wave and group, in full precision."""
        return self.levels.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values: tables as lists of rows, absent numbers as None."""
        return {
            "instrument": self.instrument,
            "versions": list(self.versions),
            "scales": list(self.scales),
            "waves": list(self.waves),
            "level": self.level,
            "adjust": self.adjust,
            "policy": asdict(self.policy),
            "demo": self.demo,
            "method": self.method,
            "levels": _rows(self.levels),
            "variance": _rows(self.variance),
            "changes": _rows(self.changes),
            "breaks": _rows(self.breaks),
            "findings": [finding.to_dict() for finding in self.findings],
            "warnings": [str(problem) for problem in self.warnings],
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distributions:
    """How each item was answered in each group and wave.

    Attributes
    ----------
    shares : DataFrame
        One row for each item, wave, group and point: n (people who gave a point), code, share of n, ``shown``.
        Where ``shown`` is False, n and share are absent.
    instrument : str
        Identifier of the instrument.
    policy : Policy
        The floors.
    """

    shares: pd.DataFrame
    instrument: str
    policy: Policy

    def to_frame(self) -> pd.DataFrame:
        """Return the shares."""
        return self.shares.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values: the table as a list of rows, absent numbers as None."""
        return {"instrument": self.instrument, "policy": asdict(self.policy), "shares": _rows(self.shares)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResponseRates:
    """How many of the invited submitted their answers.

    Attributes
    ----------
    rates : DataFrame
        One row for each wave and group: invited, submitted, rate (submitted / invited), ``shown``. Where ``shown`` is
        False, submitted and rate are absent; how many were invited is no answer and stays.
    policy : Policy
        The floors.
    """

    rates: pd.DataFrame
    policy: Policy

    def to_frame(self) -> pd.DataFrame:
        """Return the rates."""
        return self.rates.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values: the table as a list of rows, absent numbers as None."""
        return {"policy": asdict(self.policy), "rates": _rows(self.rates)}


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as JSON-ready values."""
    plain = table.astype("object")
    return [
        {str(name): value for name, value in row.items()}
        for row in plain.where(plain.notna(), None).to_dict(orient="records")
    ]
