"""Detached batches in the commands that take a job's id."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestrator.cli.batch_text import (
    described,
    described_summary,
    document_of,
    failures,
    progress,
    row_documents,
)
from orchestrator.cli.options.job_options import JobOptions

if TYPE_CHECKING:
    from orchestrator.backends.detached.batch import BatchStatus, DetachedBatch
    from orchestrator.display.display import Display
    from orchestrator.model.deployment import Deployment

#: Rows that are deleted at once.
_DELETIONS_AT_ONCE = 8


@contextlib.asynccontextmanager
async def _opened(
    batch_id: str, where: JobOptions
) -> AsyncIterator[tuple["DetachedBatch", "Deployment"]]:
    from helios.errors import OptionInvalid
    from orchestrator.api.jobs.batch_summary import find_summary
    from orchestrator.api.targets.deployments import detached_renders
    from orchestrator.backends.detached.batch import DetachedBatch

    if await find_summary(where.store(), batch_id) is not None:
        raise OptionInvalid(
            f"batch {batch_id}: is run by the command that began it",
            hint="Ctrl-C stops that command, which goes on with --resume.",
        )
    deployment = await where.name().find()
    async with detached_renders(deployment) as renders:
        yield await DetachedBatch.open(batch_id, renders), deployment


async def status(batch_id: str, where: JobOptions, display: "Display") -> None:
    """Show how far a batch is."""
    from orchestrator.api.jobs.batch_summary import find_summary

    summary = await find_summary(where.store(), batch_id)
    if summary is not None:
        display.answer("status", "\n".join(described_summary(summary)), **summary.document())
        return
    async with _opened(batch_id, where) as (batch, deployment):
        found = await batch.status()
    document = document_of(found) | {"where": str(deployment), "jobs": row_documents(found)}
    display.answer("status", "\n".join(described(found, str(deployment))), **document)


async def watch(batch_id: str, where: JobOptions, display: "Display", *, interval: float) -> None:
    """Follow a batch until nothing of it runs, and begin rows that wait as others end."""
    last: BatchStatus | None = None
    async with _opened(batch_id, where) as (batch, _):
        with display.counting() as tell:
            async for found in batch.follow(interval=interval):
                tell(progress(found))
                if last is None or found.counts != last.counts:
                    display.note("watching", progress(found), **document_of(found))
                last = found
    assert last is not None  # noqa: S101 - there is one at least
    _end(last, display)


def _end(found: "BatchStatus", display: "Display") -> None:
    from helios.errors import BatchFailed

    counts = found.counts
    if found.state != "completed":
        raise BatchFailed(
            f"{counts['completed']} of {counts.total()} rows are rendered,"
            f" {counts['failed']} failed",
            hint=f"Render the rest: orchestrator resume {found.record.id}",
            details=failures(found),
            retryable=any(
                each.error is not None and each.error.retryable
                for each in found.executions.values()
            ),
        )
    display.note(
        "completed",
        f"{counts.total()} rows are rendered; orchestrator fetch {found.record.id} -o FOLDER",
        **document_of(found),
    )


async def cancel(batch_id: str, where: JobOptions, display: "Display", *, reason: str) -> None:
    """Stop the rows of a batch that run, and begin no others."""
    async with _opened(batch_id, where) as (batch, _):
        found = await batch.cancel(reason=reason)
    text = f"batch {batch_id}: is stopped, {progress(found)}"
    display.note("cancelled", text, **document_of(found))


async def resume(
    batch_id: str,
    changes: Mapping[str, Any],
    where: JobOptions,
    display: "Display",
    *,
    fresh: bool,
) -> None:
    """Run what failed, was stopped or waits, as many rows as may run at once."""
    from helios.errors import OptionInvalid
    from orchestrator.api.targets.costs import cost_deadline

    others = sorted(set(changes) - {"max_cost"}) + (["fresh"] if fresh else [])
    if others:
        raise OptionInvalid(f"`{others[0]}`: of a detached batch, only `max_cost` can be changed")
    async with _opened(batch_id, where) as (batch, deployment):
        record = batch.record
        over = record.stop_at is not None and record.stop_at <= datetime.now(UTC)
        if over and "max_cost" not in changes:
            raise OptionInvalid(
                f"batch {batch_id}: reached its cost limit", hint="Give `max_cost` for the rest."
            )
        stop_at = cost_deadline(
            changes.get("max_cost"),
            deployment,
            chunks=len(record.jobs) * record.row_concurrency,
            at_once=record.concurrency,
        )
        found = await batch.resume(stop_at=stop_at)
    display.note(
        "resumed",
        f"batch {batch_id}: {progress(found)}; orchestrator watch {batch_id}",
        **document_of(found),
    )


async def delete(batch_id: str, where: JobOptions, *, chunks: bool) -> None:
    """Remove the record of a batch that doesn't run, and of its rows; videos stay.

    Args:
        chunks: Remove their chunks, too.
    """
    from helios.concurrency import map_limited
    from helios.errors import JobBusy, JobNotFound
    from orchestrator.api.jobs.batch_summary import delete_summary
    from orchestrator.api.jobs.detached_job import DetachedJob

    if await delete_summary(where.store(), batch_id):
        return
    async with _opened(batch_id, where) as (batch, deployment):
        found = await batch.status()
        if found.counts["running"]:
            raise JobBusy(
                f"batch {batch_id}: the {deployment} runs it",
                hint=f"End it first: orchestrator cancel {batch_id}",
            )

        async def remove(job_id: str) -> None:
            # Rows that weren't begun, and those of a deletion that was broken off, aren't found.
            with contextlib.suppress(JobNotFound):
                await DetachedJob(job_id, deployment).delete(chunks=chunks)

        await map_limited(remove, batch.record.jobs, limit=_DELETIONS_AT_ONCE)
        # Last, so that a deletion that fails can be repeated.
        await batch.forget()


async def fetch(batch_id: str, output: str, where: JobOptions, display: "Display") -> None:
    """Copy the videos of the rows that are rendered into a folder, or below a URL."""
    async with _opened(batch_id, where) as (batch, _):
        with display.activity(f"fetching {output}"):
            count = await batch.fetch(output)
    of = len(batch.record.rows)
    display.note(
        "completed",
        f"{output}: {count} of {of} videos",
        id=batch_id,
        output=output,
        videos=count,
        rows=of,
    )
