"""What the package offers as functions, for programs without an event loop.

Each runs its asynchronous form to its end.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Literal, Unpack, overload

from orchestrator.api.async_functions import (
    get_job_async,
    jobs_async,
    render_async,
    submit_async,
)
from orchestrator.api.blocking import run
from orchestrator.api.displays import OnEvent
from orchestrator.api.job_handle import JobHandle
from orchestrator.api.jobs.job_status import State
from orchestrator.api.rendering.keywords import RenderKeywords
from orchestrator.api.targets.target import CloudRun, Lambda, Local, Target, Targets
from orchestrator.api.video import ChunkFiles, Video


@overload
def render(
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
def render(
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
def render(
    source: str | Path,
    output: str | Path,
    *,
    target: Targets = ...,
    on_event: OnEvent | None = ...,
    merge: bool = ...,
    only_chunks: Collection[int] | None = ...,
    **settings: Unpack[RenderKeywords],
) -> Video | ChunkFiles: ...


def render(
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

    The job's record outlives this process: `get_job(id).resume()` goes on with one that was
    stopped, by Ctrl-C as by a crash.

    Parameters
    ----------
    source:
        The composition: an HTML file, a folder with `index.html`, or a URL.
    output:
        The video: a path, or an s3:// or gs:// URL. Its ending says what it becomes.
    target:
        Where chunks are rendered; several targets share them.
    on_event:
        Is called with each event, in this thread.
    merge:
        Whether chunks are joined. Otherwise they are left in the job's folder, as `ChunkFiles`.
    only_chunks:
        Ids of the only chunks to render, which aren't joined.
    settings:
        As `RenderKeywords`; flags of `orchestrator render` with the same meanings and defaults.

    Raises
    ------
    OptionInvalid
        A setting can't be worked with, or they don't go together; the message names it.
    HeliosError
        The render failed.
    """
    return run(
        render_async(
            source,
            output,
            target=target,
            on_event=on_event,
            merge=merge,
            only_chunks=only_chunks,
            **settings,
        )
    )


def submit(
    source: str | Path,
    output: str | Path,
    *,
    target: Target = Local(),  # noqa: B008 - immutable
    request_id: str | None = None,
    on_event: OnEvent | None = None,
    **settings: Unpack[RenderKeywords],
) -> JobHandle:
    """Start a render that goes on without this process, and return a handle on it.

    With `Local()` another process of this machine runs it, and writes the video to `output`. With
    `Lambda()` or `CloudRun()` the deployment that these name runs it in the cloud, and keeps the
    video under the name of `output`; `download` brings it.

    Parameters
    ----------
    source, output, settings:
        As for `render`.
    target:
        What runs it.
    request_id:
        Id of a render in the cloud: the same one twice is one render. A new one by default.
    on_event:
        Is called with milestones of planning and storing.

    Raises
    ------
    OptionInvalid
        A setting can't be worked with, or means nothing for such a render.
    HeliosError
        The composition can't be planned, or the deployment refuses.
    """
    started = submit_async(
        source, output, target=target, request_id=request_id, on_event=on_event, **settings
    )
    return JobHandle(run(started))


def get_job(
    job_id: str,
    *,
    target: Lambda | CloudRun | None = None,
    job_store: str | None = None,
    on_event: OnEvent | None = None,
) -> JobHandle:
    """Return a handle on a job by its id.

    It is looked for in the job store, then in the deployment that `target` names. Without
    `target`, that is the one which the environment or the profile `default` names, if any.

    Parameters
    ----------
    job_store:
        Where jobs are kept; as `HELIOS_JOBS` says by default.
    on_event:
        Is called with what happens when `resume` runs the job in this process.

    Raises
    ------
    JobNotFound
        No job has the id.
    """
    return JobHandle(
        run(get_job_async(job_id, target=target, job_store=job_store, on_event=on_event))
    )


def jobs(
    *,
    target: Lambda | CloudRun | None = None,
    job_store: str | None = None,
    states: Collection[State] = (),
    limit: int = 50,
) -> list[JobHandle]:
    """Return handles on the latest jobs, the newest first.

    Parameters
    ----------
    target:
        The deployment whose jobs are wanted; by default those of the job store are.
    job_store:
        Where jobs are kept; as `HELIOS_JOBS` says by default.
    states:
        Only jobs in one of these states.
    limit:
        At most so many.

    Raises
    ------
    HeliosError
        The store or the deployment doesn't answer.
    """
    found = run(jobs_async(target=target, job_store=job_store, states=states, limit=limit))
    return [JobHandle(job) for job in found]
