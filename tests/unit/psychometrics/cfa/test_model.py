"""From a model as written to its parameters: what is free, what is fixed, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from toolkit.errors import Code, StatisticsError
from toolkit.psychometrics.cfa._matrices import compiled
from toolkit.psychometrics.cfa.model import Model, ModelDefaults, specify
from toolkit.psychometrics.cfa.syntax import parse_model

ONE = "f =~ x1 + x2 + x3"
TWO = f"{ONE}\ng =~ x4 + x5 + x6"


def model(text: str, **options: Any) -> Model:
    """Specify a model; ``ordered`` items have two thresholds if no numbers are given."""
    ordered = frozenset(options.pop("ordered", ()))
    counts = options.pop("n_thresholds", dict.fromkeys(ordered, 2))
    return specify(parse_model(text), ModelDefaults(ordered=ordered, n_thresholds=counts, **options))


def free(found: Model, group: int = 0) -> list[str]:
    return [row.name for row in found.parameters if row.free and row.group == group]


def fixed(found: Model, group: int = 0) -> dict[str, float | None]:
    return {row.name: row.value for row in found.parameters if not row.free and row.group == group}


@pytest.mark.parametrize(
    ("text", "options", "expected_free", "expected_fixed"),
    [
        (ONE, {}, "f=~x2 f=~x3 x1~~x1 x2~~x2 x3~~x3 f~~f", {"f=~x1": 1.0}),
        (ONE, {"std_lv": True}, "f=~x1 f=~x2 f=~x3 x1~~x1 x2~~x2 x3~~x3", {"f~~f": 1.0}),
        (
            ONE,
            {"mean_structure": True},
            "f=~x2 f=~x3 x1~~x1 x2~~x2 x3~~x3 f~~f x1~1 x2~1 x3~1",
            {"f=~x1": 1.0, "f~1": 0.0},
        ),
        ("f =~ NA*x1 + x2 + x3\nf ~~ 1*f", {}, "f=~x1 f=~x2 f=~x3 x1~~x1 x2~~x2 x3~~x3", {"f~~f": 1.0}),
        ("f =~ x1 + .5*x2 + x3", {}, "f=~x3 x1~~x1 x2~~x2 x3~~x3 f~~f", {"f=~x1": 1.0, "f=~x2": 0.5}),
        (
            f"{ONE}\nx1 ~~ x2",
            {},
            "f=~x2 f=~x3 x1~~x1 x2~~x2 x3~~x3 f~~f x1~~x2",
            {"f=~x1": 1.0},
        ),
        (
            TWO,
            {},
            "f=~x2 f=~x3 g=~x5 g=~x6 x1~~x1 x2~~x2 x3~~x3 x4~~x4 x5~~x5 x6~~x6 f~~f g~~g f~~g",
            {"f=~x1": 1.0, "g=~x4": 1.0},
        ),
        (
            f"{TWO}\nf ~~ 0*g",
            {"std_lv": True},
            "f=~x1 f=~x2 f=~x3 g=~x4 g=~x5 g=~x6 x1~~x1 x2~~x2 x3~~x3 x4~~x4 x5~~x5 x6~~x6",
            {"f~~f": 1.0, "g~~g": 1.0, "f~~g": 0.0},
        ),
        # factors that another factor measures have residual variances, and no covariances of their own
        (
            f"{TWO}\nh =~ f + g",
            {},
            "f=~x2 f=~x3 g=~x5 g=~x6 h=~g x1~~x1 x2~~x2 x3~~x3 x4~~x4 x5~~x5 x6~~x6 f~~f g~~g h~~h",
            {"f=~x1": 1.0, "g=~x4": 1.0, "h=~f": 1.0},
        ),
        (
            ONE,
            {"ordered": ("x1", "x2", "x3"), "mean_structure": True},
            "f=~x2 f=~x3 f~~f x1|t1 x1|t2 x2|t1 x2|t2 x3|t1 x3|t2",
            {
                "f=~x1": 1.0,
                **{f"x{j}~~x{j}": 0.0 for j in (1, 2, 3)},
                **{f"x{j}~1": 0.0 for j in (1, 2, 3)},
                **{f"x{j}~*~x{j}": 1.0 for j in (1, 2, 3)},
                "f~1": 0.0,
            },
        ),
        (
            ONE,
            {"ordered": ("x1",), "mean_structure": True, "parameterization": "theta"},
            "f=~x2 f=~x3 x2~~x2 x3~~x3 f~~f x2~1 x3~1 x1|t1 x1|t2",
            {"f=~x1": 1.0, "x1~~x1": 1.0, "x1~1": 0.0, "f~1": 0.0},
        ),
    ],
)
def test_what_is_free_and_what_is_fixed(
    text: str, options: dict[str, Any], expected_free: str, expected_fixed: dict[str, float]
) -> None:
    found = model(text, **options)
    assert sorted(free(found)) == sorted(expected_free.split())
    assert fixed(found) == expected_fixed


@pytest.mark.parametrize(
    ("equal", "freed"),
    [
        ((), ()),
        (("loadings",), ()),
        (("loadings", "intercepts"), ("f~1",)),
        (("loadings", "intercepts", "means"), ()),
        (("intercepts",), ()),
    ],
)
def test_equality_over_groups(equal: tuple[str, ...], freed: tuple[str, ...]) -> None:
    found = model(ONE, n_groups=2, mean_structure=True, equal=frozenset(equal))
    assert set(free(found, 1)) - set(free(found, 0)) == set(freed)
    shared = {
        "loadings": ["f=~x2", "f=~x3"],
        "intercepts": ["x1~1", "x2~1", "x3~1"],
        "means": [],
    }
    names = compiled(found).names
    count = len(free(found, 0)) + len(free(found, 1))
    assert len(names) == count - sum(len(shared[kind]) for kind in equal)


def test_factors_of_variance_one_lose_it_where_loadings_are_equal() -> None:
    found = model(ONE, n_groups=2, std_lv=True, mean_structure=True, equal=frozenset({"loadings"}))
    assert "f~~f" not in free(found, 0)
    assert "f~~f" in free(found, 1)


def test_scales_are_free_where_thresholds_are_equal() -> None:
    options: dict[str, Any] = {"n_groups": 2, "ordered": ("x1", "x2", "x3"), "mean_structure": True}
    equal = frozenset({"thresholds", "loadings"})
    delta, theta = (model(ONE, equal=equal, parameterization=kind, **options) for kind in ("delta", "theta"))
    assert {"x1~*~x1", "x2~*~x2", "x3~*~x3", "f~1"} == set(free(delta, 1)) - set(free(delta, 0))
    assert {"x1~~x1", "x2~~x2", "x3~~x3", "f~1"} == set(free(theta, 1)) - set(free(theta, 0))


def test_one_label_is_one_parameter() -> None:
    names = compiled(model("f =~ x1 + a*x2 + a*x3\nx1 ~~ b*x1\nx2 ~~ b*x2")).names
    assert names == ("a", "b", "x3~~x3", "f~~f")


def test_a_label_that_is_fixed_somewhere_is_fixed_everywhere() -> None:
    found = model("f =~ a*x1 + a*x2 + start(0.8)*a*x3 + x4")
    assert "a" not in compiled(found).names
    assert {name: value for name, value in fixed(found).items() if name.startswith("f=~")} == {
        "f=~x1": 1.0,
        "f=~x2": 1.0,
        "f=~x3": 1.0,
    }
    (Lambda,) = (group.fixed["Lambda"] for group in compiled(found).groups)
    assert Lambda.ravel().tolist() == [1.0, 1.0, 1.0, 0.0]


def test_a_label_with_two_fixed_values_is_refused() -> None:
    with pytest.raises(StatisticsError, match="fixed to different values") as caught:
        model("f =~ a*x1 + x2 + 0.5*a*x3 + x4")
    assert caught.value.codes == (Code.STA_MODEL_SYNTAX,)


def test_labels_for_each_group() -> None:
    text = "f =~ x1 + c(a, a)*x2 + c(b, d)*x3"
    use = compiled(model(text, n_groups=2))
    assert [name for name in use.names if len(name) == 1] == ["a", "b", "d"]


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        (f"{ONE}\nx1 | t1", {}, "Only ordered items have thresholds"),
        (f"{ONE}\nx1 ~*~ x1", {}, "Only ordered items have thresholds and scale factors"),
        (f"{ONE}\nx1 | t3", {"ordered": ("x1",), "mean_structure": True}, "does not have this threshold"),
        (f"{ONE}\nx1 ~ 1", {}, "This model has no means"),
        ("f =~ x1 + c(a, b, d)*x2 + x3", {"n_groups": 2}, "There are 2 groups"),
        (
            f"{ONE}\nx1 ~*~ x1",
            {"ordered": ("x1",), "mean_structure": True, "parameterization": "theta"},
            "belong to parameterization='delta'",
        ),
    ],
)
def test_statements_that_no_part_of_the_model_can_hold(text: str, options: dict[str, Any], says: str) -> None:
    model(ONE, **options)
    with pytest.raises(StatisticsError) as caught:
        model(text, **options)
    assert caught.value.codes == (Code.STA_MODEL_SYNTAX,)
    assert says in str(caught.value)


def test_a_factor_with_one_item_needs_its_residual_variance() -> None:
    model(f"{ONE}\ng =~ x4\nx4 ~~ 0*x4")
    model(f"{ONE}\ng =~ x4\nx4 ~~ e*x4\nx1 ~~ e*x1")
    model(f"{ONE}\ng =~ x4", ordered=("x4",), mean_structure=True)
    with pytest.raises(StatisticsError) as caught:
        model(f"{ONE}\ng =~ x4")
    assert caught.value.codes == (Code.STA_NOT_IDENTIFIED,)
    assert (caught.value.problems[0].item, caught.value.problems[0].line) == ("x4", 2)
    assert "x4 ~~ 0*x4" in str(caught.value)
