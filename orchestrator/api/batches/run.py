"""Renders the rows of a batch: as many at once as keep all workers busy."""

import asyncio
import dataclasses
import functools
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable

from helios.errors import CircuitOpen, HeliosError, JobStopped
from orchestrator.api.batches.finished import finished_rows, output_size
from orchestrator.api.batches.ledger import Entry, Ledger
from orchestrator.api.batches.plan import BatchPlan
from orchestrator.api.batches.results import RowResult, RowState
from orchestrator.api.batches.row_display import BatchProgress, RowDisplay
from orchestrator.api.batches.row_failures import RowFailures
from orchestrator.api.batches.row_job import RowManager, result_of
from orchestrator.api.batches.row_plan import PlannedRow
from orchestrator.api.batches.shared_workers import SharedWorkers
from orchestrator.api.batches.timelines import Timelines
from orchestrator.api.rendering.attached import RenderRequest, set_up
from orchestrator.backends.opening import open_backend
from orchestrator.delivery.copy import copy_output
from orchestrator.delivery.stores import Stores
from orchestrator.display.display import Display
from orchestrator.model.job import JobSummary

#: Rows that may be open, beside those whose chunks are rendered: they are stitched and delivered.
_MORE_ROWS = 8

Emit = Callable[[RowResult], None]


