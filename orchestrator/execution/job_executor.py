"""Runs a job: its chunks at the same time, failures again, then the merge."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helios.contract.command import check_length, parse_command
from helios.contract.job_spec import JobSpec
from helios.contract.worker_job import WorkerJob
from helios.errors import Cancelled, HeliosError, OptionInvalid
from helios.records.chunk_ends import ChunkEnds
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.execution.chunk_run import ChunkOutcome, ChunkRun
from orchestrator.execution.merge_step import MergeStep, merge_output
from orchestrator.execution.seam_step import SeamOutcome, SeamSource, SeamStep
from orchestrator.model.events import BackupStarted, Event
from orchestrator.planning.selection import Selection
from orchestrator.scheduling.hedging import HedgedAdapter
from orchestrator.scheduling.retry import (
    MAX_RETRY_DELAY,
    RETRIES,
    RETRY_DELAY,
    Attempts,
    RetryPolicy,
)
from orchestrator.scheduling.straggler_rule import StragglerRule
from orchestrator.scheduling.worker_jobs import WorkerJobs

if TYPE_CHECKING:
    from helios.stitcher.base import VideoStitcher


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a run achieved.

    Parameters
    ----------
    chunks:
        The chunks that this run rendered, in the order in which they finished.
    merged:
        Whether the chunks were joined.
    output:
        The video; None if there was no merge or its command doesn't name the file.
    duration:
        How long it all took in seconds.
    seams:
        What became of the seams between chunks.
    """

    chunks: tuple[ChunkOutcome, ...]
    merged: bool
    output: Path | None
    duration: float
    seams: SeamOutcome = field(default_factory=SeamOutcome)


