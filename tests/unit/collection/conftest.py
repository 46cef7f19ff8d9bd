"""A survey of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collecting import Survey


@pytest.fixture
def survey(tmp_path: Path) -> Iterator[Survey]:
    survey = Survey(tmp_path)
    yield survey
    survey.close()
