"""JSON Schemas of the file formats, so that editors can check and complete instrument files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from toolkit.instruments.definition import Definition
from toolkit.instruments.statements import ComparabilityFile
from toolkit.instruments.status import Status
from toolkit.instruments.text import Text

_MODELS: dict[str, type[BaseModel]] = {
    "definition": Definition,
    "text": Text,
    "status": Status,
    "comparability": ComparabilityFile,
}
_TITLES = {
    "definition": "Instrument definition (definition.yaml)",
    "text": "Instrument text in one language (text.<language>.yaml)",
    "status": "What became of the versions (status.yaml)",
    "comparability": "Statements on comparing versions and languages (evidence/comparability.yaml)",
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each file format by file name, such as ``definition.schema.json``."""
    return {
        f"{name}.schema.json": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **_portable(model.model_json_schema(by_alias=True)),
            "title": _TITLES[name],
        }
        for name, model in _MODELS.items()
    }


def write_schemas(directory: Path) -> list[Path]:
    """Write the JSON Schemas into a directory and return the files."""
    directory.mkdir(parents=True, exist_ok=True)
    files = []
    for name, schema in json_schemas().items():
        file = directory / name
        file.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
        files.append(file)
    return files


def _portable(value: Any) -> Any:
    """Write patterns as JavaScript understands them: editors do not know inline flags."""
    if isinstance(value, dict):
        return {key: _portable(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_portable(part) for part in value]
    if value == r"^\S(?s:.*\S)?$":
        return r"^\S([\s\S]*\S)?$"
    return value
