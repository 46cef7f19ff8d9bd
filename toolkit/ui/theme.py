"""How the pages look beyond Streamlit's theme, and what a screen reader is told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape

import streamlit as st

STYLE = """
<style>
:root {--eot-accent: ACCENT; --eot-on-accent: ON_IT; --eot-bar: BAR}
[data-testid="stBaseButton-primary"]:enabled {color: var(--eot-on-accent)}
[data-testid="stMain"] {scroll-padding-bottom: 5rem}
[data-testid="stMainBlockContainer"] {padding-top: 1.5rem; padding-bottom: 6rem; max-width: 54rem}
[data-testid="stHeader"] {background: transparent; height: 0; min-height: 0}
:focus-visible, [role="radiogroup"] label:focus-within {
  outline: 3px solid var(--eot-accent) !important; outline-offset: 2px; border-radius: 4px}
[data-testid="stMain"] a {color: var(--eot-accent)}
.eot-title {font-size: 1.2rem; font-weight: 600; line-height: 1.3; padding: 0; margin: 0}
.eot-heading {font-size: 1.65rem; line-height: 1.25; padding: 0; margin: 0; outline: none !important}
.eot-facts {padding: 0 !important; display: grid;
  grid-template-columns: max-content 1fr; gap: .35rem 1.25rem; margin: 0}
.eot-facts dt {font-weight: 600}
.eot-facts dd {margin: 0 !important}
.eot-note {font-size: .9rem; margin: 0; opacity: .88}
.eot-points {padding-left: 1.2rem; margin: .9rem 0 0}
.eot-points li {margin: 0 0 .5rem}
[class*="st-key-question-"] {gap: .35rem;
  border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent); padding-bottom: .9rem}
[class*="st-key-question-"] [data-testid="stWidgetLabel"] p {font-size: 1.06rem; font-weight: 600; line-height: 1.4}
[class*="st-key-question-"] [role="radiogroup"] label {
  min-height: 2rem; padding: .25rem .3rem; margin: 0}
[data-testid="stRadioOption"] > div {align-items: flex-start}
[data-testid="stRadioOption"] > div > div:first-child {margin-top: .22rem; flex: none}
[class*="st-key-clear-"] button {min-height: 1.75rem; padding: 0 .3rem; text-decoration: underline; font-size: .9rem}
[class*="st-key-go-"] button {text-align: left; justify-content: flex-start; text-decoration: underline}
.st-key-status {position: fixed; bottom: .6rem; left: 50%; transform: translateX(-50%); z-index: 50;
  width: min(52rem, calc(100vw - 1.5rem))}
.eot-saved {font-size: .92rem; padding: .5rem .9rem; border-radius: 8px; margin: 0; background: var(--eot-bar);
  border: 1px solid color-mix(in srgb, var(--eot-accent) 45%, transparent); box-shadow: 0 2px 8px rgb(0 0 0 / .14)}
.eot-receipt {font: 600 1.6rem/1.4 ui-monospace, monospace; letter-spacing: .06em; padding: .8rem 1rem;
  border: 2px solid var(--eot-accent); border-radius: 8px; display: inline-block; user-select: all; margin: 0;
  max-width: 100%; box-sizing: border-box; overflow-wrap: anywhere}
.eot-later button {font: inherit; color: inherit; background: none; border: 0; padding: .4rem 0;
  text-decoration: underline; cursor: pointer; min-height: 2rem}
.eot-staff ul {display: flex; flex-wrap: wrap; gap: .25rem .5rem; list-style: none; margin: 0; padding: 0;
  border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent)}
.eot-staff li {margin: 0}
.eot-staff a {display: block; padding: .45rem .7rem; text-decoration: none; border-bottom: 3px solid transparent}
.eot-staff a:hover {text-decoration: underline}
.eot-problems {padding-left: 1.6rem; margin: 0}
.eot-problems li {margin: 0 0 .8rem; overflow-wrap: anywhere}
.eot-problems code {font-size: .85em}
.eot-staff a[aria-current] {color: inherit !important; font-weight: 600; border-bottom-color: var(--eot-accent)}
.eot-part {font-size: 1.3rem; line-height: 1.3; padding: 0; margin: 1rem 0 0}
.eot-chart {font-size: 1rem; line-height: 1.35; font-weight: 600; padding: 0; margin: 0}
.eot-say {background: var(--eot-bar); border-left: 4px solid var(--eot-accent); border-radius: 6px;
  padding: .9rem 1.1rem}
