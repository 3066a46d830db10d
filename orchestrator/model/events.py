"""Events of a running job."""

from dataclasses import dataclass
from pathlib import Path

from helios.contract.error_record import ErrorRecord


@dataclass(frozen=True, slots=True)
class ChunkStarted:
    """A chunk was handed to the adapter."""

    chunk_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class ChunkFinished:
    """A chunk is done; `duration` in seconds is that of its last attempt.

    `time_limit` is how many seconds it might have taken; None if that isn't known.
    """

    chunk_id: int
    attempt: int
    duration: float
    time_limit: float | None = None


@dataclass(frozen=True, slots=True)
class BackupStarted:
    """A chunk takes much longer than the others, `seconds` by now: a second worker tries it too."""

    chunk_id: int
    attempt: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ChunkRetrying:
    """An attempt failed, and the next one begins in `delay` seconds."""

    chunk_id: int
    attempt: int
    delay: float
    error: ErrorRecord


@dataclass(frozen=True, slots=True)
class ChunkFailed:
    """A chunk failed for good, after this many attempts."""

    chunk_id: int
    attempts: int
    error: ErrorRecord


@dataclass(frozen=True, slots=True)
class ChunkStopped:
    """An attempt ended without success or failure, because the whole job stops."""

    chunk_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class FrameProgress:
    """Frames were rendered.

    `frame` counts those of the chunk, `frames_done` those of the job, both of `frame_count` and
    `frames_total`. A chunk that is tried again starts at 0. `fps` is the chunk's rendering speed
    in frames per second; None where it isn't known.
    """

    chunk_id: int
    frame: int
    frame_count: int
    frames_done: int
    frames_total: int
    fps: float | None = None


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of output of a chunk's command, or of the merge's (`chunk_id` None)."""

    chunk_id: int | None
    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class SeamsHealing:
    """Chunks draw frames differently that they share, and are rendered again.

    `frames` are the last ones before the seams that differ. Every frame from 0 on is visited for
    the chunks `chunk_ids`.
    """

    frames: tuple[int, ...]
    chunk_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SeamsCompared:
    """The seams were compared, the last time.

    Of so many `seams`, those that are `proven` can't be seen, those that are `differing` can be,
    and of those that are `unknown` there are no pictures. Of the proven ones those that are `alike`
    differ by less than can be seen. The chunks `healed` were rendered again.
    """

    seams: int
    proven: int
    alike: int
    unknown: int
    differing: int
    healed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SeamsDiffer:
    """Seams differ visibly, and the job continues; `details` names them."""

    message: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MergeStarted:
    """All chunks are finished, and the merge begins."""

    inputs: int


@dataclass(frozen=True, slots=True)
class MergeFinished:
    """The merge is done, after `duration` seconds."""

    output: Path | None
    duration: float


Event = (
    ChunkStarted
    | BackupStarted
    | ChunkFinished
    | ChunkRetrying
    | ChunkFailed
    | ChunkStopped
    | FrameProgress
    | LogLine
    | SeamsHealing
    | SeamsCompared
    | SeamsDiffer
    | MergeStarted
    | MergeFinished
)
