"""Files that only their owner can read, and that are there as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from toolkit.collection.privacy import new_key


@contextmanager
def new_private_file(path: Path) -> Iterator[BinaryIO]:
    """Open a new private file, in a folder that is made if it is not there; it gets its name when all is on the disk.

    Raises
    ------
    FileExistsError
        When there is a file of this name in the end.
    OSError
        When it cannot be written. Nothing is left then.
    """
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{new_key()}")
    try:
        descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    finally:
        aside.unlink(missing_ok=True)