.eot-say h2 {font-size: 1.1rem; padding: 0; margin: 0 0 .4rem}
.eot-say p {margin: 0 0 .4rem}
.eot-break {border-left: 3px dashed color-mix(in srgb, currentColor 55%, transparent); padding-left: .8rem; margin: 0}
.eot-note {font-size: .88rem; opacity: .85; margin: .4rem 0 0}
.eot-legend {display: flex; flex-wrap: wrap; gap: .2rem 1rem; list-style: none; padding: 0; margin: 0; font-size: .9rem}
.eot-legend li {display: flex; align-items: center; gap: .4rem; margin: 0}
.eot-legend span {width: .85rem; height: .85rem; border-radius: 3px; border: 1px solid rgb(128 128 128 / .5)}
.eot-picture img {display: block; border-radius: 6px}
.eot-table {overflow-x: auto}
.eot-table table {border-collapse: collapse; font-size: .9rem; width: 100%}
.eot-table caption {text-align: left; font-weight: 600; padding: 0 0 .4rem}
.eot-table th, .eot-table td {border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent);
  padding: .3rem .6rem .3rem 0; text-align: left; font-weight: 400; vertical-align: top}
.eot-table thead th {font-weight: 600}
.eot-table .eot-number {text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap}
@media (min-width: 48rem) {
GRIDS
}
@media (max-width: 40rem) {
.eot-receipt {font-size: 1.15rem}
.eot-heading {font-size: 1.4rem}
.eot-facts {grid-template-columns: 1fr; gap: 0}
.eot-facts dd {margin-bottom: .6rem}
}
@media (prefers-reduced-motion: reduce) {* {animation: none !important; transition: none !important}}
</style>
"""
COLOURS = {"light": ("#0b5c8a", "#ffffff", "#eef4f8"), "dark": ("#6cb8e6", "#0b1a24", "#1c262f")}
"""Accent, text on it, and background of the status bar; the contrasts are tested in the browser."""
GRID_POINTS = range(2, 8)
"""Response sets of this many points stand side by side on a wide screen; others stay a list."""


def apply() -> None:
    """Put the style sheet on the page."""
    grids = "\n".join(
        f'[class*="st-key-question-{n}-"] [role="radiogroup"] '
        f"{{display: grid; grid-template-columns: repeat({n}, 1fr); align-items: start; column-gap: .4rem}}\n"
        f'[class*="st-key-question-{n}-"] [role="radiogroup"] label:nth-of-type(n+{n + 1}) p {{font-size: .92rem}}'
        for n in GRID_POINTS
    )
    accent, on_accent, bar = COLOURS["dark" if st.context.theme.type == "dark" else "light"]
    style = STYLE.replace("GRIDS", grids).replace("ACCENT", accent).replace("ON_IT", on_accent).replace("BAR", bar)
    st.html(style)


def facts(rows: Mapping[str, str]) -> None:
    """Write named facts as a definition list."""
    inside = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows.items())
    st.html(f'<dl class="eot-facts">{inside}</dl>')


def note(text: str) -> None:
    """Write a remark in small letters, dark enough to be read."""
    st.html(f'<p class="eot-note">{escape(text)}</p>')


def points(lines: Iterable[str]) -> None:
    """Write a list of sentences."""
    st.html(f'<ul class="eot-points">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>')


def heading(text: str, introduction: str | None = None) -> None:
    """Write the heading that gets the focus when a page opens."""
    st.html(f'<h2 class="eot-heading" id="page-heading" tabindex="-1">{escape(text)}</h2>')
    if introduction:
        st.text(introduction)


def announce_page(*, title: str, language: str, focus: bool) -> None:
    """Set the document's language and title, and move the focus to the heading of a page that has just opened."""
    move = (
        "const heading = document.getElementById('page-heading');"
        "if (heading) {heading.focus({preventScroll: true}); window.scrollTo(0, 0);"
        "const main = document.querySelector('[data-testid=\"stMain\"]'); if (main) main.scrollTo(0, 0);}"
    )
    script = f"document.documentElement.lang = {json.dumps(language)};document.title = {json.dumps(title)};" + (
        f"setTimeout(() => {{{move}}}, 60);" if focus else ""
    )
    safe = script.replace("</", "<\\/")
    st.html(f"<script>{safe}</script>", unsafe_allow_javascript=True)
