"""`orchestrator render`: from a composition to a video."""

from typing import TYPE_CHECKING

from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import (
    Cut,
    Length,
    Picture,
    Running,
    Seams,
    Shown,
    Told,
    with_groups,
)
from orchestrator.cli.options.target_options import TargetOptions

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@with_groups
def render(
    source: flags.Source,
    output: flags.Output,
    length: Length,
    picture: Picture,
    cut: Cut,
    seams: Seams,
    running: Running,
    where: TargetOptions,
    told: Told,
    shown: Shown,
    format: flags.Format = None,
    job_dir: flags.JobDir = None,
    keep: flags.Keep = False,
    incremental: flags.Incremental = False,
    detach: flags.Detach = False,
    request_id: flags.RequestId = None,
) -> None:
    """Plan, render and stitch: from a composition to a video."""
    groups = (length, picture, cut, seams, running, told)
    keywords = {key: value for group in groups for key, value in group.keywords().items()}
    keywords |= {"format": format, "job_dir": job_dir, "keep": keep, "incremental": incremental}

    async def work(display: "Display") -> None:
        from helios.errors import OptionInvalid
        from orchestrator.api.rendering.attached import RenderRequest, run_request
        from orchestrator.api.rendering.submission import submit_detached, submit_here
        from orchestrator.api.targets.target import Local

        if request_id is not None and not detach:
            raise OptionInvalid("`request_id`: goes with `submit`")
        if not detach:
            await run_request(RenderRequest.of(source, output, where.targets(), keywords), display)
            return
        request = RenderRequest.of(source, output, Local(), keywords)
        if where.is_local:
            job_id = await submit_here(request, display)
            display.answer("started", job_id, id=job_id, state="running", new=True)
            return
        submitted, _ = await submit_detached(
            request,
            where.deployment_name(),
            request_id=request_id,
            target_settings=where.worker_settings(),
            display=display,
        )
        execution = submitted.execution
        display.answer(
            "started",
            execution.job_id,
            id=execution.job_id,
            state=str(execution.state),
            new=submitted.is_new,
        )

    shown.run(work)
