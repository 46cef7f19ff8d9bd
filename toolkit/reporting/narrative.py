"""Plain sentences about a validation run: what was found, how sure it is, and by which formula."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from toolkit.reporting.confirmation_narrative import confirmation_line
from toolkit.reporting.table import shown
from toolkit.reporting.tables import scale_name

if TYPE_CHECKING:
    from toolkit.psychometrics import AlphaResult, Interval, OmegaResult
    from toolkit.validation.ratings import Verdict
    from toolkit.validation.run import ValidationRun

_QUANTITIES = {
    "cronbach_alpha": "Alpha",
    "cronbach_alpha_low": "Lower limit of alpha",
    "cronbach_alpha_high": "Upper limit of alpha",
    "kaiser_meyer_olkin": "Kaiser-Meyer-Olkin measure",
    "bartlett_chi_square": "Bartlett's chi-square",
    "communality": "Communality",
}
_KMO_WORDS = ((0.9, "very good"), (0.8, "good"), (0.7, "middling"), (0.6, "mediocre"), (0.5, "poor"))


def summary(run: ValidationRun, *, language: str) -> list[str]:
    """Return the main findings, most important first.

    Parameters
    ----------
    run : ValidationRun
        What was found.
    language : str
        Language of the scale names.
    """
    return [
        *_persons(run),
        *_reliability(run, language),
        *_factors(run),
        *_confirmed(run),
        *_verdicts(run),
        *_absent(run),
    ]


def missing(run: ValidationRun, *, language: str) -> list[str]:
    """Say how missing answers of each kind were treated, and what that leaves."""
    words = run.instrument.texts[language].missing
    data = run.data
    if data.smallest_group:
        return [_protection(data.smallest_group), *_missing(run, words)]
    return _missing(run, words)


def _protection(smallest_group: int) -> str:
    return (
        f"To protect the persons who answered, figures on fewer than {smallest_group} of them are left out, and items "
        "with fewer answers read as unanswered."
    )


def _missing(run: ValidationRun, words: Mapping[str, str]) -> list[str]:
    data = run.data
    totals = data.missing.sum()
    all_cells = int(totals.sum())
    kinds = [
        f"{shown(int(count))} " + (f"'{words[str(kind)]}'" if str(kind) in words else str(kind))
        for kind, count in totals.items()
        if kind != "answered" and count
    ]
    could = f"answers that {_count(data.n_persons, 'respondent')} could give"
    if int(totals["answered"]) == all_cells:
        return [f"All {shown(all_cells)} {could} are scored; nothing is missing."]
    told = [
        f"Of {shown(all_cells)} {could}, {shown(int(totals['answered']))} are scored "
        f"({totals['answered'] / all_cells:.1%}). The others: {_listed(kinds)}."
    ]
    if data.structural:
        names = _listed([f"'{words[name]}'" for name in data.structural])
        told.append(
            f"{_count(data.n_persons_with_structural, 'respondent')} used {names} at least once. It says that the "
            "question does not apply to the person, so it is not missing at random. It is never scored; in "
            "correlations the person is left out of the pairs with that item."
        )
    rule = {
        "pairwise": "Each correlation uses everyone who answered both items (pairwise). Tests and intervals count the "
        "smallest number of persons behind any pair",
        "listwise": "Each analysis uses only persons who answered all of its items (listwise)",
    }[run.plan.missing]
    if data.smallest_pair:
        told.append(
            f"{rule}. {_count(data.n_complete, 'respondent').capitalize()} answered every item; the pair that the "
            f"fewest answered is {' with '.join(data.smallest_pair)}, n = {shown(data.smallest_pairwise_n)}."
        )
    return told + _sensitivity(run)


SMALLEST_SPAN = 0.0005
"""A smaller difference would be told as 0.000."""


def _sensitivity(run: ValidationRun) -> list[str]:
    """Say how much the treatment of missing answers matters to alpha."""
    spans = {
        code: max(estimates) - min(estimates)
        for code, scale in run.scales.items()
        if len(estimates := [line.estimate for line in scale.sensitivity if line.n_persons]) > 1
    }
    if not spans or max(spans.values()) < SMALLEST_SPAN:
        return []
    most = max(spans, key=spans.__getitem__)
    return [
        f"Sensitivity: computed pairwise, listwise, and without the persons for whom an item does not apply, alpha "
        f"differs by at most {spans[most]:.3f} (scale {most})."
    ]


def screening(run: ValidationRun) -> list[str]:
    """Say how many persons show several signs of careless answers, and what alpha is without them."""
    found = run.screening
    if found is None:
        return []
    several = f"{found.minimum_flags} or more signs of careless answers"
    kept = "Nothing is removed: a sign proves nothing about one person."
    if found.n_flagged is None:
        return [f"How many persons showed {several} is not shown, because it would tell about too few. {kept}"]
    persons = f"{shown(found.n_flagged)} of {_count(found.n_persons, 'person')}"
    changes = {
        code: change
        for code, (everyone, without) in found.alpha.items()
        if not math.isnan(change := abs(without.estimate - everyone.estimate))
    }
    if not changes or not found.n_flagged:
        return [f"{persons} showed {several}. {kept}"]
    most = max(changes, key=changes.__getitem__)
    return [
        f"{persons} showed {several}; without them alpha differs by at most {changes[most]:.3f} (scale {most}). {kept}"
    ]


def units(run: ValidationRun) -> list[str]:
    """Say how much persons of one unit resemble each other, and what that does to intervals."""
    found = run.units
    if found is None:
        return []
    known = f"{_count(found.n_persons, 'respondent').capitalize()} work in {_count(found.n_units, 'unit')}"
    without = "" if not found.n_persons_without else f"; {shown(found.n_persons_without)} name none"
    told = [f"{known}{without}. Persons of one unit may resemble each other."]
    if found.scales:
        effects = list(found.scales.values())
        icc1, design = [one.icc1 for one in effects], [one.design_effect for one in effects]
        told.append(
            f"ICC(1) of the scores is {_from_to(icc1)}: the share of the variance that lies between units. The design "
            f"effect is {_from_to(design)}: so many times the variance of a mean score is what independent persons "
            "would give, and an interval of a mean that ignores units is too short by its square root."
        )
    if run.data.smallest_group:
        told.append(
            f"Units with fewer than {run.data.smallest_group} persons behind a number are left out of its ICC(1) and "
            "design effect, and count together as one unit in intervals with units."
        )
    told.append(
        "The intervals in this report take persons as independent, but for those of alpha and omega that say 'with "
        "units'. For alpha and omega the effect is often smaller than for a mean; their intervals with units show it."
    )
    return told


def _from_to(values: Sequence[float]) -> str:
    low, high = (f"{value:.2f}".replace("-", "\N{MINUS SIGN}") for value in (min(values), max(values)))
    return low if low == high else f"from {low} to {high}"


def suitability(run: ValidationRun) -> list[str]:
    """Say whether the correlations are fit for factor analysis."""
    found = run.structure
    if found is None:
        return []
    told = []
    if found.kaiser_meyer_olkin is not None:
        kmo = found.kaiser_meyer_olkin
        words = next((word for limit, word in _KMO_WORDS if kmo.overall >= limit), "unacceptable")
        low = kmo.per_item.idxmin()
        told.append(
            f"The Kaiser-Meyer-Olkin measure is {kmo.overall:.2f}, which is commonly called {words}; the lowest item "
            f"is {low} ({float(kmo.per_item.min()):.2f})."
        )
    if found.bartlett is not None:
        test = found.bartlett
        told.append(
            f"Bartlett's test of sphericity gives chi-square {test.chi_square:,.1f} with {test.df} degrees of freedom, "
            f"{p_value(test.p_value)}, n = {shown(found.n_persons)}. It says only that the items are not all unrelated."
        )
    return told


def factors(run: ValidationRun) -> list[str]:
    """Say how many factors were extracted, who said so, and what parallel analysis says."""
    found = run.structure
    if found is None:
        return []
    origin = {
        "plan": "as the plan asks",
        "scales": "one for each scale of the instrument" if found.n_factors > 1 else "for the one scale",
        "parallel_analysis": "as parallel analysis suggests, because the instrument has no scales",
    }[found.n_factors_from]
    told = [f"{_count(found.n_factors, 'factor').capitalize()} {_was(found.n_factors)} extracted, {origin}."]
    if found.parallel is not None:
        told.append(
            f"Parallel analysis suggests {found.parallel.n_factors} ({found.parallel.method}; "
            f"{shown(found.parallel.n_datasets)} random data sets)."
            + (
                ""
                if found.parallel.n_factors == found.n_factors
                else " The two numbers differ: read the loadings for factors that share items or have few."
            )
        )
    if found.retention is not None:
        told.append(found.retention.reading)
    if found.efa is not None:
        rmsea = found.efa.rmsea
        told.append(
            f"The model ({found.efa.method}) has RMSEA {rmsea.estimate:.3f} ({rmsea.level:.0%} interval "
            f"{rmsea.low:.3f} to {rmsea.high:.3f}), TLI {found.efa.tli:.3f} and SRMR {found.efa.srmr:.3f}."
        )
    told.append(_explored(run))
    return told


def _explored(run: ValidationRun) -> str:
    """Say that this explores, and what confirms."""
    if run.structure is not None and run.structure.is_half:
        return (
            f"This explores one half of the persons, drawn with the seed {run.plan.seed}. The other half stays for "
            "confirming."
        )
    if run.confirmation is not None and run.confirmation.structure != "own":
        return (
            "This explores. The same persons cannot also confirm what was found in them. The confirmatory model below "
            "was not found here: it is the one that the instrument's scales state."
        )
    return (
        "This explores. The same persons cannot also confirm what was found in them; a confirmatory analysis needs "
        "other persons."
    )


def replication(run: ValidationRun) -> list[str]:
    """Say whether the other programs agree, quantity by quantity."""
    told = []
    for quantity in dict.fromkeys(line.quantity for line in run.replication):
        lines = [line for line in run.replication if line.quantity == quantity]
        worst = max(lines, key=lambda line: abs(line.difference))
        agreeing = sum(line.agrees for line in lines)
        told.append(
            f"{_QUANTITIES[quantity]}, {worst.peer} {worst.peer_version}: "
            f"{agreeing} of {_count(len(lines), 'number')} {'agrees' if agreeing == 1 else 'agree'}; the largest "
            f"difference is {abs(worst.difference):.1e} ({worst.of})" + (f"; {worst.note}." if worst.note else ".")
        )
    return told


def p_value(p: float) -> str:
    """Write a p value as text."""
    return "p < .001" if p < 0.001 else f"p = {p:.3f}"


def _persons(run: ValidationRun) -> list[str]:
    data = run.data
    empty = data.n_persons_without_answer
    without = f", {_count(empty, 'of them', plural='of them')} without any scored answer" if empty else ""
    told = [
        f"{_count(data.n_persons, 'respondent').capitalize()} answered "
        f"{_count(len(run.instrument.item_codes), 'item')} of {run.instrument.name}{without}."
    ]
    if len(data.waves) > 1:
        of = f"{len(data.waves)} waves in the answers"
        told.append(
            f"The {of} are taken together."
            if data.wave is None
            else f"They are the wave '{data.wave}'; the other{'s' if len(data.waves) > 2 else ''} of the {of} "
            f"{'are' if len(data.waves) > 2 else 'is'} not used."
        )
    return told


def _reliability(run: ValidationRun, language: str) -> list[str]:
    told = []
    for code, scale in run.scales.items():
        if scale.alpha is None:
            continue
        omega = (
            ""
            if scale.omega is None
            else f"; omega total {scale.omega.estimate:.2f} {_interval(scale.omega.interval)}"
            f"{_with_units(None if run.units is None else run.units.omega.get(code))}"
        )
        part = "" if scale.analysed == scale.items else f" ({len(scale.analysed)} of {len(scale.items)} items)"
        alpha = f"alpha {scale.alpha.estimate:.2f} {_interval(scale.alpha.interval)}"
        alpha += _with_units(None if run.units is None else run.units.alpha.get(code))
        told.append(f"{scale_name(run, code, language)}{part}: {alpha}{omega}.")
    if told:
        first = next(scale for scale in run.scales.values() if scale.alpha is not None)
        formulas = [result.method for result in (first.alpha, first.omega) if result is not None]
        told.append(
            f"Intervals have level {run.plan.level:.0%}. The formulas: {_listed(formulas, comma='; ', last='; and ')}."
        )
    elif run.instrument.definition.measurement == "formative":
        told.append(
            "The instrument is formative: its items make up a profile and need not go together. Alpha and factor "
            "analysis do not apply, so there are none."
        )
    return told


def _factors(run: ValidationRun) -> list[str]:
    found = run.structure
    if found is None or found.parallel is None:
        return []
    return [
        f"Parallel analysis suggests {_count(found.parallel.n_factors, 'factor')}; "
        f"{_count(found.n_factors, 'factor')} {_was(found.n_factors)} extracted. This is exploratory."
    ]


def _confirmed(run: ValidationRun) -> list[str]:
    line = confirmation_line(run)
    return [line] if line else []


def _verdicts(run: ValidationRun) -> list[str]:
    verdicts: tuple[Verdict, ...] = ("sufficient", "insufficient", "indeterminate")
    counts = [(sum(rating.verdict == verdict for rating in run.ratings), verdict) for verdict in verdicts]
    return [
        f"Of {len(run.ratings)} ratings of measurement properties, "
        f"{_listed([f'{count} {_are(count)} {verdict}' for count, verdict in counts])}."
    ]


def _absent(run: ValidationRun) -> list[str]:
    told = []
    if run.data.excluded:
        items = [problem.item or "" for problem in run.data.excluded]
        told.append(
            f"Left out of every correlation, because everybody answered alike or nobody answered: {_listed(items)}."
        )
    if run.not_computed:
        told.append(f"{_count(len(run.not_computed), 'result').capitalize()} could not be computed; the notes say why.")
    return told


def _with_units(result: AlphaResult | OmegaResult | None) -> str:
    return "" if result is None else f", with units {_interval(result.interval)}"


def _interval(interval: Interval) -> str:
    return f"({interval.low:.2f} to {interval.high:.2f})"


def _count(number: int, word: str, *, plural: str | None = None) -> str:
    return f"{shown(number)} {word if number == 1 else plural or word + 's'}"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _listed(words: Sequence[str], *, comma: str = ", ", last: str = " and ") -> str:
    return last.join([comma.join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
