"""Runs a job: its chunks at the same time, failures again, then the merge."""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helios.command import check_length, parse_command
from helios.conversation import OutputCallback
from helios.errors import (
    Cancelled,
    ChunkNotFound,
    CommandTimedOut,
    HeliosError,
    JobFailed,
    MergeFailed,
    OptionInvalid,
    parse_report,
)
from helios.job_spec import JobSpec, RenderChunk
from helios.worker_job import Artifact, ErrorRecord, WorkerJob, WorkerResult
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.events import (
    ChunkFailed,
    ChunkFinished,
    ChunkRetrying,
    ChunkStarted,
    Event,
    FrameProgress,
    LogLine,
    MergeFinished,
    MergeStarted,
)
from orchestrator.retry import MAX_RETRY_DELAY, RETRIES, RETRY_DELAY, Attempts, RetryPolicy

if TYPE_CHECKING:
    from helios.stitcher.base import VideoStitcher

#: Seconds beyond a job's time limit after which an adapter that doesn't keep it is cancelled.
TIMEOUT_SLACK = 30.0

_PROGRESS = re.compile(r"progress frame=(?P<frame>\d{1,15}) total=\d+(?: fps=(?P<fps>[\d.]+))?")
# Lines of stderr that the message about a failure quotes, and characters of each.
_QUOTED_LINES = 5
_QUOTED_COLUMNS = 300
# Characters from the end of stderr in which they are looked for.
_SEARCHED_STDERR = 8 * 1024


@dataclass(frozen=True, slots=True)
class ChunkOutcome:
    """How a chunk came to be: after how many attempts, in how many seconds (the last attempt)."""

    chunk_id: int
    attempts: int
    duration: float
    artifact: Artifact | None = None


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
    """

    chunks: tuple[ChunkOutcome, ...]
    merged: bool
    output: Path | None
    duration: float


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
        completed_chunk_ids: Collection[int] = (),
        chunk_ids: Collection[int] | None = None,
        on_progress: Callable[[int, int], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
        cancel: asyncio.Event | None = None,
        merge_adapter: WorkerAdapter | None = None,
        stitcher: "VideoStitcher | None" = None,
        output_file: Path | None = None,
        verify: Callable[[JobSpec, Path], Awaitable[object]] | None = None,
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
        merge_adapter:
            Runs the merge command in place of the chunks' adapter.
        stitcher:
            Joins the chunks in place of the merge command.
        output_file:
            The stitcher's output, relative to the job's folder; by default what the merge
            command names.
        verify:
            Checks all chunk outputs before the merge, and raises what is wrong.

        Raises
        ------
        JobFailed
            A chunk failed; `details` hold one line for each that did.
        MergeFailed
            The chunks are there, but joining them failed.
        Cancelled
            `cancel` was set.
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
        selection = _Selection.of(spec, completed=completed_chunk_ids, only=chunk_ids)
        if chunk_timeout is not None and not chunk_timeout > 0:
            raise OptionInvalid(f"chunk timeout: {chunk_timeout} s is not above 0")
        commands = _Commands(
            job_dir=job_dir, job_path=job_path or str(job_dir / "job.json"), timeout=chunk_timeout
        )
        attempts = Attempts(policy, jitter=self._jitter, sleep=self._sleep)
        chunk_run = _ChunkRun(
            self._adapter,
            selection,
            commands=commands,
            attempts=attempts,
            on_progress=on_progress,
            on_event=on_event,
        )
        merging: _Merge | None = None
        if merge and selection.completes_job and (stitcher or spec.merge_command.strip()):
            if stitcher is None:
                check_length(parse_command(spec.merge_command))
            merging = _Merge(
                spec,
                commands=commands,
                adapter=merge_adapter or self._adapter,
                stitcher=stitcher,
                output=_output(spec, job_dir=job_dir, output_file=output_file, stitcher=stitcher),
                verify=verify,
                on_event=on_event,
            )
        return await _unless_cancelled(_run(chunk_run, merging, concurrency), cancel)


async def _run(chunk_run: "_ChunkRun", merging: "_Merge | None", concurrency: int) -> JobResult:
    started = time.monotonic()
    await chunk_run.run(concurrency)
    if merging is not None:
        await merging.run(chunk_run.attempts)
    return JobResult(
        chunks=tuple(chunk_run.outcomes),
        merged=merging is not None,
        output=None if merging is None else merging.output,
        duration=time.monotonic() - started,
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


@dataclass(frozen=True, slots=True)
class _Selection:
    """The chunks of a run: those to render, and what is already there."""

    chunks: tuple[RenderChunk, ...]
    chunks_done: int
    frames_done: int
    frames_total: int
    completes_job: bool

    @classmethod
    def of(
        cls, spec: JobSpec, *, completed: Collection[int], only: Collection[int] | None
    ) -> "_Selection":
        known = {chunk.id for chunk in spec.chunks}
        wanted = known if only is None else set(only)
        if not wanted <= known:
            missing = ", ".join(map(str, sorted(wanted - known)))
            raise ChunkNotFound(f"chunk {missing}: the job spec doesn't have it")
        there = set(completed)
        in_question = [chunk for chunk in spec.chunks_by_frame() if chunk.id in wanted]
        pending = tuple(chunk for chunk in in_question if chunk.id not in there)
        frames_total = sum(chunk.frame_count for chunk in in_question)
        return cls(
            chunks=pending,
            chunks_done=len(in_question) - len(pending),
            frames_done=frames_total - sum(chunk.frame_count for chunk in pending),
            frames_total=frames_total,
            completes_job=known <= wanted | there,
        )


@dataclass(frozen=True, slots=True)
class _Commands:
    """Makes worker jobs of a spec's commands."""

    job_dir: Path
    job_path: str
    timeout: float | None

    def chunk(self, chunk: RenderChunk, attempt: int) -> WorkerJob:
        command, *args = parse_command(chunk.command)
        return WorkerJob(
            command=command,
            args=args,
            cwd=str(self.job_dir),
            meta={
                "action": "chunk",
                "chunkId": chunk.id,
                "attempt": attempt,
                "jobPath": self.job_path,
                "outputFile": chunk.output_file,
            },
            timeout=self.timeout,
        )

    def merge(self, merge_command: str, attempt: int) -> WorkerJob:
        command, *args = parse_command(merge_command)
        return WorkerJob(
            command=command,
            args=args,
            cwd=str(self.job_dir),
            meta={"action": "merge", "attempt": attempt, "jobPath": self.job_path},
        )


