"""Kernels: every module with one is compiled at setup, and they work where nothing can be cached."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numba.core.caching
import numpy as np
import pytest

from toolkit.psychometrics import _compiled

PACKAGE = Path(_compiled.__file__).parent


def total(x: np.ndarray) -> float:
    result = 0.0
    for value in x:
        result += value
    return result


def test_every_module_with_a_kernel_is_listed() -> None:
    users = {
        ".".join(["toolkit.psychometrics", *path.relative_to(PACKAGE).with_suffix("").parts])
        for path in PACKAGE.rglob("*.py")
        if "@kernel(" in path.read_text(encoding="utf-8") and path.name != "_compiled.py"
    }
    assert users == set(_compiled.KERNEL_MODULES)


def test_only_kernel_modules_need_numba() -> None:
    modules = "toolkit.psychometrics.correlation, toolkit.psychometrics.reliability, toolkit.psychometrics._compiled"
    code = f"import sys, {modules}; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_setup_step_compiles_and_is_silent() -> None:
    done = subprocess.run([sys.executable, "-m", "toolkit.psychometrics._compiled"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def refuse(*_: object) -> None:
    raise OSError("read-only")


def broken_save(*_: object) -> None:
    raise OSError("no space left on device")


@pytest.mark.parametrize(
    ("owner", "name", "broken"),
    [
        (numba.core.caching._CacheLocator, "ensure_cache_path", refuse),
        (numba.core.caching.IndexDataCacheFile, "save", broken_save),
    ],
)
def test_a_cache_that_cannot_be_written_does_no_harm(
    owner: type, name: str, broken: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _compiled.kernel("f8(f8[::1])")(total)(np.arange(4.0)) == 6.0
    monkeypatch.setattr(owner, name, broken)
    with pytest.raises((RuntimeError, OSError)):
        numba.njit(["f4(f4[::1])"], cache=True)(total)
    assert _compiled.kernel("f4(f4[::1])")(total)(np.arange(4, dtype=np.float32)) == 6.0


def test_other_types_are_refused() -> None:
    compiled = _compiled.kernel("f8(f8[::1])")(total)
    with pytest.raises(TypeError, match="No matching definition"):
        compiled(np.arange(4))
