"""Normal likelihood of persons in clusters: covariances within and between clusters, their gradient, saturated fit.

``y_ij = mu + b_j + w_ij`` with ``b_j ~ N(0, Sigma_B)`` and ``w_ij ~ N(0, Sigma_W)``. Symbols as in McDonald and
Goldstein (1989). In the basis R with ``R Sigma_W R' = I`` and ``R Sigma_B R' = diag(lam)`` the covariance of the mean
of n persons is ``diag(1 / n + lam)``, whatever n is: one eigendecomposition serves clusters of all sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize

from toolkit.psychometrics._numerics import Array, Counts
from toolkit.psychometrics.cfa._matrices import Values

SMALLEST_START = 0.01
"""Smallest eigenvalue of the start of Sigma_B, as a share of the sampling variance of a cluster mean: above 0, because
at 0 the gradient with respect to its factor is 0."""
NIL_VARIANCE = 1e-6
"""Largest variance between clusters, as a share of that within, that counts as none."""
GRADIENT_TOLERANCE = 1e-6
"""Largest entry of the gradient, per person and in units of the within-cluster standard deviations, at an optimum."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwoLevelMoments:
    """What the likelihood needs of the values; its cost depends on the number S of different cluster sizes.

    Attributes
    ----------
    sizes : ndarray of float, shape (S,)
        Different cluster sizes, ascending.
    counts : ndarray of float, shape (S,)
        Clusters of each size.
    means : ndarray, shape (S, p)
        Mean of the cluster means of each size.
    between : ndarray, shape (S, p, p)
        Sums of squares and products of the cluster means of each size about ``means``.
    within : ndarray, shape (p, p)
        Sums of squares and products of the persons about their cluster means.
    grand_mean : ndarray, shape (p,)
        Mean of all persons.
    n_persons, n_clusters : int
        Persons and clusters.
    """

    sizes: Array
    counts: Array
    means: Array
    between: Array
    within: Array
    grand_mean: Array
    n_persons: int
    n_clusters: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clusters:
    """The persons, sorted by cluster.

    Attributes
    ----------
    sizes : ndarray of float, shape (J,)
        Persons in each cluster.
    means : ndarray, shape (J, p)
        Cluster means.
    deviations : ndarray, shape (n, p)
        Persons about the mean of their cluster.
    starts : ndarray of int, shape (J,)
        The first row of each cluster in ``deviations``.
    """

    sizes: Array
    means: Array
    deviations: Array
    starts: Counts


class Gradient(NamedTuple):
    """The log-likelihood and its derivatives.

    Those with respect to covariances are symmetric: a small symmetric change ``dW`` adds ``sum(within * dW)``.
    """

    value: float
    mu: Array
    within: Array
    between: Array


class ComplexGradient(NamedTuple):
    """The derivatives of :class:`Gradient`, at complex arguments."""

    mu: Values
    within: Values
    between: Values


class Saturated(NamedTuple):
    """Maximum likelihood estimates with Sigma_B positive semidefinite."""

    mu: Array
    Sigma_W: Array
    Sigma_B: Array
    log_likelihood: float
    converged: bool


class _Basis(NamedTuple):
    """``R Sigma_W R' = I``, ``R Sigma_B R' = diag(lam)``, and the logarithm of the determinant of Sigma_W."""

    R: Array
    lam: Array
    log_determinant: float


def clusters_of(values: Array, codes: npt.NDArray[np.integer]) -> Clusters:
    """Sort persons by cluster.

    Parameters
    ----------
    values : ndarray, shape (n, p)
        Complete values.
    codes : ndarray of int, shape (n,)
        The cluster of each person.
    """
    order = np.argsort(codes, kind="stable")
    _, starts, sizes = np.unique(codes[order], return_index=True, return_counts=True)
    persons = values[order]
    means = np.add.reduceat(persons, starts, axis=0) / sizes[:, None]
    deviations = persons - np.repeat(means, sizes, axis=0)
    return Clusters(sizes=sizes.astype(np.float64), means=means, deviations=deviations, starts=starts.astype(np.int64))


