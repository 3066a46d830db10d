"""Files that are whole, and still there after the machine lost its power."""

import os
from pathlib import Path


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file as a whole; once this returns, neither a crash nor a power cut undoes it.

    Only one process may write a path at a time: what it writes first has a name of its own, always
    the same, so that a process that is killed leaves nothing that the next one doesn't use up.
    """
    draft = path.with_name(f"{path.name}.new")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    flush_folder(path.parent)


def append_durably(path: Path, data: bytes) -> None:
    """Add bytes to a file; where that fails half-way, the file is as before."""
    with path.open("ab") as file:
        before = file.tell()
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), before)
            raise


def flush_folder(folder: Path) -> None:
    """Make the names in a folder as durable as the files that they stand for."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
