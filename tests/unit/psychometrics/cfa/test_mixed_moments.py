"""Ordered and continuous variables together: known truths, the likelihood itself, Gamma, and data with faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError
from toolkit.psychometrics.cfa.mixed_moments import MixedMoments, mixed_moments

TRUTH = np.array([[1.0, 0.5, -0.4, 0.3], [0.5, 1.0, -0.6, 0.45], [-0.4, -0.6, 1.0, -0.2], [0.3, 0.45, -0.2, 1.0]])
ORDERED = [True, False, True, False]


def sample(n: int, seed: int) -> np.ndarray:
    """Return variables with 2 categories, of mean 5 and SD 3, with 4 categories, of mean -1 and SD .5."""
    z = np.random.default_rng(seed).multivariate_normal(np.zeros(4), TRUTH, size=n)
    return np.column_stack([z[:, 0] > 0.4, 5 + 3 * z[:, 1], np.digitize(z[:, 2], [-0.8, 0.2, 1.0]), -1 + 0.5 * z[:, 3]])


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return sample(400, 3)


def codes(found: MixedMoments) -> list[Code]:
    return [problem.code for problem in found.warnings]


def log_likelihood(rho: float, z: np.ndarray, codes: np.ndarray, cuts: np.ndarray) -> float:
    """Return the polyserial log likelihood by scipy, from the tail that keeps precision."""
    edges = np.r_[-np.inf, cuts, np.inf]
    c = np.sqrt(1 - rho**2)
    low, high = (edges[codes] - rho * z) / c, (edges[codes + 1] - rho * z) / c
    turned = low > 0
    low, high = np.where(turned, -high, low), np.where(turned, -low, high)
    upper = special.log_ndtr(high)
    return float((upper + np.log1p(-np.exp(special.log_ndtr(low) - upper))).sum())


def test_the_statistics_of_a_large_sample_are_the_truth() -> None:
    found = mixed_moments(sample(200_000, 1), ORDERED, items=["u", "x", "v", "y"], gamma=False)
    assert found.gamma is None
    np.testing.assert_allclose(found.correlation, TRUTH, atol=0.01)
    np.testing.assert_allclose(found.means, [0, 5, 0, -1], atol=0.03)
    np.testing.assert_allclose(found.variances, [1, 9, 1, 0.25], rtol=0.02)
    np.testing.assert_allclose(found.thresholds[0], [0.4], atol=0.01)
    np.testing.assert_allclose(found.thresholds[1], [-0.8, 0.2, 1.0], atol=0.01)
    assert (found.converged, found.n_persons, found.warnings) == (True, 200_000, ())


def test_statistics_stand_in_the_order_of_their_names(values: np.ndarray) -> None:
    found = mixed_moments(values, ORDERED, items=["u", "x", "v", "y"])
    first = ["u|t1", "x~1", "v|t1", "v|t2", "v|t3", "y~1", "x~~x", "y~~y"]
    assert list(found.names) == [*first, "u~~x", "u~~v", "u~~y", "x~~v", "x~~y", "v~~y"]
    x, y = values[:, 1], values[:, 3]
    own = dict(zip(found.names, found.statistics, strict=True))
    assert own["x~1"] == pytest.approx(-x.mean(), rel=1e-12)
    assert own["y~~y"] == pytest.approx(y.var(), rel=1e-12)
    assert own["x~~y"] == pytest.approx(np.cov(x, y, ddof=0)[0, 1], rel=1e-12)
    assert own["x~~v"] == found.covariance[1, 2] == found.covariance[2, 1]
    assert own["x~~v"] == pytest.approx(found.correlation[1, 2] * x.std(), rel=1e-12)
    assert own["v|t2"] == found.thresholds[1][1]
    assert mixed_moments(values, ORDERED).names[1] == "x2~1"
    for array in (found.statistics, found.gamma, found.covariance, found.thresholds[1]):
        assert not array.flags.writeable


@pytest.mark.parametrize("far", [None, 12.0, 1e6])
def test_polyserial_correlations_are_where_the_likelihood_is_highest(far: float | None, values: np.ndarray) -> None:
    """Also with one person far out, whose category the others make all but impossible."""
    if far is not None:
        values = values.copy()
        values[0, 1], values[0, 2] = 5 + 3 * far, 3
    found = mixed_moments(values, ORDERED)
    assert found.converged
    assert np.isfinite(found.gamma).all()
    for continuous, ordered, cuts in ((1, 0, found.thresholds[0]), (1, 2, found.thresholds[1])):
        z = stats.zscore(values[:, continuous])
        category = values[:, ordered].astype(int)
        best = optimize.minimize_scalar(
            lambda rho, z=z, category=category, cuts=cuts: -log_likelihood(rho, z, category, cuts),
            bounds=(-0.999, 0.999),
            options={"xatol": 1e-9},
            method="bounded",
        )
        assert found.correlation[continuous, ordered] == pytest.approx(best.x, abs=1e-6)


@pytest.mark.parametrize("missing", ["listwise", "pairwise"])
def test_gamma_is_the_covariance_of_many_samples(missing: Any) -> None:
    """A fifth of the values is missing under pairwise."""
    n, n_samples = 800, 1000
    results = []
    for seed in range(n_samples):
        values = sample(n, seed)
        if missing == "pairwise":
            gaps = np.random.default_rng([seed, 1]).random(values.shape) < 0.2
            gaps[gaps.all(axis=1), 0] = False
            values = np.where(gaps, np.nan, values)
        results.append(mixed_moments(values, ORDERED, missing=missing))
    estimates = np.array([found.statistics for found in results])
    mean = np.mean([found.gamma for found in results], axis=0) / n
    scale = np.sqrt(np.outer(np.diag(mean), np.diag(mean)))
    # a standard deviation from 1,000 samples has a standard error of 2.2 %, a correlation one of .032
    np.testing.assert_allclose(estimates.std(axis=0, ddof=1), np.sqrt(np.diag(mean)), rtol=0.09)
    np.testing.assert_allclose(np.corrcoef(estimates.T), mean / scale, atol=0.14)
    bias = estimates[:, -6:].mean(axis=0) - (TRUTH * np.outer([1, 3, 1, 0.5], [1, 3, 1, 0.5]))[np.triu_indices(4, k=1)]
    assert (np.abs(bias) < 4 * np.sqrt(np.diag(mean)[-6:] / n_samples)).all()


def test_ordered_variables_alone_have_polychoric_correlations() -> None:
    frame = pm.simulate_ordinal([0.8, 0.7, 0.6], thresholds=[-0.5, 0.6], n_persons=300, rng=2)
    frame["item2"] = frame["item2"].clip(upper=2)
    theirs = pm.polychoric(frame, acov="full")
    found = mixed_moments(frame.to_numpy(dtype=float), [True] * 3, items=list(frame.columns))
    np.testing.assert_allclose(found.correlation, theirs.matrix, rtol=1e-12)
    assert list(found.names) == list(theirs.acov.index)
    np.testing.assert_allclose(found.gamma, 300 * theirs.acov, rtol=1e-9, atol=1e-12)


def test_units_change_nothing_but_units(values: np.ndarray) -> None:
    scale, shift = np.array([2.0, 1e5, -1.0, 1e-4]), np.array([1.0, -7e6, 3.0, 2.0])
    found, other = mixed_moments(values, ORDERED), mixed_moments(values * scale + shift, ORDERED)
    sign = np.sign(scale)
    np.testing.assert_allclose(other.correlation, found.correlation * np.outer(sign, sign), atol=1e-8)
    unit = np.array([1, 1e5, 1, 1, 1, 1e-4, 1e10, 1e-8, 1e5, 1, 1e-4, 1e5, 10, 1e-4])
    order = [0, 1, 4, 3, 2, *range(5, 14)]
    turned = np.array([1, 1, -1, -1, -1, 1, 1, 1, 1, -1, 1, -1, 1, -1])
    gamma = (found.gamma * np.outer(unit, unit))[np.ix_(order, order)] * np.outer(turned, turned)
    size = np.sqrt(np.outer(np.diag(gamma), np.diag(gamma)))
    np.testing.assert_allclose(other.gamma / size, gamma / size, atol=1e-6)


def test_persons_and_variables_may_stand_in_any_order(values: np.ndarray) -> None:
    found = mixed_moments(values, ORDERED, items=list("uxvy"))
    persons = mixed_moments(values[np.random.default_rng(1).permutation(400)], ORDERED)
    np.testing.assert_allclose(persons.gamma, found.gamma, rtol=1e-6, atol=1e-9)
    order = [3, 0, 1, 2]
    turned = mixed_moments(values[:, order], np.array(ORDERED)[order], items=list("yuxv"))
    canonical = [name if "~~" not in name else "~~".join(sorted(name.split("~~"))) for name in found.names]
    places = [
        canonical.index(name if "~~" not in name else "~~".join(sorted(name.split("~~")))) for name in turned.names
    ]
    np.testing.assert_allclose(turned.statistics, found.statistics[places], rtol=1e-7)
    np.testing.assert_allclose(turned.gamma, found.gamma[np.ix_(places, places)], rtol=1e-5, atol=1e-7)


def test_more_persons_than_one_block() -> None:
    """Every person five times: the statistics and Gamma stay."""
    one = sample(900, 5)
    found, many = mixed_moments(one, ORDERED), mixed_moments(np.repeat(one, 5, axis=0), ORDERED)
    np.testing.assert_allclose(many.statistics, found.statistics, rtol=1e-7)
    np.testing.assert_allclose(many.gamma, found.gamma, rtol=1e-5, atol=1e-8)


def test_missing_values_without_any_are_complete(values: np.ndarray) -> None:
    found = mixed_moments(values, ORDERED, missing="pairwise")
    np.testing.assert_array_equal(found.gamma, mixed_moments(values, ORDERED).gamma)
    empty = np.vstack([values, np.full((5, 4), np.nan)])
    other = mixed_moments(empty, ORDERED, missing="pairwise")
    assert other.n_persons == 400
    np.testing.assert_allclose(other.statistics, found.statistics, rtol=1e-12)


def test_pairwise_pearson_correlations_maximise_their_likelihood(values: np.ndarray) -> None:
    gaps = np.where(np.random.default_rng(4).random(values.shape) < 0.3, np.nan, values)
    found = mixed_moments(gaps, ORDERED, missing="pairwise", gamma=False)
    x = (gaps[:, 1] - np.nanmean(gaps[:, 1])) / np.nanstd(gaps[:, 1])
    y = (gaps[:, 3] - np.nanmean(gaps[:, 3])) / np.nanstd(gaps[:, 3])
    both = ~np.isnan(x + y)

    def minus(rho: float) -> float:
        square = x[both] ** 2 - 2 * rho * x[both] * y[both] + y[both] ** 2
        return float(both.sum() * np.log(1 - rho**2) + square.sum() / (1 - rho**2))

    best = optimize.minimize_scalar(minus, bounds=(-0.99, 0.99), options={"xatol": 1e-9}, method="bounded")
    assert found.correlation[1, 3] == pytest.approx(best.x, abs=1e-6)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_perfect_correlations_are_told(sign: float) -> None:
    """Halves of normal scores, a copy, and a variable of chance: what hangs on the perfect ones is NaN in Gamma."""
    z = special.ndtri((np.arange(200) + 0.5) / 200)
    other = np.random.default_rng(1).normal(size=200)
    values = np.column_stack([z > 0, sign * z, 3 * z + 1, other])
    found = mixed_moments(values, [True, False, False, False], items=["u", "x", "y", "w"])
    assert codes(found) == [Code.STA_PERFECT_CORRELATION, Code.STA_UNDEFINED]
    assert found.warnings[0].got == "u and x; u and y; x and y"
    assert found.correlation[0, 1] == found.correlation[1, 2] == sign
    finite = dict(zip(found.names, np.isfinite(np.diag(found.gamma)), strict=True))
    assert {name for name, well in finite.items() if not well} == {"u~~x", "u~~y", "x~~y"}
    assert found.converged


def test_perfect_correlations_of_a_pair_with_gaps() -> None:
    z = np.random.default_rng(2).normal(size=50)
    values = np.column_stack([np.tile([0.0, 1.0], 25), z, -2 * z, np.where(np.arange(50) < 2, np.nan, z**2)])
    found = mixed_moments(values, [True, False, False, False], missing="pairwise")
    assert found.correlation[1, 2] == -1.0
    assert codes(found) == [Code.STA_PERFECT_CORRELATION, Code.STA_UNDEFINED]
    assert found.warnings[0].got == "x2 and x3"


def test_two_values_are_no_measurements(values: np.ndarray) -> None:
    two = values.copy()
    two[:, 3] = values[:, 3] > -1
    found = mixed_moments(two, ORDERED, items=list("uxvy"))
    assert codes(found) == [Code.STA_UNDEFINED]
    assert "Gamma of y~1; y~~y; u~~y; x~~y; v~~y" in str(found.warnings[0])
    lost = {name for name, value in zip(found.names, np.diag(found.gamma), strict=True) if np.isnan(value)}
    assert lost == {"y~1", "y~~y", "u~~y", "x~~y", "v~~y"}
    assert np.isfinite(found.statistics).all()
    assert codes(mixed_moments(two, ORDERED, gamma=False)) == []


def test_a_pair_without_information_is_told() -> None:
    """Whoever is off the mean of one variable is at the mean of the other, so that no score of rho differs from 0."""
    values = np.array([[0, 1.0, 0.0], [1, -1.0, 0.0], [1, 0.0, 1.0], [0, 0.0, -1.0], [1, 0.0, 0.0]])
    found = mixed_moments(values, [True, False, False], items=list("uxy"))
    assert found.correlation[1, 2] == 0.0
    assert codes(found) == [Code.STA_UNDEFINED]
    assert "Gamma of x~~y." in str(found.warnings[0])


def test_empty_cells_and_codes_are_told() -> None:
    rng = np.random.default_rng(3)
    u, v = np.repeat([0, 1], [20, 30]), np.repeat([0, 2], [12, 38])
    values = np.column_stack([u, v, rng.normal(size=50)])
    found = mixed_moments(values, [True, True, False], gamma=False)
    assert codes(found) == [Code.STA_EMPTY_CATEGORY, Code.STA_EMPTY_CELL, Code.STA_PERFECT_CORRELATION]
    half = mixed_moments(values, [True, True, False], empty_cells="add_half_2x2")
    theirs = pm.polychoric(pd.DataFrame({"u": u, "v": v}), empty_cells="add_half_2x2").matrix.loc["u", "v"]
    assert half.correlation[0, 1] == pytest.approx(theirs, rel=1e-12)
    assert np.isfinite(half.gamma).all()


def test_values_that_are_not_finite_are_refused(values: np.ndarray, refused: Callable[..., StatisticsError]) -> None:
    def call(data: Any) -> MixedMoments:
        return mixed_moments(data, ORDERED, items=list("uxvy"))

    def with_value(column: int, value: float) -> np.ndarray:
        changed = values.copy()
        changed[7, column] = value
        return changed

    for column, value in ((1, np.inf), (0, np.nan), (3, -np.inf)):
        error = refused(Code.STA_NOT_FINITE, call, valid=values, bad=with_value(column, value))
        assert [problem.item for problem in error.problems] == ["uxvy"[column]]
    refused(Code.STA_NOT_FINITE, call, valid=values, bad=values * [1, 1e200, 1, 1])
    refused(
        Code.STA_NOT_FINITE,
        lambda data: mixed_moments(data, ORDERED, missing="pairwise"),
        valid=with_value(1, np.nan),
        bad=with_value(1, np.inf),
    )


def test_variables_that_do_not_vary_are_refused(values: np.ndarray, refused: Callable[..., StatisticsError]) -> None:
    def call(data: Any) -> MixedMoments:
        return mixed_moments(data, ORDERED, items=list("uxvy"))

    for column in range(4):
        flat = values.copy()
        flat[:, column] = 2.0
        error = refused(Code.STA_CONSTANT_ITEM, call, valid=values, bad=flat)
        assert [problem.item for problem in error.problems] == ["uxvy"[column]]
    many = values.copy()
    many[:, 2] = np.arange(400) % 60
    refused(Code.STA_TOO_MANY_CATEGORIES, call, valid=values, bad=many)


def test_too_few_persons_and_variables(values: np.ndarray, refused: Callable[..., StatisticsError]) -> None:
    few = np.array([[0, 1.0, 1, 2.5], [1, 2.0, 2, 2.0], [1, 2.5, 1, 3.0]])
    refused(Code.STA_TOO_FEW_PERSONS, lambda data: mixed_moments(data, ORDERED), valid=few, bad=few[:2])
    refused(Code.STA_TOO_FEW_ITEMS, lambda p: mixed_moments(values[:, :p], ORDERED[:p]), valid=2, bad=1)
    refused(
        Code.STA_TOO_FEW_ITEMS,
        lambda flags: mixed_moments(values, flags),
        valid=[False, False, True, False],
        bad=[False] * 4,
    )


def test_shapes_names_and_options(values: np.ndarray, refused: Callable[..., StatisticsError]) -> None:
    refused(Code.STA_SHAPE_MISMATCH, lambda flags: mixed_moments(values, flags), valid=ORDERED, bad=ORDERED[:3])
    refused(Code.STA_SHAPE_MISMATCH, lambda data: mixed_moments(data, ORDERED), valid=values, bad=values[:, 0])
    for code, bad in ((Code.STA_SHAPE_MISMATCH, list("uxv")), (Code.STA_DUPLICATE_ITEM, list("uxvu"))):
        refused(code, lambda items: mixed_moments(values, ORDERED, items=items), valid=list("uxvy"), bad=bad)
    for option, valid in (("missing", "pairwise"), ("empty_cells", "add_half")):
        refused(
            Code.STA_UNKNOWN_OPTION,
            lambda value, option=option: mixed_moments(values, ORDERED, **{option: value}),
            valid=valid,
            bad="automatic",
        )


def test_pairs_that_nobody_has(values: np.ndarray, refused: Callable[..., StatisticsError]) -> None:
    def call(data: Any) -> MixedMoments:
        return mixed_moments(data, ORDERED, items=list("uxvy"), missing="pairwise")

    apart, flat, gone = values.copy(), values.copy(), values.copy()
    apart[:200, 1] = np.nan
    apart[200:, 2] = np.nan
    error = refused(Code.STA_TOO_FEW_PERSONS, call, valid=values, bad=apart)
    assert (error.problems[0].item, error.problems[0].got) == ("x and v", "0")
    flat[values[:, 0] == 1, 3] = np.nan
    error = refused(Code.STA_CONSTANT_ITEM, call, valid=values, bad=flat)
    assert [problem.item for problem in error.problems] == ["u"]
    gone[:, 3] = np.nan
    refused(Code.STA_ALL_MISSING_ITEM, call, valid=values, bad=gone)
