"""Omega hierarchical: how much of a sum is one general factor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem
from toolkit.psychometrics._bootstrap import (
    OnRequest,
    bootstrap_covariances,
    correlations_of,
    lost_replicates,
    percentile_interval,
)
from toolkit.psychometrics._inputs import complete
from toolkit.psychometrics._numerics import Array, Rng, generator
from toolkit.psychometrics._options import Missing, confidence, one_of, within
from toolkit.psychometrics._result import Interval, Result, provenance
from toolkit.psychometrics.correlation import pearson_correlation
from toolkit.psychometrics.factors.efa import efa
from toolkit.psychometrics.factors.extraction import extract
from toolkit.psychometrics.factors.rotation import rotate
from toolkit.psychometrics.reliability.alpha import alpha_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HierarchicalOmegaResult(Result):
    """Omega of a sum of standardised items with a general factor and group factors.

    Attributes
    ----------
    total : float
        Omega total: share of the sum's variance that all common factors explain.
    hierarchical : float
        Omega hierarchical: the share that the general factor explains.
    ecv : float
        Explained common variance: the general factor's share of the common variance, 0 to 1.
    asymptotic : float
        Omega hierarchical over omega total.
    alpha : float
        Alpha of the correlations, for comparison.
    intervals : mapping of str to Interval, or None
        Bootstrap limits of total, hierarchical and ecv; None if they were not asked for.
    schmid_leiman : DataFrame, shape (n_items, n_factors + 5)
        Loadings on g and on the group factors F1* and on; h2, u2, p2 (the general factor's share of h2), complexity.
    subscales : DataFrame, shape (n_factors, 4)
        For the items whose largest group loading is on this factor: n_items, and the shares of their sum's variance
        that are reliable (total), from the general factor (general) and from the group factor (group, omega
        hierarchical subscale).
    general_loadings : Series, shape (n_factors,)
        Loadings of the oblique factors on the general factor.
    phi : DataFrame, shape (n_factors, n_factors)
        Correlations of the oblique factors.
    n_factors : int
        Group factors.
    converged : bool
        Whether both factor analyses reached their minimum.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The formula in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options, seed and versions.
    """

    total: float
    hierarchical: float
    ecv: float
    asymptotic: float
    alpha: float
    intervals: Mapping[str, Interval] | None
    schmid_leiman: pd.DataFrame
    subscales: pd.DataFrame
    general_loadings: pd.Series
    phi: pd.DataFrame
    n_factors: int
    converged: bool
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SchmidLeiman:
    """Loadings on the general factor (p,), on the group factors (p, m), and of the factors on the general one (m,)."""

    general: Array
    group: Array
    second_order: Array
    converged: bool


def mcdonald_omega(
    df: pd.DataFrame,
    *,
    n_factors: int,
    interval: OnRequest = "none",
    n_bootstrap: int = 500,
    n_starts: int = 20,
    missing: Missing = "listwise",
    level: float = 0.95,
    rng: Rng = None,
) -> HierarchicalOmegaResult:
    """Return omega total and omega hierarchical of a sum of items, by an exploratory Schmid-Leiman solution.

    Use it to ask whether one total score makes sense. It explores: the group factors are found, not tested, and with
    two of them the general factor is fixed by a convention. Items are never re-signed: an item that points the other
    way lowers all numbers.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items)
        One row a person, one column an item, NaN for a missing answer. More persons than items.
    n_factors : int
        Group factors, 1 or more; three or more identify the general factor.
    interval : {"none", "bootstrap"}, default "none"
        Percentile limits of samples of persons, each rotated from its unrotated position only.
    n_bootstrap : int, default 500
        Samples, 100 or more.
    n_starts : int, default 20
        Starting positions of the rotation.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule.
    level : float, default 0.95
        Confidence level.
    rng : int, Generator or None
        Seed or generator of rotation and bootstrap; None draws a seed, which is kept in ``provenance``.

    Returns
    -------
    HierarchicalOmegaResult
        ``total``, ``hierarchical``, ``ecv``, the Schmid-Leiman table and the subscales.

    Raises
    ------
    StatisticsError
        STA_UNKNOWN_OPTION, STA_OPTION_RANGE, STA_TOO_MANY_FACTORS, STA_SINGULAR_CORRELATION and the codes of
        :func:`~toolkit.psychometrics.correlation.pearson_correlation`.

    Warns
    -----
    STA_NOT_IDENTIFIED, STA_HEYWOOD, STA_NOT_CONVERGED, STA_UNDEFINED
        In ``warnings``: one or two group factors; a factor or an item that is explained fully; a search that stopped
        early; bootstrap samples without a solution, which are left out.

    Notes
    -----
    Oblique loadings Lambda and factor correlations Phi come from MINRES and oblimin (gamma 0, no Kaiser normalisation).
    One MINRES factor of Phi gives gamma; with two factors gamma is the square root of their correlation, with one it is
    1. Then g is ``Lambda gamma``, and the group loadings are ``Lambda sqrt(1 - gamma^2)``. With V the sum of the
    correlations, ``omega total = 1 - sum u2 / V`` and ``omega hierarchical = (sum g)^2 / V``.

    Validated against psych 2.5.3 ``omega`` (minres, oblimin, ``flip = FALSE``) on bfi, tolerance 1e-4
    (``tests/parity/test_bfi_reliability.py``), and by populations with a known general factor
    (``tests/unit/psychometrics/reliability/test_hierarchical.py``).

    References
    ----------
    Schmid, J., & Leiman, J. M. (1957). The development of hierarchical factor solutions. Psychometrika, 22, 53-61.
    https://doi.org/10.1007/BF02289209

    Zinbarg, R. E., Revelle, W., Yovel, I., & Li, W. (2005). Cronbach's alpha, Revelle's beta, and McDonald's omega_H.
    Psychometrika, 70, 123-133. https://doi.org/10.1007/s11336-003-0974-7

    Rodriguez, A., Reise, S. P., & Haviland, M. G. (2016). Evaluating bifactor models: Calculating and interpreting
    statistical indices. Psychological Methods, 21, 137-150. https://doi.org/10.1037/met0000045

    Examples
    --------
    >>> import numpy as np
    >>> import toolkit.psychometrics as pm
    >>> truth = np.kron(np.eye(3), [[.8], [.7], [.6]])
    >>> phi = np.full((3, 3), .4) + .6 * np.eye(3)
    >>> answers = pm.simulate_ordinal(truth, phi=phi, thresholds=[-1, 0, 1], n_persons=800, rng=1)
    >>> result = mcdonald_omega(answers, n_factors=3, rng=1)
    >>> result.hierarchical < result.total
    True
    """
    confidence(level)
    one_of(interval, OnRequest, name="interval")
    within(n_bootstrap, name="n_bootstrap", low=100, whole=True)
    random, seed = generator(rng)
    correlation = pearson_correlation(df, missing=missing)
    R = correlation.matrix.to_numpy()
    solution = efa(df, n_factors=n_factors, missing=missing, n_starts=n_starts, rng=random)
    Lambda, Phi = solution.loadings.to_numpy(), solution.phi.to_numpy()
    found = schmid_leiman(Lambda, Phi)
    numbers = omegas(R, Lambda, Phi, found)
    limits: Mapping[str, Interval] | None = None
    lost: list[Problem] = []
    if interval == "bootstrap":
        answers = complete(df, missing=missing)
        psi = solution.uniquenesses.to_numpy()
        replicates = _replicates(answers.codes, psi, int(n_factors), int(n_bootstrap), random)
        limits = MappingProxyType(
            {name: percentile_interval(replicates[:, j], level) for j, name in enumerate(numbers)}
        )
        lost = lost_replicates(replicates[:, 0], "omega")
    factors = list(solution.loadings.columns)
    options = {
        "n_factors": int(n_factors),
        "interval": interval,
        "n_bootstrap": n_bootstrap,
        "n_starts": n_starts,
        "missing": missing,
        "level": level,
    }
    told = [problem for problem in solution.warnings if problem.code in {Code.STA_HEYWOOD, Code.STA_NOT_CONVERGED}]
    return HierarchicalOmegaResult(
        **numbers,
        asymptotic=numbers["hierarchical"] / numbers["total"],
        alpha=float(alpha_of(R)),
        intervals=limits,
        schmid_leiman=_table(correlation.matrix.index, Lambda, Phi, found),
        subscales=_subscales(R, found, factors),
        general_loadings=pd.Series(found.second_order, index=factors),
        phi=solution.phi,
        n_factors=int(n_factors),
        converged=solution.converged and found.converged,
        n_persons=solution.n_persons,
        n_items=solution.n_items,
        n_dropped=solution.n_dropped,
        method=f"omega total and hierarchical, Schmid-Leiman, MINRES and oblimin on Pearson correlations, {missing}",
        warnings=(*told, *_second_order_warnings(found, factors), *lost),
        provenance=provenance("mcdonald_omega", options, seed=seed),
    )


def schmid_leiman(Lambda: Array, Phi: Array) -> SchmidLeiman:
    """Split oblique factors into a general factor and group factors that are unrelated to it and to each other."""
    m = Phi.shape[0]
    converged = True
    if m == 1:
        gamma = np.ones(1)
    elif m == 2:
        gamma = np.sqrt(abs(Phi[0, 1])) * np.array([1.0, np.sign(Phi[0, 1])])
    else:
        second = extract(Phi, 1, "minres")
        gamma, converged = second.loadings[:, 0], second.converged
        gamma = -gamma if gamma.sum() < 0 else gamma
    group = Lambda * np.sqrt(np.maximum(1.0 - gamma**2, 0.0))
    return SchmidLeiman(general=Lambda @ gamma, group=group, second_order=gamma, converged=converged)


def omegas(R: Array, Lambda: Array, Phi: Array, found: SchmidLeiman) -> dict[str, float]:
    """Return omega total, omega hierarchical and the explained common variance of the sum of standardised items."""
    total = float(R.sum())
    unique = 1.0 - np.einsum("ij,jk,ik->i", Lambda, Phi, Lambda)
    general = float(found.general @ found.general)
    return {
        "total": 1.0 - float(unique.sum()) / total,
        "hierarchical": float(found.general.sum()) ** 2 / total,
        "ecv": general / (general + float((found.group**2).sum())),
    }


def _replicates(codes: Array, psi: Array, m: int, n_bootstrap: int, random: np.random.Generator) -> Array:
    """Return total, hierarchical and ecv of bootstrap samples, shape (n_bootstrap, 3); NaN without a solution."""
    rows = []
    for block in bootstrap_covariances(codes, n_bootstrap=n_bootstrap, random=random):
        for R in correlations_of(block):
            if not np.isfinite(R).all() or np.linalg.eigvalsh(R)[0] <= 1e-10:
                rows.append([np.nan] * 3)
                continue
            unrotated = extract(R, m, "minres", start=psi)
            rotated = rotate(unrotated.loadings, method="oblimin", n_starts=1, random=random)
            found = schmid_leiman(rotated.loadings, rotated.phi)
            rows.append(list(omegas(R, rotated.loadings, rotated.phi, found).values()))
    return np.array(rows)


def _table(items: pd.Index, Lambda: Array, Phi: Array, found: SchmidLeiman) -> pd.DataFrame:
    communality = np.einsum("ij,jk,ik->i", Lambda, Phi, Lambda)
    loadings = np.column_stack([found.general, found.group])
    names = ["g", *(f"F{j + 1}*" for j in range(Phi.shape[0]))]
    return pd.DataFrame(loadings, index=items, columns=names).assign(
        h2=communality,
        u2=1.0 - communality,
        p2=found.general**2 / communality,
        complexity=(loadings**2).sum(axis=1) ** 2 / (loadings**4).sum(axis=1),
    )


def _subscales(R: Array, found: SchmidLeiman, factors: list[str]) -> pd.DataFrame:
    home = np.abs(found.group).argmax(axis=1)
    rows = []
    for j in range(len(factors)):
        own = home == j
        variance = float(R[np.ix_(own, own)].sum()) if own.any() else float("nan")
        general = float(found.general[own].sum()) ** 2 / variance
        group = float(found.group[own, j].sum()) ** 2 / variance
        rows.append({"n_items": int(own.sum()), "total": general + group, "general": general, "group": group})
    return pd.DataFrame(rows, index=factors)


def _second_order_warnings(found: SchmidLeiman, factors: list[str]) -> list[Problem]:
    warnings = []
    if len(factors) < 3:
        convention = "it is taken as the only factor" if len(factors) == 1 else "both loadings on it are taken as equal"
        warnings.append(
            Problem(
                code=Code.STA_NOT_IDENTIFIED,
                what=f"So few group factors do not identify a general factor; {convention}.",
                fix="Read omega total; for omega hierarchical ask for three group factors or more.",
                got=str(len(factors)),
                allowed="3 or more",
            )
        )
    else:
        warnings += [
            Problem(
                code=Code.STA_HEYWOOD,
                what="The general factor explains all of a group factor.",
                fix="Ask for fewer group factors.",
                item=factor,
                got=f"{loading:.4g}",
                allowed="less than .997",
            )
            for factor, loading in zip(factors, found.second_order, strict=True)
            if abs(loading) > 0.997
        ]
    if not found.converged:
        warnings.append(
            Problem(
                code=Code.STA_NOT_CONVERGED,
                what="The analysis of the factor correlations stopped before its minimum.",
                fix="Ask for another number of group factors, and compare.",
            )
        )
    return warnings
