"""Figures and tables of the confirmatory part of a validation, and all of it in one language for a page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from toolkit.reporting.confirmation_narrative import (
    SMALLEST,
    confirmation_flags,
    confirmation_sentences,
    invariance_sentences,
)
from toolkit.reporting.drawing import Draft, Figure
from toolkit.reporting.model_report import (
    invariance_tables,
    ladder_figure,
    latent_means_draft,
    model_diagrams,
    model_drafts,
    model_tables,
)
from toolkit.reporting.table import Table
from toolkit.reporting.words import report_words
from toolkit.validation.confirmation import judged_fit, statistic

if TYPE_CHECKING:
    from toolkit.psychometrics.cfa.cfa import CfaResult
    from toolkit.psychometrics.cfa.dynamic_cutoffs import DynamicCutoffsResult
    from toolkit.psychometrics.cfa.reliability import CfaReliabilityResult
    from toolkit.validation.confirmation import Confirmation
    from toolkit.validation.run import ValidationRun


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConfirmationPage:
    """What a page shows of a confirmatory model, in one language; it holds no answers.

    Attributes
    ----------
    flags : tuple of str
        Why the solution cannot be read.
    sentences, invariance : tuple of str
        What was found, and what was found about groups.
    codes : str
        What the codes in the diagram stand for.
    figures : mapping of str to Figure
        Path diagram, and the ladder of invariance.
    tables : mapping of str to Table
        All tables.
    """

    flags: tuple[str, ...]
    sentences: tuple[str, ...]
    invariance: tuple[str, ...]
    codes: str
    figures: Mapping[str, Figure]
    tables: Mapping[str, Table]


def confirmation_page(run: ValidationRun, *, language: str) -> ConfirmationPage | None:
    """Put the confirmatory part of a run into one language; None where there is none.

    Parameters
    ----------
    run : ValidationRun
        What was found.
    language : str
        Language of words and numbers, and of the scales' names where the instrument has it.
    """
    found = run.confirmation
    if found is None:
        return None
    spoken = language if language in run.instrument.texts else run.instrument.languages[0]
    return ConfirmationPage(
        flags=tuple(confirmation_flags(found, language=language, names=factor_names(run, spoken, language))),
        sentences=tuple(confirmation_sentences(run, language=language)),
        invariance=tuple(invariance_sentences(run, language=language)),
        codes=key_to_codes(run, spoken, language),
        figures=confirmation_pictures(run, spoken=spoken, language=language),
        tables={table.name: table for table in confirmation_tables(run, spoken=spoken, language=language)},
    )


def factor_names(run: ValidationRun, spoken: str, language: str = "en") -> dict[str, str]:
    """Return the names of the factors: those of the scales, and a word for a general factor."""
    if run.confirmation is None or run.confirmation.structure == "own":
        return {}
    texts = run.instrument.texts[spoken].scales
    names = {code: texts[code].name for code in run.scales if code in texts}
    # Where the code of a scale is that of an item too, the factor has another name.
    names |= {f"{code}_f": name for code, name in names.items()}
    names |= {f"general{ending}": report_words(language)["conf_general"] for ending in ("", "_f")}
    return {code: name for code, name in names.items() if code not in run.instrument.items}


def short_names(run: ValidationRun, language: str = "en") -> dict[str, str]:
    """Return the names of the factors where there is little room: the scales' codes."""
    names = factor_names(run, run.instrument.languages[0], language)
    return {code: name for code, name in names.items() if code.startswith("general")}


def key_to_codes(run: ValidationRun, spoken: str, language: str = "en") -> str:
    """Say what the codes of the factors in a diagram stand for; empty where they have no names."""
    if run.confirmation is None or run.confirmation.result is None:
        return ""
    measured = run.confirmation.result.standardized
    factors = dict.fromkeys(measured.loc[measured["op"] == "=~", "lhs"])
    names, short = factor_names(run, spoken, language), short_names(run, language)
    return "; ".join(f"{factor}: {names[factor]}" for factor in factors if factor in names and factor not in short)


def confirmation_pictures(run: ValidationRun, *, spoken: str, language: str = "en") -> dict[str, Figure]:
    """Draw the path diagram, and the ladder of invariance."""
    found = run.confirmation
    if found is None:
        return {}
    names = short_names(run, language)
    drawn = {} if found.result is None else model_diagrams(found.result, language=language, names=names)
    if found.invariance is not None:
        ladder = ladder_figure(found.invariance, language=language, names=factor_names(run, spoken, language))
        drawn[ladder.name] = ladder
    return drawn


def confirmation_drafts(run: ValidationRun, *, spoken: str, language: str = "en") -> Iterator[Draft]:
    """Draw the charts: loadings with intervals, residual correlations, and latent mean differences."""
    found = run.confirmation
    if found is None or found.result is None:
        return
    names = factor_names(run, spoken, language)
    yield from model_drafts(found.result, language=language, names=names, level=run.plan.level)
    if found.invariance is not None and not found.invariance.latent_means.empty:
        short = short_names(run, language)
        yield latent_means_draft(
            found.invariance, partial=found.partial, language=language, names=short, level=run.plan.level
        )


