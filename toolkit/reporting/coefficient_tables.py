"""Tables of all reliability coefficients of a validation run: side by side, and each with its interval and formula."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from toolkit.reporting.table import Table
from toolkit.reporting.unit_tables import COLUMN_DECIMALS, COLUMN_HEADINGS, beside, scale_columns

if TYPE_CHECKING:
    from toolkit.validation.run import ValidationRun

_WORDS = {
    "alpha": "Cronbach's alpha",
    "standardized_alpha": "alpha of standardised items",
    "mean_inter_item_correlation": "mean correlation of the items",
    "omega_total": "omega total",
    "omega_total_model": "omega total, model variance",
    "composite_reliability": "composite reliability",
    "average_variance_extracted": "average variance extracted",
    "mean_squared_standardized_loading": "mean squared standardised loading",
    "lambda2": "Guttman's lambda 2",
    "lambda4": "Guttman's lambda 4",
    "lambda6": "Guttman's lambda 6",
    "standardized_lambda2": "lambda 2 of standardised items",
    "standardized_lambda4": "lambda 4 of standardised items",
    "standardized_lambda6": "lambda 6 of standardised items",
    "greatest_lower_bound": "greatest lower bound",
    "split_half": "split-half, stepped up",
    "standard_error": "standard error of measurement",
    "minimal_detectable_change": "minimal detectable change",
    "ordinal_alpha": "ordinal alpha",
    "categorical_omega": "categorical omega",
}


def coefficient_tables(run: ValidationRun) -> Iterator[Table]:
    """Make the table that a reader compares scales in, and the one with intervals and formulas.

    Parameters
    ----------
    run : ValidationRun
        What was found.
    """
    found = {code: scale.coefficients for code, scale in run.scales.items() if scale.coefficients}
    estimates = {code: {line.name: line.estimate for line in lines} for code, lines in found.items()}
    names = list(dict.fromkeys(name for of_scale in estimates.values() for name in of_scale))
    nan = float("nan")
    side_by_side: dict[str, list[object]] = {"coefficient": [_WORDS[name] for name in names]}
    for code, of_scale in estimates.items():
        side_by_side[code] = [of_scale.get(name, nan) for name in names]
    yield Table(
        name="reliability_side_by_side",
        caption="Reliability: every coefficient side by side",
        frame=pd.DataFrame(side_by_side),
        decimals=dict.fromkeys(estimates, 3),
        note="The standard error of measurement and the minimal detectable change are in points of the sum of the "
        "items, from persons who answered every item. Intervals and formulas stand in the next table.",
    )
    yield Table(
        name="coefficients",
        caption="Reliability coefficients with their intervals and formulas",
        frame=beside(
            pd.DataFrame(
                [
                    {
                        "scale": code,
                        "coefficient": line.name,
                        "of": _WORDS[line.name],
                        **line.to_dict(),
                        **scale_columns(run, code, has_interval=line.interval != "none"),
                    }
                    for code, lines in found.items()
                    for line in lines
                ]
            ),
            after="high",
        ),
        headings={"of": "coefficient", "interval": "method of the interval", "n_persons": "n", **COLUMN_HEADINGS},
        decimals={"estimate": 3, "low": 3, "high": 3, **COLUMN_DECIMALS},
        hidden=("coefficient",),
        n_labels=3,
    )
