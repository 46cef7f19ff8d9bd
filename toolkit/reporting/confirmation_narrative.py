"""Plain sentences about a confirmatory model, in any language: what was stated, on whom it was tried, how it fits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from toolkit.reporting.model_tables import CONVENTIONAL, table_flags
from toolkit.reporting.table import DECIMALS_OF_P, shown
from toolkit.reporting.words import listed, number, report_words
from toolkit.validation.confirmation import Alternative, Confirmation, fit_kind, judged_fit, statistic

if TYPE_CHECKING:
    from toolkit.psychometrics.cfa.cfa import CfaResult
    from toolkit.validation.run import ValidationRun

SMALLEST = math.ulp(0.0)
_INDICES = ("cfi", "tli", "rmsea", "srmr")


def confirmation_flags(
    found: Confirmation, *, language: str = "en", names: Mapping[str, str] | None = None
) -> list[str]:
    """Return why the model's solution cannot be read; empty where it can."""
    words, result = report_words(language), found.result
    if result is None:
        return [words["conf_no_fit"]]
    return table_flags(
        result.standardized,
        admissible=result.admissible,
        converged=result.converged,
        language=language,
        names=names,
    )


def confirmation_sentences(run: ValidationRun, *, language: str = "en") -> list[str]:
    """Say what was confirmed on whom, how, and how well the model fits.

    Parameters
    ----------
    run : ValidationRun
        A run with a confirmation.
    language : str
        Language of the sentences.
    """
    found = run.confirmation
    if found is None:
        return []
    words = report_words(language)
    own = found.structure == "own"
    n_scales = sum(len(set(scale.items) & set(found.items)) > 1 for scale in run.scales.values())
    told = [
        words[f"conf_model_{found.structure}"].format(n=n_scales),
        words["conf_from_own" if own else "conf_from_scales"],
        words[f"conf_sample_{found.sample}"].format(n=number(found.n_persons, language), seed=run.plan.seed),
    ]
    kind = "measured" if found.estimator in ("ML", "MLR") else "ordered"
    said = [words[f"conf_{kind}_{found.estimator_from}"].format(estimator=found.estimator)]
    n = found.n_persons if found.result is None else found.result.n_persons
    said.append(words[f"conf_missing_{found.missing}"].format(n=number(n, language)))
    return [
        " ".join(told),
        " ".join(said),
        *_fit(found, language),
        *_dynamic(found, language),
        *[_other(other, language) for other in found.alternatives],
        *_units(run, found, language),
    ]


def invariance_sentences(run: ValidationRun, *, language: str = "en") -> list[str]:
    """Say which groups were compared and what may be compared between them; empty where that was not asked for."""
    found = run.confirmation
    if found is None or found.groups is None:
        return []
    from toolkit.reporting.model_report import invariance_verdict

    words, groups = report_words(language), found.groups
    if found.invariance is None:
        return [words["conf_no_groups"].format(by=groups.by)]
    sizes = [
        words["conf_group_size"].format(group=group, n=number(n, language)) for group, n in groups.n_of_groups.items()
    ]
    told = [words["conf_groups"].format(by=groups.by, groups=listed(sizes, language))]
    if groups.left_out:
        told.append(words["conf_groups_left_out"].format(groups=listed(list(groups.left_out), language)))
    told.append(invariance_verdict(found.invariance, language=language))
    if found.partial is not None and found.partial.n_freed:
        key = "conf_partial_reached" if found.partial.reached else "conf_partial_stuck"
        told.append(words[key].format(n=found.partial.n_freed))
    return told


def confirmation_line(run: ValidationRun, *, language: str = "en") -> str:
    """Return one line on the model, its estimator, its persons and its fit; empty without a fitted model."""
    found = run.confirmation
    if found is None or found.result is None:
        return ""
    words = report_words(language)
    fit = _fit_words(found.result, words["conf_fit_short"], language)
    flags = confirmation_flags(found, language=language)
    return words["conf_line"].format(
        structure=words[f"conf_structure_{found.structure}"],
        estimator=found.estimator,
        sample=words[f"conf_line_{found.sample}"],
        fit=fit if not flags else f"{flags[0].rstrip('.')} ({fit})",
    )


