"""Starts renders that outlive this process: in the cloud, or as a process of this machine."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from helios.contract.messages.render_warning import RenderWarning
from helios.errors import CostLimitReached, MergeFailed, OptionInvalid
from orchestrator.adapters.local import LocalWorkerAdapter
from orchestrator.api.jobs.background import start_in_background
from orchestrator.api.jobs.manager import manager_of
from orchestrator.api.rendering.attached import RenderRequest, prepare
from orchestrator.api.rendering.checks import check_detached, check_format
from orchestrator.api.rendering.planning import plan_render
from orchestrator.api.targets.costs import cost_deadline, workers_of
from orchestrator.api.targets.deployments import DeploymentName, chunks_at_once, detached_renders
from orchestrator.cost import cost_of
from orchestrator.cost.forecast import expected_usage, measured_pace
from orchestrator.cost.merge_forecast import (
    GUESSED_BITS_A_PIXEL,
    forecast_merge,
    guessed_bytes_a_frame,
)
from orchestrator.delivery.packaging import link_composition, name_in_assets, package_job
from orchestrator.model.job_id import new_job_id

if TYPE_CHECKING:
    from helios.contract.job_spec import JobSpec
    from orchestrator.backends.detached.renders import Submitted
    from orchestrator.display.display import Display
    from orchestrator.model.deployment import Deployment
    from orchestrator.model.settings import WebhookSettings


async def submit_here(request: RenderRequest, display: "Display") -> str:
    """Plan a render, record it, have another process of this machine run it; return its id."""
    store = request.settings.store
    if store.forgets:
        raise OptionInvalid(
            "`job_store` none: a job that another process runs has to be kept",
            hint="Leave it out, or give a folder.",
        )
    job = await prepare(request, display)
    async with store.open() as repository:
        created = await job.create(manager_of(repository, display))
        await start_in_background(
            created.id, store, repository, keep_chunks=job.resume, resume=False
        )
    display.note("job", f"job {created.id}", id=created.id)
    return created.id


async def submit_detached(
    request: RenderRequest,
    name: DeploymentName,
    *,
    request_id: str | None,
    target_settings: Sequence[str] = (),
    display: "Display",
) -> "tuple[Submitted, Deployment]":
    """Plan a render, and start it in a deployment, which runs it without a client.

    The same render twice under one `request_id` is one render; by default the id is new.
    `target_settings`, other settings of the target, are refused.
    """
    settings, destination, source = request.settings, request.destination, request.source
    check_format(settings, destination)
    check_detached(settings, destination, request_id, target_settings)
    webhook = settings.receiver()
    deployment = await name.find()
    at_once = await chunks_at_once(deployment, settings.concurrency)
    spec = await plan_render(
        source,
        destination,
        settings,
        concurrency=at_once,
        job_dir=destination.job_dir,
        display=display,
        remote=True,
        job_id=request_id or new_job_id(),
        input_name=name_in_assets(source, settings.root),
    )
    path = destination.path
    with tempfile.TemporaryDirectory(prefix="helios-") as folder:
        link_composition(source, Path(folder), settings.root)
        if settings.max_cost is not None:
            await _check_estimate(spec, Path(folder), deployment, settings.max_cost, display)
        submitted = await submit_spec(
            spec,
            deployment,
            job_dir=Path(folder),
            own_files=[] if path is None else [path, destination.job_dir],
            concurrency=settings.concurrency,
            at_once=at_once,
            max_cost=settings.max_cost,
            webhook=webhook,
            display=display,
        )
    return submitted, deployment


async def _check_estimate(
    spec: "JobSpec", folder: Path, deployment: "Deployment", max_cost: float, display: "Display"
) -> None:
    """Refuse a render whose estimate, by a sample of frames here, is above its limit."""
    with display.activity("rendering some frames for a sample"):
        pace = await measured_pace(spec, folder, LocalWorkerAdapter())
    cost = cost_of(expected_usage(spec, pace), workers_of(deployment)).dollars
    merge = forecast_merge(spec, pace.bytes_a_frame, workers_of(deployment))
    if merge.fault:
        raise MergeFailed(
            f"{merge}: {merge.fault}", hint="Render fewer frames, smaller ones, or an .mp4 file."
        )
    if cost > max_cost:
        raise CostLimitReached(
            f"`max_cost` {max_cost:g}: the render would cost about ${cost:.4f} by list prices",
            hint="`orchestrator estimate` shows what for.",
        )


def _warn_of_merge(spec: "JobSpec", deployment: "Deployment", display: "Display") -> None:
    """Warn before the render if its chunks may be too large to stitch."""
    merge = forecast_merge(spec, guessed_bytes_a_frame(spec), workers_of(deployment))
    if merge.fault:
        display.warn(
            RenderWarning(
                "MERGE_TOO_LARGE",
                f"{merge}, if a pixel takes {GUESSED_BITS_A_PIXEL} bits: {merge.fault}",
                "`orchestrator estimate` measures it on some frames.",
            )
        )


async def submit_spec(
    spec: "JobSpec",
    deployment: "Deployment",
    *,
    job_dir: Path,
    own_files: list[Path],
    concurrency: int | None,
    at_once: int,
    max_cost: float | None,
    webhook: "WebhookSettings | None",
    display: "Display",
) -> "Submitted":
    """Start the render of a job spec in a deployment.

    Args:
        job_dir: Folder that paths in its commands are relative to.
        own_files: Files that the job writes, which aren't part of a composition.
        concurrency: Requested chunks at the same time; None for what was deployed.
        at_once: Chunks at the same time that the account's quota allows, as `chunks_at_once`.
        max_cost: Cost limit in US dollars, by list prices.
    """
    wanted = concurrency or deployment.max_concurrency
    if at_once < min(wanted, len(spec.chunks)):
        display.note(
            "limited",
            f"{deployment}: the account's quota allows {at_once} chunks at once of {wanted}",
            concurrency=at_once,
            wanted=wanted,
        )
    if at_once < wanted:
        concurrency = at_once
    _warn_of_merge(spec, deployment, display)
    stop_at = cost_deadline(max_cost, deployment, chunks=len(spec.chunks), at_once=at_once)
    job = package_job(spec, job_dir, own_files=own_files)
    async with detached_renders(deployment) as renders:
        with display.activity(f"storing what workers need in {renders.backend.artifacts}"):
            submitted = await renders.submit(
                job, concurrency=concurrency, webhook=webhook, stop_at=stop_at
            )
    execution = submitted.execution
    if submitted.is_new:
        told = f"{execution.job_id}: runs on {deployment}"
    else:
        told = f"{execution.job_id}: was started before, and is {execution.state}"
    display.note(
        "submitted",
        f"{told}; orchestrator watch {execution.job_id}",
        id=execution.job_id,
        jobPath=submitted.stored.job_path,
        bytes=submitted.stored.sent_bytes,
    )
    return submitted
