"""Fitted models and invariance analyses turn into figures and tables that agree with their numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from toolkit.psychometrics.cfa.cfa import CfaResult, cfa
from toolkit.psychometrics.cfa.invariance import InvarianceResult, invariance
from toolkit.reporting.model_report import (
    invariance_figures,
    invariance_tables,
    invariance_verdict,
    model_drafts,
    model_figures,
    model_tables,
)
from toolkit.reporting.words import report_words

MODEL = "first =~ a1 + a2 + a3\nsecond =~ b1 + b2 + b3"


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    factors = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], 600)
    loadings = np.array([[0.8, 0], [0.7, 0], [0.6, 0], [0, 0.75], [0, 0.7], [0, 0.65]])
    items = factors @ loadings.T + rng.normal(size=(600, 6)) * np.sqrt(1 - (loadings**2).sum(axis=1))
    frame = pd.DataFrame(items, columns=["a1", "a2", "a3", "b1", "b2", "b3"])
    frame["site"] = np.repeat(["north", "south"], 300)
    frame.loc[frame["site"] == "south", "a3"] += 0.8
    return frame


@pytest.fixture(scope="module")
def fitted(answers: pd.DataFrame) -> CfaResult:
    return cfa(answers, MODEL, estimator="MLR")


@pytest.fixture(scope="module")
def compared(answers: pd.DataFrame) -> InvarianceResult:
    return invariance(answers, MODEL, group="site")


def test_every_figure_names_a_table_that_is_there(fitted: CfaResult) -> None:
    figures = model_figures(fitted, prefix="cfa_two")
    tables = model_tables(fitted, prefix="cfa_two")
    assert list(figures) == ["cfa_two-path", "cfa_two-loadings", "cfa_two-residuals"]
    assert {figure.table for figure in figures.values()} <= set(tables)
    assert all(name == table.name and name.startswith("cfa_two_") for name, table in tables.items())
    assert tables["cfa_two_fit"].frame.set_index("code").loc["cfi", "robust"] == fitted.fit["cfi.robust"]
    assert tables["cfa_two_loadings"].frame["std"].tolist() == fitted.standardized["est"].tolist()[:6]
    assert tables["cfa_two_modification_indices"].frame["mi"].iloc[0] == fitted.modification_indices()["mi"].iloc[0]
    assert "cfa_two_residual_correlations" not in tables
    assert report_words("en")["cfa_flag"] not in "".join(figure.title for figure in figures.values())


def test_groups_have_figures_and_tables_of_their_own(answers: pd.DataFrame) -> None:
    result = cfa(answers, MODEL, group="site")
    figures = model_figures(result, language="nb")
    assert [name for name in figures if "path" in name] == ["cfa-path", "cfa-path-2"]
    tables = model_tables(result, language="nb")
    assert {figure.table for figure in figures.values()} <= set(tables)
    south = result.residuals.loc["south"]
    assert tables["cfa_residuals_south"].frame["a1"].tolist()[2] == south.loc["a3", "a1"]
    assert set(tables["cfa_loadings"].frame["group"]) == {"north", "south"}


def test_an_inadmissible_fit_is_flagged_everywhere() -> None:
    rng = np.random.default_rng(11)
    base = rng.normal(size=(60, 1))
    frame = pd.DataFrame(0.5 * base + rng.normal(size=(60, 4)), columns=["a", "b", "c", "d"])
    frame["b"] = frame["a"] * 1.5 + rng.normal(size=60) * 0.05
    result = cfa(frame, "f =~ a + b + c + d\na ~~ c")
    assert not result.admissible
    words = report_words("en")
    drafts = model_drafts(result)
    assert all(words["cfa_flag"] in draft.title for draft in drafts)
    figures = model_figures(result)
    for figure in figures.values():
        assert words["cfa_flag"] in figure.title
        assert words["cfa_inadmissible"] in figure.alternative
    assert all(words["cfa_inadmissible"] in table.note for table in model_tables(result).values())


def test_invariance_is_shown_as_it_was_judged(compared: InvarianceResult) -> None:
    assert compared.verdict == "not_supported"
    said = invariance_verdict(compared)
    assert "means may not" in said
    partial = compared.partial()
    tables = invariance_tables(compared, partial=partial)
    figures = invariance_figures(compared, partial=partial)
    assert set(tables) == {"invariance", "latent_means", "invariance_freed"}
    assert {figure.table for figure in figures.values()} == {"invariance", "latent_means"}
    assert tables["invariance_freed"].frame["parameter"].tolist() == ["intercept of a3"]
    assert tables["invariance_freed"].frame["mi"].tolist() == partial.freed["mi"].tolist()
    assert said in figures["invariance-ladder"].alternative
    assert tables["invariance"].frame["d_cfi"].tolist()[1:] == compared.tests["d_cfi"].tolist()
    assert set(tables["latent_means"].frame["intercepts"]) == {"held equal", "not held equal", "held equal, some freed"}
    assert "what is held equal changes the conclusion" in tables["latent_means"].note
    assert "gjennomsnitt kan ikke" in invariance_verdict(compared, language="nb")
