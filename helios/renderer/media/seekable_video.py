"""Copies videos whose keyframes are far apart, without loss, so that seeking in them is fast.

For each frame the browser seeks, and so decodes all frames since the keyframe before it. With
keyframes 250 frames apart, as x264 sets them by default, 150 frames of a video of 1280x720 took
32 s of processor time; of a copy with a keyframe every 4 frames 10 s, and 1 s for the copy. The
browser also decodes a few frames beyond the one it seeks: with a keyframe every 2 frames, decoding
took 8 % less.
"""

import asyncio
import contextlib
import itertools
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from helios.errors import HeliosError
from helios.renderer.media.conversion_cache import cache_folder, cached
from helios.renderer.media.description import describe
from helios.renderer.media.file_state import FileState, file_state
from helios.renderer.media.frame_times import file_frame_times
from helios.renderer.media.packets import Packet

#: Frames from one keyframe of a copy to the next.
KEYFRAME_INTERVAL = 2
#: Mean number of frames between a frame and its keyframe from which a file is copied.
LEAST_DISTANCE = 12.0
#: Processor time of copying a frame, as a multiple of that of decoding it.
COPY_COST = 2.5
#: Pixels of all copies of a render together: 32 s of 1920x1080 at 30 frames a second.
MOST_PIXELS = 2e9
#: Bytes of a pixel of YUV 4:2:0, which a copy without loss doesn't exceed by much.
_PIXEL_BYTES = 1.5
#: Bytes of the disk that are left for the render.
_RESERVE = 512 << 20
#: Part of the available memory that copies may take, as some workers' disks are memory.
_MEMORY_SHARE = 0.25

_copies: dict[FileState, Path] = {}


def seekable(path: Path) -> Path:
    """Return the copy of a video in which seeking is fast; the video itself without one."""
    try:
        return _copies.get(file_state(path), path)
    except OSError:
        return path


class SeekableCopies:
    """Copies videos for one render, which `seekable` returns from then on.

    Args:
        frames: Number of frames that the render draws.
    """

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._pixels_left = MOST_PIXELS
        # One after another: each needs space, and ffmpeg uses all cores.
        self._turn = asyncio.Lock()

    async def add(self, path: Path) -> None:
        """Copy a video if the render gains by it, and there is space. It may stay as it is."""
        # What fails here is only slower.
        with contextlib.suppress(HeliosError, OSError, ValueError):
            async with self._turn:
                await self._add(path)

    async def _add(self, path: Path) -> None:
        if self._frames == 0:
            return
        state = await asyncio.to_thread(file_state, path)
        found = await describe(path)
        if state in _copies or found is None or not _is_plain(found.stream):
            return
        stream = found.stream
        size = int(stream["width"]) * int(stream["height"])
        if int(stream.get("nb_frames", 0)) * size > self._pixels_left:
            return
        times = await file_frame_times(path)
        pixels = len(times.packets) * size
        if not is_slow_to_seek(times.packets, frames=self._frames) or pixels > self._pixels_left:
            return
        if times.stamps[:1] != (0,):
            return
        if not await asyncio.to_thread(_has_space, pixels * _PIXEL_BYTES):
            return
        self._pixels_left -= pixels
        _copies[state] = await cached(path, "seekable.mp4", seekable_command, stamps=times.stamps)


def is_slow_to_seek(packets: Sequence[Packet], *, frames: int) -> bool:
    """Return whether drawing some frames of a video takes longer than copying it.

    Args:
        packets: Packets of the video, in decoding order.
        frames: Number of frames that are drawn.
    """
    distance = mean_distance(packet.is_key for packet in packets)
    return distance >= LEAST_DISTANCE and len(packets) * COPY_COST <= frames * distance


def mean_distance(keys: Iterable[bool]) -> float:
    """Return how many frames lie between a frame and the keyframe before it, on average."""
    lengths = [
        len(list(group))
        for _, group in itertools.groupby(itertools.accumulate(map(int, keys), initial=0))
    ]
    lengths[0] -= 1  # the initial value
    frames = sum(lengths)
    return sum(length * (length - 1) / 2 for length in lengths) / frames if frames else 0.0


def seekable_command(path: str, output: str) -> list[str]:
    """Return ffmpeg's arguments for a copy with the same pixels at the same times."""
    return [
        *("-i", path, "-map", "0:V:0", "-map", "0:a:0?", "-map_metadata", "-1", "-c:a", "copy"),
        *("-fps_mode", "passthrough", "-enc_time_base", "-1"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-bf", "0"),
        *("-g", str(KEYFRAME_INTERVAL), output),
    ]


def _is_plain(stream: Mapping[str, Any]) -> bool:
    """Return whether a copy would equal a stream: H.264 of 8-bit YUV 4:2:0, upright, progressive.

    Browsers guess colours that a file doesn't name by its codec.
    """
    return (
        stream.get("codec_name") == "h264"
        and stream.get("pix_fmt") == "yuv420p"
        and stream.get("field_order", "progressive") in ("progressive", "unknown")
        and not stream.get("side_data_list")
        and stream["width"] % 2 == stream["height"] % 2 == 0
    )


def _has_space(size: float) -> bool:
    free = shutil.disk_usage(cache_folder()).free - _RESERVE
    return size <= min(free, _MEMORY_SHARE * _available_memory())


def _available_memory() -> int:
    # Imported here, as it takes a tenth of a worker's start, and few renders copy videos.
    import psutil  # noqa: PLC0415

    return int(psutil.virtual_memory().available)
