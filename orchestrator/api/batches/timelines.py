"""Lengths of the rows of a batch, and their job specs.

A page is loaded once for all rows of one size and rate, where its length doesn't depend on props.
"""

import asyncio
import contextlib
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from helios.contract.job_spec import JobSpec
from helios.errors import CompositionError
from helios.renderer.composition import Composition
from orchestrator.api.batches.plan import BatchPlan
from orchestrator.api.batches.row_plan import PlannedRow
from orchestrator.api.rendering.planning import probed
from orchestrator.api.targets.target import are_remote
from orchestrator.delivery.packaging import name_in_assets
from orchestrator.display.display import Display
from orchestrator.model.job_id import new_job_id
from orchestrator.planning.chunk_sizes import ChunkSizes
from orchestrator.planning.composition_probe import given_frames
from orchestrator.planning.planner import plan

#: Pages that are loaded at once for rows whose length has to be found out one by one.
_PROBES_AT_ONCE = 2


class Timelines:
    """Finds the lengths of rows, and plans their chunks.

    Args:
        at_once: Chunks at the same time in all rows.
        rows: The rows that are rendered.
    """

    def __init__(self, batch: BatchPlan, rows: list[PlannedRow], *, at_once: int) -> None:
        self._batch = batch
        self._rows = rows
        self._at_once = at_once
        self._remote = are_remote(batch.request.targets)
        self._probes = asyncio.Semaphore(_PROBES_AT_ONCE)
        source = batch.request.source
        root = batch.settings.root
        linked = self._remote or not Composition.find(source, root=root).serves_page_folder
        self._input_name = name_in_assets(source, root) if linked else None

    async def find(self, display: Display) -> None:
        """Load the page for all rows, if its length is the same for their different props.

        Of each size and rate, the first row and the one with the most props are looked at. Where
        they differ in length, `spec` loads the page for each row.
        """
        if self._batch.request.probes_each:
            return
        groups: dict[object, list[PlannedRow]] = defaultdict(list)
        for row in self._rows:
            options = row.options
            groups[options.width, options.height, options.rate, options.scale].append(row)
        for rows in groups.values():
            await self._find(rows, display)

    async def _find(self, rows: list[PlannedRow], display: Display) -> None:
        most = max(rows, key=lambda row: len(str(row.options.props)))
        samples = [rows[0]] if most.options.props == rows[0].options.props else [rows[0], most]
        source = self._batch.request.source
        found = []
        with display.activity(f"looking at {source}"):
            for row in samples:
                # A row that the page fails with is told when it is its turn.
                with contextlib.suppress(CompositionError):
                    found.append((row, *await self._probe(row, display)))
        own = {count for row, count, _ in found if _given(row) is None}
        sounds = any(sound for *_, sound in found)
        if not found:
            return
        if len(own) > 1:
            display.note(
                "probing_rows",
                f"{source}: its length depends on its props, so it is loaded for each row",
            )
            return
        for row in rows:
            count = _given(row) or next(iter(own), None)
            if count is not None:
                row.frames, row.sounds = count, sounds

    async def _probe(self, row: PlannedRow, display: Display) -> tuple[int, bool]:
        async with self._probes:
            source = self._batch.request.source
            found = await probed(source, row.options, row.settings, display)
        return found.frame_count, found.sounds

    def chunks(self, row: PlannedRow) -> int:
        """Return the number of a row's chunks, as far as it is known."""
        return 1 if row.frames is None else len(self._sizes(row).cut(row.frames))

    async def spec(self, row: PlannedRow, folder: Path, display: Display) -> JobSpec:
        """Return the job spec of a row, which runs in a folder.

        Raises:
            HeliosError: The page can't be loaded with the row's props, or its chunks can't be
                planned.
        """
        if row.frames is None or row.sounds is None:
            row.frames, row.sounds = await self._probe(row, display)
        return self.planned(row, folder, frames=row.frames, sounds=row.sounds)

    def planned(self, row: PlannedRow, folder: Path, *, frames: int, sounds: bool) -> JobSpec:
        """Return the job spec of a row whose length is known."""
        return plan(
            self._batch.request.source,
            row.destination.name,
            frame_count=frames,
            options=row.options,
            sizes=self._sizes(row),
            job_dir=folder,
            sound=sounds and row.settings.audio,
            job_id=new_job_id(),
            input_name=self._input_name,
            incremental=row.settings.incremental,
            seam_check=row.settings.seam_check,
        )

    def _sizes(self, row: PlannedRow) -> ChunkSizes:
        # Rows keep workers busy; more chunks than that only start more often.
        workers = max(1, self._at_once // max(1, len(self._rows)))
        sizes = row.settings.sizes(workers, remote=self._remote)
        return replace(sizes, shared=False)


def _given(row: PlannedRow) -> int | None:
    """Return the length in frames that a row is given by its settings."""
    return given_frames(row.settings.duration, row.settings.frames, row.options.rate)
