"""Samples of incomplete answers, with the means and covariances of the saturated model."""

from __future__ import annotations

import numpy as np

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics.cfa.moments import Frame, GroupSample, refuse_constant, refuse_singular, refuse_weak_group
from toolkit.psychometrics.cfa.patterns import likelihood, moment_information, patterns_of, saturated_moments


def incomplete_samples(frame: Frame) -> tuple[GroupSample, ...]:
    """Return each group's patterns, with the means and covariances of the saturated model.

    Raises
    ------
    StatisticsError
        STA_TOO_FEW_PERSONS (also where nobody answered both of two items), STA_CONSTANT_ITEM and
        STA_SINGULAR_CORRELATION, each for the group it holds in.
    """
    samples = []
    for number, values in enumerate(frame.answers):
        n, p = values.shape
        refuse_weak_group(frame, number, n, p + 1)
        refuse_constant(frame, number)
        _refuse_uncovered(frame, number)
        found = patterns_of(values)
        mean, S = saturated_moments(found, values)
        refuse_singular(frame, number, S)
        clusters = None if frame.clusters is None else frame.clusters[number]
        samples.append(
            GroupSample(
                n=n,
                values=values,
                clusters=clusters,
                mean=mean,
                S=S,
                patterns=found,
                observed=moment_information(found, mean, S),
            )
        )
    return tuple(samples)


def _refuse_uncovered(frame: Frame, number: int) -> None:
    """Refuse two items that nobody answered both: nothing in the data tells how they covary."""
    answered = (~np.isnan(frame.answers[number])).astype(np.int64)
    first, second = np.nonzero(np.triu(answered.T @ answered == 0, 1))
    if first.size == 0:
        return
    where = f" in the group {frame.groups[number]}" if len(frame.groups) > 1 else ""
    pairs = [f"{frame.items[i]} and {frame.items[j]}" for i, j in zip(first, second, strict=True)]
    raise StatisticsError(
        Problem(
            code=Code.STA_TOO_FEW_PERSONS,
            what=f"Nobody{where} answered both of two items, so that the data do not tell how they covary.",
            got="; ".join(pairs[:8]),
            fix="Leave one of the items out, or ask some persons both.",
        )
    )


def saturated_value(sample: GroupSample) -> float:
    """Return minus twice the log likelihood of the saturated model of incomplete answers."""
    return likelihood(sample.patterns, sample.mean, sample.S)[0] if sample.patterns is not None else float("nan")
