"""Runs a job: its chunks at the same time, failures again, then the merge."""

import asyncio
import functools
import random
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from helios.contract.command import check_length, parse_command
from helios.contract.job_spec import JobSpec
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.execution.cancellation import cancelled_by
from orchestrator.execution.chunk_run import ChunkOutcome, ChunkRun
from orchestrator.execution.merge_step import ChunkCheck, MergeStep, merge_output
from orchestrator.execution.run_hooks import AttemptRecorder, unrecorded
from orchestrator.execution.seam_step import SeamOutcome, SeamSource, SeamStep
from orchestrator.model.events import Event
from orchestrator.model.settings import RunSettings
from orchestrator.planning.selection import Selection
from orchestrator.scheduling.retry import Attempts, RetryPolicy
from orchestrator.scheduling.worker_jobs import WorkerJobs

if TYPE_CHECKING:
    from helios.stitcher.base import VideoStitcher


@dataclass(frozen=True, slots=True)
class JobResult:
    """The result of a run.

    Args:
        chunks: The chunks that this run rendered, in the order in which they finished.
        merged: Whether the chunks were merged.
        output: The video; None if there was no merge or its command doesn't name the file.
        duration: Duration of the run in seconds.
        seams: The comparison of the seams between chunks.
    """

    chunks: tuple[ChunkOutcome, ...]
    merged: bool
    output: Path | None
    duration: float
    seams: SeamOutcome = field(default_factory=SeamOutcome)


class JobExecutor:
    """Runs jobs through an adapter.

    Args:
        adapter: Runs the chunks, and the merge command unless that has an adapter of its own.
        jitter: Returns numbers from 0 to 1 that spread delays.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        adapter: WorkerAdapter,
        *,
        jitter: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._adapter = adapter
        self._jitter = jitter
        self._sleep = sleep

    async def execute(
        self,
        spec: JobSpec,
        settings: RunSettings,
        *,
        job_dir: Path,
        job_path: str | None = None,
        completed_chunk_ids: Collection[int] = (),
        on_progress: Callable[[int, int], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
        cancel: asyncio.Event | None = None,
        pause: asyncio.Event | None = None,
        record: AttemptRecorder = unrecorded,
        merge_adapter: WorkerAdapter | None = None,
        stitcher: "VideoStitcher | None" = None,
        output_file: Path | None = None,
        verify: ChunkCheck | None = None,
        seams: SeamSource | None = None,
    ) -> JobResult:
        """Run a job's chunks, then its merge.

        After a chunk has failed for good, no chunk is started, and running ones finish.

        Args:
            spec: The job.
            settings: How it runs. With `backups`, a chunk that takes much longer than the others is
                given to a second worker as well, and the first good output counts: the adapter's
                workers must be able to render one chunk twice at the same time.
            job_dir: Folder that commands run in and that outputs are relative to.
            job_path: Path or URL of the job spec for workers; `job.json` in the job's folder by
                default.
            completed_chunk_ids: Chunks that an earlier run finished; they count as done.
            on_progress: Called with the number of finished chunks and of all selected chunks.
            on_event: Called with every event.
            cancel: When set, running chunks are cancelled and the call raises `Cancelled`.
            pause: When set, no chunk is started, and after the running ones the call raises
                `JobPaused`. A merge that has begun is finished.
            record: Records each attempt at a chunk.
            merge_adapter: Runs the merge command in place of the chunks' adapter.
            stitcher: Joins the chunks in place of the merge command.
            output_file: The stitcher's output, relative to the job's folder; by default what the
                merge command names.
            verify: Checks all chunk outputs before the merge, raises what is wrong, and returns
                what is noted of their ends, by which the video is checked at its seams.
            seams: The boundary frames of the chunks. Once all chunks are finished, seams are
                compared by it, and what the spec's `seamCheck` says is done.

        Raises:
            JobFailed: A chunk failed; `details` hold one line for each that did.
            CircuitOpen: So many attempts failed that the job can't succeed.
            MergeFailed: The chunks are finished, but merging them failed.
            SeamDiffers: Chunks draw a frame differently, also after they were rendered again.
            SeamBroken: The stitched video differs from its chunks.
            Cancelled: `cancel` was set.
            JobPaused: `pause` was set.
            JobStopped: The adapter found a reason to stop the job as a whole.
            ChunkNotFound: The settings want `only` a chunk that the spec doesn't have.
            CommandInvalid: The merge command is too long to be started, which is found before any
                rendering.
            OptionInvalid: There is a stitcher, but its output isn't named.
        """
        selection = Selection.of(spec, completed=completed_chunk_ids, only=settings.only)
        compares_seams = seams is not None and spec.seams != "off"
        worker_jobs = WorkerJobs(
            job_dir=job_dir,
            job_path=job_path or str(job_dir / "job.json"),
            timeout=settings.chunk_timeout,
            notes_boundaries=compares_seams,
        )
        policy = RetryPolicy(
            retries=settings.retries,
            delay=settings.retry_delay,
            max_delay=settings.max_retry_delay,
        )
        attempts = Attempts(policy, jitter=self._jitter, sleep=self._sleep)
        chunk_run_of = functools.partial(
            ChunkRun,
            settings=settings,
            worker_jobs=worker_jobs,
            attempts=attempts,
            record=record,
            on_progress=on_progress,
            on_event=on_event,
            pause=pause,
        )

        async def render_again(healed: JobSpec, ids: Collection[int]) -> None:
            rest = {chunk.id for chunk in healed.chunks}.difference(ids)
            again = Selection.of(healed, completed=rest, only=None)
            # Not hedged: they take longer than the chunks before, and aren't slow for that.
            await chunk_run_of(self._adapter, again, hedged=False).run()

        chunk_run = chunk_run_of(self._adapter, selection, hedged=bool(settings.backups))
        seam_step: SeamStep | None = None
        # Only chunks that were chosen by their ids are rendered.
        if seams is not None and compares_seams and settings.only is None:
            seam_step = SeamStep(spec, source=seams, render=render_again, on_event=on_event)
        merge_step: MergeStep | None = None
        if settings.merge and selection.completes_job and (stitcher or spec.merge_command.strip()):
            if stitcher is None:
                check_length(parse_command(spec.merge_command))
            merge_step = MergeStep(
                spec,
                worker_jobs=worker_jobs,
                adapter=merge_adapter or self._adapter,
                stitcher=stitcher,
                output=merge_output(
                    spec, job_dir=job_dir, output_file=output_file, stitcher=stitcher
                ),
                verify=verify,
                on_event=on_event,
            )
        started = time.monotonic()
        async with cancelled_by(cancel):
            await chunk_run.run()
            proven = SeamOutcome() if seam_step is None else await seam_step.run()
            if merge_step is not None:
                await merge_step.run(attempts, spec=proven.spec)
        return JobResult(
            chunks=tuple(chunk_run.outcomes),
            merged=merge_step is not None,
            output=None if merge_step is None else merge_step.output,
            duration=time.monotonic() - started,
            seams=proven,
        )
