"""A service lead looks at one unit: scores over time, answers, response rate, and what may not be shown."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from toolkit.disclosure.thresholds import NOT_SHOWN
from toolkit.reporting.service_charts import answers_chart
from toolkit.reporting.service_labels import Labels
from toolkit.reporting.service_tables import shares_table
from toolkit.ui import staff
from toolkit.ui.compared import Compared, choose_compared
from toolkit.ui.figures import show_chart, show_table
from toolkit.ui.service_parts import choose_wave, is_shown, say_what_can_be_said, show_rates, show_trends


def show() -> None:
    """Show the page."""
    opened = staff.open_page("unit")
    if opened is None:
        return
    language, say = opened
    compared = choose_compared(say, language)
    if compared is None:
        return
    labels = compared.labels(language)
    wave = choose_wave(compared, labels, say, key="unit_wave")
    left, right = st.columns(2)
    with left:
        services = sorted({service for of, service in compared.units_of if of == wave}, key=labels.groups.__getitem__)
        service = st.selectbox(
            say["overview_service"], services, format_func=labels.groups.__getitem__, key="unit_service"
        )
    with right:
        unit = st.selectbox(
            say["staff_unit"],
            compared.units_of[wave, service],
            format_func=labels.groups.__getitem__,
            key="unit_unit",
        )
    if not is_shown(compared, kind="unit", group=unit, wave=wave):
        st.info(_instead(compared, unit, service, wave, labels))
    else:
        say_what_can_be_said(compared, kind="unit", group=unit, wave=wave, labels=labels, say=say)
    show_trends(compared, kind="unit", group=unit, labels=labels, say=say)
    _answers(compared, unit, wave, labels, say)
    show_rates(compared, wave=wave, service=service, labels=labels, say=say)


def _instead(compared: Compared, unit: str, service: str, wave: str, labels: Labels) -> str:
    """Name the next larger group that can be shown."""
    for kind, group in (("service", service), ("all", "")):
        if is_shown(compared, kind=kind, group=group, wave=wave):
            return labels.words["not_shown_place"].format(
                group=labels.group("unit", unit), larger=labels.group(kind, group)
            )
    return labels.words["not_shown_nowhere"].format(group=labels.group("unit", unit))


def _answers(compared: Compared, unit: str, wave: str, labels: Labels, say: dict[str, str]) -> None:
    st.html(f'<h2 class="eot-part">{escape(say["unit_answers"])}</h2>')
    instrument = compared.instrument_of(wave)
    scale = st.selectbox(
        say["overview_scale"], list(instrument.scales), format_func=labels.scales.__getitem__, key="unit_scale"
    )
    chosen: dict[str, Any] = {"kind": "unit", "group": unit, "wave": wave, "labels": labels}
    draft = compared.keep(answers_chart, compared.distributions, instrument, scale=scale, **chosen)
    if draft is None:
        st.info(NOT_SHOWN.get(labels.language, NOT_SHOWN["en"]))
        return
    show_chart(draft, say, key="answers", heading=False)
    items = instrument.scales[scale].items
    show_table(
        compared.keep(shares_table, compared.distributions, scale=scale, items=items, **chosen), say, key="answers"
    )
