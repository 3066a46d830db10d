import asyncio
from functools import partial

import pytest

from helios.errors import StorageInvalid
from helios.storage import ArtifactStorage, SharedStorages, open_storage
from sandbox.scripted_server import Reply, ScriptedServer

do = asyncio.run

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


@pytest.fixture
def opened() -> list[str]:
    return []


@pytest.fixture
def shared(scripted: ScriptedServer, opened: list[str]) -> SharedStorages:
    env = {"AWS_ENDPOINT_URL": scripted.endpoint, **KEYS}

    def opener(url: str) -> ArtifactStorage:
        opened.append(url)
        return open_storage(url, env=env)

    return SharedStorages(opener)


def test_folders_of_one_bucket_share_its_connections(
    scripted: ScriptedServer, shared: SharedStorages, opened: list[str]
) -> None:
    scripted.tell(Reply(200, headers={"ETag": '"1"'}))

    for url in ("s3://bucket/jobs/1", "s3://bucket/jobs/2/", "s3://bucket"):
        storage = shared(url)
        do(storage.put_bytes("key", b""))
        do(storage.close())

    assert opened == ["s3://bucket"]
    assert [request.path for request in scripted.requests] == [
        "/bucket/jobs/1/key",
        "/bucket/jobs/2/key",
        "/bucket/key",
    ]


def test_other_buckets_and_folders_of_this_machine_are_opened_for_themselves(
    shared: SharedStorages, opened: list[str]
) -> None:
    for url in ("s3://bucket/a", "s3://other/a", "gs://bucket/a", "/folder", "file:///folder"):
        shared(url)

    assert opened == ["s3://bucket", "s3://other", "gs://bucket", "/folder", "file:///folder"]


def test_a_folder_has_the_url_that_it_was_opened_by(shared: SharedStorages) -> None:
    assert shared("s3://bucket/a b/c/").url == "s3://bucket/a b/c"
    assert shared("s3://bucket").url == "s3://bucket"
    assert shared("s3://bucket/a").url_of("key") == "s3://bucket/a/key"


def test_closing_closes_what_was_opened_and_the_next_one_opens_anew(
    shared: SharedStorages, opened: list[str]
) -> None:
    shared("s3://bucket/a")
    do(shared.close())
    shared("s3://bucket/a")

    assert opened == ["s3://bucket"] * 2


@pytest.mark.parametrize("url", ["s3://bucket/../x", "http://host/x", "s3://"])
def test_what_names_no_place_is_refused(url: str) -> None:
    with pytest.raises(StorageInvalid):
        SharedStorages(partial(open_storage, env={}))(url)
