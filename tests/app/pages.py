"""What the tests of the pages share."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def page_text(app: AppTest) -> str:
    """Return the words that a page wrote as HTML or as plain text."""
    return " ".join(element.proto.body for element in app.get("html")) + " ".join(text.value for text in app.text)
