"""Copies videos whose keyframes are far apart, without loss, so that seeking in them is fast.

For each frame the browser seeks, and so decodes all frames since the keyframe before it. With
keyframes 250 frames apart, as x264 sets them by default, 150 frames of a video of 1280x720 took
32 s of processor time; of a copy with a keyframe every 4 frames 10 s, and 1 s for the copy.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from helios.renderer.media.packets import Packet

#: Frames from one keyframe of a copy to the next.
KEYFRAME_INTERVAL = 4
#: Mean number of frames between a frame and its keyframe from which a file is copied.
LEAST_DISTANCE = 12.0
#: A longer file isn't copied: in frames, as a multiple of that distance. Copying a frame takes
#: about 2.5 times as long as decoding it, and a chunk of 100 frames is to gain by it.
MOST_DISTANCES = 40
#: Pixels of all frames together above which a file isn't copied: 64 s of 1920x1080 at 30 a second.
MOST_PIXELS = 4e9
#: Bytes of a pixel of YUV 4:2:0, which a copy without loss doesn't exceed by much, and bytes of the
#: disk that are left for the render.
_PIXEL_BYTES = 1.5
_RESERVE = 512 << 20


def is_slow_to_seek(stream: Mapping[str, Any], packets: Sequence[Packet]) -> bool:
    """Return whether seeking in a copy is so much faster that copying is worth it.

    Args:
        stream: What ffprobe reports of the video stream.
        packets: Its packets in decoding order.
    """
    distance = mean_distance(packet.is_key for packet in packets)
    return (
        distance >= LEAST_DISTANCE
        and len(packets) <= MOST_DISTANCES * distance
        and len(packets) * _pixels(stream) <= MOST_PIXELS
        and _is_plain(stream)
    )


def mean_distance(keys: Iterable[bool]) -> float:
    """Return how many frames lie between a frame and the keyframe before it, on average."""
    lengths = [
        len(list(group))
        for _, group in itertools.groupby(itertools.accumulate(map(int, keys), initial=0))
    ]
    lengths[0] -= 1  # the initial value
    frames = sum(lengths)
    return sum(length * (length - 1) / 2 for length in lengths) / frames if frames else 0.0


def needed_space(stream: Mapping[str, Any], packets: Sequence[Packet]) -> float:
    """Return the bytes that have to be free on the disk for a copy."""
    return len(packets) * _pixels(stream) * _PIXEL_BYTES + _RESERVE


def seekable_command(path: str, output: str) -> list[str]:
    """Return ffmpeg's arguments for a copy with the same pixels at the same times."""
    return [
        *("-i", path, "-map", "0:V:0", "-map", "0:a:0?", "-map_metadata", "-1", "-c:a", "copy"),
        *("-fps_mode", "passthrough", "-enc_time_base", "-1"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-bf", "0"),
        *("-g", str(KEYFRAME_INTERVAL), output),
    ]


def _pixels(stream: Mapping[str, Any]) -> int:
    return int(stream.get("width", 0)) * int(stream.get("height", 0))


def _is_plain(stream: Mapping[str, Any]) -> bool:
    """Return whether a stream can be copied as it is: 8-bit YUV 4:2:0, opaque, not turned."""
    return (
        stream.get("pix_fmt") == "yuv420p"
        and stream.get("field_order", "progressive") in ("progressive", "unknown")
        and not stream.get("side_data_list")
        and stream.get("tags", {}).get("alpha_mode") != "1"
        and stream.get("width", 1) % 2 == stream.get("height", 1) % 2 == 0
    )
