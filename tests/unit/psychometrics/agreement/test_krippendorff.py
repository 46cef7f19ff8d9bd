"""Krippendorff's alpha: his published example, other coefficients that it equals, and its interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code

NO = np.nan
PUBLISHED = pd.DataFrame(
    {
        "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, NO, NO, NO],
        "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NO, 3],
        "C": [NO, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NO],
        "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NO],
    }
)


@pytest.mark.parametrize(
    ("metric", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_the_published_example(metric: Any, published: float) -> None:
    result = pm.krippendorff_alpha(PUBLISHED, metric=metric, rng=1)
    assert result.estimate == pytest.approx(published, abs=5.1e-4)
    assert (result.n_persons, result.n_items, result.n_dropped, result.n_ratings) == (11, 4, 1, 40)
    assert result.interval.low < result.estimate < result.interval.high


def test_two_raters_without_missing_ratings_follow_the_sums() -> None:
    """Interval alpha by its definition over pairs of values."""
    random = np.random.default_rng(1)
    X = random.integers(1, 8, (40, 2)).astype(float)
    pooled = X.ravel()
    within = ((X[:, 0] - X[:, 1]) ** 2).mean()
    pairs = (np.subtract.outer(pooled, pooled) ** 2).sum() / (pooled.size * (pooled.size - 1))
    alpha = pm.krippendorff_alpha(pd.DataFrame(X), metric="interval", rng=1)
    assert alpha.estimate == pytest.approx(1 - within / pairs, rel=1e-10)


def test_ordinal_distances_count_the_ratings_in_between() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3, 1], "b": [1, 3, 3, 2]})
    plain = pm.krippendorff_alpha(frame, metric="ordinal", rng=1).estimate
    stretched = pm.krippendorff_alpha(frame.replace({3: 90}), metric="ordinal", rng=1).estimate
    assert stretched == pytest.approx(plain, rel=1e-12)


def test_chance_is_zero_and_agreement_is_one() -> None:
    random = np.random.default_rng(2)
    noise = pd.DataFrame(random.integers(1, 5, (3000, 3)))
    assert pm.krippendorff_alpha(noise, n_bootstrap=100, rng=1).estimate == pytest.approx(0.0, abs=0.03)
    same = pd.DataFrame({"a": [1.0, 2, 3], "b": [1.0, 2, 3]})
    assert pm.krippendorff_alpha(same, rng=1).estimate == 1.0


def test_the_interval_covers() -> None:
    """Unit variance 2, rater error variance 1 for three raters: interval alpha is 2 / 3 in the population."""
    random = np.random.default_rng(7)
    hits = []
    for _ in range(100):
        X = np.round(10 * (np.sqrt(2) * random.standard_normal((80, 1)) + random.standard_normal((80, 3))))
        interval = pm.krippendorff_alpha(pd.DataFrame(X), metric="interval", n_bootstrap=100, rng=random).interval
        hits.append(interval.low <= 2 / 3 <= interval.high)
    assert 0.86 <= np.mean(hits) <= 0.99


def test_without_variation_there_is_no_alpha() -> None:
    result = pm.krippendorff_alpha(pd.DataFrame({"a": [2, 2, 2], "b": [2, 2, 2]}), rng=1)
    assert np.isnan(result.estimate)
    assert Code.STA_UNDEFINED in [problem.code for problem in result.warnings]


def test_ratings_and_options_are_checked(refused: Any) -> None:
    call = pm.krippendorff_alpha
    refused(Code.STA_TOO_FEW_ITEMS, call, valid=PUBLISHED, bad=PUBLISHED[["A"]])
    lonely = pd.DataFrame({"a": [1, 2, NO], "b": [1, NO, 3]})
    refused(Code.STA_TOO_FEW_PERSONS, call, valid=PUBLISHED, bad=lonely)
    refused(Code.STA_NOT_FINITE, call, valid=PUBLISHED, bad=PUBLISHED.assign(A=np.inf))
    refused(Code.STA_CODE_NOT_ALLOWED, lambda df: call(df, metric="ratio"), valid=PUBLISHED, bad=PUBLISHED - 3)
    refused(Code.STA_UNKNOWN_OPTION, lambda metric: call(PUBLISHED, metric=metric), valid="ratio", bad="circular")
