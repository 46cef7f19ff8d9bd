"""Services over time: what a service may conclude from its scores, unit by unit and wave by wave. Pure."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.comparison.results import Comparison, Distributions, Finding, ResponseRates

_HOMES = {
    "Comparison": "results",
    "Distributions": "results",
    "Finding": "results",
    "ResponseRates": "results",
}

__all__ = ["Comparison", "Distributions", "Finding", "ResponseRates"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    message = f"module '{__name__}' has no attribute '{name}'"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
