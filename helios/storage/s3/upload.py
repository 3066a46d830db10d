"""Uploads a file to S3 in parallel parts."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, BinaryIO, TypedDict

from obstore.store import S3Store

from helios.concurrency import CancelToken, finish_despite_cancel, run_blocking
from helios.errors import ArtifactCorrupt
from helios.storage.parts import PART, Lanes, part_size

if TYPE_CHECKING:
    from obstore import Attributes

#: Seconds for a cancelled upload to delete its parts.
_ABORT_TIME = 5.0


class PutOptions(TypedDict):
    """Options of obstore for a new object."""

    attributes: "Attributes"
    tags: dict[str, str]


async def upload(
    store: S3Store,
    key: str,
    source: BinaryIO,
    size: int,
    *,
    sha256: str,
    options: "PutOptions",
    lanes: Lanes,
) -> None:
    """Upload a file; fail without storing it if its digest has changed."""
    token = CancelToken()

    async def parts() -> AsyncIterator[bytes]:
        digest = hashlib.sha256()
        length = part_size(size)

        def read(_token: CancelToken) -> bytes:
            part = source.read(length)
            digest.update(part)
            return part

        while part := await run_blocking(read):
            token.check()
            yield part
        if digest.hexdigest() != sha256:
            raise ArtifactCorrupt(f"{key}: the file changed while it was stored")

    sending = asyncio.ensure_future(
        store.put_async(
            key,
            parts(),
            **options,
            use_multipart=size > PART,
            chunk_size=part_size(size),
            max_concurrency=lanes.each,
        )
    )
    try:
        await asyncio.shield(sending)
    except asyncio.CancelledError:
        # A failing source makes obstore abort the upload; cancelling it would leave its parts.
        token.cancel()
        await finish_despite_cancel(_outlive(sending))
        raise


async def _outlive(sending: "asyncio.Future[Any]") -> None:
    await asyncio.wait([sending], timeout=_ABORT_TIME)
    sending.cancel()
    await asyncio.wait([sending])
    if not sending.cancelled():
        sending.exception()
