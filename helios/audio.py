"""Mixing the sound of a composition: once over the whole timeline, exact to the sample."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import gcd
from pathlib import Path

from helios.errors import AudioFailed, OptionInvalid
from helios.ffmpeg import file_url, require_encoder, run_ffmpeg
from helios.frame_rate import samples_before
from helios.media import probe

#: Factors within which ffmpeg's atempo keeps a good sound; beyond, several are chained.
TEMPO_RANGE = (0.5, 2.0)
#: Samples over which a scripted volume is held at least; steps are exact to this.
MIN_VOLUME_BLOCK = 64
#: Sources looked at at once.
PROBES = 4
#: Samples a second beyond which a rate is taken for a mistake.
_MAX_RATE = 16.0

_LOSSLESS = frozenset({"pcm_s16le", "pcm_s24le", "pcm_f32le", "flac", "alac"})


@dataclass(frozen=True)
class AudioTrack:
    """One sound on the timeline.

    Parameters
    ----------
    source:
        File, or http(s) URL.
    start:
        Seconds on the timeline at which the sound starts.
    trim:
        Seconds cut from the source's beginning.
    duration:
        Seconds on the timeline at most; None for as long as the source lasts.
    rate:
        Speed; 2 plays twice as fast.
    volume:
        Factor on the amplitude.
    fade_in, fade_out:
        Seconds of linear fading at the sound's own start and end.
    loop:
        Whether what is left after `trim` repeats until the sound's end.
    preserves_pitch:
        Whether the pitch stays when `rate` isn't 1.
    volume_points:
        (seconds on the timeline, volume): steps that take the place of `volume` from then on.
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
    volume_points: tuple[tuple[float, float], ...] = ()


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
    """Mix tracks into a stereo file that lasts as long as the frames it accompanies.

    The mix is always made from the timeline's beginning and cut at the end, so that any range of
    frames gets the very samples that the whole mix has there.

    Parameters
    ----------
    tracks:
        What sounds. A source without audio (a silent video) counts as silence.
    frame_count, start_frame:
        Range of frames.
    rate:
        Frames a second.
    output:
        File to write; its ending names the container.
    codec:
        ffmpeg encoder.
    bitrate:
        Bits a second of a codec that loses something, in ffmpeg's notation.
    sample_rate:
        Samples a second.

    Raises
    ------
    AudioFailed
        A source can't be read, or mixing failed.
    OptionInvalid
        A track has a speed that can't be played.
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
        # In a file, since many tracks make a graph longer than an argument may be.
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
    """Return how long each track's source lasts; None for one without audio."""
    limit = asyncio.Semaphore(PROBES)

    async def one(source: Path | str) -> float | None:
        async with limit:
            info = await probe(source, error=AudioFailed, packets=False)
        if info.audio is None:
            return None
        return float(info.audio.duration or info.duration)

    sources = list({track.source for track in tracks})
    lengths = dict(zip(sources, await asyncio.gather(*map(one, sources)), strict=True))
    return [lengths[track.source] for track in tracks]


@dataclass(frozen=True)
class _Clip:
    """A track in samples: where it starts on the timeline, and how long it sounds at most.

    `known_length` is its own end for fading out, which the timeline's end doesn't move.
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
        f"[{number}:a:0]{_chain(clip, sample_rate=sample_rate)}[t{number}]"
        for number, clip in enumerate(clips)
    ]
    labels = "".join(f"[t{number}]" for number in range(len(clips)))
    mixed = f"amix=inputs={len(clips)}:duration=longest:normalize=0," if len(clips) > 1 else ""
    return ";\n".join([*lines, f"{labels}{mixed}{ending}"])


def _chain(clip: _Clip, *, sample_rate: int) -> str:
    track = clip.track
    filters = [
        f"aresample={sample_rate}",
        "aformat=sample_fmts=fltp:channel_layouts=stereo",
        "asetpts=N/SR/TB",
    ]
    if clip.skip > 0:
        filters += [f"atrim=start_sample={clip.skip}", "asetpts=N/SR/TB"]
    if track.loop:
        filters += ["aloop=loop=-1:size=2147483647", "asetpts=N/SR/TB"]
    filters += _speed(track, sample_rate=sample_rate)
    filters += [f"atrim=end_sample={clip.length}", "asetpts=N/SR/TB"]
    filters += _volume(clip, sample_rate=sample_rate)
    filters += _fades(clip, sample_rate=sample_rate)
    if clip.start > 0:
        filters += [f"adelay=delays={clip.start}S:all=1", "asetpts=N/SR/TB"]
    return ",".join(filters)


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


def _volume(clip: _Clip, *, sample_rate: int) -> list[str]:
    track = clip.track
    steps = [(0, track.volume)]
    for seconds, volume in sorted(track.volume_points):
        position = max(0, round(seconds * sample_rate) - clip.start)
        if position == steps[-1][0]:
            steps.pop()
        steps.append((position, volume))
    if len(steps) == 1:
        return [] if steps[0][1] == 1 else [f"volume={steps[0][1]:.9g}:precision=float"]
    # The filter holds a volume over each block of samples: blocks that end where steps are.
    block = reduce(gcd, (position for position, _ in steps))
    block = next(n for n in range(min(block, sample_rate), 0, -1) if block % n == 0)
    expression = _steps_expression(steps, sample_rate=sample_rate)
    return [
        f"asetnsamples=n={max(block, MIN_VOLUME_BLOCK)}:p=0",
        f"volume=volume='{expression}':eval=frame:precision=float",
    ]


def _steps_expression(steps: Sequence[tuple[int, float]], *, sample_rate: int) -> str:
    """Return ffmpeg's expression for steps: a balanced tree, quick to walk however many."""
    if len(steps) == 1:
        return f"{steps[0][1]:.9g}"
    middle = len(steps) // 2
    lower = _steps_expression(steps[:middle], sample_rate=sample_rate)
    upper = _steps_expression(steps[middle:], sample_rate=sample_rate)
    # Half a sample early: times are compared as floating-point numbers.
    bound = (steps[middle][0] - 0.5) / sample_rate
    return f"if(lt(t,{bound:.9f}),{lower},{upper})"
