"""Objects of S3 that are made of others: as few requests as possible, and none of them twice."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from helios.errors import StorageInvalid, StorageUnavailable
from helios.storage import composition_plan
from helios.storage.composition_plan import MIN_PART, Range
from helios.storage.s3 import composition as s3_composition
from helios.storage.s3.composition import S3Composition
from sandbox.storage.object_stores import ObjectStore, create_bucket

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("object_stores")]

SCRATCH = "chunks/joining-"


class CountingClient:
    """A client that counts what it is asked, and can fail."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.exceptions = client.exceptions
        self.calls: Counter[str] = Counter()
        #: Status of the failure of each part from the given number on.
        self.fails_from: int | None = None
        self.status = 503

        #: Called before a request of the given kind.
        self.before: dict[str, Callable[[], None]] = {}
        #: Whether S3 tells what isn't there, as it does to those who may list the bucket.
        self.may_list = True

    def __getattr__(self, method: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls[method] += 1
            self.before.pop(method, lambda: None)()
            if method == "get_object" and not self.may_list:
                return self._get_without_listing(**arguments)
            if method in {"upload_part", "complete_multipart_upload"}:
                self._check_upload(method, **arguments)
            number = arguments.get("PartNumber", 0)
            if self.fails_from is not None and number >= self.fails_from:
                told = {"ResponseMetadata": {"HTTPStatusCode": self.status}, "Error": {}}
                raise ClientError(told, method)  # type: ignore[arg-type]
            return getattr(self._client, method)(**arguments)

        return call

    def _check_upload(self, method: str, **arguments: Any) -> None:
        """Say what S3 says of an upload that isn't there; moto answers with a status of 500."""
        listed = self._client.list_multipart_uploads(Bucket=arguments["Bucket"])
        if arguments["UploadId"] not in {each["UploadId"] for each in listed.get("Uploads", ())}:
            told = {"ResponseMetadata": {"HTTPStatusCode": 404}, "Error": {"Code": "NoSuchUpload"}}
            raise ClientError(told, method)  # type: ignore[arg-type]

    def _get_without_listing(self, **arguments: Any) -> Any:
        try:
            return self._client.get_object(**arguments)
        except self.exceptions.NoSuchKey:
            told = {"ResponseMetadata": {"HTTPStatusCode": 403}, "Error": {"Code": "AccessDenied"}}
            raise ClientError(told, "GetObject") from None  # type: ignore[arg-type]


@pytest.fixture
def bucket(s3: ObjectStore) -> str:
    name = f"bucket-{secrets.token_hex(6)}"
    create_bucket(s3, name)
    return name


@pytest.fixture
def client(s3: ObjectStore) -> CountingClient:
    return CountingClient(
        boto3.client(
            "s3",
            endpoint_url=s3.endpoint,
            region_name=s3.env["AWS_REGION"],
            aws_access_key_id=s3.env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=s3.env["AWS_SECRET_ACCESS_KEY"],
        )
    )


def store(client: Any, bucket: str, sizes: list[int]) -> tuple[list[Range], bytes]:
    """Store objects of these sizes; return their ranges, and all bytes."""
    data = [secrets.token_bytes(size) for size in sizes]
    for number, each in enumerate(data):
        client.put_object(Bucket=bucket, Key=f"chunks/{number}", Body=each)
    ranges = [Range(f"chunks/{number}", 0, len(each)) for number, each in enumerate(data)]
    client.calls.clear()
    return ranges, b"".join(data)


def make(client: Any, bucket: str, ranges: list[Range]) -> None:
    async def work() -> None:
        await S3Composition(client, bucket, scratch=SCRATCH).make("video.mp4", ranges)

    asyncio.run(work())


def read(client: Any, bucket: str) -> bytes:
    return bytes(client.get_object(Bucket=bucket, Key="video.mp4")["Body"].read())


def names(client: Any, bucket: str) -> list[str]:
    listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return [each["Key"] for each in listed if not each["Key"].startswith("chunks/")] + [
        each["Key"] for each in listed if each["Key"].startswith(SCRATCH)
    ]


def test_small_objects_take_one_request_each_and_one_for_each_five_mib(
    client: CountingClient, bucket: str
) -> None:
    ranges, data = store(client, bucket, [1 << 20] * 12)

    make(client, bucket, ranges)

    assert client.calls["upload_part"] == 3
    assert client.calls["upload_part_copy"] == 0
    # One is for what an interrupted attempt left.
    assert client.calls["get_object"] == 12 + 1
    assert read(client, bucket) == data
    assert names(client, bucket) == ["video.mp4"]


def test_large_objects_are_copied_inside_s3(client: CountingClient, bucket: str) -> None:
    ranges, data = store(client, bucket, [MIN_PART, MIN_PART + 3, 9])

    make(client, bucket, ranges)

    assert client.calls["upload_part_copy"] == 3
    assert client.calls["upload_part"] == 0
    assert read(client, bucket) == data


def test_an_interrupted_composition_goes_on_where_it_ended(
    client: CountingClient, bucket: str
) -> None:
    ranges, data = store(client, bucket, [MIN_PART] * 6)
    client.fails_from = 4
    with pytest.raises(ClientError):
        make(client, bucket, ranges)
    first = client.calls["upload_part_copy"]
    client.fails_from = None
    client.calls.clear()

    make(client, bucket, ranges)

    assert first >= 4
    assert 3 <= client.calls["upload_part_copy"] <= 6
    assert client.calls["create_multipart_upload"] == 0
    assert read(client, bucket) == data
    assert names(client, bucket) == ["video.mp4"]


def test_a_composition_that_can_never_work_leaves_nothing(
    client: CountingClient, bucket: str
) -> None:
    ranges, _ = store(client, bucket, [MIN_PART] * 3)
    client.fails_from, client.status = 2, 404

    with pytest.raises(ClientError):
        make(client, bucket, ranges)

    assert names(client, bucket) == []
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


def test_an_upload_that_was_removed_meanwhile_begins_anew(
    client: CountingClient, bucket: str
) -> None:
    ranges, data = store(client, bucket, [MIN_PART] * 3)
    client.fails_from = 2
    with pytest.raises(ClientError):
        make(client, bucket, ranges)
    client.fails_from = None
    for upload in client.list_multipart_uploads(Bucket=bucket)["Uploads"]:
        client.abort_multipart_upload(Bucket=bucket, Key="video.mp4", UploadId=upload["UploadId"])

    make(client, bucket, ranges)

    assert read(client, bucket) == data


def test_more_parts_than_an_object_may_have_are_combined_first(
    client: CountingClient, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (composition_plan, s3_composition):
        monkeypatch.setattr(module, "MAX_PARTS", 4)
    ranges, data = store(client, bucket, [MIN_PART] * 6)

    make(client, bucket, ranges)

    assert client.calls["create_multipart_upload"] == 2
    assert read(client, bucket) == data
    assert names(client, bucket) == ["video.mp4"]


def test_more_bytes_than_an_object_may_have_are_refused_before_any_request(
    client: CountingClient, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("MAX_PARTS", 2), ("MAX_PART", MIN_PART)):
        monkeypatch.setattr(s3_composition, name, value)

    with pytest.raises(StorageInvalid, match="more bytes"):
        make(client, bucket, [Range("chunks/0", 0, 2 * MIN_PART + 1)])

    assert client.calls.total() == 0


class AnsweringClient:
    """Answers at once, to count what thousands of objects take."""

    exceptions = boto3.client("s3", region_name="us-east-1").exceptions

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.copied = self.sent = 0

    def __getattr__(self, method: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls[method] += 1
            if method == "get_object":
                if arguments["Key"].endswith(".json"):
                    raise self.exceptions.NoSuchKey({"Error": {}}, method)
                start, end = map(int, arguments["Range"].removeprefix("bytes=").split("-"))
                return {"Body": Body(end + 1 - start)}
            if method == "upload_part":
                self.sent += len(arguments["Body"])
            if method == "upload_part_copy":
                start, end = map(int, arguments["CopySourceRange"][6:].split("-"))
                self.copied += end + 1 - start
            return {"UploadId": "1", "ETag": "e", "CopyPartResult": {"ETag": "e"}}

        return call


class Body:
    def __init__(self, size: int) -> None:
        self._size = size

    def read(self) -> bytes:
        return bytes(self._size)


@pytest.mark.long
@pytest.mark.slow
def test_ten_thousand_objects_take_fewer_than_two_requests_each() -> None:
    count = 10_000
    counts = {}
    for size in (2_000_000, MIN_PART):
        client = AnsweringClient()
        head = Range("head", 0, 1_000_000)
        make(client, "b", [head, *(Range(str(n), 0, size) for n in range(count))])
        counts[size] = client.calls.total()
        assert client.sent + client.copied >= count * size
        # At most twice: what is combined to stay within 10,000 parts.
        assert client.sent + client.copied < 1.01 * count * size + MIN_PART
    assert counts[2_000_000] < 1.4 * count
    assert counts[MIN_PART] < 1.01 * count


@pytest.mark.parametrize("request_", ["upload_part", "complete_multipart_upload"])
def test_of_two_processes_that_make_the_same_object_both_succeed(
    client: CountingClient, bucket: str, request_: str
) -> None:
    """A step that was tried again while its first try was still running."""
    ranges, data = store(client, bucket, [1 << 20] * 12)
    client.before[request_] = lambda: make(client, bucket, ranges)

    make(client, bucket, ranges)

    assert client.calls["complete_multipart_upload"] == 2 or request_ == "upload_part"
    assert read(client, bucket) == data
    assert names(client, bucket) == ["video.mp4"]


def test_an_upload_that_another_process_ended_without_an_object_can_be_tried_again(
    client: CountingClient, bucket: str
) -> None:
    ranges, data = store(client, bucket, [1 << 20] * 12)

    def abort() -> None:
        (upload,) = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
        client.abort_multipart_upload(Bucket=bucket, Key="video.mp4", UploadId=upload["UploadId"])

    client.before["complete_multipart_upload"] = abort
    with pytest.raises(StorageUnavailable, match="another process") as caught:
        make(client, bucket, ranges)
    assert caught.value.retryable

    make(client, bucket, ranges)
    assert read(client, bucket) == data


def test_credentials_that_may_list_one_folder_alone_are_enough(
    client: CountingClient, bucket: str
) -> None:
    ranges, data = store(client, bucket, [1 << 20] * 12)
    client.may_list = False

    make(client, bucket, ranges)

    client.may_list = True
    assert read(client, bucket) == data
