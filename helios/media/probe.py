"""Reads streams, frames and frame times of a media file by ffprobe."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from helios.errors import ChunkOutputInvalid, HeliosError
from helios.media.ffmpeg import file_url, rendered_input, run_ffprobe


@dataclass(frozen=True)
class ColorTags:
    """Colour properties of a video; `unknown` if the file doesn't record them."""

    range: str = "unknown"
    space: str = "unknown"
    transfer: str = "unknown"
    primaries: str = "unknown"


@dataclass(frozen=True)
class VideoInfo:
    """A video stream.

    Args:
        frame_rate: Frames per second.
        duration: Seconds, by the stream's own clock.
        frames: Number of packets, one per frame.
        pts: Presentation times in units of `time_base`, in presentation order.
        keyframes: Positions of the keyframes, in decoding order.
        extradata_hash: Digest of the decoder configuration (such as SPS and PPS), if the file has
            one.
    """

    codec: str
    profile: str
    width: int
    height: int
    pix_fmt: str
    frame_rate: Fraction
    duration: Fraction
    time_base: Fraction
    frames: int
    pts: tuple[int, ...]
    keyframes: tuple[int, ...]
    color: ColorTags
    extradata_hash: str | None


@dataclass(frozen=True)
class AudioInfo:
    """An audio stream; `duration` in seconds, `samples` per channel."""

    codec: str
    sample_rate: int
    channels: int
    duration: Fraction
    samples: int


@dataclass(frozen=True)
class MediaInfo:
    """A media file; `duration` in seconds. Missing streams are None."""

    path: Path | str
    container: str
    duration: Fraction
    video: VideoInfo | None
    audio: AudioInfo | None


async def probe(
    path: Path | str,
    *,
    error: type[HeliosError] = ChunkOutputInvalid,
    packets: bool = True,
    rendered: bool = False,
) -> MediaInfo:
    """Read the streams of a media file.

    Args:
        path: The file, or an http(s) URL.
        error: Class of the error if the file can't be read.
        packets: Whether to read all packets. Otherwise only the head of the file is read, and
            `frames`, `pts` and `keyframes` are empty.
        rendered: Whether a render made the file, which may be a playlist then.
    """
    wanted = ["-show_format", "-show_streams", "-show_data_hash", "sha256"]
    if packets:
        wanted += ["-show_packets", "-show_entries", "packet=stream_index,pts,flags"]
    report = await run_ffprobe(
        ["-of", "json", *wanted, *(rendered_input(path) if rendered else [file_url(path)])],
        error=error,
        message=f"{path} is missing or not a media file",
    )
    return _media_info(path, json.loads(report))


def _media_info(path: Path | str, report: Mapping[str, Any]) -> MediaInfo:
    streams = report.get("streams", [])
    container = report.get("format", {})
    return MediaInfo(
        path=path,
        container=str(container.get("format_name", "")),
        duration=_fraction(container.get("duration")),
        video=next(
            (
                _video_info(stream, report.get("packets", []))
                for stream in streams
                if stream.get("codec_type") == "video"
                and not stream.get("disposition", {}).get("attached_pic")
            ),
            None,
        ),
        audio=next(
            (_audio_info(stream) for stream in streams if stream.get("codec_type") == "audio"),
            None,
        ),
    )


def _video_info(stream: Mapping[str, Any], packets: Sequence[Mapping[str, Any]]) -> VideoInfo:
    own = [packet for packet in packets if packet["stream_index"] == stream["index"]]
    return VideoInfo(
        codec=stream.get("codec_name", "unknown"),
        profile=stream.get("profile", "unknown"),
        width=stream.get("width", 0),
        height=stream.get("height", 0),
        pix_fmt=stream.get("pix_fmt", "unknown"),
        frame_rate=_fraction(stream.get("r_frame_rate")),
        duration=_stream_duration(stream),
        time_base=_fraction(stream.get("time_base")),
        frames=len(own),
        pts=tuple(sorted(packet["pts"] for packet in own if "pts" in packet)),
        keyframes=tuple(n for n, packet in enumerate(own) if packet["flags"].startswith("K")),
        color=ColorTags(
            range=stream.get("color_range", "unknown"),
            space=stream.get("color_space", "unknown"),
            transfer=stream.get("color_transfer", "unknown"),
            primaries=stream.get("color_primaries", "unknown"),
        ),
        extradata_hash=stream.get("extradata_hash"),
    )


def _audio_info(stream: Mapping[str, Any]) -> AudioInfo:
    sample_rate = int(stream.get("sample_rate", 0))
    duration = _stream_duration(stream)
    return AudioInfo(
        codec=stream.get("codec_name", "unknown"),
        sample_rate=sample_rate,
        channels=stream.get("channels", 0),
        duration=duration,
        samples=round(duration * sample_rate),
    )


def _stream_duration(stream: Mapping[str, Any]) -> Fraction:
    if "duration_ts" in stream:
        return int(stream["duration_ts"]) * _fraction(stream["time_base"])
    return _fraction(stream.get("duration"))


def _fraction(value: object) -> Fraction:
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        return Fraction(0)
