"""Tables of a validation run about careless answers: the signs, and alpha with and without who shows several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from toolkit.reporting.table import Table
from toolkit.reporting.unit_tables import COLUMN_DECIMALS, COLUMN_HEADINGS, beside, scale_columns

if TYPE_CHECKING:
    from toolkit.validation.run import ValidationRun

_WORDS = {
    "long_string": "long string",
    "variability": "variability",
    "person_total": "person-total correlation",
    "mahalanobis": "Mahalanobis distance",
    "even_odd": "even-odd consistency",
}


def screening_tables(run: ValidationRun) -> Iterator[Table]:
    """Make the table of the signs with their cut-offs, and the one of alpha with and without the flagged persons.

    Parameters
    ----------
    run : ValidationRun
        What was found.
    """
    found = run.screening
    if found is None:
        return
    rows: list[dict[str, object]] = [
        {
            "sign": _WORDS[sign.index],
            "flagged_when": f"{sign.rule} {sign.cutoff:.3g}",
            "cutoff": sign.cutoff,
            "n_computed": sign.n_computed,
            "n_flagged": sign.n_flagged,
        }
        for sign in found.signs
    ]
    rows.append(
        {
            "sign": "several signs",
            "flagged_when": f"signs, at least {found.minimum_flags}",
            "cutoff": found.minimum_flags,
            "n_computed": found.n_persons,
            "n_flagged": found.n_flagged,
        }
    )
    yield Table(
        name="screening",
        caption="Signs of careless answers, each with its cut-off",
        frame=pd.DataFrame(rows).astype({"n_computed": "Int64", "n_flagged": "Int64"}),
        headings={"n_computed": "persons", "n_flagged": "flagged"},
        hidden=("cutoff",),
        n_labels=2,
        note="An en dash: the number would tell about too few persons." if run.data.smallest_group else "",
    )
    yield Table(
        name="screening_alpha",
        caption="Alpha with and without the flagged persons",
        frame=beside(
            pd.DataFrame(
                [
                    {
                        "scale": code,
                        "alpha": everyone.estimate,
                        "n_persons": everyone.n_persons,
                        "alpha_without": without.estimate,
                        "low_without": without.low,
                        "high_without": without.high,
                        "n_persons_without": without.n_persons,
                        "difference": without.estimate - everyone.estimate,
                        **scale_columns(run, code),
                    }
                    for code, (everyone, without) in found.alpha.items()
                ]
            ),
            after="high_without",
        ),
        headings={
            "n_persons": "n",
            "alpha_without": "alpha without the flagged",
            "low_without": "low",
            "high_without": "high",
            "n_persons_without": "n without the flagged",
            **COLUMN_HEADINGS,
        },
        decimals={
            **dict.fromkeys(("alpha", "alpha_without", "low_without", "high_without", "difference"), 3),
            **COLUMN_DECIMALS,
        },
    )
