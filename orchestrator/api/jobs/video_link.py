"""Links to the videos of jobs in storage."""

from helios.errors import JobStateConflict
from helios.storage.checks import check_expiry
from orchestrator.api.jobs.job_status import JobStatus
from orchestrator.delivery.stores import Stores
from orchestrator.model.limits import parse_duration


async def link_to_video(status: JobStatus, *, expires: float | str) -> str:
    """Return a presigned URL of a job's video, valid for seconds or a text such as '30m'."""
    seconds = check_expiry(parse_duration(expires, "expires"))
    if status.output is None or "://" not in status.output:
        where = f"it is {status.state}" if status.output is None else f"it is {status.output}"
        raise JobStateConflict(
            f"job {status.id}: there is no video in storage to link to: {where}",
            hint=f"`orchestrator fetch {status.id} -o URL` copies a video to storage.",
        )
    async with Stores() as stores:
        return await stores.presigned(status.output, seconds=seconds)
