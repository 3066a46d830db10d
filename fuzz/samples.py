"""Compares the audio samples of renders."""

import asyncio
import math
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fuzz.compare import Difference
from fuzz.pages.draw import FRAMES
from helios.contract.frame_rate import samples_before
from helios.media.audio_mix import mix_audio
from helios.renderer.browser.devtools import Params
from helios.renderer.composition import Composition
from helios.renderer.soundtrack import Soundtrack

_RATE = Fraction(30)
_SAMPLE_RATE = 48000

Sounds = Sequence[Params]
"""What `CompositionPage.sounds` returned."""


async def compare_sounds(
    variant: str,
    composition: Composition,
    expected: Sounds,
    chunks: Sequence[tuple[range, Sounds]],
) -> Difference | None:
    """Return how the samples of a render differ from those of the reference.

    Args:
        chunks: The frames of each chunk, and the audio that its page had played at the end.
    """
    for frames, sounds in chunks:
        end = float(frames.stop / _RATE)
        if heard_until(end, sounds) == heard_until(end, expected):
            continue
        start, stop = (samples_before(n, _RATE, _SAMPLE_RATE) for n in (frames.start, frames.stop))
        whole = await _samples(composition, expected)
        part = await _samples(composition, sounds)
        apart = np.flatnonzero((whole[start:stop] != part[start:stop]).any(axis=-1))
        if len(apart):
            at = (start + int(apart[0])) / _SAMPLE_RATE
            return Difference(
                variant, reason=f"sound: {len(apart)} samples from {at:.3f} s on, in {frames}"
            )
    return None


def heard_until(end: float, sounds: Sounds) -> Sounds:
    """Return the audio before a time in seconds; equal values have equal samples until then."""
    return [
        {
            **sound,
            # Fades end before the audio does.
            "duration": sound["duration"]
            if sound["fadeOut"]
            else min(_duration(sound), end - sound["start"]),
            "volumes": [point for point in sound["volumes"] if point[0] < end],
        }
        for sound in sounds
        if sound["start"] < end
    ]


def _duration(sound: Params) -> float:
    return math.inf if sound["duration"] is None else float(sound["duration"])


async def _samples(composition: Composition, sounds: Sounds) -> NDArray[np.int16]:
    """Mix audio over the whole timeline, as a render does; return samples of both channels."""
    with tempfile.TemporaryDirectory(prefix="helios-fuzz-") as name:
        folder = Path(name)
        mixed = folder / "mixed.wav"
        soundtrack = Soundtrack.of(sounds, composition, scratch=folder)
        await mix_audio(
            soundtrack.tracks, frame_count=FRAMES, rate=_RATE, output=mixed, codec="pcm_s16le"
        )
        data = await asyncio.to_thread(mixed.read_bytes)
    # In RIFF, samples follow the name and the length of their chunk.
    return np.frombuffer(data[data.index(b"data") + 8 :], np.int16).reshape(-1, 2)
