"""What an exploratory analysis leaves behind, so that its errors can be computed and it can be repeated."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics.factors._sample import Sample
from toolkit.psychometrics.factors.extraction import Extraction, Unrotated
from toolkit.psychometrics.factors.rotation import Criterion


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A solution with what it was made from.

    Attributes
    ----------
    sample : Sample
    method : Extraction
    weights : ndarray, shape (p, p)
        Weights of the residual correlations under ``dwls``, ones otherwise; replicates keep them.
    unrotated : Unrotated
    criterion : Criterion or None
        None where nothing is rotated.
    transformation : ndarray, shape (m, m)
        Where the rotation ended, with the columns in the final order and direction.
    loadings, phi : ndarray, shapes (p, m) and (m, m)
        The solution in its final order and direction.
    """

    sample: Sample
    method: Extraction
    weights: Array
    unrotated: Unrotated
    criterion: Criterion | None
    transformation: Array
    loadings: Array
    phi: Array
