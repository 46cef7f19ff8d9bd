"""All reliability coefficients of several scales in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from toolkit.errors import Problem, StatisticsError
from toolkit.psychometrics._bootstrap import OnRequest
from toolkit.psychometrics._inputs import known_items
from toolkit.psychometrics._inputs import table as checked
from toolkit.psychometrics._numerics import Rng, generator
from toolkit.psychometrics._options import Missing, confidence, one_of
from toolkit.psychometrics._result import Interval, Result, provenance
from toolkit.psychometrics.reliability.alpha import cronbach_alpha
from toolkit.psychometrics.reliability.composite import composite_omega
from toolkit.psychometrics.reliability.guttman import GuttmanResult, guttman_lambdas
from toolkit.psychometrics.reliability.lower_bound import greatest_lower_bound
from toolkit.psychometrics.reliability.ordinal import ordinal_alpha
from toolkit.psychometrics.reliability.precision import measurement_error
from toolkit.psychometrics.reliability.split_half import split_half


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReliabilityTableResult(Result):
    """Reliability of several scales.

    Attributes
    ----------
    table : DataFrame, shape (n_scales, n_columns)
        Index scale; columns n_persons, n_items, n_dropped, then each coefficient, followed by its limits low and high
        where it has an interval. NaN where it cannot be computed; the warnings say why.
    coefficients : DataFrame, shape (n_scales * n_coefficients, 8)
        The same, one row a scale and coefficient: scale, coefficient, estimate, low, high, interval (its method, or
        "none"), n_persons and formula (in words).
    level : float
        Confidence level.
    n_persons, n_items, n_dropped : int
        Persons and items of the data; persons left out of every scale (always 0: each scale counts its own).
    method : str
        The rule in words.
    warnings : tuple of Problem
        Those of all coefficients, with the scale as ``key``, each once.
    provenance : mapping
        Options, seed and versions.
    """

    table: pd.DataFrame
    coefficients: pd.DataFrame
    level: float
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a scale."""
        return self.table.copy()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """A coefficient: its name and place in a result, whether it has an interval, and its formula if not the method."""

    name: str
    attribute: str
    interval: bool = False
    formula: str | None = None


_ALPHA = (
    _Column(name="alpha", attribute="estimate", interval=True),
    _Column(name="standardized_alpha", attribute="standardized", formula="Cronbach's alpha, correlation-based"),
    _Column(
        name="mean_inter_item_correlation", attribute="mean_inter_item_correlation", formula="mean Pearson correlation"
    ),
)
_OMEGA = (
    _Column(name="omega_total", attribute="estimate", interval=True),
    _Column(
        name="omega_total_model",
        attribute="model_denominator",
        formula="omega total, unit-factor-variance CFA, ML, model total variance",
    ),
    _Column(
        name="composite_reliability",
        attribute="composite_reliability",
        formula="composite reliability of Fornell and Larcker, standardised loadings, ML",
    ),
    _Column(
        name="average_variance_extracted",
        attribute="average_variance_extracted",
        formula="average variance extracted, squared loadings over item variances, ML",
    ),
    _Column(
        name="mean_squared_standardized_loading",
        attribute="mean_squared_standardized_loading",
        formula="mean squared standardised loading, ML",
    ),
)
_GUTTMAN = tuple(_Column(name=name, attribute=name, interval=True) for name in ("lambda2", "lambda4", "lambda6"))
_STANDARDIZED_GUTTMAN = tuple(
    _Column(name=f"standardized_{name}", attribute=name) for name in ("lambda2", "lambda4", "lambda6")
)
_BOUND = (_Column(name="greatest_lower_bound", attribute="estimate"),)
_SPLIT = (_Column(name="split_half", attribute="spearman_brown", interval=True),)
_ERROR = (
    _Column(name="standard_error", attribute="standard_error", interval=True),
    _Column(
        name="minimal_detectable_change",
        attribute="minimal_detectable_change",
        formula="z sqrt(2) SEM of the sum, at the confidence level",
    ),
)
_ORDINAL_ALPHA = (_Column(name="ordinal_alpha", attribute="estimate", interval=True),)
_CATEGORICAL = (_Column(name="categorical_omega", attribute="estimate", interval=True),)


