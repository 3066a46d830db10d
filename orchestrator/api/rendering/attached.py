"""Renders a composition in this process, with local or remote workers."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from helios.errors import HeliosError
from helios.renderer.composition import Composition
from orchestrator.api.jobs.job_status import output_of
from orchestrator.api.rendering.checks import check_attached, check_format, check_incremental
from orchestrator.api.rendering.planning import plan_image, plan_render, write_spec
from orchestrator.api.rendering.prepared_job import PreparedJob, run_prepared
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.api.targets.concurrency import chosen_concurrency
from orchestrator.api.targets.target import Target, Targets, are_remote, as_targets, resolve
from orchestrator.api.video import ChunkFiles, Video
from orchestrator.backends.job_folder import make_folder
from orchestrator.delivery.destination import Destination
from orchestrator.delivery.packaging import link_composition, name_in_assets
from orchestrator.job_repository.file_lock import alone_in
from orchestrator.model.job import JobSummary
from orchestrator.model.job_id import new_job_id
from orchestrator.model.location import AdapterSettings
from orchestrator.planning.output_kinds import check_still
from orchestrator.planning.resume import earlier_job

if TYPE_CHECKING:
    from helios.contract.job_spec import JobSpec
    from orchestrator.display.display import Display


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderRequest:
    """A render to run."""

    #: The composition: an HTML file, a folder with `index.html`, or a URL.
    source: str
    #: The video.
    destination: Destination
    #: Where chunks are rendered.
    targets: tuple[Target, ...]
    settings: RenderSettings
    #: The only frame to render, as an image: its number, or a time; None for a video.
    at: int | str | None = None

    @classmethod
    def of(
        cls,
        source: str | Path,
        output: str | Path,
        target: Targets,
        keywords: Mapping[str, Any],
        *,
        at: int | str | None = None,
    ) -> Self:
        """Return the request that a caller's arguments make."""
        return cls(
            source=str(source),
            destination=Destination.of(str(output)),
            targets=as_targets(target),
            settings=RenderSettings.of(keywords),
            at=at,
        )


async def run_request(request: RenderRequest, display: "Display") -> JobSummary:
    """Plan a render and run it to its end."""
    job = await prepare(request, display)
    return await run_prepared(job, request.settings.store, display)


async def rendered(request: RenderRequest, display: "Display") -> Video | ChunkFiles:
    """Do the same, and return the result."""
    job = await prepare(request, display)
    summary = await run_prepared(job, request.settings.store, display)
    facts = {
        "job_id": summary.id,
        "location": output_of(summary) or str(job.job_dir),
        "cost": await _known_cost(summary),
        "seams": display.seams,
        "warnings": tuple(display.warnings),
    }
    if request.settings.leaves_chunks:
        return ChunkFiles.of(job.spec, **facts)
    return Video.of(job.spec, link=display.completed.get("link"), **facts)


async def prepare(request: RenderRequest, display: "Display") -> PreparedJob:
    """Check a request, plan it, and write its spec into the job's folder."""
    settings, destination, source = request.settings, request.destination, request.source
    remote = are_remote(request.targets)
    check_format(settings, destination)
    if request.at is not None:
        check_still(destination.name)
    check_incremental(settings, source, request.targets, destination)
    check_attached(settings, request.targets, destination)
    adapters = await resolve(request.targets)
    at_once = chosen_concurrency(settings.concurrency, remote=remote)
    folder = settings.job_dir or destination.job_dir
    names: dict[str, Any] = {
        "job_dir": folder,
        "job_id": new_job_id(),
        "input_name": name_in_assets(source, settings.root) if is_linked(request) else None,
    }
    if request.at is not None:
        spec = await plan_image(source, destination, settings, at=request.at, **names)
    else:
        spec = await plan_render(
            source,
            destination,
            settings,
            concurrency=at_once,
            display=display,
            remote=remote,
            shared=not remote,
            **names,
        )
    keeps = settings.keep or settings.incremental or settings.job_dir is not None
    return await set_up(
        request, spec, folder, adapters=adapters, at_once=at_once, keep=keeps, display=display
    )


def is_linked(request: RenderRequest) -> bool:
    """Tell whether commands name the composition as it is linked into the job's folder.

    What is served from above the page's folder is linked there, as what is packed.
    """
    found = Composition.find(request.source, root=request.settings.root)
    return are_remote(request.targets) or not found.serves_page_folder


async def set_up(
    request: RenderRequest,
    spec: "JobSpec",
    folder: Path,
    *,
    adapters: list[AdapterSettings],
    at_once: int,
    keep: bool,
    display: "Display",
) -> PreparedJob:
    """Write the spec of a request into the job's folder, or find the job to resume there.

    Args:
        folder: The job's folder.
        adapters: The workers behind the request's targets.
        at_once: Chunks at the same time.
        keep: Whether the folder stays after success.
    """
    settings, source = request.settings, request.source
    job_file = folder / "job.json"
    earlier = _earlier(spec, job_file, display) if settings.resume else None
    link = None
    if is_linked(request):
        link = partial(link_composition, source, folder, settings.root)
    await asyncio.to_thread(_write, earlier or spec, job_file, link)
    return PreparedJob(
        spec=earlier or spec,
        name=source,
        adapters=adapters,
        job_file=job_file,
        job_dir=folder,
        destination=request.destination,
        settings=settings.run_settings(at_once),
        resume=earlier is not None,
        keep=keep or settings.leaves_chunks,
    )


def _write(spec: "JobSpec", job_file: Path, link: Callable[[], None] | None) -> None:
    folder = job_file.parent
    make_folder(folder)
    with alone_in(folder):
        if link is not None:
            link()
        write_spec(job_file, spec)


def _earlier(spec: "JobSpec", job_file: Path, display: "Display") -> "JobSpec | None":
    """Return the earlier job to resume; None if the new one has another plan."""
    earlier = earlier_job(spec, job_file)
    if earlier is None:
        display.note("replanned", "the plan isn't that of the last run: all chunks are rendered")
    return earlier


async def _known_cost(summary: JobSummary) -> Any:
    """Return the cost of a job; None if the workers' size can't be looked up."""
    from orchestrator.api.targets.costs import cost_of_job

    try:
        return await cost_of_job(summary)
    except HeliosError:
        return None
