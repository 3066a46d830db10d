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
    """Yield a new folder, which stands for the job's folder, and remove it afterwards.

    It contains links to the inputs, and the folders of the outputs. Raises `JobSpecInvalid` if an
    output is inside the inputs, which other jobs share.
    """
    # In a folder of its own, so that `../video.mp4` is removed with it.
    whole = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="job-", dir=parent))
    try:
        folder = whole / "job"
        await asyncio.to_thread(_fill, folder, inputs, outputs)
        yield folder
    finally:
        await finish_despite_cancel(asyncio.to_thread(remove_tree, whole))


def top_of(output: str) -> str:
    """Return the first step of an output's path."""
    return next(step for step in PurePosixPath(output).parts if step != ".")


def _fill(folder: Path, inputs: Iterable[Path], outputs: Iterable[str]) -> None:
    folder.mkdir()
    linked = set()
    for entry in inputs:
        (folder / entry.name).symlink_to(entry)
        linked.add(entry.name)
    for output in outputs:
        if top_of(output) in linked:
            raise JobSpecInvalid(
                f"outputFile: {output!r} is inside the job's assets, which are read-only",
                hint="Write outputs to a separate folder, such as chunks/.",
            )
        (folder / output).parent.mkdir(parents=True, exist_ok=True)
