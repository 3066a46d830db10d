"""What ffprobe reports of a video file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from helios.errors import MediaUnsupported
from helios.media.ffmpeg import file_url, run_ffprobe
from helios.renderer.media.file_state import OncePerFile


class Description(NamedTuple):
    """A file's container and its first video stream, as ffprobe reports them."""

    container: Mapping[str, Any]
    stream: Mapping[str, Any]


async def _describe(path: Path) -> Description | None:
    words = ["-of", "json", "-show_format", "-show_streams", "-select_streams", "V:0"]
    try:
        report = json.loads(await run_ffprobe([*words, file_url(path)], error=MediaUnsupported))
    except MediaUnsupported:
        return None
    streams = report.get("streams")
    return Description(report["format"], streams[0]) if streams else None


#: Describes a file in its present state; None if it has no video or is no media file.
describe = OncePerFile(_describe)
