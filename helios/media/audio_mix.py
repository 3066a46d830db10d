"""Mixes a composition's audio over the whole timeline, exact to the sample."""

import asyncio
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from helios.concurrency import map_limited
from helios.contract.frame_rate import samples_before
from helios.errors import AudioFailed
from helios.media.audio_graph import Clip, mix_graph
from helios.media.audio_track import AudioTrack
from helios.media.ffmpeg import file_url, require_encoder, run_ffmpeg
from helios.media.probe import probe

#: Sources probed at the same time.
PROBES = 4

_LOSSLESS = frozenset({"pcm_s16le", "pcm_s24le", "pcm_f32le", "flac", "alac"})


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

    Raises `AudioFailed` if a source can't be read, or mixing failed, and `OptionInvalid` if a track
    has an unsupported playback rate.

    Args:
        tracks: The tracks. A source without audio (a silent video) is silent.
        frame_count, start_frame: Range of frames.
        rate: Frames per second.
        output: File to write; its ending selects the container.
        codec: ffmpeg encoder.
        bitrate: Bits per second of lossy codecs, in ffmpeg's notation.
        sample_rate: Samples per second.
    """
    first = samples_before(start_frame, rate, sample_rate)
    end = samples_before(start_frame + frame_count, rate, sample_rate)
    require_encoder(codec)
    seconds = await source_seconds(tracks)
    audible = [
        Clip.of(track, seconds=length, sample_rate=sample_rate, timeline=end)
        for track, length in zip(tracks, seconds, strict=True)
        if length is not None
    ]
    audible = [clip for clip in audible if clip.length > 0 and clip.start < end]
    graph = mix_graph(audible, first=first, end=end, sample_rate=sample_rate)
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


async def source_seconds(tracks: Sequence[AudioTrack]) -> list[float | None]:
    """Return the duration of each track's source in seconds; None without audio."""

    async def seconds(source: Path | str) -> float | None:
        info = await probe(source, error=AudioFailed, packets=False)
        return None if info.audio is None else float(info.audio.duration or info.duration)

    sources = list({track.source for track in tracks})
    found = await map_limited(seconds, sources, limit=PROBES)
    lengths = dict(zip(sources, found, strict=True))
    return [lengths[track.source] for track in tracks]
