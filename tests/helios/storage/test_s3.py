"""What S3, or a store like it, may answer, and how its buckets are reached."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from helios.errors import (
    AccessDenied,
    ArtifactCorrupt,
    ArtifactNotFound,
    StorageInvalid,
    StorageUnavailable,
)
from helios.storage import open_storage
from helios.storage.parts import PART
from helios.storage.s3 import S3Storage
from helios.storage.s3.access import S3Access
from sandbox.scripted_server import Received, Reply, ScriptedServer
from sandbox.storage.object_stores import ObjectStore, create_bucket, free_port

do = asyncio.run

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "very-secret"}
STORED = {"ETag": '"1"', "Last-Modified": "Wed, 01 Jan 2025 00:00:00 GMT"}
DONE = Reply(200, headers=STORED)


def storage_at(endpoint: str, *, retries: int = 2, **env: str) -> S3Storage:
    settings = {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1", **KEYS, **env}
    return S3Storage("bucket", prefix="a/b", env=settings, retries=retries)


@pytest.fixture
def storage(scripted: ScriptedServer) -> S3Storage:
    return storage_at(scripted.endpoint)


def refusal(status: int, code: str, message: str = "It can't be.") -> Reply:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Reply(status, body.encode(), {"Content-Type": "application/xml"})


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "AccessDenied"),
        (403, "InvalidAccessKeyId"),
        (403, "SignatureDoesNotMatch"),
        (400, "ExpiredToken"),
        (401, "Unauthorized"),
    ],
)
def test_refused_credentials_raise_one_error_for_every_operation(
    scripted: ScriptedServer, storage: S3Storage, tmp_path: Path, status: int, code: str
) -> None:
    scripted.tell(refusal(status, code))
    (tmp_path / "in").write_bytes(b"x")

    for request in (
        storage.get_bytes("key"),
        storage.get_file("key", tmp_path / "out"),
        storage.put_bytes("key", b""),
        storage.put_file("key", tmp_path / "in"),
        storage.create("key", b""),
        storage.list(),
        storage.delete("key"),
    ):
        with pytest.raises(AccessDenied, match=code) as caught:
            do(request)
        assert not caught.value.retryable

    # Reading asks once more what isn't there, if it isn't the credentials that are at fault.
    assert len(scripted.requests) == (9 if code == "AccessDenied" else 7)


def listed(*names: str) -> Reply:
    found = "".join(
        f"<Contents><Key>a/b/{name}</Key><LastModified>2025-01-01T00:00:00Z</LastModified>"
        '<ETag>"1"</ETag><Size>1</Size></Contents>'
        for name in names
    )
    body = f"<?xml version='1.0'?><ListBucketResult>{found}</ListBucketResult>"
    return Reply(200, body.encode(), {"Content-Type": "application/xml"})


def test_what_is_not_there_is_told_as_such_where_one_folder_alone_may_be_listed(
    scripted: ScriptedServer, storage: S3Storage, tmp_path: Path
) -> None:
    """S3 says "denied" of it to credentials whose right to list is narrowed to a prefix."""
    denied, others = refusal(403, "AccessDenied"), listed("jobs/1/other.json")

    scripted.tell(Reply(403), others)  # a HEAD's answer has no body
    assert do(storage.stat("jobs/1/key.json")) is None
    asked = [(request.method, request.path) for request in scripted.requests]
    assert asked[0] == ("HEAD", "/bucket/a/b/jobs/1/key.json")
    assert "prefix=a%2Fb%2Fjobs%2F1%2F" in asked[1][1]  # what a policy allows
    for read in (storage.get_bytes, lambda key: storage.get_file(key, tmp_path / "out")):
        scripted.tell(denied, others)
        with pytest.raises(ArtifactNotFound, match="there is no such object"):
            do(read("jobs/1/key.json"))

    for there in (listed("jobs/1/key.json"), denied):
        scripted.tell(denied, there)
        with pytest.raises(AccessDenied):
            do(storage.get_bytes("jobs/1/key.json"))


def test_an_answer_without_a_body_still_tells_that_access_is_denied(
    scripted: ScriptedServer, storage: S3Storage
) -> None:
    scripted.tell(Reply(403))

    with pytest.raises(AccessDenied, match="403"):
        do(storage.stat("key"))


def test_no_message_holds_a_secret(scripted: ScriptedServer) -> None:
    storage = storage_at(scripted.endpoint, AWS_SESSION_TOKEN="session-secret")
    for reply in (refusal(403, "AccessDenied"), refusal(400, "InvalidRequest"), Reply(500)):
        scripted.tell(reply)
        with pytest.raises((AccessDenied, StorageInvalid, StorageUnavailable)) as caught:
            do(storage.put_bytes("key", b""))

        for secret in ("very-secret", "session-secret", "Signature=", "AWS4-HMAC"):
            assert secret not in str(caught.value)


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_transient_failures_are_retried(
    scripted: ScriptedServer, storage: S3Storage, status: int
) -> None:
    scripted.tell(refusal(status, "SlowDown"), refusal(status, "SlowDown"), DONE)

    do(storage.put_bytes("key", b"data"))

    assert [request.method for request in scripted.requests] == ["PUT"] * 3


def test_a_connection_that_breaks_before_the_answer_is_tried_again(
    scripted: ScriptedServer, storage: S3Storage
) -> None:
    scripted.tell(Reply(cut=-1), DONE)

    do(storage.put_bytes("key", b"data"))

    assert len(scripted.requests) == 2


def test_what_does_not_heal_is_unavailable_after_several_tries(
    scripted: ScriptedServer, storage: S3Storage
) -> None:
    scripted.tell(refusal(503, "SlowDown", "Reduce your request rate."))

    with pytest.raises(StorageUnavailable, match="503 SlowDown Reduce") as caught:
        do(storage.get_bytes("key"))

    assert caught.value.retryable
    assert len(scripted.requests) == 3


@pytest.mark.timeout(60)
def test_a_store_that_is_not_there_is_unavailable() -> None:
    storage = storage_at(f"http://127.0.0.1:{free_port()}")

    with pytest.raises(StorageUnavailable, match="s3://bucket/a/b/key"):
        do(storage.get_bytes("key"))


def test_a_request_that_can_never_work_is_not_tried_again(
    scripted: ScriptedServer, storage: S3Storage
) -> None:
    scripted.tell(refusal(400, "InvalidRequest", "Object lock needs a checksum."))

    with pytest.raises(StorageInvalid, match=r"InvalidRequest Object lock needs a checksum\."):
        do(storage.put_bytes("key", b""))

    assert len(scripted.requests) == 1


def test_a_body_that_breaks_off_is_fetched_on_from_there(
    scripted: ScriptedServer, storage: S3Storage
) -> None:
    body = bytes(range(200))

    def rest(request: Received) -> Reply:
        start = int(request.headers["range"].removeprefix("bytes=").partition("-")[0])
        span = {"Content-Range": f"bytes {start}-199/200"}
        return Reply(206, body[start:], STORED | span)

    scripted.tell(Reply(200, body, STORED, cut=100), rest)

    assert do(storage.get_bytes("key")) == body


def test_a_body_that_keeps_breaking_off_leaves_no_file(
    scripted: ScriptedServer, storage: S3Storage, tmp_path: Path
) -> None:
    scripted.tell(Reply(200, bytes(200), STORED, cut=100))

    with pytest.raises(StorageUnavailable):
        do(storage.get_file("key", tmp_path / "out" / "file"))

    assert not list((tmp_path / "out").glob("*"))


def test_an_object_that_is_replaced_between_its_parts_is_not_mixed(
    scripted: ScriptedServer, storage: S3Storage, tmp_path: Path
) -> None:
    size = 2 * PART
    span = {"Content-Range": f"bytes 0-{PART - 1}/{size}"}
    scripted.tell(Reply(206, bytes(PART), STORED | span), refusal(412, "PreconditionFailed"))

    with pytest.raises(ArtifactCorrupt, match="replaced while it was fetched"):
        do(storage.get_file("key", tmp_path / "out"))

    assert scripted.requests[1].headers["if-match"] == '"1"'


def test_a_lost_answer_is_not_a_lost_race(scripted: ScriptedServer, storage: S3Storage) -> None:
    """The write arrived, its answer didn't: the second try meets what the first one wrote."""

    def mine(_request: Received) -> Reply:
        writer = scripted.requests[0].headers["x-amz-meta-writer"]
        return Reply(200, headers=STORED | {"x-amz-meta-writer": writer})

    scripted.tell(Reply(cut=-1), refusal(412, "PreconditionFailed"), mine)

    assert do(storage.create("key", b"mine"))
    assert [r.headers.get("if-none-match") for r in scripted.requests] == ["*", "*", None]


