"""Standard errors: slopes against refitting, normal and other data against repeated samples, what has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics.factors import _rotation_kernel, bootstrap
from toolkit.psychometrics.factors._fitted import Fitted
from toolkit.psychometrics.factors._sample import correlation_covariance, correlation_variances
from toolkit.psychometrics.factors.extraction import extract
from toolkit.psychometrics.factors.rotation import Rotation
from toolkit.psychometrics.factors.standard_errors import (
    _slopes_of,
    free_covariance,
    normal_covariance,
)

ROTATIONS = [name for name in get_args(Rotation) if name != "bifactorQ"]
TRUTH = np.array(
    [[0.8, 0.1], [0.7, -0.1], [0.6, 0.0], [0.5, 0.2], [0.1, 0.7], [0.0, 0.6], [-0.1, 0.8], [0.2, 0.5]], dtype=float
)
PHI = np.array([[1, 0.4], [0.4, 1]])
LOWER = np.tril_indices(2, -1)
TARGET = np.where(np.abs(TRUTH) < 0.15, 0.0, np.nan)


GENERAL = np.column_stack([np.linspace(0.7, 0.3, 12), *np.kron(np.eye(3), np.full((1, 4), 0.5))])
GENERAL[::3, 1:] += 0.1
GENERAL[1::4, 0] += 0.1


def population(loadings: np.ndarray = TRUTH, phi: np.ndarray = PHI) -> pd.DataFrame:
    """Correlations for which the model holds, so that expected and observed second derivatives agree."""
    R = loadings @ phi @ loadings.T
    np.fill_diagonal(R, 1.0)
    names = [f"x{i}" for i in range(len(R))]
    return pd.DataFrame(R, index=names, columns=names)


def fitted(method: Any, rotation: Any, normalize: bool | None = None) -> Fitted:
    target = TARGET if rotation.startswith("target") else None
    bifactor = rotation.startswith("bifactor")
    result = pm.efa(
        population(GENERAL, np.eye(4)) if bifactor else population(),
        n_factors=4 if bifactor else 2,
        method=method,
        rotation=rotation,
        normalize=normalize,
        target=target,
        varimax_tolerance=1e-14,
        n_persons=500,
        rng=1,
    )
    assert result.converged
    return result._fitted


def numbers(loadings: np.ndarray, phi: np.ndarray) -> np.ndarray:
    lower = np.tril_indices(phi.shape[0], -1)
    return np.concatenate([loadings.ravel(), phi[lower], np.einsum("ij,jk,ik->i", loadings, phi, loadings)])


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("method", ["ml", "minres"])
def test_slopes_are_what_refitting_shows(method: Any, rotation: str) -> None:
    solution = fitted(method, rotation)
    G = _slopes_of(solution)
    p = len(solution.loadings)
    step, pairs = 1e-3 if rotation.startswith("bifactor") else 3e-3, np.tril_indices(p, -1)
    for pair in (0, 5, 13, 27):
        change = np.zeros((p, p))
        change[pairs[0][pair], pairs[1][pair]] = change[pairs[1][pair], pairs[0][pair]] = step
        both = np.stack([solution.sample.R + change, solution.sample.R - change])
        loadings, phi, states = bootstrap.refitted(solution, both)
        assert not states.any()
        slope = (numbers(loadings[0], phi[0]) - numbers(loadings[1], phi[1])) / (2 * step)
        near = 0.02 * np.abs(slope).max() if rotation == "bifactorT" else 2e-3
        np.testing.assert_allclose(G[:, pair], slope, rtol=0.0, atol=near)


def test_slopes_of_an_oblique_bifactor_solution() -> None:
    """The criterion is so flat that the rotation must go on further than usual before differences show the slopes."""
    solution = fitted("ml", "bifactorQ")
    rule, A = solution.criterion, np.array(solution.unrotated.loadings, order="C")

    def rotated(start: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        T, L, _, _ = _rotation_kernel.gradient_projection(
            B, start, True, rule.kind, rule.parameter, rule.target, rule.weight, 1e-9, 20_000
        )
        return T, L

    T, L = rotated(np.array(solution.transformation, order="C"), A)
    G = _slopes_of(replace(solution, loadings=L, phi=T.T @ T, transformation=T))

    def estimates(R: np.ndarray) -> np.ndarray:
        B = extract(R, 4, "ml").loadings
        U, _, Vt = np.linalg.svd(B.T @ A)
        T_new, L_new = rotated(T, np.ascontiguousarray(B @ U @ Vt))
        return numbers(L_new, T_new.T @ T_new)

    change = np.zeros((12, 12))
    change[3, 2] = change[2, 3] = 3e-4
    slope = (estimates(solution.sample.R + change) - estimates(solution.sample.R - change)) / 6e-4
    np.testing.assert_allclose(G[:, 5], slope, rtol=0.0, atol=0.02 * np.abs(slope).max())


def test_slopes_under_weights_and_normalisation() -> None:
    W = np.random.default_rng(1).uniform(0.5, 2.0, (8, 8))
    solution = replace(fitted("minres", "oblimin", normalize=True), method="dwls", weights=W + W.T)
    G = _slopes_of(solution)
    change = np.zeros((8, 8))
    change[3, 1] = change[1, 3] = 3e-3
    loadings, phi, _ = bootstrap.refitted(solution, np.stack([solution.sample.R + change, solution.sample.R - change]))
    slope = (numbers(loadings[0], phi[0]) - numbers(loadings[1], phi[1])) / 6e-3
    pair = [i for i, place in enumerate(zip(*np.tril_indices(8, -1), strict=True)) if place == (3, 1)]
    np.testing.assert_allclose(G[:, pair[0]], slope, atol=2e-3)


def test_one_correlation_of_normal_data_has_the_textbook_variance() -> None:
    R = np.array([[1, 0.6], [0.6, 1]])
    assert normal_covariance(np.array([[1.0]]), R)[0, 0] == pytest.approx((1 - 0.36) ** 2)


def test_fourth_moments_of_normal_data_give_the_normal_covariance() -> None:
    random = np.random.default_rng(2)
    R = population().to_numpy()
    scores = random.standard_normal((200_000, 8)) @ np.linalg.cholesky(R).T
    G = random.standard_normal((5, 28))
    R_found = np.corrcoef(scores.T)
    scores = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    np.testing.assert_allclose(free_covariance(G, R_found, scores), normal_covariance(G, R), rtol=0.05, atol=0.3)
    pairs = np.tril_indices(8, -1)
    variances = np.diag(free_covariance(np.eye(28), R_found, scores))
    sample = pm.efa(pd.DataFrame(scores), n_factors=1, rotation="none")._fitted.sample
    np.testing.assert_allclose(200_000 * correlation_variances(sample)[pairs], variances, rtol=1e-9)


def heavy_tailed(random: np.random.Generator, n: int) -> pd.DataFrame:
    """Answers of the model times a random size of the person: correlations stay, fourth moments grow by 2.5."""
    root = np.linalg.cholesky(population().to_numpy())
    size = np.sqrt(9 / random.chisquare(9, size=(n, 1)))
    return pd.DataFrame(random.standard_normal((n, 8)) @ root.T * size)


def spread_over_samples(draw: Callable[[np.random.Generator], pd.DataFrame], kinds: list[Any]) -> list[np.ndarray]:
    """Return, for each kind, the mean standard errors over 150 samples as shares of the estimates' spread."""
    found, errors = [], {kind: [] for kind in kinds}
    options = {"n_factors": 2, "method": "ml", "rotation": "targetQ", "target": TARGET, "n_starts": 1, "rng": 1}
    for seed in range(150):
        frame = draw(np.random.default_rng(seed))
        for kind in kinds:
            result = pm.efa(frame, standard_errors=kind, **options)
            these = result.standard_errors
            errors[kind].append(
                np.concatenate([these.loadings.to_numpy().ravel(), these.phi.to_numpy()[LOWER], these.communalities])
            )
        found.append(numbers(result.loadings.to_numpy(), result.phi.to_numpy()))
    return [np.mean(errors[kind], axis=0) / np.std(found, axis=0, ddof=1) for kind in kinds]