def moments_of(clusters: Clusters) -> TwoLevelMoments:
    """Reduce persons to what the likelihood needs."""
    sizes, place = np.unique(clusters.sizes, return_inverse=True)
    counts = np.bincount(place).astype(np.float64)
    p = clusters.means.shape[1]
    means, between = np.empty((sizes.size, p)), np.empty((sizes.size, p, p))
    for s in range(sizes.size):
        of_size = clusters.means[place == s]
        means[s] = of_size.mean(axis=0)
        between[s] = (of_size - means[s]).T @ (of_size - means[s])
    n = float(clusters.sizes.sum())
    return TwoLevelMoments(
        sizes=sizes,
        counts=counts,
        means=means,
        between=between,
        within=clusters.deviations.T @ clusters.deviations,
        grand_mean=clusters.sizes @ clusters.means / n,
        n_persons=int(n),
        n_clusters=int(counts.sum()),
    )


def log_likelihood(
    moments: TwoLevelMoments, mu: Array, Sigma_W: Array, Sigma_B: Array, *, margin: float = 0.0
) -> float:
    """Return the log-likelihood; minus infinity outside its domain.

    With a ``margin`` the domain is smaller: no eigenvalue of ``Sigma_W^-1 V_j`` may be less.

    Notes
    -----
    With J clusters, N persons, ``V_j = Sigma_W + n_j Sigma_B`` and the pooled sums of squares and products P within
    clusters, minus twice the log-likelihood is ``N p log(2 pi) + (N - J) log|Sigma_W| + tr(Sigma_W^-1 P) + sum over
    clusters of (log|V_j| + n_j (ybar_j - mu)' V_j^-1 (ybar_j - mu))``. Its domain is where Sigma_W and every V_j are
    positive definite; Sigma_B need not be.

    References
    ----------
    McDonald, R. P., & Goldstein, H. (1989). Balanced versus unbalanced designs for linear structural relations in
    two-level data. British Journal of Mathematical and Statistical Psychology, 42, 215-232.
    https://doi.org/10.1111/j.2044-8317.1989.tb00911.x
    """
    basis = _basis(moments, Sigma_W, Sigma_B)
    if basis is None or 1.0 + moments.sizes[-1] * basis.lam[0] < margin:
        return -np.inf
    spread = 1.0 + moments.sizes[:, None] * basis.lam
    squares = ((basis.R @ moments.between) * basis.R).sum(axis=2)
    distance = squares + moments.counts[:, None] * ((moments.means - mu) @ basis.R.T) ** 2
    inside = ((basis.R @ moments.within) * basis.R).sum()
    return _value(moments, basis, float(inside), spread, moments.sizes[:, None] * distance)


def log_likelihood_gradient(moments: TwoLevelMoments, mu: Array, Sigma_W: Array, Sigma_B: Array) -> Gradient:
    """Return the log-likelihood and its derivatives; minus infinity and NaN outside the domain.

    Notes
    -----
    With ``D_j = V_j^-1 - n_j V_j^-1 (ybar_j - mu)(ybar_j - mu)' V_j^-1`` the derivative with respect to Sigma_B is
    ``-1/2 sum of n_j D_j``, that with respect to Sigma_W is ``-1/2 ((N - J) Sigma_W^-1 - Sigma_W^-1 P Sigma_W^-1 + sum
    of D_j)``, and that with respect to mu is ``sum of n_j V_j^-1 (ybar_j - mu)``.
    """
    basis = _basis(moments, Sigma_W, Sigma_B)
    if basis is None:
        outside = np.full_like(Sigma_W, np.nan)
        return Gradient(-np.inf, np.full_like(mu, np.nan), outside, outside)
    R, n, G = basis.R, moments.sizes[:, None], moments.counts[:, None]
    spread = 1.0 + n * basis.lam
    from_mean = (moments.means - mu) @ R.T
    distance = R @ moments.between @ R.T
    distance += G[:, :, None] * from_mean[:, :, None] * from_mean[:, None, :]
    distance *= n[:, :, None]
    inside = R @ moments.within @ R.T
    value = _value(moments, basis, float(np.trace(inside)), spread, np.diagonal(distance, axis1=1, axis2=2))
    distance /= spread[:, :, None] * spread[:, None, :]
    of_W = inside + distance.sum(axis=0)
    of_W -= np.diag(moments.n_persons - moments.n_clusters + (G / spread).sum(axis=0))
    of_B = np.tensordot(moments.sizes, distance, axes=1) - np.diag((n * G / spread).sum(axis=0))
    of_mu = (n * G * from_mean / spread).sum(axis=0)
    return Gradient(value, of_mu @ R, 0.5 * R.T @ of_W @ R, 0.5 * R.T @ of_B @ R)


