"""Compiled kernels: the one decorator, the list of modules that hold them, and the step that compiles them all.

``python -m toolkit.psychometrics._compiled`` compiles every kernel into the cache, so that no user waits for a
compiler; ``make setup`` does it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

KERNEL_MODULES = (
    "toolkit.psychometrics._counting_kernel",
    "toolkit.psychometrics._polychoric_kernel",
    "toolkit.psychometrics.cfa._mixed_kernel",
    "toolkit.psychometrics.factors._extraction_kernel",
    "toolkit.psychometrics.factors._rank_kernel",
    "toolkit.psychometrics.factors._rotation_kernel",
)
"""Every module with kernels; a new one is added here, and nothing else need be done."""

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def kernel(*signatures: Any) -> Callable[[Kernel], Kernel]:
    """Compile a function on plain arrays for the given numba signatures, when its module is imported.

    The machine code is kept in numba's cache beside the module or in the user's cache folder; where neither can be
    written it is compiled anew in each process. Arithmetic is exact IEEE (no fast-math), and the interpreter's lock
    is released. Arrays of another type than the signature's are refused; a read-only array needs a signature that says
    so, which takes writable ones too.

    Parameters
    ----------
    *signatures : str or numba signature
        Such as ``"f8(f8[::1], i8)"``.

    Returns
    -------
    callable
        The decorator.
    """

    def compiled(function: Kernel) -> Kernel:
        numba: Any = import_module("numba")
        options = {"nogil": True, "fastmath": False}
        try:
            made: Kernel = numba.njit(list(signatures), cache=True, **options)(function)
        except (RuntimeError, OSError):
            # No cache folder can be written: numba raises RuntimeError when it looks for one, OSError when it writes.
            made = numba.njit(list(signatures), **options)(function)
        return made

    return compiled


def compile_kernels() -> None:
    """Import every kernel module, which compiles what the cache does not hold."""
    for module in KERNEL_MODULES:
        import_module(module)


if __name__ == "__main__":
    compile_kernels()
