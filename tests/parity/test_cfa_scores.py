"""Factor scores of confirmatory models against lavaan's lavPredict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.comparing import ITERATIVE, Compare
from toolkit import psychometrics as pm
from toolkit.psychometrics.cfa._matrices import implied
from toolkit.psychometrics.cfa.factor_scores import modal_scores

FOLDER = Path(__file__).parent / "reference"
METHODS = {"regression": "regression", "bartlett": "Bartlett"}


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "cfa.json").read_text(encoding="utf-8"))
    return found


def data(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"cfa_{name}.csv")


def with_holes(df: pd.DataFrame, items: list[str], below: int) -> pd.DataFrame:
    i, j = np.arange(1, len(df) + 1)[:, None], np.arange(1, len(items) + 1)[None, :]
    return df.assign(**df[items].mask((i * 9301 + j * 49297 + i * j * 233) % 1009 < below))


@pytest.mark.parametrize("method", METHODS)
def test_linear_scores(reference: dict[str, Any], compare: Compare, method: Any) -> None:
    hs = data("hs")
    result = pm.cfa(hs, reference["hs"]["models"]["basic"])
    ours = result.scores(hs.head(20), method=METHODS[method])
    theirs = reference["hs"]["ml"]["scores"][method]
    assert list(ours.columns) == theirs["cols"]
    # seen: 8.4e-7
    compare("cfa scores", ours, theirs["values"], tolerance=1e-5, absolute=True)


@pytest.mark.parametrize("method", METHODS)
def test_incomplete_answers(reference: dict[str, Any], compare: Compare, method: Any) -> None:
    theirs = reference["hs"]["fiml"]
    holes = with_holes(data("hs"), theirs["columns"], theirs["holes"])
    result = pm.cfa(holes, reference["hs"]["models"]["basic"], missing="fiml")
    ours = result.scores(holes, method=METHODS[method]).head(20)
    known = np.array(theirs["scores"][method]["values"], dtype=float)
    seen = np.isfinite(known)
    compare("cfa scores", ours.to_numpy()[seen], known[seen], tolerance=ITERATIVE, absolute=True)
    assert np.isnan(ours.to_numpy()[~seen]).all()


@pytest.mark.parametrize("method", METHODS)
def test_groups(reference: dict[str, Any], compare: Compare, method: Any) -> None:
    hs, theirs = data("hs"), reference["hs_group"]
    result = pm.cfa(hs, theirs["model"], group="school", group_equal=["loadings", "intercepts"])
    ours = result.scores(hs, method=METHODS[method])
    for group in theirs["group_order"]:
        mine = ours[(hs["school"] == group).to_numpy()].head(20)
        # seen: 7e-6, where lavaan stops
        known = theirs["scores"][f"scalar_{method}"][group]["values"]
        compare("cfa scores", mine, known, tolerance=ITERATIVE, absolute=True)


def test_correlated_residuals(reference: dict[str, Any], compare: Compare) -> None:
    theirs = reference["pd"]
    ours = pm.cfa(data("pd"), theirs["models"]["basic"]).scores(data("pd").head(20))
    compare("cfa scores", ours, theirs["ml"]["scores"]["regression"]["values"], tolerance=ITERATIVE, absolute=True)


def test_modal_scores(reference: dict[str, Any], compare: Compare) -> None:
    theirs, answers = reference["ordinal"], data("datcat")
    one = pm.cfa(answers, theirs["models"]["one"], ordered=True).scores(answers.head(20))
    # seen: 2e-6 with one factor, 6.3e-5 with two: lavaan's search ends at a relative tolerance of 1e-8
    known = theirs["wlsmv_delta"]["scores"]["ebm"]["values"]
    compare("cfa modal scores", one, known, tolerance=ITERATIVE, absolute=True)
    binary = (answers[theirs["items"]] >= 3).astype(int)
    two_codes = pm.cfa(binary, theirs["models"]["one"], ordered=True).scores(binary.head(20))
    known = theirs["binary"]["wlsmv_delta"]["scores"]["ebm"]["values"]
    compare("cfa modal scores", two_codes, known, tolerance=ITERATIVE, absolute=True)


def test_modal_scores_of_ordered_and_continuous_items(reference: dict[str, Any], compare: Compare) -> None:
    theirs, answers = reference["mixed"], data("mixed")
    ours = pm.cfa(answers, theirs["models"]["two"], ordered=theirs["ordered"]).scores(answers.head(20))
    known = theirs["wlsmv_two"]["scores"]["ebm"]["values"]
    compare("cfa modal scores", ours, known, tolerance=ITERATIVE, absolute=True)


def test_theta_scores_are_delta_scores_on_another_scale(reference: dict[str, Any], compare: Compare) -> None:
    """Two ways of writing one model give one order of persons.

    lavaan 0.6.14's theta scores do not: thresholds and loadings are brought to variables of variance 1, the residuals
    are not. With such parameters our search finds lavaan's numbers.
    """
    theirs, answers = reference["ordinal"], data("datcat")
    delta = pm.cfa(answers, theirs["models"]["one"], ordered=True)
    theta = pm.cfa(answers, theirs["models"]["one"], ordered=True, parameterization="theta")
    one, two = (result.scores(answers)["f"].to_numpy() for result in (delta, theta))
    of_factor = [
        float(np.sqrt(table.loc[(table.lhs == "f") & (table.op == "~~"), "est"].iloc[0]))
        for table in (delta.parameters, theta.parameters)
    ]
    assert two / of_factor[1] == pytest.approx(one / of_factor[0], abs=1e-6)
    group = theta._fitted.compiled.groups[0]
    at = implied(group, theta._fitted.x)
    mixed = dict(at.matrices)
    mixed["tau"] = mixed["tau"] * at.delta[group.item_of][:, None]
    mixed["Lambda"] = mixed["Lambda"] * at.delta[:, None]
    places = answers[theirs["items"]].head(20).to_numpy(dtype=float) - 1.0
    assert answers[theirs["items"]].to_numpy().min() == 1
    ours = modal_scores(group, replace(at, matrices=mixed), places)
    known = theirs["wlsmv_theta"]["scores"]["ebm"]["values"]
    compare("cfa modal scores", ours, known, tolerance=ITERATIVE, absolute=True)
