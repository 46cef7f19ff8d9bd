"""The stored fits of confirmatory models, their data, and how a result is compared with one of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.comparing import Compare
from toolkit.psychometrics.cfa.cfa import CfaResult
from toolkit.psychometrics.cfa.nested import NestedTestResult

REFERENCE = Path(__file__).parent / "parity" / "reference"
STATISTICS = 1e-5  # seen: 2e-6
INDICES = 1e-5  # seen: 1.0e-6
ROBUST = 1e-5  # seen: 5.2e-7, with lavaan 0.6.14's persons brought to all
# seen: 4.9e-5, FIML in groups and a bifactor model with a negative variance, whose minima are flat
ESTIMATES = 1e-4
DIFFERENCES = 5e-5  # seen: 1.2e-5
P_VALUES = 2e-5  # seen: 7e-6

NAMES = {"est": "estimates", "se": "standard errors", "std": "standardised", "std_se": "standardised, errors"}
_COUNTS = {"df", "npar", "ntotal", "baseline.df", "df.scaled", "baseline.df.scaled"}
_LIKELIHOOD = {"logl", "unrestricted.logl", "aic", "bic", "bic2"}
_ROBUST_RMSEA = {"rmsea.robust", "rmsea.ci.lower.robust", "rmsea.ci.upper.robust"}
NO_NAIVE_P = frozenset({"pvalue", "baseline.pvalue"})
"""lavaan 0.6.14 gives the naive statistic of WLSMV a p-value; it has no chi-square distribution, and here it is NaN."""
ALL_ROBUST = frozenset(
    {"cfi.robust", "tli.robust", "rmsea.pvalue.robust", *_ROBUST_RMSEA},
)
"""With a threshold that is fixed, lavaan 0.6.14 judges the correlations with the degrees of freedom of the whole model;
here robust indices are NaN where thresholds are restricted, as in lavaan itself where they are held equal."""


@cache
def stored() -> dict[str, Any]:
    """Return cfa.json; see parity/reference/make_cfa_reference.R."""
    return json.loads((REFERENCE / "cfa.json").read_text(encoding="utf-8"))


@cache
def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / f"cfa_{name}.csv")


def data(name: str) -> pd.DataFrame:
    """Return a copy of one stored data set."""
    return _read(name).copy()


def binary_datcat() -> pd.DataFrame:
    """Return datCat with two answers: 1 if the answer was 3 or more."""
    frame = data("datcat")
    items = [f"u{j}" for j in range(1, 9)]
    frame[items] = (frame[items] >= 3).astype(int)
    return frame


def with_holes(frame: pd.DataFrame, columns: list[str], below: int) -> pd.DataFrame:
    """Return the data with the cells missing that the reference left out (conventions.holes)."""
    out = frame.astype(dict.fromkeys(columns, float))
    i = np.arange(1, len(out) + 1)
    for j, column in enumerate(columns, 1):
        out.loc[(i * 9301 + j * 49297 + i * j * 233) % 1009 < below, column] = np.nan
    return out


def lower(table: Mapping[str, Any]) -> pd.DataFrame:
    """Return a symmetric matrix that is stored as its lower triangle."""
    p = len(table["names"])
    rows, columns = np.tril_indices(p)
    full = np.zeros((p, p))
    full[rows, columns] = full[columns, rows] = table["lower"]
    return pd.DataFrame(full, index=table["names"], columns=table["names"])


def compare_fit(
    compare: Compare,
    result: CfaResult,
    record: Mapping[str, Any],
    *,
    lacking: Iterable[str] = (),
    n_less: int = 0,
    more: Iterable[str] = (),
) -> int:
    """Compare every fit measure that both have.

    ``lacking`` are NaN here and must be numbers there; ``more`` are numbers here and not there. ``n_less`` is what
    lavaan 0.6.14 takes from the persons in the robust RMSEA of ordered items (the number of groups), where 0.7 takes
    nothing; its values are brought to all persons, but for the probability of close fit.
    """
    theirs = {name: value for name, value in record["fit"].items() if name in result.fit}
    lacking = set(lacking)
    for name in lacking & set(theirs):
        assert np.isnan(result.fit[name]), name
        assert theirs.pop(name) is not None, name
    for name in [name for name, value in theirs.items() if value is None]:
        assert np.isnan(result.fit[name]) != (name in more), name
        del theirs[name]
    if n_less:
        theirs.pop("rmsea.pvalue.robust", None)
        share = np.sqrt((result.n_persons - n_less) / result.n_persons)
        theirs |= {name: theirs[name] * share for name in _ROBUST_RMSEA & set(theirs)}
    names = set(theirs)
    assert {"chisq", "df", "cfi", "tli", "rmsea", "rmsea.ci.lower", "rmsea.ci.upper", "srmr"} <= names
    counts = sorted(names & _COUNTS)
    assert [result.fit[name] for name in counts] == [theirs[name] for name in counts]
    statistics = {name for name in names - _COUNTS if "chisq" in name or name in _LIKELIHOOD}
    chosen = {
        "statistics": (statistics - {"chisq.shift.parameter"}, STATISTICS, False),
        "fit indices": ({n for n in names - statistics - _COUNTS if "robust" not in n}, INDICES, True),
        "robust fit indices": ({name for name in names if "robust" in name}, ROBUST, True),
    }
    count = len(counts)
    for kind, (some, tolerance, absolute) in chosen.items():
        if some:
            ours, expected = ([table[name] for name in sorted(some)] for table in (result.fit, theirs))
            count += compare(f"cfa, {kind}", ours, expected, tolerance=tolerance, absolute=absolute)
    return count


def keyed(frame: pd.DataFrame, columns: Iterable[str], groups: tuple[str, ...]) -> dict[tuple[Any, ...], list[float]]:
    """Return values by left side, operator, right side and group (from 1); covariances under both orders."""
    found = {}
    for row in frame.to_dict("records"):
        group = groups.index(row["group"]) + 1
        values = [row[column] for column in columns]
        found[row["lhs"], row["op"], row["rhs"], group] = values
        if row["op"] == "~~":
            found[row["rhs"], row["op"], row["lhs"], group] = values
    return found


def compare_parameters(compare: Compare, result: CfaResult, record: Mapping[str, Any]) -> int:
    """Compare estimates, standard errors, and both of the standardised solution; every parameter must be on both sides.

    Two rows differ by convention. lavaan lists scale factors beside the theta parameterisation, too, where they follow
    from the other parameters. Residual variances of ordered items follow from the others under delta: their standard
    error is by the delta method here, and 0 in lavaan.
    """
    table = pd.DataFrame(record["parameters"])
    table = table[table["op"] != "=="].assign(rhs=lambda t: t["rhs"].where(t["op"] != "~1", "")).reset_index(drop=True)
    if "group" not in table:
        table["group"] = 1
    if result.parameterization == "theta":
        table = table[table["op"] != "~*~"].reset_index(drop=True)
    plain = keyed(result.parameters, ("est", "se"), result.groups)
    standard = keyed(result.standardized, ("est", "se"), result.groups)
    keys = [tuple(row) for row in table[["lhs", "op", "rhs", "group"]].itertuples(index=False)]
    assert set(keys) <= set(plain)
    assert len(set(keys)) == len(result.parameters)
    values = {"est": [plain[key][0] for key in keys], "se": [plain[key][1] for key in keys]}
    if "std" in table:
        values |= {"std": [standard[key][0] for key in keys], "std_se": [standard[key][1] for key in keys]}
    count = 0
    for column, ours in values.items():
        # a fixed parameter has no standard error; one below 1.2e-4 is set to 0 in the standardised solution
        use = np.ones(len(table), dtype=bool) if column in {"est", "std"} else table[column].to_numpy() > 0.0
        if not use.any():
            continue
        theirs = table[column].to_numpy(dtype=float)[use]
        size = np.maximum(np.abs(theirs), 1.0)
        kind = f"cfa, {NAMES[column]}"
        count += compare(kind, np.array(ours)[use] / size, theirs / size, tolerance=ESTIMATES, absolute=True)
    return count


def compare_record(compare: Compare, result: CfaResult, record: Mapping[str, Any], **conventions: Any) -> int:
    """Compare everything a stored fit holds."""
    assert result.converged
    assert record["converged"]
    if "admissible" in record:
        assert result.admissible == record["admissible"]
    if "n" in record:
        assert result.n_persons == record["n"]
    count = compare_fit(compare, result, record, **conventions)
    return count + (compare_parameters(compare, result, record) if "parameters" in record else 0)


def compare_nested(compare: Compare, result: NestedTestResult, record: Mapping[str, Any]) -> int:
    """Compare a test of nested models."""
    assert result.df_diff == record["df_diff"]
    count = compare("nested models, statistic", result.chisq_diff, record["chisq_diff"], tolerance=DIFFERENCES)
    return count + compare("nested models, p", result.p, record["p"], tolerance=P_VALUES, absolute=True)


def compare_indices(compare: Compare, result: CfaResult, record: Mapping[str, Any]) -> int:
    """Compare modification indices of all loadings and covariances.

    The reference has no other candidates than ours, except fixed intercepts and scale factors, which are not ours.
    lavaan standardises the change of a variance by putting the variance itself in its place; that is left out.
    """
    theirs = pd.DataFrame(record)
    theirs = theirs[theirs["op"].isin(["=~", "~~"])]
    if "group" not in theirs:
        theirs = theirs.assign(group=1)
    found = result.modification_indices()
    ours = keyed(found, ("mi", "epc", "sepc"), result.groups)
    keys = [tuple(row) for row in theirs[["lhs", "op", "rhs", "group"]].itertuples(index=False)]
    assert len(found) == len(keys)
    assert set(keys) <= set(ours)
    mine = np.array([ours[key] for key in keys])
    expected = theirs[["mi", "epc", "sepc.all"]].to_numpy(dtype=float)
    size = np.maximum(np.abs(expected), 1.0)
    mine, expected, large = mine / size, expected / size, expected[:, 0] > 4.0
    # lavaan's slopes are not quite 0 at its minimum; seen: 2.8e-4, an index of 0.73
    count = compare("modification indices", mine[:, 0], expected[:, 0], tolerance=1e-3, absolute=True)
    if large.any():  # seen: 2.5e-5
        count += compare("modification indices > 4", mine[large, 0], expected[large, 0], tolerance=1e-4)
    # seen: 1.9e-4, of that index
    count += compare("expected changes", mine[:, 1], expected[:, 1], tolerance=1e-3, absolute=True)
    alike = np.array([key[0] != key[2] for key in keys])
    kind = "expected changes, standardised"
    return count + compare(kind, mine[alike, 2], expected[alike, 2], tolerance=1e-3, absolute=True)


def equal_labels(model: str) -> str:
    """Return the model with its equalities written as common labels; lavaan's has ``c == d`` on a line of its own."""
    return model.replace("\nc == d", "").replace("d*x9", "c*x9")
