"""Objects in S3 that a lifecycle may delete early carry the tag that its rules filter on."""

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from helios.storage import open_storage
from helios.storage.composition_plan import MIN_PART, Range
from helios.storage.parts import PART
from helios.storage.s3 import S3Storage
from helios.storage.s3.composition import S3Composition
from sandbox.scripted_server import Reply, ScriptedServer
from sandbox.storage.object_stores import ObjectStore, create_bucket

from .test_s3 import DONE, storage_at

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("object_stores")]

do = asyncio.run
INTERMEDIATE = {"helios": "intermediate"}
CHUNK, OUTPUT = "jobs/1/chunks/0-abc.mp4", "jobs/1/output/video.mp4"

Tags = Callable[[str], dict[str, str]]


@pytest.fixture
def bucket(s3: ObjectStore) -> str:
    name = f"bucket-{secrets.token_hex(6)}"
    create_bucket(s3, name)
    return name


@pytest.fixture
def client(s3: ObjectStore) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        region_name=s3.env["AWS_REGION"],
        aws_access_key_id=s3.env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=s3.env["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture
def tags(client: Any, bucket: str) -> Tags:
    def read(key: str) -> dict[str, str]:
        found = client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in found}

    return read


@pytest.fixture
def storage(s3: ObjectStore, bucket: str) -> Any:
    return open_storage(f"s3://{bucket}", env=s3.env)


def test_an_objects_name_decides_on_its_tags_for_every_way_of_storing(
    storage: S3Storage, tags: Tags, tmp_path: Path
) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x")
    large.write_bytes(bytes(PART + 1))
    names = [CHUNK, "jobs/1/chunks/0-abc.json", "jobs/1/claims/0", "jobs/1/failures/0.json"]
    for name in [*names, OUTPUT, "jobs/1/job.json", "assets/abc.tar.zst"]:
        expected = INTERMEDIATE if name in names else {}
        do(storage.put_bytes(name, b"x"))
        assert tags(name) == expected
        do(storage.put_file(name, small))
        assert tags(name) == expected
        do(storage.put_file(name, large))
        assert tags(name) == expected
        do(storage.delete(name))
        assert do(storage.create(name, b"x"))
        assert tags(name) == expected


def test_a_copy_has_the_tags_of_its_own_name(storage: S3Storage, tags: Tags) -> None:
    do(storage.put_bytes(CHUNK, b"x"))

    do(storage.copy(CHUNK, "jobs/2/chunks/0-abc.mp4"))
    do(storage.copy(CHUNK, OUTPUT))
    do(storage.copy(OUTPUT, "jobs/2/chunks/1-abc.mp4"))

    assert tags("jobs/2/chunks/0-abc.mp4") == INTERMEDIATE
    assert tags(OUTPUT) == {}
    assert tags("jobs/2/chunks/1-abc.mp4") == INTERMEDIATE


def test_what_a_join_makes_on_the_way_is_tagged_and_its_result_is_not(
    storage: S3Storage, client: Any, bucket: str, tags: Tags, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [10, MIN_PART, 20, 30]
    keys = [f"jobs/1/chunks/{number}-abc.mp4" for number in range(len(sizes))]
    for key, size in zip(keys, sizes, strict=True):
        do(storage.put_bytes(key, bytes(size)))

    def refuse(**_: object) -> None:
        """Fail as S3 does for a while."""
        told: Any = {"ResponseMetadata": {"HTTPStatusCode": 503}, "Error": {}}
        raise ClientError(told, "CompleteMultipartUpload")

    async def make() -> None:
        ranges = [Range(key, 0, size) for key, size in zip(keys, sizes, strict=True)]
        composition = S3Composition(client, bucket, scratch="jobs/1/chunks/joining-")
        await composition.make(OUTPUT, ranges)

    with monkeypatch.context() as failing, pytest.raises(ClientError):
        failing.setattr(client, "complete_multipart_upload", refuse)
        do(make())

    left = [entry.key for entry in do(storage.list("jobs/1/chunks/joining-"))]
    assert left
    assert all(tags(key) == INTERMEDIATE for key in left)
    do(make())
    assert tags(OUTPUT) == {}


def test_a_store_without_tags_gets_none(scripted: ScriptedServer) -> None:
    code = b"<Error><Code>NotImplemented</Code><Message>no tags</Message></Error>"
    scripted.tell(Reply(400, code, {"Content-Type": "application/xml"}), DONE, DONE)
    storage = storage_at(scripted.endpoint)

    do(storage.put_bytes(CHUNK, b"x"))
    do(storage.put_bytes(CHUNK, b"y"))

    sent = [
        "x-amz-tagging" in {name.lower() for name in request.headers}
        for request in scripted.requests
    ]
    assert sent == [True, False, False]


def test_r2_is_never_asked_for_tags() -> None:
    storage = storage_at("https://0123456789.r2.cloudflarestorage.com")

    assert not storage._bucket._access.keeps_tags
