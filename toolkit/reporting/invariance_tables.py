"""Tables and sentences about measurement invariance: what holds over groups or waves, and what may be compared."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from toolkit.reporting.model_graph import named
from toolkit.reporting.table import Table
from toolkit.reporting.words import listed, number, percent, report_words

HIGHEST: Mapping[str, str] = {
    "configural": "structure",
    "thresholds": "structure",
    "metric": "relations",
    "loadings": "relations",
    "scalar": "means",
    "intercepts": "means",
    "strict": "scores",
}
"""What may be compared where a level is the highest that holds, whether items are measured or ordered."""
RULES = ("chen", "cheung_rensvold", "chi_square")
"""Rules that have words; another text is shown as it is."""

_FIT_COLUMNS = ("chisq", "df", "cfi", "rmsea", "srmr")
_MEANS = ("context", "factor", "intercepts", "est", "se", "ci_lower", "ci_upper", "p", "d", "lowest", "highest")


def base_level(level: str) -> tuple[str, bool]:
    """Return the level that a name stands for, and whether some parameters of it are free.

    Examples
    --------
    >>> base_level("partial_scalar"), base_level("metric")
    (('scalar', True), ('metric', False))
    """
    parts = re.split(r"[\s_-]+", level.strip().lower())
    kept = [part for part in parts if part != "partial"]
    return "_".join(kept), len(kept) < len(parts)


def level_name(level: str, words: Mapping[str, str]) -> str:
    """Return the short name of a level for readers; an unknown one is shown as it is."""
    base, partial = base_level(level)
    if not base:
        return words["inv_partial_only"]
    short = words.get(f"inv_level_{base}", base.replace("_", " "))
    return words["inv_partial"].format(level=short) if partial else short


def level_meaning(level: str, words: Mapping[str, str]) -> str:
    """Return what is equal at a level, empty for an unknown one."""
    return words.get(f"inv_what_{base_level(level)[0]}", "")


def held_equal(intercepts: str, words: Mapping[str, str]) -> str:
    """Return what a model of latent means holds equal, in words."""
    return words.get(f"inv_means_{intercepts}", intercepts)


def _long_name(level: str, words: Mapping[str, str]) -> str:
    meaning = level_meaning(level, words)
    return f"{level_name(level, words)} ({meaning})" if meaning else level_name(level, words)


def rule_text(rule: str, words: Mapping[str, str]) -> str:
    """Return a rule in words; one without words is shown as it is."""
    return words[f"inv_rule_{rule}"] if rule in RULES else rule


def holding(value: Any) -> bool | None:
    """Return whether a step holds; None where it was not tested or cannot be told."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    return bool(value)


