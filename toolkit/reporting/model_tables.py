"""Tables of a confirmatory model: fit, loadings, correlations, residual variances, what to free, and reliability."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd

from toolkit.reporting.model_graph import SMALLEST_ERROR, flag_sentences, model_graph, named
from toolkit.reporting.table import Table
from toolkit.reporting.words import report_words

CONVENTIONAL: Mapping[str, tuple[str, float]] = {
    "pvalue": ("at_least", 0.05),
    "cfi": ("at_least", 0.95),
    "tli": ("at_least", 0.95),
    "rmsea": ("at_most", 0.06),
    "srmr": ("at_most", 0.08),
}
"""Cut-offs of Hu and Bentler (1999, https://doi.org/10.1080/10705519909540118), and 5 % for the test."""
SHOWN_INDICES = 10
"""Modification indices that a report shows; the rest only invite a search."""

Family = Literal["likelihood", "full_information", "ordinal"]

_FIT: tuple[tuple[str, int], ...] = (
    ("chisq", 2),
    ("df", 0),
    ("pvalue", 3),
    ("chisq.scaling.factor", 3),
    ("chisq.shift.parameter", 3),
    ("cfi", 3),
    ("tli", 3),
    ("rmsea", 3),
    ("rmsea.ci.lower", 3),
    ("rmsea.ci.upper", 3),
    ("rmsea.pvalue", 3),
    ("srmr", 3),
    ("logl", 2),
    ("npar", 0),
    ("aic", 1),
    ("bic", 1),
)
_VARIANTS = ("naive", "scaled", "robust")
_LINK = {"=~": "\N{RIGHTWARDS ARROW}", "~~": "\N{LEFT RIGHT ARROW}", "~": "\N{LEFTWARDS ARROW}"}
_RELIABILITY_DECIMALS = 3


def fit_table(
    fit: Mapping[str, float],
    *,
    n_persons: int,
    method: str = "",
    family: Family | None = None,
    language: str = "en",
    dynamic: Mapping[str, Mapping[str, float]] | None = None,
    flags: Sequence[str] = (),
) -> Table:
    """Make the table of fit: each index naive, scaled and robust where it exists, beside the cut-offs.

    Parameters
    ----------
    fit : mapping of str to float
        Fit measures by lavaan's names.
    n_persons : int
        Persons that the model was fitted to.
    method : str
        Name of the estimator and its variant.
    family : {"likelihood", "full_information", "ordinal"}, optional
        What the statistics come from, which says whose formulas they follow; None names all that it may be.
    language : str
        Language of words and numbers.
    dynamic : mapping of str to mapping of str to float, optional
        Simulated cut-offs of this model: name of the amount of misfit, then index (``"cfi"``, ``"rmsea"``, ``"srmr"``)
        to value.
    flags : sequence of str
        Why the solution cannot be read.
    """
    words = report_words(language)
    rows: list[dict[str, Any]] = []
    decimals = []
    for index, places in _FIT:
        values = {variant: _of_variant(fit, index, variant) for variant in _VARIANTS}
        if all(value is None for value in values.values()):
            continue
        side, limit = CONVENTIONAL.get(index, ("", math.nan))
        row: dict[str, Any] = {"code": index, "index": words[_key("cfa_fit", index)]}
        row |= {variant: math.nan if value is None else value for variant, value in values.items()}
        row |= {"side": words[f"cfa_{side}"] if side else "", "conventional": limit}
        for misfit, cut_offs in (dynamic or {}).items():
            row[misfit] = float(cut_offs.get(index, math.nan))
        row |= {"formula": _formula(index, values, words, family), "n": float(n_persons)}
        rows.append(row)
        decimals.append(places)
    frame = pd.DataFrame(rows)
    kept = [
        column
        for column in frame.columns
        if column not in {*_VARIANTS, "conventional"} or not frame[column].isna().all()
    ]
    frame = frame[kept].assign(n=frame["n"].astype("int64"))
    notes = [*flags, method and f"{method}.", words["cfa_fit_note"], words["cfa_fit_note_dynamic"] if dynamic else ""]
    return Table(
        name="cfa_fit",
        caption=words["cfa_fit_caption"],
        frame=frame,
        headings={column: words[f"cfa_{column}"] for column in ("index", *_VARIANTS, "side", "conventional", "formula")}
        | {misfit: words["cfa_dynamic"].format(misfit=misfit) for misfit in dynamic or {}},
        row_decimals=tuple(decimals),
        hidden=("code",),
        note=" ".join(filter(None, notes)),
        language=language,
    )


def _of_variant(fit: Mapping[str, float], index: str, variant: str) -> float | None:
    """Return a fit measure of one variant; None where there is none of that name."""
    if index in {"chisq.scaling.factor", "chisq.shift.parameter"}:
        value = fit.get(index) if variant == "scaled" else None
        return None if index == "chisq.shift.parameter" and not value else value
    return fit.get(index if variant == "naive" else f"{index}.{variant}")


def _key(prefix: str, name: str) -> str:
    return f"{prefix}_{name.replace('.', '_')}"


def _formula(index: str, values: Mapping[str, float | None], words: Mapping[str, str], family: Family | None) -> str:
    parts = [_told(_key("cfa_formula", index), words, family)]
    parts += [
        _told(_key("cfa_formula", f"{index}_{variant}"), words, family)
        for variant in ("scaled", "robust")
        if values[variant] is not None
    ]
    return "; ".join(filter(None, parts))


def _told(key: str, words: Mapping[str, str], family: Family | None) -> str:
    return words.get(f"{key}_{family}") or words.get(key, "")


def loadings_table(
    parameters: pd.DataFrame,
    standardized: pd.DataFrame,
    *,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
) -> Table:
    """Make the table of loadings: as estimated and standardised, with standard errors and intervals.

    Parameters
    ----------
    parameters, standardized : DataFrame
        Columns lhs, op, rhs, group, est, se, z, p, ci_lower, ci_upper.
    language : str
        Language of words and numbers.
    names : mapping of str to str, optional
        Names of factors and items for readers.
    flags : sequence of str
        Why the solution cannot be read.
    """
    words = report_words(language)
    key = ["lhs", "op", "rhs", "group"]
    plain = parameters[parameters["op"] == "=~"]
    standard = standardized[standardized["op"] == "=~"]
    plain, standard = _without_fixed_errors(plain), _without_fixed_errors(standard)
    both = _grouped(plain).merge(_grouped(standard), on=key, how="right", suffixes=("", "_std"), sort=False)
    frame = pd.DataFrame(
        {
            "group": both["group"],
            "factor": [named(names, str(part)) for part in both["lhs"]],
            "item": [named(names, str(part)) for part in both["rhs"]],
            "std": both["est_std"],
            "std_se": both["se_std"],
            "std_low": both["ci_lower_std"],
            "std_high": both["ci_upper_std"],
            "est": both["est"],
            "se": both["se"],
            "z": both["z"],
            "p": both["p"],
            "flag": [words["cfa_flag_value"] if abs(value) > 1 + 1e-8 else "" for value in both["est_std"]],
        }
    )
    frame, n_labels = _shown_columns(frame, 2)
    return Table(
        name="cfa_loadings",
        caption=words["cfa_loadings_caption"],
        frame=frame,
        headings=_headings(frame, words),
        decimals=dict.fromkeys(("std", "std_se", "std_low", "std_high", "est", "se", "p"), 3) | {"z": 2},
        n_labels=n_labels,
        note=" ".join([*flags, words["cfa_loadings_note"]]),
        language=language,
    )


def factor_correlations_table(
    standardized: pd.DataFrame,
    *,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
) -> Table:
    """Make the table of the correlations of factors, one row a pair, with standard errors and intervals."""
    words = report_words(language)
    factors = set(standardized.loc[standardized["op"] == "=~", "lhs"])
    rows = standardized[
        (standardized["op"] == "~~")
        & standardized["lhs"].isin(factors)
        & standardized["rhs"].isin(factors)
        & (standardized["lhs"] != standardized["rhs"])
    ]
    return _pairs_table("cfa_factor_correlations", rows, words, language, names, flags)


def residual_correlations_table(
    standardized: pd.DataFrame,
    *,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
) -> Table:
    """Make the table of the correlations of item residuals, one row a pair; empty where the model has none."""
    words = report_words(language)
    factors = set(standardized.loc[standardized["op"] == "=~", "lhs"])
    rows = standardized[
        (standardized["op"] == "~~")
        & ~standardized["lhs"].isin(factors)
        & ~standardized["rhs"].isin(factors)
        & (standardized["lhs"] != standardized["rhs"])
    ]
    return _pairs_table("cfa_residual_correlations", rows, words, language, names, flags)


def _pairs_table(
    name: str,
    rows: pd.DataFrame,
    words: Mapping[str, str],
    language: str,
    names: Mapping[str, str] | None,
    flags: Sequence[str],
) -> Table:
    rows = _grouped(_without_fixed_errors(rows))
    frame = pd.DataFrame(
        {
            "group": rows["group"],
            "one": [named(names, str(part)) for part in rows["lhs"]],
            "other": [named(names, str(part)) for part in rows["rhs"]],
            "correlation": rows["est"],
            "se": rows["se"],
            "low": rows["ci_lower"],
            "high": rows["ci_upper"],
            "p": rows["p"],
            "flag": [words["cfa_flag_value"] if abs(value) > 1 + 1e-8 else "" for value in rows["est"]],
        }
    )
    frame, n_labels = _shown_columns(frame, 2)
    return Table(
        name=name,
        caption=words[f"{name}_caption"],
        frame=frame,
        headings=_headings(frame, words),
        decimals=dict.fromkeys(("correlation", "se", "low", "high", "p"), 3),
        n_labels=n_labels,
        note=" ".join([*flags, words["cfa_correlations_note"]]),
        language=language,
    )


def factor_correlation_matrix(
    standardized: pd.DataFrame,
    *,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    group: str | None = None,
    flags: Sequence[str] = (),
) -> Table:
    """Make the square table of the correlations of factors; it stands in for the arcs of a diagram of many factors."""
    words = report_words(language)
    graph = model_graph(standardized, group=group)
    parts = list(dict.fromkeys(part for link in graph.correlations for part in (link.source, link.target)))
    parts = [factor for factor in graph.factors if factor in parts]
    value = {(link.source, link.target): link.estimate for link in graph.correlations}
    value |= {(other, one): estimate for (one, other), estimate in value.items()}
    shown = [named(names, part) for part in parts]
    columns: dict[str, list[Any]] = {"factor": shown}
    for place, (part, heading) in enumerate(zip(parts, shown, strict=True)):
        label = heading if heading not in columns else f"{heading} ({part})"
        columns[label] = [
            1.0 if other == part else value.get((other, part), 0.0) if row > place else math.nan
            for row, other in enumerate(parts)
        ]
    return Table(
        name="cfa_factor_correlation_matrix",
        caption=words["cfa_factor_correlation_matrix_caption"],
        frame=pd.DataFrame(columns),
        headings={"factor": words["cfa_factor"]},
        decimals=dict.fromkeys([column for column in columns if column != "factor"], 2),
        note=" ".join(flags),
        language=language,
    )


def residual_variances_table(
    standardized: pd.DataFrame,
    *,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
) -> Table:
    """Make the table of what the factors leave over of each item, and of what they explain."""
    words = report_words(language)
    factors = set(standardized.loc[standardized["op"] == "=~", "lhs"])
    measured = set(standardized.loc[standardized["op"] == "=~", "rhs"])
    rows = _grouped(
        standardized[
            (standardized["op"] == "~~")
            & (standardized["lhs"] == standardized["rhs"])
            & standardized["lhs"].isin(measured)
        ]
    )
    frame = pd.DataFrame(
        {
            "group": rows["group"],
            "item": [named(names, str(part)) for part in rows["lhs"]],
            "kind": [words["cfa_kind_factor" if part in factors else "cfa_kind_item"] for part in rows["lhs"]],
            "residual": rows["est"],
            "se": rows["se"],
            "low": rows["ci_lower"],
            "high": rows["ci_upper"],
            "explained": 1.0 - rows["est"],
            "flag": [words["cfa_flag_value"] if value < 0 else "" for value in rows["est"]],
        }
    )
    frame, n_labels = _shown_columns(frame, 1)
    return Table(
        name="cfa_residual_variances",
        caption=words["cfa_residual_variances_caption"],
        frame=frame,
        headings=_headings(frame, words),
        decimals=dict.fromkeys(("residual", "se", "low", "high", "explained"), 3),
        n_labels=n_labels,
        note=" ".join([*flags, words["cfa_residual_variances_note"]]).strip(),
        language=language,
    )


def modification_table(
    indices: pd.DataFrame,
    *,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    n_shown: int = SHOWN_INDICES,
    flags: Sequence[str] = (),
) -> Table:
    """Make the table of the largest modification indices, with the warning that belongs to it.

    Parameters
    ----------
    indices : DataFrame
        Columns lhs, op, rhs, group, mi, epc, sepc.
    language : str
        Language of words and numbers.
    names : mapping of str to str, optional
        Names of factors and items for readers.
    n_shown : int
        How many rows the table has.
    flags : sequence of str
        Why the solution cannot be read.
    """
    words = report_words(language)
    found = _grouped(indices.dropna(subset=["mi"]).sort_values("mi", ascending=False, kind="stable"))
    top = found.head(n_shown)
    frame = pd.DataFrame(
        {
            "group": top["group"],
            "one": [named(names, str(part)) for part in top["lhs"]],
            "link": [_LINK.get(str(op), str(op)) for op in top["op"]],
            "other": [named(names, str(part)) for part in top["rhs"]],
            "mi": top["mi"],
            "epc": top["epc"],
            "sepc": top["sepc"],
        }
    ).reset_index(drop=True)
    frame, n_labels = _shown_columns(frame, 3)
    warning = words["cfa_modification_note"].format(n=len(top), total=len(found))
    return Table(
        name="cfa_modification_indices",
        caption=words["cfa_modification_caption"],
        frame=frame,
        headings=_headings(frame, words),
        decimals={"mi": 2, "epc": 3, "sepc": 3},
        n_labels=n_labels,
        note=" ".join([warning, *flags]),
        language=language,
    )


def model_reliability_table(
    reliability: pd.DataFrame,
    *,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
) -> Table:
    """Make the table of a model's reliability: omega, average variance extracted and whatever else there is.

    Parameters
    ----------
    reliability : DataFrame
        One row a factor, named in a column ``factor`` or in the index; one column a coefficient.
    language : str
        Language of words and numbers.
    names : mapping of str to str, optional
        Names of factors for readers.
    flags : sequence of str
        Why the solution cannot be read.
    """
    words = report_words(language)
    frame = reliability if "factor" in reliability.columns else reliability.rename_axis("factor").reset_index()
    order = ["factor", *(column for column in frame.columns if column != "factor")]
    frame = frame[order].assign(factor=[named(names, str(part)) for part in frame["factor"]])
    frame.columns = pd.Index([str(column) for column in frame.columns])
    frame, n_labels = _shown_columns(frame.reset_index(drop=True), 1)
    numbers = [
        column for column in frame.columns if pd.api.types.is_float_dtype(frame[column]) and not column.startswith("n_")
    ]
    return Table(
        name="cfa_reliability",
        caption=words["cfa_reliability_caption"],
        frame=frame,
        headings=_headings(frame, words),
        decimals=dict.fromkeys(numbers, _RELIABILITY_DECIMALS),
        n_labels=n_labels,
        note=" ".join([*flags, words["cfa_reliability_note"]]),
        language=language,
    )


def htmt_table(
    ratios: pd.DataFrame,
    *,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
) -> Table:
    """Make the table of the heterotrait-monotrait ratios of correlations.

    Parameters
    ----------
    ratios : DataFrame, shape (n_factors, n_factors)
        Symmetric, named in rows and columns; each ratio is shown once.
    language : str
        Language of words and numbers.
    names : mapping of str to str, optional
        Names of factors for readers.
    flags : sequence of str
        Why the solution cannot be read.
    """
    words = report_words(language)
    columns: dict[str, list[Any]] = {"factor": [named(names, str(part)) for part in ratios.index]}
    for place, part in enumerate(ratios.columns):
        values = ratios[part].tolist()
        columns[named(names, str(part))] = [value if row > place else math.nan for row, value in enumerate(values)]
    return Table(
        name="cfa_htmt",
        caption=words["cfa_htmt_caption"],
        frame=pd.DataFrame(columns),
        headings={"factor": words["cfa_factor"]},
        decimals=dict.fromkeys([column for column in columns if column != "factor"], 3),
        note=" ".join([*flags, words["cfa_htmt_note"]]),
        language=language,
    )


def table_flags(
    standardized: pd.DataFrame,
    *,
    admissible: bool,
    converged: bool,
    language: str = "en",
    names: Mapping[str, str] | None = None,
) -> list[str]:
    """Return the sentences that say why a solution cannot be read, for the notes of its tables; all groups."""
    words = report_words(language)
    groups = standardized["group"].unique() if "group" in standardized.columns else [None]
    links = [link for group in groups for link in model_graph(standardized, group=group).impossible]
    return flag_sentences(
        links, words=words, language=language, names=names, admissible=admissible, converged=converged
    )


def _grouped(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with a column of groups, empty where there are none."""
    frame = frame.reset_index(drop=True)
    return frame if "group" in frame.columns else frame.assign(group="")


def _without_fixed_errors(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of which those with a fixed value have no standard error and no interval."""
    fixed = ~(rows["se"] > SMALLEST_ERROR)
    columns = ["se", "ci_lower", "ci_upper"]
    return rows.assign(**{column: rows[column].mask(fixed) for column in columns})


def _shown_columns(frame: pd.DataFrame, n_labels: int) -> tuple[pd.DataFrame, int]:
    """Leave out the column of groups without groups, and that of flags where nothing is flagged."""
    if "group" in frame.columns:
        if (frame["group"] == "").all():
            frame = frame.drop(columns="group")
        else:
            n_labels += 1
    if "flag" in frame.columns and (frame["flag"] == "").all():
        frame = frame.drop(columns="flag")
    return frame, n_labels


def _headings(frame: pd.DataFrame, words: Mapping[str, str]) -> dict[str, str]:
    keys = {column: "cfa_flag_heading" if column == "flag" else f"cfa_{column}" for column in map(str, frame.columns)}
    return {column: words[key] for column, key in keys.items() if key in words}
