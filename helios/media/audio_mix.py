"""Mixes a composition's audio over the whole timeline, exact to the sample."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import gcd
from pathlib import Path

from helios.concurrency import map_limited
from helios.contract.frame_rate import samples_before
from helios.errors import AudioFailed, OptionInvalid
from helios.media.ffmpeg import file_url, require_encoder, run_ffmpeg
from helios.media.probe import probe

#: Range of factors in which ffmpeg's atempo sounds good; for others, several are chained.
TEMPO_RANGE = (0.5, 2.0)
#: Shortest block of samples of constant volume, the precision of volume steps.
MIN_VOLUME_BLOCK = 64
#: Tolerated difference between a line of volume and the volume of each frame.
VOLUME_TOLERANCE = 1e-4
#: Sources probed at the same time.
PROBES = 4
#: Largest playback rate.
_MAX_RATE = 16.0

_LOSSLESS = frozenset({"pcm_s16le", "pcm_s24le", "pcm_f32le", "flac", "alac"})


@dataclass(frozen=True)
class AudioTrack:
    """An audio track on the timeline.

    Parameters
    ----------
    source:
        File, or http(s) URL.
    start:
        Seconds on the timeline at which the track starts.
    trim:
        Seconds cut from the source's beginning.
    duration:
        Longest duration in seconds on the timeline; None for the source's.
    rate:
        Speed; 2 plays twice as fast.
    volume:
        Factor on the amplitude.
    fade_in, fade_out:
        Seconds of linear fading at the track's start and end.
    loop:
        Whether the source repeats until the track's end.
    preserves_pitch:
        Whether to keep the pitch if `rate` isn't 1.
    loop_start:
        Position in the source, in seconds, at which a loop restarts; None for `trim`.
    length:
        Seconds of the source that a loop repeats; None for all of it.
    volume_points:
        (seconds on the timeline, volume, whether the volume changes linearly from the point
        before); they replace `volume` from then on.
    """

    source: Path | str
    start: float = 0.0
    trim: float = 0.0
    duration: float | None = None
    rate: float = 1.0
    volume: float = 1.0
    fade_in: float = 0.0
    fade_out: float = 0.0
    loop: bool = False
    preserves_pitch: bool = True
    loop_start: float | None = None
    length: float | None = None
    volume_points: tuple[tuple[float, float, bool], ...] = ()


async def mix_audio(
    tracks: Sequence[AudioTrack],
    *,
    frame_count: int,
    rate: Fraction,
    output: Path,
    codec: str = "aac",
    bitrate: str = "192k",
    sample_rate: int = 48000,
    start_frame: int = 0,
) -> None:
    """Mix tracks to a stereo file with the duration of a range of frames.

    The whole timeline is mixed and then cut, so that any range has the same samples as the whole
    mix.

    Parameters
    ----------
    tracks:
        The tracks. A source without audio (a silent video) is silent.
    frame_count, start_frame:
        Range of frames.
    rate:
        Frames per second.
    output:
        File to write; its ending selects the container.
    codec:
        ffmpeg encoder.
    bitrate:
        Bits per second of lossy codecs, in ffmpeg's notation.
    sample_rate:
        Samples per second.

    Raises
    ------
    AudioFailed
        A source can't be read, or mixing failed.
    OptionInvalid
        A track has an unsupported playback rate.
    """
    first = samples_before(start_frame, rate, sample_rate)
    end = samples_before(start_frame + frame_count, rate, sample_rate)
    require_encoder(codec)
    seconds = await _source_seconds(tracks)
    audible = [
        _Clip.of(track, seconds=length, sample_rate=sample_rate, timeline=end)
        for track, length in zip(tracks, seconds, strict=True)
        if length is not None
    ]
    audible = [clip for clip in audible if clip.length > 0 and clip.start < end]
    graph = _graph(audible, first=first, end=end, sample_rate=sample_rate)
    inputs = [arg for clip in audible for arg in ("-vn", "-i", file_url(clip.track.source))]
    lossy = [] if codec in _LOSSLESS else ["-b:a", bitrate]
    with tempfile.TemporaryDirectory(prefix="helios-audio-") as folder:
        # In a file, as the graph of many tracks exceeds the length of an argument.
        script = Path(folder) / "graph.txt"
        await asyncio.to_thread(script.write_text, graph)
        await run_ffmpeg(
            [
                *("-y", *inputs, "-filter_complex_script", str(script), "-map", "[mix]"),
                *("-c:a", codec, *lossy, "-strict", "-2", "-fflags", "+bitexact"),
                *("-flags:a", "+bitexact", "-map_metadata", "-1", file_url(output)),
            ],
            error=AudioFailed,
            message=f"the audio of {len(audible)} tracks couldn't be mixed",
        )


async def _source_seconds(tracks: Sequence[AudioTrack]) -> list[float | None]:
    """Return the duration of each track's source in seconds; None without audio."""

    async def seconds(source: Path | str) -> float | None:
        info = await probe(source, error=AudioFailed, packets=False)
        return None if info.audio is None else float(info.audio.duration or info.duration)

    sources = list({track.source for track in tracks})
    found = await map_limited(seconds, sources, limit=PROBES)
    lengths = dict(zip(sources, found, strict=True))
    return [lengths[track.source] for track in tracks]


