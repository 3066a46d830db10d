"""Makes contact sheets. The renderer draws them, too: a sheet is a page with images."""

import shutil
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any, Unpack

from helios.errors import OptionInvalid
from helios.renderer.composition import Composition
from helios.renderer.media.playable_video import VIDEO_SUFFIXES
from helios.renderer.page import ImageFormat, PageOptions
from helios.renderer.render import still
from orchestrator.api.displays import EventDisplay, OnEvent
from orchestrator.api.option_faults import check_names
from orchestrator.api.rendering.keywords import SheetKeywords
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.api.sheets.layout import SheetLayout, Theme, grid_of
from orchestrator.api.sheets.pictures import Pictures, pictures_of_composition, pictures_of_video
from orchestrator.delivery.deliver import deliver
from orchestrator.delivery.destination import Destination
from orchestrator.delivery.stores import Stores
from orchestrator.display.display import Display
from orchestrator.planning.output_kinds import check_still


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A finished contact sheet.

    Attributes:
        location: Path or URL of the image.
        frames: Numbers of the frames on it, counted from 0.
        total: Length of the timeline in frames.
    """

    location: str
    frames: tuple[int, ...]
    total: int


async def sheet_async(
    source: str | Path,
    output: str | Path,
    *,
    count: int = 16,
    columns: int | None = None,
    labels: bool = True,
    theme: Theme = "dark",
    on_event: OnEvent | None = None,
    **settings: Unpack[SheetKeywords],
) -> Sheet:
    """Put frames of a composition or of a video side by side into one image, and return it.

    Args:
        source: The composition, as for `render`, or a video file.
        output: The image: a .png or .jpg path, or an s3:// or gs:// URL.
        count, columns, labels, theme: As in `SheetLayout`.
        on_event: Called with milestones.
        settings: As `SheetKeywords`: the flags of `orchestrator sheet`, with the same defaults.

    Raises:
        OptionInvalid: A setting is invalid, or doesn't go with a video.
        HeliosError: Frames can't be drawn or read.
    """
    check_names(settings, SheetKeywords.__annotations__)
    layout = SheetLayout(count=count, columns=columns, labels=labels, theme=theme)
    display = EventDisplay(on_event)
    return await make_sheet(str(source), str(output), layout, RenderSettings.of(settings), display)


async def make_sheet(
    source: str, output: str, layout: SheetLayout, settings: RenderSettings, display: Display
) -> Sheet:
    """Make a contact sheet, as `sheet_async`."""
    destination = Destination.of(output)
    check_still(destination.name)
    destination.check(images=False)
    is_video = Path(source).suffix.lower() in {*VIDEO_SUFFIXES, ".gif"}
    if is_video:
        _refuse_page_settings(source, settings)
    with tempfile.TemporaryDirectory(prefix="helios-sheet-") as scratch:
        folder = Path(scratch)
        with display.activity(f"looking at {source}"):
            if is_video:
                pictures = await pictures_of_video(Path(source), folder, count=layout.count)
            else:
                pictures = await pictures_of_composition(
                    source, folder, settings, count=layout.count, display=display
                )
            made = folder / f"sheet{Path(destination.name).suffix}"
            await _draw(folder, made, _name(source), layout, pictures)
        async with Stores() as stores:
            if destination.path is not None:
                location = str(deliver(made, destination.path))
            else:
                location = str(destination)
                await stores.store(made, location)
    return Sheet(location=location, frames=pictures.frames, total=pictures.total)


async def _draw(
    folder: Path, output: Path, name: str, layout: SheetLayout, pictures: Pictures
) -> None:
    template = resources.files("orchestrator.api.sheets").joinpath("sheet.html")
    with resources.as_file(template) as page:
        shutil.copy(page, folder / "index.html")
    grid = grid_of(layout, len(pictures.frames), width=pictures.width, height=pictures.height)
    props: dict[str, Any] = {
        "name": name,
        "facts": _facts(pictures),
        "theme": layout.theme,
        "columns": grid.columns,
        "size": [grid.width, grid.height],
        "frames": [
            {"file": file, "number": frame, "time": _time(frame / pictures.rate)}
            for frame, file in zip(pictures.frames, pictures.names, strict=True)
        ],
        "labels": layout.labels,
    }
    page_options = PageOptions(
        width=grid.page_width,
        height=grid.page_height,
        rate=Fraction(30),
        scale=grid.scale,
        props=props,
    )
    image = ImageFormat("png" if output.suffix.lower() == ".png" else "jpeg", 92)
    await still(Composition.find(str(folder)), output, page=page_options, frame=0, image=image)


def _refuse_page_settings(source: str, settings: RenderSettings) -> None:
    for name in SheetKeywords.__annotations__:
        if settings.given(name):
            raise OptionInvalid(
                f"`{name}`: doesn't go with a video",
                hint=f"{source} is a video, whose frames are taken as they are.",
            )


def _name(source: str) -> str:
    name = source.rstrip("/").rpartition("/")[2]
    return Path(source).resolve().name if name in ("", ".", "..") else name


def _facts(pictures: Pictures) -> list[str]:
    rate = float(pictures.rate)
    return [
        f"{pictures.width} \u00d7 {pictures.height}",
        f"{rate:.5g} fps",
        f"{pictures.total} frames" if pictures.total != 1 else "1 frame",
        _time(pictures.total / pictures.rate),
    ]


def _time(seconds: Fraction) -> str:
    """Return a time as `1:02.500`, with hours only where there are any."""
    milliseconds = int(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest // 1000:02}.{rest % 1000:03}"
    return f"{hours}:{minutes:02}:{text}" if hours else f"{minutes}:{text}"
