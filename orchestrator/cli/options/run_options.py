"""Flags that describe a run: its chunks and their attempts, limits, and reports of its result."""

from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import Keywords, settings


@settings("concurrency", heading=flags.CHUNKS)
class Concurrency(Keywords):
    """How many chunks run at the same time."""


@settings(
    *("retries", "retry_delay", "chunk_timeout", "backups", "resume", "stitch"),
    heading=flags.CHUNKS,
)
class Attempts(Concurrency):
    """The attempts at chunks, and where they are stitched."""


@settings("merge", "only_chunks", heading=flags.CHUNKS)
class Chunks(Attempts):
    """The chunks to run, too."""


@settings("max_cost", "deadline", heading=flags.LIMITS)
class Limits(Keywords):
    """Limits of cost and time."""


@settings("job_dir", unset="the spec's folder", heading=flags.OUTPUT)
class JobFolder(Keywords):
    """The folder that the job runs in."""


@settings(
    "presign", "webhook", "webhook_progress", "webhook_link", "job_store", heading=flags.OUTPUT
)
class Reports(Keywords):
    """The link to the video, webhooks, and the job's record."""


@settings("concurrency", "retries", "chunk_timeout", "max_cost", "deadline", unset="as before")
class Changes(Keywords):
    """Settings that differ from the job's earlier runs."""