@dataclass(frozen=True)
class _Clip:
    """A track in samples: start on the timeline, samples to skip, and largest length.

    `known_length` is the track's own length, for fading out, independent of the timeline's end.
    """

    track: AudioTrack
    start: int
    skip: int
    length: int
    known_length: int

    @classmethod
    def of(cls, track: AudioTrack, *, seconds: float, sample_rate: int, timeline: int) -> "_Clip":
        if not 0 < track.rate <= _MAX_RATE:
            raise OptionInvalid(f"rate: {track.source} can't play at {track.rate} times its speed")
        before = min(track.start, 0.0)
        start = round(max(track.start, 0.0) * sample_rate)
        skip = round((track.trim - before * track.rate) * sample_rate)
        room = max(0, timeline - start)
        own = room
        if not track.loop and seconds > 0:
            own = max(0, round((seconds * sample_rate - skip) / track.rate))
        if track.duration is not None:
            asked = round((track.duration + before) * sample_rate)
            own = asked if track.loop or seconds <= 0 else min(own, asked)
            room = min(room, asked)
        return cls(track=track, start=start, skip=skip, length=room, known_length=own)


def _graph(clips: Sequence[_Clip], *, first: int, end: int, sample_rate: int) -> str:
    ending = (
        f"apad=whole_len={end},atrim=start_sample={first}:end_sample={end},asetpts=N/SR/TB[mix]"
    )
    if not clips:
        return f"anullsrc=r={sample_rate}:cl=stereo,atrim=end_sample={end},{ending}"
    lines = [
        line
        for number, clip in enumerate(clips)
        for line in _chain(clip, number, sample_rate=sample_rate)
    ]
    labels = "".join(f"[t{number}]" for number in range(len(clips)))
    mixed = f"amix=inputs={len(clips)}:duration=longest:normalize=0," if len(clips) > 1 else ""
    return ";\n".join([*lines, f"{labels}{mixed}{ending}"])


def _chain(clip: _Clip, number: int, *, sample_rate: int) -> list[str]:
    """Return the filter chains from input `number` to `[t<number>]`."""
    track = clip.track
    filters = [
        f"aresample={sample_rate}",
        "aformat=sample_fmts=fltp:channel_layouts=stereo",
        "asetpts=N/SR/TB",
    ]
    skip = clip.skip
    if track.loop:
        start = round((track.trim if track.loop_start is None else track.loop_start) * sample_rate)
        if track.length is not None:
            length = round(track.length * sample_rate)
            filters += [f"atrim=end_sample={length}", f"apad=whole_len={length}"]
        if start > 0:
            filters += [f"atrim=start_sample={start}", "asetpts=N/SR/TB"]
        filters += ["aloop=loop=-1:size=2147483647", "asetpts=N/SR/TB"]
        skip -= start
    if skip > 0:
        filters += [f"atrim=start_sample={skip}", "asetpts=N/SR/TB"]
    filters += _speed(track, sample_rate=sample_rate)
    filters += [f"atrim=end_sample={clip.length}", "asetpts=N/SR/TB"]
    ending = _fades(clip, sample_rate=sample_rate)
    if clip.start > 0:
        ending += [f"adelay=delays={clip.start}S:all=1", "asetpts=N/SR/TB"]
    pieces = _volume_pieces(clip, sample_rate=sample_rate)
    if all(piece.slope == 0 for piece in pieces):
        filters += _volume_steps(pieces, sample_rate=sample_rate)
        return [f"[{number}:a:0]{','.join(filters + ending)}[t{number}]"]
    envelope = [
        f"aevalsrc='{_lines_expression(pieces)}':s={sample_rate}",
        f"atrim=end_sample={clip.length}",
        "pan=stereo|c0=c0|c1=c0",
        "aformat=sample_fmts=fltp",
    ]
    return [
        f"[{number}:a:0]{','.join(filters)}[a{number}]",
        f"{','.join(envelope)}[v{number}]",
        f"[a{number}][v{number}]{','.join(['amultiply', 'asetpts=N/SR/TB', *ending])}[t{number}]",
    ]


def _speed(track: AudioTrack, *, sample_rate: int) -> list[str]:
    if track.rate == 1:
        return []
    if not track.preserves_pitch:
        played = round(sample_rate * track.rate)
        return [f"asetrate={played}", f"aresample={sample_rate}", "asetpts=N/SR/TB"]
    slowest, fastest = TEMPO_RANGE
    factors, left = [], track.rate
    while not slowest <= left <= fastest:
        step = fastest if left > fastest else slowest
        factors.append(step)
        left /= step
    return [f"atempo={factor:.9g}" for factor in (*factors, left)] + ["asetpts=N/SR/TB"]


