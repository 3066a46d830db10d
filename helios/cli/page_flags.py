"""Flags of the page, which commands share, and the options made from them."""

import math
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from helios.cli.command_parser import Argument, Flag
from helios.contract.frame_rate import frame_rate
from helios.errors import OptionInvalid

if TYPE_CHECKING:
    from helios.renderer.composition import Composition
    from helios.renderer.page import PageLog, PageOptions

Input = Annotated[str, Argument("An HTML file, a folder with index.html, or a URL.")]
Width = Annotated[
    int | None, Flag("Width of the page in CSS pixels.", default="declared, else 1920")
]
Height = Annotated[
    int | None, Flag("Height of the page in CSS pixels.", default="declared, else 1080")
]
Fps = Annotated[
    str | None, Flag("Frames per second: 30, 29.97, 30000/1001.", default="declared, else 30")
]
Root = Annotated[
    str | None,
    Flag(
        "Folder to serve, which holds the page.",
        default="that of the page, or one above it in its project",
    ),
]
Dialect = Annotated[
    str | None,
    Flag(
        "System that the page is written for: html, helios, hyperframes, remotion, lottie, svg,"
        " image.",
        default="recognised from the page",
    ),
]
CompositionId = Annotated[
    str | None,
    Flag(
        "Id of the composition to show, of a file that holds several.",
        ("--composition",),
        default="the first; of a Remotion bundle, the only one",
    ),
]
Props = Annotated[str, Flag("JSON object (or @file.json) for window.__HELIOS_PROPS__.")]
Seed = Annotated[int, Flag("Seed of Math.random.")]
TimeZone = Annotated[str, Flag("Time zone of the page: Europe/Paris.", ("--timezone",))]
Locale = Annotated[str, Flag("Language tag of the page: en-US, de.")]
Scale = Annotated[float, Flag("Output pixels per CSS pixel.")]
Transparent = Annotated[bool, Flag("Keep the page's transparency.")]
Replay = Annotated[
    bool | None,
    Flag(
        "Visit every frame from 0 on, for pages whose frames depend on the one before.",
        ("--replay", "--no-replay"),
        default="what the page declares",
    ),
]
AllowMissing = Annotated[bool, Flag("Continue when a file of the page is missing.")]
Timeout = Annotated[float, Flag("Seconds that loading, and each frame, may take.")]
JpegQuality = Annotated[int, Flag("Quality of captured frames.", within=range(1, 101))]
Verbose = Annotated[bool, Flag("Show what the page logs.", ("--verbose", "-v"))]


async def page_options(
    composition: "Composition",
    *,
    width: int | None = None,
    height: int | None = None,
    scale: float = 1.0,
    fps: str | None,
    dialect: str | None,
    composition_id: str | None,
    props: str,
    seed: int,
    time_zone: str,
    locale: str,
    transparent: bool = False,
    allow_missing: bool,
    timeout: float,  # noqa: ASYNC109 - of the page, which counts it itself
    direct: bool = True,
    canvas_alone: bool = False,
    reference: bool = False,
) -> "PageOptions":
    """Return the options of a page, from the values of the flags of the same names.

    Size, rate and dialect that aren't given are those that the page declares.

    Raises:
        OptionInvalid: A value is invalid.
        CompositionUnchosen: The file holds several compositions, and no id is given.
    """
    from helios.contract import localization
    from helios.renderer.dialects import open_dialect
    from helios.renderer.page import PageOptions
    from helios.renderer.props import read_props

    if not (math.isfinite(timeout) and timeout > 0):
        raise OptionInvalid(f"timeout {timeout:g}: must be more than 0 seconds")
    chosen, defaults = open_dialect(composition, dialect, composition_id)
    options = PageOptions(
        width=defaults.width if width is None else width,
        height=defaults.height if height is None else height,
        scale=scale,
        rate=defaults.rate if fps is None else frame_rate(fps),
        dialect=chosen,
        composition_id=composition_id,
        props=read_props(props),
        seed=seed,
        time_zone=localization.time_zone(time_zone),
        locale=localization.locale(locale),
        transparent=transparent,
        allow_missing=allow_missing,
        load_timeout=timeout,
        settle_timeout=timeout,
        direct=direct,
        canvas_alone=canvas_alone,
        reference=reference,
    )
    if chosen.is_evaluated and None in (width, height, fps):
        from helios.renderer.evaluation import evaluate

        declared = await evaluate(composition, options)
        options = replace(
            options,
            width=declared.width if width is None else width,
            height=declared.height if height is None else height,
            rate=declared.rate if fps is None else options.rate,
        )
    return options


def page_log(*, verbose: bool) -> "PageLog":
    """Return a log that prints messages of the page; without `verbose`, warnings and errors."""
    from helios.contract.messages.page_line import PROBLEMS, page_line

    def log(frame: int | None, level: str, text: str) -> None:
        if verbose or level in PROBLEMS:
            print(page_line(frame, level, text), file=sys.stderr)

    return log
