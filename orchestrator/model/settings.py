"""How a job is run, wherever its chunks are."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from orchestrator.model.job import RunSettings, Stitch, WebhookSettings


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a job is run.

    Attributes
    ----------
    concurrency:
        Chunks at the same time.
    merge:
        Whether chunks are joined.
    retries, retry_delay:
        Further tries of a chunk, and seconds before the first of them at most.
    chunk_timeout:
        Seconds that a try may take; None for no limit.
    backups:
        Whether a chunk that takes much longer than the others is given to a second worker as well;
        None for where workers are elsewhere.
    max_cost:
        US dollars that the job may cost; None for no limit.
    deadline:
        Seconds that a run may take; None for no limit.
    only:
        Ids of the only chunks that are wanted; None for all.
    resume:
        Keep the chunks that are there already and are whole.
    incremental:
        Keep the chunks of earlier runs and renders that would be rendered alike, and no others.
    stitch:
        Where chunks that were rendered elsewhere are joined; None chooses by what becomes of the
        video, and by size.
    presign:
        Seconds for which a link to a video in storage is valid; None for no link.
    """

    concurrency: int
    merge: bool
    retries: int
    retry_delay: float
    chunk_timeout: float | None
    only: Collection[int] | None
    resume: bool
    incremental: bool = False
    stitch: Stitch = Stitch.AUTO
    presign: float | None = None
    backups: bool | None = None
    max_cost: float | None = None
    deadline: float | None = None

    @property
    def joins(self) -> bool:
        """Whether a video is made in the end."""
        return self.merge and self.only is None

    @classmethod
    def of(cls, settings: RunSettings, *, resume: bool) -> Self:
        """Return the options of a job that is kept."""
        return cls(
            concurrency=settings.concurrency,
            merge=settings.merge,
            retries=settings.retries,
            retry_delay=settings.retry_delay,
            chunk_timeout=settings.chunk_timeout,
            only=settings.only,
            resume=resume,
            incremental=settings.incremental,
            stitch=settings.stitch,
            presign=settings.presign,
            backups=settings.backups,
            max_cost=settings.max_cost,
            deadline=settings.deadline,
        )

    def settings(self, *, webhook: WebhookSettings | None = None) -> RunSettings:
        """Return the options as they are kept with a job, and who is told of it."""
        return RunSettings(
            concurrency=self.concurrency,
            merge=self.merge,
            retries=self.retries,
            retry_delay=self.retry_delay,
            chunk_timeout=self.chunk_timeout,
            only=None if self.only is None else sorted(self.only),
            incremental=self.incremental,
            stitch=self.stitch,
            presign=self.presign,
            backups=self.backups,
            max_cost=self.max_cost,
            deadline=self.deadline,
            webhook=webhook,
        )
