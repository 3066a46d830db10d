"""A temporary folder for one command of a job."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Collection, Iterable
from pathlib import Path, PurePosixPath

from helios.assets.own_folder import remove_tree
from helios.concurrency import finish_despite_cancel
from helios.errors import JobSpecInvalid


@contextlib.asynccontextmanager
async def open_workspace(
    parent: Path, *, inputs: Collection[Path], outputs: Collection[str]
) -> AsyncIterator[Path]:
    """Yield a fresh folder that stands for the job's folder; it is removed in any case.

    Raises `JobSpecInvalid` if an output would be written into the inputs, which other jobs use as
    well.

    Parameters
    ----------
    parent:
        Folder in which it is made.
    inputs:
        Files and folders that are to be found in it under their names, by links.
    outputs:
        Files that commands will write, relative to it; their folders are made.
    """
    # One step deeper than what is removed, so that `../video.mp4` stays inside as well.
    whole = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="job-", dir=parent))
    try:
        folder = whole / "job"
        await asyncio.to_thread(_furnish, folder, inputs, outputs)
        yield folder
    finally:
        await finish_despite_cancel(asyncio.to_thread(remove_tree, whole))


def top_of(output: str) -> str:
    """Return the first step of a path below the job's folder."""
    return next(step for step in PurePosixPath(output).parts if step != ".")


def _furnish(folder: Path, inputs: Iterable[Path], outputs: Iterable[str]) -> None:
    folder.mkdir()
    linked = set()
    for entry in inputs:
        (folder / entry.name).symlink_to(entry)
        linked.add(entry.name)
    for output in outputs:
        if top_of(output) in linked:
            raise JobSpecInvalid(
                f"outputFile: {output!r} lies in the job's assets, which can only be read",
                hint="Write outputs to a folder of their own, such as chunks/.",
            )
        (folder / output).parent.mkdir(parents=True, exist_ok=True)
