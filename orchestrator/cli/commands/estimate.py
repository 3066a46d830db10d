"""`orchestrator estimate`: what a render will cost, and how long it will take."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.costs import described, workers_of
from orchestrator.cli.options import flags
from orchestrator.cli.options.deployment_options import Deployed, detached_renders
from orchestrator.cli.options.flag_groups import (
    REMOTE_CONCURRENCY,
    Cut,
    Length,
    Picture,
    Shown,
    with_groups,
)

if TYPE_CHECKING:
    from helios.contract.job_spec import JobSpec
    from orchestrator.cost.forecast import Pace
    from orchestrator.display.display import Display
    from orchestrator.model.deployment import Deployment


@with_groups
def estimate(
    source: flags.Source,
    length: Length,
    picture: Picture,
    cut: Cut,
    deployed: Deployed,
    shown: Shown,
    video: Annotated[str, typer.Option(help="Name of the video, which says its format.")] = (
        "video.mp4"
    ),
    concurrency: flags.Concurrency = None,
    seconds_per_frame: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="Of a worker, as an earlier render told.",
            show_default="measured here on some frames",
        ),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Detached render that tells how fast workers are."),
    ] = None,
) -> None:
    """Say what a detached render will cost by list prices, and how long it will take."""

    async def work(display: "Display") -> None:
        from helios.errors import OptionInvalid
        from orchestrator.cost import cost_of
        from orchestrator.cost.forecast import Pace, expected_seconds, expected_usage

        if seconds_per_frame is not None and like is not None:
            raise OptionInvalid("--seconds-per-frame and --like: say the same twice")
        deployment = await deployed.find_if_named()
        at_once = concurrency or (deployment.max_concurrency if deployment else REMOTE_CONCURRENCY)
        with tempfile.TemporaryDirectory(prefix="helios-") as folder:
            spec = await _plan(
                display,
                source,
                video,
                length=length,
                picture=picture,
                cut=cut,
                at_once=at_once,
                folder=Path(folder),
            )
            if like is not None:
                pace = await _pace_of(like, await deployed.find())
            elif seconds_per_frame is not None:
                pace = Pace(seconds_a_frame=seconds_per_frame)
            else:
                with display.activity("rendering some frames for a sample"):
                    pace = await _sample(spec, Path(folder))
        workers = workers_of(deployment, region=deployed.region)
        cost = cost_of(expected_usage(spec, pace), workers)
        seconds = expected_seconds(spec, pace, concurrency=at_once)
        display.answer(
            "estimate",
            described(cost, title=_title(spec, pace, seconds=seconds, at_once=at_once)),
            **cost.document(),
            seconds=round(seconds, 1),
            chunks=len(spec.chunks),
            frames=spec.metadata.total_frames,
            concurrency=at_once,
            pace={
                "secondsPerFrame": pace.seconds_a_frame,
                "startSeconds": pace.start_seconds,
                "bytesPerFrame": pace.bytes_a_frame,
                "source": pace.source,
            },
        )

    shown.run(work)


async def _plan(
    display: "Display",
    source: str,
    video: str,
    *,
    length: Length,
    picture: Picture,
    cut: Cut,
    at_once: int,
    folder: Path,
) -> "JobSpec":
    from orchestrator.cli.planning import plan_render
    from orchestrator.delivery.destination import Destination
    from orchestrator.delivery.packaging import link_composition, name_in_assets

    link_composition(source, folder)
    return await plan_render(
        display,
        source,
        Destination(path=folder / video),
        length=length,
        options=picture.options(),
        sizes=cut.sizes(at_once, remote=True),
        job_dir=folder,
        input_name=name_in_assets(source),
    )


async def _sample(spec: "JobSpec", folder: Path) -> "Pace":
    from orchestrator.adapters.local import LocalWorkerAdapter
    from orchestrator.cost.forecast import measured_pace

    return await measured_pace(spec, folder, LocalWorkerAdapter())


async def _pace_of(render: str, deployment: "Deployment") -> "Pace":
    from helios.errors import JobStateConflict
    from orchestrator.cost.forecast import recorded_pace

    async with detached_renders(deployment) as renders:
        found = await renders.status(render)
        records = await renders.records(found.id, found.spec, found.done)
    if not records:
        raise JobStateConflict(f"render {render!r}: none of its chunks is there to learn from")
    return recorded_pace(records, f"render {render}, {len(records)} chunks")


def _title(spec: "JobSpec", pace: "Pace", *, seconds: float, at_once: int) -> str:
    from orchestrator.display.display import duration

    facts = spec.metadata
    return (
        f"{facts.total_frames} frames, {facts.width}x{facts.height}, in {len(spec.chunks)} chunks,"
        f" {min(at_once, len(spec.chunks))} at once: about {duration(seconds)}\n"
        f"{pace.seconds_a_frame:.3f} s a frame ({pace.source})"
    )
