"""Staff validate a questionnaire on the answers of a frozen wave or an uploaded file (demonstration only for now)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from typing import Any, get_args

import streamlit as st
from babel.numbers import format_decimal

from toolkit.disclosure.thresholds import NOT_SHOWN
from toolkit.errors import Code, ToolkitError
from toolkit.instruments.catalog import Entry
from toolkit.instruments.definition import version_order
from toolkit.instruments.instrument import Instrument
from toolkit.reporting.validation_report import ValidationReport, report_language
from toolkit.ui import confirming, staff, theme, validating
from toolkit.ui.problems import show_problems
from toolkit.ui.validating import Answers
from toolkit.ui.words import FALLBACK, language_name
from toolkit.validation.jobs import Job
from toolkit.validation.plan import Method, Missing, Rotation, ValidationPlan
from toolkit.validation.run import STEPS
from toolkit.wiring import services

RUN = "run"
"""Names the run in the address, so that a reload or another tab shows the same one."""
STORED = "validation_stored"
WATCH_SECONDS = 0.5
REPORT_HEIGHT = 760
Say = dict[str, str]


def show() -> None:
    """Show the page."""
    opened = staff.open_page("validation")
    if opened is None:
        return
    language, say = opened
    st.text(say["validation_introduction"])
    entries = sorted(services().catalog.entries(), key=lambda entry: version_order(entry.version), reverse=True)
    entries.sort(key=lambda entry: entry.id)
    if not entries:
        st.info(say["validation_no_instrument"])
        return
    with st.container(border=True):
        _ask(entries, language, say)
    key = st.query_params.get(RUN)
    if key is not None:
        _follow(key, language, say)


def _ask(entries: list[Entry], language: str, say: Say) -> None:
    """Offer the choices and the Start button."""
    titles = {entry.name: _title(entry, language) for entry in entries}
    chosen = st.selectbox(
        say["staff_instrument"],
        list(titles),
        format_func=titles.__getitem__,
        key="validation_instrument",
    )
    try:
        instrument = services().catalog.load(chosen)
    except ToolkitError as error:
        _refuse(error, language, say)
        return
    answers, columns = _choose_answers(instrument, say)
    plan, spoken = _choose_plan(instrument, columns, language, say)
    if st.button(say["validation_start"], type="primary", disabled=answers is None, key="validation_start") and answers:
        st.query_params.pop(RUN, None)
        try:
            chosen_plan = plan()
            job = validating.start(instrument, answers(chosen_plan.invariance_by), chosen_plan, spoken)
        except ToolkitError as error:
            _refuse(error, language, say)
            return
        st.session_state[STORED] = job.key if job.state == "done" else None
        st.query_params[RUN] = job.key


def _title(entry: Entry, language: str) -> str:
    """Name a version by its title; one that cannot be loaded keeps its bare name, and tells why when it is chosen."""
    try:
        instrument = services().catalog.load(entry.name)
    except ToolkitError:
        return entry.name
    text = instrument.texts[language if language in instrument.texts else instrument.languages[0]]
    return f"{text.title} ({entry.name})"


def _choose_answers(instrument: Instrument, say: Say) -> tuple[Callable[[str | None], Answers] | None, tuple[str, ...]]:
    """Offer waves and a file; return how to get the answers, None while nothing is chosen, and columns of groups."""
    kind = st.radio(
        say["validation_answers"],
        ["wave", "file"],
        format_func=lambda one: say[f"validation_from_{one}"],
        horizontal=True,
        key="validation_kind",
    )
    if kind == "file":
        uploaded = st.file_uploader(
            say["validation_upload"], type="csv", help=say["validation_upload_help"], key="validation_upload"
        )
        theme.note(say["validation_upload_note"])
        columns = validating.columns_of_file(instrument)
        if uploaded is None:
            return None, columns
        return partial(validating.answers_of_file, instrument, uploaded.name, uploaded.getvalue()), columns
    waves = {wave.id: wave.name for wave in validating.frozen_waves(instrument.name)}
    if not waves:
        st.info(say["validation_no_wave"])
        return None, validating.columns_of_wave(instrument)
    wave = st.selectbox(say["validation_wave"], list(waves), format_func=waves.__getitem__, key="validation_wave")
    return partial(validating.answers_of_wave, instrument, wave), validating.columns_of_wave(instrument)


def _choose_plan(
    instrument: Instrument, columns: tuple[str, ...], language: str, say: Say
) -> tuple[Callable[[], ValidationPlan], str]:
    """Offer the decisions of a run; return how to make the plan of them, and the language of the item texts."""
    default = ValidationPlan()
    with st.expander(say["validation_options"]):
        left, right = st.columns(2)
        n_factors = left.number_input(
            say["validation_factors"],
            min_value=1,
            max_value=100,
            value=default.n_factors,
            placeholder=say["validation_factors_default"],
            help=say["validation_factors_help"],
            key="validation_factors",
        )
        missing = right.selectbox(
            say["validation_missing"],
            get_args(Missing),
            format_func=lambda one: say[f"validation_missing_{one}"],
            help=say["validation_missing_help"],
            key="validation_missing",
        )
        method = left.selectbox(
            say["validation_method"],
            get_args(Method),
            format_func=lambda one: say[f"validation_method_{one}"],
            help=say["validation_method_help"],
            key="validation_method",
        )
        rotation = right.selectbox(
            say["validation_rotation"],
            get_args(Rotation),
            help=say["validation_rotation_help"],
            key="validation_rotation",
        )
        n_datasets = left.number_input(
            say["validation_datasets"],
            min_value=20,
            max_value=100_000,
            value=default.n_datasets,
            help=say["validation_datasets_help"],
            key="validation_datasets",
        )
        seed = right.number_input(
            say["validation_seed"],
            min_value=0,
            max_value=2**32 - 1,
            value=default.seed,
            help=say["validation_seed_help"],
            key="validation_seed",
        )
        level = left.number_input(
            say["validation_level"],
            min_value=0.5,
            max_value=0.999,
            value=default.level,
            step=0.01,
            format="%.3f",
            help=say["validation_level_help"],
            key="validation_level",
        )
        best = language if language in instrument.languages else report_language(instrument, None)
        spoken = right.selectbox(
            say["validation_language"],
            instrument.languages,
            index=instrument.languages.index(best),
            format_func=language_name,
            help=say["validation_language_help"],
            key=f"validation_language-{instrument.name}",
        )
        st.html(f'<p class="eot-chart">{escape(say["validation_confirmatory"])}</p>')
        confirmatory = confirming.choose(instrument, columns, language, say)
    plan = partial(
        ValidationPlan,
        n_factors=n_factors,
        method=method,
        rotation=rotation,
        missing=missing,
        n_datasets=n_datasets,
        seed=seed,
        level=level,
        **confirmatory.options(),
    )
    return plan, spoken


def _refuse(error: ToolkitError, language: str, say: Say) -> None:
    if error.codes == (Code.COL_TOO_FEW_TO_VALIDATE,):
        st.info(NOT_SHOWN.get(language, NOT_SHOWN[FALLBACK]))
        return
    st.error(say["validation_refused"])
    show_problems(error.problems, say)


def _follow(key: str, language: str, say: Say) -> None:
    """Show how far a run is, or what came of it."""
    job = services().jobs.find(key)
    if job is None:
        st.info(say["validation_forgotten"])
    elif not job.ended:
        _watch(key, say)
    elif job.state == "cancelled":
        st.info(say["validation_cancelled"])
    elif job.state == "failed":
        st.error(say["validation_failed"])
        show_problems(job.problems, say)
    else:
        _report(job, language, say)


@st.fragment(run_every=WATCH_SECONDS)
def _watch(key: str, say: Say) -> None:
    """Show the steps as they go; only this part runs again until the run has ended."""
    job = services().jobs.find(key)
    if job is None or job.ended:
        st.rerun()
    st.progress(job.step / job.n_steps if job.n_steps else 0.0, text=_label(job, say))
    st.button(
        say["validation_cancel"],
        on_click=services().jobs.cancel,
        args=(key,),
        disabled=job.stopping,
        key="validation_cancel",
    )


def _label(job: Job, say: Say) -> str:
    """Say in the page's language what a run does now."""
    if job.stopping:
        return say["validation_stopping"]
    if job.state == "waiting":
        return say["validation_waiting"]
    # The run tells the step by number; the last one is the report.
    return say[f"validation_step_{min(job.step, len(STEPS))}"] if job.n_steps else say["validation_step_0"]


