"""Small pictures and the waveform of a finished video on this machine."""

import array
import base64
import itertools
from collections.abc import Sequence
from pathlib import Path

from helios.concurrency import map_limited
from helios.errors import HeliosError
from helios.media.ffmpeg import rendered_input, run_ffmpeg
from helios.media.frame_jpeg import frame_jpeg
from helios.records.chunk_trace import FramePicture, evenly
from orchestrator.report.report import SeamPair, VideoFacts

#: Pictures of a filmstrip that are taken from a video, and seams whose frames are.
STRIP_PICTURES = 24
MAX_SEAMS = 12
#: Parts of the timeline in a waveform.
WAVE_PARTS = 600

_PICTURE_SIDE, _SEAM_SIDE = 160, 320
_AT_ONCE = 2
_SAMPLE_RATE = 8000
# Samples that are decoded at most: of hours of audio, fewer a second.
_MAX_SAMPLES = 30_000_000
_LOUDEST = 1 << 15


async def video_filmstrip(video: Path, facts: VideoFacts) -> list[FramePicture]:
    """Return pictures of frames that are spread evenly over a video."""
    count = min(STRIP_PICTURES, facts.frames)
    frames = [int((number + 0.5) * facts.frames / count) for number in range(count)]

    async def take(frame: int) -> str | None:
        return await _picture(video, frame, fps=facts.fps)

    taken = await map_limited(take, frames, limit=_AT_ONCE)
    pairs = zip(frames, taken, strict=True)
    return [FramePicture(frame=frame, jpeg=jpeg) for frame, jpeg in pairs if jpeg is not None]


async def seam_pairs(video: Path, facts: VideoFacts, starts: Sequence[int]) -> list[SeamPair]:
    """Return the frames at both sides of seams: of all, or of some that are spread evenly.

    `starts` are the first frames after each.
    """

    async def take(start: int) -> SeamPair | None:
        before = await _picture(video, start - 1, fps=facts.fps, side=_SEAM_SIDE)
        after = await _picture(video, start, fps=facts.fps, side=_SEAM_SIDE)
        if before is None or after is None:
            return None
        return SeamPair(frame=start - 1, before=before, after=after)

    found = await map_limited(take, evenly(starts, MAX_SEAMS), limit=_AT_ONCE)
    return [pair for pair in found if pair is not None]


async def _picture(video: Path, frame: int, *, fps: float, side: int = _PICTURE_SIDE) -> str | None:
    """Return a small picture of a frame in base64; None if it can't be read."""
    try:
        return base64.b64encode(await frame_jpeg(video, frame, rate=fps, side=side)).decode()
    except HeliosError:
        return None


async def waveform(video: Path, duration: float) -> list[int]:
    """Return the loudest samples of equal parts of a video, 0 to 100; none without audio.

    Args:
        duration: The video's length in seconds.
    """
    rate = min(_SAMPLE_RATE, max(100, int(_MAX_SAMPLES / max(duration, 1))))
    *opened, address = rendered_input(video)
    try:
        data = await run_ffmpeg(
            [
                *(*opened, "-i", address, "-map", "0:a:0", "-ac", "1", "-ar", str(rate)),
                *("-t", f"{duration:.3f}", "-f", "s16le", "pipe:1"),
            ]
        )
    except HeliosError:
        return []
    samples = array.array("h", data[: len(data) // 2 * 2])
    parts = min(WAVE_PARTS, len(samples))
    edges = [number * len(samples) // parts for number in range(parts + 1)] if parts else []
    found = [samples[a:b] for a, b in itertools.pairwise(edges)]
    loudest = [max(max(part), -min(part)) for part in found]  # noqa: PLW3301 - parts are long
    return [round(100 * min(1, value / _LOUDEST)) for value in loudest]
