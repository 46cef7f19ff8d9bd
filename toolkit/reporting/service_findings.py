"""What can we say? Two sentences for one group: what changed, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolkit.reporting.words import listed

if TYPE_CHECKING:
    from toolkit.comparison import Comparison
    from toolkit.comparison.findings import Finding
    from toolkit.reporting.service_labels import Labels

TESTED = ("rise", "fall", "no_clear_change")


def what_can_we_say(
    comparison: Comparison, *, kind: str, group: str, wave_from: str, wave_to: str, labels: Labels
) -> tuple[str, str]:
    """Say what changed for a group between two waves, and how far the answers carry that.

    Parameters
    ----------
    comparison : Comparison
        What was compared.
    kind, group : str
        The group, as in ``Comparison.changes``.
    wave_from, wave_to : str
        A pair of waves of ``Comparison.changes``.
    labels : Labels
        Names and language.

    Returns
    -------
    tuple of two str
        The finding, then its uncertainty.
    """
    found = [
        finding
        for finding in comparison.findings
        if (finding.group_kind, finding.group) == (kind, group)
        and (finding.wave_from, finding.wave_to) == (wave_from, wave_to)
    ]
    words = labels.words
    waves = {"wave_from": labels.waves[wave_from], "wave_to": labels.waves[wave_to]}
    tested = [finding for finding in found if finding.kind in TESTED]
    if not tested:
        return _nothing(comparison, found, labels, waves)
    level = labels.level(comparison.level)
    clear = [finding for finding in tested if finding.kind != "no_clear_change"]
    unclear = [finding for finding in tested if finding.kind == "no_clear_change"]
    most = labels.score(_most(unclear))
    if not clear:
        key = "say_one_no_clear" if len(tested) == 1 else "say_no_clear"
        return words[key].format(n=len(tested), **waves), words["say_unclear"].format(level=level, most=most)
    parts = [
        words[f"say_{finding.kind}"].format(
            scale=labels.scales[finding.scale],
            difference=labels.score(abs(finding.difference)),
            **_ends(finding, labels),
        )
        for finding in clear
    ]
    first = words["say_changes"].format(changes=listed(parts, labels.language), **waves)
    key = "say_brackets" if unclear else "say_brackets_all"
    return first, words[key].format(level=level, most=most)


def aggregation_sentence(comparison: Comparison, *, scale: str, wave: str, labels: Labels) -> str:
    """Say whether the answers can tell units apart on a scale in a wave; empty where no unit is shown."""
    table = comparison.variance
    rows = table[(table["scale"] == scale) & (table["wave"] == wave)]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    return labels.words[f"aggregation_{row['aggregation']}"].format(
        scale=labels.scales[scale],
        icc1=labels.number(row["icc1"], 2),
        low=labels.number(row["icc1_low"], 2),
        high=labels.number(row["icc1_high"], 2),
        n_units=int(row["n_units"]),
    )


def _nothing(
    comparison: Comparison, found: Sequence[Finding], labels: Labels, waves: dict[str, str]
) -> tuple[str, str]:
    """Say why no change is stated: a reason that is not the number of answers comes first."""
    words = labels.words
    for finding in found:
        if finding.reason not in ("", "not_shown"):
            why = labels.why(comparison, finding.to_dict())
            return words["say_nothing"].format(why=why, **waves), words["say_nothing_then"]
    return words["say_hidden"].format(**waves), words["say_hidden_then"]


def _ends(finding: Finding, labels: Labels) -> dict[str, str]:
    """Return the ends of the interval of a rise or, turned round, of a fall, as amounts."""
    low, high = (finding.low, finding.high) if finding.kind == "rise" else (-finding.high, -finding.low)
    return {"low": labels.score(low), "high": labels.score(high)}


def _most(findings: Sequence[Finding]) -> float:
    """Return the largest change that the intervals of unclear findings still allow."""
    return max((max(abs(finding.low), abs(finding.high)) for finding in findings), default=math.nan)
