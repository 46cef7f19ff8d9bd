"""Correlations of shuffled answers: their margins, their mean and their spread."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.psychometrics.factors._shuffled import margins_of, scaled, shuffled_polychoric, shuffled_spearman


def test_margins_are_those_observed_from_answers_and_from_counts(answers: pd.DataFrame) -> None:
    margins = margins_of(answers, missing="listwise", n=400)
    counted = margins_of(pm.count_responses(answers), missing="listwise", n=400)
    for item, one, two in zip(answers, margins, counted, strict=True):
        expected = answers[item].value_counts().sort_index().to_numpy()
        np.testing.assert_array_equal(one, expected)
        np.testing.assert_array_equal(two, expected)


@pytest.mark.parametrize(
    ("margin", "n", "expected"),
    [([10, 30], 20, [5, 15]), ([1, 99], 10, [1, 9]), ([1, 1, 1], 4, [2, 1, 1]), ([97, 1, 1, 1], 8, [5, 1, 1, 1])],
)
def test_margins_are_scaled_and_keep_every_code(margin: list[int], n: int, expected: list[int]) -> None:
    found = scaled(np.array(margin), n)
    assert found.sum() == n
    assert found.tolist() == expected


def test_shuffled_ranks_have_the_mean_and_the_variance_of_independence() -> None:
    margins = (np.array([20, 30, 50]), np.array([60, 40]), np.array([10, 20, 30, 40]))
    R = shuffled_spearman(margins, 3000, np.random.default_rng(1))
    pairs = R[:, [0, 0, 1], [1, 2, 2]]
    np.testing.assert_allclose(pairs.mean(axis=0), 0.0, atol=0.01)
    np.testing.assert_allclose(pairs.var(axis=0), 1 / 99, rtol=0.12)


def test_a_shuffled_matrix_is_the_polychoric_matrix_of_shuffled_answers() -> None:
    """One draw, made again from the same random numbers, through the public function."""
    margins = (np.array([20, 30, 50]), np.array([60, 40, 0])[:2], np.array([10, 20, 70]))
    R = shuffled_polychoric(margins, 1, np.random.default_rng(4))[0]
    codes = np.array([np.repeat(np.arange(margin.size, dtype=np.uint8), margin) for margin in margins])
    frame = pd.DataFrame(np.random.default_rng(4).permuted(codes, axis=1).T.astype(float), columns=list("abc"))
    np.testing.assert_allclose(R, pm.polychoric(frame).matrix, atol=1e-12)