def test_information_errors_are_those_of_repeated_normal_samples() -> None:
    root = np.linalg.cholesky(population().to_numpy())
    (share,) = spread_over_samples(
        lambda random: pd.DataFrame(random.standard_normal((600, 8)) @ root.T), ["information"]
    )
    np.testing.assert_allclose(share, 1.0, atol=0.2)
    assert np.mean(share) == pytest.approx(1.0, abs=0.04)


def test_sandwich_errors_hold_where_information_errors_are_too_small() -> None:
    sandwich, information = spread_over_samples(lambda random: heavy_tailed(random, 800), ["sandwich", "information"])
    assert np.mean(information) < 0.88
    assert np.mean(sandwich) == pytest.approx(1.0, abs=0.07)


def test_a_fixed_quantity_has_no_error_and_labels_are_kept(answers: pd.DataFrame) -> None:
    errors = pm.efa(answers, n_factors=2, rotation="varimax", standard_errors="sandwich", rng=1).standard_errors
    np.testing.assert_array_equal(errors.phi, np.zeros((2, 2)))
    assert list(errors.loadings.index) == list(errors.communalities.index) == list("abcdef")
    assert errors.method.startswith("sandwich")
    oblique = pm.efa(answers, n_factors=2, standard_errors="sandwich", rng=1)
    assert (oblique.standard_errors.phi.to_numpy()[LOWER] > 0).all()
    assert "standard_errors" in oblique.to_dict()
    assert pm.efa(answers, n_factors=2, rng=1).standard_errors is None


