"""The `orchestrator` command.

Only this module's own needs are imported at its head, so that `--help` is quick.
"""

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator import flags

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from helios.job_spec import JobSpec
    from orchestrator.adapters import WorkerAdapter
    from orchestrator.display import Display
    from orchestrator.local_run import RunOptions
    from orchestrator.planner import RenderOptions

app = typer.Typer(
    name="orchestrator",
    help="Render an HTML composition in chunks, side by side, and join them into one video.",
    epilog="Exit status: 0 done; 1 failed, another try may help; 2 input refused; 130 stopped.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

#: Bytes of memory that one browser at work is counted with.
_BROWSER_BYTES = 600 << 20


@app.command()
def render(
    source: flags.Source,
    output: flags.Output,
    duration: flags.Duration = None,
    frames: flags.Frames = None,
    fps: flags.Fps = "30",
    width: flags.Width = 1920,
    height: flags.Height = 1080,
    chunks: flags.Chunks = None,
    frames_per_chunk: flags.FramesPerChunk = None,
    concurrency: flags.Concurrency = None,
    adapter: flags.Adapter = "local",
    retries: flags.Retries = 2,
    retry_delay: flags.RetryDelay = 1.0,
    chunk_timeout: flags.ChunkTimeout = None,
    no_merge: flags.NoMerge = False,
    only_chunks: flags.OnlyChunks = None,
    resume: flags.Resume = False,
    props: flags.Props = "{}",
    crf: flags.Crf = None,
    preset: flags.Preset = None,
    codec: flags.CodecName = None,
    jpeg_quality: flags.JpegQuality = None,
    scale: flags.Scale = 1.0,
    transparent: flags.Transparent = False,
    seed: flags.Seed = 0,
    replay: flags.Replay = None,
    no_audio: flags.NoAudio = False,
    allow_missing: flags.AllowMissing = False,
    timeout: flags.Timeout = None,
    job_dir: flags.JobDir = None,
    keep: flags.Keep = False,
    as_json: flags.Json = False,
    verbose: flags.Verbose = False,
) -> None:
    """Plan, render and stitch: from a composition to a video."""

    async def work(display: "Display") -> None:
        from orchestrator.local_run import run_job
        from orchestrator.resume import is_planned_alike

        worker = _adapter(adapter)
        folder = job_dir or _folder_beside(output)
        spec = await _plan(
            display,
            source,
            output,
            duration=duration,
            frames=frames,
            options=_render_options(
                fps,
                width=width,
                height=height,
                codec=codec,
                crf=crf,
                preset=preset,
                jpeg_quality=jpeg_quality,
                scale=scale,
                transparent=transparent,
                seed=seed,
                props=props,
                replay=replay,
                allow_missing=allow_missing,
                timeout=timeout,
            ),
            chunks=chunks,
            frames_per_chunk=frames_per_chunk,
            concurrency=concurrency,
            sound=not no_audio,
            job_dir=folder,
        )
        job_file = folder / "job.json"
        alike = is_planned_alike(spec, job_file)
        if resume and not alike:
            display.note(
                "replanned", "the plan isn't that of the last run: all chunks are rendered"
            )
        _write(job_file, spec.to_json())
        await run_job(
            spec,
            adapter=worker,
            job_file=job_file,
            job_dir=folder,
            output=output,
            options=_run_options(
                concurrency=concurrency,
                no_merge=no_merge,
                retries=retries,
                retry_delay=retry_delay,
                chunk_timeout=chunk_timeout,
                only_chunks=only_chunks,
                resume=resume and alike,
            ),
            display=display,
        )
        if not (keep or no_merge or only_chunks or job_dir):
            _remove_job(folder)

    _run(work, as_json=as_json, verbose=verbose)


@app.command()
def plan(
    source: flags.Source,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The job spec to write; - for stdout.")
    ] = Path("job.json"),
    video: Annotated[str, typer.Option(help="Name of the video that the job makes.")] = "video.mp4",
    duration: flags.Duration = None,
    frames: flags.Frames = None,
    fps: flags.Fps = "30",
    width: flags.Width = 1920,
    height: flags.Height = 1080,
    chunks: flags.Chunks = None,
    frames_per_chunk: flags.FramesPerChunk = None,
    concurrency: flags.Concurrency = None,
    props: flags.Props = "{}",
    crf: flags.Crf = None,
    preset: flags.Preset = None,
    codec: flags.CodecName = None,
    jpeg_quality: flags.JpegQuality = None,
    scale: flags.Scale = 1.0,
    transparent: flags.Transparent = False,
    seed: flags.Seed = 0,
    replay: flags.Replay = None,
    no_audio: flags.NoAudio = False,
    allow_missing: flags.AllowMissing = False,
    timeout: flags.Timeout = None,
    as_json: flags.Json = False,
    verbose: flags.Verbose = False,
) -> None:
    """Write the job spec of a render, to be run later or elsewhere."""

    async def work(display: "Display") -> None:
        to_stdout = str(output) == "-"
        spec = await _plan(
            display,
            source,
            Path(video),
            duration=duration,
            frames=frames,
            options=_render_options(
                fps,
                width=width,
                height=height,
                codec=codec,
                crf=crf,
                preset=preset,
                jpeg_quality=jpeg_quality,
                scale=scale,
                transparent=transparent,
                seed=seed,
                props=props,
                replay=replay,
                allow_missing=allow_missing,
                timeout=timeout,
            ),
            chunks=chunks,
            frames_per_chunk=frames_per_chunk,
            concurrency=concurrency,
            sound=not no_audio,
            job_dir=Path() if to_stdout else output.parent,
        )
        if to_stdout:
            print(spec.to_json(), end="")
            return
        _write(output, spec.to_json())
        display.note(
            "completed", f"{output}: run it with: orchestrator run {output}", jobSpec=str(output)
        )

    _run(work, as_json=as_json and str(output) != "-", verbose=verbose)


