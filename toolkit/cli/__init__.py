"""The ``eot`` command: groups of commands that are imported when they are called, and one error boundary."""

from __future__ import annotations

import logging
import signal
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any, Never

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from toolkit import __version__
from toolkit.cli.console import messages, show_problems, show_unexpected
from toolkit.errors import ToolkitError

COMMANDS = {
    "instrument": "List, show, compare, check, draft, exchange and release questionnaires.",
    "validate": "Write a validation report from a file of answers.",
    "simulate": "Draw synthetic answers, with a datasheet that says how they were made.",
    "serve": "Start the app.",
    "store": "Waves, invitation links and exports of a database.",
}
"""Every command group, by the name of its module in this package."""

EXIT_UNEXPECTED = 1
EXIT_STOPPED = 130

STEPWISE = ("instrument", "serve", "store")
"""Groups with commands that write before their end; the others write everything at the end or nothing."""

STOPS = ("SIGINT", "SIGTERM", "SIGHUP")
"""Signals that stop a command: Ctrl-C, a request of the system, and a closed terminal where there is such a signal."""


class CommandGroups(TyperGroup):
    """The groups of :data:`COMMANDS`; a module is imported when its command runs, not to list it."""

    _is_listing = False

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  the signature of the base class
        """Return the names in the order in which help shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  the signature of the base class
        """Return a command: its name and one line for a list, the real one to run it."""
        if cmd_name not in COMMANDS:
            return None
        if self._is_listing:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name])
        module = import_module(f"toolkit.cli.{cmd_name}")
        if hasattr(module, "app"):
            return typer.main.get_command(module.app)
        single = typer.Typer(add_completion=False)
        single.command(cmd_name)(getattr(module, cmd_name))
        return typer.main.get_command(single)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help without importing the groups."""
        self._is_listing = True
        try:
            TyperGroup.format_help(self, ctx, formatter)
        finally:
            self._is_listing = False

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command, and suggest a near name for an unknown one."""
        self.commands = {name: TyperCommand(name) for name in COMMANDS}
        return TyperGroup.resolve_command(self, ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; this is the one place where errors become messages and exit codes."""
        try:
            return TyperGroup.invoke(self, ctx)
        except ToolkitError as error:
            show_problems(error.problems)
            raise typer.Exit(error.exit_code) from None
        except (typer.Exit, typer.Abort, TyperException, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            told = "Stopped." if ctx.invoked_subcommand in STEPWISE else "Stopped; nothing was written."
            # There is nobody to tell when the terminal is closed.
            with suppress(OSError):
                messages().print(told)
            raise typer.Exit(EXIT_STOPPED) from None
        except Exception as error:
            logging.getLogger(__name__).exception("Unexpected error")
            show_unexpected(error, is_debugging=bool(ctx.params.get("debug")))
            raise typer.Exit(EXIT_UNEXPECTED) from None


app = typer.Typer(cls=CommandGroups, no_args_is_help=True, pretty_exceptions_enable=False)


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"eot {__version__}")
        raise typer.Exit


@app.callback()
def eot(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Versioned questionnaires: check them, collect answers, validate them."""
    logger = logging.getLogger("toolkit")
    if debug:
        logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s: %(message)s")
    elif not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _stop_in_good_order() -> None:
    """Let every signal that stops a command do what Ctrl-C does, so that nothing half-written is left."""
    for name in STOPS:
        number = getattr(signal, name, None)
        # An ignored signal stays ignored: the command was started with nohup or in the background.
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def main() -> Never:
    """Run the command line; the console script ``eot``."""
    _stop_in_good_order()
    app(prog_name="eot")
    raise SystemExit(0)
