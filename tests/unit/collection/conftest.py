"""A survey of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collecting import Survey
from tests.databases import Kind


@pytest.fixture
def survey(tmp_path: Path, kind: Kind) -> Iterator[Survey]:
    survey = Survey(tmp_path, kind=kind)
    yield survey
    survey.drop()