def _report(job: Job, language: str, say: Say) -> None:
    report: ValidationReport = job.result
    stored = st.session_state.get(STORED) == job.key
    st.success(say["validation_stored"] if stored else say["validation_done"])
    st.subheader(say["validation_result"].format(source=report.source, instrument=report.instrument), anchor=False)
    if report.results["data"]["synthetic"]:
        st.info(say["validation_synthetic"])
    theme.facts(_findings(report, language, say))
    theme.note(say["validation_findings_note"])
    with st.container(horizontal=True):
        st.download_button(
            say["validation_save_report"],
            report.files["report.html"],
            file_name="report.html",
            mime="text/html",
            on_click="ignore",
            key="validation_save_report",
        )
        st.download_button(
            say["validation_save_results"],
            report.files["results.json"],
            file_name="results.json",
            mime="application/json",
            on_click="ignore",
            key="validation_save_results",
        )
        st.download_button(
            say["validation_save_tables"],
            _zipped(report.files),
            file_name="tables.zip",
            mime="application/zip",
            on_click="ignore",
            key="validation_save_tables",
        )
    confirming.show(report, language, say)
    address = f"{staff.REPORTS}/{job.key}"
    st.html(f'<p><a href="{address}" target="_blank">{escape(say["validation_open_report"])}</a></p>')
    st.iframe(address, height=REPORT_HEIGHT, alt=say["validation_report"])


