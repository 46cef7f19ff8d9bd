"""Is the scale any good: pure statistics on persons x items frames.

Import it as ``from toolkit import psychometrics as pm``. Names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.psychometrics._counts import ResponseCounts
    from toolkit.psychometrics._result import Estimate, Interval
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
    from toolkit.psychometrics.reliability import AlphaResult, OmegaResult, composite_omega, cronbach_alpha
    from toolkit.psychometrics.simulate import simulate_ordinal

__all__ = [
    "AlphaResult",
    "BartlettSphericityResult",
    "ComparisonDataResult",
    "CorrelationResult",
    "EfaBootstrapResult",
    "EfaResult",
    "EmpiricalKaiserResult",
    "Estimate",
    "HullResult",
    "Interval",
    "ItemAnalysisResult",
    "ItemDescriptionResult",
    "KaiserMeyerOlkinResult",
    "MapTestResult",
    "NestResult",
    "OmegaResult",
    "ParallelAnalysisResult",
    "PolychoricResult",
    "ResponseCounts",
    "RetentionResult",
    "bartlett_sphericity",
    "comparison_data",
    "composite_omega",
    "count_responses",
    "cronbach_alpha",
    "describe_items",
    "efa",
    "empirical_kaiser_criterion",
    "hull",
    "item_analysis",
    "kaiser_meyer_olkin",
    "map_test",
    "nest",
    "parallel_analysis",
    "pearson_correlation",
    "polychoric",
    "retention",
    "simulate_ordinal",
    "spearman_correlation",
    "tucker_congruence",
]

_HOMES = {
    "_result": ("Estimate", "Interval"),
    "_counts": ("ResponseCounts",),
    "correlation": ("CorrelationResult", "pearson_correlation", "spearman_correlation"),
    "counting": ("count_responses",),
    "ordinal_correlation": ("PolychoricResult", "polychoric"),
    "items": ("ItemAnalysisResult", "ItemDescriptionResult", "describe_items", "item_analysis"),
    "reliability": ("AlphaResult", "OmegaResult", "composite_omega", "cronbach_alpha"),
    "simulate": ("simulate_ordinal",),
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
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


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
