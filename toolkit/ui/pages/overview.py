"""A service lead sees where services and their units stand, how they moved, and who answered."""

from __future__ import annotations

from typing import Any

import streamlit as st

from toolkit.reporting.service_charts import units_chart
from toolkit.reporting.service_findings import aggregation_sentence
from toolkit.reporting.service_labels import Labels
from toolkit.reporting.service_tables import units_table
from toolkit.ui import staff
from toolkit.ui.compared import Compared, choose_compared
from toolkit.ui.figures import show_chart, show_table
from toolkit.ui.service_parts import choose_wave, say_what_can_be_said, show_rates, show_trends


def show() -> None:
    """Show the page."""
    opened = staff.open_page("overview")
    if opened is None:
        return
    language, say = opened
    st.text(say["overview_introduction"])
    compared = choose_compared(say, language)
    if compared is None:
        return
    labels = compared.labels(language)
    left, right = st.columns(2)
    with left:
        service = st.selectbox(
            say["overview_service"],
            ["", *sorted(compared.services, key=labels.groups.__getitem__)],
            format_func=lambda one: labels.group("service" if one else "all", one),
            key="overview_service",
        )
    with right:
        wave = choose_wave(compared, labels, say, key="overview_wave")
    kind = "service" if service else "all"
    say_what_can_be_said(compared, kind=kind, group=service, wave=wave, labels=labels, say=say)
    show_trends(compared, kind=kind, group=service, labels=labels, say=say)
    _units(compared, service or None, wave, labels, say)
    show_rates(compared, wave=wave, service=service or None, labels=labels, say=say)


def _units(compared: Compared, service: str | None, wave: str, labels: Labels, say: dict[str, str]) -> None:
    st.html(f'<h2 class="eot-part">{say["overview_units"]}</h2>')
    st.text(say["overview_units_text"])
    scale = st.selectbox(
        say["overview_scale"],
        list(compared.instrument_of(wave).scales),
        format_func=labels.scales.__getitem__,
        key="overview_scale",
    )
    sentence = compared.keep(aggregation_sentence, compared.comparison, scale=scale, wave=wave, labels=labels)
    if sentence:
        st.text(sentence)
    chosen: dict[str, Any] = {"scale": scale, "wave": wave, "parent": service, "labels": labels}
    show_chart(compared.keep(units_chart, compared.comparison, **chosen), say, key="units", heading=False)
    show_table(compared.keep(units_table, compared.comparison, **chosen), say, key="units")
