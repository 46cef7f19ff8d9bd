"""Tables of a validation run: one definition of each, from which the report's table and the CSV file are made."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from toolkit.reporting.coefficient_tables import coefficient_tables
from toolkit.reporting.confirmation_report import confirmation_tables
from toolkit.reporting.screening_tables import screening_tables
from toolkit.reporting.table import Table, shown
from toolkit.reporting.unit_tables import (
    COLUMN_DECIMALS,
    COLUMN_HEADINGS,
    beside,
    item_columns,
    scale_columns,
    unit_tables,
)

if TYPE_CHECKING:
    from toolkit.psychometrics import AlphaResult, OmegaResult
    from toolkit.validation.run import ValidationRun


def validation_tables(run: ValidationRun, *, language: str) -> dict[str, Table]:
    """Make every table of a run that has content, by name.

    Parameters
    ----------
    run : ValidationRun
        What was found.
    language : str
        Language of item texts, scale names and answer labels.
    """
    tables = [
        _items(run, language),
        _distribution(run),
        _missing(run),
        _reliability(run, language),
        *unit_tables(run, {code: scale_name(run, code, language) for code in run.scales}),
        *coefficient_tables(run),
        _sensitivity(run),
        *screening_tables(run),
        _item_analysis(run, language),
        _scores(run, language),
        *_structure(run, language),
        *confirmation_tables(run, spoken=language),
        _replication(run),
        _ratings(run, language),
        _notes(run),
    ]
    return {table.name: table for table in tables if not table.frame.empty}


def scale_name(run: ValidationRun, code: str | None, language: str) -> str:
    """Return the scale's name in a language, its code where there is none, and a word for the whole instrument."""
    if code is None:
        return "Whole instrument"
    text = run.instrument.texts[language].scales.get(code)
    return code if text is None else text.name


def item_text(run: ValidationRun, item: str, language: str) -> str:
    """Return the sentence of an item in a language."""
    return run.instrument.texts[language].items[item].text


def _items(run: ValidationRun, language: str) -> Table:
    described = run.description.table
    scale_of = {item: code for code, scale in run.scales.items() for item in scale.items}
    turned = {item for scale in run.scales.values() for item in scale.reversed}
    head = pd.DataFrame(
        {
            "item": described.index,
            "text": [item_text(run, str(item), language) for item in described.index],
            "scale": [scale_of.get(str(item)) for item in described.index],
            "reversed": [str(item) in turned for item in described.index],
        }
    )
    return Table(
        name="items",
        caption="Items: answers, mean and shape" + (" (reversed items after reversing)" if turned else ""),
        frame=pd.concat([head, described.reset_index(drop=True)], axis=1),
        headings={
            "n_missing": "missing",
            "minimum": "min",
            "maximum": "max",
            "floor": "floor share",
            "ceiling": "ceiling share",
        },
        decimals={"mean": 2, "sd": 2, "skewness": 2, "kurtosis": 2, "floor": 2, "ceiling": 2},
        hidden=("text",) if turned else ("text", "reversed"),
        n_labels=2,
        note=f"{_sentence(run.description.method)} Floor and ceiling are the shares of the answers at the lowest and "
        "highest point.",
    )


def _distribution(run: ValidationRun) -> Table:
    frame = run.data.distribution.reset_index()
    names = {str(missing.code): name.replace("_", " ") for name, missing in run.instrument.missing_codes.items()}
    return Table(
        name="distribution",
        caption="Answers as given: how often each code was chosen",
        frame=frame,
        headings={code: f"{shown(int(code))} {name}" for code, name in names.items()},
        note="An en dash: the item does not offer the code.",
    )


def _missing(run: ValidationRun) -> Table:
    return Table(
        name="missing",
        caption="Missing answers of each item by kind",
        frame=run.data.missing.reset_index(),
    )


