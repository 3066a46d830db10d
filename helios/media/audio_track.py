"""An audio track on the timeline."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AudioTrack:
    """An audio track on the timeline.

    Args:
        source: File, or http(s) URL.
        start: Seconds on the timeline at which the track starts.
        trim: Seconds cut from the source's beginning.
        duration: Longest duration in seconds on the timeline; None for the source's.
        rate: Speed; 2 plays twice as fast.
        volume: Factor on the amplitude.
        fade_in, fade_out: Seconds of linear fading at the track's start and end.
        loop: Whether the source repeats until the track's end.
        preserves_pitch: Whether to keep the pitch if `rate` isn't 1.
        pitch: Factor on the pitch, which leaves the speed as it is.
        loop_start: Position in the source, in seconds, at which a loop restarts; None for `trim`.
        length: Seconds of the source that a loop repeats; None for all of it.
        volume_points: (seconds on the timeline, volume, whether the volume changes linearly from
            the point before); they replace `volume` from then on.
    """

    source: Path | str
    start: float = 0.0
    trim: float = 0.0
    duration: float | None = None
    rate: float = 1.0
    volume: float = 1.0
    fade_in: float = 0.0
    fade_out: float = 0.0
    loop: bool = False
    preserves_pitch: bool = True
    pitch: float = 1.0
    loop_start: float | None = None
    length: float | None = None
    volume_points: tuple[tuple[float, float, bool], ...] = ()
