"""Runs a job from a folder of this machine: what is there is kept, what is made is delivered."""

from collections.abc import Collection
from pathlib import Path

from helios.contract.job_spec import JobSpec
from helios.output import write_failure
from helios.stitcher.check import check_chunk_outputs
from orchestrator.adapters import WorkerAdapter
from orchestrator.backends.completion import (
    check_reachable,
    deliver_to,
    link_to,
    tell_completion,
    warn_of_picture,
)
from orchestrator.delivery.destination import Destination
from orchestrator.delivery.stores import Stores
from orchestrator.display.display import Display
from orchestrator.execution.job_executor import JobExecutor, JobResult
from orchestrator.execution.live_playlist import growing_playlist, playlist_path
from orchestrator.execution.run_hooks import RunHooks, to_all
from orchestrator.execution.seam_step import ChunkFolder, seam_pictures
from orchestrator.job_repository.file_lock import alone_in
from orchestrator.model.settings import RunOptions
from orchestrator.planning.planner import makes_images
from orchestrator.planning.resume import forget_chunks, forget_unused, whole_chunks
from orchestrator.scheduling.limited_adapter import limited


async def run_job(
    spec: JobSpec,
    *,
    adapter: WorkerAdapter,
    job_file: Path,
    job_dir: Path,
    destination: Destination | None,
    options: RunOptions,
    display: Display,
    control: RunHooks | None = None,
) -> str:
    """Run a job, show how it goes, and return where its result is.

    Parameters
    ----------
    job_file, job_dir:
        Where the spec is, and the folder that the job runs in.
    destination:
        Where the video goes; None leaves it where the job makes it.
    control:
        What steers the run; nothing by default.

    Raises
    ------
    JobBusy
        Another process runs a job in the folder.
    HeliosError
        As `JobExecutor.execute`.
    """
    async with Stores() as stores:
        if destination is not None:
            destination.check(images=makes_images(spec))
            await check_reachable(destination, stores)
        make_folder(job_dir)
        with alone_in(job_dir):
            result = await _execute(
                spec,
                adapter=adapter,
                job_file=job_file,
                job_dir=job_dir,
                destination=destination,
                options=options,
                display=display,
                control=control or RunHooks(),
            )
            made = _made(spec, result, job_dir, options)
            where = str(job_dir) if made is None else await deliver_to(made, destination, stores)
            if options.incremental:
                forget_unused(spec, job_dir)
        link = await link_to(where, options.presign, stores)
    await warn_of_picture(display, spec, where)
    tell_completion(display, spec, result, where, link=link)
    return where


async def _execute(
    spec: JobSpec,
    *,
    adapter: WorkerAdapter,
    job_file: Path,
    job_dir: Path,
    destination: Destination | None,
    options: RunOptions,
    display: Display,
    control: RunHooks,
) -> JobResult:
    done = await _done_chunks(spec, job_dir, options, display)
    wanted = {chunk.id for chunk in spec.chunks} if options.only is None else set(options.only)
    forget_chunks(spec, job_dir, only=wanted.difference(done))
    for chunk in spec.chunks:
        # As workers elsewhere do: not every command makes its folders.
        make_folder((job_dir / chunk.output_file).parent)
    control.on_reused(done)
    renderer = control.wrap(limited(adapter, control.limits, price=None))
    path = playlist_path(spec, job_dir, destination) if options.joins else None
    seams = ChunkFolder(spec, job_dir, pictures=seam_pictures(destination, job_dir))
    with display.job(spec, done=done, only=options.only):
        async with (
            control.limits.keep_time(),
            growing_playlist(
                spec, path, job_dir=job_dir, done=done, seams=seams, display=display
            ) as playlist,
        ):
            return await JobExecutor(renderer).execute(
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
                on_event=to_all(
                    control.on_event, display.show, *([playlist.on_event] if playlist else [])
                ),
                pause=control.pause,
                stitcher=playlist,
                output_file=path,
                verify=check_chunk_outputs,
                seams=seams,
            )


async def _done_chunks(
    spec: JobSpec, job_dir: Path, options: RunOptions, display: Display
) -> Collection[int]:
    """Return the chunks that needn't be rendered, and say so."""
    if options.incremental:
        from orchestrator.planning.incremental import unchanged_chunks  # noqa: PLC0415 - loads aiohttp

        kept = await unchanged_chunks(spec, job_dir)
        display.note(
            "kept",
            str(kept),
            chunks=sorted(kept.ids),
            anew=[{"chunks": ids, "reason": reason} for ids, reason in kept.grouped()],
        )
        return kept.ids
    if not options.resume:
        return frozenset()
    done = await whole_chunks(spec, job_dir)
    display.note(
        "resumed",
        f"{_chunks(len(done))} of {len(spec.chunks)} already there",
        chunks=sorted(done),
    )
    return done


def make_folder(folder: Path) -> None:
    """Make a job's folder.

    Raises
    ------
    OutputUnwritable, DiskFull
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise write_failure(fault, output=folder) from fault


def _made(spec: JobSpec, result: JobResult, job_dir: Path, options: RunOptions) -> Path | None:
    """Return the video: what the merge made, or the only chunk of a job without merge."""
    if result.merged or spec.merge_command.strip() or len(spec.chunks) > 1 or not options.merge:
        return result.output
    return job_dir / spec.chunks[0].output_file


def _chunks(count: int) -> str:
    return "1 chunk" if count == 1 else f"{count} chunks"
