"""Finds the rows whose videos are there."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

from helios.concurrency import map_limited
from helios.renderer.encoding.codecs import choose_codec
from helios.renderer.encoding.image_sequence import split_pattern
from orchestrator.api.batches.ledger import Entry, Ledger
from orchestrator.api.batches.plan import BatchPlan
from orchestrator.api.batches.row_plan import PlannedRow
from orchestrator.delivery.stores import Stores
from orchestrator.planning.output_kinds import is_playlist, is_sequence

#: Videos that are looked for at once.
_LOOKS_AT_ONCE = 32
#: The number in a name of images, in a pattern.
_NUMBER = re.compile(r"%0?\d{0,2}d")


async def finished_rows(plan: BatchPlan, ledger: Ledger, stores: Stores) -> set[int]:
    """Return the numbers of the rows whose videos are there, as they would be rendered now."""

    async def look(row: PlannedRow) -> bool:
        entry = ledger.last(row.output)
        if entry is None or not entry.done or entry.recipe != row.recipe:
            return False
        if plan.content is not None and entry.content != plan.content:
            return False
        return await _is_there(row, entry, stores)

    found = await map_limited(look, plan.rows, limit=_LOOKS_AT_ONCE)
    return {row.number for row, is_there in zip(plan.rows, found, strict=True) if is_there}


async def _is_there(row: PlannedRow, entry: Entry, stores: Stores) -> bool:
    if row.destination.url is not None:
        return await stores.has(row.destination.url)
    size = await asyncio.to_thread(output_size, row)
    return size is not None and size == entry.bytes


def output_size(row: PlannedRow) -> int | None:
    """Return the bytes of a row's output on this machine; None if there is none.

    All images of a sequence count, and all segments of a playlist.
    """
    if row.destination.path is None:
        return None
    try:
        sizes = [file.stat().st_size for file in _files_of(row.destination.path, row)]
    except OSError:
        return None
    return sum(sizes) if sizes else None


def _files_of(path: Path, row: PlannedRow) -> Iterator[Path]:
    codec = row.options.codec
    if is_sequence(path.name, codec):
        folder, pattern = split_pattern(path, choose_codec(path, codec).name)
        name = re.compile(_NUMBER.sub(r"\\d+", re.escape(pattern)))
        yield from (file for file in folder.iterdir() if name.fullmatch(file.name))
        return
    yield path
    if is_playlist(path.name):
        yield from path.with_name(f"{path.stem}.hls").iterdir()