def complex_gradient(moments: TwoLevelMoments, mu: Values, Sigma_W: Values, Sigma_B: Values) -> ComplexGradient:
    """Return the derivatives of the log-likelihood at complex covariances and mean, for slopes by a complex step."""
    inverse = np.linalg.inv(Sigma_W)
    of_W = inverse @ moments.within @ inverse - (moments.n_persons - moments.n_clusters) * inverse
    n, G = moments.sizes[:, None, None], moments.counts[:, None, None]
    V = np.linalg.inv(Sigma_W + n * Sigma_B)
    away = moments.means - mu
    squares = n * (moments.between + G * away[:, :, None] * away[:, None, :])
    D = V @ squares @ V - G * V
    of_mu = ((n * G * V) @ away[:, :, None]).sum(axis=0)[:, 0]
    return ComplexGradient(of_mu, 0.5 * (of_W + D.sum(axis=0)), 0.5 * (n * D).sum(axis=0))


def best_mean(moments: TwoLevelMoments, Sigma_W: Array, Sigma_B: Array) -> Array | None:
    """Return the mean of highest likelihood, by generalised least squares; None outside the domain."""
    basis = _basis(moments, Sigma_W, Sigma_B)
    if basis is None:
        return None
    n, G = moments.sizes[:, None], moments.counts[:, None]
    weight = n * G / (1.0 + n * basis.lam)
    mean: Array = np.linalg.solve(basis.R, (weight * (moments.means @ basis.R.T)).sum(axis=0) / weight.sum(axis=0))
    return mean


def cluster_scores(
    clusters: Clusters,
    mu: Array,
    Sigma_W: Array,
    Sigma_B: Array,
    *,
    d_mu: Array,
    d_within: Array,
    d_between: Array,
) -> Array:
    """Return each cluster's derivatives of its log-likelihood by q parameters; they add up to the gradient.

    Parameters
    ----------
    clusters : Clusters
        The persons.
    mu, Sigma_W, Sigma_B : ndarray
        Inside the domain of :func:`log_likelihood`.
    d_mu : ndarray, shape (q, p)
        Derivatives of the mean.
    d_within, d_between : ndarray, shape (q, p, p)
        Derivatives of the covariances.

    Returns
    -------
    ndarray, shape (J, q)
    """
    R = np.linalg.inv(np.linalg.cholesky(Sigma_W))
    lam, U = np.linalg.eigh(R @ Sigma_B @ R.T)
    R = U.T @ R
    q, p = d_mu.shape
    of_W = (R @ d_within @ R.T).reshape(q, p * p).T
    of_B = (R @ d_between @ R.T).reshape(q, p * p).T
    n = clusters.sizes[:, None]
    spread = 1.0 + n * lam
    from_mean = (clusters.means - mu) @ R.T / spread
    one = np.arange(p) * (p + 1)
    mean_part = n[:, :, None] * from_mean[:, :, None] * from_mean[:, None, :]
    mean_part = mean_part.reshape(-1, p * p)
    mean_part[:, one] -= 1.0 / spread
    persons = clusters.deviations @ R.T
    members = np.split(persons, clusters.starts[1:])
    inside = np.array([(mine.T @ mine).ravel() for mine in members])
    inside[:, one] -= n - 1.0
    scores: Array = 0.5 * ((inside + mean_part) @ of_W + (n * mean_part) @ of_B) + n * from_mean @ (d_mu @ R.T).T
    return scores