def _reliability(run: ValidationRun, language: str) -> Table:
    rows: list[dict[str, object]] = []
    units = run.units
    for code, scale in run.scales.items():
        for coefficient, result, by_unit in (
            ("alpha", scale.alpha, None if units is None else units.alpha.get(code)),
            ("omega total", scale.omega, None if units is None else units.omega.get(code)),
        ):
            if result is not None:
                with_units = {} if units is None else _limits_with_units(by_unit)
                rows.append(
                    {
                        "scale": code,
                        "name": scale_name(run, code, language),
                        "coefficient": coefficient,
                        "estimate": result.estimate,
                        "low": result.interval.low,
                        "high": result.interval.high,
                        "level": result.interval.level,
                        "interval_method": result.interval.method,
                        "n_items": result.n_items,
                        "n_persons": result.n_persons,
                        "n_smallest_pair": scale.alpha.n_smallest_pair if scale.alpha else None,
                        "mean_inter_item_correlation": scale.alpha.mean_inter_item_correlation if scale.alpha else None,
                        "method": result.method,
                        **scale_columns(run, code),
                        **with_units,
                    }
                )
    return Table(
        name="reliability",
        caption="Reliability of each scale with its interval",
        frame=beside(pd.DataFrame(rows), after="high"),
        headings={
            "n_smallest_pair": "n behind the interval",
            "mean_inter_item_correlation": "mean item correlation",
            "low_with_units": "low with units",
            "high_with_units": "high with units",
            **COLUMN_HEADINGS,
        },
        decimals={
            **dict.fromkeys(("estimate", "low", "high", "low_with_units", "high_with_units"), 3),
            **dict.fromkeys(("level", "mean_inter_item_correlation"), 2),
            **COLUMN_DECIMALS,
        },
        hidden=("level", "interval_method", "method", "interval_method_with_units"),
        n_labels=3,
        note="" if units is None else _UNITS_NOTE,
    )


_UNITS_NOTE = (
    "ICC(1) and design effect are those of the scale's score by unit. The design effect says how many times the "
    "variance of a mean score is what independent persons would give. Low and high take persons as independent; low "
    "and high with units do not."
)


def _limits_with_units(result: AlphaResult | OmegaResult | None) -> dict[str, object]:
    """Return the limits that respect units as columns; NaN where there are none."""
    interval = None if result is None else result.interval
    return {
        "low_with_units": math.nan if interval is None else interval.low,
        "high_with_units": math.nan if interval is None else interval.high,
        "interval_method_with_units": None if interval is None else interval.method,
    }


def _sensitivity(run: ValidationRun) -> Table:
    words = {
        "pairwise": "everyone who answered both items of a pair",
        "listwise": "only persons who answered every item of the scale",
        "pairwise_without_structural": "without persons for whom an item of the scale does not apply",
    }
    rows = [
        {
            "scale": code,
            "rule": line.rule,
            "persons": words[line.rule],
            **_numbers(line),
            **scale_columns(run, code),
        }
        for code, scale in run.scales.items()
        for line in scale.sensitivity
    ]
    return Table(
        name="sensitivity",
        caption="Alpha under each way to treat missing answers",
        frame=beside(pd.DataFrame(rows), after="high"),
        headings={
            "estimate": "alpha",
            "n_persons": "n",
            "n_smallest_pair": "n behind the interval",
            **COLUMN_HEADINGS,
        },
        decimals={"estimate": 3, "low": 3, "high": 3, **COLUMN_DECIMALS},
        hidden=("rule",),
        n_labels=2,
    )


def _numbers(line: Any) -> dict[str, object]:
    return {name: getattr(line, name) for name in ("estimate", "low", "high", "n_persons", "n_smallest_pair")}


def _item_analysis(run: ValidationRun, language: str) -> Table:
    parts = []
    for code, scale in run.scales.items():
        if scale.item_analysis is None:
            continue
        part = scale.item_analysis.table.rename_axis("item").reset_index()
        part.insert(1, "text", [item_text(run, str(item), language) for item in part["item"]])
        part.insert(0, "scale", code)
        part["loading"] = part["item"].map(scale.omega.loadings) if scale.omega is not None else float("nan")
        part["alpha"] = scale.alpha.estimate if scale.alpha is not None else float("nan")
        of_units = pd.DataFrame([item_columns(run, str(item)) for item in part["item"]])
        part = beside(pd.concat([part, of_units], axis=1), after="item_rest_high")
        parts.append(part)
    return Table(
        name="item_analysis",
        caption="Items within their scale",
        frame=pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(),
        headings={
            "item_rest_correlation": "item-rest r",
            "item_rest_low": "low",
            "item_rest_high": "high",
            "alpha_if_dropped": "alpha without item",
            "alpha": "alpha of scale",
            "loading": "one-factor loading",
            **COLUMN_HEADINGS,
        },
        decimals={
            "mean": 2,
            "sd": 2,
            "item_rest_correlation": 2,
            "item_rest_low": 2,
            "item_rest_high": 2,
            "alpha_if_dropped": 3,
            "alpha": 3,
            "loading": 2,
            **COLUMN_DECIMALS,
        },
        hidden=("mean", "sd", "alpha"),
        n_labels=3,
        note="The item-rest correlation is that of an item with the sum of the others in its scale."
        + (
            ""
            if run.units is None
            else " ICC(1) and design effect are those of the item by unit; the limits ignore units."
        ),
    )


