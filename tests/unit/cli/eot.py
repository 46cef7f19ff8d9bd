"""The command ``eot`` as tests call it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from toolkit.cli import app
from toolkit.errors import Code
from toolkit.settings import Settings

Eot = Callable[..., Any]


def call_eot(*arguments: str, code: int = 0, said: Code | None = None, answer: str | None = None) -> str:
    """Run a command that must end with this exit code, and return all that it wrote."""
    result = CliRunner().invoke(app, list(arguments), input=answer)
    assert result.exit_code == code, result.output
    if said is not None:
        assert str(said) in result.stderr
    assert "Traceback" not in result.output
    return result.output


def forget_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be set by the machine."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"EOT_{name.upper()}", raising=False)
