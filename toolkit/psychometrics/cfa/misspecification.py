"""Models with something missing: populations in which a stated model omits paths that are there.

Symbols, all standardised: Lambda loadings (p, m), Phi factor correlations (m, m), Theta residual covariances (p, p)
with ``diag(Lambda Phi Lambda' + Theta) = 1``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from toolkit.errors import Code, StatisticsError
from toolkit.psychometrics._inputs import too_few
from toolkit.psychometrics._numerics import Array, Flags
from toolkit.psychometrics._options import conflict

RESIDUAL_CORRELATION = 0.3
_SHARE_OF_LARGEST = 0.95
_LARGEST_SQUARE = 0.9999


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StandardizedModel:
    """A first-order factor model of one group, completely standardised.

    Attributes
    ----------
    items, factors : tuple of str
    Lambda : ndarray, shape (p, m)
    Phi : ndarray, shape (m, m)
    Theta : ndarray, shape (p, p)
        Residual covariances of the standardised items.
    measured : ndarray of bool, shape (p, m)
        Which loadings the model has.
    correlated : ndarray of bool, shape (p,)
        Items whose residuals the model lets covary with others.
    """

    items: tuple[str, ...]
    factors: tuple[str, ...]
    Lambda: Array
    Phi: Array
    Theta: Array
    measured: Flags
    correlated: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class OmittedPath:
    """A path that the population has and the model has not, standardised.

    ``op`` is ``=~`` for a cross-loading and ``~~`` for a residual correlation.
    """

    lhs: str
    op: str
    rhs: str
    value: float


def levels_of_misspecification(model: StandardizedModel) -> tuple[tuple[OmittedPath, ...], ...]:
    """Return the paths that are omitted at level 1, 2, ...; each level adds to the one before.

    With several factors, level k omits k cross-loadings, for k from 1 to one less than the factors. The weakest item of
    each factor gets one, of those items that load on one factor and have no residual covariance; factors with three or
    more items come first, and then the weakest. It loads on the factor with the largest coefficient H whose pair with
    the item's own factor has not been used, as strongly as on its own factor, or by 95 % of what leaves it residual
    variance. With one factor, the items are paired from the weakest to the strongest, and the levels omit residual
    correlations of .3 in a third, two thirds, and all of the pairs; of four items one pair, of five one and two.

    Raises
    ------
    StatisticsError
        STA_TOO_FEW_ITEMS where too few items are free of other paths; STA_OPTION_CONFLICT for a model with factors of
        factors.

    References
    ----------
    McNeish, D., & Wolf, M. G. (2023). Dynamic fit index cutoffs for confirmatory factor analysis models. Psychological
    Methods, 28, 61-88. https://doi.org/10.1037/met0000425

    Hancock, G. R., & Mueller, R. O. (2001). Rethinking construct reliability within latent variable systems. In R.
    Cudeck, S. du Toit, & D. Sorbom (Eds.), Structural equation modeling: Present and future (pp. 195-216). Scientific
    Software International.
    """
    if len(model.factors) > 1:
        paths = tuple(_cross_loadings(model))
        return tuple(paths[: level + 1] for level in range(len(paths)))
    paths = _residual_correlations(model)
    return tuple(paths[:count] for count in _pairs_of_levels(int(_free(model).sum())))


def with_paths(model: StandardizedModel, paths: tuple[OmittedPath, ...]) -> Array:
    """Return the items' correlations in a population that has these paths beside the model's, shape (p, p)."""
    Lambda, Theta = model.Lambda.copy(), model.Theta.copy()
    for path in paths:
        if path.op == "=~":
            Lambda[model.items.index(path.rhs), model.factors.index(path.lhs)] = path.value
    common = Lambda @ model.Phi @ Lambda.T
    np.fill_diagonal(Theta, 1.0 - np.diag(common))
    for path in paths:
        if path.op == "~~":
            i, j = model.items.index(path.lhs), model.items.index(path.rhs)
            Theta[i, j] = Theta[j, i] = path.value * np.sqrt(Theta[i, i] * Theta[j, j])
    R: Array = common + Theta
    return R


def factors_of_factors() -> StatisticsError:
    """Return the error that a model with factors of factors has no such levels."""
    return conflict(
        "a factor that measures factors",
        why="The levels of misspecification are defined for factors that measure items.",
        fix="Give a model with correlated factors.",
    )


def _free(model: StandardizedModel) -> Flags:
    """Say which items load on one factor and have no residual covariance."""
    return np.asarray((model.measured.sum(axis=1) == 1) & ~model.correlated)


def _residual_correlations(model: StandardizedModel) -> tuple[OmittedPath, ...]:
    free = np.flatnonzero(_free(model))
    if free.size < 4:
        what = "items with one loading and no residual covariance"
        raise StatisticsError(too_few(Code.STA_TOO_FEW_ITEMS, what, int(free.size), 4))
    order = free[np.argsort(np.abs(model.Lambda[free, 0]), kind="stable")]
    return tuple(
        OmittedPath(lhs=model.items[i], op="~~", rhs=model.items[j], value=RESIDUAL_CORRELATION)
        for i, j in zip(order[::2], order[1::2], strict=False)
    )


def _pairs_of_levels(n_free: int) -> tuple[int, ...]:
    if n_free < 6:
        return tuple(range(1, n_free - 2))
    most = n_free // 2
    return (most // 3, 2 * most // 3, most)


def _cross_loadings(model: StandardizedModel) -> Iterator[OmittedPath]:
    """Return one cross-loading less than there are factors, the first of them first."""
    strength = np.abs(model.Lambda)
    usable = _free(model)
    size = model.measured.sum(axis=0)
    weakest: list[tuple[bool, float, int, int]] = []
    for factor in range(len(model.factors)):
        mine = np.flatnonzero(usable & model.measured[:, factor])
        if mine.size:
            item = int(mine[np.argmin(strength[mine, factor])])
            weakest.append((bool(size[factor] < 3), float(strength[item, factor]), item, factor))
    wanted = len(model.factors) - 1
    if len(weakest) < wanted:
        what = "factors that have an item with one loading and no residual covariance"
        raise StatisticsError(too_few(Code.STA_TOO_FEW_ITEMS, what, len(weakest), wanted))
    chosen = sorted(weakest)[:wanted]
    H = coefficient_h(model)
    used: set[frozenset[int]] = set()
    target: dict[int, int] = {}
    for _, _, item, own in sorted(chosen, key=lambda entry: entry[1]):
        others = [k for k in range(H.size) if k != own and frozenset((own, k)) not in used]
        target[item] = max(others, key=lambda k: H[k])
        used.add(frozenset((own, target[item])))
    for _, loading, item, own in chosen:
        shared = loading * abs(float(model.Phi[own, target[item]]))
        largest = float(np.sqrt(shared**2 + 1.0 - loading**2)) - shared
        yield OmittedPath(
            lhs=model.factors[target[item]],
            op="=~",
            rhs=model.items[item],
            value=min(loading, _SHARE_OF_LARGEST * largest),
        )


def coefficient_h(model: StandardizedModel) -> Array:
    """Return each factor's coefficient H, ``1 / (1 + 1 / sum lambda^2 / (1 - lambda^2))``, shape (m,)."""
    square = np.where(model.measured, np.minimum(model.Lambda**2, _LARGEST_SQUARE), 0.0)
    total = (square / (1.0 - square)).sum(axis=0)
    H: Array = total / (1.0 + total)
    return H
