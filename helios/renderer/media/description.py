"""What ffprobe reports of a video file, read once for each state of the file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from helios.errors import MediaUnsupported
from helios.media.ffmpeg import file_url, run_ffprobe

FileState = tuple[Path, int, int]
"""Path, size and time of a file, which tell its content without reading it."""


class Description(NamedTuple):
    """A file's container and its first video stream, as ffprobe reports them."""

    container: Mapping[str, Any]
    stream: Mapping[str, Any]


_known: dict[FileState, Description | None] = {}


def file_state(path: Path) -> FileState:
    """Return the state of a file.

    Raises:
        OSError: There is no such file.
    """
    found = path.stat()
    return path, found.st_size, found.st_mtime_ns


async def describe(path: Path, state: FileState) -> Description | None:
    """Describe a file in its present state; None if it has no video or is no media file."""
    if state not in _known:
        _known[state] = await _describe(path)
    return _known[state]


async def _describe(path: Path) -> Description | None:
    words = ["-of", "json", "-show_format", "-show_streams", "-select_streams", "V:0"]
    try:
        report = json.loads(await run_ffprobe([*words, file_url(path)], error=MediaUnsupported))
    except MediaUnsupported:
        return None
    streams = report.get("streams")
    return Description(report["format"], streams[0]) if streams else None