def _findings(report: ValidationReport, language: str, say: Say) -> dict[str, str]:
    """Put the figures that are looked for first into words."""
    results = report.results
    absent = say["validation_not_computed"]
    found = {
        say["validation_respondents"]: format_decimal(results["data"]["n_persons"], locale=language),
        say["validation_items"]: say["validation_items_value"].format(
            items=results["instrument"]["n_items"], scales=results["instrument"]["n_scales"]
        ),
    }
    structure = results["structure"]
    if structure is not None:
        found[say["validation_found_factors"]] = say["validation_factors_value"].format(
            extracted=structure["n_factors"] if structure["efa"] else absent,
            suggested=structure["parallel_analysis"]["n_factors"] if structure["parallel_analysis"] else absent,
        )
    if results["data"]["wave"] is not None and len(results["data"]["waves"]) > 1:
        found[say["validation_wave"]] = say["validation_wave_value"].format(
            wave=results["data"]["wave"], waves=len(results["data"]["waves"])
        )
    if results["units"] is not None:
        found[say["validation_units"]] = format_decimal(results["units"]["n_units"], locale=language)
    for code, scale in results["scales"].items():
        alpha = scale["alpha"]
        value = absent
        if alpha is not None and alpha["estimate"] is not None:
            value = say["validation_alpha_value"].format(
                alpha=_two_decimals(alpha["estimate"], language, absent),
                low=_two_decimals(alpha["interval"]["low"], language, absent),
                high=_two_decimals(alpha["interval"]["high"], language, absent),
            ) + _with_units(scale["units"], language, say)
        found[say["validation_alpha"].format(scale=report.scale_names[code])] = value
    found |= confirming.findings(results, language, say)
    verdicts = [rating["verdict"] for rating in results["ratings"]]
    found[say["validation_ratings"]] = say["validation_ratings_value"].format(
        **{verdict: verdicts.count(verdict) for verdict in ("sufficient", "insufficient", "indeterminate")}
    )
    found[say["validation_notes"]] = str(len(results["warnings"]) + len(results["not_computed"]))
    return found


def _with_units(units: Mapping[str, Any] | None, language: str, say: Say) -> str:
    """Say beside an interval what it ignores: how alike persons of a unit are, and the interval that respects units."""
    if units is None:
        return ""
    absent = say["validation_not_computed"]
    told = ""
    if units["alpha"] is not None:
        told += say["validation_alpha_units"].format(
            low=_two_decimals(units["alpha"]["interval"]["low"], language, absent),
            high=_two_decimals(units["alpha"]["interval"]["high"], language, absent),
        )
    if units["design_effect"] is not None:
        told += say["validation_design_effect"].format(
            icc1=_two_decimals(units["design_effect"]["icc1"], language, absent),
            effect=_two_decimals(units["design_effect"]["design_effect"], language, absent),
        )
    return told


def _two_decimals(number: float | None, language: str, absent: str) -> str:
    # Adding zero takes the sign from a number that rounds to it.
    return absent if number is None else format_decimal(round(number, 2) + 0.0, format="0.00", locale=language)


def _zipped(files: Mapping[str, str]) -> bytes:
    """Pack the tables; the same tables give the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            if name.startswith("tables/"):
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
