"""`helios still`: one frame to an image."""

from pathlib import Path
from typing import Annotated

from helios.cli.command_parser import Flag
from helios.cli.page_flags import (
    AllowMissing,
    CompositionId,
    Dialect,
    Fps,
    Height,
    Input,
    JpegQuality,
    Locale,
    Props,
    Replay,
    Root,
    Scale,
    Seed,
    Timeout,
    TimeZone,
    Transparent,
    Verbose,
    Width,
    page_log,
    page_options,
)
from helios.cli.run import run
from helios.contract.localization import DEFAULT_LOCALE, DEFAULT_TIME_ZONE
from helios.errors import OptionInvalid


def still(
    source: Input,
    output: Annotated[Path, Flag("A .png or .jpg file.", ("--output", "-o"))],
    frame: Annotated[int, Flag("Which frame, counted from 0.")] = 0,
    width: Width = None,
    height: Height = None,
    fps: Fps = None,
    root: Root = None,
    dialect: Dialect = None,
    composition_id: CompositionId = None,
    jpeg_quality: JpegQuality = 90,
    scale: Scale = 1.0,
    transparent: Transparent = False,
    props: Props = "{}",
    seed: Seed = 0,
    time_zone: TimeZone = DEFAULT_TIME_ZONE,
    locale: Locale = DEFAULT_LOCALE,
    replay: Replay = None,
    allow_missing: AllowMissing = False,
    timeout: Timeout = 30.0,
    verbose: Verbose = False,
) -> None:
    """Render one frame to an image."""

    async def work() -> None:
        from helios.renderer.composition import Composition
        from helios.renderer.encoding.codecs import check_size, choose_codec
        from helios.renderer.page import ImageFormat
        from helios.renderer.render import still as capture_frame

        codec = choose_codec(output, None)
        if not codec.images or not output.suffix:
            raise OptionInvalid(f"output {output.name!r}: a still is a .png, .jpg or .jpeg file")
        if frame < 0:
            raise OptionInvalid(f"frame {frame}: frames are counted from 0")
        if transparent and not codec.alpha:
            raise OptionInvalid("transparent: JPEG stores no transparency", hint="Use .png.")
        composition = Composition.find(source, root=root)
        page = await page_options(
            composition,
            fps=fps,
            dialect=dialect,
            composition_id=composition_id,
            width=width,
            height=height,
            scale=scale,
            transparent=transparent,
            seed=seed,
            props=props,
            time_zone=time_zone,
            locale=locale,
            allow_missing=allow_missing,
            timeout=timeout,
        )
        check_size(page.width, page.height, scale, codec)
        await capture_frame(
            composition,
            output,
            page=page,
            frame=frame,
            image=ImageFormat(codec.name, jpeg_quality),
            replay=replay,
            log=page_log(verbose=verbose),
        )

    run(work())
