"""Composes S3 objects of others by server-side copies.

S3 joins parts of 5 MiB and more, only the last one may be smaller (`UploadPartCopy`). Smaller
objects are therefore first joined with each other behind a filler of 5 MiB, as the last part; since
a part may be a range of an object, the filler stays behind.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from helios.concurrency import run_blocking
from helios.errors import StorageInvalid
from helios.storage.keys import content_type, tags_of

Answer = TypeVar("Answer")

#: Bytes of a part at least, but for the last one.
MIN_PART = 5 << 20
#: Bytes of a part at most.
MAX_PART = 5 << 30
#: Parts of an object at most.
MAX_PARTS = 10_000
#: Requests at once.
PARALLEL = 16


@dataclass(frozen=True)
class Range:
    """Bytes of an object."""

    key: str
    start: int
    end: int

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.end - self.start


class S3Composition:
    """Makes one object of others.

    Parameters
    ----------
    client:
        boto3's client of S3.
    bucket:
        The bucket that all are in.
    scratch:
        What the keys of objects begin with that are made on the way, and removed at the end.
    """

    def __init__(self, client: Any, bucket: str, *, scratch: str) -> None:
        self._client = client
        self._bucket = bucket
        self._scratch = f"{scratch}{secrets.token_hex(8)}/"
        self._made: list[str] = []
        self._filler: Range | None = None
        self._pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="s3-copy")

    async def make(self, key: str, sources: Sequence[Range]) -> None:
        """Make an object of ranges of others, in their order."""
        try:
            groups = _groups(source for source in sources if source.size)
            if any(len(group) > 1 for group in groups):
                await self._put_filler()
            joined = await asyncio.gather(*(self._join(group) for group in groups))
            await self._copy(key, [part for one in joined for part in _parts(one)])
        finally:
            await asyncio.shield(self._clear())
            self._pool.shutdown(wait=False)

    async def _put_filler(self) -> None:
        key = self._new_key()
        await self._call("put_object", Key=key, Body=bytes(MIN_PART), **_tagging(key))
        self._filler = Range(key, 0, MIN_PART)

    async def _join(self, ranges: Sequence[Range]) -> Range:
        """Return a range that holds others, one after another."""
        if len(ranges) == 1:
            return ranges[0]
        middle = len(ranges) // 2
        left, right = await asyncio.gather(self._join(ranges[:middle]), self._join(ranges[middle:]))
        if left.start == 0:
            left = await self._behind(self._filler or left, left)
        return await self._behind(Range(left.key, 0, left.end), right)

    async def _behind(self, head: Range, tail: Range) -> Range:
        key = self._new_key()
        await self._copy(key, [head, tail])
        return Range(key, MIN_PART, head.size + tail.size)

    async def _copy(self, key: str, parts: Sequence[Range]) -> None:
        if len(parts) > MAX_PARTS or any(part.size < MIN_PART for part in parts[:-1]):
            raise StorageInvalid(f"{key}: S3 can't join {len(parts)} parts of such sizes")
        upload = await self._call(
            "create_multipart_upload", Key=key, ContentType=content_type(key), **_tagging(key)
        )
        known = {"Key": key, "UploadId": upload["UploadId"]}
        try:
            copying = (
                self._call(
                    "upload_part_copy",
                    **known,
                    PartNumber=number,
                    CopySource={"Bucket": self._bucket, "Key": part.key},
                    CopySourceRange=f"bytes={part.start}-{part.end - 1}",
                )
                for number, part in enumerate(parts, 1)
            )
            answers = await asyncio.gather(*copying)
            tags = [
                {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}
                for number, answer in enumerate(answers, 1)
            ]
            await self._call("complete_multipart_upload", **known, MultipartUpload={"Parts": tags})
        except BaseException:
            await asyncio.shield(self._call("abort_multipart_upload", **known))
            raise

    def _new_key(self) -> str:
        key = f"{self._scratch}{len(self._made)}"
        self._made.append(key)
        return key

    async def _clear(self) -> None:
        await asyncio.gather(*(self._call("delete_object", Key=key) for key in self._made))

    async def _call(self, method: str, **arguments: Any) -> Any:
        send: Callable[..., Any] = getattr(self._client, method)
        return await run_blocking(
            lambda _token: send(Bucket=self._bucket, **arguments), pool=self._pool
        )


def _tagging(key: str) -> dict[str, str]:
    tags = tags_of(key)
    return {"Tagging": urlencode(tags)} if tags else {}


def _groups(sources: Iterable[Range]) -> list[list[Range]]:
    """Return ranges in groups, each but the last of `MIN_PART` bytes or more."""
    groups: list[list[Range]] = []
    size = MIN_PART
    for source in sources:
        if size >= MIN_PART:
            groups.append([])
            size = 0
        groups[-1].append(source)
        size += source.size
    return groups


def _parts(whole: Range) -> list[Range]:
    """Return a range in parts that S3 copies, none of them too small."""
    count = max(1, -(-whole.size // MAX_PART))
    edges = [whole.start + whole.size * number // count for number in range(count + 1)]
    return [Range(whole.key, edges[number], edges[number + 1]) for number in range(count)]
