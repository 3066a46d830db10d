"""`orchestrator verify`: compares a finished video with its chunks."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options.job_options import JobOptions

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@command
async def verify(
    job: Annotated[
        str,
        typer.Argument(metavar="ID|JOB.JSON", help="The job: its id, or its spec's path or URL."),
    ],
    where: JobOptions,
    display: "Display",
    video: Annotated[
        str | None,
        typer.Option(
            help="Another file, or s3:// or gs:// URL, to check.",
            show_default="what the job made",
        ),
    ] = None,
) -> None:
    """Check frames, times and sound of a video at its seams; exit status 1 if a seam is broken."""
    from orchestrator.api.rendering.spec_runs import verify_by_spec

    if "://" in job or await asyncio.to_thread(Path(job).is_file):
        checked, report = await verify_by_spec(job, video)
    else:
        found = await where.find(job, display)
        report = await found.verify(video)
        checked = video or (await found.status()).output or job
    what = (
        f"frames of {report.compared} of {report.boundaries} compared with the chunks'"
        if report.compared
        else "lengths, times and black frames looked at; nothing is noted of its chunks"
    )
    display.note(
        "verified",
        f"{checked}: {report.frames} frames, {report.boundaries} boundaries, all right ({what})",
        video=checked,
        frames=report.frames,
        seconds=report.seconds,
        boundaries=report.boundaries,
        compared=report.compared,
    )
