"""Runs a job from a folder of this machine: what is there is kept, what is made is delivered."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from helios.command import format_command
from helios.errors import Cancelled, HeliosError
from helios.job_spec import JobSpec
from helios.output import write_failure
from helios.stitcher.check import check_chunk_outputs
from orchestrator.adapters import WorkerAdapter
from orchestrator.delivery import check_destination, deliver
from orchestrator.display import Display, duration
from orchestrator.job_executor import JobExecutor, JobResult
from orchestrator.planner import makes_images
from orchestrator.resume import forget_chunks, whole_chunks


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a job is run.

    Attributes
    ----------
    concurrency:
        Chunks at the same time.
    merge:
        Whether chunks are joined.
    retries, retry_delay:
        Further tries of a chunk, and seconds before the first of them at most.
    chunk_timeout:
        Seconds that a try may take; None for no limit.
    only:
        Ids of the only chunks that are wanted; None for all.
    resume:
        Keep the chunks that are there already and are whole.
    """

    concurrency: int
    merge: bool
    retries: int
    retry_delay: float
    chunk_timeout: float | None
    only: Collection[int] | None
    resume: bool


async def run_job(
    spec: JobSpec,
    *,
    adapter: WorkerAdapter,
    job_file: Path,
    job_dir: Path,
    output: Path | None,
    options: RunOptions,
    display: Display,
) -> None:
    """Run a job and show how it goes.

    Parameters
    ----------
    job_file, job_dir:
        Where the spec is, and the folder that the job runs in.
    output:
        Where the video goes; None leaves it where the job makes it.

    Raises
    ------
    HeliosError
        As `JobExecutor.execute`; what can be gone on with says how in its hint.
    """
    if output is not None:
        check_destination(output, images=makes_images(spec))
    _make_folder(job_dir)
    done = await whole_chunks(spec, job_dir) if options.resume else set()
    if options.resume:
        display.note(
            "resumed",
            f"{_chunks(len(done))} of {len(spec.chunks)} already there",
            chunks=sorted(done),
        )
    else:
        forget_chunks(spec, job_dir, only=options.only)
    try:
        with display.job(spec, done=done, only=options.only):
            result = await JobExecutor(adapter).execute(
                spec,
                concurrency=options.concurrency,
                job_dir=job_dir,
                job_path=str(job_file),
                merge=options.merge,
                retries=options.retries,
                retry_delay=options.retry_delay,
                chunk_timeout=options.chunk_timeout,
                completed_chunk_ids=done,
                chunk_ids=options.only,
                on_event=display.show,
                verify=check_chunk_outputs,
            )
    except asyncio.CancelledError:
        go_on = _go_on(job_file, job_dir, output)
        raise Cancelled("stopped; finished chunks are kept", hint=go_on) from None
    except HeliosError as error:
        if error.retryable:
            error.hint = " ".join(filter(None, [error.hint, _go_on(job_file, job_dir, output)]))
        raise
    made = _made(spec, result, job_dir, options)
    if made is not None and output is not None:
        made = deliver(made, output)
    _tell(spec, result, made or job_dir, display)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise write_failure(fault, output=folder) from fault


def _made(spec: JobSpec, result: JobResult, job_dir: Path, options: RunOptions) -> Path | None:
    """Return the video: what the merge made, or the only chunk of a job without merge."""
    if result.merged or spec.merge_command.strip() or len(spec.chunks) > 1 or not options.merge:
        return result.output
    return job_dir / spec.chunks[0].output_file


def _tell(spec: JobSpec, result: JobResult, made: Path, display: Display) -> None:
    rendered = {chunk.chunk_id for chunk in result.chunks}
    frames = sum(chunk.frame_count for chunk in spec.chunks if chunk.id in rendered)
    speed = f" ({frames / max(result.duration, 1e-9):.1f} frames/s)" if frames else ""
    display.note(
        "completed",
        f"{made}: {frames} frames in {duration(result.duration)}{speed}",
        output=str(made),
        frames=frames,
        seconds=round(result.duration, 3),
    )


def _chunks(count: int) -> str:
    return "1 chunk" if count == 1 else f"{count} chunks"


def _go_on(job_file: Path, job_dir: Path, output: Path | None) -> str:
    words = ["orchestrator", "run", str(job_file), "--resume"]
    words += [] if job_dir == job_file.parent else ["--job-dir", str(job_dir)]
    words += ["-o", str(output)] if output else []
    return f"Go on with: {format_command(words)}"
