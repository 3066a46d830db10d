"""The `orchestrator` command.

Only this module's own needs are imported at its head, so that `--help` is quick.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from helios.errors import EXIT_INTERRUPTED, Cancelled, HeliosError, OptionInvalid, report

if TYPE_CHECKING:
    from helios.job_spec import JobSpec
    from orchestrator.adapters import WorkerAdapter
    from orchestrator.display import Display
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

Source = Annotated[
    str, typer.Argument(metavar="INPUT", help="An HTML file, a folder with index.html, or a URL.")
]
SpecPath = Annotated[Path, typer.Argument(metavar="JOB.JSON", help="A job spec.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The video to write.")]
Duration = Annotated[
    float | None, typer.Option(help="Seconds.", show_default="what the page declares")
]
Frames = Annotated[int | None, typer.Option(help="Frames, in place of --duration.")]
Fps = Annotated[str, typer.Option(help="Frames per second: 30, 29.97, 30000/1001.")]
Width = Annotated[int, typer.Option(help="Width of the page in CSS pixels.")]
Height = Annotated[int, typer.Option(help="Height of the page in CSS pixels.")]
Chunks = Annotated[
    int | None, typer.Option(help="Number of chunks.", show_default="by cores and length")
]
FramesPerChunk = Annotated[int | None, typer.Option(help="Frames per chunk, instead.")]
Concurrency = Annotated[
    int | None, typer.Option(help="Chunks at the same time.", show_default="by cores and memory")
]
Adapter = Annotated[str, typer.Option(help="Where chunks run: local.")]
Retries = Annotated[int, typer.Option(help="Further tries of a chunk that failed.")]
RetryDelay = Annotated[
    float, typer.Option(help="Seconds before the first further try, at most; then doubled.")
]
ChunkTimeout = Annotated[
    float | None, typer.Option(help="Seconds that a try may take.", show_default="no limit")
]
NoMerge = Annotated[bool, typer.Option("--no-merge", help="Leave the chunks as they are.")]
OnlyChunks = Annotated[
    list[int] | None, typer.Option("--chunk", metavar="ID", help="Only this chunk; repeatable.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Keep the chunks that are there already and are whole.")
]
Props = Annotated[str, typer.Option(help="JSON object or @file.json: window.__HELIOS_PROPS__.")]
Crf = Annotated[int | None, typer.Option(help="Constant rate factor.", show_default="18 for h264")]
Preset = Annotated[
    str | None, typer.Option(help="Encoder speed.", show_default="veryfast for h264")
]
CodecName = Annotated[
    str | None,
    typer.Option(
        "--codec", help="h264, h265, vp9, av1, prores, gif, png, jpeg.", show_default="by file name"
    ),
]
JpegQuality = Annotated[int | None, typer.Option(min=1, max=100, help="Of captured frames.")]
Scale = Annotated[float, typer.Option(help="Output pixels per CSS pixel.")]
Transparent = Annotated[bool, typer.Option("--transparent", help="Keep transparency.")]
Seed = Annotated[int, typer.Option(help="What Math.random starts from.")]
Replay = Annotated[
    bool | None,
    typer.Option(
        "--replay/--no-replay",
        help="Run every frame from 0 on first, for pages that build on their own last frame.",
        show_default="what the page declares",
    ),
]
NoAudio = Annotated[bool, typer.Option("--no-audio", help="Leave the sound out.")]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Go on when a file of the page isn't there.")
]
Timeout = Annotated[
    float | None, typer.Option(help="Seconds for the page to load, and for each frame.")
]
JobDir = Annotated[
    Path | None,
    typer.Option(help="Folder for the spec and the chunks.", show_default="OUTPUT.job, beside it"),
]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the job's folder after success.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document per event, on stdout.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show what workers say.")]


@app.command()
def render(
    source: Source,
    output: Output,
    duration: Duration = None,
    frames: Frames = None,
    fps: Fps = "30",
    width: Width = 1920,
    height: Height = 1080,
    chunks: Chunks = None,
    frames_per_chunk: FramesPerChunk = None,
    concurrency: Concurrency = None,
    adapter: Adapter = "local",
    retries: Retries = 2,
    retry_delay: RetryDelay = 1.0,
    chunk_timeout: ChunkTimeout = None,
    no_merge: NoMerge = False,
    only_chunks: OnlyChunks = None,
    resume: Resume = False,
    props: Props = "{}",
    crf: Crf = None,
    preset: Preset = None,
    codec: CodecName = None,
    jpeg_quality: JpegQuality = None,
    scale: Scale = 1.0,
    transparent: Transparent = False,
    seed: Seed = 0,
    replay: Replay = None,
    no_audio: NoAudio = False,
    allow_missing: AllowMissing = False,
    timeout: Timeout = None,
    job_dir: JobDir = None,
    keep: Keep = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Plan, render and stitch: from a composition to a video."""

    async def work(display: "Display") -> None:
        folder = job_dir or output.with_name(f"{output.name}.job")
        spec = await _plan(
            display,
            source,
            output,
            duration=duration,
            frames=frames,
            options=_options(
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
        _write(folder / "job.json", spec.to_json())
        await _execute(
            display,
            spec,
            folder,
            adapter=_adapter(adapter),
            concurrency=concurrency,
            merge=not no_merge,
            retries=retries,
            retry_delay=retry_delay,
            chunk_timeout=chunk_timeout,
            only_chunks=only_chunks,
            resume=resume,
            output=output,
        )
        if not (keep or no_merge or only_chunks or job_dir):
            shutil.rmtree(folder, ignore_errors=True)

    _run(work, as_json=as_json, verbose=verbose)


@app.command()
def plan(
    source: Source,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The job spec to write; - for stdout.")
    ] = Path("job.json"),
    video: Annotated[str, typer.Option(help="Name of the video that the job makes.")] = "video.mp4",
    duration: Duration = None,
    frames: Frames = None,
    fps: Fps = "30",
    width: Width = 1920,
    height: Height = 1080,
    chunks: Chunks = None,
    frames_per_chunk: FramesPerChunk = None,
    concurrency: Concurrency = None,
    props: Props = "{}",
    crf: Crf = None,
    preset: Preset = None,
    codec: CodecName = None,
    jpeg_quality: JpegQuality = None,
    scale: Scale = 1.0,
    transparent: Transparent = False,
    seed: Seed = 0,
    replay: Replay = None,
    no_audio: NoAudio = False,
    allow_missing: AllowMissing = False,
    timeout: Timeout = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Write the job spec of a render, to be run later or elsewhere."""

    async def work(display: "Display") -> None:
        to_stdout = str(output) == "-"
        folder = Path.cwd() if to_stdout else output.parent
        spec = await _plan(
            display,
            source,
            Path(video),
            duration=duration,
            frames=frames,
            options=_options(
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
        if to_stdout:
            print(spec.to_json(), end="")
            return
        _write(output, spec.to_json())
        display.note(
            "written", f"{output}: run it with: orchestrator run {output}", jobSpec=str(output)
        )

    _run(work, as_json=as_json, verbose=verbose)


@app.command()
def run(
    job: SpecPath,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The video.", show_default="as the spec says"),
    ] = None,
    concurrency: Concurrency = None,
    adapter: Adapter = "local",
    retries: Retries = 2,
    retry_delay: RetryDelay = 1.0,
    chunk_timeout: ChunkTimeout = None,
    no_merge: NoMerge = False,
    only_chunks: OnlyChunks = None,
    resume: Resume = False,
    job_dir: Annotated[
        Path | None,
        typer.Option(help="Folder that the job runs in.", show_default="the spec's folder"),
    ] = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Run a job spec: its chunks, then its merge."""

    async def work(display: "Display") -> None:
        from helios.job_spec import JobSpec

        await _execute(
            display,
            JobSpec.load(job),
            job_dir or job.parent,
            adapter=_adapter(adapter),
            concurrency=concurrency,
            merge=not no_merge,
            retries=retries,
            retry_delay=retry_delay,
            chunk_timeout=chunk_timeout,
            only_chunks=only_chunks,
            resume=resume,
            output=output,
            job_path=job,
        )

    _run(work, as_json=as_json, verbose=verbose)


@app.command()
def validate(job: SpecPath, as_json: Json = False) -> None:
    """Check a job spec: exit status 0 if it can be run, else every fault with its JSON path."""

    async def work(display: "Display") -> None:
        from helios.job_spec import JobSpec

        spec = JobSpec.load(job)
        facts = spec.metadata
        display.note(
            "valid",
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


# --- planning -------------------------------------------------------------------------------


def _options(fps: str, *, props: str, **rest: Any) -> "RenderOptions":
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
    from orchestrator.planner import ChunkSizes, check_options, plan
    from orchestrator.survey import survey

    if duration is not None and frames is not None:
        raise OptionInvalid("--duration and --frames: give one of them")
    check_options(output.name, options)
    found = await survey(source, options, duration=duration, frames=frames, sound=sound)
    spec = plan(
        source,
        output.name,
        frame_count=found.frame_count,
        options=options,
        sizes=ChunkSizes(
            chunks=chunks,
            frames_per_chunk=frames_per_chunk,
            concurrency=concurrency or _default_concurrency(),
        ),
        job_dir=job_dir,
        sound=found.sounds,
    )
    facts = spec.metadata
    display.note(
        "planned",
        f"{facts.total_frames} frames ({facts.duration:g} s at {facts.fps:g} fps,"
        f" {facts.width}x{facts.height}) in {len(spec.chunks)} chunk(s)",
        totalFrames=facts.total_frames,
        chunks=len(spec.chunks),
        sounds=found.sounds,
    )
    return spec


# --- running --------------------------------------------------------------------------------


async def _execute(
    display: "Display",
    spec: "JobSpec",
    job_dir: Path,
    *,
    adapter: "WorkerAdapter",
    concurrency: int | None,
    merge: bool,
    retries: int,
    retry_delay: float,
    chunk_timeout: float | None,
    only_chunks: list[int] | None,
    resume: bool,
    output: Path | None,
    job_path: Path | None = None,
) -> None:
    from helios.stitcher.check import check_chunk_outputs
    from orchestrator.job_executor import JobExecutor
    from orchestrator.resume import whole_chunks

    done = await whole_chunks(spec, job_dir) if resume else set()
    if done:
        display.note("resumed", f"{len(done)} chunk(s) are there already", chunks=sorted(done))
    job_file = job_path or job_dir / "job.json"
    try:
        with display.job(spec):
            result = await JobExecutor(adapter).execute(
                spec,
                concurrency=concurrency or _default_concurrency(),
                job_dir=job_dir,
                job_path=str(job_file),
                merge=merge,
                retries=retries,
                retry_delay=retry_delay,
                chunk_timeout=chunk_timeout,
                completed_chunk_ids=done,
                chunk_ids=only_chunks,
                on_event=display.show,
                verify=check_chunk_outputs,
            )
    except asyncio.CancelledError:
        raise Cancelled(
            "stopped; finished chunks are kept", hint=_go_on(job_file, output)
        ) from None
    except HeliosError as error:
        error.hint = " ".join(filter(None, [error.hint, _go_on(job_file, output)]))
        raise
    made = _deliver(spec, job_dir, result.output, output, whole=merge and not only_chunks)
    frames = sum(spec.chunk(chunk.chunk_id).frame_count for chunk in result.chunks)
    display.note(
        "completed",
        f"{made or job_dir}: {frames} frames in {result.duration:.1f} s"
        f" ({frames / max(result.duration, 1e-9):.1f} frames/s)",
        output=str(made) if made else None,
        frames=frames,
        seconds=round(result.duration, 3),
    )


def _go_on(job_file: Path, output: Path | None) -> str:
    from helios.command import format_command

    words = ["orchestrator", "run", str(job_file), "--resume"]
    words += ["-o", str(output)] if output else []
    return f"Go on with: {format_command(words)}"


def _deliver(
    spec: "JobSpec", job_dir: Path, merged: Path | None, output: Path | None, *, whole: bool
) -> Path | None:
    """Move a job's result to where the user wants it; return where it is."""
    from helios.output import write_failure

    made = merged
    if made is None and whole and len(spec.chunks) == 1 and not spec.merge_command:
        made = job_dir / spec.chunks[0].output_file
    if made is None or output is None or made == output:
        return made
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        if made.is_dir():
            output.mkdir(exist_ok=True)
            for image in made.iterdir():
                shutil.move(image, output / image.name)
        else:
            shutil.move(made, output)
    except OSError as error:
        raise write_failure(error, output=output) from error
    return output


def _adapter(name: str) -> "WorkerAdapter":
    from orchestrator.adapters import LocalWorkerAdapter

    if name != "local":
        raise OptionInvalid(f"adapter {name!r}: not known", hint="Adapters: local.")
    return LocalWorkerAdapter()


def _default_concurrency() -> int:
    import psutil

    by_memory = psutil.virtual_memory().available // _BROWSER_BYTES
    return max(1, min(os.cpu_count() or 1, by_memory))


def _write(path: Path, text: str) -> None:
    from helios.output import whole_output

    with whole_output(path) as folder:
        (folder / "whole").write_text(text, "utf-8")


# --- the edge -------------------------------------------------------------------------------


def _run(
    work: "Callable[[Display], Coroutine[Any, Any, None]]", *, as_json: bool, verbose: bool
) -> None:
    """Run a command to its end; Ctrl-C and TERM stop it, errors are told in one place."""
    from orchestrator.display import choose_display

    display = choose_display(as_json=as_json, verbose=verbose)

    async def until_done() -> None:
        task = asyncio.ensure_future(work(display))

        def stop() -> None:
            if not task.cancelling():
                display.note("stopping", "stopping: what runs is ended, finished chunks stay")
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        try:
            await task
        except asyncio.CancelledError:
            raise Cancelled("stopped") from None

    try:
        asyncio.run(until_done())
    except HeliosError as error:
        _fail(display, error, as_json=as_json)


def _fail(display: "Display", error: HeliosError, *, as_json: bool) -> NoReturn:
    if as_json:
        display.note(
            "error",
            "",
            code=error.code,
            message=error.message,
            hint=error.hint,
            details=list(error.details),
            retryable=error.retryable,
        )
    else:
        print(report(error), file=sys.stderr)
    sys.exit(EXIT_INTERRUPTED if isinstance(error, Cancelled) else error.exit_code)


if __name__ == "__main__":
    main()
