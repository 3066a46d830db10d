"""Loads a composition and reads its properties: duration, replay, audio."""

import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from helios.contract.messages.render_warning import RenderWarning
from helios.errors import DurationUnknown
from helios.renderer.composition import Composition
from helios.renderer.page import CompositionPage, PageLog, PageOptions
from helios.renderer.render_session import open_render_session
from helios.renderer.soundtrack import collect

#: Time limit, in seconds, of the search for audio that starts later.
AUDIO_SEARCH_SECONDS = 2.0


@dataclass(frozen=True)
class CompositionFacts:
    """Properties of a composition, read before it is rendered.

    Attributes:
        page: The options that the page was loaded with: its dialect, size and rate.
        duration: Seconds; None if the page declares none and has no finite animation.
        source: Origin of the duration: `declared` or `longest animation`.
        replay: Whether each frame depends on the one before.
        sounds: Whether it may have audio.
        moves: Whether anything in it moves without interaction.
        warnings: Features of the page that can't be rendered faithfully.
    """

    url: str
    page: PageOptions
    duration: float | None
    source: str | None
    replay: bool
    sounds: bool
    moves: bool = True
    warnings: tuple[RenderWarning, ...] = ()

    def frames(self, rate: Fraction) -> int:
        """Return the number of frames.

        Raises `DurationUnknown` if the page declares no duration and has no finite animation.
        """
        if self.duration is None:
            raise DurationUnknown(
                f"{self.url}: the page declares no duration",
                hint="Give --duration or --frames, or declare it in the page:"
                ' <html data-duration="6">.',
            )
        return self.page.dialect.frame_count(Fraction(str(self.duration)), rate)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "url": self.url,
            "dialect": self.page.dialect.name,
            "width": self.page.width,
            "height": self.page.height,
            "fps": float(self.page.rate),
            "duration": self.duration,
            "durationSource": self.source,
            "replay": self.replay,
            "sounds": self.sounds,
            "warnings": [warning.as_json() for warning in self.warnings],
        }


async def inspect(
    composition: Composition,
    page: PageOptions,
    *,
    duration: float | None = None,
    audio: bool = True,
    check_audio: bool = False,
    log: PageLog | None = None,
) -> CompositionFacts:
    """Load a composition and return its properties.

    Raises `HeliosError` if it can't be loaded, or its audio can't be read.

    Args:
        duration: Seconds; None takes the page's own. Audio is searched for up to this time.
        audio: Whether to search for audio.
        check_audio: Fail if audio that is found can't be read.
    """
    async with open_render_session(composition, page, log=log) as session:
        shown = session.page
        declared = await shown.declared()
        moves = await shown.moves()
        every_frame = declared.replay or page.dialect.sounds_by_frame
        source = None
        if duration is None:
            duration = declared.duration or declared.longest_animation
            source = "declared" if declared.duration else "longest animation" if duration else None
        sounds = (
            audio
            and not page.dialect.silent
            and await _may_sound(shown, page.rate, duration, every_frame=every_frame)
        )
        if check_audio:
            with tempfile.TemporaryDirectory(prefix="helios-audio-") as scratch:
                await (await collect(shown, composition, scratch=Path(scratch))).check()
        warnings = tuple(await shown.warnings())
    return CompositionFacts(
        composition.url, page, duration, source, declared.replay, sounds, moves, warnings
    )


async def _may_sound(
    page: CompositionPage, rate: Fraction, duration: float | None, *, every_frame: bool
) -> bool:
    """Return whether the page plays audio, now or later.

    Audio that scripts start is found by playing to the end. If that exceeds the time limit, the
    answer is True, and the mix later determines whether there is any.
    """
    last = round((duration or 0) * rate) - 1
    deadline = time.monotonic() + AUDIO_SEARCH_SECONDS
    while (page.frame or 0) < last:
        if time.monotonic() > deadline:
            return True
        await page.step(last, every_frame=every_frame)
    return bool(await page.audio.sounds()) or await page.audio.renders()
