"""Services over time: what a service may conclude from its scores, unit by unit and wave by wave. Pure."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.comparison.findings import Finding
    from toolkit.comparison.participation import response_rates
    from toolkit.comparison.results import Comparison, Distributions, ResponseRates
    from toolkit.comparison.rounding import rounded
    from toolkit.comparison.run import compare
    from toolkit.comparison.shares import distributions

_HOMES = {
    "Comparison": "results",
    "Distributions": "results",
    "Finding": "findings",
    "ResponseRates": "results",
    "compare": "run",
    "distributions": "shares",
    "response_rates": "participation",
    "rounded": "rounding",
}

__all__ = [
    "Comparison",
    "Distributions",
    "Finding",
    "ResponseRates",
    "compare",
    "distributions",
    "response_rates",
    "rounded",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    message = f"module '{__name__}' has no attribute '{name}'"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
