"""Converts videos that the browser can't play, or is slow to seek in, with a cache by content."""

import asyncio
import contextlib
import fcntl
import functools
import json
import os
import re
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from helios.errors import MediaUnsupported
from helios.media.ffmpeg import file_url, run_ffmpeg, run_ffprobe
from helios.process.scratch_folder import CACHE_VARIABLE
from helios.records.input_manifest import file_digest
from helios.renderer.media.frame_times import read_frame_times
from helios.renderer.media.packets import Packet, has_unreachable_frames, read_packets
from helios.renderer.media.seekable_video import is_slow_to_seek, needed_space, seekable_command

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
#: Seconds after its last use at which a conversion may be deleted.
_KEPT_SECONDS = 86_400.0
_FIRST_VIDEO = ("-select_streams", "V:0")

_State = tuple[Path, int, int]
_playable: dict[_State, Path] = {}


async def playable(path: Path) -> Path:
    """Return the file to play for a video: the file itself, or its conversion.

    A conversion has the same frames at the same times. It is cached in a temporary folder by the
    digest of the original. Raises `MediaUnsupported` if the video can't be converted.
    """
    found = await asyncio.to_thread(path.stat)
    state = (path, found.st_size, found.st_mtime_ns)
    if state not in _playable:
        _playable[state] = await _find_playable(path)
    return _playable[state]


async def convert_mentioned(root: Path, *, allow_failure: bool = False) -> None:
    """Convert the videos of a composition that are named in its pages and scripts.

    Raises `MediaUnsupported` if a video can't be converted, unless failures are allowed.
    """
    at_once = asyncio.Semaphore(os.cpu_count() or 1)

    async def convert(path: Path) -> None:
        async with at_once:
            await playable(path)

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
    try:
        report = json.loads(
            await run_ffprobe(
                ["-of", "json", "-show_format", "-show_streams", *_FIRST_VIDEO, file_url(path)],
                error=MediaUnsupported,
            )
        )
    except MediaUnsupported:
        return path  # not a media file: the browser reports it
    if not report.get("streams"):
        return path
    stream = report["streams"][0]
    if not _plays(report["format"], stream):
        return await _convert(path, stream)
    packets = await read_packets(path)
    if _may_hide_frames(stream) and has_unreachable_frames(packets):
        return await _convert(path, stream)
    return await _make_seekable(path, stream, packets)


def _plays(container: Mapping[str, Any], stream: Mapping[str, Any]) -> bool:
    names = container.get("format_name", "").split(",")
    return stream.get("codec_name") in _CODECS and any(name in names for name in _CONTAINERS)


def _may_hide_frames(stream: Mapping[str, Any]) -> bool:
    return bool(stream.get("has_b_frames")) and stream.get("codec_name") == "h264"


async def _convert(path: Path, stream: Mapping[str, Any]) -> Path:
    alpha = bool(re.search(r"yuva|rgba|bgra|argb|abgr|gbrap|ya8|pal8", stream.get("pix_fmt", "")))
    command = functools.partial(conversion_command, alpha=alpha)
    try:
        return await _cached(path, "webm" if alpha else "mp4", command)
    except MediaUnsupported as failure:
        tried = shlex.join(["ffmpeg", *conversion_command(path, "converted.mp4")])
        raise MediaUnsupported(
            f"{path.name}: the browser can't play {stream.get('codec_name', 'its codec')},"
            " and it can't be converted",
            hint=f"Give it as H.264 in MP4. This failed: {tried}",
            details=failure.details,
        ) from failure


async def _make_seekable(path: Path, stream: Mapping[str, Any], packets: Sequence[Packet]) -> Path:
    """Return a copy in which seeking is fast; the file itself if it is so, or can't be copied."""
    if not is_slow_to_seek(stream, packets):
        return path
    free = shutil.disk_usage(_cache_folder()).free
    if free < needed_space(stream, packets):
        return path
    try:
        return await _cached(path, "seekable.mp4", seekable_command)
    except MediaUnsupported:
        return path


async def _cached(path: Path, ending: str, command: Callable[[str, str], list[str]]) -> Path:
    """Return the conversion of a file by ffmpeg, which is made if it isn't in the cache.

    Args:
        command: Returns ffmpeg's arguments for URLs of input and output.
    """
    digest = await asyncio.to_thread(file_digest, path)
    folder = _cache_folder()
    converted = folder / f"{digest}.{ending}"
    lock = await asyncio.to_thread(_lock, folder / f"{digest}.lock")
    part = converted.with_name(f"part-{converted.name}")
    try:
        if converted.exists():
            os.utime(converted)
            return converted
        _delete_unused(folder)
        words = command(file_url(path), file_url(part))
        await run_ffmpeg(["-y", *words], error=MediaUnsupported, message="not converted")
        if not (await read_frame_times(part)).stamps:
            raise MediaUnsupported("no frame can be decoded")
        part.replace(converted)
    finally:
        part.unlink(missing_ok=True)
        os.close(lock)
    return converted


def _cache_folder() -> Path:
    base = os.environ.get(CACHE_VARIABLE) or tempfile.gettempdir()
    folder = Path(base) / f"helios-media-{os.geteuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise MediaUnsupported(f"{folder}: belongs to another user")
    return folder


def _lock(path: Path) -> int:
    """Return a file descriptor that holds the lock until it is closed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _delete_unused(folder: Path) -> None:
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _KEPT_SECONDS:
                path.unlink()


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
