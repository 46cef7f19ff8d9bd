"""A service lead asks what changed between two waves, and is refused where that cannot be told."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from toolkit.reporting.service_charts import break_sentences, changes_chart
from toolkit.reporting.service_findings import what_can_we_say
from toolkit.reporting.service_labels import Labels
from toolkit.reporting.service_tables import changes_table
from toolkit.ui import staff
from toolkit.ui.compared import Compared, choose_compared
from toolkit.ui.figures import show_chart, show_table
from toolkit.ui.service_parts import show_sentences


def show() -> None:
    """Show the page."""
    opened = staff.open_page("change")
    if opened is None:
        return
    language, say = opened
    st.text(say["change_introduction"])
    compared = choose_compared(say, language)
    if compared is None:
        return
    labels = compared.labels(language)
    pairs = _pairs(compared)
    if not pairs:
        st.info(labels.words["one_wave"])
        return
    left, right = st.columns(2)
    with left:
        kind, group = st.selectbox(
            say["change_group"],
            _groups(compared, labels),
            format_func=lambda one: labels.group(*one),
            key="change_group",
        )
    with right:
        wave_from, wave_to = st.selectbox(
            say["change_waves"],
            pairs,
            format_func=lambda pair: f"{labels.waves[pair[0]]} \N{RIGHTWARDS ARROW} {labels.waves[pair[1]]}",
            key="change_waves",
        )
    chosen: dict[str, Any] = {
        "kind": kind,
        "group": group,
        "wave_from": wave_from,
        "wave_to": wave_to,
        "labels": labels,
    }
    sentences = compared.keep(what_can_we_say, compared.comparison, **chosen)
    show_sentences(sentences, say, is_demo=compared.waves[wave_to].is_demo)
    show_chart(compared.keep(changes_chart, compared.comparison, **chosen), say, key="changes")
    st.caption(say["change_marks"])
    show_table(compared.keep(changes_table, compared.comparison, **chosen), say, key="changes", is_open=True)
    for sentence in compared.keep(
        break_sentences, compared.comparison, scales=compared.comparison.scales, labels=labels
    ):
        st.html(f'<p class="eot-break">{escape(sentence)}</p>')


def _pairs(compared: Compared) -> list[tuple[str, str]]:
    """Return the pairs of waves that were compared, the newest first."""
    table = compared.comparison.changes
    pairs = dict.fromkeys(zip(table["wave_from"].astype(str), table["wave_to"].astype(str), strict=True))
    waves = compared.comparison.waves
    return sorted(pairs, key=lambda pair: (waves.index(pair[1]), waves.index(pair[0])), reverse=True)


def _groups(compared: Compared, labels: Labels) -> list[tuple[str, str]]:
    """Return all together, then each service with its units, by name."""
    table = compared.comparison.changes
    groups: list[tuple[str, str]] = [("all", "")]
    for service in sorted(compared.services, key=labels.groups.__getitem__):
        groups.append(("service", service))
        units = set(table.loc[(table["kind"] == "unit") & (table["parent"] == service), "group"])
        groups += [("unit", unit) for unit in sorted(units, key=lambda unit: labels.group("unit", unit))]
    return groups
