"""A command that is stopped says so and leaves nothing; so does one that finds the disk full."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from toolkit.cli import app
from toolkit.errors import Code, StorageError

SIMULATE = ("simulate", "--instrument", "eomhs@1.0.0", "--persons", "10", "--units", "2", "--out")

PROGRAM = """
import signal, sys, time
from toolkit.cli import main
from toolkit.validation import datasheet, synthetic

phase, hangup, *sys.argv[1:] = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.Handlers[hangup])
made = datasheet.data_set_files

def wait(*arguments, **options):
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    print("ignored" if ignored else "heard", flush=True)
    time.sleep(60)

class Slow(dict):
    def items(self):
        yield "responses.csv", "half"
        wait()

if phase == "drawing":
    synthetic.simulate = wait
elif phase == "writing":
    datasheet.data_set_files = lambda *given, **options: Slow(made(*given, **options))
main()
"""


def start(phase: str, out: Path, *, hangup: str = "SIG_DFL") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, phase, hangup, *SIMULATE, str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("phase", ["drawing", "writing"])
def test_a_stopped_command_leaves_nothing(tmp_path: Path, phase: str, number: signal.Signals) -> None:
    with start(phase, tmp_path / "set") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "heard\n"
        hidden = [path.name for path in tmp_path.iterdir()]
        assert len(hidden) == (phase == "writing"), "the scratch folder is there only while the folder is written"
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    assert told == "Stopped; nothing was written.\n"
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_is_not_stopped_writes_everything(tmp_path: Path) -> None:
    with start("unchanged", tmp_path / "set") as process:
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_hangup_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    with start("drawing", tmp_path / "set", hangup="SIG_IGN") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ignored\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert told == "Stopped; nothing was written.\n"
    assert process.returncode == 130


def test_a_command_that_may_have_written_says_only_that_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    from toolkit.cli import store

    def stopped(_database: str | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "opened_services", stopped)
    done = CliRunner().invoke(app, ["store", "waves"])
    assert done.exit_code == 130
    assert done.stderr == "Stopped.\n"


def test_a_full_disk_is_told_with_place_and_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(app, [*SIMULATE, str(tmp_path / "valid")])
    assert done.exit_code == 0, done.stderr
    write_text = Path.write_text

    def full(self: Path, *given: str, **options: str) -> int:
        if self.name == "responses.csv":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return write_text(self, *given, **options)

    monkeypatch.setattr(Path, "write_text", full)
    done = CliRunner().invoke(app, [*SIMULATE, str(tmp_path / "set")])
    assert done.exit_code == StorageError.exit_code
    assert Code.STO_FOLDER_NOT_WRITABLE in done.stderr
    assert "Free some space" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["valid"]
