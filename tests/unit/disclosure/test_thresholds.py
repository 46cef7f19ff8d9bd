"""Floors may be raised and never lowered."""

from __future__ import annotations

import pytest

from toolkit.disclosure.thresholds import Policy
from toolkit.errors import Code, ComparisonError


def test_the_defaults_are_those_of_the_documents() -> None:
    policy = Policy()
    assert (policy.floor("mean"), policy.floor("distribution")) == (5, 10)
    assert policy.floor("mean", rates_leader=True) == policy.floor("distribution", rates_leader=True) == 10


def test_floors_may_be_raised() -> None:
    policy = Policy(floor_mean=12, floor_distribution=15, floor_leader=11)
    assert (policy.floor("mean"), policy.floor("mean", rates_leader=True)) == (12, 12)
    assert policy.floor("distribution", rates_leader=True) == 15
    assert (policy.lowest("mean"), policy.lowest("mean", rates_leader=True)) == (5, 10)


@pytest.mark.parametrize(
    ("name", "floor"),
    [
        *[("floor_mean", 4), ("floor_distribution", 9), ("floor_leader", 9)],
        *[("floor_mean", 6.0), ("floor_mean", True), ("floor_mean", None), ("floor_mean", "9")],
    ],
)
def test_a_lower_floor_is_refused(name: str, floor: object) -> None:
    with pytest.raises(ComparisonError) as refusal:
        Policy(**{name: floor})  # type: ignore[arg-type]  # the point of the test
    assert refusal.value.codes == (Code.CMP_FLOOR,)
    assert refusal.value.problems[0].key == name


def test_every_floor_that_is_too_low_is_named() -> None:
    with pytest.raises(ComparisonError) as refusal:
        Policy(floor_mean=1, floor_distribution=1, floor_leader=1)
    assert refusal.value.codes == (Code.CMP_FLOOR,) * 3
