"""The search: known minima, starts, scales, and what is said when there is no minimum to find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.confirmatory import data, stored
from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError
from toolkit.psychometrics.cfa._matrices import implied
from toolkit.psychometrics.cfa.discrepancy import NormalDiscrepancy
from toolkit.psychometrics.cfa.estimate import fitted, minimum, starting_values, units
from toolkit.psychometrics.cfa.moments import frame_of, normal_samples

ONE = "f =~ x1 + x2 + x3 + x4"
LOADINGS = [0.8, 0.7, 0.6, 0.7]


@pytest.fixture(scope="module")
def four(normal: Any) -> pd.DataFrame:
    return normal(LOADINGS, 300, 1)


def estimates(result: pm.CfaResult) -> dict[str, float]:
    return {f"{row.lhs}{row.op}{row.rhs}": row.est for row in result.parameters.itertuples()}


def test_three_items_have_a_closed_form(normal: Any) -> None:
    """Saturated: loadings are ratios of covariances, and the chi-square is 0."""
    frame = normal([0.8, 0.7, 0.6], 200, 2)
    S = np.cov(frame.T, ddof=0)
    result = pm.cfa(frame, "f =~ x1 + x2 + x3")
    found = estimates(result)
    assert found["f=~x2"] == pytest.approx(S[1, 2] / S[0, 2], rel=1e-8)
    assert found["f=~x3"] == pytest.approx(S[1, 2] / S[0, 1], rel=1e-8)
    assert found["f~~f"] == pytest.approx(S[0, 1] * S[0, 2] / S[1, 2], rel=1e-8)
    assert result.fit["chisq"] == pytest.approx(0.0, abs=1e-9)
    assert (result.fit["df"], result.fit["cfi"], result.fit["tli"], result.fit["rmsea"]) == (0, 1, 1, 0)
    assert np.isnan(result.fit["pvalue"]) or result.fit["pvalue"] == 1


def test_parallel_items_have_a_closed_form(normal: Any) -> None:
    """Equal loadings and residuals: the mean covariance, and the mean variance less it."""
    frame = normal(LOADINGS, 250, 4)
    S = np.cov(frame.T, ddof=0)
    model = "f =~ x1 + 1*x2 + 1*x3 + 1*x4\n" + "\n".join(f"x{j} ~~ e*x{j}" for j in range(1, 5))
    found = estimates(pm.cfa(frame, model))
    shared = S[np.triu_indices(4, 1)].mean()
    assert found["f~~f"] == pytest.approx(shared, rel=1e-9)
    assert found["x1~~x1"] == pytest.approx(np.diag(S).mean() - shared, rel=1e-9)


@pytest.mark.parametrize("signs", [[1, -1, 1, -1], [-1, 1, 1, 1], [-1, -1, -1, -1]])
def test_negative_loadings(signs: list[int], four: pd.DataFrame) -> None:
    turned = pm.cfa(four * signs, ONE)
    assert turned.converged
    assert turned.fit["chisq"] == pytest.approx(pm.cfa(four, ONE).fit["chisq"], rel=1e-8)


def test_a_weak_marker(normal: Any) -> None:
    """A first item that has nearly nothing of the factor: the same fit as with factors of variance 1."""
    frame = normal([0.05, 0.7, 0.6, 0.7], 300, 1)
    marker, unit = pm.cfa(frame, ONE), pm.cfa(frame, ONE, std_lv=True)
    assert marker.converged
    assert unit.converged
    assert marker.fit["chisq"] == pytest.approx(unit.fit["chisq"], abs=1e-7)


@pytest.mark.parametrize("options", [{}, {"estimator": "MLR", "mean_structure": True}, {"missing": "fiml"}])
@pytest.mark.parametrize(
    ("scale", "offset"), [(1e-6, 0.0), (1e6, 0.0), (1.0, 1e6), ([1e-6, 1e6, 1.0, 1e3], 0.0), (1e-3, 1e3)]
)
def test_the_scale_of_the_items_does_not_matter(
    scale: Any, offset: float, options: dict[str, Any], four: pd.DataFrame
) -> None:
    frame = four
    if "missing" in options:
        frame = four.mask(np.random.default_rng(3).uniform(size=four.shape) < 0.15)
    plain, scaled = pm.cfa(frame, ONE, **options), pm.cfa(frame * scale + offset, ONE, **options)
    assert scaled.converged
    for name in ("chisq", "cfi", "rmsea", "srmr", "cfi.robust", "chisq.scaled"):
        if name in plain.fit:
            # an offset of 1e6 leaves the answers ten digits
            assert scaled.fit[name] == pytest.approx(plain.fit[name], rel=1e-5, abs=1e-8), name
    np.testing.assert_allclose(scaled.standardized["est"][:8], plain.standardized["est"][:8], rtol=1e-6)
    np.testing.assert_allclose(scaled.standardized["se"][:8], plain.standardized["se"][:8], rtol=1e-5)
    mine, theirs = (each.modification_indices().set_index(["lhs", "op", "rhs"]) for each in (scaled, plain))
    assert set(mine.index) == set(theirs.index)
    np.testing.assert_allclose(mine.loc[theirs.index, "mi"], theirs["mi"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(mine.loc[theirs.index, "sepc"], theirs["sepc"], rtol=1e-4, atol=1e-5)


def test_a_start_that_the_model_gives_is_taken_unless_it_is_impossible(four: pd.DataFrame) -> None:
    samples = normal_samples(frame_of(four, tuple(four), group=None, cluster=None, keep_missing=False))
    use = pm.cfa(four, "f =~ x1 + start(0.31)*x2 + x3 + x4")._fitted.compiled
    place = use.names.index("f=~x2")
    assert starting_values(use, samples)[place] == 0.31
    assert starting_values(use, samples, as_asked=False)[place] != 0.31
    impossible = pm.cfa(four, f"{ONE}\nf ~~ start(-3)*f")
    assert impossible.fit["chisq"] == pytest.approx(pm.cfa(four, ONE).fit["chisq"], rel=1e-9)


def test_starts_imply_possible_covariances_and_searches_from_elsewhere_end_alike(four: pd.DataFrame) -> None:
    result = pm.cfa(four, ONE)
    problem = result._fitted.problem
    assert isinstance(problem, NormalDiscrepancy)
    start = starting_values(problem.compiled, problem.samples)
    assert np.linalg.eigvalsh(implied(problem.compiled.groups[0], start).Sigma)[0] > 0.0
    unit = units(problem.compiled, start)
    random = np.random.default_rng(8)
    for _ in range(5):
        found = minimum(problem, start * random.uniform(0.6, 1.6, start.size), unit)
        assert found.converged
        assert found.value == pytest.approx(result._fitted.solution.value, rel=1e-10)
        np.testing.assert_allclose(found.x, result._fitted.x, rtol=1e-6)
    assert fitted(problem, problem.samples).n_starts == 1


def test_a_search_from_impossible_covariances_ends_where_it_began(four: pd.DataFrame) -> None:
    problem = pm.cfa(four, ONE)._fitted.problem
    start = starting_values(problem.compiled, problem.samples)
    start[problem.compiled.names.index("x1~~x1")] = -5.0
    found = minimum(problem, start, np.ones(start.size))
    assert (found.converged, found.n_iterations) == (False, 0)


def test_a_factor_scaled_by_an_item_that_does_not_measure_it() -> None:
    """The bifactor model of the nine tests, scaled by first items: the search runs off, as lavaan's does.

    With factors of variance 1 there is a minimum, and the message says so.
    """
    model = stored()["hs"]["models"]["bifactor_heywood"]
    assert pm.cfa(data("hs"), model, std_lv=True).converged
    with pytest.raises(StatisticsError) as caught:
        pm.cfa(data("hs"), model)
    assert caught.value.codes == (Code.STA_NOT_CONVERGED,)
    assert "std_lv=True" in str(caught.value)


def test_starts_elsewhere_find_a_minimum_that_the_first_does_not() -> None:
    """12 persons and nine items; the minimum is lavaan's."""
    result = pm.cfa(data("hs").head(12), stored()["hs"]["models"]["basic"])
    assert result.converged
    assert result.n_starts > 1
    assert result.fit["chisq"] == pytest.approx(75.01666, abs=1e-4)
    assert result.improper == ("negative residual variance of x5",)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("f =~ NA*x1 + x2 + x3 + x4", {"f=~x1", "f=~x2", "f=~x3", "f=~x4", "f~~f"}),
        ("f =~ x1 + x2", {"f=~x2", "f~~f", "x1~~x1", "x2~~x2"}),
        ("f =~ x1 + x2 + x3 + x4\nx1 ~~ x2 + x3 + x4", {"x1~~x1", "f~~f"}),
    ],
)
def test_parameters_that_the_data_cannot_tell_are_named(model: str, named: set[str], four: pd.DataFrame) -> None:
    pm.cfa(four, ONE)
    with pytest.raises(StatisticsError) as caught:
        pm.cfa(four, model)
    (problem,) = caught.value.problems
    assert problem.code is Code.STA_NOT_IDENTIFIED
    assert set(str(problem.got).split(" and ")[0].split(", ")) & named
    if model.startswith("f =~ NA"):
        assert set(str(problem.got).split(", ")) == named


@pytest.mark.parametrize(
    "lines", ["f ~~ -1*f", "x1 ~~ 5*x2", "x1 ~~ 0*x1\nx2 ~~ 0*x2"], ids=["variance", "covariance", "residuals"]
)
def test_covariances_that_are_impossible_whatever_is_free(lines: str, four: pd.DataFrame) -> None:
    pm.cfa(four, f"{ONE}\nx1 ~~ 0*x1")
    with pytest.raises(StatisticsError) as caught:
        pm.cfa(four, f"{ONE}\n{lines}")
    assert caught.value.codes == (Code.STA_INADMISSIBLE,)


def test_a_search_without_an_end_is_told() -> None:
    """25 persons, nine items: a residual variance falls without end."""
    result = pm.cfa(data("hs").head(25), stored()["hs"]["models"]["basic"])
    assert not result.converged
    assert result.n_starts == 8
    assert Code.STA_NOT_CONVERGED in [problem.code for problem in result.warnings]
