"""Answers a page's requests for pictures of videos, by address and time."""

import json
import math
from asyncio import StreamWriter
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from helios.errors import HeliosError, MediaUnsupported
from helios.network.http_server import Request, send_bytes
from helios.renderer.composition import LOCAL_ORIGIN
from helios.renderer.media.video_pictures import VideoPictures

if TYPE_CHECKING:
    from collections.abc import Callable

    from helios.renderer.recorders.input_recorder import InputRecorder

#: Path of the requests; scripts of dialects have it, too.
VIDEO_FRAME_PATH = "__helios_video_frame__"


class VideoFrameAnswers:
    """Answers `?src=&time=&transparent=` with a picture, or with status 500 and the reason.

    Args:
        locate: Returns the file for a path in the served folder; None if there is none.
        inputs: Records the hosts of videos elsewhere.
    """

    def __init__(
        self,
        pictures: VideoPictures,
        locate: "Callable[[str], Path | None]",
        inputs: "InputRecorder | None" = None,
    ) -> None:
        self._pictures = pictures
        self._locate = locate
        self._inputs = inputs

    async def answer(self, request: Request, writer: StreamWriter) -> None:
        """Answer one request."""
        query = {name: values[-1] for name, values in parse_qs(request.query).items()}
        transparent = query.get("transparent") == "true"
        try:
            data = await self._pictures.picture(
                self._source(query.get("src", "")),
                _seconds(query.get("time", "")),
                transparent=transparent,
            )
        except (HeliosError, OSError) as fault:
            body = json.dumps({"error": _reason(fault)}).encode()
            await send_bytes(request, writer, 500, body, "application/json")
            return
        kind = "image/png" if transparent else "image/bmp"
        await send_bytes(request, writer, 200, data, kind)

    def _source(self, address: str) -> Path | str:
        parts = urlsplit(address)
        if f"{parts.scheme}://{parts.netloc}" == LOCAL_ORIGIN:
            path = self._locate(unquote(parts.path).removeprefix("/"))
            if path is None:
                raise MediaUnsupported(f"{unquote(parts.path)}: no such file")
            return path
        if parts.scheme not in ("http", "https"):
            raise MediaUnsupported(f"{address}: its pictures can't be read")
        if self._inputs is not None and parts.hostname:
            self._inputs.hosts.add(parts.hostname)
        return address


def _reason(fault: HeliosError | OSError) -> str:
    if not isinstance(fault, HeliosError):
        return str(fault)
    return fault.message + (f" ({'; '.join(fault.details)})" if fault.details else "")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise MediaUnsupported(f"time {text!r}: must be a number of seconds")
    return seconds
