"""Ordered answers with a known factor structure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._numerics import Array, Rng, generator
from toolkit.psychometrics._options import within


def simulate_ordinal(
    loadings: pd.DataFrame | npt.ArrayLike,
    *,
    phi: pd.DataFrame | npt.ArrayLike | None = None,
    thresholds: pd.DataFrame | npt.ArrayLike,
    n_persons: int,
    rng: Rng = None,
) -> pd.DataFrame:
    """Draw ordered answers from a common factor model cut at thresholds.

    Use it for data with a known truth: to test an analysis or to plan a sample. Real answers are less tidy.

    Parameters
    ----------
    loadings : DataFrame or array, shape (n_items, n_factors)
        Pattern loadings of the normal variables behind the items; a DataFrame's index names the items. A single list
        of numbers is one factor.
    phi : DataFrame or array, shape (n_factors, n_factors), optional
        Factor correlations; None means unrelated factors.
    thresholds : DataFrame or array, shape (n_thresholds,) or (n_items, n_thresholds)
        Increasing cut points on the scale of a standard normal variable. k thresholds give the codes 1 to k + 1.
    n_persons : int
        Persons, 1 or more.
    rng : int, Generator or None
        Seed or generator; None draws a fresh seed.

    Returns
    -------
    DataFrame, shape (n_persons, n_items)
        Codes 1 to n_thresholds + 1 as float64.

    Raises
    ------
    StatisticsError
        STA_SHAPE_MISMATCH, STA_OPTION_RANGE (communality of 1 or more, falling thresholds), STA_SINGULAR_CORRELATION
        (phi is no correlation matrix).

    Notes
    -----
    The latent variables are ``y = Lambda f + e`` with unit variance; the share of factor variance in an item is
    the diagonal of ``Lambda Phi Lambda'``. Validated by recovering the truth
    (``tests/unit/psychometrics/test_simulate.py``).

    References
    ----------
    Muthen, B. (1984). A general structural equation model with dichotomous, ordered categorical, and continuous latent
    variable indicators. Psychometrika, 49, 115-132. https://doi.org/10.1007/BF02294210

    Examples
    --------
    >>> simulate_ordinal([.8, .7, .6], thresholds=[-1, 0, 1], n_persons=2, rng=1).shape
    (2, 3)
    """
    Lambda = np.asarray(loadings, dtype=np.float64)
    Lambda = Lambda[:, None] if Lambda.ndim == 1 else Lambda
    p, m = Lambda.shape
    items = list(loadings.index) if isinstance(loadings, pd.DataFrame) else [f"item{j + 1}" for j in range(p)]
    Phi = np.eye(m) if phi is None else np.asarray(phi, dtype=np.float64)
    _expect_shape("phi", Phi.shape, (m, m))
    within(n_persons, name="n_persons", low=1, whole=True)
    cuts = np.asarray(thresholds, dtype=np.float64)
    cuts = np.broadcast_to(cuts, (p, cuts.size)) if cuts.ndim == 1 else cuts
    _expect_shape("thresholds", cuts.shape, (p, cuts.shape[-1]))
    if not (np.diff(cuts, axis=1) > 0).all():
        raise StatisticsError(
            Problem(
                code=Code.STA_OPTION_RANGE,
                what="The thresholds of an item do not increase.",
                got=repr(cuts.tolist()),
                allowed="increasing numbers",
                fix="Sort the thresholds of every item and leave out repeats.",
            )
        )
    root = _root_of_correlation(Phi)
    communality = np.einsum("ij,jk,ik->i", Lambda, Phi, Lambda)
    for item, share in zip(items, communality, strict=True):
        if share >= 1.0:
            raise StatisticsError(
                Problem(
                    code=Code.STA_OPTION_RANGE,
                    what="The loadings leave no variance of its own to an item.",
                    item=str(item),
                    got=f"communality {share:g}",
                    allowed="less than 1",
                    fix="Lower the item's loadings or the factor correlations.",
                )
            )
    random, _ = generator(rng)
    f = random.standard_normal((int(n_persons), m)) @ root.T
    y = f @ Lambda.T + random.standard_normal((int(n_persons), p)) * np.sqrt(1.0 - communality)
    codes = (y[:, :, None] > cuts[None, :, :]).sum(axis=2) + 1
    return pd.DataFrame(codes.astype(np.float64), columns=items)


def _expect_shape(name: str, got: tuple[int, ...], allowed: tuple[int, ...]) -> None:
    if got != allowed:
        raise StatisticsError(
            Problem(
                code=Code.STA_SHAPE_MISMATCH,
                what=f"{name} does not match the loadings.",
                got=f"shape {got}",
                allowed=f"shape {allowed}",
                fix=f"Give {name} in the allowed shape.",
            )
        )


def _root_of_correlation(Phi: Array) -> Array:
    values, vectors = np.linalg.eigh(Phi)
    if values[0] < -1e-10 or not np.allclose(np.diag(Phi), 1.0) or not np.allclose(Phi, Phi.T):
        raise StatisticsError(
            Problem(
                code=Code.STA_SINGULAR_CORRELATION,
                what="phi is not a correlation matrix.",
                got=repr(Phi.tolist()),
                allowed="symmetric, ones on the diagonal, no negative eigenvalue",
                fix="Correct phi.",
            )
        )
    root: Array = vectors * np.sqrt(np.maximum(values, 0.0))
    return root
