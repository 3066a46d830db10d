"""The results of a render."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from helios.contract.job_spec import JobSpec
    from helios.contract.messages.render_warning import RenderWarning
    from orchestrator.cost import Cost
    from orchestrator.model.events import SeamsCompared


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The result of a render.

    Attributes:
        job_id: Id of the job.
        location: Path or URL of the result.
        frames, duration, fps, width, height: Length in frames and seconds, frames per second, and
            size in pixels.
        cost: Cost of remote workers by list prices; None if it isn't known.
        seams: Comparison of the seams between chunks; None if they weren't compared.
        warnings: Warnings about the result.
    """

    job_id: str
    location: str
    frames: int
    duration: float
    fps: float
    width: int
    height: int
    cost: "Cost | None" = None
    seams: "SeamsCompared | None" = None
    warnings: "Sequence[RenderWarning]" = ()

    @classmethod
    def of(cls, spec: "JobSpec", **others: Any) -> Self:
        """Return the result of a job, with length and size by its spec.

        Args:
            others: The other attributes.
        """
        facts = spec.metadata
        return cls(
            frames=facts.total_frames,
            duration=facts.duration,
            fps=facts.fps,
            width=facts.width,
            height=facts.height,
            **others,
        )

    @property
    def path(self) -> Path | None:
        """The file or folder; None for a result in storage."""
        return None if "://" in self.location else Path(self.location)

    @property
    def url(self) -> str | None:
        """The URL of a result in storage; None for one on this machine."""
        return self.location if "://" in self.location else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Video(Rendered):
    """A finished video, or a folder of images.

    Attributes:
        link: Presigned URL of the video, if `presign` is set.
    """

    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkFiles(Rendered):
    """Chunks that weren't stitched; `location` is their job's folder."""
