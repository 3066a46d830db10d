"""Renders a batch, and yields the results of rows as they end."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Unpack

from helios.errors import HeliosError
from orchestrator.api.batches.ledger import Ledger
from orchestrator.api.batches.plan import plan_batch
from orchestrator.api.batches.results import RowResult
from orchestrator.api.batches.row_plan import BatchRequest
from orchestrator.api.batches.rows import Rows
from orchestrator.api.batches.run import BatchRun
from orchestrator.api.batches.shared_workers import SharedWorkers
from orchestrator.api.blocking import iterate_in_background
from orchestrator.api.displays import EventDisplay, OnEvent
from orchestrator.api.jobs.batch_summary import recorded_batch
from orchestrator.api.option_faults import check_names
from orchestrator.api.rendering.keywords import BatchKeywords
from orchestrator.api.targets.target import Local, Targets, as_targets
from orchestrator.backends.completion import hinting_at_resume
from orchestrator.display.display import Display

_AGAIN = "Go on with the finished rows: the same command with `resume`."


async def render_batch_async(
    source: str | Path,
    rows: Rows,
    output: str | Path,
    *,
    target: Targets = Local(),  # noqa: B008 - immutable
    probe_each: bool = False,
    on_event: OnEvent | None = None,
    **settings: Unpack[BatchKeywords],
) -> AsyncGenerator[RowResult, None]:
    """Render a composition with the values of each row, and yield results as rows end.

    All rows are checked before the first is rendered. A row that fails is a result with an
    `error`, and the others go on. Leaving the loop early stops the batch; `resume=True` goes on.

    Args:
        source: The composition, as for `render`.
        rows: A .csv, .jsonl or .parquet file, or mappings. Columns are settings of the render
            (width, height, scale, fps, duration, frames, seed, timezone, locale, quality, crf), a
            whole object of `props`, or single props.
        output: Template of the videos' names, with columns in braces: 'out/{id}.mp4', or an s3://
            or gs:// URL.
        target: Where chunks are rendered.
        probe_each: Whether the page is loaded with the props of each row to find its length. By
            default it is loaded with those of two rows, and for each one only if these differ in
            length.
        on_event: Called with milestones and with what is worth a line about a row.
        settings: As `BatchKeywords`: the flags of `orchestrator batch`, with the same defaults.

    Raises:
        RowsInvalid: Rows have faults; `details` name each with its line.
        OptionInvalid: A setting is invalid.
        CostLimitReached, DeadlineReached: The batch stopped at a limit; finished rows are kept.
    """
    check_names(settings, BatchKeywords.__annotations__)
    request = BatchRequest(
        source=str(source),
        rows=rows,
        output=str(output),
        targets=as_targets(target),
        keywords=settings,
        probes_each=probe_each,
    )
    async for result in batch_results(request, EventDisplay(on_event)):
        yield result


def render_batch(
    source: str | Path,
    rows: Rows,
    output: str | Path,
    *,
    target: Targets = Local(),  # noqa: B008 - immutable
    probe_each: bool = False,
    on_event: OnEvent | None = None,
    **settings: Unpack[BatchKeywords],
) -> Iterator[RowResult]:
    """Render a composition with the values of each row, and yield results as rows end.

    Parameters and errors are those of `render_batch_async`. Rows are rendered on another thread,
    also while the caller works with a result; `on_event` is called there.
    """
    return iterate_in_background(
        render_batch_async(
            source,
            rows,
            output,
            target=target,
            probe_each=probe_each,
            on_event=on_event,
            **settings,
        )
    )


async def batch_results(request: BatchRequest, display: Display) -> AsyncGenerator[RowResult, None]:
    """Run a batch, and yield the results of its rows, as `render_batch_async`."""
    plan = await plan_batch(request)
    workers = await SharedWorkers.of(plan)
    run = BatchRun(plan, workers, display=display, ledger=Ledger(plan.folder))
    results: asyncio.Queue[RowResult | None] = asyncio.Queue()

    async def work() -> None:
        try:
            await run.run(results.put_nowait)
        finally:
            results.put_nowait(None)

    async with recorded_batch(
        plan.settings.store,
        source=request.source,
        output=request.output,
        rows=len(plan.rows),
        display=display,
    ) as record:
        working = asyncio.create_task(work())
        with hinting_at_resume(_AGAIN, kept="finished rows and chunks are kept"):
            try:
                while (result := await results.get()) is not None:
                    await record.note(result.state)
                    yield result
                await working
            finally:
                working.cancel()
                with contextlib.suppress(asyncio.CancelledError, HeliosError):
                    await working
            if run.stopped is not None:
                raise run.stopped
