"""Plans a render: looks at the composition, and cuts its timeline into chunks."""

import asyncio
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from helios.contract.job_spec import JobSpec
from helios.errors import OptionInvalid
from helios.output import whole_output
from helios.renderer.composition import Composition
from helios.renderer.dialects import PageDefaults, open_dialect
from helios.renderer.dialects.variables import Variable
from helios.renderer.evaluation import evaluate
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.delivery.destination import Destination
from orchestrator.display.display import Display
from orchestrator.model.limits import parse_duration
from orchestrator.planning.composition_probe import CompositionProbe, page_of, probe_composition
from orchestrator.planning.output_kinds import check_still, is_sequence
from orchestrator.planning.planner import check_options, plan, plan_still
from orchestrator.planning.render_options import RenderOptions


async def plan_render(
    source: str,
    destination: Destination,
    settings: RenderSettings,
    *,
    concurrency: int,
    job_dir: Path,
    display: Display,
    remote: bool = False,
    shared: bool = False,
    job_id: str | None = None,
    input_name: str | None = None,
) -> JobSpec:
    """Look at a composition and return the job spec of its render.

    Args:
        destination: The video; it is checked before the page is loaded.
        job_dir: Folder that the job runs in; paths in commands are relative to it.
        remote: Whether remote workers render the chunks.
        shared: Whether browsers share a timeline that fits into one chunk, as it is rendered here.
    """
    options = await picture_options(source, settings)
    sizes = replace(settings.sizes(concurrency, remote=remote), shared=shared)
    check_options(destination.name, options)
    destination.check(images=is_sequence(destination.name, options.codec))
    with display.activity(f"looking at {source}"):
        found = await probed(source, options, settings, display)
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
        incremental=settings.incremental,
        seam_check=settings.seam_check,
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


async def probed(
    source: str, options: RenderOptions, settings: RenderSettings, display: Display
) -> CompositionProbe:
    """Load a composition for its length and sound, and show what can't be rendered faithfully."""
    found = await probe_composition(
        source,
        options,
        duration=settings.duration,
        frames=settings.frames,
        sound=settings.audio,
    )
    for warning in found.warnings:
        display.warn(warning)
    display.moves = found.moves
    return found


async def plan_image(
    source: str,
    destination: Destination,
    settings: RenderSettings,
    *,
    at: int | str,
    job_dir: Path,
    job_id: str | None = None,
    input_name: str | None = None,
) -> JobSpec:
    """Return the job spec of one frame as an image; no browser loads the page here.

    Args:
        at: The frame's number, or a time: 45, '1.5s', '1m30s'.
        destination, job_dir, job_id, input_name: As for `plan_render`.

    Raises `OptionInvalid`, `CodecUnavailable` or `OutputUnwritable`.
    """
    check_still(destination.name)
    options = await picture_options(source, settings)
    check_options(destination.name, options)
    destination.check(images=False)
    return plan_still(
        source,
        destination.name,
        frame=frame_at(at, options.rate),
        options=options,
        job_dir=job_dir,
        job_id=job_id,
        input_name=input_name,
    )


async def picture_options(source: str, settings: RenderSettings) -> RenderOptions:
    """Return the options for frames, with the size and rate that the page declares."""
    composition = Composition.find(source, root=settings.root)
    options = settings.picture(*await read_declared(composition, settings))
    return replace(options, root=None if composition.serves_page_folder else str(composition.root))


async def read_declared(
    composition: Composition, settings: RenderSettings
) -> tuple[str, PageDefaults]:
    """Return a composition's dialect, and what it declares.

    Its page is loaded if only its scripts know that and `settings` don't set it.
    """
    dialect, declared = await asyncio.to_thread(
        open_dialect, composition, settings.dialect, settings.composition_id
    )
    if dialect.is_evaluated and not settings.sets_picture:
        declared = await evaluate(composition, page_of(settings.picture(dialect.name, declared)))
    return dialect.name, declared


async def declared_variables(source: str, settings: RenderSettings) -> tuple[Variable, ...] | None:
    """Return the props that a page declares; None if it declares none."""
    composition = Composition.find(source, root=settings.root)
    _, declared = await asyncio.to_thread(
        open_dialect, composition, settings.dialect, settings.composition_id
    )
    return declared.variables


def frame_at(at: int | str, rate: Fraction) -> int:
    """Return the number of a frame by that, or by a time at which it is shown.

    Raises:
        OptionInvalid: It is neither.
    """
    text = str(at).strip()
    if text.isascii() and text.isdigit():
        return int(text)
    if not text.endswith(("s", "m", "h")):
        raise OptionInvalid(
            f"`at` {at}: is neither a frame nor a time", hint="Such as 45, 1.5s or 1m30s."
        )
    seconds = 0.0 if text in ("0s", "0.0s") else parse_duration(text, "at")
    return math.floor(Fraction(str(seconds)) * rate)


def write_spec(path: Path, spec: JobSpec) -> None:
    """Write a job spec to a file, atomically."""
    with whole_output(path) as folder:
        (folder / "whole").write_text(spec.to_json(), "utf-8")
