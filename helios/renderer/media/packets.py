"""Packets of a video stream, and which frames can be sought."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

#: Shortest duration, in seconds, of a frame that can be sought.
_MIN_REACH = 1e-3


class Packet(NamedTuple):
    """A packet of a video stream: when it is shown and decoded, in seconds."""

    pts: float
    dts: float
    is_key: bool


def has_unreachable_frames(packets: Sequence[Packet]) -> bool:
    """Return whether the browser can't seek to some frame; packets are in decoding order.

    It assumes that a frame lasts until the next one is decoded. With frames of different durations
    in another order than shown, some frames hide others.
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
