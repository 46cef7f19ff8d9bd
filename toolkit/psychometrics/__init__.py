"""Is the scale any good: pure statistics on persons x items frames.

Import it as ``from toolkit import psychometrics as pm``. Names are loaded when they are first used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.psychometrics._counts import ResponseCounts
    from toolkit.psychometrics._result import Estimate, Interval
    from toolkit.psychometrics.agreement.design_effects import DesignEffectsResult, design_effects
    from toolkit.psychometrics.agreement.intraclass import IntraclassResult, intraclass_correlation
    from toolkit.psychometrics.agreement.kappa import KappaResult, weighted_kappa
    from toolkit.psychometrics.agreement.krippendorff import KrippendorffResult, krippendorff_alpha
    from toolkit.psychometrics.agreement.within_group import WithinGroupResult, within_group_agreement
    from toolkit.psychometrics.cfa.alignment import AlignmentResult, alignment
    from toolkit.psychometrics.cfa.cfa import CfaResult, cfa
    from toolkit.psychometrics.cfa.confirmation import SplitConfirmationResult, split_confirmation
    from toolkit.psychometrics.cfa.dynamic_cutoffs import DynamicCutoffsResult, dynamic_fit_cutoffs
    from toolkit.psychometrics.cfa.invariance import InvarianceResult, invariance
    from toolkit.psychometrics.cfa.local_dependence import LocalDependenceResult, local_dependence
    from toolkit.psychometrics.cfa.nested import NestedTestResult
    from toolkit.psychometrics.cfa.partial_invariance import PartialInvarianceResult
    from toolkit.psychometrics.cfa.syntax import ModelSyntax, parse_model
    from toolkit.psychometrics.cfa.two_level import TwoLevelCfaResult, two_level_cfa
    from toolkit.psychometrics.correlation import CorrelationResult, pearson_correlation, spearman_correlation
    from toolkit.psychometrics.counting import count_responses
    from toolkit.psychometrics.factors.bootstrap import EfaBootstrapResult
    from toolkit.psychometrics.factors.congruence import tucker_congruence
    from toolkit.psychometrics.factors.efa import EfaResult, efa
    from toolkit.psychometrics.factors.retention import ParallelAnalysisResult, parallel_analysis
    from toolkit.psychometrics.factors.retention_comparison import ComparisonDataResult, comparison_data
    from toolkit.psychometrics.factors.retention_hull import HullResult, hull
    from toolkit.psychometrics.factors.retention_kaiser import EmpiricalKaiserResult, empirical_kaiser_criterion
    from toolkit.psychometrics.factors.retention_map import MapTestResult, map_test
    from toolkit.psychometrics.factors.retention_nest import NestResult, nest
    from toolkit.psychometrics.factors.retention_table import RetentionResult, retention
    from toolkit.psychometrics.factors.suitability import (
        BartlettSphericityResult,
        KaiserMeyerOlkinResult,
        bartlett_sphericity,
        kaiser_meyer_olkin,
    )
    from toolkit.psychometrics.items import ItemAnalysisResult, ItemDescriptionResult, describe_items, item_analysis
    from toolkit.psychometrics.ordinal_correlation import PolychoricResult, polychoric
    from toolkit.psychometrics.reliability.alpha import AlphaResult, cronbach_alpha
    from toolkit.psychometrics.reliability.change import ReliableChangeResult, reliable_change
    from toolkit.psychometrics.reliability.composite import OmegaResult, composite_omega
    from toolkit.psychometrics.reliability.guttman import GuttmanResult, guttman_lambdas
    from toolkit.psychometrics.reliability.hierarchical import HierarchicalOmegaResult, mcdonald_omega
    from toolkit.psychometrics.reliability.lower_bound import GreatestLowerBoundResult, greatest_lower_bound
    from toolkit.psychometrics.reliability.ordinal import OrdinalAlphaResult, ordinal_alpha
    from toolkit.psychometrics.reliability.precision import MeasurementErrorResult, measurement_error
    from toolkit.psychometrics.reliability.split_half import SplitHalfResult, split_half
    from toolkit.psychometrics.reliability.table import ReliabilityTableResult, reliability_table
    from toolkit.psychometrics.screening import CarelessRespondingResult, careless_responding
    from toolkit.psychometrics.short_forms import ShortFormResult, short_form
    from toolkit.psychometrics.simulate import simulate_ordinal

__all__ = [
    "AlignmentResult",
    "AlphaResult",
    "BartlettSphericityResult",
    "CarelessRespondingResult",
    "CfaResult",
    "ComparisonDataResult",
    "CorrelationResult",
    "DesignEffectsResult",
    "DynamicCutoffsResult",
    "EfaBootstrapResult",
    "EfaResult",
    "EmpiricalKaiserResult",
    "Estimate",
    "GreatestLowerBoundResult",
    "GuttmanResult",
    "HierarchicalOmegaResult",
    "HullResult",
    "Interval",
    "IntraclassResult",
    "InvarianceResult",
    "ItemAnalysisResult",
    "ItemDescriptionResult",
    "KaiserMeyerOlkinResult",
    "KappaResult",
    "KrippendorffResult",
    "LocalDependenceResult",
    "MapTestResult",
    "MeasurementErrorResult",
    "ModelSyntax",
    "NestResult",
    "NestedTestResult",
    "OmegaResult",
    "OrdinalAlphaResult",
    "ParallelAnalysisResult",
    "PartialInvarianceResult",
    "PolychoricResult",
    "ReliabilityTableResult",
    "ReliableChangeResult",
    "ResponseCounts",
    "RetentionResult",
    "ShortFormResult",
    "SplitConfirmationResult",
    "SplitHalfResult",
    "TwoLevelCfaResult",
    "WithinGroupResult",
    "alignment",
    "bartlett_sphericity",
    "careless_responding",
    "cfa",
    "comparison_data",
    "composite_omega",
    "count_responses",
    "cronbach_alpha",
    "describe_items",
    "design_effects",
    "dynamic_fit_cutoffs",
    "efa",
    "empirical_kaiser_criterion",
    "greatest_lower_bound",
    "guttman_lambdas",
    "hull",
    "intraclass_correlation",
    "invariance",
    "item_analysis",
    "kaiser_meyer_olkin",
    "krippendorff_alpha",
    "local_dependence",
    "map_test",
    "mcdonald_omega",
    "measurement_error",
    "nest",
    "ordinal_alpha",
    "parallel_analysis",
    "parse_model",
    "pearson_correlation",
    "polychoric",
    "reliability_table",
    "reliable_change",
    "retention",
    "short_form",
    "simulate_ordinal",
    "spearman_correlation",
    "split_confirmation",
    "split_half",
    "tucker_congruence",
    "two_level_cfa",
    "weighted_kappa",
    "within_group_agreement",
]

_HOMES = {
    "_result": ("Estimate", "Interval"),
    "_counts": ("ResponseCounts",),
    "correlation": ("CorrelationResult", "pearson_correlation", "spearman_correlation"),
    "counting": ("count_responses",),
    "ordinal_correlation": ("PolychoricResult", "polychoric"),
    "items": ("ItemAnalysisResult", "ItemDescriptionResult", "describe_items", "item_analysis"),
    "reliability.alpha": ("AlphaResult", "cronbach_alpha"),
    "reliability.composite": ("OmegaResult", "composite_omega"),
    "reliability.guttman": ("GuttmanResult", "guttman_lambdas"),
    "reliability.lower_bound": ("GreatestLowerBoundResult", "greatest_lower_bound"),
    "reliability.split_half": ("SplitHalfResult", "split_half"),
    "reliability.hierarchical": (
        "HierarchicalOmegaResult",
        "mcdonald_omega",
    ),
    "reliability.precision": (
        "MeasurementErrorResult",
        "measurement_error",
    ),
    "reliability.change": (
        "ReliableChangeResult",
        "reliable_change",
    ),
    "agreement.design_effects": (
        "DesignEffectsResult",
        "design_effects",
    ),
    "agreement.intraclass": (
        "IntraclassResult",
        "intraclass_correlation",
    ),
    "agreement.kappa": (
        "KappaResult",
        "weighted_kappa",
    ),
    "agreement.krippendorff": (
        "KrippendorffResult",
        "krippendorff_alpha",
    ),
    "agreement.within_group": (
        "WithinGroupResult",
        "within_group_agreement",
    ),
    "cfa.two_level": ("TwoLevelCfaResult", "two_level_cfa"),
    "screening": (
        "CarelessRespondingResult",
        "careless_responding",
    ),
    "reliability.ordinal": (
        "OrdinalAlphaResult",
        "ordinal_alpha",
    ),
    "reliability.table": (
        "ReliabilityTableResult",
        "reliability_table",
    ),
    "short_forms": ("ShortFormResult", "short_form"),
    "simulate": ("simulate_ordinal",),
    "cfa.cfa": ("CfaResult", "cfa"),
    "cfa.invariance": ("InvarianceResult", "invariance"),
    "cfa.nested": ("NestedTestResult",),
    "cfa.partial_invariance": ("PartialInvarianceResult",),
    "cfa.syntax": ("ModelSyntax", "parse_model"),
    "factors.suitability": (
        "BartlettSphericityResult",
        "KaiserMeyerOlkinResult",
        "bartlett_sphericity",
        "kaiser_meyer_olkin",
    ),
    "factors.retention": ("ParallelAnalysisResult", "parallel_analysis"),
    "factors.retention_comparison": ("ComparisonDataResult", "comparison_data"),
    "factors.retention_hull": ("HullResult", "hull"),
    "factors.retention_kaiser": ("EmpiricalKaiserResult", "empirical_kaiser_criterion"),
    "factors.retention_map": ("MapTestResult", "map_test"),
    "factors.retention_nest": ("NestResult", "nest"),
    "factors.retention_table": ("RetentionResult", "retention"),
    "factors.bootstrap": ("EfaBootstrapResult",),
    "factors.congruence": ("tucker_congruence",),
    "factors.efa": ("EfaResult", "efa"),
    "cfa.alignment": ("AlignmentResult", "alignment"),
    "cfa.confirmation": ("SplitConfirmationResult", "split_confirmation"),
    "cfa.local_dependence": ("LocalDependenceResult", "local_dependence"),
    "cfa.dynamic_cutoffs": ("DynamicCutoffsResult", "dynamic_fit_cutoffs"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


class _Face(ModuleType):
    """The room's face: its function ``cfa`` is not hidden by the folder of that name, whichever is loaded first."""

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute, unless it is a folder that has the name of a function."""
        if not (isinstance(value, ModuleType) and name in _HOME_OF):
            ModuleType.__setattr__(self, name, value)


sys.modules[__name__].__class__ = _Face


def __getattr__(name: str) -> Any:
    """Load a public name from its module when it is first used."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