async def _attempt(
    adapter: WorkerAdapter, job: WorkerJob, *, on_output: OutputCallback | None
) -> WorkerResult:
    try:
        if job.timeout is None:
            return await adapter.execute(job, on_output=on_output)
        async with asyncio.timeout(job.timeout + TIMEOUT_SLACK):
            return await adapter.execute(job, on_output=on_output)
    except TimeoutError:
        error: HeliosError = CommandTimedOut(f"{job.command}: no answer after its time was up")
    except HeliosError as fault:
        error = fault
    return WorkerResult(exit_code=error.exit_code, error=ErrorRecord.of(error))


class _ChunkRun:
    """Renders the selected chunks: a few takers, each with one chunk at a time."""

    def __init__(
        self,
        adapter: WorkerAdapter,
        selection: _Selection,
        *,
        commands: _Commands,
        attempts: Attempts,
        on_progress: Callable[[int, int], None] | None,
        on_event: Callable[[Event], None] | None,
    ) -> None:
        self.attempts = attempts
        self.outcomes: list[ChunkOutcome] = []
        self._adapter = adapter
        self._selection = selection
        self._commands = commands
        self._on_progress = on_progress
        self._on_event = on_event
        self._frames_done = selection.frames_done
        self._failures: list[_Failure] = []

    async def run(self, concurrency: int) -> None:
        if self._selection.chunks_done:
            self._report_progress()
        # The takers share one iterator, so that a job of any size needs only so many tasks.
        queue = iter(self._selection.chunks)
        takers = min(concurrency, len(self._selection.chunks))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(takers):
                    group.create_task(self._take_from(queue))
        except BaseExceptionGroup as faults:
            raise faults.exceptions[0] from None
        if self._failures:
            done = self._selection.chunks_done + len(self.outcomes)
            raise JobFailed(
                f"{len(self._failures)} of {self._total} chunks failed, {done} are done",
                hint=_hint(self._failures),
                details=[str(failure) for failure in self._failures],
                retryable=any(failure.error.retryable for failure in self._failures),
            )

    @property
    def _total(self) -> int:
        return self._selection.chunks_done + len(self._selection.chunks)

    async def _take_from(self, queue: Iterator[RenderChunk]) -> None:
        for chunk in queue:
            if self.attempts.stopped.is_set():
                return
            await self._render(chunk)
            # An adapter that answers at once would otherwise keep everyone else waiting.
            await asyncio.sleep(0)

    async def _render(self, chunk: RenderChunk) -> None:
        frames = _ChunkFrames(self, chunk)

        async def attempt_once(attempt: int) -> WorkerResult:
            frames.restart()
            self.emit(ChunkStarted(chunk.id, attempt))
            on_output = frames.on_output if self._on_event else None
            job = self._commands.chunk(chunk, attempt)
            return await _attempt(self._adapter, job, on_output=on_output)

        def before_retry(attempt: int, delay: float, error: ErrorRecord) -> None:
            self.emit(ChunkRetrying(chunk.id, attempt, delay, error))

        attempts, result = await self.attempts.run(attempt_once, before_retry=before_retry)
        error = result.failure
        if error is not None:
            self.attempts.stopped.set()
            frames.restart()
            failure = _Failure(f"chunk {chunk.id}", attempts, error, result.stderr)
            self._failures.append(failure)
            self.emit(ChunkFailed(chunk.id, attempts, error))
            return
        duration = result.duration_ms / 1000
        self.outcomes.append(ChunkOutcome(chunk.id, attempts, duration, result.artifact))
        frames.advance(chunk.frame_count)
        self.emit(ChunkFinished(chunk.id, attempts, duration))
        self._report_progress()

    def emit(self, event: Event) -> None:
        if self._on_event is not None:
            self._on_event(event)

    def count_frames(self, change: int) -> tuple[int, int]:
        self._frames_done += change
        return self._frames_done, self._selection.frames_total

    def _report_progress(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self._selection.chunks_done + len(self.outcomes), self._total)