def reliability_table(
    df: pd.DataFrame,
    scales: Mapping[str, Sequence[str]],
    *,
    ordinal: bool = True,
    standard_error: bool = True,
    interval: OnRequest = "none",
    n_bootstrap: int = 1000,
    missing: Missing = "listwise",
    level: float = 0.95,
    rng: Rng = None,
) -> ReliabilityTableResult:
    """Return every reliability coefficient of every scale, each with its formula, and its interval where one exists.

    Choose the coefficient before you look: the largest of many is too large by choice.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items)
        One row a person, one column an item, NaN for a missing answer. Within a scale the items point the same way.
    scales : mapping of str to sequence of str
        The items of each scale, two or more.
    ordinal : bool, default True
        Also compute ordinal alpha and categorical omega, which take the codes as ordered answers.
    standard_error : bool, default True
        Also compute the standard error of measurement and the minimal detectable change, from complete persons only.
    interval : {"none", "bootstrap"}, default "none"
        Whether the lambdas get bootstrap limits; the other intervals are formulas.
    n_bootstrap : int, default 1000
        Samples for them, 100 or more.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule, within each scale. Standard errors of measurement are always listwise.
    level : float, default 0.95
        Confidence level.
    rng : int, Generator or None
        Seed or generator of searches and bootstrap; None draws a seed, which is kept in ``provenance``.

    Returns
    -------
    ReliabilityTableResult
        ``table`` with one row a scale, ``coefficients`` with one row a coefficient.

    Raises
    ------
    StatisticsError
        STA_SHAPE_MISMATCH (a scale names an item that the data lack), STA_UNKNOWN_OPTION, STA_OPTION_RANGE,
        STA_NOT_A_FRAME, STA_NOT_NUMERIC, STA_NOT_FINITE, STA_DUPLICATE_ITEM.

    Warns
    -----
    STA_CONSTANT_ITEM, STA_TOO_FEW_ITEMS, STA_TOO_FEW_PERSONS, STA_ALL_MISSING_ITEM, STA_SINGULAR_CORRELATION
        In ``warnings``, with the scale as ``key``: why a coefficient is NaN. And all warnings of the coefficients.

    Notes
    -----
    The columns are those of :func:`~toolkit.psychometrics.cronbach_alpha`,
    :func:`~toolkit.psychometrics.ordinal_alpha`, :func:`~toolkit.psychometrics.composite_omega`,
    :func:`~toolkit.psychometrics.guttman_lambdas`, :func:`~toolkit.psychometrics.greatest_lower_bound`,
    :func:`~toolkit.psychometrics.split_half` and :func:`~toolkit.psychometrics.measurement_error`.

    Validated by being equal to them, and so to R, on bfi (``tests/parity/test_bfi_reliability.py``).

    References
    ----------
    Revelle, W., & Condon, D. M. (2019). Reliability from alpha to omega: A tutorial. Psychological Assessment, 31,
    1395-1411. https://doi.org/10.1037/pas0000754

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> answers = pm.simulate_ordinal([.8, .7, .7, .6], thresholds=[-1, 0, 1], n_persons=500, rng=1)
    >>> result = reliability_table(answers, {"whole": list(answers), "half": ["item1", "item2"]}, rng=1)
    >>> list(result.table.index)
    ['whole', 'half']
    """
    confidence(level)
    one_of(interval, OnRequest, name="interval")
    one_of(missing, Missing, name="missing")
    whole = checked(df)
    random, seed = generator(rng)
    families: list[tuple[tuple[_Column, ...], Callable[[pd.DataFrame], Any]]] = [
        (_ALPHA, lambda answers: cronbach_alpha(answers, missing=missing, level=level)),
        (_OMEGA, lambda answers: composite_omega(answers, missing=missing, level=level)),
        (
            _GUTTMAN,
            lambda answers: guttman_lambdas(
                answers, interval=interval, n_bootstrap=n_bootstrap, missing=missing, level=level, rng=random
            ),
        ),
        (_BOUND, lambda answers: greatest_lower_bound(answers, missing=missing)),
        (_SPLIT, lambda answers: split_half(answers, missing=missing, level=level)),
        (
            _STANDARDIZED_GUTTMAN,
            lambda answers: guttman_lambdas(answers, standardized=True, missing=missing, rng=random),
        ),
    ]
    if standard_error:
        families.append((_ERROR, lambda answers: measurement_error(answers, level=level)))
    if ordinal:
        families += [
            (_ORDINAL_ALPHA, lambda answers: ordinal_alpha(answers, missing=missing, level=level)),
            (_CATEGORICAL, lambda answers: composite_omega(answers, ordinal=True, missing=missing, level=level)),
        ]
    lines: list[dict[str, object]] = []
    warnings: list[Problem] = []
    counts: dict[str, dict[str, int]] = {}
    labelled = df.set_axis(list(whole.items), axis=1)
    for scale, named in scales.items():
        answers = labelled[known_items(whole.items, named, f"scale {scale}")]
        answered = answers.notna().to_numpy()
        used = int((answered.all(axis=1) if missing == "listwise" else answered.any(axis=1)).sum())
        counts[scale] = {"n_persons": used, "n_items": answers.shape[1], "n_dropped": len(answers) - used}
        for columns, compute in families:
            found = _lines(columns, compute, answers, warnings, scale)
            lines.extend({"scale": scale, "n_persons": used, **line} for line in found)
    order = ["scale", "coefficient", "estimate", "low", "high", "interval", "n_persons", "formula"]
    coefficients = pd.DataFrame(lines)[order]
    options = {
        "scales": {scale: list(named) for scale, named in scales.items()},
        "ordinal": ordinal,
        "standard_error": standard_error,
        "interval": interval,
        "n_bootstrap": n_bootstrap,
        "missing": missing,
        "level": level,
    }
    return ReliabilityTableResult(
        table=_wide(coefficients, counts),
        coefficients=coefficients,
        level=level,
        n_persons=whole.n_persons,
        n_items=whole.n_items,
        n_dropped=0,
        method=f"reliability coefficients by scale, formulas in the table of coefficients, {missing}",
        warnings=tuple(dict.fromkeys(warnings)),
        provenance=provenance("reliability_table", options, seed=seed),
    )


