"""ffmpeg's filter graph that mixes tracks."""

from collections.abc import Sequence
from dataclasses import dataclass

from helios.errors import OptionInvalid
from helios.media.audio_track import AudioTrack
from helios.media.volume_envelope import lines_expression, volume_pieces, volume_steps

#: Range of factors in which ffmpeg's atempo sounds good; for others, several are chained.
TEMPO_RANGE = (0.5, 2.0)
#: Largest playback rate.
_MAX_RATE = 16.0


@dataclass(frozen=True)
class Clip:
    """A track in samples: start on the timeline, samples to skip, and largest length.

    `known_length` is the track's own length, for fading out, independent of the timeline's end.
    """

    track: AudioTrack
    start: int
    skip: int
    length: int
    known_length: int

    @classmethod
    def of(cls, track: AudioTrack, *, seconds: float, sample_rate: int, timeline: int) -> "Clip":
        """Return the clip of a track whose source lasts `seconds`, on a timeline in samples."""
        if not 0 < track.rate <= _MAX_RATE:
            raise OptionInvalid(f"rate: {track.source} can't play at {track.rate} times its speed")
        if not 0 < track.pitch <= _MAX_RATE:
            raise OptionInvalid(
                f"pitch: {track.source} can't play at {track.pitch} times its pitch"
            )
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


def mix_graph(clips: Sequence[Clip], *, first: int, end: int, sample_rate: int) -> str:
    """Return the filter graph that mixes clips and cuts the samples from `first` to `end`."""
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


def _chain(clip: Clip, number: int, *, sample_rate: int) -> list[str]:
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
    pieces = volume_pieces(track, start=clip.start, sample_rate=sample_rate)
    if all(piece.slope == 0 for piece in pieces):
        filters += volume_steps(pieces, sample_rate=sample_rate)
        return [f"[{number}:a:0]{','.join(filters + ending)}[t{number}]"]
    envelope = [
        f"aevalsrc='{lines_expression(pieces)}':s={sample_rate}",
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
    played = track.pitch * (1 if track.preserves_pitch else track.rate)
    filters = []
    if played != 1:
        rate = round(sample_rate * played)
        filters = [f"asetrate={rate}", f"aresample={sample_rate}", "asetpts=N/SR/TB"]
    if track.rate == played:
        return filters
    slowest, fastest = TEMPO_RANGE
    factors, left = [], track.rate / played
    while not slowest <= left <= fastest:
        step = fastest if left > fastest else slowest
        factors.append(step)
        left /= step
    tempo = [f"atempo={factor:.9g}" for factor in (*factors, left)]
    return [*filters, *tempo, "asetpts=N/SR/TB"]


def _fades(clip: Clip, *, sample_rate: int) -> list[str]:
    filters = []
    fade_in = round(clip.track.fade_in * sample_rate)
    fade_out = round(clip.track.fade_out * sample_rate)
    if fade_in > 0:
        filters.append(f"afade=t=in:ss=0:ns={fade_in}")
    if fade_out > 0:
        start = max(0, clip.known_length - fade_out)
        filters.append(f"afade=t=out:ss={start}:ns={min(fade_out, clip.known_length)}")
    return filters
