"""The one door to pingouin, for independent replication.

pingouin 0.7 warns under pandas 3, counts dropped persons in alpha's interval, and rounds that interval to three
decimals. Here it gets complete persons only, and its warnings stay inside. It is imported when it is first called,
because it brings plotting and regression libraries along.
"""

from __future__ import annotations

import warnings

import pandas as pd

from toolkit.psychometrics._inputs import complete


def replicate_cronbach_alpha(df: pd.DataFrame, *, level: float = 0.95) -> tuple[float, float, float]:
    """Return pingouin's alpha of the complete persons and its limits, which pingouin rounds to three decimals."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pingouin

        answers = complete(df)
        alpha, limits = pingouin.cronbach_alpha(pd.DataFrame(answers.codes, columns=list(answers.items)), ci=level)
    return float(alpha), float(limits[0]), float(limits[1])
