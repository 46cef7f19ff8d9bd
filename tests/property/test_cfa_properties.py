"""What must hold for any answers: the order of persons and items, units and the scale of factors do not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from toolkit import psychometrics as pm
from toolkit.errors import StatisticsError

few = settings(max_examples=12, deadline=None, derandomize=True)
ITEMS = [f"x{j}" for j in range(1, 7)]
MODEL = "f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6"
LEVELS = ["loadings", "intercepts"]
INDICES = ("chisq", "df", "cfi", "tli", "rmsea", "srmr", "chisq.scaled", "cfi.robust", "rmsea.robust")


@st.composite
def answers(draw: st.DrawFn) -> pd.DataFrame:
    """Normal answers of 200 to 400 persons to six items of two factors."""
    random = np.random.default_rng(draw(st.integers(0, 2**31)))
    loadings = np.array(draw(st.lists(st.floats(0.55, 0.85), min_size=6, max_size=6)))
    correlation = draw(st.floats(-0.5, 0.6))
    n = draw(st.integers(200, 400))
    factors = random.multivariate_normal([0.0, 0.0], [[1.0, correlation], [correlation, 1.0]], n)
    values = factors[:, [0, 0, 0, 1, 1, 1]] * loadings
    values += random.normal(size=(n, 6)) * np.sqrt(1.0 - loadings**2)
    return pd.DataFrame(values, columns=ITEMS)


KINDS: dict[str, dict[str, Any]] = {
    "ML": {},
    "MLR": {"estimator": "MLR"},
    "FIML": {"missing": "fiml", "estimator": "MLR"},
    "WLSMV": {"ordered": True},
}


def prepared(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the answers with the last item unanswered by every tenth person, or cut into three."""
    if kind == "FIML":
        return frame.assign(x6=frame["x6"].where(np.arange(len(frame)) % 10 > 0))
    return frame.apply(lambda column: np.digitize(column, [-0.6, 0.7]) + 1) if kind == "WLSMV" else frame


def fitted(frame: pd.DataFrame, model: str = MODEL, **options: Any) -> pm.CfaResult:
    try:
        result = pm.cfa(frame, model, **options)
    except StatisticsError:
        assume(False)
        raise
    assume(result.converged and result.admissible)
    return result


def same_fit(one: pm.CfaResult, other: pm.CfaResult, *, rel: float = 1e-5) -> None:
    for name in INDICES:
        if name in one.fit:
            # an RMSEA near 0 is the root of a difference near 0
            size = 1e-3 if "rmsea" in name else 1e-7
            assert other.fit[name] == pytest.approx(one.fit[name], rel=rel, abs=size, nan_ok=True), name


def values(result: pm.CfaResult, columns: list[str], *, standard: bool = False) -> pd.DataFrame:
    """Return values by parameter; both orders of a covariance are one."""
    table = result.standardized if standard else result.parameters
    names = [
        f"{row.op}{'~'.join(sorted((row.lhs, row.rhs)))}{row.group}"
        if row.op == "~~"
        else f"{row.lhs}{row.op}{row.rhs}{row.group}"
        for row in table.itertuples()
    ]
    return table.set_axis(names)[columns].sort_index()