def saturated(moments: TwoLevelMoments) -> Saturated:
    """Return the maximum likelihood estimates of an unrestricted mean and unrestricted covariances at both levels.

    Sigma_B is positive semidefinite, and singular where the clusters differ less in some combination of items than
    chance alone makes them differ.

    Notes
    -----
    Quasi-Newton (L-BFGS) on the factors of ``Sigma_W = C C'`` and ``Sigma_B = L L'`` with the mean at its best, in the
    basis where the start has ``Sigma_W = I`` and a diagonal Sigma_B, each entry scaled by its expected information.
    The start is the pooled covariance within clusters and the analysis-of-variance estimate of Sigma_B with its small
    eigenvalues raised. The likelihood rises at every step. Without the bound on Sigma_B it would have no maximum where
    the largest size is that of fewer clusters than items.

    The covariance within clusters must be positive definite.

    References
    ----------
    Lee, S.-Y. (1990). Multilevel analysis of structural equation models. Biometrika, 77, 763-772.
    https://doi.org/10.1093/biomet/77.4.763
    """
    R, lam = _start(moments)
    at_home = _transformed(moments, R)
    p = lam.size
    n, G = moments.sizes[:, None, None], moments.counts[:, None, None]
    shrink = 1.0 + n * lam
    shared = (n**2 * G / (shrink * np.swapaxes(shrink, 1, 2))).sum(axis=0)
    lower = np.tril_indices(p)
    scale_W = np.full(lower[0].size, float(moments.n_persons) ** -0.5)
    scale_L = (2.0 * shared * lam) ** -0.5

    def unpacked(theta: Array) -> tuple[Array, Array]:
        C = np.zeros((p, p))
        C[lower] = theta[: lower[0].size] * scale_W
        return C, theta[lower[0].size :].reshape(p, p) * scale_L

    def criterion(theta: Array) -> tuple[float, Array]:
        C, L = unpacked(theta)
        W, B = C @ C.T, L @ L.T
        mu = best_mean(at_home, W, B)
        if mu is None:
            return np.inf, np.zeros_like(theta)
        found = log_likelihood_gradient(at_home, mu, W, B)
        of_C, of_L = 2.0 * found.within @ C, 2.0 * found.between @ L
        return -found.value, -np.concatenate([of_C[lower] * scale_W, (of_L * scale_L).ravel()])

    first = np.concatenate([np.eye(p)[lower] / scale_W, (np.diag(lam**0.5) / scale_L).ravel()])
    tolerance = GRADIENT_TOLERANCE * float(moments.n_persons) ** 0.5
    done = optimize.minimize(
        criterion,
        first,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 5000, "maxfun": 10000, "maxcor": 30, "ftol": 0.0, "gtol": 0.1 * tolerance},
    )
    C, L = unpacked(done.x)
    back = np.linalg.inv(R)
    W, B = back @ C @ C.T @ back.T, back @ L @ L.T @ back.T
    W, B = (W + W.T) / 2.0, (B + B.T) / 2.0
    mu = best_mean(moments, W, B)
    converged = mu is not None and float(np.abs(done.jac).max()) < tolerance
    mu = moments.grand_mean if mu is None else mu
    return Saturated(mu, W, B, log_likelihood(moments, mu, W, B), converged)


def independent(moments: TwoLevelMoments) -> Saturated:
    """Return the estimates of uncorrelated items: :func:`saturated` with diagonal covariances, item by item."""
    p = moments.grand_mean.size
    found = [saturated(_of_item(moments, i)) for i in range(p)]
    return Saturated(
        np.array([one.mu[0] for one in found]),
        np.diag([one.Sigma_W[0, 0] for one in found]),
        np.diag([one.Sigma_B[0, 0] for one in found]),
        float(sum(one.log_likelihood for one in found)),
        all(one.converged for one in found),
    )


