"""Loads a composition and reads what it declares: duration, replay, audio."""

import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from helios.contract.render_warning import RenderWarning
from helios.errors import DurationUnknown
from helios.renderer.composition import Composition
from helios.renderer.page import CompositionPage, PageLog, PageOptions
from helios.renderer.render_session import open_stage
from helios.renderer.soundtrack import collect

#: Seconds that the search for sounds that start later may take.
SOUND_SEARCH_SECONDS = 2.0


@dataclass(frozen=True)
class CompositionFacts:
    """What a composition declares, found before it is rendered.

    Attributes
    ----------
    duration:
        Seconds, or None if the page doesn't say and nothing in it ends.
    source:
        Where the duration is from: `declared` or `longest animation`.
    replay:
        Whether each frame builds on the one before.
    sounds:
        Whether it may have sound.
    moves:
        Whether anything in it moves by itself.
    warnings:
        What it asks for that can't be rendered right.
    """

    url: str
    duration: float | None
    source: str | None
    replay: bool
    sounds: bool
    moves: bool = True
    warnings: tuple[RenderWarning, ...] = ()

    def frames(self, rate: Fraction) -> int:
        """Return the number of frames.

        Raises
        ------
        DurationUnknown
            The page declares no duration and has no finite animation.
        """
        if self.duration is None:
            raise DurationUnknown(
                f"{self.url}: the page doesn't say how long it is",
                hint="Give --duration or --frames, or declare it in the page:"
                ' <html data-duration="6">.',
            )
        return max(1, round(Fraction(str(self.duration)) * rate))

    def as_json(self) -> dict[str, Any]:
        """Return the facts for people's programs."""
        return {
            "url": self.url,
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
    sound: bool = True,
    check_sound: bool = False,
    log: PageLog | None = None,
) -> CompositionFacts:
    """Load a composition and return what it declares.

    Parameters
    ----------
    duration:
        Seconds, where the page needn't be asked; sounds are searched for up to there.
    sound:
        Whether sounds are to be searched for.
    check_sound:
        Refuse sounds that can't be read, as far as they are found.

    Raises
    ------
    HeliosError
        It can't be loaded, or a sound can't be read.
    """
    async with open_stage(composition, page, log=log) as stage:
        shown = stage.page
        declared = await shown.declared()
        moves = await shown.moves()
        source = None
        if duration is None:
            duration = declared.duration or declared.longest_animation
            source = "declared" if declared.duration else "longest animation" if duration else None
        sounds = sound and await _may_sound(shown, page.rate, duration, replay=declared.replay)
        if check_sound:
            with tempfile.TemporaryDirectory(prefix="helios-sound-") as scratch:
                await (await collect(shown, composition, scratch=Path(scratch))).check()
        warnings = tuple(await shown.warnings())
    return CompositionFacts(
        composition.url, duration, source, declared.replay, sounds, moves, warnings
    )


async def _may_sound(
    page: CompositionPage, rate: Fraction, duration: float | None, *, replay: bool
) -> bool:
    """Tell whether the page plays a sound, now or later.

    Walking to the end finds those that a script starts; where that would take long, the answer is
    yes: the mix itself then finds out.
    """
    last = round((duration or 0) * rate) - 1
    deadline = time.monotonic() + SOUND_SEARCH_SECONDS
    while (page.frame or 0) < last:
        if time.monotonic() > deadline:
            return True
        await page.step(last, every_frame=replay)
    return bool(await page.sounds()) or await page.renders_audio()
