"""The keyword arguments of `render` and `submit`, as type checkers and editors see them."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypedDict


class RenderKeywords(TypedDict, total=False):
    """Keywords of a render; `RenderSettings` has their meanings and defaults."""

    # Timing
    duration: float | None
    frames: int | None
    fps: float | str | Fraction | None
    # Picture
    width: int | None
    height: int | None
    size: tuple[int, int] | None
    dialect: str | None
    scale: float
    props: Mapping[str, Any] | str
    seed: int
    timezone: str
    locale: str
    replay: bool | None
    transparent: bool
    allow_missing: bool
    timeout: float | None
    reference: bool
    # Encoding and sound
    codec: str | None
    quality: Literal["draft", "standard", "high"]
    crf: int | None
    preset: str | None
    jpeg_quality: int | None
    format: Literal["hls"] | None
    audio: bool
    # Chunks
    chunks: int | None
    frames_per_chunk: int | None
    concurrency: int | None
    retries: int
    retry_delay: float
    chunk_timeout: float | None
    backups: bool | None
    seam_check: Literal["heal", "warn", "off"]
    resume: bool
    incremental: bool
    # Limits
    max_cost: float | None
    deadline: float | str | None
    # Output
    stitch: Literal["auto", "local", "worker", "server"]
    presign: float | None
    job_dir: str | Path | None
    keep: bool
    webhook: str | None
    webhook_progress: float | None
    job_store: str | None
