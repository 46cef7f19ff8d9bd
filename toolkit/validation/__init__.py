"""An instrument and its answers, turned into one validation run: plan, results, replication and ratings."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.validation.plan import ValidationPlan
    from toolkit.validation.run import InputFile, RunCancelledError, ValidationRun, validate

_HOMES = {
    "ValidationPlan": "plan",
    "InputFile": "run",
    "RunCancelledError": "run",
    "ValidationRun": "run",
    "validate": "run",
}

__all__ = ["InputFile", "RunCancelledError", "ValidationPlan", "ValidationRun", "validate"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    message = f"module '{__name__}' has no attribute '{name}'"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