class JobExecutor:
    """Runs jobs through an adapter.

    Parameters
    ----------
    adapter:
        Runs the chunks, and the merge command unless that has an adapter of its own.
    jitter:
        Returns numbers from 0 to 1 that spread delays.
    sleep:
        Waits for some seconds.
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
        *,
        concurrency: int,
        job_dir: Path,
        job_path: str | None = None,
        merge: bool = True,
        retries: int = RETRIES,
        retry_delay: float = RETRY_DELAY,
        max_retry_delay: float = MAX_RETRY_DELAY,
        chunk_timeout: float | None = None,
        backups: bool = False,
        completed_chunk_ids: Collection[int] = (),
        chunk_ids: Collection[int] | None = None,
        on_progress: Callable[[int, int], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
        cancel: asyncio.Event | None = None,
        pause: asyncio.Event | None = None,
        merge_adapter: WorkerAdapter | None = None,
        stitcher: "VideoStitcher | None" = None,
        output_file: Path | None = None,
        verify: Callable[[JobSpec, Path], Awaitable[Mapping[int, ChunkEnds]]] | None = None,
        seams: SeamSource | None = None,
    ) -> JobResult:
        """Run a job's chunks, then its merge.

        After a chunk failed for good nothing new begins, and what runs is waited for.

        Parameters
        ----------
        spec:
            The job.
        concurrency:
            How many chunks run at the same time.
        job_dir:
            Folder that commands run in and that outputs are relative to.
        job_path:
            Where workers find the job spec; `job.json` in the job's folder by default.
        merge:
            Whether to join the chunks. It only happens once all chunks of the spec are there.
        retries, retry_delay, max_retry_delay:
            Further tries after a failure that may heal, the bound of the first delay and of all
            delays in seconds.
        chunk_timeout:
            Seconds that one attempt at a chunk may take.
        backups:
            Whether a chunk that takes much longer than the others is given to a second worker as
            well; the first good output counts. The adapter's workers must be able to render one
            chunk twice at the same time.
        completed_chunk_ids:
            Chunks that an earlier run finished; they count as done.
        chunk_ids:
            Only these chunks run.
        on_progress:
            Is called with the number of chunks done and of all chunks in question.
        on_event:
            Is called with every event.
        cancel:
            Once set, running chunks are cancelled and the call ends with `Cancelled`.
        pause:
            Once set, nothing new begins, and after what runs the call ends with `JobPaused`. A
            merge that has begun is finished.
        merge_adapter:
            Runs the merge command in place of the chunks' adapter.
        stitcher:
            Joins the chunks in place of the merge command.
        output_file:
            The stitcher's output, relative to the job's folder; by default what the merge
            command names.
        verify:
            Checks all chunk outputs before the merge, raises what is wrong, and returns what is
            noted of their ends, by which the video is checked at its seams.
        seams:
            What is known of the pictures at the chunks' ends. Once all chunks are there, seams are
            compared by it, and what the spec's `seamCheck` says is done.

        Raises
        ------
        JobFailed
            A chunk failed; `details` hold one line for each that did.
        CircuitOpen
            So many attempts failed that the job can't succeed.
        MergeFailed
            The chunks are there, but joining them failed.
        SeamDiffers
            Chunks draw a frame differently, also after they were rendered again.
        SeamBroken
            They were joined, but not to what they should be.
        Cancelled
            `cancel` was set.
        JobPaused
            `pause` was set.
        JobStopped
            The adapter found a reason to stop the job as a whole.
        ChunkNotFound
            `chunk_ids` holds an id that the spec doesn't have.
        CommandInvalid
            The merge command is too long to be started, which is found before any rendering.
        OptionInvalid
            An option can't be worked with.
        """
        if concurrency < 1:
            raise OptionInvalid(f"concurrency: {concurrency} is less than 1")
        policy = RetryPolicy(retries=retries, delay=retry_delay, max_delay=max_retry_delay)
        selection = Selection.of(spec, completed=completed_chunk_ids, only=chunk_ids)
        if chunk_timeout is not None and not chunk_timeout > 0:
            raise OptionInvalid(f"chunk timeout: {chunk_timeout} s is not above 0")
        worker_jobs = WorkerJobs(
            job_dir=job_dir,
            job_path=job_path or str(job_dir / "job.json"),
            timeout=chunk_timeout,
            notes_boundaries=seams is not None and spec.seams != "off",
        )
        attempts = Attempts(policy, jitter=self._jitter, sleep=self._sleep)
        adapter = self._adapter
        if backups:
            adapter = _with_backups(
                adapter, len(selection.chunks), at_once=concurrency, on_event=on_event
            )

        def chunk_run_of(selection: Selection, adapter: WorkerAdapter) -> ChunkRun:
            return ChunkRun(
                adapter,
                selection,
                worker_jobs=worker_jobs,
                attempts=attempts,
                on_progress=on_progress,
                on_event=on_event,
                pause=pause,
            )

        async def render_again(healed: JobSpec, ids: Collection[int]) -> None:
            rest = {chunk.id for chunk in healed.chunks}.difference(ids)
            again = Selection.of(healed, completed=rest, only=None)
            # Without backups: they take longer than the chunks before, and aren't slow for that.
            await chunk_run_of(again, self._adapter).run(concurrency)

        chunk_run = chunk_run_of(selection, adapter)
        proving: SeamStep | None = None
        # Only chunks that were chosen by their ids are rendered.
        if seams is not None and spec.seams != "off" and chunk_ids is None:
            proving = SeamStep(spec, source=seams, render=render_again, on_event=on_event)
        merging: MergeStep | None = None
        if merge and selection.completes_job and (stitcher or spec.merge_command.strip()):
            if stitcher is None:
                check_length(parse_command(spec.merge_command))
            merging = MergeStep(
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
        return await _unless_cancelled(_run(chunk_run, proving, merging, concurrency), cancel)


def _with_backups(
    adapter: WorkerAdapter,
    chunks: int,
    *,
    at_once: int,
    on_event: Callable[[Event], None] | None,
) -> WorkerAdapter:
    def tell(job: WorkerJob, seconds: float) -> None:
        if on_event is not None:
            on_event(BackupStarted(job.meta["chunkId"], job.meta["attempt"], seconds))

    return HedgedAdapter(adapter, StragglerRule(chunks), at_once=at_once, on_backup=tell)


async def _run(
    chunk_run: ChunkRun, proving: SeamStep | None, merging: MergeStep | None, concurrency: int
) -> JobResult:
    started = time.monotonic()
    await chunk_run.run(concurrency)
    seams = SeamOutcome() if proving is None else await proving.run()
    if merging is not None:
        await merging.run(chunk_run.attempts, spec=seams.spec)
    return JobResult(
        chunks=tuple(chunk_run.outcomes),
        merged=merging is not None,
        output=None if merging is None else merging.output,
        duration=time.monotonic() - started,
        seams=seams,
    )


async def _unless_cancelled(
    work: Coroutine[Any, Any, JobResult], cancel: asyncio.Event | None
) -> JobResult:
    if cancel is None:
        return await work
    if cancel.is_set():
        work.close()
        raise Cancelled("the job was cancelled before it began")
    job = asyncio.ensure_future(work)
    signal = asyncio.ensure_future(cancel.wait())
    try:
        await asyncio.wait([job, signal], return_when=asyncio.FIRST_COMPLETED)
        if not job.done():
            job.cancel()
            await asyncio.wait([job])
            if job.cancelled() or isinstance(job.exception(), HeliosError):
                raise Cancelled("the job was cancelled")
        return job.result()
    finally:
        signal.cancel()
        if not job.done():
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)
