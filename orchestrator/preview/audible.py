"""What a composition sounds like: its waveform, and what plays when."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from helios.media.audio_graph import Clip
from helios.media.audio_mix import mix_audio, source_seconds
from helios.renderer.composition import Composition
from helios.renderer.soundtrack import record_soundtrack
from orchestrator.planning.composition_probe import picture_page_of
from orchestrator.planning.render_options import RenderOptions
from orchestrator.report.video_pictures import waveform

_SAMPLE_RATE = 48_000


@dataclass(frozen=True, slots=True)
class Playing:
    """Something that plays: its name, and its seconds on the timeline."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Audible:
    """The audio of a composition.

    Attributes:
        wave: The loudest samples of equal parts of the timeline, 0 to 100.
        playing: What plays when, in the order of its starts.
    """

    wave: list[int]
    playing: list[Playing]


async def listen(source: str, options: RenderOptions, frames: int) -> Audible:
    """Play a composition to its end in a browser of its own, as a render does for its audio.

    Raises:
        HeliosError: The page fails, or its audio can't be read.
    """
    composition = Composition.find(source, root=options.root)
    with tempfile.TemporaryDirectory(prefix="helios-") as scratch:
        folder = Path(scratch)
        found = await record_soundtrack(
            composition,
            picture_page_of(options),
            frame_count=frames,
            scratch=folder,
            replay=options.replay,
        )
        if not found.tracks:
            return Audible([], [])
        mixed = folder / "mixed.wav"
        await mix_audio(
            found.tracks, frame_count=frames, rate=options.rate, output=mixed, codec="pcm_s16le"
        )
        lengths = await source_seconds(found.tracks)
        timeline = round(frames / options.rate * _SAMPLE_RATE)
        clips = [
            Clip.of(track, seconds=seconds, sample_rate=_SAMPLE_RATE, timeline=timeline)
            for track, seconds in zip(found.tracks, lengths, strict=True)
            if seconds is not None
        ]
        playing = [_playing(clip, folder) for clip in clips if clip.length > 0]
        wave = await waveform(mixed, float(frames / options.rate))
        return Audible(wave, sorted(playing, key=lambda each: each.start))


def _playing(clip: Clip, scratch: Path) -> Playing:
    path = Path(str(clip.track.source))
    name = "made by the page" if path.parent == scratch else path.name
    samples = min(clip.length, clip.known_length)
    return Playing(name, clip.start / _SAMPLE_RATE, (clip.start + samples) / _SAMPLE_RATE)
