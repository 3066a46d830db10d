"""Loads a composition for its length and audio, before it is planned."""

from dataclasses import dataclass, replace
from fractions import Fraction

from helios.contract.messages.render_warning import RenderWarning
from helios.errors import HeliosError, OptionInvalid
from helios.renderer.composition import Composition
from helios.renderer.dialects import find_dialect
from helios.renderer.inspect import inspect
from helios.renderer.page import LOAD_TIMEOUT, ImageFormat, PageOptions
from orchestrator.planning.render_options import RenderOptions

#: Times that the page is looked at, where a browser dies.
_ATTEMPTS = 2
#: Quality of pictures that aren't encoded any further.
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class CompositionProbe:
    """Properties of a composition."""

    #: Length of its timeline in frames.
    frame_count: int
    #: Whether it may have sound.
    sounds: bool
    #: Whether anything in it moves by itself.
    moves: bool
    #: Features of the page that can't be rendered correctly.
    warnings: tuple[RenderWarning, ...]


async def probe_composition(
    source: str,
    options: RenderOptions,
    *,
    duration: float | None,
    frames: int | None,
    sound: bool,
) -> CompositionProbe:
    """Return length and properties of a composition, by loading its page.

    The user may give its length in seconds or frames.

    Raises:
        DurationUnknown: Neither the user nor the page gives a length.
    """
    frames = given_frames(duration, frames, options.rate)
    composition = Composition.find(source, root=options.root)
    seconds = None if frames is None else float(frames / options.rate)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            facts = await inspect(
                composition,
                page_of(options),
                duration=seconds,
                audio=sound,
                check_audio=sound and not options.allow_missing,
            )
            break
        except HeliosError as fault:
            if not fault.retryable or attempt == _ATTEMPTS:
                raise
    count = facts.frames(options.rate) if frames is None else frames
    return CompositionProbe(count, facts.sounds, facts.moves, facts.warnings)


def given_frames(duration: float | None, frames: int | None, rate: Fraction) -> int | None:
    """Return the length in frames that a user gives in seconds or frames; None if in neither.

    Raises:
        OptionInvalid: Both are given, or there would be no frame.
    """
    if duration is not None and frames is not None:
        raise OptionInvalid("`duration` and `frames`: give one of them")
    if frames is not None and frames < 1:
        raise OptionInvalid(f"`frames` {frames}: there must be at least one")
    if duration is None:
        return frames
    if not 0 < duration < float("inf"):
        raise OptionInvalid(f"`duration` {duration:g}: must be above 0 seconds")
    return max(1, round(Fraction(str(duration)) * rate))


def page_of(options: RenderOptions) -> PageOptions:
    """Return the options of the page that is loaded for a render."""
    return PageOptions(
        width=options.width,
        height=options.height,
        rate=options.rate,
        dialect=find_dialect(options.dialect or "html"),
        composition_id=options.composition_id,
        seed=options.seed,
        props=options.props,
        time_zone=options.time_zone,
        locale=options.locale,
        allow_missing=options.allow_missing,
        load_timeout=LOAD_TIMEOUT if options.timeout is None else options.timeout,
    )


def picture_page_of(options: RenderOptions) -> PageOptions:
    """Return the options of a page whose pictures are taken here."""
    return replace(page_of(options), scale=options.scale, transparent=options.transparent)


def picture_format_of(options: RenderOptions) -> ImageFormat:
    """Return the format of pictures that are taken here: PNG if they may be transparent."""
    name = "png" if options.transparent else "jpeg"
    return ImageFormat(name, options.jpeg_quality or _JPEG_QUALITY)
