"""Whether one person's change is more than measurement error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._inputs import beside, complete
from toolkit.psychometrics._options import confidence, within
from toolkit.psychometrics._result import Result, provenance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReliableChangeResult(Result):
    """Reliable change of persons.

    Attributes
    ----------
    table : DataFrame, shape (n_persons, 5)
        Index person; columns before, after, change, reliable_change_index, and direction: "up" or "down" if the index
        is beyond the level's limit, else "none".
    standard_error : float
        Standard error of measurement.
    standard_error_of_difference : float
        Standard error of the difference of two scores.
    minimal_detectable_change : float
        Change at which the index reaches the limit.
    level : float
        Level of the limit.
    n_up, n_down, n_none : int
        Persons by direction.
    n_persons, n_items, n_dropped : int
        Persons with both scores, scores (always 1), and persons left out.
    method : str
        The formula in words.
    warnings : tuple of Problem
        Always empty.
    provenance : mapping
        Options and versions.
    """

    table: pd.DataFrame
    standard_error: float
    standard_error_of_difference: float
    minimal_detectable_change: float
    level: float
    n_up: int
    n_down: int
    n_none: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the table of persons."""
        return self.table.copy()


def reliable_change(
    before: pd.Series | npt.ArrayLike,
    after: pd.Series | npt.ArrayLike,
    *,
    reliability: float,
    sd: float | None = None,
    level: float = 0.95,
) -> ReliableChangeResult:
    """Return Jacobson and Truax's reliable change index of each person.

    It asks whether a change is larger than measurement error, not whether it matters, and it does not correct for
    regression to the mean or practice. It is for research on persons, never for judging staff.

    Parameters
    ----------
    before, after : Series or array of numbers, shape (n_persons,)
        The scores on two occasions, in the same order; a Series ``after`` must have the index of ``before``. NaN is
        missing.
    reliability : float
        Reliability of the score, 0 to less than 1; a retest reliability fits the question best.
    sd : float, optional
        Standard deviation of the score in the population of reference; None means that of ``before``.
    level : float, default 0.95
        Level of the limit: 1.96 at .95.

    Returns
    -------
    ReliableChangeResult
        ``table``, the standard errors and ``minimal_detectable_change``.

    Raises
    ------
    StatisticsError
        STA_OPTION_RANGE, STA_SHAPE_MISMATCH, STA_TOO_FEW_PERSONS, STA_CONSTANT_ITEM (scores before do not vary and no
        ``sd`` is given), STA_NOT_NUMERIC, STA_NOT_FINITE.

    Notes
    -----
    ``SEM = SD sqrt(1 - r)``, ``S_diff = sqrt(2) SEM``, ``RC = (after - before) / S_diff``. At .95 the minimal
    detectable change is 2.772 SEM.

    Validated against the example of Jacobson and Truax: SD 7.5, r .80, 32.5 to 47.5 give 3.354, 4.743 and 3.162
    (``tests/unit/psychometrics/reliability/test_change.py``).

    References
    ----------
    Jacobson, N. S., & Truax, P. (1991). Clinical significance: A statistical approach to defining meaningful change in
    psychotherapy research. Journal of Consulting and Clinical Psychology, 59, 12-19.
    https://doi.org/10.1037/0022-006X.59.1.12

    Examples
    --------
    >>> result = reliable_change([32.5], [47.5], reliability=.80, sd=7.5)
    >>> result.table["reliable_change_index"].round(3).tolist()
    [3.162]
    """
    confidence(level)
    within(reliability, name="reliability", low=0.0, high=np.nextafter(1.0, 0.0))
    if sd is not None:
        within(sd, name="sd", low=0.0, open_ends=True)
    scores = pd.Series(before).to_frame("before")
    scores["after"] = beside(scores, after, option="after")
    found = complete(scores, minimum_persons=1 if sd is not None else 3, varying=False)
    known = scores[scores.notna().all(axis=1)]
    spread = float(np.std(found.codes[:, 0], ddof=1)) if sd is None else float(sd)
    if spread == 0.0:
        raise StatisticsError(
            Problem(
                code=Code.STA_CONSTANT_ITEM,
                what="The scores before do not vary, so they give no standard deviation.",
                fix="Give sd= of a reference population.",
                column="before",
            )
        )
    standard_error = spread * float(np.sqrt(1.0 - reliability))
    of_difference = float(np.sqrt(2.0)) * standard_error
    limit = float(stats.norm.ppf(0.5 + level / 2.0))
    change = known["after"] - known["before"]
    index = change / of_difference
    direction = np.select([index > limit, index < -limit], ["up", "down"], "none")
    table = known.assign(change=change, reliable_change_index=index, direction=direction)
    source = "standard deviation before" if sd is None else "given standard deviation"
    return ReliableChangeResult(
        table=table,
        standard_error=standard_error,
        standard_error_of_difference=of_difference,
        minimal_detectable_change=limit * of_difference,
        level=level,
        n_up=int((direction == "up").sum()),
        n_down=int((direction == "down").sum()),
        n_none=int((direction == "none").sum()),
        n_persons=found.n_persons,
        n_items=1,
        n_dropped=found.n_dropped,
        method=f"reliable change index of Jacobson and Truax, {source}",
        warnings=(),
        provenance=provenance("reliable_change", {"reliability": reliability, "sd": sd, "level": level}),
    )