@app.command()
def run(
    job: flags.SpecPath,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The video.", show_default="as the spec says"),
    ] = None,
    concurrency: flags.Concurrency = None,
    adapter: flags.Adapter = "local",
    retries: flags.Retries = 2,
    retry_delay: flags.RetryDelay = 1.0,
    chunk_timeout: flags.ChunkTimeout = None,
    no_merge: flags.NoMerge = False,
    only_chunks: flags.OnlyChunks = None,
    resume: flags.Resume = False,
    job_dir: Annotated[
        Path | None,
        typer.Option(help="Folder that the job runs in.", show_default="the spec's folder"),
    ] = None,
    as_json: flags.Json = False,
    verbose: flags.Verbose = False,
) -> None:
    """Run a job spec: its chunks, then its merge."""

    async def work(display: "Display") -> None:
        from helios.job_spec import JobSpec
        from orchestrator.local_run import run_job

        worker = _adapter(adapter)
        await run_job(
            JobSpec.load(job),
            adapter=worker,
            job_file=job,
            job_dir=job_dir or job.parent,
            output=output,
            options=_run_options(
                concurrency=concurrency,
                no_merge=no_merge,
                retries=retries,
                retry_delay=retry_delay,
                chunk_timeout=chunk_timeout,
                only_chunks=only_chunks,
                resume=resume,
            ),
            display=display,
        )

    _run(work, as_json=as_json, verbose=verbose)


