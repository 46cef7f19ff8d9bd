"""Ratings of measurement properties: sufficient, insufficient or indeterminate, each with its rule and its numbers.

The rules are those of Terwee et al. (2007) and of COSMIN (Prinsen et al. 2018), in the words of this toolkit.
A number without the evidence that its rule asks for is indeterminate, not good.

References
----------
Terwee, C. B., et al. (2007). Quality criteria were proposed for measurement properties of health status
questionnaires. Journal of Clinical Epidemiology, 60(1), 34-42. doi:10.1016/j.jclinepi.2006.03.012
Prinsen, C. A. C., et al. (2018). COSMIN guideline for systematic reviews of patient-reported outcome measures.
Quality of Life Research, 27(5), 1147-1157. doi:10.1007/s11136-018-1798-3
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from toolkit.errors import Code
from toolkit.validation.confirmation import judged_fit

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument
    from toolkit.psychometrics import AlphaResult
    from toolkit.psychometrics.cfa.cfa import CfaResult
    from toolkit.psychometrics.cfa.invariance import InvarianceResult
    from toolkit.psychometrics.factors.efa import EfaResult
    from toolkit.validation.confirmation import Confirmation
    from toolkit.validation.scales import ScaleResult
    from toolkit.validation.structure import Structure

Verdict = Literal["sufficient", "insufficient", "indeterminate"]

ALPHA_LOW, ALPHA_HIGH = 0.70, 0.95
PERSONS_PER_ITEM, PERSONS_FOR_FACTORS = 7, 100
LOADING_LOW = 0.30
COMPARATIVE_FIT, RMSEA_HIGH, SRMR_HIGH = 0.95, 0.06, 0.08
PERSONS_FOR_EXTREMES, EXTREME_SHARE = 50, 0.15

_INTERNAL = (
    "Terwee 2007: alpha of each scale between .70 and .95, with a factor analysis on at least 7 persons an item "
    "and at least 100 persons in which the items of the scale go together; otherwise alpha says nothing."
)
_EXTREMES = "Terwee 2007: at most 15 % of at least 50 persons have the lowest or the highest possible score."
_STRUCTURE = (
    "COSMIN 2018: a confirmatory factor analysis with CFI or TLI > .95, or RMSEA < .06, or SRMR < .08. The toolkit "
    "asks for one of each kind, CFI or TLI together with RMSEA or SRMR (Hu & Bentler 1999, "
    "doi:10.1080/10705519909540118); where only one kind is met, the indices contradict each other and decide nothing. "
    "An exploratory analysis alone does not decide."
)
_INVARIANCE = (
    "COSMIN 2018: no important differences between groups in a multigroup factor analysis, or no important "
    "differential item functioning."
)
_NOT_EXAMINED = (
    ("content_validity", "COSMIN 2018: relevance, comprehensiveness and comprehensibility, judged by experts and by "
     "respondents.", "Answers to the items cannot show it; it needs an expert panel and interviews."),
    ("reliability_over_time", "Terwee 2007: intraclass correlation or weighted kappa of at least .70 in at least 50 "
     "persons.", "The data hold one occasion."),
    ("measurement_error", "Terwee 2007: the smallest detectable change is below the minimal important change.",
     "The data hold one occasion and no minimal important change."),
    ("construct_validity", "Terwee 2007: at least 75 % of hypotheses stated beforehand hold, in at least 50 persons.",
     "No hypotheses were given to this run."),
    ("criterion_validity", "Terwee 2007: correlation with a gold standard of at least .70.",
     "No criterion was given to this run."),
    ("cross_cultural_validity", _INVARIANCE, "Groups and languages were not compared in this run."),
    ("responsiveness", "Terwee 2007: changes agree with hypotheses, or an area under the curve of at least .70.",
     "The data hold one occasion."),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One measurement property of the instrument or of one scale.

    Attributes
    ----------
    measurement_property : str
        The property's name, such as ``internal_consistency``.
    scale : str or None
        The scale's code; None for the whole instrument.
    verdict : {"sufficient", "insufficient", "indeterminate"}
        What the rule says.
    rule : str
        The rule and its source.
    evidence : dict of str to float
        The numbers that the rule was applied to.
    sample : str
        Whether the sample is large enough for the rule, and why.
    reason : str
        Why this verdict, in one sentence.
    """

    measurement_property: str
    scale: str | None
    verdict: Verdict
    rule: str
    evidence: dict[str, float]
    sample: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the rating as JSON-ready values."""
        return asdict(self)


def rate(
    instrument: Instrument,
    scales: Iterable[ScaleResult],
    structure: Structure | None,
    confirmation: Confirmation | None = None,
) -> tuple[Rating, ...]:
    """Rate every property: those the run has numbers for, and those it has none for, so that nothing looks proved.

    Parameters
    ----------
    instrument : Instrument
        The instrument.
    scales : iterable of ScaleResult
        The results of each scale.
    structure : Structure or None
        The exploratory analysis of all items; None where it does not apply.
    confirmation : Confirmation or None
        The confirmatory model; None where there is none.
    """
    reflective = instrument.definition.measurement == "reflective"
    ratings: list[Rating] = []
    for scale in scales:
        if reflective:
            ratings.append(_internal_consistency(scale, structure))
        ratings.append(_extremes(scale))
    if reflective:
        ratings.append(_structural(structure, confirmation))
    compared = None if confirmation is None else confirmation.invariance
    if confirmation is not None and compared is not None:
        ratings.append(_same_in_groups(confirmation, compared))
    return (
        *ratings,
        *(
            Rating(
                measurement_property=name,
                scale=None,
                verdict="indeterminate",
                rule=rule,
                evidence={},
                sample="No data for this property.",
                reason=reason,
            )
            for name, rule, reason in _NOT_EXAMINED
            if name != "cross_cultural_validity" or compared is None
        ),
    )


def _internal_consistency(scale: ScaleResult, structure: Structure | None) -> Rating:
    """Apply Terwee's rule for internal consistency to one scale."""

    def rating(verdict: Verdict, sample: str, reason: str, **evidence: float) -> Rating:
        return Rating(
            measurement_property="internal_consistency",
            scale=scale.code,
            verdict=verdict,
            rule=_INTERNAL,
            evidence=evidence,
            sample=sample,
            reason=reason,
        )

    alpha = scale.alpha
    if alpha is None:
        return rating("indeterminate", "No alpha to judge.", "Alpha could not be computed; the report says why.")
    if not isfinite(alpha.estimate):
        return rating("indeterminate", "No alpha to judge.", "Alpha is not a number; the notes say why.")
    numbers = {
        "alpha": alpha.estimate,
        "alpha_low": alpha.interval.low,
        "alpha_high": alpha.interval.high,
        "n_persons": float(alpha.n_persons),
    }
    if structure is None or structure.efa is None:
        return rating(
            "indeterminate", "No factor analysis to judge.", "The rule asks for a factor analysis; none was possible.",
            **numbers,
        )  # fmt: skip
    n, needed = structure.n_persons, max(PERSONS_FOR_FACTORS, PERSONS_PER_ITEM * structure.n_items)
    numbers |= {"n_factor_analysis": float(n), "n_needed": float(needed)}
    if n < needed:
        return rating(
            "indeterminate", f"Too small: {n} persons, the rule asks for {needed}.",
            "The factor analysis rests on too few persons to say that the items belong together.", **numbers,
        )  # fmt: skip
    sample = f"Large enough: {n} persons, the rule asks for {needed}."
    doubt = _doubt(scale, alpha, structure, structure.efa)
    if doubt is not None:
        return rating("indeterminate", sample, doubt, **numbers)
    if alpha.estimate < ALPHA_LOW:
        return rating("insufficient", sample, "Alpha is below .70.", **numbers)
    if alpha.estimate > ALPHA_HIGH:
        return rating("insufficient", sample, "Alpha is above .95, a sign of items that repeat one another.", **numbers)
    if alpha.interval.low < ALPHA_LOW:
        return rating(
            "sufficient", sample, "Alpha is within .70 to .95, but its interval reaches below .70.", **numbers
        )
    return rating("sufficient", sample, "Alpha is within .70 to .95.", **numbers)


