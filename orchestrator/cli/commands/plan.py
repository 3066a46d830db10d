"""`orchestrator plan`: writes the job spec of a render."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import keywords_of
from orchestrator.cli.options.render_options import Cut, Encoding, Picture, Seams, Sound, Timing
from orchestrator.cli.options.run_options import Concurrency

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@command
async def plan(
    source: flags.Source,
    timing: Timing,
    picture: Picture,
    sound: Sound,
    encoding: Encoding,
    cut: Cut,
    at_once: Concurrency,
    seams: Seams,
    display: "Display",
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The job spec to write; - for stdout.")
    ] = Path("job.json"),
    video: Annotated[str, typer.Option(help="Name of the video that the job makes.")] = "video.mp4",
) -> None:
    """Write the job spec of a render, for `orchestrator run`."""
    from orchestrator.api.rendering.planning import plan_render, write_spec
    from orchestrator.api.rendering.settings import RenderSettings
    from orchestrator.api.targets.concurrency import chosen_concurrency
    from orchestrator.delivery.destination import Destination
    from orchestrator.display.choice import choose_display

    to_stdout = str(output) == "-"
    keywords = keywords_of(timing, picture, sound, encoding, cut, at_once, seams)
    settings = RenderSettings.of(keywords)
    if to_stdout:
        # The spec has stdout to itself.
        display = choose_display(as_json=False, verbose=False)
    spec = await plan_render(
        source,
        Destination(path=Path(video)),
        settings,
        concurrency=chosen_concurrency(settings.concurrency, remote=False),
        job_dir=Path() if to_stdout else output.parent,
        display=display,
    )
    if to_stdout:
        print(spec.to_json(), end="")
        return
    write_spec(output, spec)
    display.note(
        "completed", f"{output}: run it with: orchestrator run {output}", jobSpec=str(output)
    )
