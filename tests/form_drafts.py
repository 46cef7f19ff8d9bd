"""Drafts that importers made, loaded as their files would be."""

from __future__ import annotations

from pathlib import Path

from toolkit import instruments
from toolkit.instruments import Instrument
from toolkit.instruments.definition import Definition
from toolkit.instruments.exchange import Imported
from toolkit.instruments.lint import lint
from toolkit.instruments.parsing import parse
from toolkit.instruments.text import Text


def drafted(made: Imported) -> Instrument:
    """Load a draft in memory; it has to lint without problems."""
    definition, _, problems = parse(made.definition_yaml.encode(), "definition.yaml", Definition)
    texts = {}
    for language, content in made.texts.items():
        texts[language], _, found = parse(content.encode(), f"text.{language}.yaml", Text)
        problems += found
    assert problems == []
    assert definition is not None
    read = {language: text for language, text in texts.items() if text is not None}
    assert lint(definition, list(read.values())).problems == ()
    return Instrument(definition=definition, texts=read, definition_hash="0" * 64)


def written(made: Imported, catalog: Path) -> Instrument:
    """Write a draft into a catalog folder and load it."""
    folder = catalog / made.id / made.version
    folder.mkdir(parents=True)
    (folder / "definition.yaml").write_text(made.definition_yaml, encoding="utf-8")
    for language, content in made.texts.items():
        (folder / f"text.{language}.yaml").write_text(content, encoding="utf-8")
    return instruments.load(folder)