class _ChunkFrames:
    """Counts the frames of one chunk by what its command prints."""

    __slots__ = ("_chunk", "_frame", "_run")

    def __init__(self, run: _ChunkRun, chunk: RenderChunk) -> None:
        self._run = run
        self._chunk = chunk
        self._frame = 0

    def restart(self) -> None:
        self._run.count_frames(-self._frame)
        self._frame = 0

    def on_output(self, stream: str, text: str) -> None:
        progress = _PROGRESS.match(text) if stream == "stderr" else None
        if progress is None:
            self._run.emit(LogLine(self._chunk.id, stream, text))
            return
        self.advance(int(progress["frame"]), fps=_number(progress["fps"]))

    def advance(self, frame: int, *, fps: float | None = None) -> None:
        frame = min(frame, self._chunk.frame_count)
        if frame <= self._frame:
            return
        done, total = self._run.count_frames(frame - self._frame)
        self._frame = frame
        self._run.emit(
            FrameProgress(self._chunk.id, frame, self._chunk.frame_count, done, total, fps)
        )


class _Merge:
    """Joins the chunks: checks that they are there, then stitches or runs the merge command."""

    def __init__(
        self,
        spec: JobSpec,
        *,
        commands: _Commands,
        adapter: WorkerAdapter,
        stitcher: "VideoStitcher | None",
        output: Path | None,
        verify: Callable[[JobSpec, Path], Awaitable[object]] | None,
        on_event: Callable[[Event], None] | None,
    ) -> None:
        self.output = output
        self._spec = spec
        self._commands = commands
        self._adapter = adapter
        self._stitcher = stitcher
        self._verify = verify
        self._on_event = on_event

    async def run(self, attempts: Attempts) -> None:
        if self._verify is not None:
            await self._verify(self._spec, self._commands.job_dir)
        started = time.monotonic()
        self._emit(MergeStarted(len(self._spec.chunks)))
        if self._stitcher is not None and self.output is not None:
            await self._stitch(self._stitcher, self.output)
        else:
            await self._run_command(attempts)
        self._emit(MergeFinished(self.output, time.monotonic() - started))

    async def _stitch(self, stitcher: "VideoStitcher", output: Path) -> None:
        folder = self._commands.job_dir
        inputs = [folder / chunk.output_file for chunk in self._spec.chunks_by_frame()]
        try:
            await stitcher.stitch(inputs, output)
        except HeliosError as fault:
            raise MergeFailed(
                f"merge: {fault.message}",
                hint=fault.hint,
                details=fault.details,
                retryable=fault.retryable,
            ) from fault

    async def _run_command(self, attempts: Attempts) -> None:
        def on_output(stream: str, text: str) -> None:
            self._emit(LogLine(None, stream, text))

        async def attempt_once(attempt: int) -> WorkerResult:
            job = self._commands.merge(self._spec.merge_command, attempt)
            return await _attempt(
                self._adapter, job, on_output=on_output if self._on_event else None
            )

        def before_retry(attempt: int, delay: float, error: ErrorRecord) -> None:
            text = f"merge attempt {attempt} failed, next in {delay:.1f} s: {error.message}"
            self._emit(LogLine(None, "stderr", text))

        tries, result = await attempts.run(attempt_once, before_retry=before_retry)
        error = result.failure
        if error is not None:
            raise MergeFailed(
                f"merge: {error.message}",
                hint=error.hint or "",
                details=[str(_Failure("merge", tries, error, result.stderr))],
                retryable=error.retryable,
            )

    def _emit(self, event: Event) -> None:
        if self._on_event is not None:
            self._on_event(event)


