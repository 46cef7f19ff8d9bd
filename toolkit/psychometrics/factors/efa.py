"""Exploratory factor analysis: extract, rotate, order, and say how well it fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._counts import ResponseCounts
from toolkit.psychometrics._inputs import complete, table
from toolkit.psychometrics._numerics import Array, Rng, eigenvalues, generator
from toolkit.psychometrics._options import Correlation, Missing, Smooth, confidence, conflict, one_of, within
from toolkit.psychometrics._result import Estimate, Result, provenance, undefined
from toolkit.psychometrics.factors._fitted import Fitted
from toolkit.psychometrics.factors._sample import Sample, correlation_variances, sample_of
from toolkit.psychometrics.factors.bootstrap import EfaBootstrapResult, bootstrapped
from toolkit.psychometrics.factors.extraction import LARGEST_COMMUNALITY, Extraction, Unrotated, extract
from toolkit.psychometrics.factors.fit import FitConvention, factor_fit
from toolkit.psychometrics.factors.rotation import (
    BIFACTOR,
    NORMALIZED,
    OBLIQUE,
    TARGET,
    Rotated,
    Rotation,
    rotate,
    rotation_criterion,
)
from toolkit.psychometrics.factors.scores import ScoreMethod, determinacy, score_weights
from toolkit.psychometrics.factors.standard_errors import (
    EfaStandardErrors,
    StandardErrors,
)
from toolkit.psychometrics.factors.standard_errors import standard_errors as errors_of


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
    chi_square, p_value, tli, cfi, bic, srmr, rmsr : float
        Fit. ``srmr`` has divisor p (p + 1) / 2, ``rmsr`` (psych's rms) has divisor p (p - 1) / 2.
    df : int
        Degrees of freedom.
    n_factors : int
        Factors.
    heywood_items : tuple of str
        Items whose communality reached the limit of .995.
    converged : bool
        Whether extraction and rotation reached their minimum.
    standard_errors : EfaStandardErrors or None
        Standard errors of loadings, phi and communalities; None where not asked for.
    n_starts, n_best : int
        Rotation starts, and how many ended at the best value of the criterion.
    n_minima, n_stopped : int
        Different values of the criterion at which starts ended: with more than 1 the rotation has local minima; and
        starts that ended before a minimum.
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
    cfi: float
    bic: float
    srmr: float
    rmsr: float
    standard_errors: EfaStandardErrors | None
    n_factors: int
    heywood_items: tuple[str, ...]
    converged: bool
    n_starts: int
    n_best: int
    n_minima: int
    n_stopped: int
    n_smallest_pair: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]
    _fitted: Fitted = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return one row an item: loadings, communality and uniqueness."""
        return self.loadings.assign(communality=self.communalities, uniqueness=self.uniquenesses)

    def bootstrap(self, n: int = 1000, rng: Rng = None, *, level: float = 0.95) -> EfaBootstrapResult:
        """Return percentile intervals of loadings, factor correlations and communalities.

        Persons are drawn with replacement, and correlations, extraction and rotation are done again for each draw. So
        that a factor stays the same factor, the unrotated loadings of a replicate are turned towards those of the
        solution (orthogonal target rotation), its rotation starts where that of the solution ended, and its factors are
        matched to those of the solution in order and sign, Phi with them. Under ``dwls`` replicates keep the weights.

        Parameters
        ----------
        n : int, default 1000
            Replicates.
        rng : int, Generator or None
            Seed or generator.
        level : float, default 0.95
            Confidence level.

        Raises
        ------
        StatisticsError
            STA_NEEDS_ANSWERS, STA_OPTION_RANGE.

        Notes
        -----
        Replicates run in blocks through joblib: inside ``joblib.parallel_config`` they use its backend and workers.
        The numbers do not depend on it.

        References
        ----------
        Zhang, G., Preacher, K. J., & Luo, S. (2010). Bootstrap confidence intervals for ordinary least squares factor
        loadings and correlations in exploratory factor analysis. Multivariate Behavioral Research, 45, 104-134.
        https://doi.org/10.1080/00273170903504836
        """
        return bootstrapped(self._fitted, n=n, level=level, rng=rng, factors=[str(name) for name in self.phi.columns])

    def score_weights(self, method: ScoreMethod = "regression") -> pd.DataFrame:
        """Return the weights of factor scores, shape (n_items, n_factors); see :func:`.scores.score_weights`."""
        one_of(method, ScoreMethod, name="method")
        weights = score_weights(self._fitted.sample.R, self._fitted.loadings, self._fitted.phi, method)
        return pd.DataFrame(weights, index=self.loadings.index, columns=self.loadings.columns)

    def score_determinacy(self, method: ScoreMethod = "regression") -> pd.Series:
        """Return the correlation of each factor with its scores, from 0 to 1."""
        weights = self.score_weights(method).to_numpy()
        found = determinacy(self._fitted.sample.R, self._fitted.loadings, self._fitted.phi, weights)
        return pd.Series(found, index=self.loadings.columns)

    def scores(self, df: pd.DataFrame, method: ScoreMethod = "regression") -> pd.DataFrame:
        """Return factor scores of persons, who need not be those of the analysis.

        Parameters
        ----------
        df : DataFrame of numeric codes
            Answers with at least the items of the analysis. They are standardised by the means and standard deviations
            of the analysis; if that had only correlations, by those of the complete persons in ``df``.
        method : {"regression", "Bartlett", "tenBerge"}, default "regression"
            Regression (Thurstone) scores correlate highest with their factor, Bartlett scores are unbiased, ten Berge
            scores keep the correlations of the factors.

        Returns
        -------
        DataFrame, shape (n_persons, n_factors)
            NaN for a person who did not answer every item.

        Raises
        ------
        StatisticsError
            STA_UNKNOWN_OPTION, STA_SHAPE_MISMATCH (an item is absent), and the codes of the check of answers.
        """
        weights = self.score_weights(method)
        sample = self._fitted.sample
        absent = [item for item in sample.items if item not in {str(column) for column in df.columns}]
        if absent:
            raise StatisticsError(
                [
                    Problem(
                        code=Code.STA_SHAPE_MISMATCH,
                        what="The answers lack an item of the analysis.",
                        item=item,
                        fix="Give a column for every item of the analysis.",
                    )
                    for item in absent
                ]
            )
        chosen = df.rename(columns=str)[list(sample.items)]
        if sample.mean is None or sample.sd is None:
            codes = complete(chosen).codes
            mean, sd = codes.mean(axis=0), codes.std(axis=0, ddof=1)
        else:
            mean, sd = sample.mean, sample.sd
        standard = (table(chosen).codes - mean) / sd
        return pd.DataFrame(standard @ weights.to_numpy(), index=df.index, columns=weights.columns)


