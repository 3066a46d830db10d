"""Forecasts the merge of a detached render, by the expected sizes of its chunks."""

import math
from dataclasses import dataclass, replace
from typing import Any

from helios.contract.job_spec import JobSpec
from helios.contract.merge_command import merged_name
from helios.storage.composition_plan import (
    MAX_PART,
    MAX_PARTS,
    Part,
    Range,
    count_to_combine,
    plan_parts,
    size_of,
)
from orchestrator.cost.cost import AwsWorkers, Workers
from orchestrator.cost.forecast import merge_seconds

#: Bits of encoded video that a pixel is guessed to take, where no frame was rendered yet.
GUESSED_BITS_A_PIXEL = 0.1
#: Objects that Google Cloud Storage composes in one call.
_COMPOSED = 32
#: Seconds that a call of a storage takes, and how many are made at once.
_CALL_SECONDS = 0.1
_CALLS_AT_ONCE = 16
#: Seconds that a merge may take with all its tries, each of which continues where the last ended.
_LONGEST = 3 * 900
_MB = 1 << 20
_GIB = 1 << 30
#: Largest object of Google Cloud Storage.
_LARGEST_IN_GCS = 5 * 1024 * _GIB


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeForecast:
    """The expected merge of the chunks of a render."""

    #: Size of all chunks, and so of the video.
    bytes: int
    #: Whether the storage stitches them, because they don't fit the merge worker's disk.
    in_storage: bool
    #: Parts of the new object in storage, and requests for them; 0 if a worker stitches.
    parts: int = 0
    calls: int = 0
    #: Duration of the merge.
    seconds: float
    #: Reason why the merge can't succeed; empty if it can.
    fault: str = ""

    def document(self) -> dict[str, Any]:
        """Return the forecast as JSON value."""
        return {
            "bytes": self.bytes,
            "inStorage": self.in_storage,
            "parts": self.parts,
            "calls": self.calls,
            "seconds": round(self.seconds, 1) if math.isfinite(self.seconds) else None,
            "fault": self.fault or None,
        }

    def __str__(self) -> str:
        size = f"{self.bytes / 1e9:.2f} GB"
        if not self.in_storage:
            return f"merge: {size} on the merge worker's disk, about {self.seconds:.0f} s"
        return (
            f"merge: {size} in storage, {self.parts} parts by {self.calls} calls,"
            f" about {self.seconds:.0f} s"
        )


def guessed_bytes_a_frame(spec: JobSpec) -> float:
    """Return the bytes that a frame of this size may take, where none was rendered yet."""
    return spec.metadata.width * spec.metadata.height * GUESSED_BITS_A_PIXEL / 8


def forecast_merge(spec: JobSpec, bytes_a_frame: float, workers: Workers) -> MergeForecast:
    """Return the forecast of the merge of a job, by the bytes of an encoded frame."""
    # Needs what reads video files.
    from helios.stitcher.storage_stitcher import fault_of  # noqa: PLC0415

    sizes = [round(chunk.frame_count * bytes_a_frame) for chunk in spec.chunks_by_frame()]
    total = sum(sizes)
    # Chunks are fetched, and the video is as large as they are.
    if 2 * total <= _disk(workers):
        return _judged(MergeForecast(bytes=total, in_storage=False, seconds=merge_seconds(total)))
    if total > (MAX_PARTS * MAX_PART if isinstance(workers, AwsWorkers) else _LARGEST_IN_GCS):
        fault = "they are larger than an object may be"
        return MergeForecast(bytes=total, in_storage=True, seconds=math.inf, fault=fault)
    reason = fault_of(spec, merged_name(spec))
    if reason is not None:
        fault = f"they don't fit the merge worker's disk, and no storage stitches them: {reason}"
        return MergeForecast(
            bytes=total, in_storage=False, seconds=merge_seconds(total), fault=fault
        )
    parts, calls = _aws_calls(sizes) if isinstance(workers, AwsWorkers) else _google_calls(sizes)
    seconds = calls * _CALL_SECONDS / _CALLS_AT_ONCE
    return _judged(
        MergeForecast(bytes=total, in_storage=True, parts=parts, calls=calls, seconds=seconds)
    )


def _judged(merge: MergeForecast) -> MergeForecast:
    fault = ""
    if merge.seconds > _LONGEST:
        fault = f"that takes longer than three tries of 900 s ({merge.seconds:.0f} s)"
    return replace(merge, fault=fault)


def _disk(workers: Workers) -> float:
    if isinstance(workers, AwsWorkers):
        return workers.merge_disk * _MB
    # The disk of an instance of Cloud Run is its memory.
    return workers.memory_gib * _GIB / 2


def _aws_calls(sizes: list[int]) -> tuple[int, int]:
    parts = plan_parts([Range(str(number), 0, size) for number, size in enumerate(sizes)])
    final, calls = len(parts), 0
    while count := count_to_combine(parts):
        first = parts[:count]
        calls += _calls_for(first)
        parts = [*plan_parts([Range("combined", 0, size_of(first))]), *parts[count:]]
        final = len(parts)
    return final, calls + _calls_for(parts)


def _calls_for(parts: list[Part]) -> int:
    # Small ranges are fetched one by one, and uploaded together; beginning and end take four.
    return 4 + sum(1 if len(part) == 1 else len(part) + 1 for part in parts)


def _google_calls(sizes: list[int]) -> tuple[int, int]:
    count, calls = len(sizes), 0
    while count > 1:
        count = math.ceil(count / _COMPOSED)
        calls += count
    return len(sizes), calls
