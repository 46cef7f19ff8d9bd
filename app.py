"""Starts the app: ``eot serve``, or ``streamlit run app.py``."""

from pathlib import Path

import streamlit as st

from toolkit.ui import routes, shell

app = st.App(Path(shell.__file__), routes=routes.all_routes())
