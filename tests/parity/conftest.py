"""The one way in which parity tests compare."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.comparing import Compare, comparison


@pytest.fixture
def compare(record_property: Callable[[str, object], None]) -> Compare:
    """Compare numbers, count them, and keep the worst deviation for the summary."""
    return comparison(record_property)
