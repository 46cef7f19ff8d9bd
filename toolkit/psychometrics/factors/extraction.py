"""Unrotated factors of a correlation matrix."""

from __future__ import annotations

from typing import Literal

from toolkit.psychometrics._factor_model import Unrotated, factor_solution
from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics.factors.factor_analyzer_adapter import unrotated_loadings

Extraction = Literal["minres", "ml"]
"""Minimum residuals (the same minimum as unweighted least squares), or maximum likelihood."""


def extract(R: Array, n_factors: int, method: Extraction) -> Unrotated:
    """Extract factors with factor_analyzer and bring its solution to the minimum.

    factor_analyzer minimises with numerical derivatives and stops by its own rule, near the minimum on easy data (on
    bfi its loadings agree with psych's to 2e-5). The same discrepancy is therefore minimised further from its solution
    with the exact gradient, uniquenesses between .005 and 1, so that the accuracy does not depend on the data.

    References
    ----------
    Harman, H. H., & Jones, W. H. (1966). Factor analysis by minimizing residuals (minres). Psychometrika, 31, 351-368.
    https://doi.org/10.1007/BF02289468

    Joreskog, K. G. (1967). Some contributions to maximum likelihood factor analysis. Psychometrika, 32, 443-482.
    https://doi.org/10.1007/BF02289658
    """
    rough = unrotated_loadings(R, n_factors, method)
    return factor_solution(R, n_factors, method, start=1.0 - (rough**2).sum(axis=1))