def _scores(run: ValidationRun, language: str) -> Table:
    rows = []
    for code, scale in run.scales.items():
        scores = scale.scores
        numbers = scores.to_dict()
        rows.append(
            {
                "scale": code,
                "name": scale_name(run, code, language),
                "n_scored": scores.n_scored,
                **{status: count for status, count in scores.status.items() if status != "scored"},
                **{
                    name: numbers[name]
                    for name in ("mean", "sd", "minimum", "lower_quartile", "median", "upper_quartile", "maximum")
                },
                "share_lowest": scores.share_lowest,
                "share_highest": scores.share_highest,
            }
        )
    shown_range = run.instrument.definition.scoring
    return Table(
        name="scores",
        caption=f"Scale scores, {shown_range.shown_from:g} to {shown_range.shown_to:g}",
        frame=pd.DataFrame(rows),
        headings={
            "n_scored": "scored",
            "minimum": "min",
            "maximum": "max",
            "lower_quartile": "25 %",
            "upper_quartile": "75 %",
            "share_lowest": "share lowest",
            "share_highest": "share highest",
        },
        decimals={
            "mean": 1,
            "sd": 1,
            "minimum": 1,
            "lower_quartile": 1,
            "median": 1,
            "upper_quartile": 1,
            "maximum": 1,
            "share_lowest": 3,
            "share_highest": 3,
        },
        n_labels=2,
    )


