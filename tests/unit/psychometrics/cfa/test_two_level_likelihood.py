"""The likelihood of persons in clusters: the normal density itself, differences, dense information, nil clusters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from toolkit.psychometrics.cfa import _two_level as two_level

Parameters = tuple[np.ndarray, np.ndarray, np.ndarray]


def drawn(sizes: list[int], *, between: float = 0.4, p: int = 3, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Values of persons and their cluster codes, in a mixed order."""
    random = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    shared = random.normal(size=(len(sizes), 1)) + 0.7 * random.normal(size=(len(sizes), p))
    values = random.normal(size=(codes.size, p)) + random.normal(size=(codes.size, 1)) + between * shared[codes] + 5.0
    order = random.permutation(codes.size)
    return values[order], codes[order]


def somewhere(p: int, *, seed: int = 2) -> Parameters:
    """A mean and two covariances; that between clusters is not positive definite."""
    random = np.random.default_rng(seed)
    A, B = random.normal(size=(p, p)), random.normal(size=(p, p))
    between = B @ B.T / 4.0
    between[0, 0] = -0.01
    between[0, 1:] = between[1:, 0] = 0.0
    return 5.0 + random.normal(size=p), A @ A.T + np.eye(p), between


@pytest.fixture
def clusters() -> two_level.Clusters:
    return two_level.clusters_of(*drawn([2, 7, 1, 4, 2, 4, 4, 9, 1, 3, 3, 5]))


def test_the_likelihood_is_that_of_the_normal_density() -> None:
    values, codes = drawn([1, 2, 3, 3])
    mu, W, B = somewhere(3)
    expected = 0.0
    for code in range(4):
        persons = values[codes == code]
        n = len(persons)
        covariance = np.kron(np.eye(n), W) + np.kron(np.ones((n, n)), B)
        expected += stats.multivariate_normal(np.tile(mu, n), covariance).logpdf(persons.ravel())
    moments = two_level.moments_of(two_level.clusters_of(values, codes))
    assert (moments.n_persons, moments.n_clusters, list(moments.sizes)) == (9, 4, [1, 2, 3])
    assert two_level.log_likelihood(moments, mu, W, B) == pytest.approx(expected, rel=1e-12)


def test_the_gradient_is_that_of_differences(clusters: two_level.Clusters) -> None:
    moments, point, h = two_level.moments_of(clusters), somewhere(3), 1e-5
    found = two_level.log_likelihood_gradient(moments, *point)
    assert found.value == pytest.approx(two_level.log_likelihood(moments, *point), rel=1e-13)
    for place, gradient in enumerate((found.mu, found.within, found.between)):
        random = np.random.default_rng(place)
        for _ in range(5):
            step = random.normal(size=gradient.shape)
            step = step + step.T
            either = [[x + move if k == place else x for k, x in enumerate(point)] for move in (h * step, -h * step)]
            slope = np.subtract(*(two_level.log_likelihood(moments, *near) for near in either)) / (2.0 * h)
            assert (gradient * step).sum() == pytest.approx(slope, rel=1e-6)


def test_the_scores_of_the_clusters_are_their_own_gradients(clusters: two_level.Clusters) -> None:
    random, q = np.random.default_rng(3), 4
    d_mu, d_W, d_B = random.normal(size=(q, 3)), random.normal(size=(q, 3, 3)), random.normal(size=(q, 3, 3))
    d_W, d_B = d_W + d_W.swapaxes(1, 2), d_B + d_B.swapaxes(1, 2)
    mu, W, B = somewhere(3)
    scores = two_level.cluster_scores(clusters, mu, W, B, d_mu=d_mu, d_within=d_W, d_between=d_B)

    def combined(found: two_level.Gradient) -> np.ndarray:
        return d_mu @ found.mu + np.tensordot(d_W, found.within, 2) + np.tensordot(d_B, found.between, 2)

    whole = two_level.log_likelihood_gradient(two_level.moments_of(clusters), mu, W, B)
    np.testing.assert_allclose(scores.sum(axis=0), combined(whole), rtol=1e-10)
    for j, (start, n) in enumerate(zip(clusters.starts, clusters.sizes.astype(int), strict=True)):
        alone = clusters.deviations[start : start + n] + clusters.means[j]
        moments = two_level.moments_of(two_level.clusters_of(alone, np.zeros(n, dtype=int)))
        np.testing.assert_allclose(
            scores[j], combined(two_level.log_likelihood_gradient(moments, mu, W, B)), rtol=1e-9, atol=1e-11
        )


def test_outside_its_domain_the_likelihood_is_nil(clusters: two_level.Clusters) -> None:
    moments, (mu, W, B) = two_level.moments_of(clusters), somewhere(3)
    assert np.isfinite(two_level.log_likelihood(moments, mu, W, B))
    for outside in [(-W, B), (W, B - 10.0 * np.eye(3)), (W, np.full((3, 3), np.nan))]:
        assert two_level.log_likelihood(moments, mu, *outside) == -np.inf
        assert two_level.log_likelihood_gradient(moments, mu, *outside).value == -np.inf
        assert two_level.best_mean(moments, *outside) is None
        assert np.isnan(two_level.variance_errors(moments, *outside)).all()


