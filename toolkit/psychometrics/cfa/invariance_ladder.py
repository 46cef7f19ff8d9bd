"""What the steps of an invariance analysis share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from toolkit.errors import Code, Problem
from toolkit.psychometrics.cfa.cfa import CfaResult, cfa_of
from toolkit.psychometrics.cfa.fitting import Estimator
from toolkit.psychometrics.cfa.invariance_levels import Contexts, Freed, at_level
from toolkit.psychometrics.cfa.invariance_rules import InvarianceRule, holds
from toolkit.psychometrics.cfa.moments import Frame, GroupSample
from toolkit.psychometrics.cfa.nested import NestedTestResult


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ladder:
    """What the steps of an analysis share: contexts, samples and options."""

    contexts: Contexts
    frame: Frame
    samples: tuple[GroupSample, ...]
    estimator: Estimator
    levels: Mapping[str, frozenset[str]]
    means_level: str
    rule: InvarianceRule
    alpha: float
    options: Mapping[str, Any]

    def fitted(self, name: str, freed: Freed = frozenset()) -> CfaResult:
        """Return one level's model."""
        model = at_level(self.contexts, self.levels[name], freed)
        return cfa_of(model, self.frame, self.samples, self.estimator, {**self.options, "level_of_invariance": name})

    def holds(self, name: str, test: NestedTestResult) -> bool | None:
        """Return whether a step holds by the rule."""
        of_loadings = name in {"metric", "loadings"}
        return holds(test, rule=self.rule, alpha=self.alpha, of_loadings=of_loadings, n_persons=test.n_persons)


def step_row(name: str, below: str, test: NestedTestResult, held: bool | None) -> dict[str, object]:
    """Return one row of the table of steps."""
    return {
        "level": name,
        "against": below,
        "chisq_diff": test.chisq_diff,
        "df_diff": test.df_diff,
        "p": test.p,
        "d_cfi": test.d_cfi,
        "d_rmsea": test.d_rmsea,
        "d_srmr": test.d_srmr,
        "holds": held,
    }


def all_warnings(levels: Mapping[str, CfaResult]) -> tuple[Problem, ...]:
    """Return the warnings of all levels, each once."""
    found: dict[str, Problem] = {}
    for name, result in levels.items():
        for problem in result.warnings:
            named = problem.code in {Code.STA_NOT_CONVERGED, Code.STA_INADMISSIBLE}
            told = Problem(
                code=problem.code,
                what=f"{name} model: {problem.what}" if named else problem.what,
                fix=problem.fix,
                item=problem.item,
                got=problem.got,
                allowed=problem.allowed,
            )
            found[str(told)] = told
    return tuple(found.values())
