"""Checks the audio of a stitched video: its duration, and that it has no gaps."""

import csv
from fractions import Fraction
from pathlib import Path

from helios.errors import ChunkOutputInvalid
from helios.media.ffmpeg import rendered_input, run_ffprobe
from helios.mp4.reader import read_movie
from helios.mp4.track import NotSpliceable, Track

#: Tolerated difference between audio and video in seconds, beside a frame: two packets.
_TOLERANCE = Fraction(1, 20)
#: Tolerance in seconds for containers that round times to milliseconds.
_ROUNDING = 0.0025


async def audio_faults(path: Path, *, seconds: Fraction, rate: Fraction, whole: bool) -> list[str]:
    """Return the faults of a video's audio; none for a video without audio.

    The audio may be shorter than the video's duration, in seconds, unless it must be `whole`.
    Raises `ChunkOutputInvalid` if the file can't be read.
    """
    try:
        track = read_movie(path).track("soun")
    except NotSpliceable:
        length, gap = await _probed(path)
    else:
        length, gap = (None, None) if track is None else _of_track(track)
    if length is None:
        return []
    faults = [] if gap is None else [f"its audio has a gap at {gap:.3f} s"]
    tolerance = _TOLERANCE + 1 / rate
    if length > seconds + tolerance or (whole and length < seconds - tolerance):
        faults.append(f"its audio lasts {float(length):.3f} s, its video {float(seconds):.3f} s")
    return faults


def _of_track(track: Track) -> tuple[Fraction, float | None]:
    """Return the duration in seconds, and the time of the first gap between packets."""
    start = track.edits[0][1] if len(track.edits) == 1 else 0
    usual = max(track.durations, default=(0, 0))[1]
    at = -start
    for number, (count, ticks) in enumerate(track.durations):
        # The last packet may be shorter, and with some codecs the first one too.
        if number not in (0, len(track.durations) - 1) and ticks != usual:
            return _length(track, start), float(Fraction(at, track.timescale))
        at += count * ticks
    return _length(track, start), None


def _length(track: Track, start: int) -> Fraction:
    return Fraction(track.ticks - start, track.timescale)


async def _probed(path: Path) -> tuple[Fraction | None, float | None]:
    wanted = ["-select_streams", "a:0", "-show_entries", "packet=pts_time,duration_time"]
    rows = await run_ffprobe(
        [*wanted, "-of", "csv=p=0:s=,", *rendered_input(path)],
        error=ChunkOutputInvalid,
        message=f"{path} is missing or not a media file",
    )
    end: float | None = None
    gap = None
    for row in csv.reader(rows.decode().splitlines()):
        if len(row) < 2 or "N/A" in row[:2]:
            continue
        start, length = map(float, row[:2])
        if end is not None and abs(start - end) > length / 2 + _ROUNDING and gap is None:
            gap = end
        end = start + length
    return (None if end is None else Fraction(end)), gap
