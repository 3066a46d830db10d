"""`orchestrator render`: from a composition to a video."""

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.options import flags
from orchestrator.cli.options.detach_options import DetachOptions
from orchestrator.cli.options.flag_groups import (
    Cut,
    Length,
    Picture,
    Running,
    Seams,
    Shown,
    chosen_concurrency,
    with_groups,
)
from orchestrator.cli.options.job_store_options import Registry
from orchestrator.cli.options.target_options import TargetOptions
from orchestrator.cli.options.webhook_options import WebhookOptions

if TYPE_CHECKING:
    from helios.contract.job_spec import JobSpec
    from orchestrator.delivery.destination import Destination
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
    detaching: DetachOptions,
    registry: Registry,
    telling: WebhookOptions,
    shown: Shown,
    format: flags.Format = None,
    concurrency: flags.Concurrency = None,
    job_dir: flags.JobDir = None,
    keep: flags.Keep = False,
    incremental: flags.Incremental = False,
) -> None:
    """Plan, render and stitch: from a composition to a video."""

    async def work(display: "Display") -> None:
        from orchestrator.backends.job_folder import make_folder
        from orchestrator.cli.execution import execute
        from orchestrator.cli.options.incremental_options import check_incremental
        from orchestrator.cli.planning import plan_render, write_spec
        from orchestrator.delivery.destination import Destination
        from orchestrator.delivery.packaging import link_composition, name_in_assets
        from orchestrator.job_repository.file_lock import alone_in
        from orchestrator.model.job_id import new_job_id

        destination = Destination.of(output)
        _check_format(format, destination)
        if incremental:
            check_incremental(
                source,
                destination,
                picture=picture,
                running=running,
                where=where,
                detaching=detaching,
            )
        detaching.check(where, running, telling, destination)
        if detaching.detach:
            await _detach(
                source,
                destination,
                length=length,
                picture=picture,
                cut=cut,
                seams=seams,
                detaching=detaching,
                telling=telling,
                where=where,
                concurrency=concurrency,
                display=display,
            )
            return
        where.check(destination, leaves_chunks=running.leaves_chunks)
        running.check(remote=where.is_remote)
        at_once = chosen_concurrency(concurrency, remote=where.is_remote)
        adapters = (await where.found()).adapters()
        folder = job_dir or destination.job_dir
        spec = await plan_render(
            display,
            source,
            destination,
            length=length,
            options=picture.options(),
            sizes=cut.sizes(at_once, remote=where.is_remote, incremental=incremental),
            job_dir=folder,
            job_id=new_job_id(),
            input_name=name_in_assets(source) if where.is_remote else None,
            incremental=incremental,
            seam_check=seams.chosen(),
        )
        job_file = folder / "job.json"
        earlier = _earlier(spec, job_file, display) if running.resume else None
        spec = earlier or spec
        make_folder(folder)
        with alone_in(folder):
            if where.is_remote:
                link_composition(source, folder)
            write_spec(job_file, spec)
        await execute(
            spec,
            name=source,
            adapters=adapters,
            job_file=job_file,
            job_dir=folder,
            destination=destination,
            settings=running.settings(
                at_once,
                incremental=incremental,
                stitch=where.stitch,
                presign=where.presign,
            ),
            resume=earlier is not None,
            keep=keep or incremental or job_dir is not None or running.leaves_chunks,
            registry=registry,
            telling=telling,
            display=display,
        )

    shown.run(work)


def _check_format(format: str | None, destination: "Destination") -> None:
    """Refuse a format that there isn't, or that the output's name isn't of."""
    from helios.errors import OptionInvalid
    from orchestrator.planning.planner import is_playlist

    if format is None:
        return
    if format != "hls":
        raise OptionInvalid(
            f"--format {format}: is not hls", hint="Other formats follow from the output's name."
        )
    if not is_playlist(destination.name):
        raise OptionInvalid(
            f"--format hls: output {destination.name!r} is no playlist",
            hint="Name it with .m3u8.",
        )


async def _detach(
    source: str,
    destination: "Destination",
    *,
    length: Length,
    picture: Picture,
    cut: Cut,
    seams: Seams,
    detaching: DetachOptions,
    telling: WebhookOptions,
    where: TargetOptions,
    concurrency: int | None,
    display: "Display",
) -> None:
    """Plan a render, and let it go on in the cloud."""
    from orchestrator.cli.options.detach_options import find_detached_deployment, submit_composition
    from orchestrator.cli.planning import plan_render
    from orchestrator.delivery.packaging import name_in_assets

    webhook = telling.of_detached()
    deployment = await find_detached_deployment(where)
    at_once = concurrency or deployment.max_concurrency
    spec = await plan_render(
        display,
        source,
        destination,
        length=length,
        options=picture.options(),
        sizes=cut.sizes(at_once, remote=True),
        job_dir=destination.job_dir,
        job_id=detaching.id_for(),
        input_name=name_in_assets(source),
        seam_check=seams.chosen(),
    )
    path = destination.path
    await submit_composition(
        source,
        spec,
        deployment,
        own_files=[] if path is None else [path, destination.job_dir],
        concurrency=concurrency,
        webhook=webhook,
        display=display,
    )


def _earlier(spec: "JobSpec", job_file: Path, display: "Display") -> "JobSpec | None":
    """Return the job that is to be gone on with; None if the one at hand has another plan."""
    from orchestrator.planning.resume import earlier_job

    earlier = earlier_job(spec, job_file)
    if earlier is None:
        display.note("replanned", "the plan isn't that of the last run: all chunks are rendered")
    return earlier
