"""What is asked: definitions and texts, their catalog and releases, response frames and scores."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.instruments.catalog import Catalog, default_catalog, load
    from toolkit.instruments.definition import Definition
    from toolkit.instruments.draft import Draft, draft_from_frame
    from toolkit.instruments.instrument import Instrument
    from toolkit.instruments.responses import read_frame, require_respondents
    from toolkit.instruments.scoring import ScoreTable, score, scored_items
    from toolkit.instruments.text import Text

_HOMES = {
    "Catalog": "catalog",
    "default_catalog": "catalog",
    "load": "catalog",
    "Definition": "definition",
    "Draft": "draft",
    "draft_from_frame": "draft",
    "Instrument": "instrument",
    "read_frame": "responses",
    "require_respondents": "responses",
    "ScoreTable": "scoring",
    "score": "scoring",
    "scored_items": "scoring",
    "Text": "text",
}

__all__ = [
    "Catalog",
    "Definition",
    "Draft",
    "Instrument",
    "ScoreTable",
    "Text",
    "default_catalog",
    "draft_from_frame",
    "load",
    "read_frame",
    "require_respondents",
    "score",
    "scored_items",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    message = f"module '{__name__}' has no attribute '{name}'"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
