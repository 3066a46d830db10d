"""Downloads an object from S3 in parallel parts."""

from typing import TYPE_CHECKING, Any, BinaryIO

from obstore.exceptions import BaseError
from obstore.store import S3Store

from helios.storage.checks import check_digest
from helios.storage.parts import PART, Lanes, write_parts
from helios.storage.s3.refusal import Refusal

if TYPE_CHECKING:
    from obstore import Bytes, GetResult

#: Metadata with an object's digest.
SHA256 = "sha256"


async def download(
    store: S3Store, key: str, sink: BinaryIO, *, url: str, sha256: str | None, lanes: Lanes
) -> tuple[str, int]:
    """Write an object to a file; return its digest, which is checked, and its size."""
    sink.seek(0)
    sink.truncate()
    head = await _first_part(store, key)
    version, size = head.meta["e_tag"], head.meta["size"]

    async def part(start: int, end: int) -> "Bytes":
        # All parts must be of the same version of the object.
        options: Any = {"range": (start, end), "if_match": version}
        return await (await store.get_async(key, options=options)).bytes_async()

    first = await head.bytes_async()
    with lanes:
        found = await write_parts(sink, size, part, lanes=lanes, first=first)
    check_digest(url, found, sha256 or head.attributes.get(SHA256))
    return found, size


async def _first_part(store: S3Store, key: str) -> "GetResult":
    try:
        return await store.get_async(key, options={"range": (0, PART)})
    except BaseError as fault:
        if Refusal.of(fault).status != 416:
            raise
        # An empty object has no first byte.
        return await store.get_async(key)
