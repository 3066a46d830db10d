"""Finds the rows whose videos are there, and copies videos for rows with the same values."""

import asyncio
import shutil
from pathlib import Path

from helios.contract.artifact import Artifact
from helios.errors import ArtifactNotFound, HeliosError
from helios.output import whole_output
from helios.storage import split_url
from orchestrator.api.batches.ledger import Entry, Ledger, size_of
from orchestrator.api.batches.plan import BatchPlan
from orchestrator.api.batches.row_plan import PlannedRow
from orchestrator.delivery.destination import Destination
from orchestrator.delivery.stores import Stores

#: Videos in storage that are looked for at once.
_LOOKS_AT_ONCE = 32


async def finished_rows(plan: BatchPlan, ledger: Ledger, stores: Stores) -> set[int]:
    """Return the numbers of the rows whose videos are there, as they would be rendered now."""
    limit = asyncio.Semaphore(_LOOKS_AT_ONCE)

    async def look(row: PlannedRow) -> bool:
        entry = ledger.last(row.output)
        if entry is None or not entry.done or entry.recipe != row.recipe:
            return False
        if plan.content is not None and entry.content != plan.content:
            return False
        async with limit:
            return await _is_there(row.destination, entry, stores)

    found = await asyncio.gather(*map(look, plan.rows))
    return {row.number for row, is_there in zip(plan.rows, found, strict=True) if is_there}


async def _is_there(destination: Destination, entry: Entry, stores: Stores) -> bool:
    if destination.url is not None:
        return await stores.has(destination.url)
    path = destination.path
    if entry.bytes is None:
        return path is not None and await asyncio.to_thread(path.exists)
    return size_of(path) == entry.bytes


async def copy_video(source: Destination, target: Destination, stores: Stores) -> None:
    """Copy a video of this machine, or one in storage, to another name.

    Raises:
        HeliosError: It can't be read or written.
    """
    if source.path is not None and target.path is not None:
        await asyncio.to_thread(_copy, source.path, target.path)
        return
    base, key = split_url(str(source))
    stored = await stores.at(base).stat(key)
    if stored is None:
        raise ArtifactNotFound(f"{source}: there is no such object")
    artifact = Artifact(url=str(source), bytes=stored.bytes, sha256=stored.sha256)
    await stores.copy(artifact, str(target))


def _copy(source: Path, target: Path) -> None:
    try:
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
            return
        with whole_output(target) as folder:
            shutil.copyfile(source, folder / "whole")
        # A playlist's segments are beside it.
        beside = source.with_suffix("")
        if source.suffix == ".m3u8" and beside.is_dir():
            raise HeliosError(f"{source}: a playlist can't be copied")
    except OSError as fault:
        raise HeliosError(f"{source}: can't be copied ({fault})") from fault
