"""Every model and every error on the page on the model syntax is as the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from toolkit.errors import StatisticsError
from toolkit.psychometrics.cfa import _terms, _tokens, syntax
from toolkit.psychometrics.cfa.syntax import model_text, parse_model

PAGE = (Path(__file__).parents[2] / "docs" / "model-syntax.md").read_text(encoding="utf-8")
MODELS = re.findall(r"```lavaan\n(.*?)```", PAGE, re.DOTALL)
REFUSED = re.findall(r"```lavaan refused\n(.*?)\n```\n\n```text\n(.*?)\n```", PAGE, re.DOTALL)
MODIFIERS = [
    modifier
    for row in re.findall(r"^\| (`.*?) \|", PAGE.split("## What is said of a parameter")[1], re.MULTILINE)
    for modifier in re.findall(r"`([^`]+)`", row)
]


@pytest.mark.parametrize("text", MODELS)
def test_a_model_on_the_page_is_read(text: str) -> None:
    assert parse_model(text).statements


@pytest.mark.parametrize("text", MODIFIERS)
def test_a_modifier_on_the_page_is_read(text: str) -> None:
    assert any(one.modifiers for one in parse_model(f"f =~ x1 + {text}").statements)


def test_the_two_models_that_say_the_same_do() -> None:
    one, two = (model for model in MODELS if "a*calm + rested" in model)
    assert model_text(parse_model(one).statements) == model_text(parse_model(two).statements)


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_an_error_on_the_page_is_the_error(text: str, message: str) -> None:
    with pytest.raises(StatisticsError) as caught:
        parse_model(text)
    assert str(caught.value) == message


def test_the_page_shows_every_error() -> None:
    assert len(MODELS) >= 8
    assert len(REFUSED) >= 60
    for module in (syntax, _terms, _tokens):
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        sentences = re.findall(r'what(?:, fix)? = f?"([^"]+)"|raise source\.error\(\s*f?["\']([^"\']{12,})', source)
        for sentence in (first or second for first, second in sentences):
            parts = [part for part in re.split(r"\{[^{}]*\}", sentence) if len(part) > 6]
            assert all(part in PAGE for part in parts), sentence
    for what, fix in (*_terms._REFUSED.values(), *_terms._NOT_HERE.values()):
        assert what in PAGE
        assert fix in PAGE