def efa(
    df: pd.DataFrame | ResponseCounts,
    *,
    n_factors: int,
    method: Extraction = "minres",
    rotation: Rotation = "oblimin",
    normalize: bool | None = None,
    correlation: Correlation = "pearson",
    n_persons: int | None = None,
    smooth: Smooth = "none",
    gamma: float = 0.0,
    delta: float = 0.01,
    power: float = 4.0,
    target: pd.DataFrame | npt.ArrayLike | None = None,
    varimax_tolerance: float = 1e-5,
    n_starts: int = 20,
    standard_errors: StandardErrors | None = None,
    fit_convention: FitConvention = "psych",
    missing: Missing = "listwise",
    level: float = 0.90,
    rng: Rng = None,
) -> EfaResult:
    """Find the factors behind the correlations of the items.

    It explores: with the same persons it cannot also confirm. Pearson correlations treat answers as numbers; with few
    or very skewed categories the loadings come out too small.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items), or ResponseCounts
        One row a person, one column an item, NaN for a missing answer; or counted answers. More persons than items are
        needed. With ``n_persons``, the correlation matrix of the items.
    n_factors : int
        Factors, 1 or more, few enough that degrees of freedom are not negative and that the data carry them all.
    method : {"minres", "ml", "paf", "dwls"}, default "minres"
        Extraction: minimum residuals, robust with weak factors; maximum likelihood; principal axis factoring, to full
        convergence; or least squares weighted by the precision of each correlation.
    rotation : str, default "oblimin"
        Factors may correlate under oblimin, geomin, promax, bifactorQ and targetQ. They do not under varimax,
        quartimax, equamax, geominT, bifactorT and targetT. "none" leaves them as extracted. With one factor nothing is
        rotated.
    normalize : bool, optional
        Kaiser normalisation. None means on for varimax and promax and off for the others, as R's psych and
        GPArotation do.
    correlation : {"pearson", "spearman", "polychoric"}, default "pearson"
        The kind of correlation. Polychoric correlations suit ordered answers with few categories.
    n_persons : int, optional
        Says that ``df`` is a correlation matrix, and from how many persons. It is never guessed from the numbers.
    smooth : {"none", "eigenvalues", "nearest"}, default "none"
        What to do with a matrix that is not positive definite: refuse it, raise its small eigenvalues, or take the
        nearest correlation matrix.
    gamma, delta, power : float
        Parameter of oblimin (default 0, .8 at most: above it factors collapse), of geomin (.01) and of promax (4).
    target : DataFrame or array, shape (n_items, n_factors), optional
        What targetT and targetQ turn towards; NaN where nothing is wanted of a loading. Factors keep its order.
    varimax_tolerance : float, default 1e-5
        Relative gain at which the varimax before promax stops. The default is that of R's ``stats::varimax``, which
        psych uses; smaller values go on and move loadings by some .0005. It has no effect where this varimax ends
        short of the optimum; see Notes.
    n_starts : int, default 20
        Starting positions of the rotation, for promax of its varimax: the unrotated one and random ones.
    standard_errors : {"information", "sandwich"}, optional
        Standard errors for normal answers, or from the answers' fourth moments. None computes none.
    fit_convention : {"psych", "EFAtools"}, default "psych"
        Whose RMSEA, TLI and CFI; see :func:`.fit.factor_fit`.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule. Under "pairwise" the fit counts the smallest number of persons behind any pair.
    level : float, default 0.90
        Confidence level of the RMSEA's limits.
    rng : int, Generator or None
        Seed or generator of the random starts; None draws a seed, which is kept in ``provenance``.

    Returns
    -------
    EfaResult
        Loadings, factor correlations, communalities, explained variance and fit. Its methods ``bootstrap``, ``scores``
        and ``score_weights`` go on from there; for the first it keeps the answers, which it never writes out.

    Raises
    ------
    StatisticsError
        STA_TOO_MANY_FACTORS, STA_UNKNOWN_OPTION, STA_OPTION_RANGE, STA_OPTION_CONFLICT, STA_SHAPE_MISMATCH,
        STA_SINGULAR_CORRELATION, STA_NOT_A_CORRELATION, STA_NEEDS_ANSWERS, STA_TOO_FEW_PERSONS, and the codes of
        :func:`~toolkit.psychometrics.correlation.pearson_correlation`.

    Warns
    -----
    STA_HEYWOOD, STA_NOT_CONVERGED, STA_ROTATION_IGNORED, STA_UNDEFINED, STA_SMOOTHED, and those of
    :func:`~toolkit.psychometrics.ordinal_correlation.polychoric`
        In ``warnings``.

    Notes
    -----
    Extraction is Newton's method on the uniquenesses (:func:`.extraction.extract`); rotation is gradient projection.
    The chi-square carries Bartlett's factor whatever the extraction; RMSEA, TLI and BIC follow psych. It supposes
    normal answers and Pearson correlations and is descriptive otherwise.

    Promax starts where R's varimax stops, as in psych, if the varimax criterion there is within .001 (relative) of the
    best that gradient projection finds from all starts. Otherwise R's varimax is stuck or stops too early; promax
    then starts from that best, and its loadings differ from psych's.

    Standard errors suppose that the model holds. They are NaN at a Heywood case, and where nothing fixes the position
    of the factors, as for unrotated factors of equal strength. bifactorQ has no single optimum for loadings of an ideal
    structure, and then very large standard errors.

    Validated against psych 2.5.3 ``fa`` with GPArotation on bfi: ML and MINRES, unrotated, oblimin, geomin and promax,
    tolerance 1e-4, principal axes with varimax, 2e-3; standard errors against EFAtools 1.0.0.9000 ``efa_fit``,
    1e-4 for loadings and communalities, 2e-4 for factor correlations (``tests/parity/test_bfi.py``).

    References
    ----------
    Harman, H. H., & Jones, W. H. (1966). Factor analysis by minimizing residuals (minres). Psychometrika, 31, 351-368.
    https://doi.org/10.1007/BF02289468

    Bernaards, C. A., & Jennrich, R. I. (2005). Gradient projection algorithms and software for arbitrary rotation
    criteria in factor analysis. Educational and Psychological Measurement, 65, 676-696.
    https://doi.org/10.1177/0013164404272507

    Jennrich, R. I., & Bentler, P. M. (2011). Exploratory bi-factor analysis. Psychometrika, 76, 537-549.
    https://doi.org/10.1007/s11336-011-9218-4

    Jennrich, R. I. (1973). Standard errors for obliquely rotated factor loadings. Psychometrika, 38, 593-604.
    https://doi.org/10.1007/BF02291497

    Steiger, J. H. (1990). Structural model evaluation and modification: An interval estimation approach. Multivariate
    Behavioral Research, 25, 173-180. https://doi.org/10.1207/s15327906mbr2502_4

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> truth = [[.8, 0], [.7, 0], [.6, 0], [0, .8], [0, .7], [0, .6]]
    >>> answers = pm.simulate_ordinal(truth, phi=[[1, .3], [.3, 1]], thresholds=[-1, 0, 1], n_persons=800, rng=1)
    >>> result = efa(answers, n_factors=2, rng=1)
    >>> result.loadings.shape, result.scores(answers).shape
    ((6, 2), (800, 2))
    """
    m = _checked(n_factors, method, rotation, standard_errors, fit_convention, level)
    within(gamma, name="gamma", low=float("-inf"), high=0.8)
    within(n_starts, name="n_starts", low=1, whole=True)
    if rotation in BIFACTOR and m == 2:
        raise conflict(
            f"rotation={rotation!r} and n_factors=2",
            why="a general and one group factor fit any position equally well.",
            fix="Give three factors or more, or another rotation.",
        )
    within(delta, name="delta", low=0.0, open_ends=True)
    within(power, name="power", low=1.0, open_ends=True)
    within(varimax_tolerance, name="varimax_tolerance", low=0.0, high=0.1, open_ends=True)
    sample = sample_of(df, n_persons=n_persons, correlation=correlation, missing=missing, smooth=smooth)
    p = len(sample.items)
    _refuse_too_many(m, p)
    goal = _target(target, rotation, sample, m)
    random, seed = generator(rng)
    weights = _weights(sample) if method == "dwls" else np.ones((p, p))
    unrotated = extract(sample.R, m, method, weights=weights)
    _refuse_empty_factors(unrotated, m)
    turned = rotate(
        unrotated.loadings,
        method=rotation,
        normalize=normalize,
        gamma=gamma,
        delta=delta,
        power=power,
        target=goal,
        varimax_tolerance=varimax_tolerance,
        n_starts=int(n_starts),
        random=random,
    )
    Lambda, Phi, T = ordered(turned, goal=goal, fixed=1 if rotation in BIFACTOR else 0)
    rotated = m > 1 and rotation != "none"
    fitted = Fitted(
        sample=sample,
        method=method,
        weights=weights,
        unrotated=unrotated,
        criterion=rotation_criterion(
            rotation, (p, m), normalize=normalize, gamma=gamma, delta=delta, power=power, target=goal
        )
        if rotated
        else None,
        transformation=T,
        loadings=Lambda,
        phi=Phi,
    )
    options = {
        "n_factors": m,
        "method": method,
        "rotation": rotation,
        "normalize": rotation in NORMALIZED if normalize is None else normalize,
        "correlation": correlation,
        "n_persons": n_persons,
        "smooth": smooth,
        "gamma": gamma,
        "delta": delta,
        "power": power,
        "target": None if goal is None else goal.tolist(),
        "varimax_tolerance": varimax_tolerance,
        "n_starts": int(n_starts),
        "standard_errors": standard_errors,
        "fit_convention": fit_convention,
        "missing": missing,
        "level": level,
    }
    return _result(fitted, turned, options, seed)