def rows_of(tests: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the steps as dictionaries, the truth values as True, False or None."""
    rows = [{str(key): value for key, value in row.items()} for row in tests.to_dict(orient="records")]
    return [row | {"holds": holding(row.get("holds"))} for row in rows]


def invariance_table(
    tests: pd.DataFrame,
    levels: Mapping[str, Mapping[str, float]],
    *,
    rule: str,
    n_persons: int,
    language: str = "en",
    flags: Mapping[str, Sequence[str]] | None = None,
) -> Table:
    """Make the table of all levels: fit, the test against the level before, the changes, and whether it holds.

    Parameters
    ----------
    tests : DataFrame
        One row a step: level, against, chisq_diff, df_diff, p, d_cfi, d_rmsea, d_srmr, holds.
    levels : mapping of str to mapping of str to float
        Fit measures of each level by lavaan's names, the least restricted first. Robust and scaled ones are shown where
        there are such.
    rule : str
        Name of the rule that says whether a level holds, or the rule itself.
    n_persons : int
        Persons in all groups together.
    language : str
        Language of words and numbers.
    flags : mapping of str to sequence of str, optional
        For each level, why its solution cannot be read.
    """
    words = report_words(language)
    step = {str(row["level"]): row for row in rows_of(tests)}
    names = list(dict.fromkeys([*levels, *step]))
    of_levels = [_variants(fit) for fit in levels.values()]
    variant = next(kind for kind in ("robust", "scaled", "") if all(kind in each for each in of_levels))
    rows = []
    highest = highest_level(tests, names, broken=[name for name, told in (flags or {}).items() if told])
    reached = -1 if highest is None else names.index(highest)
    for place, name in enumerate(names):
        fit, test = levels.get(name, {}), step.get(name, {})
        row: dict[str, Any] = {"level": _long_name(name, words)}
        row |= {column: _of_variant(fit, column, variant) for column in _FIT_COLUMNS}
        row["against"] = level_name(str(test["against"]), words) if test.get("against") else ""
        row |= {
            column: _float(test.get(column)) for column in ("chisq_diff", "df_diff", "p", "d_cfi", "d_rmsea", "d_srmr")
        }
        row["holds"] = _verdict(test, words, counts=place <= reached)
        row["flag"] = " ".join((flags or {}).get(name, ()))
        rows.append(row)
    frame = pd.DataFrame(rows)
    if (frame["flag"] == "").all():
        frame = frame.drop(columns="flag")
    note = words["inv_table_note"].format(n=number(n_persons, language))
    told = [words[f"inv_variant_{variant}"]] if variant else []
    if any(each[0] != variant for each in of_levels):
        told.append(words["inv_variant_mixed"])
    return Table(
        name="invariance",
        caption=words["inv_caption"],
        frame=frame,
        headings={column: words[f"inv_{column}"] for column in frame.columns},
        decimals=dict.fromkeys(("cfi", "rmsea", "srmr", "p", "d_cfi", "d_rmsea", "d_srmr"), 3)
        | {"chisq": 2, "chisq_diff": 2},
        note=" ".join([note, *told, words["inv_rule"].format(rule=rule_text(rule, words))]),
        language=language,
    )


def _variants(fit: Mapping[str, float]) -> list[str]:
    """Return the variants of the indices that a fit has, the best first; the last is that under normality."""
    return [kind for kind in ("robust", "scaled") if math.isfinite(fit.get(f"cfi.{kind}", math.nan))] + [""]


def _of_variant(fit: Mapping[str, float], index: str, variant: str) -> float:
    if index in {"chisq", "df"}:
        return _float(fit.get(f"{index}.scaled", fit.get(index)))
    return _float(fit.get(f"{index}.{variant}" if variant else index, fit.get(index)))


def _float(value: Any) -> float:
    return math.nan if value is None or value is pd.NA else float(value)


def _verdict(test: Mapping[str, Any], words: Mapping[str, str], *, counts: bool) -> str:
    if not test or not test.get("against"):
        return words["inv_start"]
    if test["holds"] and not counts:
        return f"\N{EN DASH} {words['inv_after']}"
    return {
        True: f"\N{CHECK MARK} {words['inv_yes']}",
        False: f"\N{MULTIPLICATION X} {words['inv_no']}",
        None: f"\N{EN DASH} {words['inv_unknown']}",
    }[test["holds"]]


def latent_means_table(
    means: pd.DataFrame,
    *,
    reference: str,
    language: str = "en",
    level: float = 0.95,
    names: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
) -> Table:
    """Make the table of the differences of latent means, with and without the constraint.

    Parameters
    ----------
    means : DataFrame
        One row a group or wave, factor and model: factor, context, intercepts (``"equal"``, ``"partial"`` or
        ``"free"``), est, se, ci_lower, ci_upper and, where there are such, p, d, lowest and highest.
    reference : str
        The group or wave whose means are 0.
    language : str
        Language of words and numbers.
    level : float
        Level of the intervals.
    names : mapping of str to str, optional
        Names of factors for readers.
    flags : sequence of str
        Why a solution cannot be read.
    """
    words = report_words(language)
    frame = means[[column for column in _MEANS if column in means.columns]].reset_index(drop=True)
    frame = frame.assign(
        factor=[named(names, str(part)) for part in frame["factor"]],
        intercepts=[held_equal(str(part), words) for part in frame["intercepts"]],
    )
    frame = frame.drop(
        columns=[name for name in ("lowest", "highest", "d", "p") if name in frame and frame[name].isna().all()]
    )
    note = words["inv_means_note"].format(reference=reference, level=percent(level, language))
    return Table(
        name="latent_means",
        caption=words["inv_means_caption"],
        frame=frame,
        headings={column: words[f"inv_{column}"] for column in frame.columns},
        decimals=dict.fromkeys(("est", "se", "ci_lower", "ci_upper", "p", "d", "lowest", "highest"), 3),
        n_labels=3,
        note=" ".join(
            [
                *flags,
                note,
                *([words["inv_means_note_free"]] if "lowest" in frame else []),
                *mean_sentences(means, language=language, names=names),
            ]
        ),
        language=language,
    )


def freed_table(
    freed: pd.DataFrame, *, language: str = "en", names: Mapping[str, str] | None = None, flags: Sequence[str] = ()
) -> Table:
    """Make the table of the equalities that a search for partial invariance gave up, in their order.

    Parameters
    ----------
    freed : DataFrame
        Columns level, context, lhs, op, rhs, mi, epc, p_adjusted.
    language : str
        Language of words and numbers.
    names : mapping of str to str, optional
        Names of factors and items for readers.
    flags : sequence of str
        Why a solution cannot be read.
    """
    words = report_words(language)
    frame = pd.DataFrame(
        {
            "level": [level_name(str(level), words) for level in freed["level"]],
            "context": freed["context"].astype(str),
            "parameter": [
                _parameter(named(names, str(lhs)), str(op), named(names, str(rhs)), words)
                for lhs, op, rhs in zip(freed["lhs"], freed["op"], freed["rhs"], strict=True)
            ],
            "mi": freed["mi"],
            "epc": freed["epc"],
            "p_adjusted": freed["p_adjusted"],
        }
    ).reset_index(drop=True)
    return Table(
        name="invariance_freed",
        caption=words["inv_freed_caption"],
        frame=frame,
        headings={column: words[f"inv_{column}"] for column in frame.columns},
        decimals={"mi": 2, "epc": 3, "p_adjusted": 3},
        n_labels=3,
        note=" ".join([*flags, words["inv_freed_note"]]),
        language=language,
    )


def _parameter(lhs: str, op: str, rhs: str, words: Mapping[str, str]) -> str:
    if op == "~1":
        return words["inv_of_intercept"].format(item=lhs)
    if op == "|":
        return words["inv_of_threshold"].format(item=lhs, threshold=rhs)
    if op == "=~":
        return f"{lhs} \N{RIGHTWARDS ARROW} {rhs}"
    return words["inv_of_variance"].format(item=lhs) if lhs == rhs else f"{lhs} \N{LEFT RIGHT ARROW} {rhs}"


def mean_sentences(means: pd.DataFrame, *, language: str = "en", names: Mapping[str, str] | None = None) -> list[str]:
    """Say where holding parameters equal or freeing them changes what a difference of latent means says.

    A conclusion is that a group is lower, higher, or neither: its interval lies below 0, above 0, or over it.
    """
    words = report_words(language)
    said = []
    for key, part in means.groupby(["context", "factor"], sort=False):
        context, factor = (str(name) for name in key)
        found = [
            (str(row["intercepts"]), _float(row["est"]), _conclusion(_float(row["ci_lower"]), _float(row["ci_upper"])))
            for row in part.to_dict(orient="records")
        ]
        if len({conclusion for _, _, conclusion in found if conclusion is not None}) > 1:
            values = [
                f"{number(estimate, language, 2)} ({held_equal(constraint, words)})"
                for constraint, estimate, _ in found
            ]
            said.append(
                words["inv_means_change"].format(
                    factor=named(names, factor), context=context, values=listed(values, language)
                )
            )
    return said


def _conclusion(low: float, high: float) -> int | None:
    if math.isnan(low) or math.isnan(high):
        return None
    return 1 if low > 0 else -1 if high < 0 else 0


def highest_level(tests: pd.DataFrame, levels: Sequence[str], *, broken: Collection[str] = ()) -> str | None:
    """Return the highest level up to which every step holds; None where even the first model cannot be read.

    Parameters
    ----------
    tests : DataFrame
        As for :func:`invariance_table`.
    levels : sequence of str
        All levels, the least restricted first. The first has no step: it counts unless it is broken.
    broken : collection of str
        Levels whose solution cannot be read. Such a level, and one without a test, ends the ladder.
    """
    step = {str(row["level"]): row for row in rows_of(tests)}
    reached = None
    for place, name in enumerate(levels):
        verdict = step.get(name, {}).get("holds")
        if name in broken or verdict is False or (verdict is None and place):
            break
        reached = name
    return reached


def invariance_sentence(
    tests: pd.DataFrame,
    levels: Sequence[str],
    *,
    contexts: Sequence[str],
    longitudinal: bool = False,
    fits: bool = True,
    broken: Collection[str] = (),
    language: str = "en",
) -> str:
    """Say in one or two sentences how far the measurement is the same and what may be compared.

    Parameters
    ----------
    tests : DataFrame
        As for :func:`invariance_table`.
    levels : sequence of str
        All levels, the least restricted first.
    contexts : sequence of str
        Groups or waves that were compared.
    longitudinal : bool
        Whether they are waves of the same persons.
    fits : bool
        Whether the least restricted model fits well enough to build on.
    broken : collection of str
        Levels whose solution cannot be read.
    language : str
        Language of the words.
    """
    words = report_words(language)
    of = words["inv_waves" if longitudinal else "inv_groups"].format(names=listed(list(contexts), language))
    reached = highest_level(tests, levels, broken=broken)
    if reached is None:
        return words["inv_verdict_undetermined"].format(contexts=of)
    if not fits:
        return words["inv_verdict_none"].format(contexts=of)
    base, partial = base_level(reached)
    sentence = words[f"inv_verdict_{HIGHEST.get(base, 'structure')}"].format(contexts=of)
    if partial:
        sentence += " " + words["inv_verdict_partial"]
    place = list(levels).index(reached)
    if place + 1 < len(levels):
        following = levels[place + 1]
        step = {str(row["level"]): row["holds"] for row in rows_of(tests)}
        key = "inv_broken" if following in broken else "inv_stopped" if step.get(following) is False else "inv_untested"
        sentence += " " + words[key].format(level=_long_name(following, words))
    return sentence