def _structure(run: ValidationRun, language: str) -> Iterable[Table]:
    found = run.structure
    if found is None:
        return
    if found.kaiser_meyer_olkin is not None:
        per_item = found.kaiser_meyer_olkin.per_item
        frame = pd.DataFrame(
            {"item": [*per_item.index, "all items"], "kmo": [*per_item, found.kaiser_meyer_olkin.overall]}
        )
        yield Table(
            name="suitability",
            caption="Kaiser-Meyer-Olkin measure of each item",
            frame=frame,
            headings={"kmo": "KMO"},
            decimals={"kmo": 3},
        )
    if found.parallel is not None:
        parallel = found.parallel
        yield Table(
            name="eigenvalues",
            caption="Eigenvalues, observed and of random data",
            frame=pd.DataFrame(
                {
                    "number": range(1, len(parallel.eigenvalues) + 1),
                    "observed": parallel.eigenvalues,
                    "random_mean": parallel.reference_mean,
                    "random_percentile": parallel.reference_percentile,
                    "exceeds_mean": parallel.eigenvalues > parallel.reference_mean,
                }
            ),
            headings={
                "random_mean": "random, mean",
                "random_percentile": f"random, {parallel.percentile:g}th percentile",
                "exceeds_mean": "above the mean",
            },
            decimals={"observed": 3, "random_mean": 3, "random_percentile": 3},
            note=_sentence(parallel.method),
        )
    if found.retention is not None:
        yield Table(
            name="number_of_factors",
            caption="Number of factors: the criteria side by side",
            frame=found.retention.table.reset_index(),
            headings={"n_factors": "factors", "tendency": "known to keep"},
            decimals={"n_factors": 0},
            hidden=("method",),
            note=_sentence(found.retention.method),
        )
    if found.efa is None:
        return
    efa = found.efa
    scale_of = {item: code for code, scale in run.scales.items() for item in scale.items}
    loadings = efa.loadings.rename_axis("item").reset_index()
    loadings.insert(1, "text", [item_text(run, str(item), language) for item in loadings["item"]])
    loadings.insert(1, "scale", [scale_of.get(str(item)) for item in loadings["item"]])
    loadings["communality"] = efa.communalities.to_numpy()
    loadings["uniqueness"] = efa.uniquenesses.to_numpy()
    factors = [str(factor) for factor in efa.loadings.columns]
    yield Table(
        name="loadings",
        caption="Pattern loadings and communalities",
        frame=loadings,
        decimals=dict.fromkeys([*factors, "communality", "uniqueness"], 2),
        hidden=("uniqueness",),
        n_labels=3,
        note=_sentence(efa.method),
    )
    variance = efa.variance.rename_axis("factor").reset_index()
    yield Table(
        name="factor_variance",
        caption="Variance explained by each factor",
        frame=variance,
        headings={"ss_loadings": "sum of squared loadings"},
        decimals={"ss_loadings": 2, "proportion": 3, "cumulative": 3},
    )
    if found.n_factors > 1:
        yield Table(
            name="factor_correlations",
            caption="Correlations of the factors",
            frame=efa.phi.rename_axis("factor").reset_index(),
            decimals=dict.fromkeys(factors, 2),
        )
    fit = [
        ("chi-square", efa.chi_square, efa.df, math.nan, math.nan),
        ("p value of chi-square", efa.p_value, None, math.nan, math.nan),
        ("RMSEA", efa.rmsea.estimate, None, efa.rmsea.low, efa.rmsea.high),
        ("TLI", efa.tli, None, math.nan, math.nan),
        ("SRMR", efa.srmr, None, math.nan, math.nan),
        ("BIC", efa.bic, None, math.nan, math.nan),
    ]
    measures = pd.DataFrame(fit, columns=["measure", "estimate", "df", "low", "high"]).astype({"df": "Int64"})
    told = f"The interval of RMSEA has level {efa.rmsea.level:.0%}."
    if run.units is not None:
        icc1, effect = run.units.typical_item(found.items)
        measures["icc1"] = [icc1 if measure == "RMSEA" else math.nan for measure in measures["measure"]]
        measures["design_effect"] = [effect if measure == "RMSEA" else math.nan for measure in measures["measure"]]
        told += " It ignores units, as do chi-square and p; ICC(1) and design effect are the means of the items' own."
    yield Table(
        name="fit",
        caption="Fit of the exploratory model",
        frame=measures,
        headings=COLUMN_HEADINGS,
        decimals={"estimate": 3, "low": 3, "high": 3, **COLUMN_DECIMALS},
        note=told,
    )


def _replication(run: ValidationRun) -> Table:
    columns = ("quantity", "of", "ours", "theirs", "difference", "tolerance", "agrees", "peer", "peer_version",
               "n_persons", "note")  # fmt: skip
    frame = pd.DataFrame([line.to_dict() for line in run.replication], columns=list(columns))
    return Table(
        name="replication",
        caption="The same quantities from other programs",
        frame=frame,
        headings={"peer": "program", "peer_version": "version", "n_persons": "n"},
        decimals={"ours": 6, "theirs": 6, "difference": 6, "tolerance": 6},
        n_labels=2,
    )


def _ratings(run: ValidationRun, language: str) -> Table:
    return Table(
        name="ratings",
        caption="Measurement properties",
        frame=pd.DataFrame(
            [
                {
                    "property": rating.measurement_property.replace("_", " "),
                    "of": scale_name(run, rating.scale, language),
                    "rating": rating.verdict,
                    "reason": rating.reason,
                    "sample": rating.sample,
                    "rule": rating.rule,
                    **rating.evidence,
                }
                for rating in run.ratings
            ]
        ),
        hidden=("rule", *dict.fromkeys(name for rating in run.ratings for name in rating.evidence)),
        n_labels=2,
    )


def _notes(run: ValidationRun) -> Table:
    rows = [
        {"kind": "warning", "statistic": statistic, "scale": scale, **_told(problem)}
        for statistic, scale, problem in run.warnings
    ]
    rows += [
        {"kind": "not computed", "statistic": absent.statistic, "scale": absent.scale, **_told(problem)}
        for absent in run.not_computed
        for problem in absent.problems
    ]
    return Table(name="notes", caption="What must be known about the numbers", frame=pd.DataFrame(rows), n_labels=3)


def _told(problem: Any) -> dict[str, object]:
    return {
        "code": str(problem.code),
        "item": problem.item,
        "what": problem.what,
        "got": problem.got,
        "fix": problem.fix,
    }


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
