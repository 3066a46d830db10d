"""Makes storage, disks and clocks of a process fail, which can't be undone."""

import asyncio
import errno
import os
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import helios.storage.local
import orchestrator.job_repository.file
import orchestrator.job_repository.file_claim
from chaos.scene import Scene
from chaos.trouble import Trouble
from helios.contract.artifact import Artifact
from helios.errors import DiskFull, StorageUnavailable
from helios.storage.base import StoredObject
from helios.storage.local import LocalStorage

#: Longest delay of a slow storage in seconds.
SLOW = 0.1
#: Longest jump of a clock in hours.
JUMP = 30.0


def break_storage(  # noqa: C901 - one method after the other
    scene: Scene, trouble: Trouble, draw: random.Random
) -> None:
    """Make requests to storages of this process fail at random."""

    async def meddle(key: str, *, writes: bool = False) -> None:
        if draw.random() < trouble.storage_slow:
            await asyncio.sleep(draw.uniform(0, SLOW))
        if draw.random() < trouble.storage_error:
            scene.note("storage_error", key=key)
            raise StorageUnavailable(f"{key}: injected by chaos")
        if writes and draw.random() < trouble.disk_full:
            scene.note("disk_full", key=key)
            raise DiskFull(f"{key}: injected by chaos")

    class Troubled(LocalStorage):
        async def put_file(self, key: str, path: Path) -> Artifact:
            await meddle(key, writes=True)
            return await super().put_file(key, path)

        async def put_bytes(self, key: str, data: bytes) -> Artifact:
            await meddle(key, writes=True)
            return await super().put_bytes(key, data)

        async def create(self, key: str, data: bytes) -> bool:
            await meddle(key, writes=True)
            return await super().create(key, data)

        async def get_file(self, key: str, path: Path, *, sha256: str | None = None) -> Artifact:
            await meddle(key)
            return await super().get_file(key, path, sha256=sha256)

        async def get_bytes(self, key: str, *, limit: int | None = None) -> bytes:
            await meddle(key)
            return await super().get_bytes(key, limit=limit)

        async def stat(self, key: str) -> StoredObject | None:
            await meddle(key)
            return await super().stat(key)

        async def list(self, prefix: str = "", *, after: str = "") -> Sequence[StoredObject]:
            await meddle(prefix)
            return await super().list(prefix, after=after)

    helios.storage.local.LocalStorage = Troubled  # type: ignore[misc]


def break_records(scene: Scene, trouble: Trouble, draw: random.Random) -> None:
    """Make writes of job records fail at random, as on a full disk."""

    def maybe(write: Callable[[Path, bytes], None]) -> Callable[[Path, bytes], None]:
        def write_or_not(path: Path, data: bytes) -> None:
            if draw.random() < trouble.disk_full:
                scene.note("disk_full", key=path.name)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            write(path, data)

        return write_or_not

    jobs: Any = orchestrator.job_repository.file
    claims: Any = orchestrator.job_repository.file_claim
    jobs.write_durably = claims.write_durably = maybe(claims.write_durably)
    claims.append_durably = maybe(claims.append_durably)


def clock(trouble: Trouble, draw: random.Random) -> Callable[[], datetime]:
    """Return a clock that may jump backwards and forwards."""

    def now() -> datetime:
        jump = draw.uniform(-JUMP, JUMP) if trouble.clock_jumps else 0.0
        return datetime.now(UTC) + timedelta(hours=jump)

    return now
