"""Makes S3 objects of others, by server-side copies where S3 allows them, and resumes that."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

from helios.concurrency import map_limited, run_blocking
from helios.errors import StorageInvalid, StorageUnavailable
from helios.storage.composition_plan import (
    MAX_PART,
    MAX_PARTS,
    Part,
    Range,
    count_to_combine,
    plan_parts,
    size_of,
)
from helios.storage.keys import content_type, tags_of

#: Codes of what another process has ended: an upload, or an object that was made for one.
_GONE = frozenset({"NoSuchUpload", "NoSuchKey"})
#: Parts on their way at once; those that pass through here take up to 10 MiB of memory each.
PARALLEL = 16


class S3Composition:
    """Makes one object of ranges of others.

    What was done before an interruption isn't done again: the multipart upload is found by a small
    object, whose name is made of all that determines the parts.

    Args:
        client: boto3's client of S3; safe to use from threads.
        bucket: The bucket that all objects are in.
        scratch: What the keys of temporary objects begin with.
    """

    def __init__(self, client: Any, bucket: str, *, scratch: str) -> None:
        self._client = client
        self._bucket = bucket
        self._scratch = scratch
        self._pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="s3-compose")

    async def make(self, key: str, sources: Sequence[Range]) -> None:
        """Make an object of ranges of others, in their order.

        Raises:
            StorageInvalid: There are more bytes than an object may have.
            StorageUnavailable: Another process makes the same object, and ended an upload
                meanwhile; another try may succeed.
            botocore.exceptions.ClientError: S3 refuses. What was copied so far is kept for another
                attempt.
        """
        if sum(source.size for source in sources) > MAX_PARTS * MAX_PART:
            raise StorageInvalid(f"{key}: more bytes than an object may have")
        parts = plan_parts(sources)
        combined: list[str] = []
        try:
            while count := count_to_combine(parts):
                first = parts[:count]
                name = f"{self._scratch}{_digest(first)}-combined"
                await self._upload(name, first)
                combined.append(name)
                parts = [*plan_parts([Range(name, 0, size_of(first))]), *parts[count:]]
            await self._upload(key, parts)
            for name in combined:
                await self._call("delete_object", Key=name)
        finally:
            self._pool.shutdown(wait=False)

    async def _upload(self, key: str, parts: Sequence[Part]) -> None:
        """Make an object of parts, and go on with an upload of the same that was interrupted."""
        state = f"{self._scratch}{_digest(parts, key)}.json"
        upload, done = await self._unfinished(state, key)
        if upload is None:
            begun = await self._call(
                "create_multipart_upload", Key=key, ContentType=content_type(key), **_tagging(key)
            )
            upload = str(begun["UploadId"])
            body = json.dumps({"uploadId": upload}).encode()
            await self._call("put_object", Key=state, Body=body, **_tagging(state))
        known = {"Key": key, "UploadId": upload}
        left = [number for number in range(1, len(parts) + 1) if number not in done]
        try:
            made = await map_limited(
                lambda number: self._part(known, number, parts[number - 1]), left, limit=PARALLEL
            )
            tags = {**done, **dict(zip(left, made, strict=True))}
            listed = [{"PartNumber": number, "ETag": tags[number]} for number in sorted(tags)]
            await self._call(
                "complete_multipart_upload", **known, MultipartUpload={"Parts": listed}
            )
        except self._client.exceptions.ClientError as fault:
            if _code(fault) not in _GONE:
                if not _is_transient(fault):
                    await self._call("abort_multipart_upload", **known)
                    await self._call("delete_object", Key=state)
                raise
            # Of two processes that make the same object, one ends the upload of both.
            if await self._size(key) != size_of(parts):
                raise StorageUnavailable(f"{key}: another process makes it as well") from fault
        await self._call("delete_object", Key=state)

    async def _size(self, key: str) -> int | None:
        """Return the bytes of an object; None without one."""
        try:
            return int((await self._call("head_object", Key=key))["ContentLength"])
        except self._client.exceptions.ClientError:
            return None

    async def _unfinished(self, state: str, key: str) -> tuple[str | None, Mapping[int, str]]:
        """Return an interrupted upload, and the tags of the parts that it has, by number."""
        errors = self._client.exceptions
        try:
            there = await self._call("get_object", Key=state)
            upload = str(json.loads(there["Body"].read())["uploadId"])
            done: dict[int, str] = {}
            more: dict[str, int] = {}
            while True:
                page = await self._call("list_parts", Key=key, UploadId=upload, **more)
                done |= {part["PartNumber"]: part["ETag"] for part in page.get("Parts", ())}
                if not page.get("IsTruncated"):
                    return upload, done
                more = {"PartNumberMarker": page["NextPartNumberMarker"]}
        except (errors.NoSuchKey, errors.NoSuchUpload, ValueError, KeyError):
            return None, {}
        except errors.ClientError as fault:
            # What S3 says of objects that aren't there, where one folder alone may be listed.
            if _code(fault) != "AccessDenied":
                raise
            return None, {}

    async def _part(self, known: Mapping[str, Any], number: int, part: Part) -> str:
        """Make one part, and return its tag."""
        if len(part) == 1:
            (only,) = part
            answer = await self._call(
                "upload_part_copy",
                **known,
                PartNumber=number,
                CopySource={"Bucket": self._bucket, "Key": only.key},
                CopySourceRange=f"bytes={only.start}-{only.end - 1}",
            )
            return str(answer["CopyPartResult"]["ETag"])
        body = b"".join([await self._fetch(each) for each in part])
        answer = await self._call("upload_part", **known, PartNumber=number, Body=body)
        return str(answer["ETag"])

    async def _fetch(self, each: Range) -> bytes:
        answer = await self._call(
            "get_object", Key=each.key, Range=f"bytes={each.start}-{each.end - 1}"
        )
        return await run_blocking(lambda _token: bytes(answer["Body"].read()), pool=self._pool)

    async def _call(self, method: str, **arguments: Any) -> Any:
        send: Callable[..., Any] = getattr(self._client, method)
        return await run_blocking(
            lambda _token: send(Bucket=self._bucket, **arguments), pool=self._pool
        )


def _code(fault: Any) -> str:
    return str(fault.response.get("Error", {}).get("Code", ""))


def _is_transient(fault: Any) -> bool:
    status = fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return status >= 500 or status in (408, 429)


def _digest(parts: Sequence[Part], key: str = "") -> str:
    words = [key, *(f"{each.key} {each.start} {each.end}" for part in parts for each in part)]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]


def _tagging(key: str) -> dict[str, str]:
    tags = tags_of(key)
    return {"Tagging": urlencode(tags)} if tags else {}
