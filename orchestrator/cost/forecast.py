"""Forecasts the resources of a render from its plan and the pace of workers."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from helios.contract.command import parse_command
from helios.contract.job_spec import JobSpec
from helios.contract.worker_job import WorkerJob
from helios.errors import CommandFailed
from helios.records.chunk_record import ChunkRecord
from helios.renderer.progress import ProgressLine
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.cost.cost import Usage

#: Frames that are rendered to learn a composition's pace: enough for the start not to matter.
SAMPLE_FRAMES = 24
#: Seconds that a merge takes to begin, and bytes per second that it merges, from and to storage.
MERGE_START = 3.0
MERGE_BYTES_A_SECOND = 50e6
_MS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The speed of rendering a composition."""

    #: Of a worker.
    seconds_a_frame: float
    #: Until a worker's first frame, for each chunk.
    start_seconds: float = 2.0
    #: Of an encoded video.
    bytes_a_frame: float = 20e3
    #: Source of these values, for people.
    source: str = "as given"


def expected_usage(spec: JobSpec, pace: Pace) -> Usage:
    """Return the resources of a detached render without failures."""
    frames = sum(chunk.frame_count for chunk in spec.chunks)
    size = round(frames * pace.bytes_a_frame)
    return Usage(
        chunks=len(spec.chunks),
        invocations=len(spec.chunks),
        chunk_seconds=frames * pace.seconds_a_frame + len(spec.chunks) * pace.start_seconds,
        merge_seconds=merge_seconds(size),
        chunk_bytes=size,
        output_bytes=size,
    )


def expected_seconds(spec: JobSpec, pace: Pace, *, concurrency: int) -> float:
    """Return the expected duration of a render in seconds."""
    longest = max(chunk.frame_count for chunk in spec.chunks) * pace.seconds_a_frame
    rounds = math.ceil(len(spec.chunks) / concurrency)
    frames = sum(chunk.frame_count for chunk in spec.chunks)
    return rounds * (longest + pace.start_seconds) + merge_seconds(frames * pace.bytes_a_frame)


def merge_seconds(size: float) -> float:
    """Return the expected duration of a merge in seconds, with the transfer of its bytes."""
    return MERGE_START + 2 * size / MERGE_BYTES_A_SECOND


def recorded_pace(records: Sequence[ChunkRecord], source: str) -> Pace:
    """Return the pace of a render that is done; what was done once a chunk is in it."""
    frames = sum(record.frame_count for record in records)
    seconds = sum(record.duration_ms for record in records) / _MS
    size = sum(record.artifact.bytes or 0 for record in records)
    return Pace(
        seconds_a_frame=seconds / frames,
        start_seconds=0.0,
        bytes_a_frame=size / frames,
        source=source,
    )


async def measured_pace(spec: JobSpec, job_dir: Path, adapter: WorkerAdapter) -> Pace:
    """Render a few frames from the middle of a job on this machine, and return their pace.

    The sample comes into `job_dir`, which paths in the job's commands are relative to.
    """
    chunk = spec.chunks_by_frame()[len(spec.chunks) // 2]
    count = min(SAMPLE_FRAMES, chunk.frame_count)
    sample = job_dir / f"sample{Path(chunk.output_file).suffix}"
    words = _shortened(chunk.command, count=count, output=sample.name)
    clock = _FrameClock()
    job = WorkerJob(command=words[0], args=words[1:], cwd=str(job_dir))
    result = await adapter.execute(job, on_output=clock.note)
    if result.failure is not None:
        raise CommandFailed(
            f"estimate: {count} frames for a sample: {result.failure.message}",
            hint="Render it once: orchestrator render says more. Or give --seconds-per-frame.",
        )
    return clock.pace(frames=count, size=_size(sample))


@dataclass(slots=True)
class _FrameClock:
    """Notes when frames are done, by a command's lines of progress."""

    began: float = field(default_factory=time.monotonic)
    seen: list[tuple[int, float]] = field(default_factory=list)

    def note(self, _: str, text: str) -> None:
        """Take a line of output into account."""
        line = ProgressLine.parse(text)
        if line is not None:
            self.seen.append((line.frame, time.monotonic()))

    def pace(self, *, frames: int, size: int) -> Pace:
        """Return the pace once all frames are done."""
        ended = time.monotonic()
        first, since = self.seen[0] if self.seen else (frames, ended)
        last, until = self.seen[-1] if self.seen else (frames, ended)
        # With one line only, starting isn't told apart.
        seconds = (until - since) / (last - first) if last > first else (ended - self.began) / last
        return Pace(
            seconds_a_frame=seconds,
            start_seconds=max(0.0, ended - self.began - frames * seconds),
            bytes_a_frame=size / frames,
            source=f"{frames} frames that were rendered on this machine",
        )


def _shortened(command: str, *, count: int, output: str) -> list[str]:
    words = parse_command(command)
    for flag, value in (("--frame-count", str(count)), ("-o", output)):
        if flag in words[:-1]:
            words[words.index(flag) + 1] = value
    return words


def _size(sample: Path) -> int:
    files = [sample, *sample.rglob("*")] if sample.is_dir() else [sample]
    return sum(file.stat().st_size for file in files if file.is_file())
