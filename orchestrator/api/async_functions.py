"""The package's functions for programs that have an event loop."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal, Unpack, overload

from helios.errors import OptionInvalid
from orchestrator.api.displays import EventDisplay, OnEvent
from orchestrator.api.jobs.async_job import AsyncJobHandle
from orchestrator.api.jobs.detached_job import DetachedJob
from orchestrator.api.jobs.finding import check_state, detached_jobs, find_job, recorded_jobs
from orchestrator.api.jobs.job_status import State
from orchestrator.api.jobs.job_store import JobStore
from orchestrator.api.jobs.recorded_job import RecordedJob
from orchestrator.api.option_faults import check_names
from orchestrator.api.rendering.attached import RenderRequest, rendered
from orchestrator.api.rendering.keywords import RenderKeywords, StillKeywords
from orchestrator.api.rendering.submission import submit_detached, submit_here
from orchestrator.api.targets.deployments import DeploymentName
from orchestrator.api.targets.target import (
    CloudRun,
    Lambda,
    Local,
    Target,
    Targets,
    deployment_name,
    worker_settings,
)
from orchestrator.api.video import ChunkFiles, Video


@overload
async def render_async(
    source: str | Path,
    output: str | Path,
    *,
    target: Targets = ...,
    on_event: OnEvent | None = ...,
    merge: Literal[True] = ...,
    only_chunks: None = ...,
    **settings: Unpack[RenderKeywords],
) -> Video: ...


@overload
async def render_async(
    source: str | Path,
    output: str | Path,
    *,
    target: Targets = ...,
    on_event: OnEvent | None = ...,
    merge: Literal[False],
    only_chunks: Collection[int] | None = ...,
    **settings: Unpack[RenderKeywords],
) -> ChunkFiles: ...


@overload
async def render_async(
    source: str | Path,
    output: str | Path,
    *,
    target: Targets = ...,
    on_event: OnEvent | None = ...,
    merge: bool = ...,
    only_chunks: Collection[int] | None = ...,
    **settings: Unpack[RenderKeywords],
) -> Video | ChunkFiles: ...


async def render_async(
    source: str | Path,
    output: str | Path,
    *,
    target: Targets = Local(),  # noqa: B008 - immutable
    on_event: OnEvent | None = None,
    merge: bool = True,
    only_chunks: Collection[int] | None = None,
    **settings: Unpack[RenderKeywords],
) -> Video | ChunkFiles:
    """Render a composition, and return the video.

    The job's record outlives this process: `get_job(id).resume()` resumes a job that was
    stopped. Cancelling the calling task stops its workers, and leaves the job paused.

    Args:
        source: The composition: an HTML file, a folder with `index.html`, or a URL.
        output: The video: a path, or an s3:// or gs:// URL, whose suffix decides on the format.
        target: Where chunks are rendered; several targets share them.
        on_event: Called with each event, in the thread that renders.
        merge: Whether chunks are stitched. Otherwise they stay in the job's folder, as
            `ChunkFiles`.
        only_chunks: Ids of the only chunks to render, which aren't stitched.
        settings: As `RenderKeywords`: the flags of `orchestrator render`, with the same defaults.

    Raises:
        OptionInvalid: A setting is invalid, or excludes another one; the message names it.
        HeliosError: The render failed.
    """
    given = _given(settings, merge=merge, only_chunks=only_chunks)
    request = RenderRequest.of(source, output, target, given)
    return await rendered(request, EventDisplay(on_event))


async def still_async(
    source: str | Path,
    output: str | Path,
    *,
    at: int | str = 0,
    target: Targets = Local(),  # noqa: B008 - immutable
    on_event: OnEvent | None = None,
    **settings: Unpack[StillKeywords],
) -> Video:
    """Render one frame of a composition to an image, and return it.

    Args:
        source, target, on_event: As for `render`.
        output: The image: a .png or .jpg path, or an s3:// or gs:// URL.
        at: The frame's number, counted from 0, or a time: '1.5s', '1m30s'.
        settings: As `StillKeywords`: the flags of `orchestrator still`, with the same defaults.

    Raises:
        OptionInvalid: A setting is invalid, or the page has no such frame.
        HeliosError: The render failed.
    """
    check_names(settings, StillKeywords.__annotations__)
    request = RenderRequest.of(source, output, target, settings, at=at)
    made = await rendered(request, EventDisplay(on_event))
    assert isinstance(made, Video)  # noqa: S101 - there is no setting that leaves chunks
    return made


async def submit_async(
    source: str | Path,
    output: str | Path,
    *,
    target: Target = Local(),  # noqa: B008 - immutable
    request_id: str | None = None,
    on_event: OnEvent | None = None,
    **settings: Unpack[RenderKeywords],
) -> AsyncJobHandle:
    """Start a render that outlives this process, and return a handle on its job.

    With `Local()`, another process of this machine runs it, and writes the video to `output`. With
    `Lambda()` or `CloudRun()`, their deployment runs it in the cloud, and stores the
    video under the name of `output`; `download` copies it.

    Args:
        source, output, settings: As for `render`.
        target: The machine or deployment that runs it.
        request_id: Id of a render in the cloud; submitting an id again doesn't render again. New by
            default.
        on_event: Called with milestones of planning and uploading.

    Raises:
        OptionInvalid: A setting is invalid, or doesn't apply to such a render.
        HeliosError: The composition can't be planned, or the deployment refuses.
    """
    request = RenderRequest.of(source, output, target, settings)
    display = EventDisplay(on_event)
    if isinstance(target, Local):
        if request_id is not None:
            raise OptionInvalid("`request_id`: goes with `Lambda` or `CloudRun`")
        job_id = await submit_here(request, display)
        return RecordedJob(job_id, request.settings.store)
    submitted, deployment = await submit_detached(
        request,
        deployment_name(_one(target)),
        request_id=request_id,
        target_settings=worker_settings(target),
        display=display,
    )
    return DetachedJob(submitted.execution.job_id, deployment)


async def get_job_async(
    job_id: str,
    *,
    target: Lambda | CloudRun | None = None,
    job_store: str | None = None,
    on_event: OnEvent | None = None,
) -> AsyncJobHandle:
    """Return a handle on a job by its id.

    It is searched in the job store, then in the deployment that `target` names. Without
    `target`, the environment or the profile `default` may name a deployment.

    Args:
        job_store: The job store; by default the one that `HELIOS_JOBS` names.
        on_event: Called with the events of `resume`, if that runs the job in this process.

    Raises:
        JobNotFound: No job has the id.
    """
    name = DeploymentName() if target is None else deployment_name(_one(target))
    display = EventDisplay(on_event)
    found = await find_job(job_id, JobStore(job_store), name, display)
    if isinstance(found, DetachedJob):
        await found.status()
    return found


async def jobs_async(
    *,
    target: Lambda | CloudRun | None = None,
    job_store: str | None = None,
    states: Collection[State] = (),
    limit: int = 50,
) -> list[AsyncJobHandle]:
    """Return handles on the latest jobs, the newest first.

    Args:
        target: The deployment whose jobs are listed; the job store's are by default.
        job_store: The job store; by default the one that `HELIOS_JOBS` names.
        states: Only jobs in one of these states.
        limit: Maximum number of jobs.

    Raises:
        HeliosError: The store or the deployment doesn't answer.
    """
    wanted = [check_state(state) for state in states]
    if target is None:
        store = JobStore(job_store)
        listed = await recorded_jobs(store, states=wanted, limit=limit)
        return [RecordedJob(job.id, store) for job, _ in listed.jobs]
    deployment = await deployment_name(_one(target)).find()
    found = await detached_jobs(deployment, states=wanted, limit=limit)
    return [DetachedJob(each.job_id, deployment) for each in found.executions]


def _given(
    settings: RenderKeywords, *, merge: bool, only_chunks: Collection[int] | None
) -> dict[str, Any]:
    chosen = None if only_chunks is None else list(only_chunks)
    return {**settings, "merge": merge, "only_chunks": chosen}


def _one(target: Target) -> Lambda | CloudRun:
    """Return a target that isn't this machine.

    Raises:
        OptionInvalid: It is something else.
    """
    if isinstance(target, Lambda | CloudRun):
        return target
    raise OptionInvalid(f"`target` {target!r}: is no deployment", hint="Give Lambda or CloudRun.")