def _output(
    spec: JobSpec, *, job_dir: Path, output_file: Path | None, stitcher: "VideoStitcher | None"
) -> Path | None:
    """Return the video's path: the stitcher's is ours to choose, a command names its own."""
    if stitcher is not None and output_file is not None:
        return job_dir / output_file
    words = parse_command(spec.merge_command)
    if words[:2] == ["helios", "merge"] and len(words) > 2:
        return job_dir / words[2]
    if stitcher is not None:
        raise OptionInvalid(
            "output file: none is given, and the merge command names none",
            hint="Give the file that the stitcher writes.",
        )
    return None


@dataclass(frozen=True, slots=True)
class _Failure:
    """What failed for good, after how many attempts, why, and what it had said by then."""

    what: str
    attempts: int
    error: ErrorRecord
    stderr: str

    def __str__(self) -> str:
        tries = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        lines = [f"{self.what}: {self.error.code} after {tries}: {_one_line(self.error.message)}"]
        lines += [f"    {detail}" for detail in self.error.details or ()]
        # The report at the end of stderr is told already.
        reported = parse_report(self.stderr)
        tail = _tail(self.stderr if reported is None else reported.before)
        return "\n".join(lines + [f"    stderr: {line}" for line in tail])


def _hint(failures: Sequence[_Failure]) -> str:
    """Return what to do about failures: what they all say themselves, if they do."""
    return " ".join(dict.fromkeys(failure.error.hint for failure in failures if failure.error.hint))


def _tail(stderr: str) -> list[str]:
    """Return the last lines of an output, without those that tell progress."""
    # Reading backwards a little keeps a 64 KiB output from being split for a short quote.
    lines = [line.rstrip() for line in stderr[-_SEARCHED_STDERR:].splitlines()]
    told = [line for line in lines if line.strip() and not _PROGRESS.match(line)]
    return [line[-_QUOTED_COLUMNS:] for line in told[-_QUOTED_LINES:]]


def _one_line(text: str) -> str:
    return " | ".join(filter(None, (line.strip() for line in text.splitlines())))


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
