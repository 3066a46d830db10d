"""The keyword arguments of `render` and `submit`, as type checkers and editors see them."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypedDict

from orchestrator.model.render_fields import Quality, SeamCheck, StitchChoice


class PageKeywords(TypedDict, total=False):
    """Keywords of a page's picture; `RenderFields` has their meanings and defaults."""

    fps: float | str | Fraction | None
    width: int | None
    height: int | None
    size: tuple[int, int] | None
    root: str | None
    dialect: str | None
    composition_id: str | None
    scale: float
    props: Mapping[str, Any] | str
    seed: int
    timezone: str
    locale: str
    replay: bool | None
    transparent: bool
    allow_missing: bool
    timeout: float | None
    jpeg_quality: int | None


class SheetKeywords(PageKeywords, total=False):
    """Keywords of a contact sheet; `RenderFields` has their meanings and defaults."""

    duration: float | None
    frames: int | None


class StillKeywords(PageKeywords, total=False):
    """Keywords of a still; `RenderFields` has their meanings and defaults."""

    retries: int
    max_cost: float | None
    presign: float | None
    job_store: str | None


class BatchKeywords(SheetKeywords, total=False):
    """Keywords of a batch; `RenderFields` has their meanings and defaults."""

    # Encoding and sound
    codec: str | None
    quality: Quality
    crf: int | None
    preset: str | None
    audio: bool
    # Chunks
    chunks: int | None
    frames_per_chunk: int | None
    concurrency: int | None
    retries: int
    retry_delay: float
    chunk_timeout: float | None
    backups: bool | None
    seam_check: SeamCheck
    resume: bool
    incremental: bool
    stitch: StitchChoice
    # Limits
    max_cost: float | None
    deadline: float | str | None
    # Output
    job_dir: str | Path | None


class RenderKeywords(StillKeywords, BatchKeywords, total=False):
    """Keywords of a render; `RenderFields` has their meanings and defaults."""

    reference: bool
    format: Literal["hls"] | None
    keep: bool
    webhook: str | None
    webhook_progress: float | None
    webhook_link: float | str | None