def _doubt(scale: ScaleResult, alpha: AlphaResult, structure: Structure, efa: EfaResult) -> str | None:
    """Return why alpha cannot be read as internal consistency of the scale; None when nothing speaks against it."""
    if scale.analysed != scale.items:
        absent = ", ".join(item for item in scale.items if item not in scale.analysed)
        return f"Alpha covers {len(scale.analysed)} of {len(scale.items)} items; these could not be analysed: {absent}."
    if Code.STA_NEGATIVE_ITEM in {problem.code for problem in alpha.warnings}:
        return "An item goes against the others of the scale."
    if scale.omega is None or not scale.omega.converged:
        return "A one-factor model could not be fitted to the items of the scale."
    codes = {problem.code for problem in scale.omega.warnings}
    if Code.STA_HEYWOOD in codes:
        return "The one-factor model of the scale is not admissible (a Heywood case)."
    if Code.STA_DENOMINATORS_DIFFER in codes:
        return "One factor fits the items of the scale badly: omega depends on which total variance is used."
    if not efa.converged or efa.heywood_items:
        return "The factor analysis did not converge to an admissible solution."
    if structure.n_factors == 1 and structure.parallel is not None and structure.parallel.n_factors > 1:
        return f"One factor was extracted, but parallel analysis suggests {structure.parallel.n_factors}."
    loadings = efa.loadings.loc[list(scale.items)].abs().to_numpy(dtype=np.float64)
    main = loadings.argmax(axis=1)
    factor = int(np.bincount(main).argmax())
    apart = [
        item
        for item, own, row in zip(scale.items, main, loadings, strict=True)
        if own != factor or row[factor] < LOADING_LOW
    ]
    if apart:
        return f"These items do not load {LOADING_LOW:.2f} or more on the factor of their scale: {', '.join(apart)}."
    return None


