"""The script that Streamlit runs for every page: it looks at the address and hands over."""

from __future__ import annotations

import streamlit as st

from toolkit.ui import theme
from toolkit.ui.pages import change, overview, respond, unit, validation, waves, withdraw

PAGES = {
    "": respond.show,
    "withdraw": withdraw.show,
    "overview": overview.show,
    "unit": unit.show,
    "change": change.show,
    "staff": waves.show,
    "validation": validation.show,
}
"""Every page by its address."""


def main() -> None:
    """Show one page."""
    st.set_page_config(page_title="Survey", layout="centered")
    pages = [
        st.Page(show, title=address or "survey", url_path=address, default=not address)
        for address, show in PAGES.items()
    ]
    page = st.navigation(pages, position="hidden")
    theme.apply()
    page.run()


if __name__ == "__main__":
    main()