def clustering_ratios(moments: TwoLevelMoments, alone: Saturated) -> Array:
    """Return, for each item, the likelihood-ratio statistic against no variance between clusters, shape (p,).

    ``alone`` are the estimates of :func:`independent`. Without such variance a ratio is 0 in half of all samples and
    has a chi-square distribution with one degree of freedom in the others (Self & Liang, 1987,
    https://doi.org/10.1080/01621459.1987.10478472).
    """
    N = moments.n_persons
    ratios = np.empty(moments.grand_mean.size)
    for i in range(ratios.size):
        item, at = _of_item(moments, i), (slice(i, i + 1), slice(i, i + 1))
        away = (item.means - item.grand_mean)[:, 0]
        squares = float(item.within[0, 0] + item.sizes @ (item.between[:, 0, 0] + item.counts * away**2))
        one_level = -0.5 * N * (np.log(2.0 * np.pi * squares / N) + 1.0)
        two_levels = log_likelihood(item, alone.mu[i : i + 1], alone.Sigma_W[at], alone.Sigma_B[at])
        ratios[i] = max(2.0 * (two_levels - one_level), 0.0)
    return ratios


def expected_information(
    moments: TwoLevelMoments, Sigma_W: Array, Sigma_B: Array, d_mu: Array, d_within: Array, d_between: Array
) -> Array:
    """Return the expected information of all persons about q parameters, shape (q, q); NaN outside the domain.

    The slopes of mu, Sigma_W and Sigma_B in the parameters have shapes (q, p), (q, p, p) and (q, p, p).
    """
    q = d_mu.shape[0]
    basis = _basis(moments, Sigma_W, Sigma_B)
    if basis is None:
        return np.full((q, q), np.nan)
    a, b, c = _weights(moments, basis.lam)
    of_W = basis.R @ d_within @ basis.R.T
    of_B = basis.R @ d_between @ basis.R.T
    n, G = moments.sizes[:, None], moments.counts[:, None]
    of_mu = d_mu @ basis.R.T * np.sqrt((n * G / (1.0 + n * basis.lam)).sum(axis=0))
    left, right = (a * of_W + b * of_B).reshape(q, -1), (b * of_W + c * of_B).reshape(q, -1)
    information: Array = 0.5 * (left @ of_W.reshape(q, -1).T + right @ of_B.reshape(q, -1).T) + of_mu @ of_mu.T
    return information


def variance_errors(moments: TwoLevelMoments, Sigma_W: Array, Sigma_B: Array) -> Array:
    """Return the sampling covariances of the items' variances within and between, at the saturated estimates.

    Returns
    -------
    ndarray, shape (p, 2, 2)
        Inverse expected information of (Sigma_W[i, i], Sigma_B[i, i]); NaN outside the domain.

    Notes
    -----
    In the basis of :func:`_basis` the expected information joins only the entry (k, l) of Sigma_W to that of Sigma_B,
    so its inverse is one 2 x 2 inverse an entry.
    """
    basis = _basis(moments, Sigma_W, Sigma_B)
    if basis is None:
        return np.full((Sigma_W.shape[0], 2, 2), np.nan)
    a, b, c = _weights(moments, basis.lam)
    inverse = 2.0 * np.array([[c, -b], [-b, a]]) / (a * c - b**2)
    back = np.linalg.inv(basis.R) ** 2
    errors: Array = np.einsum("ik,il,xykl->ixy", back, back, inverse, optimize=True)
    return errors


def least_shared(Sigma_W: Array, Sigma_B: Array) -> float:
    """Return the smallest variance between clusters of any sum of items, as a share of its variance within."""
    return float(linalg.eigh(Sigma_B, Sigma_W, eigvals_only=True)[0])


def shared_variance(Sigma_W: Array, Sigma_B: Array, errors: Array) -> tuple[Array, Array]:
    """Return the intraclass correlation of each item and the standard error of its logit, ``log(B) - log(W)``.

    ``errors``, of shape (p, 2, 2), are the sampling covariances of its variances within and between clusters. The error
    is NaN where the variance between clusters is nil.
    """
    w, b = np.diag(Sigma_W), np.diag(Sigma_B)
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = errors[:, 1, 1] / b**2 - 2.0 * errors[:, 0, 1] / (b * w) + errors[:, 0, 0] / w**2
        error = np.where(b > NIL_VARIANCE * w, np.sqrt(np.maximum(squared, 0.0)), np.nan)
    return b / (w + b), error


