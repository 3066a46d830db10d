"""Plans a render and says what came of it, for the commands that do."""

from pathlib import Path
from typing import TYPE_CHECKING

from helios.contract.job_spec import JobSpec, SeamCheck
from orchestrator.delivery.destination import Destination
from orchestrator.planning.composition_probe import probe_composition
from orchestrator.planning.planner import (
    ChunkSizes,
    RenderOptions,
    check_options,
    is_sequence,
    plan,
)

if TYPE_CHECKING:
    from orchestrator.cli.options.flag_groups import Length
    from orchestrator.display.display import Display


async def plan_render(
    display: "Display",
    source: str,
    destination: Destination,
    *,
    length: "Length",
    options: RenderOptions,
    sizes: ChunkSizes,
    job_dir: Path,
    job_id: str | None = None,
    input_name: str | None = None,
    incremental: bool = False,
    seam_check: SeamCheck = "heal",
) -> JobSpec:
    """Look at a composition and return the job spec of its render.

    Parameters
    ----------
    destination:
        The video; all that can be refused without the page is, before the page is loaded.
    job_dir:
        Folder that the job runs in; paths in commands are relative to it.
    job_id, input_name, incremental, seam_check:
        As for `plan`.

    Raises
    ------
    HeliosError
        As `probe_composition`, `plan` and `Destination.check`.
    """
    check_options(destination.name, options)
    destination.check(images=is_sequence(destination.name, options.codec))
    with display.activity(f"looking at {source}"):
        found = await probe_composition(
            source,
            options,
            duration=length.duration,
            frames=length.frames,
            sound=not length.no_audio,
        )
    for warning in found.warnings:
        display.warn(warning)
    display.moves = found.moves
    spec = plan(
        source,
        destination.name,
        frame_count=found.frame_count,
        options=options,
        sizes=sizes,
        job_dir=job_dir,
        sound=found.sounds,
        job_id=job_id,
        input_name=input_name,
        incremental=incremental,
        seam_check=seam_check,
    )
    facts = spec.metadata
    count = len(spec.chunks)
    display.note(
        "planned",
        f"{facts.total_frames} frames ({facts.duration:g} s at {facts.fps:g} fps,"
        f" {facts.width}x{facts.height}) in {count} {'chunk' if count == 1 else 'chunks'}",
        totalFrames=facts.total_frames,
        chunks=count,
        sounds=found.sounds,
    )
    return spec


def write_spec(path: Path, spec: JobSpec) -> None:
    """Write a job spec to a file, which appears when it is whole."""
    from helios.output import whole_output

    with whole_output(path) as folder:
        (folder / "whole").write_text(spec.to_json(), "utf-8")
