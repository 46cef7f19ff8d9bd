"""JSON Schema of the two file formats, so that editors can check and complete instrument files."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from toolkit.instruments.definition import Definition
from toolkit.instruments.text import Text

PATTERNS_IN_WORDS = {
    r"^[a-z][a-z0-9-]{1,39}$": "2 to 40 small letters, digits and hyphens, a letter first",
    r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$": 'three numbers in quotes, as in "1.0.0"',
    r"^[A-Za-z][A-Za-z0-9_]{0,31}$": "up to 32 letters, digits and underscores, a letter first",
    r"^[a-z][a-z0-9_]{0,31}$": "up to 32 small letters, digits and underscores, a letter first",
    r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$": "a language code, as in en, nb or pt-BR",
    r"^\S(?s:.*\S)?$": "words without a space at either end",
    r"^\d+/\d+$": 'a fraction in quotes, as in "1/3"',
}
"""What the patterns of the models mean, for messages."""

_MODELS: dict[str, type[BaseModel]] = {"definition": Definition, "text": Text}
_TITLES = {
    "definition": "Instrument definition (definition.yaml)",
    "text": "Instrument text in one language (text.<language>.yaml)",
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


@cache
def known_keys(model: type[BaseModel]) -> tuple[str, ...]:
    """Every key that may be written somewhere in a file of this model, for suggestions."""
    schema = model.model_json_schema(by_alias=True)
    parts = [schema, *schema.get("$defs", {}).values()]
    return tuple(sorted({key for part in parts for key in part.get("properties", {})}))


def _portable(value: Any) -> Any:
    """Write patterns as JavaScript understands them: editors do not know inline flags."""
    if isinstance(value, dict):
        return {key: _portable(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_portable(part) for part in value]
    if value == r"^\S(?s:.*\S)?$":
        return r"^\S([\s\S]*\S)?$"
    return value