def _extremes(scale: ScaleResult) -> Rating:
    """Apply Terwee's rule for floor and ceiling effects to the scores of one scale."""
    scores = scale.scores
    enough = scores.n_scored >= PERSONS_FOR_EXTREMES
    evidence = {"n_scored": float(scores.n_scored)}
    if scores.n_scored:
        evidence |= {"share_lowest": scores.share_lowest, "share_highest": scores.share_highest}
    if not enough:
        verdict: Verdict = "indeterminate"
        reason = "There are too few scores to tell."
    elif max(scores.share_lowest, scores.share_highest) > EXTREME_SHARE:
        verdict = "insufficient"
        end = "lowest" if scores.share_lowest >= scores.share_highest else "highest"
        reason = f"More than 15 % of the persons have the {end} possible score."
    else:
        verdict = "sufficient"
        reason = "No more than 15 % of the persons have the lowest or the highest possible score."
    return Rating(
        measurement_property="floor_and_ceiling",
        scale=scale.code,
        verdict=verdict,
        rule=_EXTREMES,
        evidence=evidence,
        sample=f"{'Large enough' if enough else 'Too small'}: {scores.n_scored} scores, "
        f"the rule asks for {PERSONS_FOR_EXTREMES}.",
        reason=reason,
    )


def _structural(structure: Structure | None, confirmation: Confirmation | None) -> Rating:
    """Rate structural validity, which exploring alone leaves open."""
    if confirmation is not None and confirmation.result is not None:
        return _confirmed(confirmation, confirmation.result)
    evidence: dict[str, float] = {}
    sample = "No factor analysis to judge."
    if structure is not None and structure.efa is not None:
        sample = _sample(structure.n_persons, structure.n_items)[1]
        fit = {"rmsea": structure.efa.rmsea.estimate, "tli": structure.efa.tli, "srmr": structure.efa.srmr}
        # Without degrees of freedom some have no value; what has none is no evidence.
        evidence = {name: value for name, value in fit.items() if isfinite(value)}
        evidence["n_persons"] = float(structure.n_persons)
    return Rating(
        measurement_property="structural_validity",
        scale=None,
        verdict="indeterminate",
        rule=_STRUCTURE,
        evidence=evidence,
        sample=sample,
        reason="The factors were explored, not confirmed. A confirmatory analysis is needed.",
    )


