"""Index of finished chunks: small objects beside the records, with keys in order of time.

A folder with 10,000 chunks holds some 30,000 objects. One listing of the index, a third of that,
gives the finished chunks; a listing from a later key gives the newer ones.
"""

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import TypeAdapter, ValidationError

from helios.contract.job_spec import JobSpec
from helios.contract.messages.page_message import PageMessage
from helios.errors import ArtifactNotFound
from helios.records.chunk_record import ChunkRecord, chunk_key
from helios.storage import ArtifactStorage

#: What the keys of entries begin with, in a job's folder.
INDEX = "done/"
#: Bytes beyond which an entry isn't read.
MAX_ENTRY_BYTES = 64 * 1024

_NAME = re.compile(rf"{INDEX}(?P<time>[0-9]{{13}})-(?P<id>[0-9]{{1,18}})-(?P<key>[0-9a-f]+)")
_MESSAGES = TypeAdapter(list[PageMessage])


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """The index entry of a finished chunk.

    Attributes:
        name: The entry's key, which sorts by time.
        time: When the chunk was done, in milliseconds since 1970.
        key: Digest of the chunk's inputs, as returned by `chunk_key`.
        has_problems: Whether its page logged errors or warnings, or threw an exception.
    """

    name: str
    time: int
    chunk_id: int
    key: str
    has_problems: bool

    @classmethod
    def parse(cls, name: str, *, size: int) -> Self | None:
        """Read an object's key; None for anything else."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        return cls(name, int(found["time"]), int(found["id"]), found["key"], has_problems=size > 0)


async def add_to_index(storage: ArtifactStorage, record: ChunkRecord) -> None:
    """Add a chunk whose record is stored to its job's index, even if it is there already."""
    name = f"{INDEX}{_now():013d}-{record.chunk_id}-{record.key}"
    problems = _MESSAGES.dump_json(record.page_problems, by_alias=True, exclude_none=True)
    await storage.put_bytes(name, problems if record.page_problems else b"")


async def index_entries(storage: ArtifactStorage, *, since: int = 0) -> Sequence[IndexEntry]:
    """Return the entries of a job's index, in order of time.

    `since` is in milliseconds since 1970, by the workers' clocks.
    """
    found = await storage.list(INDEX, after=f"{INDEX}{since:013d}")
    entries = (IndexEntry.parse(each.key, size=each.bytes) for each in found)
    return [entry for entry in entries if entry is not None]


async def page_problems(storage: ArtifactStorage, entry: IndexEntry) -> list[PageMessage]:
    """Return the errors and warnings of the page of an entry's chunk."""
    if not entry.has_problems:
        return []
    try:
        return _MESSAGES.validate_json(await storage.get_bytes(entry.name, limit=MAX_ENTRY_BYTES))
    except (ArtifactNotFound, ValidationError):
        return []


class JobIndex:
    """The index of one job, for repeated reads: each lists only entries that may be new.

    Entries of chunks of other assets, commands or renderers don't count.
    """

    #: Seconds by which workers' clocks may differ, or an entry may come late.
    SLACK = 120

    def __init__(self, storage: ArtifactStorage, spec: JobSpec) -> None:
        self.spec = spec
        self._storage = storage
        self._keys = {chunk.id: chunk_key(spec, chunk) for chunk in spec.chunks}
        self._latest = 0
        #: The first entry of each chunk that is done, in the order of time.
        self.entries: dict[int, IndexEntry] = {}

    async def update(self, *, whole: bool = False) -> Sequence[IndexEntry]:
        """Read new entries, and return those of chunks that weren't done before.

        With `whole`, the whole index is read.
        """
        since = 0 if whole else max(0, self._latest - self.SLACK * 1000)
        return self._take(await index_entries(self._storage, since=since))

    def _take(self, found: Iterable[IndexEntry]) -> list[IndexEntry]:
        new = []
        for entry in found:
            self._latest = max(self._latest, entry.time)
            if self._keys.get(entry.chunk_id) != entry.key:
                continue
            if entry.chunk_id not in self.entries:
                new.append(entry)
                self.entries[entry.chunk_id] = entry
        return new

    @property
    def done(self) -> frozenset[int]:
        """Ids of the chunks that are done."""
        return frozenset(self.entries)


def _now() -> int:
    return int(time.time() * 1000)
