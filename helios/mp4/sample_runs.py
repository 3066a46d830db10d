"""Runs of samples: interleaving video with audio, and copying their bytes."""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from helios.concurrency import CancelToken
from helios.errors import ChunkOutputInvalid
from helios.mp4.track import Movie, Track

#: Seconds of one stream between those of the other, as in files of ffmpeg's muxer.
INTERLEAVE_SECONDS = Fraction(1, 2)
#: Limit of bytes per copy call, so that a cancellation takes effect soon.
_COPY_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class SampleRun:
    """A run of samples: its time in seconds, and the source of its bytes."""

    time: Fraction
    audio: bool
    samples: int
    source: Path
    spans: Sequence[tuple[int, int]]

    @property
    def length(self) -> int:
        """Number of bytes."""
        return sum(length for _, length in self.spans)


def video_runs(
    movies: Sequence[Movie], tracks: Sequence[Track], *, rate: Fraction
) -> list[SampleRun]:
    """Return the video frames of movies in runs to interleave with audio."""
    frames = max(1, round(INTERLEAVE_SECONDS * rate))
    runs, before = [], 0
    for movie, track in zip(movies, tracks, strict=True):
        spans = list(track.samples())
        for start in range(0, len(spans), frames):
            own = spans[start : start + frames]
            time = (before + start) / rate
            runs.append(SampleRun(time, False, len(own), movie.path, _joined(own)))
        before += len(spans)
    return runs


def audio_runs(path: Path, track: Track) -> list[SampleRun]:
    """Return the samples of an audio track in runs to interleave with video."""
    ticks = track.durations[0][1] if track.durations else 1
    most = max(1, int(INTERLEAVE_SECONDS * track.timescale / max(1, ticks)))
    runs, position = [], 0
    for offset, count in track.chunks:
        at = offset
        for start in range(0, count, most):
            samples = min(most, count - start)
            if isinstance(track.sizes, int):
                length = samples * track.sizes
            else:
                length = sum(track.sizes[position : position + samples])
            time = Fraction(position * ticks, track.timescale)
            runs.append(SampleRun(time, True, samples, path, [(at, length)]))
            at += length
            position += samples
    return runs


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for offset, length in spans:
        if joined and sum(joined[-1]) == offset:
            joined[-1] = (joined[-1][0], joined[-1][1] + length)
        else:
            joined.append((offset, length))
    return joined


def copy_runs(runs: Sequence[SampleRun], target: int, *, token: CancelToken) -> None:
    """Append the bytes of runs to an open file descriptor."""
    opened: dict[bool, tuple[Path, int]] = {}
    try:
        for run in runs:
            if run.audio not in opened or opened[run.audio][0] != run.source:
                if run.audio in opened:
                    os.close(opened.pop(run.audio)[1])
                opened[run.audio] = (run.source, os.open(run.source, os.O_RDONLY))
            for offset, length in run.spans:
                _copy(opened[run.audio][1], target, offset=offset, length=length, token=token)
    finally:
        for _, descriptor in opened.values():
            os.close(descriptor)


def _copy(source: int, target: int, *, offset: int, length: int, token: CancelToken) -> None:
    while length > 0:
        token.check()
        sent = _send(source, target, offset=offset, length=min(length, _COPY_BYTES))
        if sent == 0:
            raise ChunkOutputInvalid("an input was truncated while it was read")
        offset += sent
        length -= sent


def _send(source: int, target: int, *, offset: int, length: int) -> int:
    if sys.platform == "linux":
        return os.sendfile(target, source, offset, length)
    return os.write(target, os.pread(source, min(length, 1024 * 1024), offset))
