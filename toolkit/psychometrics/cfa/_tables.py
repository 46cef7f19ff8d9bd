"""Columns that every table of estimates has: the estimate, its standard error, Wald's test and limits."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.psychometrics._numerics import Array, Flags
from toolkit.psychometrics.cfa._matrices import Compiled, row_values


class Estimated(Protocol):
    """What a table of parameters needs of a fitted model."""

    @property
    def compiled(self) -> Compiled:
        """The model."""

    @property
    def x(self) -> Array:
        """The free parameters."""

    def standard_errors(self, *, standard: bool = False) -> Array:
        """Return the standard error of every parameter."""


def wald_columns(estimate: Array, error: Array, level: float, *, tested: Flags | None = None) -> dict[str, Array]:
    """Return est, se, z, p, ci_lower and ci_upper; z and p are NaN without a standard error or where not ``tested``."""
    known = error > 0.0 if tested is None else tested & (error > 0.0)
    z = np.divide(estimate, error, out=np.full(error.size, np.nan), where=known)
    reach = stats.norm.ppf(0.5 + level / 2.0) * error
    return {
        "est": estimate,
        "se": error,
        "z": z,
        "p": 2.0 * stats.norm.sf(np.abs(z)),
        "ci_lower": estimate - reach,
        "ci_upper": estimate + reach,
    }


def parameter_table(fit: Estimated, level: float, *, standard: bool) -> pd.DataFrame:
    """Return lhs, op, rhs, label, free and Wald's columns of every parameter, as it is or standardised."""
    rows = fit.compiled.model.parameters
    error = fit.standard_errors(standard=standard)
    free = fit.compiled.place >= 0
    estimate = row_values(fit.compiled, fit.x, standard=standard)
    return pd.DataFrame(
        {
            "lhs": [row.lhs for row in rows],
            "op": [row.op for row in rows],
            "rhs": [row.rhs for row in rows],
            "label": ["" if row.label.startswith(".") else row.label for row in rows],
            "free": free,
            **wald_columns(estimate, error, level, tested=error > 1e-12 if standard else free),
        }
    )
