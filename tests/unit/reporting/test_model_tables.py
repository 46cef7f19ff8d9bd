"""Tables of a confirmatory model show what exists in full precision, with formulas, cut-offs and warnings."""

from __future__ import annotations

import io
import math

import pandas as pd
import pytest

from tests.confirmatory_solutions import blocks, heywood, solution
from toolkit.reporting.model_tables import (
    factor_correlation_matrix,
    factor_correlations_table,
    fit_table,
    htmt_table,
    loadings_table,
    model_reliability_table,
    modification_table,
    residual_correlations_table,
    residual_variances_table,
    table_flags,
)
from toolkit.reporting.table import Table
from toolkit.reporting.words import report_words

NAIVE = {
    "npar": 21.0, "chisq": 85.30552, "df": 24.0, "pvalue": 8.5e-9, "cfi": 0.93056, "tli": 0.89584, "rmsea": 0.092121,
    "rmsea.ci.lower": 0.0714, "rmsea.ci.upper": 0.1137, "rmsea.pvalue": 0.00066, "srmr": 0.0652,
    "logl": -3737.745, "aic": 7517.490, "bic": 7595.339,
}  # fmt: skip
ROBUST = NAIVE | {
    "chisq.scaled": 87.13159, "df.scaled": 24.0, "pvalue.scaled": 4.3e-9, "chisq.scaling.factor": 0.97904,
    "chisq.shift.parameter": 0.0, "cfi.scaled": 0.925207, "cfi.robust": 0.929864, "rmsea.scaled": 0.0935,
    "rmsea.robust": 0.0925, "rmsea.ci.lower.robust": 0.072, "rmsea.ci.upper.robust": 0.1138,
}  # fmt: skip


def cell(table: Table, index: str, column: str) -> str:
    heads = [name for name, _, _ in table.columns]
    place = table.frame["code"].tolist().index(index)
    return table.rows[place][heads.index(column)]


def test_fit_shows_only_the_variants_that_exist() -> None:
    plain = fit_table(NAIVE, n_persons=301)
    assert "naive" in plain.frame
    assert not {"scaled", "robust"} & set(plain.frame.columns)
    both = fit_table(ROBUST, n_persons=301, family="likelihood")
    assert {"naive", "scaled", "robust"} <= set(both.frame.columns)
    assert "chisq.shift.parameter" not in both.frame["code"].tolist()
    assert cell(both, "chisq", "scaled") == "87.13"
    assert cell(both, "df", "scaled") == "24"
    assert cell(both, "cfi", "robust") == "0.930"
    assert cell(both, "srmr", "robust") == "\N{EN DASH}"
    assert cell(both, "aic", "naive") == "7,517.5"
    assert {row[-1] for row in both.rows} == {"301"}


def test_fit_names_the_formula_of_every_number() -> None:
    for language in ("en", "nb"):
        for family in ("likelihood", "full_information", "ordinal", None):
            table = fit_table(ROBUST, n_persons=301, family=family, language=language)
            assert all(table.frame["formula"])
    ordinal = fit_table(ROBUST, n_persons=301, family="ordinal")
    assert "Savalei (2021)" in cell(ordinal, "cfi", "formula")
    assert "Zhang" not in cell(ordinal, "cfi", "formula")
    assert "Zhang" in cell(fit_table(ROBUST, n_persons=301, family="full_information"), "cfi", "formula")
    assert "robust" not in cell(fit_table(NAIVE, n_persons=301), "cfi", "formula")


def test_fit_stands_beside_conventional_and_dynamic_cut_offs() -> None:
    table = fit_table(NAIVE, n_persons=301, dynamic={"level 1": {"cfi": 0.972, "srmr": 0.0412}})
    assert cell(table, "cfi", "side") == "at least"
    assert cell(table, "srmr", "side") == "at most"
    assert cell(table, "cfi", "conventional") == "0.950"
    assert cell(table, "cfi", "level 1") == "0.972"
    assert cell(table, "tli", "level 1") == "\N{EN DASH}"
    assert "10.1037/met0000425" in table.note
    assert "10.1037/met0000425" not in fit_table(NAIVE, n_persons=301).note
    read = pd.read_csv(io.StringIO(table.to_csv()))
    assert read.set_index("code").loc["srmr", "level 1"] == 0.0412
    assert read.set_index("code").loc["cfi", "naive"] == NAIVE["cfi"]


