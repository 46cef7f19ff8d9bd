"""Refusals as a list to work through: where, what, what was found, what is allowed, and the fix."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import streamlit as st

from toolkit.errors import Problem


def show_problems(problems: Iterable[Problem], say: dict[str, str]) -> None:
    """Write one entry a problem; the messages are those of the command line, in English."""
    entries = "".join(f"<li>{_entry(problem, say)}</li>" for problem in problems)
    st.html(f'<ol class="eot-problems">{entries}</ol>')


def _entry(problem: Problem, say: dict[str, str]) -> str:
    places = (("file", problem.file), ("row", problem.row), ("column", problem.column), ("item", problem.item))
    place = ", ".join(f"{say[f'validation_{name}']} {value}" for name, value in places if value is not None)
    lines = [f"<strong>{escape(place)}</strong>"] if place else []
    lines.append(f'<span lang="en">{escape(problem.what)}</span>')
    for name, value in (("got", problem.got), ("allowed", problem.allowed), ("fix", problem.fix)):
        if value is not None:
            lines.append(f'{escape(say[f"validation_{name}"])}: <span lang="en">{escape(value)}</span>')
    return "<br>".join([*lines, f"<code>{escape(problem.code)}</code>"])