def _result(fitted: Fitted, turned: Rotated, options: Mapping[str, Any], seed: int | None) -> EfaResult:
    """Name everything, add the fit and the standard errors, and say what must be known."""
    sample, Lambda, Phi = fitted.sample, fitted.loadings, fitted.phi
    p, m = Lambda.shape
    items, factors = list(sample.items), [f"F{j + 1}" for j in range(m)]
    communality = np.einsum("ij,jk,ik->i", Lambda, Phi, Lambda)
    explained = np.diag(Phi @ Lambda.T @ Lambda)
    fit = factor_fit(
        sample.R,
        Lambda @ Phi @ Lambda.T,
        n=sample.found.n,
        n_factors=m,
        level=options["level"],
        convention=options["fit_convention"],
    )
    heywood = tuple(item for item, share in zip(items, communality, strict=True) if share >= LARGEST_COMMUNALITY - 1e-6)
    warnings = list(sample.found.warnings)
    warnings += [_rotation_ignored(options["rotation"])] if m == 1 and options["rotation"] != "none" else []
    warnings += [_heywood(item) for item in heywood]
    warnings += _unconverged(fitted.unrotated.converged, turned.converged)
    if fit.df == 0:
        warnings.append(undefined("the model test, RMSEA, TLI and CFI", "The solution has no degrees of freedom."))
    elif np.isnan(fit.chi_square):
        warnings.append(undefined("the model test and what follows from it", "The chi-square does not exist."))
    converged = fitted.unrotated.converged and turned.converged
    errors = None
    if options["standard_errors"] is not None:
        defined = converged and not heywood
        errors = errors_of(fitted, options["standard_errors"], factors=factors, defined=defined)
        if errors.communalities.isna().any():
            why = (
                "The data do not determine the solution, as at a Heywood case or where a rotation has no clear optimum."
            )
            warnings.append(undefined("the standard errors", why))
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
        eigenvalues=eigenvalues(sample.R),
        rmsea=fit.rmsea,
        chi_square=fit.chi_square,
        df=fit.df,
        p_value=fit.p_value,
        tli=fit.tli,
        cfi=fit.cfi,
        bic=fit.bic,
        srmr=fit.srmr,
        rmsr=fit.rmsr,
        standard_errors=errors,
        n_factors=m,
        heywood_items=heywood,
        converged=converged,
        n_starts=turned.n_starts,
        n_best=turned.n_best,
        n_minima=turned.n_minima,
        n_stopped=turned.n_stopped,
        n_smallest_pair=sample.found.n,
        n_persons=sample.found.n_persons,
        n_items=p,
        n_dropped=sample.found.n_dropped,
        method=_in_words(options, sample.found.method, rotated=fitted.criterion is not None),
        warnings=tuple(warnings),
        provenance=provenance("efa", options, seed=seed),
        _fitted=fitted,
    )


