"""The last step of a job: checks its chunks, merges them, and checks the video at its seams."""

import functools
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from helios.contract.error_record import ErrorRecord
from helios.contract.job_spec import JobSpec
from helios.contract.merge_command import MergeCommand
from helios.contract.worker_job import WorkerResult
from helios.errors import (
    HeliosError,
    JobStopped,
    MergeFailed,
    OptionInvalid,
    SeamBroken,
    SeamDiffers,
)
from helios.records.encoded_ends import EncodedEnds
from helios.stitcher.seam_check import check_merge
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.model.events import Event, LogLine, MergeFinished, MergeStarted
from orchestrator.model.failure import Failure
from orchestrator.scheduling.retry import Attempts
from orchestrator.scheduling.worker_jobs import WorkerJobs

if TYPE_CHECKING:
    from helios.stitcher.base import VideoStitcher


#: Checks all chunk outputs of a job in a folder, and returns what is noted of their ends.
ChunkCheck = Callable[[JobSpec, Path], Awaitable[Mapping[int, EncodedEnds]]]


class MergeStep:
    """Checks the chunks, then stitches them or runs the merge command."""

    def __init__(
        self,
        spec: JobSpec,
        *,
        worker_jobs: WorkerJobs,
        adapter: WorkerAdapter,
        stitcher: "VideoStitcher | None",
        output: Path | None,
        verify: ChunkCheck | None,
        on_event: Callable[[Event], None] | None,
    ) -> None:
        self.output = output
        self._spec = spec
        self._worker_jobs = worker_jobs
        self._adapter = adapter
        self._stitcher = stitcher
        self._verify = verify
        self._on_event = on_event

    async def run(self, attempts: Attempts, *, spec: JobSpec | None = None) -> None:
        """Join the chunks; `spec` gives another merge command than the job's own."""
        self._spec = spec or self._spec
        ends: Mapping[int, EncodedEnds] = {}
        if self._verify is not None:
            ends = await self._verify(self._spec, self._worker_jobs.job_dir)
        started = time.monotonic()
        self._emit(MergeStarted(len(self._spec.chunks)))
        if self._stitcher is not None and self.output is not None:
            await self._stitch(self._stitcher, self.output)
        else:
            await self._run_command(attempts)
        if ends and self.output is not None:
            await check_merge(self.output, self._spec, ends)
        self._emit(MergeFinished(self.output, time.monotonic() - started))

    async def _stitch(self, stitcher: "VideoStitcher", output: Path) -> None:
        folder = self._worker_jobs.job_dir
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

        for attempt in itertools.count(1):
            job = self._worker_jobs.merge(self._spec.merge_command, attempt)
            try:
                result = await self._adapter.execute(
                    job, on_output=on_output if self._on_event else None
                )
            except JobStopped:
                raise
            except HeliosError as fault:
                result = WorkerResult.of_error(fault)
            error = result.failure
            if error is None:
                return
            retrying = functools.partial(self._emit_retry, attempt, error)
            if not await attempts.has_next(attempt, error, before_retry=retrying):
                raise _merge_failure(Failure("merge", attempt, error, result.stderr))

    def _emit_retry(self, attempt: int, error: ErrorRecord, delay: float) -> None:
        text = f"merge attempt {attempt} failed, next in {delay:.1f} s: {error.message}"
        self._emit(LogLine(None, "stderr", text))

    def _emit(self, event: Event) -> None:
        if self._on_event is not None:
            self._on_event(event)


def _merge_failure(failure: Failure) -> HeliosError:
    error = failure.error
    kinds = {kind.code: kind for kind in (SeamBroken, SeamDiffers)}
    return kinds.get(error.code, MergeFailed)(
        f"merge: {error.message}",
        hint=error.hint or "",
        details=[str(failure)],
        retryable=error.retryable,
    )


def merge_output(
    spec: JobSpec, *, job_dir: Path, output_file: Path | None, stitcher: "VideoStitcher | None"
) -> Path | None:
    """Return the video's path: a stitcher's `output_file`, or the file that the command names."""
    if stitcher is not None and output_file is not None:
        return job_dir / output_file
    command = MergeCommand.of(spec.merge_command)
    if command is not None:
        return job_dir / command.output
    if stitcher is not None:
        raise OptionInvalid(
            "output file: none is given, and the merge command names none",
            hint="Give the file that the stitcher writes.",
        )
    return None