@pytest.mark.parametrize("kind", KINDS)
@given(frame=answers(), seed=st.integers(0, 1000))
@few
def test_the_order_of_persons_does_not_matter(kind: str, frame: pd.DataFrame, seed: int) -> None:
    frame = prepared(frame, kind)
    one = fitted(frame, **KINDS[kind])
    other = fitted(frame.sample(frac=1.0, random_state=seed), **KINDS[kind])
    same_fit(one, other)
    np.testing.assert_allclose(other.parameters["est"], one.parameters["est"], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(other.parameters["se"], one.parameters["se"], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@given(frame=answers(), order=st.permutations([0, 1, 2]), swap=st.booleans())
@few
def test_the_order_of_items_and_factors_does_not_matter(
    kind: str, frame: pd.DataFrame, order: list[int], swap: bool
) -> None:
    """With factors of variance 1; the columns of the data may stand in any order anyway."""
    frame = prepared(frame, kind)
    lines = [
        f"{factor} =~ {' + '.join(ITEMS[first + place] for place in order)}" for factor, first in (("f", 0), ("g", 3))
    ]
    model = "\n".join(reversed(lines) if swap else lines)
    one = fitted(frame, std_lv=True, **KINDS[kind])
    other = fitted(frame[ITEMS[::-1]], model, std_lv=True, **KINDS[kind])
    same_fit(one, other)
    np.testing.assert_allclose(
        values(other, ["est", "se"]).abs(), values(one, ["est", "se"]).abs(), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("kind", ["ML", "MLR", "FIML"])
@given(frame=answers(), power=st.integers(-5, 5), item=st.sampled_from(ITEMS), shift=st.floats(-100.0, 100.0))
@few
def test_the_unit_of_an_item_does_not_matter(
    kind: str, frame: pd.DataFrame, power: int, item: str, shift: float
) -> None:
    frame = prepared(frame, kind)
    one = fitted(frame, **KINDS[kind])
    other = fitted(frame.assign(**{item: frame[item] * 10.0**power + shift}), **KINDS[kind])
    same_fit(one, other, rel=1e-4)
    loadings = ["est", "se"]
    mine, theirs = (each.standardized.query("op != '~1'")[loadings].to_numpy() for each in (other, one))
    np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@given(frame=answers())
@few
def test_the_scale_of_the_factors_does_not_matter(kind: str, frame: pd.DataFrame) -> None:
    frame = prepared(frame, kind)
    marker, unit = (fitted(frame, std_lv=std, **KINDS[kind]) for std in (False, True))
    same_fit(marker, unit)
    mine, theirs = (values(each, ["est"], standard=True).abs() for each in (marker, unit))
    np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


@given(frame=answers())
@few
def test_labels_over_groups_are_equality_over_groups(frame: pd.DataFrame) -> None:
    group = np.where(np.arange(len(frame)) % 2, "a", "b")
    labelled = "f =~ x1 + c(l2, l2)*x2 + c(l3, l3)*x3\ng =~ x4 + c(l5, l5)*x5 + l6*x6"
    one = fitted(frame, group=group.tolist(), group_equal=["loadings"])
    other = fitted(frame, labelled, group=group.tolist())
    same_fit(one, other)
    np.testing.assert_allclose(other.parameters["est"], one.parameters["est"], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("ordered", [False, True])
@given(frame=answers(), shift=st.floats(-0.6, 0.6))
@settings(max_examples=4, deadline=None, derandomize=True)
def test_the_other_group_as_reference_turns_the_sign_of_the_differences(
    ordered: bool, frame: pd.DataFrame, shift: float
) -> None:
    """In units of the own group's factor the fit is the same, and where spreads are alike so are the sizes."""
    half = len(frame) // 2
    moved = frame.copy()
    moved.iloc[half:] += shift
    moved = prepared(moved, "WLSMV") if ordered else moved
    moved["site"] = ["a"] * half + ["b"] * (len(frame) - half)
    turned = pd.concat([moved.iloc[half:], moved.iloc[:half]], ignore_index=True)
    found = []
    for each in (moved, turned):
        try:
            found.append(pm.invariance(each, MODEL, group="site", ordered=ordered))
        except StatisticsError:
            assume(False)
    one, other = found
    assume(all(level.converged and level.admissible for each in found for level in each.levels.values()))
    for level in one.levels:
        same_fit(one.levels[level], other.levels[level], rel=1e-4)
    assert one.contexts == tuple(reversed(other.contexts))
    first, second = (each.latent_means.query("intercepts == 'equal'") for each in found)
    if not ordered:
        # scaled by the first items, whose loadings are 1 in both groups
        np.testing.assert_allclose(first["est"], -second["est"], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(first["se"], second["se"], rtol=1e-3)
    else:
        assert (np.sign(first["est"]).to_numpy() == -np.sign(second["est"]).to_numpy())[first["z"].abs() > 0.1].all()