def test_balanced_clusters_have_the_estimates_of_analysis_of_variance() -> None:
    values, codes = drawn([4] * 300, between=1.0)
    moments = two_level.moments_of(two_level.clusters_of(values, codes))
    found = two_level.saturated(moments)
    W = moments.within / (1200 - 300)
    means = np.array([values[codes == code].mean(axis=0) for code in range(300)])
    assert found.converged
    np.testing.assert_allclose(found.Sigma_W, W, rtol=1e-6)
    np.testing.assert_allclose(found.Sigma_B, np.cov(means.T, bias=True) - W / 4, rtol=1e-5)
    np.testing.assert_allclose(found.mu, values.mean(axis=0), rtol=1e-12)


def test_the_saturated_fit_is_a_maximum_and_knows_no_order() -> None:
    values, codes = drawn(list(range(1, 60)), between=0.8)
    moments = two_level.moments_of(two_level.clusters_of(values, codes))
    found = two_level.saturated(moments)
    gradient = two_level.log_likelihood_gradient(moments, *found[:3])
    assert found.converged
    assert found.log_likelihood == gradient.value
    for part in (gradient.mu, gradient.within, gradient.between):
        assert np.abs(part).max() < 1e-3
    order = np.random.default_rng(1).permutation(codes.size)
    mixed = two_level.clusters_of(values[order][:, [2, 0, 1]] * 10.0, 1000 - codes[order])
    again = two_level.saturated(two_level.moments_of(mixed))
    np.testing.assert_allclose(again.Sigma_B / 100.0, found.Sigma_B[np.ix_([2, 0, 1], [2, 0, 1])], atol=1e-6)
    assert again.log_likelihood == pytest.approx(found.log_likelihood - codes.size * 3 * np.log(10.0), rel=1e-9)


def test_clusters_that_do_not_differ_have_a_singular_covariance() -> None:
    """Where the unbounded optimum has negative variances, the bounded one lies at the edge and is a maximum there."""
    values, codes = drawn([6, 9] * 30, between=0.0, p=5)
    moments = two_level.moments_of(two_level.clusters_of(values, codes))
    found = two_level.saturated(moments)
    assert found.converged
    lam, U = np.linalg.eigh(found.Sigma_B)
    assert lam[0] > -1e-12
    assert lam[0] < 1e-8 < lam[-1]
    slope = U.T @ two_level.log_likelihood_gradient(moments, *found[:3]).between @ U
    assert np.abs(slope[:, lam > 1e-4]).max() < 1e-2
    assert np.linalg.eigvalsh(slope)[-1] < 1e-2


def test_the_likelihood_rises_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    values, codes = drawn([3, 8, 20] * 8, between=0.2, p=6)
    moments, seen = two_level.moments_of(two_level.clusters_of(values, codes)), []
    minimize = two_level.optimize.minimize

    def watched(criterion: object, first: np.ndarray, **options: object) -> object:
        return minimize(criterion, first, callback=lambda theta: seen.append(criterion(theta)[0]), **options)

    monkeypatch.setattr(two_level.optimize, "minimize", watched)
    assert two_level.saturated(moments).converged
    assert len(seen) > 5
    assert (np.diff(seen) <= 1e-9).all()


def test_fewer_clusters_than_items_still_have_a_maximum() -> None:
    values, codes = drawn([5, 9, 14, 30], between=0.6, p=7)
    moments = two_level.moments_of(two_level.clusters_of(values, codes))
    found = two_level.saturated(moments)
    assert found.converged
    assert np.linalg.matrix_rank(found.Sigma_B, tol=1e-5) <= 3


def test_uncorrelated_items_are_fitted_one_by_one() -> None:
    values, codes = drawn([2, 5, 9] * 20, between=1.0)
    moments = two_level.moments_of(two_level.clusters_of(values, codes))
    found = two_level.independent(moments)
    gradient = two_level.log_likelihood_gradient(moments, *found[:3])
    assert found.converged
    assert np.abs(np.diag(gradient.within)).max() < 1e-3
    assert np.abs(np.diag(gradient.between)).max() < 1e-3
    assert np.abs(gradient.mu).max() < 1e-6
    assert found.log_likelihood == pytest.approx(gradient.value, rel=1e-12)
    assert found.log_likelihood < two_level.saturated(moments).log_likelihood


def test_errors_of_variances_are_those_of_the_dense_information() -> None:
    moments = two_level.moments_of(two_level.clusters_of(*drawn([2, 5, 9] * 20, between=1.0)))
    _, W, B = somewhere(3)
    B = B + 0.1 * np.eye(3)
    pairs = [(i, j) for i in range(3) for j in range(i + 1)]
    units = [np.eye(3)[:, [i]] @ np.eye(3)[[j]] for i, j in pairs]
    units = [unit if i == j else unit + unit.T for unit, (i, j) in zip(units, pairs, strict=True)]
    inverse = np.linalg.inv(W)
    information = np.zeros((12, 12))
    for a in range(12):
        for b in range(12):
            one, other = units[a % 6], units[b % 6]
            if a < 6 and b < 6:
                information[a, b] = (
                    0.5 * (moments.n_persons - moments.n_clusters) * np.trace(inverse @ one @ inverse @ other)
                )
            for n, G in zip(moments.sizes, moments.counts, strict=True):
                V = np.linalg.inv(W + n * B)
                information[a, b] += 0.5 * G * n ** ((a >= 6) + (b >= 6)) * np.trace(V @ one @ V @ other)
    dense = np.linalg.inv(information)
    found = two_level.variance_errors(moments, W, B)
    for i in range(3):
        place = pairs.index((i, i))
        np.testing.assert_allclose(found[i], dense[np.ix_([place, place + 6], [place, place + 6])], rtol=1e-9)
