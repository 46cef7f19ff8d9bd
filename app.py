"""Starts the app: ``eot serve``, or ``streamlit run app.py``."""

from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from toolkit.ui import routes, shell

# Else Streamlit takes the modules beside the shell for pages of its own, until the first visitor has opened the shell.
PagesManager.uses_pages_directory = False

app = st.App(Path(shell.__file__), routes=routes.all_routes())