class BatchRun:
    """Runs a planned batch.

    Each row is a job of its own, whose chunks wait in one queue with those of the others. A row is
    opened as soon as fewer chunks wait than there are workers, so that none idles at a row's end.

    Attributes:
        stopped: Why no further row was begun; None if all were.
    """

    def __init__(
        self, plan: BatchPlan, workers: SharedWorkers, *, display: Display, ledger: Ledger
    ) -> None:
        self.stopped: JobStopped | CircuitOpen | None = None
        self._plan = plan
        self._workers = workers
        self._display = display
        self._ledger = ledger
        self._progress = BatchProgress(len(plan.rows), None)
        self._keeps_chunks = False
        self._waiting: dict[int, int] = {}
        self._changed = asyncio.Event()
        self._failures = RowFailures()
        self._tell: Callable[[str], None] = lambda _: None

    async def run(self, emit: Emit) -> None:
        """Render all rows that aren't finished, and call `emit` with the result of each.

        Raises:
            HeliosError: The page can't be loaded at all, or workers can't be reached.
        """
        settings = self._plan.settings
        goes_on = settings.resume or settings.incremental
        with self._ledger.opened(fresh=not goes_on):
            same = self._ledger.begin(self._plan.content)
            self._keeps_chunks = settings.resume and same
            async with Stores() as stores, self._workers.limits.keep_time():
                rows = await self._unfinished(stores, emit)
                copies: dict[int, list[PlannedRow]] = defaultdict(list)
                for row in rows:
                    if row.same_as is not None:
                        copies[row.same_as].append(row)
                leaders = [row for row in rows if row.same_as is None]
                pending = {row.number for row in leaders}
                for row in self._plan.rows:
                    if row.number in copies and row.number not in pending:
                        await self._copy(row, copies.pop(row.number), stores, emit)
                if leaders:
                    await self._render_all(leaders, copies, stores, emit)

    async def _unfinished(self, stores: Stores, emit: Emit) -> list[PlannedRow]:
        """Return the rows to render, and emit the results of the others."""
        settings = self._plan.settings
        if not (settings.resume or settings.incremental):
            return self._plan.rows
        finished = await finished_rows(self._plan, self._ledger, stores)
        for row in self._plan.rows:
            if row.number in finished:
                self._end(result_of(row, RowState.UNCHANGED), emit)
        return [row for row in self._plan.rows if row.number not in finished]

    async def _render_all(
        self,
        rows: list[PlannedRow],
        copies: dict[int, list[PlannedRow]],
        stores: Stores,
        emit: Emit,
    ) -> None:
        timelines = Timelines(self._plan, rows, at_once=self._workers.at_once)
        await timelines.find(self._display)
        known = [row.frames for row in rows]
        frames = self._progress.frames = None if None in known else sum(filter(None, known))
        chunks = sum(map(timelines.chunks, rows))
        text = f"{len(rows)} of {len(self._plan.rows)} rows to render"
        if frames is not None:
            text += f": {frames} frames in {chunks} chunks"
        self._display.note(
            "batch_planned",
            text,
            rows=len(self._plan.rows),
            toRender=len(rows),
            totalFrames=frames,
            chunks=chunks if frames is not None else None,
        )
        async with self._workers.opened(self._plan, self._ledger, stores):
            with self._display.counting() as self._tell:
                try:
                    async with asyncio.TaskGroup() as group:
                        async for row in self._opened(rows, timelines):
                            group.create_task(self._row(row, timelines, copies, stores, emit))
                except BaseExceptionGroup as faults:
                    raise faults.exceptions[0] from None

    async def _opened(
        self, rows: list[PlannedRow], timelines: Timelines
    ) -> AsyncIterator[PlannedRow]:
        """Yield each row once there are workers for it, or soon will be."""
        at_once = self._workers.at_once
        for row in rows:
            while (
                sum(self._waiting.values()) >= at_once
                or len(self._waiting) > 2 * at_once + _MORE_ROWS
            ):
                self._changed.clear()
                await self._changed.wait()
            if self.stopped is not None:
                return
            self._waiting[row.number] = timelines.chunks(row)
            self._progress.open += 1
            yield row

    async def _row(
        self,
        row: PlannedRow,
        timelines: Timelines,
        copies: dict[int, list[PlannedRow]],
        stores: Stores,
        emit: Emit,
    ) -> None:
        began = time.monotonic()
        error: HeliosError | None = None
        manager = self._manager(row)
        try:
            await self._render(row, timelines, manager)
        except JobStopped as fault:
            self.stopped = self.stopped or fault
            return
        except HeliosError as fault:
            error = fault
        finally:
            self._waiting.pop(row.number, None)
            self._progress.open -= 1
            self._changed.set()
            summary = await manager.latest()
            self._record(row, summary, done=summary is not None and summary.output is not None)
        state = RowState.RENDERED if error is None else RowState.FAILED
        result = result_of(
            row, state, seconds=time.monotonic() - began, summary=summary, error=error
        )
        self._end(result, emit)
        followers = copies.get(row.number, [])
        if error is None:
            await self._copy(row, followers, stores, emit)
            return
        for follower in followers:
            self._end(result_of(follower, RowState.FAILED, error=error), emit)

    def _manager(self, row: PlannedRow) -> RowManager:
        def begun() -> None:
            self._waiting[row.number] = max(0, self._waiting.get(row.number, 0) - 1)
            self._changed.set()

        display = RowDisplay(row.number, self._display, self._progress)
        share = self._workers.share(order=row.number, on_begin=begun)
        return RowManager(display, functools.partial(open_backend, display=display, share=share))

    async def _render(self, row: PlannedRow, timelines: Timelines, manager: RowManager) -> None:
        folder = self._plan.folder / row.folder_name
        spec = await timelines.spec(row, folder, manager.display)
        self._waiting[row.number] = min(self._waiting[row.number], len(spec.chunks))
        settings = dataclasses.replace(row.settings, resume=self._keeps_chunks)
        request = RenderRequest(
            source=self._plan.request.source,
            destination=row.destination,
            targets=self._plan.request.targets,
            settings=settings,
        )
        job = await set_up(
            request,
            spec,
            folder,
            adapters=self._workers.adapters,
            at_once=self._workers.at_once,
            keep=settings.incremental,
            display=manager.display,
        )
        created = await job.create(manager.jobs)
        await manager.jobs.run(created.id, keep_chunks=job.resume)

    async def _copy(
        self, row: PlannedRow, followers: list[PlannedRow], stores: Stores, emit: Emit
    ) -> None:
        for follower in followers:
            try:
                await copy_output(row.output, follower.destination, stores)
            except HeliosError as fault:
                self._end(result_of(follower, RowState.FAILED, error=fault), emit)
                continue
            self._record(follower, None, done=True)
            self._end(result_of(follower, RowState.COPIED), emit)

    def _record(self, row: PlannedRow, summary: JobSummary | None, *, done: bool) -> None:
        spent = summary.metrics if summary is not None else None
        entry = Entry(
            output=row.output,
            recipe=row.recipe,
            content=self._plan.content,
            done=done,
            bytes=output_size(row) if done else None,
            worker_seconds=0.0 if spent is None else spent.worker_ms / 1000,
            attempts=0 if spent is None else spent.attempts,
        )
        self._ledger.add(entry)

    def _end(self, result: RowResult, emit: Emit) -> None:
        self._progress.note_row(result)
        self._tell(str(self._progress))
        emit(result)
        fault = self._failures.note(result)
        if fault is not None and self.stopped is None:
            self.stopped = fault
            self._changed.set()
