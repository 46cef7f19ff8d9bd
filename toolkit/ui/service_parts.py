"""Parts that the pages of a service lead share: choosing, saying what can be said, and trends."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from toolkit.reporting.service_charts import break_sentences, trend_chart
from toolkit.reporting.service_findings import what_can_we_say
from toolkit.reporting.service_labels import Labels, notes_on
from toolkit.reporting.service_tables import levels_table, of_group, rates_table
from toolkit.ui.compared import Compared
from toolkit.ui.figures import show_chart, show_table

COLUMNS = 3


def choose_wave(compared: Compared, labels: Labels, say: dict[str, str], *, key: str) -> str:
    """Offer the waves, the newest first; return the chosen one."""
    waves = list(reversed(compared.comparison.waves))
    chosen: str = st.selectbox(say["compared_wave"], waves, format_func=labels.waves.__getitem__, key=key)
    return chosen


def wave_before(compared: Compared, wave: str) -> str | None:
    """Return the wave before another one, or None for the first."""
    waves = compared.comparison.waves
    place = waves.index(wave)
    return waves[place - 1] if place else None


def is_shown(compared: Compared, *, kind: str, group: str, wave: str) -> bool:
    """Return whether any scale of a group may be shown in a wave."""
    rows = of_group(compared.comparison.levels, kind, group)
    return bool(rows.loc[rows["wave"] == wave, "shown"].any())


def say_what_can_be_said(
    compared: Compared, *, kind: str, group: str, wave: str, labels: Labels, say: dict[str, str]
) -> None:
    """Write two sentences on the change since the wave before, and whose answers they rest on."""
    before = wave_before(compared, wave)
    sentences: Sequence[str]
    if before is None:
        sentences = [labels.words["one_wave"] if len(compared.waves) == 1 else say["compared_first_wave"]]
    else:
        sentences = compared.keep(
            what_can_we_say, compared.comparison, kind=kind, group=group, wave_from=before, wave_to=wave, labels=labels
        )
    show_sentences(sentences, say, is_demo=compared.waves[wave].is_demo)


def show_sentences(sentences: Sequence[str], say: dict[str, str], *, is_demo: bool) -> None:
    """Write what can be said in a box of its own, and that synthetic answers say nothing about anybody."""
    told = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    demo = f'<p class="eot-note">{escape(say["compared_demo"])}</p>' if is_demo else ""
    heading = escape(say["compared_say"])
    st.html(f'<section class="eot-say" aria-label="{heading}"><h2>{heading}</h2>{told}{demo}</section>')


def show_trends(compared: Compared, *, kind: str, group: str, labels: Labels, say: dict[str, str]) -> None:
    """Show every scale of a group over the waves, say why lines break, and give the numbers."""
    found = compared.comparison
    if not of_group(found.levels, kind, group)["shown"].any():
        return
    st.html(f'<h2 class="eot-part">{escape(say["compared_trends"])}</h2>')
    for sentence in compared.keep(break_sentences, found, scales=found.scales, labels=labels):
        st.html(f'<p class="eot-break">{escape(sentence)}</p>')
    for sentence in compared.keep(notes_on, found, labels, kind=kind, group=group):
        st.html(f'<p class="eot-note">{escape(sentence)}</p>')
    for first in range(0, len(found.scales), COLUMNS):
        # A row at a time, so that a narrow screen, which stacks the columns, keeps the order of the scales.
        for column, scale in zip(st.columns(COLUMNS), found.scales[first : first + COLUMNS], strict=False):
            with column:
                chart = compared.keep(trend_chart, found, scale=scale, kind=kind, group=group, labels=labels)
                show_chart(chart, say, key=f"trend-{scale}")
    st.caption(say["compared_trend_marks"].format(level=labels.level(found.level)))
    show_table(compared.keep(levels_table, found, kind=kind, group=group, labels=labels), say, key="levels")


def show_rates(compared: Compared, *, wave: str, service: str | None, labels: Labels, say: dict[str, str]) -> None:
    """Show who answered out of whom, in all or in one service with its units."""
    st.html(f'<h2 class="eot-part">{escape(say["compared_rates"])}</h2>')
    if compared.rates is None:
        st.info(say["compared_no_rates"])
        return
    table = compared.keep(rates_table, compared.rates, wave=wave, parent=service, labels=labels)
    show_table(table, say, key="rates", is_open=True)
