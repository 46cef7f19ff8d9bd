"""Services on a database of their own, for every page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.runtime.context import ContextProxy

from toolkit import wiring
from toolkit.settings import Settings

USERS = ("pages.respond", "pages.withdraw", "pages.waves", "pages.validation", "answering", "validating", "staff")
"""Modules of the app that ask for the services."""


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[wiring.Services]:
    wired = wiring.wire(Settings(database_url=f"sqlite:///{tmp_path / 'eot.db'}", demo=True))
    monkeypatch.setattr(wiring, "services", lambda: wired)
    for module in USERS:
        monkeypatch.setattr(f"toolkit.ui.{module}.services", lambda: wired)
    # Streamlit's tests come from a mock of an address; a browser on this computer has none.
    monkeypatch.setattr(ContextProxy, "ip_address", None)
    yield wired
    wired.engine.dispose()