def _fades(clip: _Clip, *, sample_rate: int) -> list[str]:
    filters = []
    fade_in = round(clip.track.fade_in * sample_rate)
    fade_out = round(clip.track.fade_out * sample_rate)
    if fade_in > 0:
        filters.append(f"afade=t=in:ss=0:ns={fade_in}")
    if fade_out > 0:
        start = max(0, clip.known_length - fade_out)
        filters.append(f"afade=t=out:ss={start}:ns={min(fade_out, clip.known_length)}")
    return filters


@dataclass(frozen=True)
class _Piece:
    """A line of a clip's volume: first sample, value there, and change per sample."""

    start: int
    value: float
    slope: float = 0.0


def _volume_pieces(clip: _Clip, *, sample_rate: int) -> list[_Piece]:
    """Return a clip's volume as lines, the first of which begins at or before its first sample."""
    track = clip.track
    pieces = [_Piece(0, track.volume)]
    points = [
        (round(seconds * sample_rate) - clip.start, volume, ramped)
        for seconds, volume, ramped in sorted(track.volume_points, key=lambda point: point[0])
    ]
    before: tuple[int, float] | None = None
    for position, volume, ramped in _without_straight_points(points):
        if ramped and before is not None and position > before[0]:
            start, value = before
            _put(pieces, _Piece(start, value, (volume - value) / (position - start)))
        _put(pieces, _Piece(position, volume))
        before = (position, volume)
    return _from_the_start(pieces)


def _put(pieces: list[_Piece], piece: _Piece) -> None:
    while pieces and pieces[-1].start >= piece.start:
        pieces.pop()
    pieces.append(piece)


def _from_the_start(pieces: list[_Piece]) -> list[_Piece]:
    """Return the lines without those that end before the clip begins."""
    first = max((n for n, piece in enumerate(pieces) if piece.start <= 0), default=0)
    return pieces[first:]


_Point = tuple[int, float, bool]


def _without_straight_points(points: Sequence[_Point]) -> list[_Point]:
    """Return the points without those of ramps that are, within `VOLUME_TOLERANCE`, on a line.

    A tween that is sampled at each frame becomes a few lines.
    """
    kept: list[_Point] = []
    lowest, highest = float("-inf"), float("inf")
    for number, (position, volume, ramped) in enumerate(points):
        last = number + 1 == len(points) or not points[number + 1][2]
        if kept and ramped and position > kept[-1][0]:
            anchor = kept[-1]
            length = position - anchor[0]
            slope = (volume - anchor[1]) / length
            if not lowest <= slope <= highest:
                anchor = points[number - 1]
                kept.append(anchor)
                lowest, highest = float("-inf"), float("inf")
                length = position - anchor[0]
                slope = (volume - anchor[1]) / length
            lowest = max(lowest, slope - VOLUME_TOLERANCE / length)
            highest = min(highest, slope + VOLUME_TOLERANCE / length)
            if not last:
                continue
        kept.append((position, volume, ramped))
        lowest, highest = float("-inf"), float("inf")
    return kept


def _volume_steps(pieces: Sequence[_Piece], *, sample_rate: int) -> list[str]:
    """Return the filters for a volume without ramps."""
    steps = [(max(0, piece.start), piece.value) for piece in pieces]
    if len(steps) == 1:
        return [] if steps[0][1] == 1 else [f"volume={steps[0][1]:.9g}:precision=float"]
    # The filter applies one volume per block of samples, so blocks have to end at steps.
    block = reduce(gcd, (position for position, _ in steps))
    block = next(n for n in range(min(block, sample_rate), 0, -1) if block % n == 0)
    # Half a sample early, as times are floating-point numbers.
    bounds = [f"t,{(position - 0.5) / sample_rate:.9f}" for position, _ in steps]
    expression = _tree([f"{value:.9g}" for _, value in steps], bounds)
    return [
        f"asetnsamples=n={max(block, MIN_VOLUME_BLOCK)}:p=0",
        f"volume=volume='{expression}':eval=frame:precision=float",
    ]


def _lines_expression(pieces: Sequence[_Piece]) -> str:
    """Return ffmpeg's expression, in samples `n`, for a volume of lines."""
    lines = [
        f"{piece.value:.9g}+{piece.slope:.12g}*(n-({piece.start}))"
        if piece.slope
        else f"{piece.value:.9g}"
        for piece in pieces
    ]
    return _tree(lines, [f"n,{piece.start}" for piece in pieces])


def _tree(values: Sequence[str], bounds: Sequence[str]) -> str:
    """Return ffmpeg's expression for values from bounds on, as a binary search."""
    if len(values) == 1:
        return values[0]
    middle = len(values) // 2
    lower = _tree(values[:middle], bounds[:middle])
    upper = _tree(values[middle:], bounds[middle:])
    return f"if(lt({bounds[middle]}),{lower},{upper})"
