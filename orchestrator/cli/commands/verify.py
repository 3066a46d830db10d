"""`orchestrator verify`: whether a finished video is its chunks, one after another."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options.flag_groups import Shown, with_groups
from orchestrator.cli.options.job_store_options import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from helios.contract.job_spec import JobSpec
    from helios.records.chunk_ends import ChunkEnds
    from orchestrator.delivery.stores import Stores
    from orchestrator.display.display import Display


@with_groups
def verify(
    video: Annotated[
        str, typer.Argument(metavar="VIDEO", help="A file, or an s3:// or gs:// URL.")
    ],
    job: Annotated[
        str,
        typer.Option(
            metavar="ID|JOB.JSON", help="The job that made it: its id, or its spec's path or URL."
        ),
    ],
    registry: Registry,
    shown: Shown,
) -> None:
    """Check a video at its seams: frames, times, sound. Exit status 1 if one is broken."""

    async def work(display: "Display") -> None:
        from orchestrator.delivery.stores import Stores
        from orchestrator.delivery.verification import verify as check

        async with Stores() as stores:
            spec, ends = await _known(job, registry, stores)
            report = await check(video, spec, ends, stores=stores)
        what = (
            f"frames of {report.compared} of {report.boundaries} compared with the chunks'"
            if report.compared
            else "lengths, times and black frames looked at; nothing is noted of its chunks"
        )
        display.note(
            "verified",
            f"{video}: {report.frames} frames, {report.boundaries} boundaries, all right ({what})",
            video=video,
            frames=report.frames,
            seconds=report.seconds,
            boundaries=report.boundaries,
            compared=report.compared,
        )

    shown.run(work)


async def _known(
    job: str, registry: Registry, stores: "Stores"
) -> "tuple[JobSpec, Mapping[int, ChunkEnds]]":
    """Return a job's spec, and what is noted of its chunks."""
    from orchestrator.delivery.verification import ends_of_artifacts, ends_of_job, load_spec

    if "://" in job or await asyncio.to_thread(Path(job).is_file):
        spec = await load_spec(job, stores)
        return spec, await ends_of_job(spec, job, stores)
    async with registry.open() as repository:
        found = await repository.get(job)
    stored = [chunk.artifact for chunk in found.chunks.values() if chunk.artifact is not None]
    remote = [artifact for artifact in stored if "://" in artifact.url]
    if remote:
        return found.spec, await ends_of_artifacts(remote, stores)
    location = found.location
    folder = location.folder
    return found.spec, await ends_of_job(found.spec, location.job_path, stores, job_dir=folder)
