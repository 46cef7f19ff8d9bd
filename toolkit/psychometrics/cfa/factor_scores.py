"""Factor scores of persons under a confirmatory model: for those it was fitted to, and for others.

Symbols, for n persons, p items, m factors: y answers, eta scores (n, m); Lambda loadings, nu intercepts, Theta residual
covariances; V covariances and eta0 means of the factors; Sigma and mu the implied moments of the items.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import log_ndtr

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._inputs import refuse_strange_codes, table
from toolkit.psychometrics._numerics import Array, Counts, Flags
from toolkit.psychometrics._options import conflict, one_of
from toolkit.psychometrics.cfa._matrices import GroupMatrices, Implied, implied
from toolkit.psychometrics.cfa.fitting import FittedModel
from toolkit.psychometrics.cfa.moments import Frame, column_of, group_label, unknown_variable

FactorScoreMethod = Literal["regression", "Bartlett", "EBM"]
"""``regression`` is the expected factor given the answers, ``Bartlett`` unbiased for each person; ``EBM`` (empirical
Bayes modal) the most probable factor given the answers, which of continuous items is the regression score."""
_STEPS = 200
_CLOSE = 1e-10
_HALVINGS = 40


def factor_scores(
    fit: FittedModel,
    frame: Frame,
    df: pd.DataFrame,
    *,
    group: str | Sequence[object] | pd.Series | None,
    method: FactorScoreMethod | None,
    incomplete: bool,
) -> pd.DataFrame:
    """Return every person's factor scores, shape (n_persons, n_factors), by the parameters of the person's group.

    Parameters
    ----------
    fit : FittedModel
    frame : Frame
        The answers that it was fitted to.
    df : DataFrame
        Answers to the same items.
    group : str, sequence or Series, optional
        The persons' groups.
    method : {"regression", "Bartlett", "EBM"}, optional
        None takes regression, and EBM with ordered items.
    incomplete : bool
        Whether persons with missing answers get scores, by the items that they answered.

    Raises
    ------
    StatisticsError
        As :meth:`~toolkit.psychometrics.cfa.cfa.CfaResult.scores`.
    """
    model = fit.compiled.model
    method = method or ("EBM" if model.ordered else "regression")
    one_of(method, FactorScoreMethod, name="method")
    if model.ordered and method != "EBM":
        raise conflict(
            f"method={method!r}, ordered=...",
            why=f"{method} scores take codes as measurements.",
            fix="Use method='EBM' for a model of ordered items.",
        )
    codes = _codes_of(frame, model.ordered)
    values, numbers = _answers(frame, codes, df, group)
    answered = ~np.isnan(values)
    usable = answered.any(axis=1) if incomplete else answered.all(axis=1)
    scores = np.full((len(df), len(model.factors)), np.nan)
    for number, (matrices, sample) in enumerate(zip(fit.compiled.groups, fit.samples, strict=True)):
        mine = np.flatnonzero(usable & (numbers == number))
        if not mine.size:
            continue
        at = implied(matrices, fit.x)
        if model.ordered:
            scores[mine] = modal_scores(matrices, at, _as_places(values[mine], codes))
        else:
            mu = at.mu if model.mean_structure else sample.mean
            scores[mine] = linear_scores(at, mu, values[mine], bartlett=method == "Bartlett")
    return pd.DataFrame(scores, index=df.index, columns=list(model.factors))


def linear_scores(at: Implied, mu: Array, values: Array, *, bartlett: bool) -> Array:
    """Return regression or Bartlett scores, shape (n, m), of persons with the answers ``values`` (NaN where missing).

    Regression: ``eta0 + V Lambda' Sigma^-1 (y - mu)``. Bartlett: ``eta0 + (Lambda' Sigma^-1 Lambda)^-1 Lambda' Sigma^-1
    (y - mu)``, which is the usual formula with Theta for Sigma, and holds where Theta has no inverse. Either over the
    items that a person answered; a Bartlett score is NaN where no item of the factor was answered, or where those
    answered cannot tell the factors apart.

    References
    ----------
    Thurstone, L. L. (1935). The vectors of mind. University of Chicago Press.

    Bartlett, M. S. (1937). The statistical conception of mental factors. British Journal of Psychology, 28, 97-104.
    https://doi.org/10.1111/j.2044-8295.1937.tb00863.x
    """
    Lambda, V = at.matrices["Lambda"], at.V
    if bartlett and not np.any(Lambda, axis=0).all():
        raise conflict(
            "method='Bartlett'",
            why="A factor without items of its own has no Bartlett score.",
            fix="Use method='regression'.",
        )
    eta0 = at.J @ at.matrices["alpha"][:, 0]
    answered = ~np.isnan(values)
    kinds, which = np.unique(answered, axis=0, return_inverse=True)
    scores = np.full((values.shape[0], V.shape[0]), np.nan)
    for number, kind in enumerate(kinds):
        rows, seen = np.flatnonzero(which.ravel() == number), np.flatnonzero(kind)
        weights = np.asarray(np.linalg.solve(at.Sigma[np.ix_(seen, seen)], Lambda[seen]), dtype=np.float64)
        told = np.arange(V.shape[0])
        if bartlett:
            told = np.flatnonzero(np.any(Lambda[seen], axis=0))
            inner = Lambda[np.ix_(seen, told)].T @ weights[:, told]
            if np.linalg.matrix_rank(inner, hermitian=True) < told.size:
                continue
            weights = weights[:, told] @ np.linalg.inv(inner)
        else:
            weights = weights @ V
        scores[np.ix_(rows, told)] = eta0[told] + (values[np.ix_(rows, seen)] - mu[seen]) @ weights
    return scores


def modal_scores(group: GroupMatrices, at: Implied, values: Array) -> Array:
    """Return the most probable factors given ordered (and continuous) answers, shape (n, m), by Newton's method.

    Parameters
    ----------
    group : GroupMatrices
    at : Implied
    values : ndarray, shape (n, p)
        Answers; ordered ones as 0, 1, 2, ...; NaN where missing.

    Notes
    -----
    Minimises ``(eta - eta0)' V^-1 (eta - eta0) / 2 - sum_j log P(y_j | eta)``, which is convex. Answers to ordered
    items have the probabilities of a normal variable between thresholds, those to continuous ones a normal density.
    Residual covariances are left out, as in lavaan. Persons with the same answers are one.

    Raises
    ------
    StatisticsError
        STA_NOT_POSITIVE_DEFINITE.

    References
    ----------
    Skrondal, A., & Rabe-Hesketh, S. (2004). Generalized latent variable modeling. Chapman & Hall/CRC.
    https://doi.org/10.1201/9780203489437
    """
    theta = np.diag(at.matrices["Theta"])
    if theta.min() <= 0.0 or np.linalg.eigvalsh(at.V)[0] <= 1e-12 * np.trace(at.V):
        raise StatisticsError(
            Problem(
                code=Code.STA_NOT_POSITIVE_DEFINITE,
                what="A factor covariance matrix or a residual variance is impossible, so no factor is most probable.",
                fix="Look at the warnings of the model; scores need an admissible one.",
            )
        )
    kinds, which = np.unique(values, axis=0, return_inverse=True)
    found = _Posterior(group, at, kinds).mode()
    scores: Array = found[which.ravel()]
    return scores


class _Posterior:
    """The posterior of the factors of many persons at once."""

    def __init__(self, group: GroupMatrices, at: Implied, values: Array) -> None:
        self.Lambda = np.ascontiguousarray(at.matrices["Lambda"], dtype=np.float64)
        self.eta0 = at.J @ at.matrices["alpha"][:, 0]
        self.K = np.linalg.inv(at.V)
        self.scale = np.sqrt(np.diag(at.matrices["Theta"]))
        self.products = (self.Lambda[:, :, None] * self.Lambda[:, None, :]).reshape(values.shape[1], -1)
        self.answered = ~np.isnan(values)
        self.ordered: Flags = group.ordered
        nu, tau = at.matrices["nu"][:, 0], at.matrices["tau"][:, 0]
        self.low, self.high = np.full(values.shape, -np.inf), np.full(values.shape, np.inf)
        for j in np.flatnonzero(group.ordered):
            cuts = np.concatenate([[-np.inf], tau[group.item_of == j] - nu[j], [np.inf]])
            codes = np.where(self.answered[:, j], values[:, j], 0.0).astype(np.int64)
            here = self.answered[:, j]
            self.low[here, j], self.high[here, j] = cuts[codes[here]], cuts[codes[here] + 1]
        self.values = np.where(self.answered, values - nu, 0.0)

    def mode(self) -> Array:
        """Return where the posterior is highest, shape (n, m); NaN where the search does not end."""
        n = self.values.shape[0]
        eta = np.tile(np.asarray(self.eta0, dtype=np.float64), (n, 1))
        going = np.arange(n)
        value, slope, bend = self._at(eta, going)
        for _ in range(_STEPS):
            step = -np.linalg.solve(bend, slope[:, :, None])[:, :, 0]
            new = eta[going] + step
            found = self._at(new, going)
            worse = np.flatnonzero(~(found[0] <= value + 1e-12 * np.abs(value)))
            for _ in range(_HALVINGS):
                if not worse.size:
                    break
                step[worse] *= 0.5
                new[worse] = eta[going[worse]] + step[worse]
                for whole, part in zip(found, self._at(new[worse], going[worse]), strict=True):
                    whole[worse] = part
                worse = worse[~(found[0][worse] <= value[worse] + 1e-12 * np.abs(value[worse]))]
            eta[going] = new
            left = np.abs(step).max(axis=1) > _CLOSE * (1.0 + np.abs(new).max(axis=1))
            going = going[left]
            if not going.size:
                return eta
            value, slope, bend = (part[left] for part in found)
        eta[going] = np.nan
        return eta

    def _at(self, eta: Array, rows: Counts) -> tuple[Array, Array, Array]:
        """Return the function that is made small, its slopes (n, m) and second slopes (n, m, m)."""
        away = eta - self.eta0
        log, first, second = self._logs(eta, rows)
        pull = away @ self.K
        value = 0.5 * (pull * away).sum(axis=1) - log.sum(axis=1)
        bend = self.K + (-second @ self.products).reshape(rows.size, *self.K.shape)
        return value, pull - first @ self.Lambda, bend

    def _logs(self, eta: Array, rows: Counts) -> tuple[Array, Array, Array]:
        """Return each answer's log probability and its first two slopes in ``Lambda eta``, all of shape (n, p)."""
        z = eta @ self.Lambda.T
        log, first, second = np.zeros_like(z), np.zeros_like(z), np.zeros_like(z)
        o = np.flatnonzero(self.ordered)
        s = self.scale[o]
        log[:, o], one, two = interval_logs((self.low[rows][:, o] - z[:, o]) / s, (self.high[rows][:, o] - z[:, o]) / s)
        first[:, o], second[:, o] = one / s, two / s**2
        c = np.flatnonzero(~self.ordered)
        if c.size:
            away = (self.values[rows][:, c] - z[:, c]) / self.scale[c]
            seen = self.answered[rows][:, c]
            log[:, c] = np.where(seen, -0.5 * away**2, 0.0)
            first[:, c] = np.where(seen, away / self.scale[c], 0.0)
            second[:, c] = np.where(seen, -1.0 / self.scale[c] ** 2, 0.0)
        return log, first, second