def ordered(turned: Rotated, *, goal: Array | None = None, fixed: int = 0) -> tuple[Array, Array, Array]:
    """Order factors by explained variance and point them to positive sums.

    Factors keep the order of a goal, and the direction of its column where it names a loading other than zero; the
    first ``fixed`` factors keep their places. Returns the loadings, the factor correlations and the transformation.
    """
    Lambda, Phi, T = turned.loadings, turned.phi, turned.transformation
    m = Lambda.shape[1]
    explained = np.diag(Phi @ Lambda.T @ Lambda)
    kept = np.arange(m if goal is not None else fixed)
    order = np.concatenate([kept, kept.size + np.argsort(-explained[kept.size :], kind="stable")]).astype(np.int64)
    sign = np.where(Lambda.sum(axis=0)[order] < 0, -1.0, 1.0)
    if goal is not None:
        sign = np.where(np.nansum(np.abs(goal), axis=0) > 0, 1.0, sign)
    return Lambda[:, order] * sign, Phi[np.ix_(order, order)] * np.outer(sign, sign), T[:, order] * sign


def _checked(
    n_factors: int,
    method: Extraction,
    rotation: Rotation,
    errors: StandardErrors | None,
    convention: FitConvention,
    level: float,
) -> int:
    one_of(method, Extraction, name="method")
    one_of(rotation, Rotation, name="rotation")
    one_of(convention, FitConvention, name="fit_convention")
    if errors is not None:
        one_of(errors, StandardErrors, name="standard_errors")
    confidence(level)
    within(n_factors, name="n_factors", low=1, whole=True)
    return int(n_factors)


