"""How a job is run, wherever its chunks are."""

from collections.abc import Collection
from dataclasses import dataclass


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
    only:
        Ids of the only chunks that are wanted; None for all.
    resume:
        Keep the chunks that are there already and are whole.
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
    presign: float | None = None
