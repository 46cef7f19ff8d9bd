"""From the answers of several waves to one comparison, from which nothing hidden can be had."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, get_args

from toolkit.comparison.changes import change_table
from toolkit.comparison.gate import break_table, judge, pooled_languages
from toolkit.comparison.levels import level_table, published_moments
from toolkit.comparison.people import Columns, Responses, gather, moved_units
from toolkit.comparison.results import Adjustment, Comparison
from toolkit.disclosure.thresholds import Policy
from toolkit.errors import Code, ComparisonError, Problem

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument
    from toolkit.instruments.statements import StatedComparability

METHOD = (
    "t intervals of means; random effects by REML, empirical Bayes unit means with the Kass-Steffey correction; "
    "Welch's test of independent samples between waves"
)


def compare(
    instruments: Instrument | Sequence[Instrument],
    responses: Responses,
    *,
    by: str = "unit",
    within: str | None = "service",
    over: str = "wave",
    statements: Iterable[StatedComparability] | None = None,
    policy: Policy | None = None,
    level: float = 0.95,
    adjust: Adjustment = "holm",
    demo: bool = False,
) -> Comparison:
    """Compare the scale scores of units, services and everybody over waves.

    Use it for groups over time. It says nothing about one person, and it ranks nobody: that two units have different
    means is no evidence that they differ.

    Parameters
    ----------
    instruments : Instrument or sequence of Instrument
        The questionnaire, or the versions of it that were answered.
    responses : DataFrame or mapping of str to DataFrame
        One row a respondent: the columns that ``by``, ``within`` and ``over`` name, ``language``, ``version`` where
        there are several, and a float64 column for each item as ``read_frame`` returns it. One frame for all versions,
        or one for each. Every wave is answered with one version.
    by, within : str
        Columns with the unit and its service; ``within=None`` where there are units only.
    over : str
        Column with the wave: an ordered category, the earliest wave first.
    statements : iterable of StatedComparability, optional
        What is stated about the versions, as ``instruments.load_statements`` reads it. Nothing, by default: then every
        change of version breaks the line.
    policy : Policy, optional
        The floors; the defaults where it is left out.
    level : float
        Level of all intervals.
    adjust : {"holm", "fdr"}
        Holm's adjustment of p, or Benjamini and Hochberg's.
    demo : bool
        Whether synthetic evidence of comparability counts.

    Returns
    -------
    Comparison

    Raises
    ------
    ComparisonError
        ``CMP_INSTRUMENTS``, ``CMP_COLUMN``, ``CMP_EMPTY_CELL``, ``CMP_WAVE_ORDER``, ``CMP_MIXED_VERSIONS``,
        ``CMP_NO_RESPONSES`` or ``CMP_OPTION``.
    ResponsesError
        As :func:`toolkit.instruments.score`.

    Notes
    -----
    *Disclosure.* Means, SDs and counts are hidden below the floor and where they could be derived by subtraction
    (:func:`toolkit.disclosure.cells.shown_cells`); scales that rate a leader have a higher floor. All other numbers are
    computed from the numbers that are shown, so they hold nothing that is hidden. That costs the variance components
    the units that are hidden, which are the smallest.

    *Levels.* The interval of a mean is that of Student's t, and a mean of several units weighs every person alike. The
    shrunken mean of a unit and the variances are explained in :mod:`toolkit.comparison.shrinkage`; with fewer than four
    shown units nothing is shrunken.

    *Changes.* Every wave is answered anew and without a link between persons, so two waves are compared as independent
    samples with unequal variances (Welch). People who answered both times make the true standard error smaller where
    their answers agree over time; the interval is then too wide and the test too careful. Two intervals that overlap
    are no test; the interval of the difference is. p is adjusted over all scales and groups of one kind (all,
    services, units) within one pair of waves.

    Where versions are linked, the difference is taken on the later version's scale; the standard error holds that of
    the line, whose slope and intercept are taken as independent. Levels stay raw.

    References
    ----------
    Welch, B. L. (1947). The generalization of 'Student's' problem when several different population variances are
    involved. *Biometrika, 34*(1-2), 28-35. https://doi.org/10.1093/biomet/34.1-2.28

    Benjamini, Y., & Hochberg, Y. (1995). Controlling the false discovery rate: A practical and powerful approach to
    multiple testing. *Journal of the Royal Statistical Society: Series B, 57*(1), 289-300.
    https://doi.org/10.1111/j.2517-6161.1995.tb02031.x

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from toolkit import comparison, instruments
    >>> instrument = instruments.load("eomhs@1.0.0")
    >>> answers = np.random.default_rng(1).integers(1, 6, (40, 31)).astype(float)
    >>> people = pd.DataFrame(answers, columns=list(instrument.item_codes))
    >>> people["wave"] = pd.Categorical(["2024", "2025"] * 20, categories=["2024", "2025"], ordered=True)
    >>> people["unit"], people["language"] = ["ward"] * 34 + ["team"] * 6, "en"
    >>> result = comparison.compare(instrument, people, within=None)
    >>> result.levels.query("scale == 'HB' and wave == '2024'")[["kind", "group", "n", "shown"]]
       kind group     n  shown
    0   all         20   True
    1  unit  team  <NA>  False
    2  unit  ward  <NA>  False
    """
    floors = Policy() if policy is None else policy
    _check_options(level, adjust)
    people = gather(instruments, responses, Columns(unit=by, service=within, wave=over))
    moments = published_moments(people, floors)
    levels, variance = level_table(people, moments, level=level)
    verdicts = judge(people, moments, tuple(statements or ()), demo=demo)
    return Comparison(
        levels=levels,
        variance=variance,
        changes=change_table(people, moments, verdicts, level=level, adjust=adjust),
        breaks=break_table(people, verdicts),
        instrument=next(iter(people.versions.values())).id,
        versions=tuple(people.versions),
        scales=tuple(moments),
        waves=people.waves,
        level=level,
        adjust=adjust,
        policy=floors,
        demo=demo,
        method=METHOD,
        warnings=(*pooled_languages(people), *moved_units(people.tree, people.rows, people.waves)),
    )


def _check_options(level: float, adjust: str) -> None:
    allowed = get_args(Adjustment)
    problems = []
    if not 0 < level < 1:
        problems.append(("level", repr(level), "more than 0 and less than 1"))
    if adjust not in allowed:
        problems.append(("adjust", repr(adjust), ", ".join(map(repr, allowed))))
    if problems:
        raise ComparisonError(
            Problem(
                code=Code.CMP_OPTION,
                what=f"The option {name}= does not take this value.",
                got=got,
                allowed=what,
                fix=f"Give {name}= an allowed value.",
            )
            for name, got, what in problems
        )
