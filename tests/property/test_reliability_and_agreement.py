"""What must hold for any answers and ratings: units, order and direction do not matter where they must not."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit import psychometrics as pm
from toolkit.psychometrics.reliability.lower_bound import largest_errors

ITEMS = list("abcdef")
few = settings(max_examples=20, deadline=None, derandomize=True)
LAMBDAS = [f"lambda{j}" for j in range(1, 7)]


@st.composite
def answers(draw: st.DrawFn) -> pd.DataFrame:
    """Five-point answers of 80 to 200 persons to six items of one factor."""
    return pm.simulate_ordinal(
        pd.Series(draw(st.lists(st.floats(0.45, 0.85), min_size=6, max_size=6)), index=ITEMS).to_frame(),
        thresholds=[-1, -0.3, 0.4, 1.1],
        n_persons=draw(st.integers(80, 200)),
        rng=draw(st.integers(0, 2**31)),
    )


@st.composite
def ratings(draw: st.DrawFn) -> pd.DataFrame:
    """Codes 1 to 5 by three raters of 10 to 40 targets, with some missing."""
    random = np.random.default_rng(draw(st.integers(0, 2**31)))
    n = draw(st.integers(10, 40))
    codes = np.clip(random.integers(1, 6, (n, 1)) + random.integers(-1, 2, (n, 3)), 1, 5).astype(float)
    codes[random.uniform(size=(n, 3)) < draw(st.sampled_from([0.0, 0.2]))] = np.nan
    codes[:2] = [[1, 1, 1], [5, 5, 5]]
    return pd.DataFrame(codes, columns=["r1", "r2", "r3"])


def numbers(frame: pd.DataFrame) -> list[float]:
    """Every coefficient that belongs to the sum of the codes."""
    lambdas, half = pm.guttman_lambdas(frame), pm.split_half(frame, split=["a", "c", "f"])
    omega = pm.composite_omega(frame)
    return [
        pm.cronbach_alpha(frame).estimate,
        *(getattr(lambdas, name) for name in LAMBDAS),
        lambdas.beta,
        half.spearman_brown,
        half.flanagan_rulon,
        pm.greatest_lower_bound(frame).estimate,
        omega.estimate,
        omega.composite_reliability,
    ]


@given(frame=answers(), factor=st.floats(0.01, 100.0), shift=st.floats(-50.0, 50.0))
@few
def test_reliability_does_not_know_a_common_unit(frame: pd.DataFrame, factor: float, shift: float) -> None:
    np.testing.assert_allclose(numbers(frame * factor + shift), numbers(frame), rtol=1e-6)
    one, two = pm.measurement_error(frame), pm.measurement_error(frame * factor + shift)
    assert np.isclose(two.standard_error, factor * one.standard_error, rtol=1e-7)


@given(frame=answers())
@few
def test_reversing_all_items_changes_nothing(frame: pd.DataFrame) -> None:
    np.testing.assert_allclose(numbers(6 - frame), numbers(frame), rtol=1e-6)
    one, two = (pm.composite_omega(data, ordinal=True) for data in (frame, 6 - frame))
    assert np.isclose(one.estimate, two.estimate, rtol=1e-7)
    assert np.isclose(one.interval.low, two.interval.low, rtol=1e-6, equal_nan=True)
    assert np.isclose(pm.ordinal_alpha(frame).estimate, pm.ordinal_alpha(6 - frame).estimate, rtol=1e-8)


@given(frame=answers(), order=st.randoms(use_true_random=False), items=st.permutations(ITEMS))
@few
def test_the_order_of_persons_and_items_does_not_matter(frame: pd.DataFrame, order: object, items: list[str]) -> None:
    rows = list(range(len(frame)))
    order.shuffle(rows)
    np.testing.assert_allclose(numbers(frame.iloc[rows]), numbers(frame), rtol=1e-6)
    np.testing.assert_allclose(numbers(frame[items]), numbers(frame), rtol=1e-6)


@given(frame=answers())
@few
def test_the_bounds_stand_in_their_order(frame: pd.DataFrame) -> None:
    lambdas, bound = pm.guttman_lambdas(frame), pm.greatest_lower_bound(frame)
    assert lambdas.lambda1 <= lambdas.lambda3 <= lambdas.lambda2 + 1e-12
    assert lambdas.lambda1 <= lambdas.lambda5 + 1e-12
    assert lambdas.beta <= lambdas.lambda4
    highest = max(getattr(lambdas, name) for name in LAMBDAS)
    assert highest <= bound.estimate + 1e-8
    assert bound.estimate <= 1.0


@given(seed=st.integers(0, 2**31), p=st.integers(2, 10))
@few
def test_the_largest_errors_leave_no_negative_true_variance(seed: int, p: int) -> None:
    random = np.random.default_rng(seed)
    S = np.cov(random.standard_normal((3 * p, p)) @ random.uniform(-1, 1, (p, p)), rowvar=False)
    psi, gap = largest_errors(S)
    assert (psi >= 0).all()
    assert np.linalg.eigvalsh(S - np.diag(psi))[0] >= -1e-12 * np.trace(S)
    assert 0 < gap <= 1e-9 * abs(S.sum()) + 1e-12 * np.trace(S)


@given(frame=ratings(), columns=st.permutations(["r1", "r2", "r3"]))
@few
def test_raters_can_change_places(frame: pd.DataFrame, columns: list[str]) -> None:
    for metric in ("nominal", "ordinal", "interval", "ratio"):
        one = pm.krippendorff_alpha(frame, metric=metric, n_bootstrap=100, rng=1)
        two = pm.krippendorff_alpha(frame[columns], metric=metric, n_bootstrap=100, rng=1)
        assert np.isclose(one.estimate, two.estimate, rtol=1e-10)
        assert one.estimate <= 1.0
    pair = frame[["r1", "r2"]]
    for weights in ("none", "linear", "quadratic"):
        one, two = pm.weighted_kappa(pair, weights=weights), pm.weighted_kappa(pair[["r2", "r1"]], weights=weights)
        assert np.isclose(one.estimate, two.estimate, rtol=1e-10)
        assert np.isclose(one.standard_error, two.standard_error, rtol=1e-8)
    whole = frame.dropna()
    table = pm.intraclass_correlation(whole).table["estimate"]
    np.testing.assert_allclose(pm.intraclass_correlation(whole[columns]).table["estimate"], table, rtol=1e-9)


@given(frame=ratings(), factor=st.floats(0.1, 10.0), shift=st.floats(-20.0, 20.0))
@few
def test_agreement_does_not_know_the_unit_of_an_interval_scale(
    frame: pd.DataFrame, factor: float, shift: float
) -> None:
    moved = frame * factor + shift
    one = pm.krippendorff_alpha(frame, metric="interval", n_bootstrap=100, rng=1).estimate
    assert np.isclose(pm.krippendorff_alpha(moved, metric="interval", n_bootstrap=100, rng=1).estimate, one, rtol=1e-7)
    whole = frame.dropna()
    before, after = pm.intraclass_correlation(whole), pm.intraclass_correlation(whole * factor + shift)
    np.testing.assert_allclose(after.table["estimate"], before.table["estimate"], rtol=1e-6, atol=1e-9)
    assert np.isclose(after.standard_error_agreement, factor * before.standard_error_agreement, rtol=1e-6)


@given(frame=answers(), seed=st.integers(0, 2**31))
@few
def test_the_names_of_groups_do_not_matter(frame: pd.DataFrame, seed: int) -> None:
    groups = np.random.default_rng(seed).integers(0, 8, len(frame))
    groups[:16] = np.repeat(np.arange(8), 2)

    def agreement(names: np.ndarray) -> object:
        return pm.within_group_agreement(frame, groups=names, codes=[1, 2, 3, 4, 5], n_simulated=100, rng=1)

    one, two = agreement(groups), agreement(np.array(list("hgfedcba"))[groups])
    assert np.isclose(one.icc1.estimate, two.icc1.estimate, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one.table["r_wg_j"], two.table["r_wg_j"][::-1], rtol=1e-12)
    assert ((one.table["r_wg_j"] >= 0) & (one.table["r_wg_j"] <= 1)).all()
