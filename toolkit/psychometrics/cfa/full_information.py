"""Samples of incomplete answers, with the means and covariances of the saturated model."""

from __future__ import annotations

from toolkit.errors import Code, StatisticsError
from toolkit.psychometrics._inputs import too_few
from toolkit.psychometrics.cfa.moments import Frame, GroupSample
from toolkit.psychometrics.cfa.patterns import likelihood, moment_information, patterns_of, saturated_moments


def incomplete_samples(frame: Frame) -> tuple[GroupSample, ...]:
    """Return each group's patterns, with the means and covariances of the saturated model.

    Raises
    ------
    StatisticsError
        STA_TOO_FEW_PERSONS.
    """
    samples = []
    for number, values in enumerate(frame.answers):
        n, p = values.shape
        if n < p + 1:
            where = f" in the group {frame.groups[number]}" if len(frame.groups) > 1 else ""
            raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, f"persons{where}", n, p + 1))
        found = patterns_of(values)
        mean, S = saturated_moments(found, values)
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


def saturated_value(sample: GroupSample) -> float:
    """Return minus twice the log likelihood of the saturated model of incomplete answers."""
    return likelihood(sample.patterns, sample.mean, sample.S)[0] if sample.patterns is not None else float("nan")