def p_words(p: float, language: str) -> str:
    """Write a probability with its sign: ``p = 0.029``, ``p < 0.001``."""
    if math.isnan(p):
        return f"p {shown(p)}"
    # A probability that is too small for the machine is not 0.
    text = shown(max(p, SMALLEST), DECIMALS_OF_P, language)
    return f"p {text[0]} {text[1:].strip()}" if text.startswith("<") else f"p = {text}"


def _fit_words(result: CfaResult, sentence: str, language: str) -> str:
    chisq, df, p = statistic(result.fit)
    fit = judged_fit(result.fit)
    return sentence.format(
        chisq=number(chisq, language, 1),
        df=df,
        p=p_words(p, language),
        low=number(fit["rmsea.ci.lower"], language, 3),
        high=number(fit["rmsea.ci.upper"], language, 3),
        **{name: number(fit[name], language, 3) for name in _INDICES},
    )


def _fit(found: Confirmation, language: str) -> list[str]:
    """Say how well the model fits, and which cut-offs that meets."""
    result, words = found.result, report_words(language)
    if result is None or not result.converged:
        return []
    if not result.fit["df"] > 0:
        return [words["conf_saturated"]]
    fit = judged_fit(result.fit)
    parts = [_fit_words(result, words["conf_fit"], language)]
    kind = fit_kind(result.fit).removeprefix(".")
    if kind:
        parts.append(words[f"conf_fit_{kind}"])
    met: list[str] = []
    unmet: list[str] = []
    for name in _INDICES:
        side, limit = CONVENTIONAL[name]
        if math.isfinite(fit[name]):
            holds = fit[name] >= limit if side == "at_least" else fit[name] <= limit
            (met if holds else unmet).append(f"{name.upper()} {words[f'cfa_{side}']} {number(limit, language, 2)}")
    key = "conf_mixed" if met and unmet else "conf_met" if met else "conf_unmet"
    parts.append(words[key].format(met=listed(met, language), unmet=listed(unmet, language)))
    return [" ".join(parts)]


def _dynamic(found: Confirmation, language: str) -> list[str]:
    if found.dynamic_cutoffs is None:
        return []
    words = report_words(language)
    rows = found.dynamic_cutoffs.cutoffs
    first = rows[(rows["level"] == 0) & rows["cutoff"].notna()]
    if first.empty or first["met"].isna().any():
        return []
    values = [
        f"{measure.upper()} {number(cutoff, language, 3)}"
        for measure, cutoff in zip(first["measure"], first["cutoff"], strict=True)
    ]
    key = "conf_dynamic_met" if first["met"].astype(bool).all() else "conf_dynamic_unmet"
    return [words[key].format(values=listed(values, language))]


def _units(run: ValidationRun, found: Confirmation, language: str) -> list[str]:
    """Say that the intervals of the model take persons as independent, and how far those of a unit are not."""
    if run.units is None:
        return []
    icc1, effect = run.units.typical_item(found.items)
    if not (math.isfinite(icc1) and math.isfinite(effect)):
        return []
    return [
        report_words(language)["conf_units"].format(
            n=number(run.units.n_units, language), icc1=number(icc1, language, 2), effect=number(effect, language, 2)
        )
    ]


def _other(other: Alternative, language: str) -> str:
    """Compare the model with another structure."""
    words = report_words(language)
    structure = words[f"conf_structure_{other.structure}"]
    if not (other.result.converged and other.result.admissible):
        return words["conf_alternative_unreadable"].format(structure=structure)
    fit = judged_fit(other.result.fit)
    told = words["conf_alternative"].format(
        structure=structure, **{name: number(fit[name], language, 3) for name in ("cfi", "rmsea", "srmr")}
    )
    if other.test is None:
        return told + words["conf_alternative_untested" if not other.nested else "conf_alternative_no_test"]
    return told + words["conf_alternative_test"].format(
        chisq=number(other.test.chisq_diff, language, 1),
        df=other.test.df_diff,
        p=p_words(other.test.p, language),
    )
