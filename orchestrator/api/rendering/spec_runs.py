"""Runs and verifies job specs that were written before."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from helios.contract.job_spec import JobSpec
from helios.contract.merge_command import merged_name
from helios.errors import OptionInvalid
from orchestrator.api.rendering.checks import check_attached, check_detached
from orchestrator.api.rendering.prepared_job import PreparedJob
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.api.rendering.submission import submit_spec
from orchestrator.api.targets.concurrency import chosen_concurrency
from orchestrator.api.targets.deployments import DeploymentName, chunks_at_once
from orchestrator.api.targets.target import Target, are_remote, resolve
from orchestrator.backends.detached.batch_record import check_render_id
from orchestrator.delivery.destination import Destination
from orchestrator.delivery.stores import Stores
from orchestrator.delivery.verification import ends_of_job, load_spec, verify
from orchestrator.model.job_id import new_job_id

if TYPE_CHECKING:
    from helios.stitcher.seam_check import SeamReport
    from orchestrator.backends.detached.renders import Submitted
    from orchestrator.display.display import Display


async def prepare_spec(
    path: Path,
    destination: Destination | None,
    targets: Sequence[Target],
    settings: RenderSettings,
) -> PreparedJob:
    """Return the job of a spec, ready to run, with another destination of its video if given."""
    check_attached(settings, targets, destination)
    adapters = await resolve(targets)
    at_once = chosen_concurrency(settings.concurrency, remote=are_remote(targets))
    return PreparedJob(
        spec=JobSpec.load(path),
        name=str(path),
        adapters=adapters,
        job_file=path,
        job_dir=settings.job_dir or path.parent,
        destination=destination,
        settings=settings.run_settings(at_once),
        resume=settings.resume,
        keep=True,
    )


async def submit_spec_file(
    path: Path,
    destination: Destination | None,
    name: DeploymentName,
    settings: RenderSettings,
    *,
    request_id: str | None,
    target_settings: Sequence[str],
    display: "Display",
) -> "Submitted":
    """Start the render of a spec in a deployment, which runs it without a client.

    The render's id is `request_id`, else that of the spec, else a new one.
    """
    check_detached(settings, destination, request_id, target_settings)
    if destination is not None:
        raise OptionInvalid(
            "`output`: doesn't go with `submit`",
            hint="The job names its video; `orchestrator fetch ID -o OUT` brings it.",
        )
    webhook = settings.receiver()
    spec = JobSpec.load(path)
    job_id = check_render_id(request_id or spec.id or new_job_id())
    deployment = await name.find()
    return await submit_spec(
        spec.model_copy(update={"id": job_id}),
        deployment,
        job_dir=settings.job_dir or path.parent,
        own_files=[path],
        concurrency=settings.concurrency,
        at_once=await chunks_at_once(deployment, settings.concurrency),
        max_cost=settings.max_cost,
        webhook=webhook,
        display=display,
    )


async def verify_by_spec(where: str, video: str | None) -> "tuple[str, SeamReport]":
    """Check a video at the seams of the chunks of a spec; return which, and what was found.

    By default it is the video that the spec names, beside the spec.

    Raises:
        SeamBroken: The video differs from the chunks.
    """
    async with Stores() as stores:
        spec = await load_spec(where, stores)
        made = video or str(Path(where).parent / merged_name(spec))
        ends = await ends_of_job(spec, where, stores)
        return made, await verify(made, spec, ends, stores=stores)
