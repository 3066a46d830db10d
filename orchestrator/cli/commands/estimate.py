"""`orchestrator estimate`: what a render will cost, and how long it will take."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.costs import described
from orchestrator.cli.options import flags
from orchestrator.cli.options.deployment_options import Deployed
from orchestrator.cli.options.flag_groups import Cut, Length, Picture, Shown, with_groups

if TYPE_CHECKING:
    from orchestrator.api.estimation import Estimate
    from orchestrator.display.display import Display


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
    keywords = {**length.keywords(), **picture.keywords(), **cut.keywords()}

    async def work(display: "Display") -> None:
        from orchestrator.api.estimation import estimate_render
        from orchestrator.api.settings import RenderSettings

        found = await estimate_render(
            source,
            video,
            RenderSettings.of({**keywords, "concurrency": concurrency}),
            deployed.name(),
            seconds_per_frame=seconds_per_frame,
            like=like,
            display=display,
        )
        display.answer("estimate", described(found.cost, title=_title(found)), **found.document())

    shown.run(work)


def _title(found: "Estimate") -> str:
    from orchestrator.display.display import duration

    facts, chunks = found.spec.metadata, len(found.spec.chunks)
    return (
        f"{facts.total_frames} frames, {facts.width}x{facts.height}, in {chunks} chunks,"
        f" {min(found.concurrency, chunks)} at once: about {duration(found.seconds)}\n"
        f"{found.pace.seconds_a_frame:.3f} s a frame ({found.pace.source})\n{found.join}"
        + (f"\nwarning: the chunks can't be joined: {found.join.fault}" if found.join.fault else "")
    )
