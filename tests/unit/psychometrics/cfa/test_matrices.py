"""Analytic slopes of implied moments against complex steps of the moments themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.unit.psychometrics.cfa.conftest import MODELS, Compile
from toolkit.psychometrics.cfa._matrices import (
    complex_slopes,
    covariance_slopes,
    gathered,
    implied,
    mean_slopes,
    pulled_back,
    row_values,
    scaled_statistics,
)

KINDS: dict[str, dict[str, Any]] = {
    "covariances": {},
    "means": {"mean_structure": True},
    "groups": {"mean_structure": True, "n_groups": 2, "equal": frozenset({"loadings", "intercepts"})},
    "delta": {"mean_structure": True, "all_ordered": True},
    "theta": {"mean_structure": True, "all_ordered": True, "parameterization": "theta"},
    "delta, groups": {
        "mean_structure": True,
        "all_ordered": True,
        "n_groups": 2,
        "equal": frozenset({"thresholds", "loadings"}),
    },
    "theta, groups": {
        "mean_structure": True,
        "all_ordered": True,
        "parameterization": "theta",
        "n_groups": 2,
        "equal": frozenset({"thresholds", "loadings"}),
    },
    "some ordered": {"mean_structure": True, "ordered": ("x1", "x3")},
    "some ordered, theta": {"mean_structure": True, "ordered": ("x2", "x4"), "parameterization": "theta"},
}


@pytest.fixture(params=[(name, kind) for name in MODELS for kind in KINDS], ids=lambda pair: f"{pair[0]}, {pair[1]}")
def case(request: pytest.FixtureRequest, compile_model: Compile, random_values: Any) -> tuple[Any, np.ndarray]:
    name, kind = request.param
    use = compile_model(name, **dict(KINDS[kind]))
    return use, random_values(use, sum(map(ord, name + kind)))


def test_slopes_of_covariances_and_means(case: tuple[Any, np.ndarray]) -> None:
    use, x = case
    for group in use.groups:
        at = implied(group, x)
        assert np.linalg.eigvalsh(at.Sigma)[0] > 0.0
        slopes, place = covariance_slopes(group, at)
        found = gathered(slopes, place, use.q)
        expected = complex_slopes(lambda z, group=group: implied(group, z).Sigma, x)
        # under delta the variances of ordered items are the scale's, and no slope of the free elements here
        if group.scaled_by == "delta" and group.free["delta"].row.size:
            p = at.mu.size
            keep = ~np.eye(p, dtype=bool)
            np.testing.assert_allclose(found.transpose(1, 2, 0)[keep], expected[keep], atol=1e-13)
        else:
            np.testing.assert_allclose(found.transpose(1, 2, 0), expected, atol=1e-13)
        dmu, mean_place = mean_slopes(group, at)
        expected = complex_slopes(lambda z, group=group: implied(group, z).mu, x)
        np.testing.assert_allclose(gathered(dmu, mean_place, use.q).T, expected, atol=1e-13)


def test_slopes_pulled_back(case: tuple[Any, np.ndarray]) -> None:
    use, x = case
    random = np.random.default_rng(4)
    for group in use.groups:
        if group.scaled_by != "none":
            continue
        at = implied(group, x)
        p = at.mu.size
        G = random.normal(size=(p, p))
        G, h = G + G.T, random.normal(size=p)

        def value(z: np.ndarray, group: Any = group, G: np.ndarray = G, h: np.ndarray = h) -> np.ndarray:
            here = implied(group, z)
            return np.array([(G * here.Sigma).sum() + h @ here.mu])

        np.testing.assert_allclose(pulled_back(group, at, G, h), complex_slopes(value, x)[0], atol=1e-12)


def test_slopes_of_thresholds_and_correlations(case: tuple[Any, np.ndarray]) -> None:
    use, x = case
    for group in use.groups:
        if group.scaled_by == "none":
            continue
        statistics, slopes = scaled_statistics(group, implied(group, x))
        expected = complex_slopes(lambda z, group=group: scaled_statistics(group, implied(group, z))[0], x)
        assert slopes.shape == (statistics.size, use.q)
        np.testing.assert_allclose(slopes, expected, atol=1e-13)


def test_the_order_of_the_statistics(compile_model: Compile, random_values: Any) -> None:
    """Thresholds of ordered and minus the means of other items, item by item; variances; correlations by rows."""
    use = compile_model("f =~ x1 + x2 + x3", mean_structure=True, ordered=("x1", "x3"))
    x = random_values(use, 3)
    at = implied(use.groups[0], x)
    tau = at.matrices["tau"][:, 0]
    statistics = scaled_statistics(use.groups[0], at)[0]
    s = at.Sigma
    expected = [tau[0], tau[1], -at.mu[1], tau[2], tau[3], s[1, 1], s[0, 1], s[0, 2], s[1, 2]]
    np.testing.assert_allclose(statistics, expected, atol=1e-15)


@pytest.mark.parametrize("kind", ["delta", "theta"])
def test_ordered_items_are_scaled_to_variance_one(kind: str, compile_model: Compile, random_values: Any) -> None:
    use = compile_model("one factor", mean_structure=True, all_ordered=True, parameterization=kind)
    at = implied(use.groups[0], random_values(use, 8))
    np.testing.assert_allclose(np.diag(at.Sigma) * at.delta**2, 1.0, rtol=1e-14)
    residual = np.diag(at.matrices["Theta"])
    if kind == "theta":
        np.testing.assert_allclose(residual, 1.0)
    else:
        np.testing.assert_allclose(residual, 1.0 - np.diag(at.L @ at.matrices["Psi"] @ at.L.T), rtol=1e-13)


def test_standardised_values_imply_the_correlations(compile_model: Compile, random_values: Any) -> None:
    """A higher-order model: loadings times factor correlations times loadings, and residuals, make 1."""
    use = compile_model("higher order")
    x = random_values(use, 11)
    at = implied(use.groups[0], x)
    standard = dict(
        zip(
            [row.name for row in use.model.parameters],
            np.real(row_values(use, x, standard=True)),
            strict=True,
        )
    )
    sd = np.sqrt(np.diag(at.Sigma))
    R = at.Sigma / np.outer(sd, sd)
    for item, factor in (("x1", "f"), ("x5", "g"), ("x9", "k")):
        assert standard[f"{factor}=~{item}"] ** 2 + standard[f"{item}~~{item}"] == pytest.approx(1.0)
    for factor in ("f", "g", "k"):
        assert standard[f"h=~{factor}"] ** 2 + standard[f"{factor}~~{factor}"] == pytest.approx(1.0)
    path = standard["f=~x1"] * standard["h=~f"] * standard["h=~g"] * standard["g=~x4"]
    assert path == pytest.approx(R[0, 3])
