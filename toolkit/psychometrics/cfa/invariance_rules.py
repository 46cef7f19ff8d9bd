"""Rules that say whether a level of invariance holds, each with its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from toolkit.psychometrics.cfa.fit_indices import index_kind
from toolkit.psychometrics.cfa.nested import NestedTestResult

InvarianceRule = Literal["chen", "cheung_rensvold", "chi_square"]
"""``chen`` looks at the change of CFI together with RMSEA or SRMR, ``cheung_rensvold`` at CFI alone, ``chi_square`` at
the test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleText:
    """A rule in words, with its source."""

    text: str
    source: str


RULES: dict[str, RuleText] = {
    "chen": RuleText(
        text="CFI falls by .010 or less, and RMSEA rises by .015 or less or SRMR by .010 or less (.030 for loadings); "
        "with 300 persons or fewer by .005, .010 and .005 (.025)",
        source="Chen (2007), https://doi.org/10.1080/10705510701301834",
    ),
    "cheung_rensvold": RuleText(
        text="CFI falls by .010 or less",
        source="Cheung and Rensvold (2002), https://doi.org/10.1207/S15328007SEM0902_5",
    ),
    "chi_square": RuleText(text="the test of nested models has p of alpha or more", source="significance test"),
}
WELL_FITTING = RuleText(
    text="CFI .90 or more, and RMSEA .08 or less or SRMR .08 or less",
    source="Marsh, Hau and Wen (2004), https://doi.org/10.1207/s15328007sem1103_2; Hu and Bentler (1999), "
    "https://doi.org/10.1080/10705519909540118",
)


def holds(
    test: NestedTestResult, *, rule: InvarianceRule, alpha: float, of_loadings: bool, n_persons: int
) -> bool | None:
    """Return whether a step holds by a rule; None where the numbers that it needs do not exist."""
    if rule == "chi_square":
        return bool(test.p >= alpha) if np.isfinite(test.p) else None
    if not np.isfinite(test.d_cfi):
        return None
    if rule == "cheung_rensvold":
        return bool(test.d_cfi >= -0.010)
    small = n_persons <= 300
    of_cfi, of_rmsea = (-0.005, 0.010) if small else (-0.010, 0.015)
    of_srmr = (0.025 if small else 0.030) if of_loadings else (0.005 if small else 0.010)
    if not np.isfinite(test.d_rmsea + test.d_srmr):
        return None
    return bool(test.d_cfi >= of_cfi and (test.d_rmsea <= of_rmsea or test.d_srmr <= of_srmr))


def fits_well(fit: dict[str, float]) -> bool:
    """Return whether a model fits well enough to build on; robust indices are used where they exist, else scaled."""
    kind = index_kind(fit)
    return bool(fit[f"cfi{kind}"] >= 0.90 and (fit[f"rmsea{kind}"] <= 0.08 or fit["srmr"] <= 0.08))
