"""Follows a detached render from here, as if it ran here."""

import contextlib
from collections.abc import Collection

from helios.errors import JobFailed
from orchestrator.backends.detached.renders import DetachedRenders
from orchestrator.backends.detached.status import RenderStatus
from orchestrator.cli.commands.detached import status_document
from orchestrator.cost import Cost, Workers, cost_of
from orchestrator.display.display import Display, duration
from orchestrator.model.events import ChunkFinished, FrameProgress, MergeStarted
from orchestrator.model.job_state import JobState


async def follow(
    renders: DetachedRenders,
    job_id: str,
    *,
    workers: Workers,
    interval: float,
    display: Display,
) -> None:
    """Show a render's progress until it has ended, and then what it cost.

    Parameters
    ----------
    workers:
        What decides its price.

    Raises
    ------
    JobFailed
        It failed, or was stopped.
    """
    status: RenderStatus | None = None
    with contextlib.ExitStack() as stack:
        async for found in renders.watch(job_id, interval=interval):
            if status is None:
                stack.enter_context(display.job(found.spec, done=found.done))
                display.note("watching", _began(found), **status_document(found))
            else:
                await _show_new(renders, found, found.done - status.done, display)
                _show_merge(status, found, display)
            status = found
    if status is None:
        return
    if status.state is not JobState.COMPLETED:
        raise _failure(status)
    _tell_completion(status, cost_of(await renders.usage(status), workers), display)


def _show_merge(before: RenderStatus, now: RenderStatus, display: Display) -> None:
    """Show that the chunks are being joined, once all of them are there."""
    if len(before.done) < now.chunks_total == len(now.done):
        display.show(MergeStarted(now.chunks_total))


async def _show_new(
    renders: DetachedRenders, status: RenderStatus, ids: Collection[int], display: Display
) -> None:
    """Show chunks that have come since the last look."""
    frames = status.frames_done - sum(status.spec.chunk(id_).frame_count for id_ in ids)
    records = await renders.records(status.id, status.spec, ids)
    for record in records:
        frames += record.frame_count
        display.show(
            FrameProgress(
                chunk_id=record.chunk_id,
                frame=record.frame_count,
                frame_count=record.frame_count,
                frames_done=frames,
                frames_total=status.frames_total,
            )
        )
        display.show(ChunkFinished(record.chunk_id, record.attempt, record.duration_ms / 1000))


def _began(status: RenderStatus) -> str:
    return (
        f"{status.id}: {status.state}, {len(status.done)} of {status.chunks_total} chunks"
        f" and {status.frames_done} of {status.frames_total} frames are done"
    )


def _tell_completion(status: RenderStatus, cost: Cost, display: Display) -> None:
    seconds = 0.0
    if status.ended_at is not None:
        seconds = (status.ended_at - status.execution.started_at).total_seconds()
    where = status.output.url if status.output else "storage"
    display.note(
        "completed",
        f"{where}: {status.frames_total} frames in {duration(seconds)}"
        f" ({status.frames_total / max(seconds, 1e-9):.1f} frames/s);"
        f" about ${cost.dollars:.4f} by list prices; orchestrator fetch {status.id} -o OUT",
        **status_document(status),
        cost=cost.document(),
    )


def _failure(status: RenderStatus) -> JobFailed:
    error = status.error
    why = f": [{error.code}] {error.message}" if error else ""
    details = [
        f"chunk {chunk.chunk_id}: [{chunk.error.code}] {chunk.error.message}"
        for chunk in status.failed_chunks
    ]
    return JobFailed(
        f"render {status.id!r}: {status.state}{why}",
        hint=(error.hint if error else None) or "",
        details=details if len(details) > 1 else (),
        retryable=error.retryable if error else False,
    )