def _basis(moments: TwoLevelMoments, Sigma_W: Array, Sigma_B: Array) -> _Basis | None:
    """Return the basis that makes both covariances diagonal; None outside the domain of the likelihood."""
    if not (np.isfinite(Sigma_W).all() and np.isfinite(Sigma_B).all()):
        return None
    C, failed = linalg.lapack.dpotrf(Sigma_W, lower=1, clean=1)
    if failed:
        return None
    inverse = linalg.solve_triangular(C, np.eye(C.shape[0]), lower=True, check_finite=False)
    lam, U = np.linalg.eigh(inverse @ Sigma_B @ inverse.T)
    if 1.0 + moments.sizes[-1] * lam[0] <= 0.0:
        return None
    return _Basis(U.T @ inverse, lam, 2.0 * float(np.log(np.diag(C)).sum()))


def _weights(moments: TwoLevelMoments, lam: Array) -> tuple[Array, Array, Array]:
    """Return twice the expected information, in the basis, of entries (k, l): within, within with between, between."""
    n, G = moments.sizes[:, None, None], moments.counts[:, None, None]
    spread = 1.0 + n * lam
    weight = G / (spread * np.swapaxes(spread, 1, 2))
    within: Array = moments.n_persons - moments.n_clusters + weight.sum(axis=0)
    return within, (n * weight).sum(axis=0), (n**2 * weight).sum(axis=0)


def _value(moments: TwoLevelMoments, basis: _Basis, inside: float, spread: Array, distance: Array) -> float:
    """Return the log-likelihood from sums of squares in the basis: within clusters, and of cluster means times n."""
    N, p = moments.n_persons, basis.lam.size
    twice = N * p * np.log(2.0 * np.pi) + N * basis.log_determinant + inside
    return -0.5 * float(twice + moments.counts @ np.log(spread).sum(axis=1) + (distance / spread).sum())


def _start(moments: TwoLevelMoments) -> tuple[Array, Array]:
    """Return the basis of the analysis-of-variance estimates, and the eigenvalues of Sigma_B in it, all above 0."""
    N, J = moments.n_persons, moments.n_clusters
    from_mean = moments.means - moments.grand_mean
    weighted = moments.sizes * moments.counts
    between = np.tensordot(moments.sizes, moments.between, axes=1) + (weighted[:, None] * from_mean).T @ from_mean
    usual = (N - float(moments.sizes @ weighted) / N) / (J - 1)
    W = moments.within / (N - J)
    C = np.linalg.cholesky(W)
    inverse = np.linalg.inv(C)
    lam, U = np.linalg.eigh(inverse @ (between / (J - 1) - W) @ inverse.T / usual)
    return U.T @ inverse, np.maximum(lam, SMALLEST_START / usual)


def _transformed(moments: TwoLevelMoments, R: Array) -> TwoLevelMoments:
    """Return the moments of ``R (y - grand mean)``."""
    return TwoLevelMoments(
        sizes=moments.sizes,
        counts=moments.counts,
        means=(moments.means - moments.grand_mean) @ R.T,
        between=R @ moments.between @ R.T,
        within=R @ moments.within @ R.T,
        grand_mean=np.zeros_like(moments.grand_mean),
        n_persons=moments.n_persons,
        n_clusters=moments.n_clusters,
    )


def _of_item(moments: TwoLevelMoments, i: int) -> TwoLevelMoments:
    """Return the moments of one item."""
    return TwoLevelMoments(
        sizes=moments.sizes,
        counts=moments.counts,
        means=moments.means[:, [i]],
        between=moments.between[:, [i], [i]][:, None, :],
        within=moments.within[[i], [i]][None, :],
        grand_mean=moments.grand_mean[[i]],
        n_persons=moments.n_persons,
        n_clusters=moments.n_clusters,
    )
