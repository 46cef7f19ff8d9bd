"""What the commands write on the terminal: results on stdout, messages on stderr."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from toolkit.errors import Problem


def output() -> Console:
    """Return the console for results; without markup, so that brackets in texts stay as they are."""
    from rich.console import Console

    return Console(markup=False, highlight=False)


def messages() -> Console:
    """Return the console for messages."""
    from rich.console import Console

    return Console(stderr=True, markup=False, highlight=False)


def show_problems(problems: Iterable[Problem], *, style: str = "red") -> None:
    """Write each problem: a line for code and place, what is wrong with the piece of source it shows, and the fix."""
    from rich.text import Text

    console = messages()
    for problem in problems:
        head = Text(str(problem.code), style=f"bold {style}")
        if problem.place:
            head.append(f"  {problem.place}", style="bold")
        console.print(head, soft_wrap=True)
        console.print(textwrap.indent(problem.told.rstrip("\n"), "  "), soft_wrap=True)
        console.print(f"  Fix: {problem.fix}", soft_wrap=True)


def show_unexpected(error: Exception, *, is_debugging: bool) -> None:
    """Write one line about an error that nobody foresaw; its traceback is shown with ``--debug`` only."""
    console = messages()
    hint = "" if is_debugging else " Run 'eot --debug ...' to see where."
    console.print(f"Unexpected error ({type(error).__name__}): {error}.{hint}", style="bold red", soft_wrap=True)
