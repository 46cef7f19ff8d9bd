"""Deleting one's own answers with the receipt code."""

from __future__ import annotations

import streamlit as st

from toolkit.errors import CollectionError, StorageError
from toolkit.ui import theme
from toolkit.ui.pages.notice import choose_language
from toolkit.ui.words import words
from toolkit.wiring import services


def show() -> None:
    """Show the page."""
    language = choose_language()
    say = words(language)
    theme.announce_page(title=say["withdraw_heading"], language=language, focus=False)
    theme.heading(say["withdraw_heading"], say["withdraw_text"])
    with st.form("withdraw", border=False):
        code = st.text_input(say["withdraw_code"], key="receipt", max_chars=40, autocomplete="off")
        sent = st.form_submit_button(say["withdraw_button"], type="primary")
    if not sent:
        return
    if not code.strip():
        st.error(say["withdraw_empty"])
        return
    try:
        services().responding.withdraw(code)
    except CollectionError:
        st.error(say["withdraw_unknown"])
    except StorageError:
        st.error(say["trouble_text"])
    else:
        st.success(say["withdraw_done"])
