"""Converts videos that the browser can't play, with a cache by content."""

import asyncio
import contextlib
import fcntl
import json
import os
import re
import shlex
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

from helios.errors import MediaUnsupported
from helios.media.ffmpeg import file_url, run_ffmpeg, run_ffprobe
from helios.process.scratch_folder import CACHE_VARIABLE
from helios.records.input_manifest import file_digest
from helios.renderer.media.frame_times import read_frame_times

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
#: Shortest duration, in seconds, of a frame that can be sought.
_MIN_REACH = 1e-3

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
    if _plays(report["format"], stream) and not await _has_unreachable_frames(path, stream):
        return path
    return await _convert(path, stream)


def _plays(container: Mapping[str, Any], stream: Mapping[str, Any]) -> bool:
    names = container.get("format_name", "").split(",")
    return stream.get("codec_name") in _CODECS and any(name in names for name in _CONTAINERS)


async def _has_unreachable_frames(path: Path, stream: Mapping[str, Any]) -> bool:
    """Return whether the browser can't seek to some frame.

    It assumes that a frame lasts until the next one is decoded. With frames of different durations
    in another order than shown, some frames hide others.
    """
    if not stream.get("has_b_frames") or stream.get("codec_name") != "h264":
        return False
    listing = await run_ffprobe(
        [
            *(*_FIRST_VIDEO, "-of", "csv=p=0"),
            *("-show_entries", "packet=pts_time,dts_time,flags", file_url(path)),
        ],
        error=MediaUnsupported,
        message=f"{path}: its frames can't be listed",
    )
    rows = [row.split(",") for row in listing.decode().splitlines()]
    return has_unreachable_frames(
        [
            (float(pts), float(dts), flags.startswith("K"))
            for pts, dts, flags, *_ in rows
            if "N/A" not in (pts, dts)
        ]
    )


def has_unreachable_frames(packets: Sequence[tuple[float, float, bool]]) -> bool:
    """Return whether some frame can't be sought.

    Each packet, in decoding order, has a presentation and a decoding time in seconds, and whether
    it is a keyframe.
    """
    ends = [
        (pts, pts + following - dts, key)
        for (pts, dts, key), (_, following, _) in pairwise(packets)
    ]
    ends += [(pts, pts, key) for pts, _, key in packets[-1:]]
    shown = sorted(ends)
    hidden_until = 0.0
    for (pts, end, key), (next_pts, _, _) in pairwise([*shown, (float("inf"), 0.0, False)]):
        if key:
            hidden_until = pts
        if hidden_until + _MIN_REACH > max(end, next_pts):
            return True
        hidden_until = max(hidden_until, end)
    return False


async def _convert(path: Path, stream: Mapping[str, Any]) -> Path:
    alpha = bool(re.search(r"yuva|rgba|bgra|argb|abgr|gbrap|ya8|pal8", stream.get("pix_fmt", "")))
    digest = await asyncio.to_thread(file_digest, path)
    folder = _cache_folder()
    converted = folder / f"{digest}{'.webm' if alpha else '.mp4'}"
    lock = await asyncio.to_thread(_lock, folder / f"{digest}.lock")
    try:
        if converted.exists():
            os.utime(converted)
            return converted
        _delete_unused(folder)
        part = converted.with_name(f"part-{converted.name}")
        command = conversion_command(file_url(path), file_url(part), alpha=alpha)
        try:
            await run_ffmpeg(["-y", *command], error=MediaUnsupported, message="not converted")
            if not (await read_frame_times(part)).stamps:
                raise MediaUnsupported("no frame can be decoded")
        except MediaUnsupported as failure:
            tried = shlex.join(["ffmpeg", *conversion_command(path, "converted.mp4")])
            raise MediaUnsupported(
                f"{path.name}: the browser can't play {stream.get('codec_name', 'its codec')},"
                " and it can't be converted",
                hint=f"Give it as H.264 in MP4. This failed: {tried}",
                details=failure.details,
            ) from failure
        part.replace(converted)
    finally:
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
