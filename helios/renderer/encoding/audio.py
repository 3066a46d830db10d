"""Audio codecs of the output, and joining audio with encoded video."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from helios.errors import AudioFailed, OptionInvalid
from helios.media.audio_mix import mix_audio
from helios.media.audio_track import AudioTrack
from helios.media.ffmpeg import file_url, require_encoder, run_ffmpeg
from helios.renderer.encoding.codecs import MUXERS

#: Default audio encoder for each file name ending.
_DEFAULT_CODECS = {".mp4": "aac", ".m4v": "aac", ".mov": "aac", ".mkv": "aac", ".webm": "libopus"}
#: Audio codecs that WebM allows; other containers hold all of ffmpeg's.
_WEBM_CODECS = frozenset({"libopus", "opus", "libvorbis", "vorbis"})


def check_audio_codec(codec: str, suffix: str) -> None:
    """Check that an audio encoder is installed and that the container can hold its output."""
    require_encoder(codec)
    if suffix.lower() == ".webm" and codec not in _WEBM_CODECS:
        raise OptionInvalid(
            f"audio codec {codec!r}: doesn't go into .webm", hint="Use libopus or libvorbis."
        )


async def write_audio(
    tracks: Sequence[AudioTrack],
    *,
    video: Path,
    output: Path,
    suffix: str,
    codec: str | None,
    frames: range,
    rate: Fraction,
) -> bool:
    """Join a silent video with its part of the audio mix; return whether the output has audio.

    Raises `AudioFailed` if a source can't be read.

    Args:
        suffix: File name ending, which selects the container.
        codec: ffmpeg's encoder, "" for the container's default, None for no audio. With an explicit
            encoder the output has an audio stream even if it is silent, so that all chunks of a job
            have the same streams.
        frames: The video's frames on the timeline; their samples are cut from the whole mix.
        rate: Frames per second.
    """
    chosen = codec or _DEFAULT_CODECS.get(suffix.lower())
    if codec is None or chosen is None or (codec == "" and not tracks):
        video.replace(output)  # noqa: ASYNC240 - a rename
        return False
    mixed = output.with_name("audio.mka" if suffix.lower() in (".mkv", ".webm") else "audio.mov")
    await mix_audio(
        tracks,
        frame_count=len(frames),
        rate=rate,
        output=mixed,
        codec=chosen,
        start_frame=frames.start,
    )
    await run_ffmpeg(
        [
            *("-y", "-i", file_url(video), "-i", file_url(mixed), "-map", "0:v", "-map", "1:a"),
            *("-c", "copy", "-map_metadata", "-1", "-fflags", "+bitexact"),
            *("-movflags", "+faststart", "-f", MUXERS[suffix.lower()], file_url(output)),
        ],
        error=AudioFailed,
        message="the audio can't be joined with the video",
    )
    return True