@app.command()
def validate(job: flags.SpecPath, as_json: flags.Json = False) -> None:
    """Check a job spec: exit status 0 if it can be run, else every fault with its JSON path."""

    async def work(display: "Display") -> None:
        from helios.job_spec import JobSpec

        spec = JobSpec.load(job)
        facts = spec.metadata
        display.note(
            "completed",
            f"{job}: valid; {len(spec.chunks)} chunk(s), {facts.total_frames} frames,"
            f" {facts.width}x{facts.height} at {facts.fps:g} fps",
            chunks=len(spec.chunks),
            totalFrames=facts.total_frames,
        )

    _run(work, as_json=as_json, verbose=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of job specs."""
    from helios.job_spec import json_schema

    print(json.dumps(json_schema(), indent=2))


def main() -> None:
    """Run the command line."""
    app()


def _render_options(fps: str, *, props: str, **rest: Any) -> "RenderOptions":
    from helios.frame_rate import frame_rate
    from helios.renderer.props import read_props
    from orchestrator.planner import RenderOptions

    return RenderOptions(rate=frame_rate(fps), props=read_props(props), **rest)


async def _plan(
    display: "Display",
    source: str,
    output: Path,
    *,
    duration: float | None,
    frames: int | None,
    options: "RenderOptions",
    chunks: int | None,
    frames_per_chunk: int | None,
    concurrency: int | None,
    sound: bool,
    job_dir: Path,
) -> "JobSpec":
    from orchestrator.delivery import check_destination
    from orchestrator.planner import ChunkSizes, check_options, is_sequence, plan
    from orchestrator.survey import survey

    # All that can be refused without the page comes first.
    check_options(output.name, options)
    sizes = ChunkSizes(
        chunks=chunks,
        frames_per_chunk=frames_per_chunk,
        concurrency=_default_concurrency() if concurrency is None else concurrency,
    )
    check_destination(output, images=is_sequence(output.name, options.codec))
    with display.activity(f"looking at {source}"):
        found = await survey(source, options, duration=duration, frames=frames, sound=sound)
    spec = plan(
        source,
        output.name,
        frame_count=found.frame_count,
        options=options,
        sizes=sizes,
        job_dir=job_dir,
        sound=found.sounds,
    )
    facts = spec.metadata
    count = len(spec.chunks)
    display.note(
        "planned",
        f"{facts.total_frames} frames ({facts.duration:g} s at {facts.fps:g} fps,"
        f" {facts.width}x{facts.height}) in {count} {'chunk' if count == 1 else 'chunks'}",
        totalFrames=facts.total_frames,
        chunks=count,
        sounds=found.sounds,
    )
    return spec


def _run_options(
    *,
    concurrency: int | None,
    no_merge: bool,
    retries: int,
    retry_delay: float,
    chunk_timeout: float | None,
    only_chunks: list[int] | None,
    resume: bool,
) -> "RunOptions":
    from orchestrator.local_run import RunOptions

    return RunOptions(
        concurrency=_default_concurrency() if concurrency is None else concurrency,
        merge=not no_merge,
        retries=retries,
        retry_delay=retry_delay,
        chunk_timeout=chunk_timeout,
        only=only_chunks or None,
        resume=resume,
    )


def _adapter(name: str) -> "WorkerAdapter":
    from helios.errors import OptionInvalid
    from orchestrator.adapters import LocalWorkerAdapter

    if name != "local":
        raise OptionInvalid(f"adapter {name!r}: not known", hint="Adapters: local.")
    return LocalWorkerAdapter()


def _default_concurrency() -> int:
    import psutil

    by_memory = psutil.virtual_memory().available // _BROWSER_BYTES
    # A container or taskset may leave fewer cores than the machine has.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, by_memory))


def _folder_beside(output: Path) -> Path:
    from helios.errors import OptionInvalid

    if output.name in ("", ".."):
        raise OptionInvalid(f"output {str(output)!r}: names no file", hint="Give a file's name.")
    return output.with_name(f"{output.name}.job")


def _remove_job(folder: Path) -> None:
    """Remove what a render left in its job's folder, and the folder if nothing else is in it."""
    shutil.rmtree(folder / "chunks", ignore_errors=True)
    (folder / "job.json").unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _write(path: Path, text: str) -> None:
    from helios.output import whole_output

    with whole_output(path) as folder:
        (folder / "whole").write_text(text, "utf-8")


def _run(
    work: "Callable[[Display], Coroutine[Any, Any, None]]", *, as_json: bool, verbose: bool = False
) -> None:
    from orchestrator.command_line import run_command

    run_command(work, as_json=as_json, verbose=verbose)


if __name__ == "__main__":
    main()