def _target(target: pd.DataFrame | npt.ArrayLike | None, rotation: Rotation, sample: Sample, m: int) -> Array | None:
    """Return the target in the order of the items."""
    if (target is None) == (rotation in TARGET):
        raise conflict(
            f"rotation={rotation!r} {'without' if target is None else 'and'} target=",
            why="target= belongs to targetT and targetQ, and they to it.",
            fix="Give both or neither.",
        )
    if target is None:
        return None
    if isinstance(target, pd.DataFrame) and set(target.index) == set(sample.items):
        target = target.loc[list(sample.items)]
    goal = np.array(target, dtype=np.float64)
    if goal.shape != (len(sample.items), m):
        raise StatisticsError(
            Problem(
                code=Code.STA_SHAPE_MISMATCH,
                what="The target does not match the loadings.",
                got=f"shape {goal.shape}",
                allowed=f"shape {(len(sample.items), m)}",
                fix="Give a row for every item and a column for every factor.",
            )
        )
    return goal


def _weights(sample: Sample) -> Array:
    """Return the reciprocals of the correlations' sampling variances, with a mean of one."""
    weights = 1.0 / correlation_variances(sample)
    mean: Array = weights / weights[np.tril_indices(weights.shape[0], k=-1)].mean()
    return mean


def _in_words(options: Mapping[str, Any], source: str, *, rotated: bool) -> str:
    rotation = options["rotation"]
    turned = rotation if rotated else "unrotated"
    kaiser = ", Kaiser normalisation" if options["normalize"] and rotated else ""
    angle = "oblique " if rotation in OBLIQUE and rotated else ""
    fit = "" if options["fit_convention"] == "psych" else ", fit as in EFAtools"
    return f"EFA, {options['method']} on {source}, {angle}{turned}{kaiser}{fit}"


def _refuse_empty_factors(unrotated: Unrotated, m: int) -> None:
    if unrotated.n_carried == m:
        return
    raise StatisticsError(
        Problem(
            code=Code.STA_TOO_MANY_FACTORS,
            what="The correlations do not carry so many factors: at the minimum some explain nothing.",
            got=str(m),
            allowed=f"at most {unrotated.n_carried} factors for these data",
            fix="Ask for fewer factors.",
        )
    )


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
        allowed=f"a communality below {LARGEST_COMMUNALITY}",
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
