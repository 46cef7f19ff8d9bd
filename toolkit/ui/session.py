"""What one browser tab knows: who it answers for, in which language, and what the database has acknowledged."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import RLock
from urllib.parse import urlsplit

import streamlit as st

from toolkit.collection.ports import Answer
from toolkit.collection.reconciliation import Conflict
from toolkit.ui.words import FALLBACK, app_languages, best_language

COOKIE = "eot_respondent"
_TAB = "tab"


@dataclass(slots=True)
class Tab:
    """State of one tab; rebuilt from the database after a reload or a restart.

    ``acknowledged`` starts empty on purpose: after a restart this tab has seen nothing, so an answer in the browser
    that differs from the database is asked about and never written over it.
    """

    cookie: str
    draft_id: str
    language: str
    step: str
    acknowledged: dict[str, Answer] = field(default_factory=dict)
    conflicts: dict[str, Conflict] = field(default_factory=dict)
    relabel: set[str] = field(default_factory=set)
    """Questions whose label the browser holds in another language than the page."""
    failed: bool = False
    """Whether the last save did not reach the database."""
    ended: str = ""
    """Why this tab may not save any more, as the notice page calls it; empty while it may."""
    focused_step: str = ""
    receipt: str | None = None
    saving: RLock = field(default_factory=RLock)
    """Held while an answer is saved: a click can start a run while the run before it is still saving."""


def cookie() -> str | None:
    """Return the respondent's cookie as this page was opened with it."""
    return st.context.cookies.get(COOKIE)


def current_tab() -> Tab | None:
    """Return this tab's state, or None before consent."""
    tab: Tab | None = st.session_state.get(_TAB)
    return tab


def set_tab(tab: Tab) -> None:
    """Keep this tab's state."""
    st.session_state[_TAB] = tab


def browser_language(offered: tuple[str, ...]) -> str:
    """Return the offered language that fits the browser best; the questionnaire's own one otherwise."""
    locale = st.context.locale
    return best_language([locale] if locale else [], offered, offered[0])


def page_language() -> str:
    """Return the language of pages that belong to no questionnaire."""
    chosen: str | None = st.session_state.get("page_language")
    wanted = (st.query_params.get("language"), st.context.locale)
    return chosen or best_language(filter(None, wanted), app_languages(), FALLBACK)


def site_address() -> str:
    """Return the address of the app as this browser sees it, without a path."""
    parts = urlsplit(str(st.context.url or ""))
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
