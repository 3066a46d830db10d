"""Serves the live page of a job while a command runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.api.jobs.async_job import AsyncJobHandle
    from orchestrator.api.jobs.job_store import JobStore
    from orchestrator.display.display import Display

#: Seconds that open pages have for the last events, when the command ends.
_LAST_SECONDS = 3.0


@contextlib.asynccontextmanager
async def live_page(
    find: "Callable[[], AsyncJobHandle | None]",
    display: "Display",
    *,
    port: int,
    runs_here: bool,
) -> AsyncIterator[None]:
    """Serve a page that follows a job while the context lasts, and show its address.

    Args:
        find: Returns the job; None before it is known.
        port: Where to listen; 0 for any free port.
        runs_here: Whether the job runs in this process, with its events at the display.
    """
    from orchestrator.web.followed_job import FollowedJob
    from orchestrator.web.server import serving

    followed = FollowedJob(find, display if runs_here else None)
    async with serving(followed, port=port) as address:
        display.note("web", f"live page: {address}", url=address)
        try:
            async with followed.following():
                yield
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    await followed.stream.drained()


@contextlib.asynccontextmanager
async def page_of_render(
    wanted: bool, store: "JobStore", display: "Display", *, port: int
) -> AsyncIterator[None]:
    """Serve a page that follows the job which a context runs; none unless it is wanted."""
    from helios.errors import OptionInvalid
    from orchestrator.api.jobs.recorded_job import RecordedJob

    if not wanted:
        yield
        return
    if store.forgets:
        raise OptionInvalid("--web: needs the job's record, which this job store doesn't keep")
    found: list[AsyncJobHandle] = []

    def find() -> "AsyncJobHandle | None":
        if not found and display.job_id is not None:
            found.append(RecordedJob(display.job_id, store))
        return found[0] if found else None

    async with live_page(find, display, port=port, runs_here=True):
        yield