def test_one_factor_has_errors_too(answers: pd.DataFrame) -> None:
    result = pm.efa(answers[["a", "b", "c", "d"]], n_factors=1, rotation="none", standard_errors="information")
    assert (result.standard_errors.loadings > 0).all(axis=None)


def test_a_heywood_case_has_no_errors(exact: Callable[..., pd.DataFrame]) -> None:
    frame = exact([[1, 0.6, 0.6, 0.3], [0.6, 1, 0.2, 0.3], [0.6, 0.2, 1, 0.3], [0.3, 0.3, 0.3, 1]])
    result = pm.efa(frame, n_factors=1, rotation="none", standard_errors="information")
    assert result.heywood_items == ("x1",)
    assert result.standard_errors.loadings.isna().all(axis=None)
    assert [problem.code for problem in result.warnings] == [Code.STA_HEYWOOD, Code.STA_UNDEFINED]


def test_where_nothing_fixes_the_position_there_are_no_errors() -> None:
    """Two factors of the same strength can be turned at will while they stay principal."""
    R = population(np.kron(np.eye(2), np.full((4, 1), 0.6)), np.eye(2))
    options = {"n_factors": 2, "method": "ml", "n_persons": 500, "rng": 1}
    turned = pm.efa(R, rotation="varimax", standard_errors="information", **options)
    assert turned.standard_errors.loadings.notna().all(axis=None)
    result = pm.efa(R, rotation="none", standard_errors="information", **options)
    assert result.standard_errors.loadings.isna().all(axis=None)
    assert [problem.code for problem in result.warnings] == [Code.STA_UNDEFINED]


def test_pairwise_answers_have_no_fourth_moments(answers: pd.DataFrame, refused: Callable[..., object]) -> None:
    holes = answers.copy()
    holes.iloc[0, 0] = np.nan

    def call(missing: Any) -> object:
        return pm.efa(holes, n_factors=2, missing=missing, standard_errors="sandwich", rng=1)

    refused(Code.STA_OPTION_CONFLICT, call, valid="listwise", bad="pairwise")


def test_sandwich_errors_of_polychoric_loadings_are_those_of_repeated_samples() -> None:
    found, errors = [], []
    truth = [0.8, 0.7, 0.6, 0.7]
    for seed in range(100):
        frame = pm.simulate_ordinal(truth, thresholds=[-0.8, 0.6], n_persons=400, rng=seed)
        result = pm.efa(
            frame, n_factors=1, rotation="none", method="dwls", correlation="polychoric", standard_errors="sandwich"
        )
        found.append(result.loadings.to_numpy().ravel())
        errors.append(result.standard_errors.loadings.to_numpy().ravel())
    assert np.mean(np.mean(errors, axis=0) / np.std(found, axis=0, ddof=1)) == pytest.approx(1.0, abs=0.1)


def test_covariances_of_polychoric_correlations_stand_in_the_order_of_the_slopes(answers: pd.DataFrame) -> None:
    sample = pm.efa(answers, n_factors=2, correlation="polychoric", rng=1)._fitted.sample
    variances = np.diag(correlation_covariance(sample))
    np.testing.assert_allclose(variances, correlation_variances(sample)[np.tril_indices(6, -1)], rtol=1e-6)


def test_what_has_no_covariance_has_no_errors(answers: pd.DataFrame, refused: Callable[..., object]) -> None:
    def call(options: dict[str, Any]) -> object:
        return pm.efa(answers, n_factors=2, rng=1, **options)

    for kind, wrong in (("information", "polychoric"), ("information", "spearman"), ("sandwich", "spearman")):
        bad = {"standard_errors": kind, "correlation": wrong}
        refused(Code.STA_OPTION_CONFLICT, call, valid={"standard_errors": kind}, bad=bad)


def test_standard_scores_are_standard(answers: pd.DataFrame) -> None:
    scores = pm.efa(answers, n_factors=2, rng=1)._fitted.sample.scores("This")
    np.testing.assert_allclose(scores.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(scores.std(axis=0), 1.0)
