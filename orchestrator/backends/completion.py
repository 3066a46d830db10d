"""The end of a run: delivers its result, reports it, or says how to resume a failed one."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

from helios.contract.artifact import Artifact
from helios.contract.job_spec import JobSpec
from helios.errors import Cancelled, HeliosError, JobPaused, JobStopped
from helios.storage import split_url
from orchestrator.delivery.deliver import deliver
from orchestrator.delivery.destination import Destination
from orchestrator.delivery.picture_check import picture_warnings
from orchestrator.delivery.stores import Stores
from orchestrator.display.display import Display
from orchestrator.display.event_text import duration
from orchestrator.execution.job_executor import JobResult


async def deliver_to(made: Path, destination: Destination | None, stores: Stores) -> str:
    """Move a video or a folder of images of this machine to its destination; return its location.

    Without a destination it stays in place.
    """
    if destination is None:
        return str(made)
    if destination.path is not None:
        return str(deliver(made, destination.path))
    url = str(destination)
    await stores.store(made, url)
    await asyncio.to_thread(made.unlink)
    return url


async def deliver_artifact(
    artifact: Artifact, destination: Destination | None, folder: Path, stores: Stores
) -> str:
    """Copy a file in storage to its destination, by default into a folder; return its location."""
    if destination is not None and destination.url is not None:
        return (await stores.copy(artifact, destination.url)).url
    path = None if destination is None else destination.path
    path = path or folder / artifact.url.rpartition("/")[2]
    await stores.fetch(artifact, path)
    return str(path)


async def check_reachable(destination: Destination, stores: Stores) -> None:
    """Refuse a destination whose storage doesn't exist, or denies access, before any work."""
    if destination.url is not None:
        base, key = split_url(destination.url)
        await stores.at(base).stat(key)


async def link_to(where: str, seconds: float | None, stores: Stores) -> str | None:
    """Return a link to a video in storage that is valid for some seconds, if it is wanted."""
    return None if seconds is None else await stores.presigned(where, seconds=seconds)


async def warn_of_picture(display: Display, spec: JobSpec, made: str) -> None:
    """Check the picture of a finished video on this machine, and show warnings."""
    frames = spec.metadata.total_frames
    if await asyncio.to_thread(Path(made).is_file):
        for warning in await picture_warnings(Path(made), frames, moves=display.moves):
            display.warn(warning)


def tell_completion(
    display: Display, spec: JobSpec, result: JobResult, made: str, *, link: str | None = None
) -> None:
    """Show the location of a job's result with a presigned link, and the speed of the render."""
    rendered = {chunk.chunk_id for chunk in result.chunks}
    frames = sum(chunk.frame_count for chunk in spec.chunks if chunk.id in rendered)
    speed = f" ({frames / max(result.duration, 1e-9):.1f} frames/s)" if frames else ""
    length = "1 frame" if frames == 1 else f"{frames} frames"
    text = f"{made}: {length} in {duration(result.duration)}{speed}"
    facts: dict[str, object] = {"output": made, "frames": frames}
    facts["seconds"] = round(result.duration, 3)
    seams = result.seams
    if seams.proof.seams:
        facts["seams"] = {
            "proven": seams.proof.proven,
            "alike": seams.proof.alike,
            "unknown": seams.proof.unknown,
            "differing": len(seams.proof.differing),
            "healedChunks": list(seams.healed),
        }
    if seams.healed:
        count = len(seams.healed)
        text += f"; {'1 chunk' if count == 1 else f'{count} chunks'} rendered again with --replay"
    if link is not None:
        text += f"\n{link}"
        facts["link"] = link
    display.complete(text, **facts)


@contextlib.contextmanager
def hinting_at_resume(sentence: str, *, kept: str = "finished chunks are kept") -> Iterator[None]:
    """Add a hint on resuming to an error that ends a run early, if a retry may help.

    `kept` is what a run that is cancelled says of its work so far.
    """
    try:
        yield
    except asyncio.CancelledError:
        raise Cancelled(f"stopped; {kept}", hint=sentence) from None
    except HeliosError as error:
        if error.retryable or isinstance(error, JobPaused | JobStopped):
            error.hint = " ".join(filter(None, [error.hint, sentence]))
        raise