def _lines(
    columns: tuple[_Column, ...],
    compute: Callable[[pd.DataFrame], Any],
    answers: pd.DataFrame,
    warnings: list[Problem],
    scale: str,
) -> Iterator[dict[str, object]]:
    """Yield the coefficients of one result; NaN, with the reason among the warnings, where there is none."""
    try:
        found = compute(answers)
    except StatisticsError as error:
        warnings += [replace(problem, key=scale) for problem in error.problems]
        found = None
    else:
        warnings += [replace(problem, key=scale) for problem in found.warnings]
    for column in columns:
        limits = _limits(found, column) if column.interval else None
        yield {
            "coefficient": column.name,
            "estimate": float("nan") if found is None else float(getattr(found, column.attribute)),
            "low": float("nan") if limits is None else limits.low,
            "high": float("nan") if limits is None else limits.high,
            "interval": "none" if limits is None else limits.method,
            **({} if found is None else {"n_persons": found.n_persons}),
            "formula": column.formula or ("not computed" if found is None else found.method),
        }


def _limits(found: Any, column: _Column) -> Interval | None:
    if isinstance(found, GuttmanResult):
        return None if found.intervals is None else found.intervals[column.attribute]
    limits: Interval | None = None if found is None else found.interval
    return limits


def _wide(coefficients: pd.DataFrame, counts: dict[str, dict[str, int]]) -> pd.DataFrame:
    """Return one row a scale; a coefficient is followed by its limits if any scale has them."""
    wide: pd.DataFrame = pd.DataFrame.from_dict(counts, orient="index").rename_axis("scale")
    by_scale = coefficients.set_index(["coefficient", "scale"])
    for name in coefficients["coefficient"].unique():
        own = by_scale.loc[name]
        wide[name] = own["estimate"]
        if (own["interval"] != "none").any():
            wide[[f"{name}_low", f"{name}_high"]] = own[["low", "high"]]
    return wide
