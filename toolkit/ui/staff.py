"""What staff pages share: who may see them, how they open, and the way from one to the next."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

import streamlit as st

from toolkit.ui import theme
from toolkit.ui.pages.notice import choose_language
from toolkit.ui.words import words
from toolkit.wiring import services

PAGES = {
    "overview": "overview_heading",
    "unit": "unit_heading",
    "change": "change_heading",
    "staff": "staff_heading",
    "validation": "validation_heading",
}
"""Every staff page: its address, and the word that names it."""


REPORTS = "/validation/report"
"""Where the reports of validations are served, by the key of the run."""


def serves(address: str | None) -> bool:
    """Return whether what is for staff may go to this address: only in a demonstration, only to this computer."""
    return services().settings.demo and address in (None, "127.0.0.1", "::1")


def open_page(address: str) -> tuple[str, dict[str, str]] | None:
    """Open a staff page: language, navigation, heading, and what must be said first.

    Returns the language and its words, or None when the page may not be served; that is then told already.
    """
    language = choose_language()
    say = words(language)
    heading = say[PAGES[address]]
    theme.announce_page(title=heading, language=language, focus=False)
    if not serves(st.context.ip_address):
        theme.heading(heading)
        st.error(say["staff_refused"])
        return None
    _navigation(address, language, say)
    theme.heading(heading)
    st.warning(say["staff_demo"])
    return language, say


def _navigation(current: str, language: str, say: dict[str, str]) -> None:
    """Write the links to all staff pages; a link carries the language, because it opens the page anew."""
    query = urlencode({"language": language})
    links = []
    for address, name in PAGES.items():
        mark = ' aria-current="page"' if address == current else ""
        links.append(f'<li><a href="/{address}?{query}" target="_self"{mark}>{escape(say[name])}</a></li>')
    label = escape(say["validation_navigation"])
    st.html(f'<nav class="eot-staff" aria-label="{label}"><ul>{"".join(links)}</ul></nav>')
