"""Finds the ranges of the timeline whose frames took the longest."""

from collections.abc import Iterable, Sequence

from helios.records.chunk_trace import TIME_KINDS, FrameSpan
from orchestrator.report.report import SlowRange

#: Limit of ranges, and the least share of all time that makes a range worth naming.
MAX_RANGES = 5
_MIN_SHARE = 0.05
#: A frame is slow if it takes this many times as long as the average one.
_SLOW = 1.25


def slow_ranges(spans: Iterable[FrameSpan]) -> list[SlowRange]:
    """Return the ranges that took the most time, the longest one first.

    Neighbouring spans are one range where all of them are slow. Where no frames are slower than
    others, there are no ranges.
    """
    ordered = sorted(spans, key=lambda span: span.start)
    total = sum(span.seconds for span in ordered)
    frames = sum(span.frames for span in ordered)
    if total <= 0:
        return []
    limit = _SLOW * total / frames
    found: list[list[FrameSpan]] = []
    for span in ordered:
        if span.seconds / span.frames <= limit:
            continue
        before = found[-1][-1] if found else None
        if before is not None and before.start + before.frames == span.start:
            found[-1].append(span)
        else:
            found.append([span])
    ranges = [_range(group, total) for group in found]
    worth = [each for each in ranges if each.share >= _MIN_SHARE]
    return sorted(worth, key=lambda each: -each.seconds)[:MAX_RANGES]


def _range(spans: Sequence[FrameSpan], total: float) -> SlowRange:
    frames = sum(span.frames for span in spans)
    seconds = sum(span.seconds for span in spans)
    kinds = {kind: sum(getattr(span, kind) for span in spans) for kind in TIME_KINDS}
    cause = max(kinds, key=lambda kind: kinds[kind])
    return SlowRange.model_validate(
        {
            "start": spans[0].start,
            "frames": frames,
            "seconds": round(seconds, 3),
            "share": round(seconds / total, 4),
            "per_frame": round(seconds / frames, 5),
            "cause": cause,
            "cause_share": round(kinds[cause] / seconds, 4),
        }
    )
