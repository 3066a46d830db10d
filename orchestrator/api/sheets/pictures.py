"""Takes the pictures of a contact sheet from a composition or from a video."""

import asyncio
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from helios.concurrency import map_limited
from helios.errors import OptionInvalid
from helios.media.frame_jpeg import frame_jpeg
from helios.media.probe import probe
from helios.renderer.composition import Composition
from helios.renderer.render_session import open_render_session
from orchestrator.api.rendering.planning import picture_options
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.display.display import Display
from orchestrator.planning.composition_probe import (
    picture_format_of,
    picture_page_of,
    probe_composition,
)

#: Processes of ffmpeg that read frames of a video at once.
_READERS = 4


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Frames of a timeline as images in a folder.

    Attributes:
        frames: Numbers of the frames, counted from 0, in order.
        names: Files of their images.
        total: Length of the timeline in frames.
        width, height: Size of an image in pixels.
    """

    frames: tuple[int, ...]
    names: tuple[str, ...]
    total: int
    rate: Fraction
    width: int
    height: int


def spread(total: int, count: int) -> tuple[int, ...]:
    """Return so many frames of a timeline at equal distances, its first and its last among them."""
    if count == 1 or total == 1:
        return (total // 2,)
    count = min(count, total)
    return tuple(round(Fraction(n * (total - 1), count - 1)) for n in range(count))


async def pictures_of_composition(
    source: str, folder: Path, settings: RenderSettings, *, count: int, display: Display
) -> Pictures:
    """Have the renderer draw frames of a composition, each as a video would have it.

    Raises:
        HeliosError: The composition can't be loaded or drawn.
    """
    options = await picture_options(source, settings)
    found = await probe_composition(
        source, options, duration=settings.duration, frames=settings.frames, sound=False
    )
    for warning in found.warnings:
        display.warn(warning)
    frames = spread(found.frame_count, count)
    image = picture_format_of(options)
    names = []
    composition = Composition.find(source, root=options.root)
    async with open_render_session(composition, picture_page_of(options)) as session:
        page = session.page
        declared = await page.declared()
        replay = declared.replay if options.replay is None else options.replay
        for frame in frames:
            data = await page.picture(frame, image, every_frame=replay)
            names.append(f"{frame}.{image.name}")
            (folder / names[-1]).write_bytes(data)
        page.check_missing()
    return Pictures(
        frames=frames,
        names=tuple(names),
        total=found.frame_count,
        rate=options.rate,
        width=round(options.width * options.scale),
        height=round(options.height * options.scale),
    )


async def pictures_of_video(source: Path, folder: Path, *, count: int) -> Pictures:
    """Read frames of a video.

    Raises:
        OptionInvalid: The file has no frames that can be read.
    """
    found = (await probe(source, error=OptionInvalid)).video
    if found is None or not found.frames or not found.frame_rate:
        raise OptionInvalid(f"{source}: has no video", hint="Give a video or a composition.")
    rate = found.frame_rate
    frames = spread(found.frames, count)

    async def read(frame: int) -> str:
        data = await frame_jpeg(source, frame, rate=rate)
        path = folder / f"{frame}.jpeg"
        await asyncio.to_thread(path.write_bytes, data)
        return path.name

    names = await map_limited(read, frames, limit=_READERS)
    return Pictures(
        frames=frames,
        names=tuple(names),
        total=found.frames,
        rate=rate,
        width=found.width,
        height=found.height,
    )
