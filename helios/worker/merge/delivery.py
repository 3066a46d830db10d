"""Copies finished videos to destinations outside of the job's folder."""

from dataclasses import replace

from helios.contract.worker_job import WorkerResult
from helios.storage import split_url
from helios.worker.task_context import TaskContext


async def deliver(context: TaskContext, result: WorkerResult) -> WorkerResult:
    """Copy the video of a merge to the job's destination, if it has one.

    The copy in the job's folder stays, so that a merge that is repeated copies again.

    Raises:
        HeliosError: The destination can't be written.
    """
    folder, storage, video = context.folder, context.storage, result.artifact
    if folder is None or storage is None or folder.destination is None or video is None:
        return result
    name = video.url.removeprefix(f"{folder.url.rstrip('/')}/")
    url = str(folder.delivered(name))
    base, key = split_url(url)
    target = await context.resources.destinations.open(base)
    try:
        async with context.workspace(["video"], needs_assets=False) as workspace:
            with context.stopwatch.measure("deliver"):
                await storage.get_file(name, workspace / "video", sha256=video.sha256)
                await target.put_file(key, workspace / "video")
    finally:
        await target.close()
    context.log.info("merge.delivered", url=url, bytes=video.bytes)
    return replace(result, stdout=f"{result.stdout}delivered to {url}\n")