def _confirmed(confirmation: Confirmation, result: CfaResult) -> Rating:
    """Apply the rule for structural validity to a confirmatory model."""
    fit = judged_fit(result.fit)
    # Without degrees of freedom every model fits; that is no evidence.
    tested = result.fit["df"] > 0
    shown = {name: value for name, value in fit.items() if tested and "." not in name and isfinite(value)}
    large, sample = _sample(result.n_persons, confirmation.n_items)
    whom = (
        "on the half of the persons that was not explored"
        if confirmation.sample == "other_half"
        else "on the same persons that were explored"
    )

    def rating(verdict: Verdict, reason: str) -> Rating:
        return Rating(
            measurement_property="structural_validity",
            scale=None,
            verdict=verdict,
            rule=_STRUCTURE,
            evidence={**shown, "df": float(result.fit["df"]), "n_persons": float(result.n_persons)},
            sample=f"{sample} Fitted {whom}.",
            reason=reason,
        )

    if not result.converged:
        return rating("indeterminate", "The search for the model's solution did not converge; no number can be used.")
    if not result.admissible:
        return rating("indeterminate", f"The solution is not admissible: {'; '.join(result.improper)}.")
    if not large:
        return rating("indeterminate", "The model rests on too few persons.")
    if confirmation.structure == "own" and confirmation.sample == "same_persons":
        return rating(
            "indeterminate",
            "The model was given to this run and fitted to the persons that were explored. Whether it was stated "
            "before they were seen is not known; one half of the persons, or others, can confirm it.",
        )
    if not tested:
        return rating("indeterminate", "The model has no degrees of freedom, so that nothing can speak against it.")
    comparative = max(shown.get("cfi", 0.0), shown.get("tli", 0.0)) > COMPARATIVE_FIT
    absolute = shown.get("rmsea", 1.0) < RMSEA_HIGH or shown.get("srmr", 1.0) < SRMR_HIGH
    if comparative and absolute:
        return rating("sufficient", "CFI or TLI is above .95, and RMSEA is below .06 or SRMR below .08.")
    if not comparative and not absolute:
        return rating("insufficient", "Neither CFI nor TLI is above .95, RMSEA is not below .06, nor SRMR below .08.")
    met = "CFI or TLI is above .95, but neither is RMSEA below .06 nor SRMR below .08"
    if absolute:
        met = "RMSEA is below .06 or SRMR below .08, but neither CFI nor TLI is above .95"
    return rating("indeterminate", f"The indices contradict each other: {met}.")


def _same_in_groups(confirmation: Confirmation, compared: InvarianceResult) -> Rating:
    """Rate whether the measurement is the same in the groups that were compared."""
    smallest = min(compared.n_of_contexts)
    large, sample = _sample(smallest, compared.n_items)
    verdicts: dict[str, Verdict] = {"supported": "sufficient", "not_supported": "insufficient"}
    by = "" if confirmation.groups is None else confirmation.groups.by
    shown = {
        f"{change}_{row['level']}": float(row[change])
        for row in compared.tests.to_dict(orient="records")
        for change in ("d_cfi", "d_rmsea", "d_srmr")
        if isfinite(row[change])
    }
    return Rating(
        measurement_property="cross_cultural_validity",
        scale=None,
        verdict=verdicts.get(compared.verdict, "indeterminate") if large else "indeterminate",
        rule=f"{_INVARIANCE} Here: levels of invariance, {compared.rule} ({compared.rule_source}).",
        evidence={**shown, "n_smallest_group": float(smallest)},
        sample=f"The smallest group. {sample} Groups of '{by}': {', '.join(compared.contexts)}.",
        reason=compared.reason if large else "The smallest group has too few persons to tell.",
    )


def _sample(n_persons: int, n_items: int) -> tuple[bool, str]:
    """Return whether persons are as many as a factor analysis asks for, and say so."""
    needed = max(PERSONS_FOR_FACTORS, PERSONS_PER_ITEM * n_items)
    large = n_persons >= needed
    return large, f"{'Large enough' if large else 'Too small'}: {n_persons} persons, Terwee 2007 asks for {needed}."
