"""Everything that can be set for a render, checked before any work."""

import dataclasses
import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from helios.contract.frame_rate import frame_rate
from helios.contract.job_spec import SeamCheck
from helios.contract.localization import DEFAULT_LOCALE, DEFAULT_TIME_ZONE
from helios.errors import OptionInvalid
from helios.renderer.dialects import PageDefaults
from helios.renderer.props import read_props
from helios.storage.checks import check_expiry
from helios.webhooks.delivery import check_receiver, check_url
from helios.webhooks.events import SECRET
from orchestrator.api.jobs.job_store import JobStore
from orchestrator.api.jobs.resume_settings import Positive
from orchestrator.api.option_faults import invalid
from orchestrator.model.limits import parse_duration
from orchestrator.model.settings import RunSettings, Stitch, WebhookSettings
from orchestrator.planning.chunk_sizes import (
    INCREMENTAL_CHUNK_FRAMES,
    MIN_REMOTE_CHUNK_FRAMES,
    ChunkSizes,
)
from orchestrator.planning.quality import Quality
from orchestrator.planning.render_options import RenderOptions

# Browsers that share an output which can't be cut into chunks: as many as a worker has cores for.
_REMOTE_BROWSERS = 2


class RenderSettings(BaseModel):
    """Settings of a render: the keywords of `render` and `submit`, and flags of the CLI."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    duration: float | None = Field(
        default=None, description="Length in seconds; by default that of the page."
    )
    frames: int | None = Field(default=None, description="Length in frames, in its place.")
    fps: float | str | Fraction | None = Field(
        default=None,
        description="Frames per second: 30, 29.97, '30000/1001'; as the page declares, else 30.",
    )
    width: int | None = Field(
        default=None,
        description="Width of the page in CSS pixels; as the page declares, else 1920.",
    )
    height: int | None = Field(
        default=None,
        description="Height of the page in CSS pixels; as the page declares, else 1080.",
    )
    size: tuple[int, int] | None = Field(
        default=None, description="Width and height, in place of both."
    )
    dialect: str | None = Field(
        default=None,
        description="System that the page is written for: 'html', 'hyperframes'; as it tells.",
    )
    scale: float = Field(default=1.0, description="Output pixels per CSS pixel.")
    props: Mapping[str, Any] | str = Field(
        default_factory=dict,
        description="The page's `window.__HELIOS_PROPS__`: a mapping, JSON, or '@file.json'.",
    )
    seed: int = Field(default=0, description="Seed of `Math.random`.")
    timezone: str = Field(default=DEFAULT_TIME_ZONE, description="Time zone of the page.")
    locale: str = Field(default=DEFAULT_LOCALE, description="Language tag of the page.")
    replay: bool | None = Field(
        default=None,
        description="Run every frame from 0 on first; by default as the page declares.",
    )
    transparent: bool = Field(default=False, description="Keep transparency.")
    allow_missing: bool = Field(default=False, description="Continue if files are missing.")
    timeout: float | None = Field(
        default=None, description="Seconds for the page to load, and for each frame."
    )
    reference: bool = Field(default=False, description="Draw every frame, losslessly.")
    codec: str | None = Field(default=None, description="Video codec; by the output's name.")
    quality: Quality = Field(
        default="standard", description="'draft', 'standard' or 'high': size against loss."
    )
    crf: int | None = Field(default=None, description="Constant rate factor; 18 for H.264.")
    preset: str | None = Field(default=None, description="Encoder speed of H.264 and H.265.")
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, description="Of frames as they leave the browser; 90."
    )
    format: Literal["hls"] | None = Field(default=None, description="'hls' for a playlist.")
    audio: bool = Field(default=True, description="Whether the sound is rendered.")
    chunks: int | None = Field(
        default=None, description="Number of chunks; from length and concurrency by default."
    )
    frames_per_chunk: int | None = Field(default=None, description="In place of `chunks`.")
    concurrency: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="Chunks at the same time; by cores and memory, or 100 remote ones.",
    )
    retries: Annotated[int, Field(ge=0)] = Field(
        default=2, description="Retries of a failed chunk."
    )
    retry_delay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=1.0,
        description="Maximum seconds before the first retry; doubled for each further one.",
    )
    chunk_timeout: Positive | None = Field(
        default=None, description="Maximum seconds of an attempt; no limit by default."
    )
    backups: bool | None = Field(
        default=None,
        description="Send slow chunks to a second worker, too; by default remote ones only.",
    )
    seam_check: SeamCheck = Field(
        default="heal", description="Action if two chunks draw one frame differently."
    )
    merge: bool = Field(default=True, description="Whether chunks are stitched.")
    only_chunks: list[int] | None = Field(
        default=None, description="Ids of the only chunks to render; they aren't stitched."
    )
    resume: bool = Field(default=False, description="Keep existing chunks that are intact.")
    incremental: bool = Field(
        default=False, description="Keep chunks of the last such render that would be the same."
    )
    max_cost: Positive | None = Field(
        default=None, description="Maximum cost of the job in US dollars, by list prices."
    )
    deadline: float | str | None = Field(
        default=None, description="Maximum time of the run: seconds, or '90s', '1h30m'."
    )
    stitch: Stitch = Field(default=Stitch.AUTO, description="Where remote chunks are stitched.")
    presign: Positive | None = Field(
        default=None, description="Seconds for which a link to a video in storage is valid."
    )
    job_dir: Path | None = Field(
        default=None, description="Folder of job spec and chunks; OUTPUT.job, beside the video."
    )
    keep: bool = Field(default=False, description="Keep that folder after success.")
    webhook: str | None = Field(default=None, description="URL that receives the job's outcome.")
    webhook_progress: Positive | None = Field(
        default=None, description="Seconds between two events of progress that it receives."
    )
    webhook_link: float | str | None = Field(
        default=None,
        description="Validity of a link to a video in storage that it receives: seconds, or '1h'.",
    )
    job_store: str | None = Field(
        default=None, description="The job store; by default the one that `HELIOS_JOBS` names."
    )

    @classmethod
    def of(cls, keywords: Mapping[str, Any]) -> Self:
        """Return settings by the keywords that a caller gave.

        Raises:
            OptionInvalid: A value can't be worked with; the message names its keyword.
            TypeError: There is no such keyword.
        """
        for name in keywords:
            if name not in cls.model_fields:
                raise TypeError(f"unexpected keyword argument {name!r}")
        try:
            return cls.model_validate(dict(keywords))
        except ValidationError as fault:
            raise invalid(fault) from None

    @property
    def store(self) -> JobStore:
        """The job store."""
        return JobStore(self.job_store)

    @property
    def leaves_chunks(self) -> bool:
        """Whether chunks stay: they aren't stitched, or not all of them are rendered."""
        return not self.merge or bool(self.only_chunks)

    def given(self, name: str) -> bool:
        """Tell whether a setting differs from its default."""
        return bool(getattr(self, name) != type(self).model_fields[name].default)

    def picture(self, dialect: str = "html", declared: PageDefaults | None = None) -> RenderOptions:
        """Return the planner's options for rendering and encoding frames.

        Args:
            dialect: The system that the page is written for.
            declared: What the page says of size and rate, for those that aren't set.
        """
        defaults = declared or PageDefaults()
        width, height = self.size or (self.width, self.height)
        props = read_props(self.props) if isinstance(self.props, str) else dict(self.props)
        shared = self.model_dump(
            include={field.name for field in dataclasses.fields(RenderOptions)}
        )
        own = {
            "width": defaults.width if width is None else width,
            "height": defaults.height if height is None else height,
            "rate": defaults.rate if self.fps is None else frame_rate(self.fps),
            # Chunks would take a page for another one's that was said to be plain.
            "dialect": None if dialect == "html" and self.dialect is None else dialect,
            "props": props,
            "time_zone": self.timezone,
        }
        return RenderOptions(**(shared | own))

    def sizes(self, concurrency: int, *, remote: bool = False) -> ChunkSizes:
        """Return the planner's options for cutting the timeline into chunks, also remote ones."""
        sizes = ChunkSizes(
            chunks=self.chunks, frames_per_chunk=self.frames_per_chunk, concurrency=concurrency
        )
        if self.incremental and self.chunks is None:
            frames = self.frames_per_chunk or INCREMENTAL_CHUNK_FRAMES
            return dataclasses.replace(sizes, frames_per_chunk=frames, steady=True)
        if not remote:
            return sizes
        return dataclasses.replace(
            sizes, least_frames=MIN_REMOTE_CHUNK_FRAMES, browsers=_REMOTE_BROWSERS
        )

    def run_settings(self, concurrency: int) -> RunSettings:
        """Return the settings of the run, as they are stored with the job."""
        shared = self.model_dump(include=set(RunSettings.model_fields))
        own = {
            "concurrency": concurrency,
            "only": sorted(self.only_chunks) if self.only_chunks else None,
            "deadline": None if self.deadline is None else parse_duration(self.deadline),
            "webhook": self._signed_receiver(),
        }
        return RunSettings(**(shared | own))

    def receiver(self) -> WebhookSettings | None:
        """Return the receiver of the job's events, without a look at the secret."""
        if self.webhook is None:
            for name in ("webhook_progress", "webhook_link"):
                if self.given(name):
                    raise OptionInvalid(f"`{name}`: goes with `webhook`, which isn't given")
            return None
        check_url(self.webhook)
        link = self.webhook_link
        seconds = None if link is None else check_expiry(parse_duration(link, "webhook_link"))
        return WebhookSettings(url=self.webhook, progress=self.webhook_progress, link=seconds)

    def _signed_receiver(self) -> WebhookSettings | None:
        """Return the receiver of events that this machine signs; refused without a secret."""
        receiver = self.receiver()
        if receiver is not None:
            check_receiver(receiver.url, os.environ.get(SECRET))
        return receiver
