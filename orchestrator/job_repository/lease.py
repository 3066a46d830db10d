"""Exclusive leases in object storage, by conditional writes alone."""

import asyncio
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from helios.errors import ArtifactNotFound, HeliosError, JobBusy
from helios.storage.base import ArtifactStorage, StoredObject

#: Seconds without a sign of life after which a lease may be taken over.
TERM = 60.0
#: Signs of life within a term.
BEATS = 4


@dataclass(frozen=True, slots=True)
class Holding:
    """A stored lease: its number, its holder, and whether it was released."""

    number: int
    token: str
    holder: str
    released: bool
    beaten: datetime


class StorageClock:
    """The storage's own time, which all of its users share, whatever their clocks say.

    Args:
        storage: Prefix at which a small object is written to read its time.
        folder: Key prefix, with / at its end, of such objects.
    """

    def __init__(self, storage: ArtifactStorage, folder: str) -> None:
        self._storage = storage
        self._folder = folder
        self._offset: float | None = None

    async def now(self) -> datetime:
        """Return the storage's time; it is read once, and this machine's clock may change later."""
        if self._offset is None:
            key = f"{self._folder}{secrets.token_hex(8)}"
            await self._storage.put_bytes(key, b"")
            before = time.monotonic()
            found = await self._storage.stat(key)
            await self._storage.delete(key)
            moment = datetime.now(UTC) if found is None else found.modified
            self._offset = moment.timestamp() - before
        return datetime.fromtimestamp(time.monotonic() + self._offset, UTC)


class Lease:
    """Exclusive lease on a key prefix: the highest number holds it, renewed by heartbeat.

    Each taking of a lease has a number of its own, one higher than the last, written only if it
    isn't there: of several that try, the storage lets one through.

    Args:
        folder: Key prefix of the lease's numbers, with / at its end.
        holder: Name of this process, for the messages of others.
        term: Seconds without a sign of life after which others may take it.
    """

    def __init__(
        self,
        storage: ArtifactStorage,
        folder: str,
        *,
        clock: StorageClock,
        holder: str,
        term: float = TERM,
    ) -> None:
        self._storage = storage
        self._folder = folder
        self._clock = clock
        self._holder = holder
        self._term = term
        self._token = secrets.token_hex(8)
        self._beating: asyncio.Task[None] | None = None
        self.number = 0
        self.lost = False

    async def holding(self) -> Holding | None:
        """Return the current lease; None if there is none."""
        found = await self._last()
        return found if found is not None and await self._holds(found) else None

    async def take(self) -> None:
        """Take the lease, and keep it until `release`; `JobBusy` if another one has it."""
        last = await self._last()
        if last is not None and await self._holds(last):
            raise JobBusy(f"{last.holder} holds it")
        number = 1 if last is None else last.number + 1
        if not await self._storage.create(self._key(number), self._content()):
            raise JobBusy("another process acquired the lease first")
        self.number = number
        self._beating = asyncio.create_task(self._beat())
        for stored in await self._numbers():
            if _number(stored) < number:
                await self._storage.delete(stored.key)

    async def release(self) -> None:
        """Give the lease back; its number stays, so that no number is used twice."""
        if self._beating is None:
            return
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)
        self._beating = None
        if await self._is_ours():
            await self._storage.put_bytes(self._key(self.number), self._content(released=True))

    async def _beat(self) -> None:
        renewed = time.monotonic()
        while not self.lost:
            await asyncio.sleep(self._term / BEATS)
            try:
                if await self._is_ours():
                    await self._storage.put_bytes(self._key(self.number), self._content())
                    renewed = time.monotonic()
                else:
                    self.lost = True
            except HeliosError:
                # Others may take it by then; going on as if nothing were would be two at one job.
                self.lost = time.monotonic() - renewed > self._term

    async def _is_ours(self) -> bool:
        last = await self._last()
        return last is not None and (last.number, last.token) == (self.number, self._token)

    async def _holds(self, found: Holding) -> bool:
        if found.released:
            return False
        return (await self._clock.now() - found.beaten).total_seconds() <= self._term

    async def _last(self) -> Holding | None:
        while True:
            numbers = await self._numbers()
            if not numbers:
                return None
            last = numbers[-1]
            try:
                content: Any = json.loads(await self._storage.get_bytes(last.key))
            except ArtifactNotFound:
                continue
            return Holding(
                number=_number(last),
                token=content["token"],
                holder=content["holder"],
                released=content["released"],
                beaten=last.modified,
            )

    async def _numbers(self) -> Sequence[StoredObject]:
        return await self._storage.list(self._folder)

    def _key(self, number: int) -> str:
        return f"{self._folder}{number:010}"

    def _content(self, *, released: bool = False) -> bytes:
        content = {"token": self._token, "holder": self._holder, "released": released}
        return json.dumps(content).encode()


def _number(stored: StoredObject) -> int:
    return int(stored.key.rpartition("/")[2])
