"""Factor scores of confirmatory models: known truths, missing answers, new persons, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import minimize

from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError
from toolkit.psychometrics.cfa._matrices import implied
from toolkit.psychometrics.cfa.factor_scores import interval_logs

LAMBDA = np.kron(np.eye(2), np.array([[0.8], [0.7], [0.6], [0.7]]))
PHI = np.array([[1.0, 0.5], [0.5, 1.0]])
ITEMS = [f"x{j + 1}" for j in range(8)]
MODEL = "a =~ x1 + x2 + x3 + x4\nb =~ x5 + x6 + x7 + x8"
CUTS = [-0.8, 0.2, 1.0]


def drawn(n: int, rng: int) -> tuple[np.ndarray, pd.DataFrame, pd.DataFrame]:
    """Return factors, and answers as measurements and as codes 1 to 4."""
    random = np.random.default_rng(rng)
    eta = random.standard_normal((n, 2)) @ np.linalg.cholesky(PHI).T
    error = np.sqrt(1.0 - (LAMBDA**2).sum(axis=1))
    y = eta @ LAMBDA.T + random.standard_normal((n, 8)) * error
    return eta, pd.DataFrame(y, columns=ITEMS), pd.DataFrame(np.searchsorted(CUTS, y) + 1, columns=ITEMS)


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, pd.DataFrame, pd.DataFrame]:
    return drawn(8000, 1)


def refused(function: Callable[[], object]) -> Code:
    with pytest.raises(StatisticsError) as caught:
        function()
    return caught.value.problems[0].code


def test_scores_correlate_with_the_factors_as_their_determinacy_says(sample: Any) -> None:
    eta, y, _ = sample
    Sigma = LAMBDA @ PHI @ LAMBDA.T
    np.fill_diagonal(Sigma, 1.0)
    determinacy = np.sqrt(np.diag(PHI @ LAMBDA.T @ np.linalg.solve(Sigma, LAMBDA @ PHI)))
    fit = pm.cfa(y, MODEL, std_lv=True)
    regression = fit.scores(y).to_numpy()
    for f in range(2):
        assert np.corrcoef(eta[:, f], regression[:, f])[0, 1] == pytest.approx(determinacy[f], abs=0.01)
        assert regression[:, f].std() == pytest.approx(determinacy[f], abs=0.02)
    bartlett = fit.scores(y, method="Bartlett").to_numpy()
    design = np.column_stack([np.ones(len(eta)), eta])
    slopes = np.linalg.lstsq(design, bartlett, rcond=None)[0]
    assert slopes == pytest.approx(np.vstack([[0, 0], np.eye(2)]), abs=0.03)


def test_modal_scores_come_near_the_factors(sample: Any) -> None:
    eta, y, codes = sample
    fit = pm.cfa(codes, MODEL, ordered=True, std_lv=True)
    scores = fit.scores(codes).to_numpy()
    continuous = pm.cfa(y, MODEL, std_lv=True).scores(y).to_numpy()
    for f in range(2):
        from_codes = np.corrcoef(eta[:, f], scores[:, f])[0, 1]
        assert from_codes < np.corrcoef(eta[:, f], continuous[:, f])[0, 1]
        assert from_codes > 0.85
        # a score is nearly the expected factor: the factor rises by 1 where the score does
        slope = np.polyfit(scores[:, f], eta[:, f], 1)[0]
        assert slope == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("ordered", [True, ITEMS[:6]])
def test_the_mode_is_where_a_general_search_ends(sample: Any, ordered: Any) -> None:
    _, y, codes = sample
    data = codes.assign(x7=y["x7"], x8=y["x8"]).head(500) if ordered is not True else codes.head(500)
    fit = pm.cfa(data, MODEL, ordered=ordered)
    ours = fit.scores(data.head(5)).to_numpy()
    group = fit._fitted.compiled.groups[0]
    at = implied(group, fit._fitted.x)
    sd, K = np.sqrt(np.diag(at.matrices["Theta"])), np.linalg.inv(at.V)

    def lost(eta: np.ndarray, person: int) -> float:
        total = 0.5 * eta @ K @ eta
        for j, item in enumerate(ITEMS):
            mean = at.matrices["nu"][j, 0] + at.matrices["Lambda"][j] @ eta
            value = data[item].iloc[person]
            if group.ordered[j]:
                cuts = np.concatenate([[-np.inf], at.matrices["tau"][group.item_of == j, 0], [np.inf]])
                low, high = cuts[int(value) - 1], cuts[int(value)]
                total -= np.log(stats.norm.cdf((high - mean) / sd[j]) - stats.norm.cdf((low - mean) / sd[j]))
            else:
                total -= stats.norm.logpdf(value, mean, sd[j])
        return float(total)

    for person in range(5):
        theirs = minimize(lost, np.zeros(2), args=(person,), method="Nelder-Mead", options={"xatol": 1e-8})
        assert ours[person] == pytest.approx(theirs.x, abs=1e-5)


def test_modal_scores_of_measurements_are_regression_scores(sample: Any) -> None:
    _, y, _ = sample
    fit = pm.cfa(y.head(500), MODEL)
    assert fit.scores(y.head(9), method="EBM").equals(fit.scores(y.head(9), method="regression"))


def test_far_answers_keep_their_digits() -> None:
    a, b = np.array([30.0, -np.inf, -40.0, 2.0]), np.array([np.inf, -35.0, -39.0, 2.1])
    log, pull, bend = interval_logs(a, b)
    assert np.isfinite(log).all()
    assert np.isfinite(pull).all()
    assert (bend < 0.0).all()
    assert log[0] == pytest.approx(stats.norm.logsf(30.0))
    assert log[3] == pytest.approx(np.log(stats.norm.cdf(2.1) - stats.norm.cdf(2.0)))
    h = 1e-5
    near = [interval_logs(a[3:] - step, b[3:] - step)[0][0] for step in (h, 0.0, -h)]
    assert (near[0] - near[2]) / (2 * h) == pytest.approx(pull[3], rel=1e-6)
    assert (near[0] - 2 * near[1] + near[2]) / h**2 == pytest.approx(bend[3], rel=1e-3)


def test_new_persons_get_the_scores_of_old_ones(sample: Any) -> None:
    _, y, codes = sample
    for data, ordered in ((y, False), (codes, True)):
        fit = pm.cfa(data.head(500), MODEL, ordered=ordered)
        once = fit.scores(data.head(20))
        again = fit.scores(data.iloc[[7, 3]].set_axis(["p", "q"]))
        assert list(again.index) == ["p", "q"]
        assert again.to_numpy() == pytest.approx(once.iloc[[7, 3]].to_numpy(), abs=1e-9)


def test_incomplete_answers_are_scored_by_what_is_there(sample: Any) -> None:
    _, y, codes = sample
    holes = y.head(400).copy()
    holes.iloc[0, 0] = np.nan
    holes.iloc[1, 4:] = np.nan
    holes.iloc[2, :] = np.nan
    listwise = pm.cfa(holes, MODEL).scores(holes)
    assert listwise.iloc[:3].isna().all().all()
    assert listwise.iloc[3:].notna().all().all()
    fit = pm.cfa(holes, MODEL, missing="fiml")
    scores = fit.scores(holes)
    assert scores.iloc[[0, 1]].notna().all().all()
    assert scores.iloc[2].isna().all()
    at = implied(fit._fitted.compiled.groups[0], fit._fitted.x)
    V, Lambda = at.V, at.matrices["Lambda"][:4]
    known = V @ Lambda.T @ np.linalg.solve(at.Sigma[:4, :4], holes.iloc[1, :4].to_numpy() - at.mu[:4])
    assert scores.iloc[1].to_numpy() == pytest.approx(known)
    bartlett = fit.scores(holes, method="Bartlett").iloc[1]
    assert np.isfinite(bartlett["a"])
    assert np.isnan(bartlett["b"])
    few = codes.head(400).astype(float)
    few.iloc[1, 4:] = np.nan
    few.iloc[2, :] = np.nan
    assert pm.cfa(few, MODEL, ordered=True).scores(few).iloc[1:3].isna().all().all()
    pairwise = pm.cfa(few, MODEL, ordered=True, missing="pairwise").scores(few)
    assert pairwise.iloc[1].notna().all()
    assert pairwise.iloc[2].isna().all()


def test_each_person_by_the_parameters_of_their_group(sample: Any) -> None:
    _, y, _ = sample
    data = y.head(600).assign(where=np.repeat([1.0, 2.0], 300))
    fit = pm.cfa(data, MODEL, group="where")
    scores = fit.scores(data)
    alone = pm.cfa(data.iloc[300:], MODEL, mean_structure=True).scores(data.iloc[300:])
    assert scores.iloc[300:].to_numpy() == pytest.approx(alone.to_numpy(), abs=1e-5)
    swapped = fit.scores(data.drop(columns="where"), group=np.repeat([2, 1], 300).tolist())
    assert not np.allclose(swapped, scores)
    lacking = data.copy()
    lacking.loc[0, "where"] = np.nan
    assert fit.scores(lacking).iloc[0].isna().all()
    assert refused(lambda: fit.scores(data.assign(where=3.0))) == Code.STA_CODE_NOT_ALLOWED
    assert refused(lambda: fit.scores(data.drop(columns="where"))) == Code.STA_UNKNOWN_VARIABLE
    unnamed = pm.cfa(data, MODEL, group=data["where"])
    assert refused(lambda: unnamed.scores(data)) == Code.STA_OPTION_CONFLICT
    assert unnamed.scores(data, group="where").to_numpy() == pytest.approx(scores.to_numpy())
    assert refused(lambda: unnamed.scores(data, group=[1, 2])) == Code.STA_SHAPE_MISMATCH


def test_what_cannot_be_scored_is_refused(sample: Any) -> None:
    _, y, codes = sample
    ordered = pm.cfa(codes.head(500), MODEL, ordered=True)
    strange = codes.head(5).assign(x3=[1, 2, 3, 4, 5])
    assert refused(lambda: ordered.scores(strange)) == Code.STA_CODE_NOT_ALLOWED
    assert refused(lambda: ordered.scores(codes, method="Bartlett")) == Code.STA_OPTION_CONFLICT
    assert refused(lambda: ordered.scores(codes, method="other")) == Code.STA_UNKNOWN_OPTION
    assert refused(lambda: ordered.scores(codes.drop(columns="x1"))) == Code.STA_UNKNOWN_VARIABLE
    assert refused(lambda: ordered.scores(codes.astype(str))) == Code.STA_NOT_NUMERIC
    assert refused(lambda: ordered.scores([1, 2])) == Code.STA_NOT_A_FRAME
    higher = pm.cfa(y.head(500), MODEL + "\ng =~ 1*a + 1*b")
    assert higher.scores(y.head(5)).notna().all().all()
    assert refused(lambda: higher.scores(y, method="Bartlett")) == Code.STA_OPTION_CONFLICT


def test_an_inadmissible_solution_has_no_mode() -> None:
    random = np.random.default_rng(4)
    R = np.array([[1.0, 0.75, 0.75], [0.75, 1.0, 0.35], [0.75, 0.35, 1.0]])
    y = random.standard_normal((3000, 3)) @ np.linalg.cholesky(R).T
    codes = pd.DataFrame(np.searchsorted([-0.5, 0.5], y), columns=["x1", "x2", "x3"])
    fit = pm.cfa(codes, "f =~ x1 + x2 + x3", ordered=True)
    assert not fit.admissible
    assert refused(lambda: fit.scores(codes)) == Code.STA_NOT_POSITIVE_DEFINITE


def test_regression_scores_without_means_are_about_the_sample(sample: Any) -> None:
    data = sample[1].head(400) + 10.0
    scores = pm.cfa(data, MODEL).scores(data)
    assert scores.mean().to_numpy() == pytest.approx(np.zeros(2), abs=1e-8)
