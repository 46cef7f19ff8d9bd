"""The one door to pingouin, for independent replication.

pingouin 0.7 warns under pandas 3, counts dropped persons in alpha's interval, rounds that interval to three decimals,
and labels intraclass correlations as McGraw and Wong do. Here it gets complete persons only, and its warnings stay
inside. It is imported when it is first called, because it brings plotting and regression libraries along.
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


def replicate_intraclass_correlation(df: pd.DataFrame) -> pd.DataFrame:
    """Return pingouin's six intraclass correlations of the complete targets, labelled as Shrout and Fleiss did.

    Columns are estimate, F, df1, df2, p_value, low and high; pingouin rounds the 95 % limits.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pingouin

        ratings = complete(df, varying=False)
        long = pd.DataFrame(ratings.codes, columns=list(ratings.items)).rename_axis("target").reset_index()
        long = long.melt(id_vars="target", var_name="rater", value_name="rating")
        found = pingouin.intraclass_corr(long, targets="target", raters="rater", ratings="rating").set_index("Type")
    forms = {"ICC(1,1)": "ICC1", "ICC(A,1)": "ICC2", "ICC(C,1)": "ICC3"}
    forms |= {"ICC(1,k)": "ICC1k", "ICC(A,k)": "ICC2k", "ICC(C,k)": "ICC3k"}
    found = found.rename(index=forms)
    limits = pd.DataFrame(found["CI95"].tolist(), index=found.index, columns=["low", "high"])
    names = {"ICC": "estimate", "F": "F", "df1": "df1", "df2": "df2", "pval": "p_value"}
    replicated: pd.DataFrame = found[list(names)].rename(columns=names).join(limits)
    return replicated
