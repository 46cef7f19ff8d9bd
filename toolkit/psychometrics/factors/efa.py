"""Exploratory factor analysis: extract, rotate, order, and say how well it fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._factor_model import SMALLEST_UNIQUENESS
from toolkit.psychometrics._inputs import moments
from toolkit.psychometrics._numerics import Array, Rng, eigenvalues, generator
from toolkit.psychometrics._options import Missing, confidence, one_of, within
from toolkit.psychometrics._result import Estimate, Result, provenance, undefined
from toolkit.psychometrics.factors.extraction import Extraction, extract
from toolkit.psychometrics.factors.fit import factor_fit
from toolkit.psychometrics.factors.rotation import NORMALIZED, OBLIQUE, Rotation, rotate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EfaResult(Result):
    """An exploratory factor solution. Factors are ordered by explained variance and point to positive loadings.

    Attributes
    ----------
    loadings : DataFrame, shape (n_items, n_factors)
        Pattern loadings.
    phi : DataFrame, shape (n_factors, n_factors)
        Factor correlations; the identity after an orthogonal rotation.
    structure : DataFrame, shape (n_items, n_factors)
        Correlations of items with factors, loadings times phi.
    communalities, uniquenesses : Series, shape (n_items,)
        Shares of variance that the factors explain and do not explain; the correlations of the factors count.
    variance : DataFrame, shape (n_factors, 3)
        Columns ss_loadings, proportion and cumulative.
    eigenvalues : ndarray, shape (n_items,)
        Of the correlation matrix, largest first.
    rmsea : Estimate
        With 90 % limits unless level says otherwise.
    chi_square, p_value, tli, bic, srmr, rmsr : float
        Fit. ``srmr`` has divisor p (p + 1) / 2, ``rmsr`` (psych's rms) has divisor p (p - 1) / 2.
    df : int
        Degrees of freedom.
    n_factors : int
        Factors.
    heywood_items : tuple of str
        Items whose communality reached the limit of .995.
    converged : bool
        Whether extraction and rotation reached their minimum.
    n_starts, n_best : int
        Rotation starts, and how many ended at the best value of the criterion.
    n_smallest_pair : int
        Smallest number of persons behind any pair of items; the fit measures count these.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The variant in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options, seed and versions.
    """

    loadings: pd.DataFrame
    phi: pd.DataFrame
    structure: pd.DataFrame
    communalities: pd.Series
    uniquenesses: pd.Series
    variance: pd.DataFrame
    eigenvalues: Array
    rmsea: Estimate
    chi_square: float
    df: int
    p_value: float
    tli: float
    bic: float
    srmr: float
    rmsr: float
    n_factors: int
    heywood_items: tuple[str, ...]
    converged: bool
    n_starts: int
    n_best: int
    n_smallest_pair: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return one row an item: loadings, communality and uniqueness."""
        return self.loadings.assign(communality=self.communalities, uniqueness=self.uniquenesses)


def efa(
    df: pd.DataFrame,
    *,
    n_factors: int,
    method: Extraction = "minres",
    rotation: Rotation = "oblimin",
    normalize: bool | None = None,
    gamma: float = 0.0,
    delta: float = 0.01,
    power: float = 4.0,
    varimax_tolerance: float = 1e-5,
    n_starts: int = 20,
    missing: Missing = "listwise",
    level: float = 0.90,
    rng: Rng = None,
) -> EfaResult:
    """Find the factors behind the correlations of the items.

    It explores: with the same persons it cannot also confirm. Answers are treated as numbers; with few or very skewed
    categories the loadings come out too small.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items)
        One row a person, one column an item, NaN for a missing answer. More persons than items are needed.
    n_factors : int
        Factors, 1 or more, few enough that degrees of freedom are not negative.
    method : {"minres", "ml"}, default "minres"
        Extraction: minimum residuals, robust with weak factors; or maximum likelihood.
    rotation : {"oblimin", "geomin", "promax", "varimax", "quartimax", "none"}, default "oblimin"
        The first three let factors correlate. With one factor nothing is rotated.
    normalize : bool, optional
        Kaiser normalisation. None means on for varimax and promax and off for the others, as R's psych and
        GPArotation do.
    gamma, delta, power : float
        Parameter of oblimin (default 0, .8 at most: above it factors collapse), of geomin (.01) and of promax (4).
    varimax_tolerance : float, default 1e-5
        Relative gain at which the varimax before promax stops. The default is that of R's ``stats::varimax``, which
        psych uses; smaller values go on and move loadings by some .0005. It has no effect where this varimax ends
        short of the optimum; see Notes.
    n_starts : int, default 20
        Starting positions of the rotation, for promax of its varimax: the unrotated one and random ones.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule. Under "pairwise" the fit counts the smallest number of persons behind any pair.
    level : float, default 0.90
        Confidence level of the RMSEA's limits.
    rng : int, Generator or None
        Seed or generator of the random starts; None draws a seed, which is kept in ``provenance``.

    Returns
    -------
    EfaResult
        Loadings, factor correlations, communalities, explained variance and fit.

    Raises
    ------
    StatisticsError
        STA_TOO_MANY_FACTORS, STA_UNKNOWN_OPTION, STA_OPTION_RANGE, STA_SINGULAR_CORRELATION, STA_TOO_FEW_PERSONS, and
        the codes of :func:`~toolkit.psychometrics.correlation.pearson_correlation`.

    Warns
    -----
    STA_HEYWOOD, STA_NOT_CONVERGED, STA_ROTATION_IGNORED, STA_UNDEFINED
        In ``warnings``.

    Notes
    -----
    Extraction starts from factor_analyzer's solution and ends at the minimum of the discrepancy; rotation is gradient
    projection. The chi-square carries Bartlett's factor whatever the extraction; RMSEA, TLI and BIC follow psych.

    Promax starts where R's varimax stops, as in psych, if the varimax criterion there is within .001 (relative) of the
    best that gradient projection finds from all starts. Otherwise R's varimax is stuck or stops too early; promax
    then starts from that best, and its loadings differ from psych's.

    Validated against psych 2.5.3 ``fa`` with GPArotation on bfi: ML and MINRES, unrotated, oblimin, geomin and promax,
    tolerance 1e-4 (``tests/parity/test_bfi.py``).

    References
    ----------
    Harman, H. H., & Jones, W. H. (1966). Factor analysis by minimizing residuals (minres). Psychometrika, 31, 351-368.
    https://doi.org/10.1007/BF02289468

    Bernaards, C. A., & Jennrich, R. I. (2005). Gradient projection algorithms and software for arbitrary rotation
    criteria in factor analysis. Educational and Psychological Measurement, 65, 676-696.
    https://doi.org/10.1177/0013164404272507

    Steiger, J. H. (1990). Structural model evaluation and modification: An interval estimation approach. Multivariate
    Behavioral Research, 25, 173-180. https://doi.org/10.1207/s15327906mbr2502_4

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> truth = [[.8, 0], [.7, 0], [.6, 0], [0, .8], [0, .7], [0, .6]]
    >>> answers = pm.simulate_ordinal(truth, phi=[[1, .3], [.3, 1]], thresholds=[-1, 0, 1], n_persons=800, rng=1)
    >>> efa(answers, n_factors=2, rng=1).loadings.shape
    (6, 2)
    """
    one_of(method, Extraction, name="method")
    one_of(rotation, Rotation, name="rotation")
    confidence(level)
    within(n_factors, name="n_factors", low=1, whole=True)
    within(n_starts, name="n_starts", low=1, whole=True)
    within(gamma, name="gamma", low=float("-inf"), high=0.8)
    within(delta, name="delta", low=0.0, open_ends=True)
    within(power, name="power", low=1.0, open_ends=True)
    within(varimax_tolerance, name="varimax_tolerance", low=0.0, high=0.1, open_ends=True)
    found = moments(df, missing=missing, regular=True)
    R, p = found.correlation, found.responses.n_items
    _refuse_too_many(int(n_factors), p)
    warnings: list[Problem] = []
    if n_factors == 1 and rotation != "none":
        warnings.append(_rotation_ignored(rotation))
    random, seed = generator(rng)
    unrotated = extract(R, int(n_factors), method)
    rotated = rotate(
        unrotated.loadings,
        method=rotation,
        normalize=normalize,
        gamma=gamma,
        delta=delta,
        power=power,
        varimax_tolerance=varimax_tolerance,
        n_starts=int(n_starts),
        random=random,
    )
    Lambda, Phi, explained = ordered(rotated.loadings, rotated.phi)
    communality = np.einsum("ij,jk,ik->i", Lambda, Phi, Lambda)
    fit = factor_fit(R, Lambda @ Phi @ Lambda.T, n=found.n, n_factors=int(n_factors), level=level)
    heywood = tuple(
        item for item, share in zip(found.items, communality, strict=True) if share >= 1.0 - SMALLEST_UNIQUENESS - 1e-6
    )
    warnings += [_heywood(item) for item in heywood]
    warnings += _unconverged(unrotated.converged, rotated.converged)
    if fit.df == 0:
        warnings.append(undefined("the model test, RMSEA and TLI", "The solution has no degrees of freedom."))
    factors = [f"F{j + 1}" for j in range(int(n_factors))]
    items = list(found.items)
    normalised = rotation in NORMALIZED if normalize is None else normalize
    return EfaResult(
        loadings=pd.DataFrame(Lambda, index=items, columns=factors),
        phi=pd.DataFrame(Phi, index=factors, columns=factors),
        structure=pd.DataFrame(Lambda @ Phi, index=items, columns=factors),
        communalities=pd.Series(communality, index=items),
        uniquenesses=pd.Series(1.0 - communality, index=items),
        variance=pd.DataFrame(
            {"ss_loadings": explained, "proportion": explained / p, "cumulative": np.cumsum(explained) / p},
            index=factors,
        ),
        eigenvalues=eigenvalues(R),
        rmsea=fit.rmsea,
        chi_square=fit.chi_square,
        df=fit.df,
        p_value=fit.p_value,
        tli=fit.tli,
        bic=fit.bic,
        srmr=fit.srmr,
        rmsr=fit.rmsr,
        n_factors=int(n_factors),
        heywood_items=heywood,
        converged=unrotated.converged and rotated.converged,
        n_starts=rotated.n_starts,
        n_best=rotated.n_best,
        n_smallest_pair=found.n,
        n_persons=found.responses.n_persons,
        n_items=p,
        n_dropped=found.responses.n_dropped,
        method=_in_words(method, rotation if n_factors > 1 else "none", normalised, missing),
        warnings=tuple(warnings),
        provenance=provenance(
            "efa",
            {
                "n_factors": int(n_factors),
                "method": method,
                "rotation": rotation,
                "normalize": normalised,
                "gamma": gamma,
                "delta": delta,
                "power": power,
                "varimax_tolerance": varimax_tolerance,
                "n_starts": int(n_starts),
                "missing": missing,
                "level": level,
            },
            seed=seed,
        ),
    )


def ordered(Lambda: Array, Phi: Array) -> tuple[Array, Array, Array]:
    """Order factors by explained variance, point them to positive sums, and take the factor correlations along.

    Returns the loadings, the factor correlations, and each factor's sum of squared loadings,
    ``diag(Phi Lambda' Lambda)``.
    """
    explained = np.diag(Phi @ Lambda.T @ Lambda)
    order = np.argsort(-explained, kind="stable")
    sign = np.where(Lambda.sum(axis=0)[order] < 0, -1.0, 1.0)
    return Lambda[:, order] * sign, Phi[np.ix_(order, order)] * np.outer(sign, sign), explained[order]


def _in_words(method: Extraction, rotation: Rotation, normalised: bool, missing: Missing) -> str:
    turned = "unrotated" if rotation == "none" else rotation
    kaiser = ", Kaiser normalisation" if normalised and rotation != "none" else ""
    angle = "oblique " if rotation in OBLIQUE else ""
    return f"EFA, {method} on Pearson correlations, {angle}{turned}{kaiser}, {missing}"


def _refuse_too_many(m: int, p: int) -> None:
    if m < p and (p - m) ** 2 >= p + m:
        return
    most = max((k for k in range(1, p) if (p - k) ** 2 >= p + k), default=0)
    raise StatisticsError(
        Problem(
            code=Code.STA_TOO_MANY_FACTORS,
            what="So many factors have more parameters than the items have correlations.",
            got=str(m),
            allowed=f"at most {most} factors for {p} items",
            fix="Ask for fewer factors or give more items.",
        )
    )


def _rotation_ignored(rotation: Rotation) -> Problem:
    return Problem(
        code=Code.STA_ROTATION_IGNORED,
        what="One factor cannot be rotated; the rotation was ignored.",
        fix="Give rotation='none' with one factor.",
        got=repr(rotation),
    )


def _heywood(item: str) -> Problem:
    return Problem(
        code=Code.STA_HEYWOOD,
        what="The factors explain all of the item's variance (a Heywood case).",
        fix="Ask for fewer factors, or check for near-duplicate items.",
        item=item,
        allowed=f"a communality below {1.0 - SMALLEST_UNIQUENESS}",
    )


def _unconverged(extraction: bool, rotation: bool) -> list[Problem]:
    stages = [name for name, done in (("extraction", extraction), ("rotation", rotation)) if not done]
    return [
        Problem(
            code=Code.STA_NOT_CONVERGED,
            what=f"The {stage} stopped before its minimum.",
            fix="Ask for fewer factors or another method, and compare.",
        )
        for stage in stages
    ]
