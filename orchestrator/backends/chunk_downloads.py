"""Downloads the chunks that workers stored."""

import asyncio
import contextlib
import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

from helios.concurrency import CancelToken, run_blocking
from helios.contract.artifact import Artifact
from helios.contract.job_spec import JobSpec, RenderChunk
from helios.errors import ArtifactCorrupt, ArtifactNotFound
from helios.media.image_archive import unpacking
from helios.records.job_layout import is_packed, record_beside
from orchestrator.delivery.stores import Stores

#: Chunk outputs that are fetched at once.
FETCHES_AT_ONCE = 8
# Tries to fetch one whose bytes come damaged.
_TRIES = 3
_BLOCK = 1 << 20


class ChunkDownloads:
    """Downloads chunk outputs into the job's folder, a few at a time, while others render."""

    def __init__(self, spec: JobSpec, job_dir: Path, *, stores: Stores) -> None:
        self._chunks = {chunk.id: chunk for chunk in spec.chunks}
        self._job_dir = job_dir
        self._stores = stores
        self._limit = asyncio.Semaphore(FETCHES_AT_ONCE)
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def forget(self, chunk_ids: Collection[int]) -> None:
        """Cancel downloads of chunks that are rendered again."""
        tasks = [self._tasks.pop(chunk_id) for chunk_id in chunk_ids if chunk_id in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def begin(self, chunk_id: int, artifact: Artifact) -> None:
        """Fetch a chunk's output in the background; `finish` raises its errors."""
        if chunk_id not in self._tasks:
            coming = self._bring(self._chunks[chunk_id], artifact)
            self._tasks[chunk_id] = asyncio.create_task(coming)

    async def finish(self, artifacts: Mapping[int, Artifact]) -> None:
        """Wait until all outputs are in the job's folder, and fetch those that aren't.

        Raises:
            ArtifactNotFound: A worker's result names no output, or the output no longer exists.
        """
        unknown = sorted(self._chunks.keys() - artifacts.keys())
        if unknown:
            named = ", ".join(map(str, unknown[:20]))
            raise ArtifactNotFound(
                f"chunk {named}: the worker stored nothing, so there is nothing to fetch",
                hint="Does the worker have a storage (HELIOS_ARTIFACTS)?",
            )
        for chunk_id, artifact in artifacts.items():
            self.begin(chunk_id, artifact)
        await asyncio.wait(self._tasks.values())
        failed = [id_ for id_, task in self._tasks.items() if task.exception() is not None]
        faults = [self._tasks.pop(chunk_id).exception() for chunk_id in failed]
        for fault in faults:
            if fault is not None:
                raise fault

    async def stop(self) -> None:
        """End what is still being fetched."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _bring(self, chunk: RenderChunk, artifact: Artifact) -> None:
        target = self._job_dir / chunk.output_file
        packed = is_packed(chunk)
        async with self._limit:
            if not packed and await _is_here(target, artifact):
                return
            async with unpacking(target, packed=packed) as path:
                await self._fetch(artifact, path)

    async def _fetch(self, artifact: Artifact, target: Path) -> None:
        for _ in range(_TRIES - 1):
            with contextlib.suppress(ArtifactCorrupt):
                return await self._stores.fetch(artifact, target)
        try:
            await self._stores.fetch(artifact, target)
        except ArtifactCorrupt:
            # Without a record it is rendered again when the job is resumed.
            await self._stores.delete(record_beside(artifact.url))
            raise


async def _is_here(path: Path, artifact: Artifact) -> bool:
    """Tell whether an earlier run brought the file already."""
    if artifact.sha256 is None:
        return False

    def digest(token: CancelToken) -> str | None:
        try:
            with path.open("rb") as file:
                found = hashlib.sha256()
                while block := file.read(_BLOCK):
                    token.check()
                    found.update(block)
                return found.hexdigest()
        except OSError:
            return None

    return await run_blocking(digest) == artifact.sha256