def test_a_race_that_is_not_decided_yet_is_run_again(
    scripted: ScriptedServer, storage: S3Storage
) -> None:
    scripted.tell(refusal(409, "ConditionalRequestConflict"), DONE)

    assert do(storage.create("key", b"mine"))


def test_parts_that_were_sent_are_taken_back_if_a_later_one_fails(
    scripted: ScriptedServer, storage: S3Storage, tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(bytes(PART + 1))

    def answer(request: Received) -> Reply:
        if request.method == "POST":
            return Reply(
                200,
                b"<InitiateMultipartUploadResult><UploadId>7</UploadId>"
                b"</InitiateMultipartUploadResult>",
            )
        if request.method == "DELETE":
            return Reply(204)
        return DONE if "partNumber=1" in request.path else refusal(400, "EntityTooLarge")

    scripted.tell(answer)

    with pytest.raises(StorageInvalid, match="EntityTooLarge"):
        do(storage.put_file("key", tmp_path / "in"))

    assert ("DELETE", True) in [(r.method, "uploadId=7" in r.path) for r in scripted.requests]


# --- regions --------------------------------------------------------------------------------


def region_of(request: Received) -> str:
    return request.headers["authorization"].split("/")[2]


@pytest.mark.parametrize(
    "wrong",
    [
        Reply(301),
        refusal(301, "PermanentRedirect"),
        refusal(400, "AuthorizationHeaderMalformed", "expecting 'eu-west-1'"),
    ],
)
def test_a_bucket_in_another_region_is_found_there(
    scripted: ScriptedServer, storage: S3Storage, wrong: Reply
) -> None:
    scripted.tell(wrong, Reply(301, headers={"x-amz-bucket-region": "eu-west-1"}), DONE)

    do(storage.put_bytes("key", b""))
    do(storage.put_bytes("key", b""))

    first, question, *others = scripted.requests
    assert region_of(first) == "us-east-1"
    assert (question.method, question.path) == ("HEAD", "/bucket")
    assert [region_of(request) for request in others] == ["eu-west-1"] * 2


def test_a_bucket_that_is_in_no_region_is_given_up(
    scripted: ScriptedServer, storage: S3Storage
) -> None:
    scripted.tell(refusal(301, "PermanentRedirect"))

    with pytest.raises((StorageInvalid, StorageUnavailable), match="region"):
        do(storage.put_bytes("key", b""))

    assert len(scripted.requests) < 6


def test_a_bucket_without_a_region_is_asked_for_only_at_amazon(s3: ObjectStore) -> None:
    create_bucket(s3, "no-region")
    env = {"AWS_ENDPOINT_URL_S3": s3.endpoint, **KEYS}

    storage = open_storage("s3://no-region/x", env=env)

    do(storage.put_bytes("key", b"x"))
    assert do(storage.get_bytes("key")) == b"x"


# --- how a bucket is reached ------------------------------------------------------------------


def opened(bucket: str = "bucket", **env: str) -> Mapping[str, object]:
    config = (
        S3Access(bucket, prefix="", env={"AWS_REGION": "eu-west-1", **KEYS, **env}).open().config
    )
    return dict(config)


def test_a_bucket_at_amazon_has_a_host_of_its_own_unless_its_name_has_dots() -> None:
    def has_host(**reached: Any) -> bool:
        return opened(**reached)["virtual_hosted_style_request"] == "true"

    assert has_host()
    assert not has_host(bucket="bucket.with.dots")
    assert not has_host(AWS_ENDPOINT_URL="http://localhost:9")


def test_an_endpoint_for_s3_alone_goes_before_one_for_all_services(
    scripted: ScriptedServer,
) -> None:
    scripted.tell(DONE)
    storage = storage_at("http://127.0.0.1:9", AWS_ENDPOINT_URL_S3=scripted.endpoint)

    do(storage.put_bytes("key", b""))

    assert scripted.requests[0].path == "/bucket/a/b/key"


def test_temporary_credentials_are_sent_whole(scripted: ScriptedServer) -> None:
    scripted.tell(DONE)
    storage = storage_at(scripted.endpoint, AWS_SESSION_TOKEN="temporary")

    do(storage.put_bytes("key", b""))

    assert scripted.requests[0].headers["x-amz-security-token"] == "temporary"
    assert "AKIDEXAMPLE" in scripted.requests[0].headers["authorization"]


def test_a_public_bucket_is_read_without_credentials(scripted: ScriptedServer) -> None:
    scripted.tell(Reply(200, b"open", STORED))
    env = {"AWS_ENDPOINT_URL": scripted.endpoint, "AWS_SKIP_SIGNATURE": "true"}
    storage = S3Storage("bucket", env=env)

    assert do(storage.get_bytes("key")) == b"open"
    assert "authorization" not in scripted.requests[0].headers


@pytest.fixture
def without_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """An environment in which AWS credentials are in a file, if anywhere."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))

    def write(text: str) -> None:
        (tmp_path / "credentials").write_text(text)

    return write


def test_a_profile_gives_credentials_where_the_environment_has_none(
    scripted: ScriptedServer, without_keys: Callable[[str], None]
) -> None:
    without_keys("[other]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = secret\n")
    scripted.tell(DONE)
    env = {"AWS_ENDPOINT_URL": scripted.endpoint, "AWS_PROFILE": "other"}

    do(S3Storage("bucket", env=env).put_bytes("key", b""))

    assert "AKIDPROFILE" in scripted.requests[0].headers["authorization"]


@pytest.mark.parametrize("profile", ["", "absent"])
def test_missing_credentials_are_told_before_anything_is_asked(
    scripted: ScriptedServer, without_keys: Callable[[str], None], profile: str
) -> None:
    env = {"AWS_ENDPOINT_URL": scripted.endpoint}
    if profile:
        env["AWS_PROFILE"] = profile

    with pytest.raises(AccessDenied, match="no AWS credentials") as caught:
        do(S3Storage("bucket", env=env).get_bytes("key"))

    assert profile in caught.value.message
    assert "aws sso login" in caught.value.hint
    assert scripted.requests == []


def test_a_list_of_certificates_that_is_missing_is_named() -> None:
    with pytest.raises(StorageInvalid, match=r"AWS_CA_BUNDLE: /absent\.pem"):
        opened(AWS_CA_BUNDLE="/absent.pem")


def test_keys_in_the_environment_need_no_boto3(s3: ObjectStore) -> None:
    create_bucket(s3, "no-boto3")
    program = (
        "import asyncio, sys; from helios.storage import open_storage\n"
        "async def main():\n"
        "    storage = open_storage('s3://no-boto3/x')\n"
        "    await storage.put_bytes('key', b'data')\n"
        "    assert await storage.get_bytes('key') == b'data'\n"
        "asyncio.run(main())\n"
        "print('boto3' in sys.modules, 'botocore' in sys.modules)"
    )

    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **s3.env},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.stdout, run.returncode) == ("False False\n", 0), run.stderr


@pytest.mark.proof
@pytest.mark.slow
@pytest.mark.xdist_group("object_stores")
def test_a_listing_goes_beyond_one_page_and_so_does_deleting(s3: ObjectStore) -> None:
    create_bucket(s3, "many-objects")
    storage = open_storage("s3://many-objects/x", env=s3.env)

    async def fill() -> None:
        await asyncio.gather(*(storage.put_bytes(f"many/{n:04}", b"") for n in range(1002)))

    do(fill())

    assert [entry.key for entry in do(storage.list("many/"))] == [
        f"many/{n:04}" for n in range(1002)
    ]
    assert do(storage.delete_prefix("many/")) == 1002
    assert do(storage.list()) == []