def test_loadings_stand_with_standard_errors_and_intervals() -> None:
    standardized = heywood()
    parameters = standardized.assign(est=standardized["est"] * 2, se=standardized["se"] * 2)
    first = parameters["rhs"].eq("x1") & parameters["op"].eq("=~")
    parameters.loc[first, ["se", "z", "p"]] = [0.0, math.nan, math.nan]
    table = loadings_table(parameters, standardized, names={"x1": "First"}, language="nb", flags=["Merk."])
    assert "group" not in table.frame
    assert table.frame["item"].tolist()[0] == "First"
    assert table.frame["est"].tolist()[0] == 1.24
    assert math.isnan(table.frame["se"].iloc[0])
    assert table.rows[0][2:5] == ["0,620", "0,040", "0,542"]
    flagged = table.frame.set_index("item")["flag"]
    assert flagged["x2"] == report_words("nb")["cfa_flag_value"]
    assert (flagged.drop("x2") == "").all()
    assert table.note.startswith("Merk.")
    assert table.rows[0][-1] == ""


def test_groups_have_a_column_of_their_own() -> None:
    both = pd.concat([solution({"f": {"a": 0.5, "b": 0.6}}, group=group) for group in ("north", "south")])
    table = loadings_table(both, both)
    assert table.frame["group"].tolist() == ["north", "north", "south", "south"]
    assert table.n_labels == 3
    assert "flag" not in table.frame


def test_correlations_and_residuals_of_a_model() -> None:
    standardized = heywood()
    factors = factor_correlations_table(standardized)
    assert factors.frame["correlation"].tolist() == [0.46, 1.04, 0.28]
    assert [bool(flag) for flag in factors.frame["flag"]] == [False, True, False]
    residual = residual_correlations_table(standardized)
    assert residual.frame[["one", "other"]].to_numpy().tolist() == [["x7", "x8"], ["x2", "x6"], ["x1", "x3"]]
    variances = residual_variances_table(standardized).frame.set_index("item")
    assert variances.loc["x4", "explained"] == pytest.approx(0.85**2)
    assert variances.loc["x2", "flag"]
    assert residual_correlations_table(blocks([3, 3])).frame.empty
    matrix = factor_correlation_matrix(standardized, names={"speed": "Tempo"})
    assert matrix.rows[2] == ["Tempo", "1.04", "0.28", "1.00"]
    assert matrix.rows[0][2:] == ["\N{EN DASH}", "\N{EN DASH}"]


def test_modification_indices_come_with_a_warning() -> None:
    indices = pd.DataFrame(
        {
            "lhs": ["f", "a", "f"], "op": ["=~", "~~", "=~"], "rhs": ["d", "b", "e"], "group": ["", "", ""],
            "mi": [3.0, 36.4, math.nan], "epc": [0.1, 0.5, 0.0], "sepc": [0.1, 0.8, 0.0],
        }
    )  # fmt: skip
    for language, warned in (("en", "a change needs a reason from theory"), ("nb", "en grunn fra teorien")):
        table = modification_table(indices, language=language)
        assert table.rows[0][:3] == ["a", "\N{LEFT RIGHT ARROW}", "b"]
        assert table.rows[1][:3] == ["f", "\N{RIGHTWARDS ARROW}", "d"]
        assert len(table.rows) == 2
        assert warned in table.note
    assert len(modification_table(indices, n_shown=1).rows) == 1


def test_reliability_takes_any_coefficients_and_ratios_stand_once() -> None:
    given = pd.DataFrame({"omega": [0.8123, 0.7], "average_variance_extracted": [0.5, 0.4]}, index=["f", "g"])
    table = model_reliability_table(given, names={"f": "Faith"})
    assert table.rows[0] == ["Faith", "0.812", "0.500"]
    assert [heading for _, heading, _ in table.columns] == ["factor", "omega", "average variance extracted"]
    same = model_reliability_table(given.rename_axis("factor").reset_index())
    assert same.rows[1] == ["g", "0.700", "0.400"]
    ratios = pd.DataFrame([[1.0, 0.62], [0.62, 1.0]], index=["f", "g"], columns=["f", "g"])
    assert htmt_table(ratios).rows == [["f", "\N{EN DASH}", "\N{EN DASH}"], ["g", "0.620", "\N{EN DASH}"]]


def test_flags_of_all_groups_are_said() -> None:
    fine = solution({"f": {"a": 0.5, "b": 0.6}}, group="north")
    broken = solution({"f": {"a": 1.2, "b": 0.6}}, group="south")
    assert table_flags(fine, admissible=True, converged=True) == []
    told = table_flags(pd.concat([fine, broken]), admissible=False, converged=True)
    assert told[0] == report_words("en")["cfa_inadmissible"]
    assert any("1.20" in sentence for sentence in told)
