"""A page that only tells: welcome, a link that cannot be used, a session that has ended."""

from __future__ import annotations

from html import escape

import streamlit as st

from toolkit.errors import Code, CollectionError
from toolkit.ui import theme
from toolkit.ui.session import page_language
from toolkit.ui.words import app_languages, language_name, words

KINDS = {
    "welcome": ("welcome_heading", "welcome_text"),
    "ended": ("ended_heading", "ended_text"),
    "used": ("used_heading", "used_text"),
    "unknown": ("unknown_heading", "unknown_text"),
    "closed": ("closed_heading", "closed_text"),
    "later": ("finish_later_done_heading", "finish_later_done"),
    "trouble": ("trouble_heading", "trouble_text"),
}
"""What can be told, by the word that stands in the address."""

REFUSALS = {
    Code.COL_LINK_UNKNOWN: "unknown",
    Code.COL_LINK_USED: "used",
    Code.COL_WAVE_NOT_OPEN: "closed",
    Code.COL_QUESTIONNAIRE_CHANGED: "closed",
}
"""What a refusal tells; everything else is a session that has ended."""


def refused(error: CollectionError) -> str:
    """Return what a refusal tells a respondent."""
    return REFUSALS.get(error.codes[0], "ended")


def choose_language() -> str:
    """Offer the app's languages and return the one in use."""
    language = page_language()
    st.segmented_control(
        words(language)["language_label"],
        app_languages(),
        default=language,
        required=True,
        label_visibility="collapsed",
        format_func=language_name,
        key="page_language",
    )
    return language


def show(kind: str) -> None:
    """Tell one thing."""
    language = choose_language()
    say = words(language)
    heading, text = KINDS.get(kind, KINDS["welcome"])
    theme.announce_page(title=say[heading], language=language, focus=False)
    theme.heading(say[heading], say[text])
    if kind in ("welcome", "used", "ended"):
        st.html(f'<p><a href="/withdraw" target="_self">{escape(say["welcome_withdraw"])}</a></p>')
