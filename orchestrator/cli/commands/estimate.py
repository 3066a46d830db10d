"""`orchestrator estimate`: cost and duration of a render, before it runs."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.costs import described
from orchestrator.cli.options import flags
from orchestrator.cli.options.deployment_options import Deployed
from orchestrator.cli.options.flag_groups import keywords_of
from orchestrator.cli.options.render_options import Cut, Encoding, Picture, Sound, Timing
from orchestrator.cli.options.run_options import Concurrency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.api.rendering.estimation import Estimate
    from orchestrator.cost.memory_advice import MemoryChoice
    from orchestrator.display.display import Display


@command
async def estimate(
    source: flags.Source,
    timing: Timing,
    picture: Picture,
    sound: Sound,
    encoding: Encoding,
    cut: Cut,
    at_once: Concurrency,
    deployed: Deployed,
    display: "Display",
    video: Annotated[str, typer.Option(help="Name of the video, which decides on its format.")] = (
        "video.mp4"
    ),
    seconds_per_frame: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="Speed of a worker, as reported by an earlier render.",
            show_default="measured here on some frames",
        ),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Detached render to take the speed of workers from."),
    ] = None,
    tune: Annotated[
        bool,
        typer.Option("--tune", help="Also compare sizes of memory of a Lambda function."),
    ] = False,
) -> None:
    """Estimate cost, by list prices, and duration of a detached render."""
    from orchestrator.api.rendering.estimation import estimate_render
    from orchestrator.api.rendering.settings import RenderSettings

    keywords = keywords_of(timing, picture, sound, encoding, cut, at_once)
    found = await estimate_render(
        source,
        video,
        RenderSettings.of(keywords),
        deployed.name(),
        seconds_per_frame=seconds_per_frame,
        like=like,
        tune=tune,
        display=display,
    )
    text = described(found.cost, title=_title(found))
    if found.memory:
        text += f"\n\n{_compared(found.memory)}"
    display.answer("estimate", text, **found.document())


def _compared(choices: "Sequence[MemoryChoice]") -> str:
    from orchestrator.display.event_text import duration

    cheapest = min(choices, key=lambda choice: choice.dollars)
    lines = ["  memory   CPUs  a frame       time      price"]
    for choice in choices:
        mark = "  cheapest" if choice is cheapest else ""
        lines.append(
            f"{choice.memory:>5} MB  {choice.cpus:>5.1f}  {choice.seconds_a_frame:.3f} s"
            f"  {duration(choice.seconds):>9}  ${choice.dollars:.4f}{mark}"
        )
    lines.append("`helios:chunkMemory` sets the size when the stack is deployed.")
    return "\n".join(lines)


def _title(found: "Estimate") -> str:
    from orchestrator.display.event_text import duration

    facts, chunks = found.spec.metadata, len(found.spec.chunks)
    fault = found.merge.fault
    warning = f"\nwarning: the chunks can't be stitched: {fault}" if fault else ""
    return (
        f"{facts.total_frames} frames, {facts.width}x{facts.height}, in {chunks} chunks,"
        f" {min(found.concurrency, chunks)} at once: about {duration(found.seconds)}\n"
        f"{found.pace.seconds_a_frame:.3f} s a frame ({found.pace.source})\n{found.merge}{warning}"
    )
