"""Storages of every kind, each on a real server."""

import contextlib
import json
import secrets
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import boto3
import pytest

from helios.storage import ArtifactStorage, SharedStorages, open_storage
from sandbox.scripted_server import ScriptedServer
from sandbox.storage.object_stores import ObjectStore, create_bucket, gcs_server, s3_server


@pytest.fixture(scope="session")
def s3() -> Iterator[ObjectStore]:
    with s3_server() as store:
        yield store


@pytest.fixture(scope="session")
def gcs() -> Iterator[ObjectStore]:
    with gcs_server() as store:
        yield store


@dataclass(frozen=True)
class StorageCase:
    """A kind of storage, and how to get at its objects without it.

    Attributes:
        storage: An empty one.
        elsewhere: One whose bucket or folder isn't there.
        overwrite: Puts an object there by other means; with the digest that is given, or without
            any.
        leftovers: Returns what is neither an object nor was there before.
    """

    kind: str
    storage: ArtifactStorage
    elsewhere: ArtifactStorage
    overwrite: Callable[[str, bytes, str | None], None]
    leftovers: Callable[[], list[str]]


#: One server for each kind is enough.
OBJECT_STORE = (pytest.mark.slow, pytest.mark.xdist_group("object_stores"))


@pytest.fixture(
    params=[
        "local",
        pytest.param("s3", marks=OBJECT_STORE),
        pytest.param("gcs", marks=OBJECT_STORE),
        pytest.param("shared", marks=(*OBJECT_STORE, pytest.mark.long)),
    ]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> StorageCase:
    if request.param == "local":
        return local_place(tmp_path / "artifacts")
    if request.param == "gcs":
        return gcs_place(request.getfixturevalue("gcs"))
    store: ObjectStore = request.getfixturevalue("s3")
    shared = SharedStorages(partial(open_storage, env=store.env))
    return s3_place(store, opener=shared) if request.param == "shared" else s3_place(store)


@pytest.fixture
def storage(place: StorageCase) -> ArtifactStorage:
    return place.storage


def local_place(folder: Path) -> StorageCase:
    def overwrite(key: str, data: bytes, sha256: str | None) -> None:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        if sha256 is None:
            path.unlink(missing_ok=True)
        path.write_bytes(data)

    def leftovers() -> list[str]:
        parts = folder.rglob("*.part")
        digests = [path.name.removeprefix(".helios-") for path in folder.rglob("*.sha256")]
        orphans = [name for name in digests if not list(folder.rglob(name[: -len(".sha256")]))]
        return [path.name for path in parts] + orphans

    storage = open_storage(str(folder))
    return StorageCase("local", storage, open_storage(f"{folder}-missing"), overwrite, leftovers)


def s3_place(
    store: ObjectStore, *, opener: Callable[[str], ArtifactStorage] | None = None
) -> StorageCase:
    opener = opener or partial(open_storage, env=store.env)
    bucket = f"bucket-{secrets.token_hex(6)}"
    create_bucket(store, bucket)
    client = boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        region_name=store.env["AWS_REGION"],
        aws_access_key_id=store.env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=store.env["AWS_SECRET_ACCESS_KEY"],
    )

    def overwrite(key: str, data: bytes, sha256: str | None) -> None:
        kept = {"sha256": sha256} if sha256 else {}
        client.put_object(Bucket=bucket, Key=f"a/b/{key}", Body=data, Metadata=kept)

    def leftovers() -> list[str]:
        return [
            upload["Key"]
            for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        ]

    storage, missing = opener(f"s3://{bucket}/a/b"), opener("s3://missing-bucket/a/b")
    return StorageCase("s3", storage, missing, overwrite, leftovers)


def gcs_place(store: ObjectStore) -> StorageCase:
    bucket = f"bucket-{secrets.token_hex(6)}"
    create_bucket(store, bucket)

    def overwrite(key: str, data: bytes, sha256: str | None) -> None:
        known = {"name": f"a/b/{key}", "metadata": {"sha256": sha256} if sha256 else {}}
        head = b"--x\r\nContent-Type: application/json\r\n\r\n" + json.dumps(known).encode()
        body = head + b"\r\n--x\r\nContent-Type: application/x\r\n\r\n" + data + b"\r\n--x--\r\n"
        url = f"{store.endpoint}/upload/storage/v1/b/{bucket}/o?uploadType=multipart"
        headers = {"Content-Type": "multipart/related; boundary=x"}
        urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers)).close()

    storage = open_storage(f"gs://{bucket}/a/b", env=store.env)
    missing = open_storage("gs://missing-bucket/a/b", env=store.env)
    return StorageCase("gcs", storage, missing, overwrite, list)


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    with contextlib.closing(ScriptedServer()) as server:
        yield server
