"""Everything that can be set for a render, checked before any work."""

import dataclasses
import os
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any, Self

from helios.contract.frame_rate import frame_rate
from helios.errors import OptionInvalid
from helios.renderer.dialects import PageDefaults
from helios.renderer.props import read_props
from helios.storage.checks import check_expiry
from helios.webhooks.delivery import check_receiver, check_url
from helios.webhooks.events import SECRET
from orchestrator.api.jobs.job_store import JobStore
from orchestrator.api.option_faults import checked
from orchestrator.model.limits import parse_duration
from orchestrator.model.render_fields import DEFAULTS, RenderFields
from orchestrator.model.settings import RunSettings, WebhookSettings
from orchestrator.planning.chunk_sizes import (
    INCREMENTAL_CHUNK_FRAMES,
    MAX_REMOTE_CHUNK_FRAMES,
    MIN_REMOTE_CHUNK_FRAMES,
    ChunkSizes,
)
from orchestrator.planning.render_options import RenderOptions

# Browsers that share an output which can't be cut into chunks: as many as a worker has cores for.
_REMOTE_BROWSERS = 2


@dataclass(frozen=True, kw_only=True)
class RenderSettings(RenderFields):
    """Settings of a render; `RenderFields` has their meanings and defaults."""

    @classmethod
    def of(cls, keywords: Mapping[str, Any]) -> Self:
        """Return settings by the keywords that a caller gave, as `checked`."""
        return checked(cls, keywords)

    @property
    def store(self) -> JobStore:
        """The job store."""
        return JobStore(self.job_store)

    @property
    def leaves_chunks(self) -> bool:
        """Whether chunks stay: they aren't stitched, or not all of them are rendered."""
        return not self.merge or bool(self.only_chunks)

    @property
    def sets_picture(self) -> bool:
        """Whether size and rate are set, so that those that a page declares don't matter."""
        return None not in (self.size or (self.width, self.height)) and self.fps is not None

    def given(self, name: str) -> bool:
        """Tell whether a setting differs from its default."""
        value = getattr(self, name)
        if name == "props":
            return bool(read_props(value) if isinstance(value, str) else value)
        return bool(value != DEFAULTS[name])

    def picture(self, dialect: str = "html", declared: PageDefaults | None = None) -> RenderOptions:
        """Return the planner's options for rendering and encoding frames.

        Args:
            dialect: The system that the page is written for.
            declared: What the page says of size and rate, for those that aren't set.
        """
        defaults = declared or PageDefaults()
        width, height = self.size or (self.width, self.height)
        props = read_props(self.props) if isinstance(self.props, str) else dict(self.props)
        shared = self._shared(RenderOptions.__dataclass_fields__)
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
            sizes,
            least_frames=MIN_REMOTE_CHUNK_FRAMES,
            most_frames=MAX_REMOTE_CHUNK_FRAMES,
            browsers=_REMOTE_BROWSERS,
        )

    def run_settings(self, concurrency: int) -> RunSettings:
        """Return the settings of the run, as they are stored with the job."""
        shared = self._shared(RunSettings.model_fields)
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

    def _shared(self, names: Container[str]) -> dict[str, Any]:
        """Return the settings that have one of some names."""
        return {name: getattr(self, name) for name in DEFAULTS if name in names}

    def _signed_receiver(self) -> WebhookSettings | None:
        """Return the receiver of events that this machine signs; refused without a secret."""
        receiver = self.receiver()
        if receiver is not None:
            check_receiver(receiver.url, os.environ.get(SECRET))
        return receiver
