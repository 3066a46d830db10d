"""Looks at a finished video for what can't be meant: one colour, or one picture, throughout."""

import asyncio
import contextlib
import math
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator
from operator import sub
from pathlib import Path

from helios.contract.messages.render_warning import RenderWarning
from helios.media.ffmpeg import end_process, file_url

#: Size at which pictures are compared, and the grey levels by which the codec may change them.
_WIDTH, _HEIGHT = 160, 90
_NOISE = 6
#: Pictures of a video that are looked at, at most.
_MOST_PICTURES = 300


async def picture_warnings(video: Path, frames: int, *, moves: bool) -> list[RenderWarning]:
    """Return warnings about the picture of a video; none if it can't be read.

    It is read until its picture changes, which in most is at once. `moves` says whether anything in
    the composition moves.
    """
    first = None
    pictures = _pictures(video, math.ceil(frames / _MOST_PICTURES))
    async with contextlib.aclosing(pictures):
        async for picture in pictures:
            first = first or picture
            if picture != first and max(map(abs, map(sub, picture, first))) > _NOISE:
                return []
    if first is None:
        return []
    if max(first) - min(first) <= _NOISE:
        hint = "Look at the page's console with --verbose, and at how long it is."
        return [RenderWarning("PICTURE_BLANK", f"{video}: shows one colour and nothing else", hint)]
    if moves and frames > 1:
        hint = "If the page moves in a browser, it may wait for a click, or go by a real clock."
        return [RenderWarning("PICTURE_STILL", f"{video}: shows the same picture throughout", hint)]
    return []


async def _pictures(video: Path, every: int) -> AsyncGenerator[bytes, None]:
    """Read every so many pictures, small and grey."""
    process = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-nostdin", "-loglevel", "quiet", "-i", file_url(video), "-map", "0:v:0"),
        *("-vf", f"select=not(mod(n\\,{every})),scale={_WIDTH}:{_HEIGHT}:flags=area,format=gray"),
        *("-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        while process.stdout is not None:
            yield await process.stdout.readexactly(_WIDTH * _HEIGHT)
    except asyncio.IncompleteReadError:
        return
    finally:
        await end_process(process)
