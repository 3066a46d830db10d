"""Writes files that appear under their name only when complete."""

import errno
import glob
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helios.errors import DiskFull, HeliosError, OutputUnwritable


def part_pattern(output: Path) -> str:
    """Return a glob pattern for temporary folders that a killed process leaves beside an output."""
    return f".{glob.escape(output.name[:80])}.*.part"


@contextmanager
def whole_output(output: Path) -> Iterator[Path]:
    """Yield a temporary folder; the file `whole` in it becomes `output`.

    The folder is beside the output, so that the last step is a rename on the same disk. It is
    removed in any case.

    Raises:
        OutputUnwritable, DiskFull: The output's folder can't be created or written; no space is
            left.
    """
    folder = output.parent / f".{output.name[:80]}.{secrets.token_hex(4)}.part"
    try:
        if output.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder", str(output))
        folder.mkdir(parents=True)
        yield folder
        (folder / "whole").replace(output)
    except OSError as fault:
        raise write_failure(fault, output=output) from fault
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_writable(output: Path) -> None:
    """Check that an output can be written; errors are those of `whole_output`."""
    folder = output.parent / f".{output.name[:80]}.{secrets.token_hex(4)}.part"
    try:
        if output.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder", str(output))
        folder.mkdir(parents=True)
        folder.rmdir()
    except OSError as fault:
        raise write_failure(fault, output=output) from fault


def write_failure(fault: OSError, *, output: Path) -> HeliosError:
    """Return the error for a failed write to `output`."""
    if fault.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"{output}: no space left on the disk",
            hint="Free some space, or write to another disk.",
        )
    return OutputUnwritable(
        f"{output} can't be written: {fault.strerror}",
        hint="Check the folder's permissions, or write elsewhere.",
    )