def interval_logs(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """Return log(Phi(b) - Phi(a)) and its first two slopes when both limits fall by the same amount.

    Both tails are taken where they are small, so that far answers keep their digits.
    """
    flip = a > 0.0
    low, high = np.where(flip, -b, a), np.where(flip, -a, b)
    at_high = log_ndtr(high)
    with np.errstate(divide="ignore", invalid="ignore"):
        log = at_high + np.log1p(-np.exp(log_ndtr(low) - at_high))
        left, right = _ratio(a, log), _ratio(b, log)
        pull = left - right
        bend = np.where(np.isinf(a), 0.0, a) * left - np.where(np.isinf(b), 0.0, b) * right - pull**2
    return log, pull, bend


def _ratio(x: Array, log: Array) -> Array:
    """Return phi(x) / P; 0 at an infinite limit."""
    density: Array = np.exp(-0.5 * x**2 - 0.5 * np.log(2.0 * np.pi) - log)
    return density


def _answers(
    frame: Frame, codes: Sequence[Array], df: pd.DataFrame, group: str | Sequence[object] | pd.Series | None
) -> tuple[Array, Counts]:
    """Return checked answers (n, p), and each person's group number (-1 where the group is not given)."""
    if not isinstance(df, pd.DataFrame):
        table(df)
    absent = [item for item in frame.items if item not in df.columns]
    if absent:
        raise unknown_variable(absent, list(df.columns), option="the model")
    values = table(df[list(frame.items)]).codes
    for j, item in enumerate(frame.items):
        if codes[j].size:
            refuse_strange_codes(item, values[~np.isnan(values[:, j]), j], codes[j].tolist())
    if len(frame.groups) == 1 and not frame.groups[0]:
        return values, np.zeros(len(df), dtype=np.int64)
    if group is None:
        raise conflict(
            "group=None",
            why="The model has groups, and each person is scored by the parameters of their own.",
            fix="Name the column that holds the groups, or give one value a person, with group=.",
        )
    column = column_of(df, group, option="group=")
    given = pd.Series([], dtype=object) if column is None else column
    labels = [group_label(value) if known else "" for value, known in zip(given, given.notna(), strict=True)]
    strange = sorted({label for label, known in zip(labels, given.notna(), strict=True) if known} - {*frame.groups})
    if strange:
        raise StatisticsError(
            Problem(
                code=Code.STA_CODE_NOT_ALLOWED,
                what="The model was not fitted in this group, so it has no parameters for it.",
                key="group=",
                got=", ".join(strange),
                allowed=", ".join(frame.groups),
                fix="Correct the label, or fit the model with that group.",
            )
        )
    place = {label: number for number, label in enumerate(frame.groups)}
    numbers = [place[label] if known else -1 for label, known in zip(labels, given.notna(), strict=True)]
    return values, np.array(numbers, dtype=np.int64)


def _codes_of(frame: Frame, ordered: frozenset[str]) -> list[Array]:
    """Return the codes of each ordered item that anybody gave; none for continuous items."""
    values = np.concatenate(frame.answers)
    return [
        np.unique(values[~np.isnan(values[:, j]), j]) if item in ordered else np.zeros(0)
        for j, item in enumerate(frame.items)
    ]


def _as_places(values: Array, codes: Sequence[Array]) -> Array:
    """Return ordered answers as 0, 1, 2, ...; continuous ones as they are."""
    out = values.copy()
    for j, known in enumerate(codes):
        if known.size:
            seen = ~np.isnan(values[:, j])
            out[seen, j] = np.searchsorted(known, values[seen, j])
    return out
