"""Converts videos that the browser can't play."""

import asyncio
import functools
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from helios.errors import MediaUnsupported
from helios.renderer.media.conversion_cache import cached
from helios.renderer.media.description import Description, describe
from helios.renderer.media.file_state import OncePerFile
from helios.renderer.media.frame_times import file_frame_times
from helios.renderer.media.packets import has_unreachable_frames
from helios.renderer.media.seekable_video import SeekableCopies

#: ffmpeg's names of containers and codecs that the browser plays.
_CONTAINERS = ("mp4", "webm")
_CODECS = ("h264", "vp8", "vp9", "av1")
#: Endings of video files.
VIDEO_SUFFIXES = frozenset(
    (
        *(".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4"),
        *(".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".webm", ".wmv"),
    )
)
_TEXT_SUFFIXES = (".cjs", ".css", ".htm", ".html", ".js", ".json", ".mjs", ".svg", ".xhtml")
#: Largest text file, in bytes, that is searched for names of videos.
_MAX_TEXT_BYTES = 4 << 20


async def playable(path: Path) -> Path:
    """Return the file to play for a video: the file itself, or its conversion.

    A conversion has the same frames at the same times. It is cached in a temporary folder by the
    digest of the original. Raises `MediaUnsupported` if the video can't be converted.
    """
    return await _playable(path)


async def convert_mentioned(root: Path, *, frames: int = 0, allow_failure: bool = False) -> None:
    """Convert the videos of a composition that are named in its pages and scripts.

    Videos that are played as they are, and in which seeking is slow, are copied for it.

    Args:
        frames: Number of frames that are drawn of the composition.
        allow_failure: Whether a video that can't be converted is left as it is.

    Raises:
        MediaUnsupported: A video can't be converted.
    """
    copies = SeekableCopies(frames)
    at_once = asyncio.Semaphore(os.cpu_count() or 1)

    async def convert(path: Path) -> None:
        async with at_once:
            if await playable(path) == path:
                await copies.add(path)

    videos = await asyncio.to_thread(_mentioned_videos, root)
    for failure in await asyncio.gather(*map(convert, videos), return_exceptions=True):
        if isinstance(failure, MediaUnsupported) and allow_failure:
            continue
        if isinstance(failure, BaseException):
            raise failure


def conversion_command(path: Path | str, output: str, *, alpha: bool = False) -> list[str]:
    """Return ffmpeg's arguments to convert a video to a format that the browser plays."""
    if alpha:
        video = ["-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-auto-alt-ref", "0"]
        video += ["-crf", "8", "-b:v", "0", "-deadline", "realtime", "-cpu-used", "6", "-g", "15"]
        sound = ["-c:a", "libopus"]
    else:
        # Without B-frames each frame lasts until the next one, so that all can be sought.
        video = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "6", "-pix_fmt", "yuv420p"]
        video += ["-bf", "0", "-g", "15"]
        sound = ["-c:a", "aac"]
    streams = ["-map", "0:V:0", "-map", "0:a:0?", "-map_metadata", "-1"]
    times = ["-fps_mode", "passthrough", "-enc_time_base", "-1"]
    # Chroma subsampling requires even sides.
    size = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]
    return ["-i", str(path), *streams, *times, *size, *video, *sound, output]


async def _find_playable(path: Path) -> Path:
    found = await describe(path)
    if found is None:
        return path  # the browser reports it
    if not _plays(found):
        return await _convert(path, found.stream)
    if _may_hide_frames(found.stream):
        packets = (await file_frame_times(path)).packets
        if has_unreachable_frames(packets):
            return await _convert(path, found.stream)
    return path


_playable = OncePerFile(_find_playable)


def _plays(found: Description) -> bool:
    names = found.container.get("format_name", "").split(",")
    return found.stream.get("codec_name") in _CODECS and any(one in names for one in _CONTAINERS)


def _may_hide_frames(stream: Mapping[str, Any]) -> bool:
    return bool(stream.get("has_b_frames")) and stream.get("codec_name") == "h264"


async def _convert(path: Path, stream: Mapping[str, Any]) -> Path:
    alpha = bool(re.search(r"yuva|rgba|bgra|argb|abgr|gbrap|ya8|pal8", stream.get("pix_fmt", "")))
    command = functools.partial(conversion_command, alpha=alpha)
    try:
        return await cached(path, "webm" if alpha else "mp4", command)
    except MediaUnsupported as failure:
        tried = shlex.join(["ffmpeg", *conversion_command(path, "converted.mp4")])
        raise MediaUnsupported(
            f"{path.name}: the browser can't play {stream.get('codec_name', 'its codec')},"
            " and it can't be converted",
            hint=f"Give it as H.264 in MP4. This failed: {tried}",
            details=failure.details,
        ) from failure


def _mentioned_videos(root: Path) -> list[Path]:
    videos = [path for path in _files(root) if path.suffix.lower() in VIDEO_SUFFIXES]
    if not videos:
        return []
    text = "".join(
        path.read_text(errors="replace")
        for path in _files(root)
        if path.suffix.lower() in _TEXT_SUFFIXES and path.stat().st_size <= _MAX_TEXT_BYTES
    )
    return sorted(path for path in videos if path.name in text or quote(path.name) in text)


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != "node_modules" and name[0] != "."]
        for name in names:
            path = Path(folder, name)
            if path.is_file():
                yield path