def confirmation_tables(run: ValidationRun, *, spoken: str, language: str = "en") -> Iterator[Table]:
    """Make every table of the confirmatory model and of the comparison of groups.

    Parameters
    ----------
    run : ValidationRun
        What was found.
    spoken : str
        Language of the scales' names.
    language : str
        Language of words and numbers.
    """
    found = run.confirmation
    if found is None or found.result is None:
        return
    names = factor_names(run, spoken, language)
    reliability = found.reliability
    yield from model_tables(
        found.result,
        language=language,
        names=names,
        dynamic=_cutoffs_by_level(found.dynamic_cutoffs, language),
        reliability=None if reliability is None else _reliability(reliability, found),
        htmt=reliability.htmt if reliability is not None and len(reliability.htmt) > 1 else None,
    ).values()
    if found.alternatives:
        yield _structures(found, found.result, language)
    if found.dynamic_cutoffs is not None:
        yield _cutoffs(found.dynamic_cutoffs, language)
    if found.invariance is not None:
        yield from invariance_tables(
            found.invariance, partial=found.partial, language=language, names=names, level=run.plan.level
        ).values()


def _reliability(found: CfaReliabilityResult, confirmation: Confirmation) -> pd.DataFrame:
    """Put omega with its limits beside the other coefficients, one row a factor."""
    limits = found.intervals[found.intervals["coefficient"] == "omega"].set_index("factor")
    factors = found.factors
    special = confirmation.structure == "bifactor" or len(found.general) > 0
    omega = "omega_hierarchical" if special else "omega"
    return pd.DataFrame(
        {
            "factor": factors["factor"].astype(str),
            omega: factors["omega"],
            "omega_low": [float(limits["ci_lower"].get(factor, math.nan)) for factor in factors["factor"]],
            "omega_high": [float(limits["ci_upper"].get(factor, math.nan)) for factor in factors["factor"]],
            "omega_total": factors["omega_total"],
            "composite_reliability": factors["composite_reliability"],
            "average_variance_extracted": factors["average_variance_extracted"],
        }
    )


def _structures(found: Confirmation, result: CfaResult, language: str) -> Table:
    """Put the structures side by side."""
    words = report_words(language)
    rows = [_structure_row(words[f"conf_structure_{found.structure}"], result, words, this=True)]
    for other in found.alternatives:
        row = _structure_row(words[f"conf_structure_{other.structure}"], other.result, words)
        if other.test is not None:
            row |= {
                "chisq_diff": other.test.chisq_diff,
                "df_diff": other.test.df_diff,
                "p_diff": max(other.test.p, SMALLEST),
            }
        rows.append(row)
    columns = ("chisq", "df", "p", "chisq_diff", "df_diff", "p_diff")
    frame = pd.DataFrame(rows)
    kept = [column for column in frame.columns if not frame[column].isna().all()]
    return Table(
        name="cfa_structures",
        caption=words["conf_structures_caption"],
        frame=frame[kept],
        headings={column: words[f"conf_{column}"] for column in ("structure", "solution", *columns)}
        | {name: name.upper() for name in ("cfi", "tli", "rmsea", "srmr")},
        decimals=dict.fromkeys(("cfi", "tli", "rmsea", "srmr", "p", "p_diff"), 3) | {"chisq": 2, "chisq_diff": 2},
        note=words["conf_structures_note"],
        language=language,
    )


def _structure_row(name: str, result: CfaResult, words: Mapping[str, str], *, this: bool = False) -> dict[str, Any]:
    chisq, df, p = statistic(result.fit)
    fit = judged_fit(result.fit)
    state = "readable" if result.admissible else "inadmissible"
    return {
        "structure": f"{name} ({words['conf_model']})" if this else name,
        "chisq": chisq,
        "df": df,
        "p": max(p, SMALLEST),
        **{index: fit[index] for index in ("cfi", "tli", "rmsea", "srmr")},
        "solution": words[f"conf_{state if result.converged else 'not_converged'}"],
        "chisq_diff": math.nan,
        "df_diff": math.nan,
        "p_diff": math.nan,
    }


def _level(level: int, words: Mapping[str, str]) -> str:
    return words["conf_dynamic_level_0"] if level == 0 else words["conf_dynamic_level"].format(level=level)


def _cutoffs_by_level(found: DynamicCutoffsResult | None, language: str) -> dict[str, dict[str, float]] | None:
    if found is None:
        return None
    words = report_words(language)
    return {
        _level(int(str(level)), words): dict(zip(rows["measure"], rows["cutoff"], strict=True))
        for level, rows in found.cutoffs.groupby("level", sort=True)
    }


def _cutoffs(found: DynamicCutoffsResult, language: str) -> Table:
    """Make the table of the simulated cut-offs, with what each level leaves out."""
    words = report_words(language)
    paths = {
        int(str(level)): ", ".join(f"{row.lhs} {row.op} {row.rhs}" for row in rows.itertuples())
        for level, rows in found.omitted.groupby("level")
    }
    met = {True: words["conf_yes"], False: words["conf_no"]}
    frame = pd.DataFrame(
        {
            "level": [_level(int(level), words) for level in found.cutoffs["level"]],
            "measure": [str(measure).upper() for measure in found.cutoffs["measure"]],
            "observed": found.cutoffs["observed"],
            "cutoff": found.cutoffs["cutoff"],
            "is_met": [None if value is None or pd.isna(value) else met[bool(value)] for value in found.cutoffs["met"]],
            "rule": found.cutoffs["rule"],
            "omitted": [paths.get(int(level), "") for level in found.cutoffs["level"]],
        }
    )
    return Table(
        name="cfa_dynamic_cutoffs",
        caption=words["conf_cutoffs_caption"],
        frame=frame,
        headings={column: words[f"conf_{column}"] for column in frame.columns},
        decimals={"observed": 3, "cutoff": 3},
        n_labels=2,
        note=words["conf_cutoffs_note"].format(method=found.method, n=found.n_failed),
        language=language,
    )
