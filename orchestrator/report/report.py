"""The report of a job, as data."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from helios.contract.error_record import ErrorRecord
from helios.contract.wire_model import WireModel
from helios.records.chunk_trace import FramePicture, FrameSpan, TimeKind
from orchestrator.report.redacted import redacted

#: Version of the format.
FORMAT = 1


class AttemptReport(WireModel):
    """One attempt at a chunk; times are in seconds since the report's `begin`."""

    number: int
    start: float
    seconds: float | None = Field(default=None, description="Null while it runs.")
    worker: str = ""
    backup: bool = False
    error: ErrorRecord | None = None
    log: str = Field(default="", description="The last lines of its output, if they are kept.")
    steps: Mapping[str, float] = Field(
        default_factory=dict, description="Seconds of each step of a remote worker."
    )


class ChunkReport(WireModel):
    """A chunk, its attempts, and the times of its frames."""

    id: int
    start_frame: int
    frames: int
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    healed: bool = False
    attempts: Sequence[AttemptReport] = ()
    spans: Sequence[FrameSpan] = ()
    problems: Sequence[str] = Field(default=(), description="What its page logged or threw.")
    log_link: str | None = Field(default=None, description="URL of its worker's log.")


class MergeReport(WireModel):
    """When the chunks were stitched."""

    start: float
    seconds: float | None = None


class SeamPair(WireModel):
    """The frames at both sides of a seam, as JPEG files in base64."""

    frame: int = Field(description="The last frame before the seam.")
    before: str
    after: str


class SeamReport(WireModel):
    """What the comparison of the seams showed."""

    proven: int = 0
    alike: int = 0
    unknown: int = 0
    differing: int = 0
    healed_chunks: Sequence[int] = ()
    pairs: Sequence[SeamPair] = ()


class SlowRange(WireModel):
    """Frames that took longer than others, and why."""

    start: int
    frames: int
    seconds: float
    share: float = Field(description="Of the time of all frames, from 0 to 1.")
    per_frame: float = Field(description="Seconds for each frame.")
    cause: TimeKind
    cause_share: float = Field(description="Of the range's time, from 0 to 1.")


class VideoFacts(WireModel):
    """The video's length and size."""

    frames: int
    fps: float
    width: int
    height: int
    duration: float


class Report(WireModel):
    """What is known of a job. Its JSON has no secrets: see `document`."""

    format: int = FORMAT
    generated_at: AwareDatetime
    begin: AwareDatetime = Field(description="What times of attempts are counted from.")
    id: str
    name: str = ""
    state: str
    where: str
    created_at: AwareDatetime
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    output: str | None = None
    error: ErrorRecord | None = None
    causes: Sequence[str] = Field(default=(), description="Further facts about its failure.")
    video: VideoFacts
    frames_done: int
    runs: int = 1
    chunks: Sequence[ChunkReport]
    merge: MergeReport | None = None
    seams: SeamReport | None = None
    slowest: Sequence[SlowRange] = ()
    filmstrip: Sequence[FramePicture] = ()
    waveform: Sequence[int] = Field(
        default=(), description="Loudest samples of equal parts of the timeline, 0 to 100."
    )
    cost: Mapping[str, Any] | None = None
    max_cost: float | None = None
    settings: Mapping[str, Any] = Field(default_factory=dict)
    command: str = Field(default="", description="The command of the first chunk.")
    versions: Mapping[str, str] = Field(default_factory=dict)
    log_link: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the report as JSON value, without secrets."""
        found: dict[str, Any] = redacted(json.loads(self.to_json()))
        return found

    def html(self) -> str:
        """Return the report as one HTML file, without secrets; it needs no network."""
        from orchestrator.report.html import report_page  # noqa: PLC0415 - only pages need it

        return report_page(self.document())
