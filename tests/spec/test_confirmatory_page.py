"""The commands on the page on confirmatory models run as they stand, one after the other, and find what is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from toolkit import psychometrics as pm

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "confirmatory-models.md").read_text(encoding="utf-8")


def test_the_commands_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) >= 4
    found: dict[str, Any] = {}
    exec("\n".join(blocks), found)  # noqa: S102 - the page's own commands
    assert found["result"].converged
    assert found["result"].admissible
    assert found["result"].n_persons > 300
    assert found["test"].df_diff == 15
    assert found["analysis"].verdict == "supported"


def test_what_the_page_names_exists() -> None:
    for name in re.findall(r"`pm\.([a-z_]+)", PAGE):
        assert hasattr(pm, name), name
    for name in re.findall(r"`(?:result\.)?([a-z_]+)\(", PAGE):
        assert any(hasattr(owner, name) for owner in (pm.CfaResult, pm.InvarianceResult, pm)) or name == "to_model", (
            name
        )
