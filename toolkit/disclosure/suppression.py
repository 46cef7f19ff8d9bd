"""Local suppression: background answers are blanked until no small group stands alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.disclosure.thresholds import FLOOR_FOR_CELLS

SUPPRESSED = ""
"""An empty cell: not answered, not applicable and suppressed look the same."""


def suppress_rare_combinations(
    frame: pd.DataFrame, columns: Sequence[str], *, floor: int = FLOOR_FOR_CELLS
) -> pd.DataFrame:
    """Blank identifying columns until every combination that is left is shared by ``floor`` people or more.

    Parameters
    ----------
    frame : DataFrame
        One row a person.
    columns : sequence of str
        Identifying columns, the one to give up last first (for example unit, position, ..., language).
    floor : int
        Smallest number of people who may share a combination.

    Returns
    -------
    DataFrame
        A copy in which blanked and missing values both are empty strings. Combinations of the columns then
        occur ``floor`` times or more, or the whole frame has fewer rows than that and all is blanked.

    Notes
    -----
    From the last column to the first, the column is blanked in every row whose combination is too rare. Rows that are
    still too rare at the end are joined by the rarest of the other combinations until the blanked group is large
    enough. This is k-anonymity by local suppression (Sweeney 2002, doi:10.1142/S021848850200165X); a missing answer
    reads the same as a blanked one, so that a blank says nothing.

    Examples
    --------
    >>> people = pd.DataFrame({"unit": list("AAAAAB")})
    >>> suppress_rare_combinations(people, ["unit"])["unit"].unique().tolist()
    ['']
    """
    result = frame.copy()
    names = list(columns)
    if not names or result.empty:
        return result
    blanked = result[names].astype("object").where(result[names].notna(), SUPPRESSED)
    cells = blanked.to_numpy(dtype=object, copy=True)
    for column in reversed(range(len(names))):
        rare = _sizes(cells) < floor
        cells[rare, column] = SUPPRESSED
    # What is still too rare is blanked altogether; the rarest other combination joins it until it is large enough.
    sizes = _sizes(cells)
    while (sizes < floor).any() and (cells != SUPPRESSED).any():
        others = (cells != SUPPRESSED).any(axis=1)
        cells[others & (sizes == sizes[others].min())] = SUPPRESSED
        sizes = _sizes(cells)
    result[names] = cells
    return result


def _sizes(cells: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return, for each row, how many rows hold the same combination."""
    frame = pd.DataFrame(cells)
    return frame.groupby(list(frame.columns), sort=False)[0].transform("size").to_numpy(dtype=np.int64)
