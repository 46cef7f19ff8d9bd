"""The confirmatory model on the validation page: its choices, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, get_args

import streamlit as st

from toolkit.instruments.instrument import Instrument
from toolkit.reporting.confirmation_report import ConfirmationPage
from toolkit.reporting.validation_report import ValidationReport
from toolkit.reporting.words import number
from toolkit.ui import theme
from toolkit.ui.figures import show_figure, show_table
from toolkit.ui.words import FALLBACK
from toolkit.validation.plan import CfaEstimator, ModelStructure

DEFAULT, OWN, NONE = "default", "own", "none"
OPEN_TABLES = ("cfa_fit", "invariance")
"""Tables that are unfolded from the start."""
TABLES_OF_THE_MODEL = (
    "cfa_fit",
    "cfa_structures",
    "cfa_dynamic_cutoffs",
    "cfa_loadings",
    "cfa_factor_correlations",
    "cfa_residual_correlations",
    "cfa_residual_variances",
    "cfa_reliability",
    "cfa_htmt",
    "cfa_residuals",
    "cfa_modification_indices",
)
TABLES_OF_THE_GROUPS = ("invariance", "latent_means", "invariance_freed")
Say = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmatoryChoice:
    """What was chosen; the fields are those of the plan."""

    confirm: bool
    model: str | None
    cfa_estimator: CfaEstimator | None
    invariance_by: str | None
    dynamic_cutoffs: bool
    split: bool

    def options(self) -> dict[str, Any]:
        """Return the choices by the names of the plan."""
        return {name: getattr(self, name) for name in self.__slots__}


def choose(instrument: Instrument, columns: Sequence[str], language: str, say: Say) -> ConfirmatoryChoice:
    """Offer the choices of the confirmatory model.

    Parameters
    ----------
    instrument : Instrument
        What was answered.
    columns : sequence of str
        Columns whose groups can be compared.
    language : str
        Language of the page.
    say : dict of str to str
        Words of the page.
    """
    left, right = st.columns(2)
    chosen = left.selectbox(
        say["validation_model"],
        [DEFAULT, *(name for name in get_args(ModelStructure) if name != "correlated"), OWN, NONE],
        format_func=lambda one: say[f"validation_model_{one}"],
        help=say["validation_model_help"],
        key="validation_model",
    )
    confirm = chosen != NONE
    estimator = right.selectbox(
        say["validation_estimator"],
        [None, *get_args(CfaEstimator)],
        format_func=lambda one: say["validation_estimator_default"] if one is None else one,
        help=say["validation_estimator_help"],
        disabled=not confirm,
        key="validation_estimator",
    )
    text = ""
    if chosen == OWN:
        text = st.text_area(
            say["validation_model_text"],
            help=say["validation_model_text_help"],
            placeholder="one =~ " + " + ".join(instrument.item_codes[:4]),
            key="validation_model_text",
        )
    by = left.selectbox(
        say["validation_invariance"],
        [None, *columns],
        format_func=lambda one: _column(one, instrument, language, say),
        help=say["validation_invariance_help"],
        disabled=not confirm,
        key="validation_invariance",
    )
    with right:
        split = st.checkbox(
            say["validation_split"], help=say["validation_split_help"], disabled=not confirm, key="validation_split"
        )
        dynamic = st.checkbox(
            say["validation_dynamic"],
            help=say["validation_dynamic_help"],
            disabled=not confirm,
            key="validation_dynamic",
        )
    model = {DEFAULT: None, NONE: None, OWN: f"{text.rstrip()}\n"}.get(chosen, chosen)
    return ConfirmatoryChoice(
        confirm=confirm,
        model=model,
        cfa_estimator=estimator if confirm else None,
        invariance_by=by if confirm else None,
        dynamic_cutoffs=dynamic and confirm,
        split=split and confirm,
    )


def _column(name: str | None, instrument: Instrument, language: str, say: Say) -> str:
    """Name a column in the language of the page."""
    if name is None:
        return say["validation_invariance_none"]
    if f"validation_by_{name}" in say:
        return say[f"validation_by_{name}"]
    text = instrument.texts[language if language in instrument.texts else instrument.languages[0]]
    return text.covariates[name].text if name in text.covariates else name


def findings(results: Mapping[str, Any], language: str, say: Say) -> dict[str, str]:
    """Put the fit of the model, and whether means may be compared, into words."""
    confirmation = results["confirmation"]
    if confirmation is None:
        return {}
    result, compared = confirmation["result"], confirmation["invariance"]
    value = say["validation_not_computed"]
    if result is not None and not (result["converged"] and result["admissible"]):
        value = say["validation_fit_unreadable"]
    elif result is not None:
        kind = "" if result["judged_by"] == "naive" else f".{result['judged_by']}"
        fit = {name: result["fit"].get(key) for name, key in (("cfi", f"cfi{kind}"), ("rmsea", f"rmsea{kind}"))}
        fit["srmr"] = result["fit"]["srmr"]
        value = say["validation_fit_value"].format(
            persons=say[f"validation_fit_{confirmation['sample']}"],
            **{name: number(math.nan if one is None else one, language, 3) for name, one in fit.items()},
        )
    found = {say["validation_fit"]: value}
    if compared is not None:
        found[say["validation_invariance_found"]] = say[f"validation_verdict_{compared['verdict']}"]
    return found


def show(report: ValidationReport, language: str, say: Say) -> None:
    """Show the confirmatory model of a report; nothing where there is none."""
    page = report.confirmation.get(language) or report.confirmation.get(FALLBACK)
    if page is None:
        return
    st.html(f'<h3 class="eot-part">{escape(say["validation_confirmatory"])}</h3>')
    for flag in page.flags:
        st.error(flag)
    for sentence in page.sentences:
        st.text(sentence)
    _figures(page, say, "cfa")
    if page.codes:
        theme.note(f"{page.codes}.")
    _tables(page, TABLES_OF_THE_MODEL, say)
    if page.invariance:
        st.html(f'<h3 class="eot-part">{escape(say["validation_groups"])}</h3>')
        for sentence in page.invariance:
            st.text(sentence)
        _figures(page, say, "invariance")
        _tables(page, TABLES_OF_THE_GROUPS, say)


def _figures(page: ConfirmationPage, say: Say, prefix: str) -> None:
    for name, figure in page.figures.items():
        if name.startswith(prefix):
            show_figure(figure, say, key=name)


def _tables(page: ConfirmationPage, names: Sequence[str], say: Say) -> None:
    for name in names:
        if name in page.tables:
            show_table(page.tables[name], say, key=f"validation-{name}", is_open=name in OPEN_TABLES)
