"""What is asked: definitions and texts, their catalog, releases and versions, response frames and scores."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.instruments.catalog import Catalog, default_catalog, load
    from toolkit.instruments.definition import Definition
    from toolkit.instruments.diff import VersionDiff, version_diff
    from toolkit.instruments.draft import Draft, draft_from_frame
    from toolkit.instruments.evidence import load_statements
    from toolkit.instruments.instrument import Instrument
    from toolkit.instruments.responses import read_frame, require_respondents
    from toolkit.instruments.scoring import ScoreTable, score, scored_items
    from toolkit.instruments.statements import StatedComparability, Statement, comparability
    from toolkit.instruments.text import Text

_HOMES = {
    "Catalog": "catalog",
    "default_catalog": "catalog",
    "load": "catalog",
    "StatedComparability": "statements",
    "Statement": "statements",
    "comparability": "statements",
    "Definition": "definition",
    "VersionDiff": "diff",
    "version_diff": "diff",
    "Draft": "draft",
    "draft_from_frame": "draft",
    "load_statements": "evidence",
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
    "StatedComparability",
    "Statement",
    "Text",
    "VersionDiff",
    "comparability",
    "default_catalog",
    "draft_from_frame",
    "load",
    "load_statements",
    "read_frame",
    "require_respondents",
    "score",
    "scored_items",
    "version_diff",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    message = f"module '{__name__}' has no attribute '{name}'"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
