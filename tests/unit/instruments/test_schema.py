"""The JSON Schemas for editors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from toolkit.instruments import schema
from toolkit.instruments.definition import Definition
from toolkit.instruments.parsing import PATTERNS_IN_WORDS
from toolkit.instruments.statements import ComparabilityFile
from toolkit.instruments.status import Status
from toolkit.instruments.text import Text

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = (ROOT / "instruments", ROOT / "tests" / "instruments")
FILES = sorted(file for folder in FOLDERS for file in folder.glob("**/*.yaml"))
SCHEMAS = [f"{name}.schema.json" for name in ("definition", "text", "status", "comparability")]


def test_the_committed_schemas_are_current(tmp_path: Path) -> None:
    written = schema.write_schemas(tmp_path)
    assert [file.name for file in written] == SCHEMAS
    for file in written:
        assert file.read_bytes() == (ROOT / "docs" / "schema" / file.name).read_bytes()


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(file.parts[-3:]))
def test_every_instrument_file_names_its_schema_and_fits_it(file: Path) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert named, first
    path = (file.parent / named[1]).resolve()
    assert path.parent == ROOT / "docs" / "schema"
    content = json.loads(json.dumps(YAML(typ="safe").load(file), default=str))
    Draft202012Validator(json.loads(path.read_text(encoding="utf-8"))).validate(content)


def test_the_schema_refuses_what_the_models_refuse() -> None:
    validator = Draft202012Validator(schema.json_schemas()["definition.schema.json"])
    content = json.loads(
        json.dumps(YAML(typ="safe").load(ROOT / "instruments" / "eomhs" / "1.0.0" / "definition.yaml"))
    )
    assert list(validator.iter_errors(content)) == []
    assert len(list(validator.iter_errors(content | {"minutes": "six", "surplus": 1}))) == 2


def test_every_pattern_of_the_models_is_explained_in_words() -> None:
    patterns = set()
    for model in (Definition, Text, Status, ComparabilityFile):
        patterns |= set(re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', json.dumps(model.model_json_schema())))
    assert {json.loads(f'"{pattern}"') for pattern in patterns} == set(PATTERNS_IN_WORDS)
