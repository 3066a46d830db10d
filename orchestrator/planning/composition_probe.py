"""Loads a composition for its length and audio, before it is planned."""

from dataclasses import dataclass
from fractions import Fraction

from helios.contract.messages.render_warning import RenderWarning
from helios.errors import HeliosError, OptionInvalid
from helios.renderer.composition import Composition
from helios.renderer.dialects import find_dialect
from helios.renderer.inspect import inspect
from helios.renderer.page import LOAD_TIMEOUT, PageOptions
from orchestrator.planning.render_options import RenderOptions

#: Times that the page is looked at, where a browser dies.
_ATTEMPTS = 2


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
    if duration is not None and frames is not None:
        raise OptionInvalid("`duration` and `frames`: give one of them")
    if duration is not None:
        frames = frames_in(duration, options.rate)
    if frames is not None and frames < 1:
        raise OptionInvalid(f"`frames` {frames}: there must be at least one")
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


def frames_in(duration: float, rate: Fraction) -> int:
    """Return the number of frames in some seconds.

    Raises:
        OptionInvalid: The duration isn't above 0.
    """
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
