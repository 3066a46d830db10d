"""What Google Cloud Storage may answer, and who asks."""

import asyncio
import json
import os
import re
import secrets
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from helios.errors import AccessDenied, StorageInvalid, StorageUnavailable
from helios.storage import open_storage
from helios.storage.gcs import GcsStorage
from sandbox.google.identity.token_server import TokenServer
from sandbox.scripted_server import Received, Reply, ScriptedServer
from sandbox.storage.object_stores import ObjectStore, create_bucket, free_port

do = asyncio.run

DONE = Reply(200, b'{"name": "a/b/key", "size": "4"}', {"Content-Type": "application/json"})


def storage_at(endpoint: str) -> GcsStorage:
    env = {"STORAGE_EMULATOR_HOST": endpoint}
    return GcsStorage("bucket", prefix="a/b", env=env, retry_seconds=1.5)


@pytest.fixture
def storage(scripted: ScriptedServer) -> GcsStorage:
    return storage_at(scripted.endpoint)


def refusal(status: int, message: str = "It can't be.") -> Reply:
    body = json.dumps({"error": {"code": status, "message": message}}).encode()
    return Reply(status, body, {"Content-Type": "application/json"})


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_raise_one_error_for_every_operation(
    scripted: ScriptedServer, storage: GcsStorage, tmp_path: Path, status: int
) -> None:
    scripted.tell(refusal(status, "No rights."))
    (tmp_path / "in").write_bytes(b"x")

    for request in (
        storage.get_bytes("key"),
        storage.get_file("key", tmp_path / "out"),
        storage.put_bytes("key", b""),
        storage.put_file("key", tmp_path / "in"),
        storage.create("key", b""),
        storage.stat("key"),
        storage.list(),
        storage.delete("key"),
    ):
        # Of a 401, Google's client says itself that there is nothing to log in with.
        said = "No rights" if status == 403 else "gs://bucket"
        with pytest.raises(AccessDenied, match=said) as caught:
            do(request)
        grant = "gcloud storage buckets add-iam-policy-binding gs://bucket --role"
        assert (grant in caught.value.hint) == (status == 403)

    assert len(scripted.requests) == 8


def test_a_large_object_is_copied_in_several_requests(
    scripted: ScriptedServer, storage: GcsStorage
) -> None:
    def rewritten(**more: object) -> Reply:
        answer = {"totalBytesRewritten": "1", "objectSize": "4", **more}
        return Reply(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    resource = {"name": "a/b/copy", "size": "4"}
    scripted.tell(
        DONE,
        rewritten(done=False, rewriteToken="more"),
        rewritten(done=True, resource=resource),
    )

    copied = do(storage.copy("key", "copy"))

    assert (copied.url, copied.bytes) == ("gs://bucket/a/b/copy", 4)
    assert [request.method for request in scripted.requests] == ["GET", "POST", "POST"]
    assert "rewriteToken=more" in scripted.requests[2].path


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_transient_failures_are_retried(
    scripted: ScriptedServer, storage: GcsStorage, status: int
) -> None:
    scripted.tell(refusal(status), DONE)

    do(storage.put_bytes("key", b"data"))

    assert len(scripted.requests) == 2


def test_what_does_not_heal_is_unavailable_after_several_tries(
    scripted: ScriptedServer, storage: GcsStorage
) -> None:
    scripted.tell(refusal(503))

    with pytest.raises(StorageUnavailable, match="503") as caught:
        do(storage.get_bytes("key"))

    assert caught.value.retryable
    assert len(scripted.requests) > 2


@pytest.mark.timeout(60)
def test_a_store_that_is_not_there_is_unavailable() -> None:
    storage = storage_at(f"http://127.0.0.1:{free_port()}")

    with pytest.raises(StorageUnavailable, match="gs://bucket/a/b/key"):
        do(storage.get_bytes("key"))


def test_a_request_that_can_never_work_is_not_tried_again(
    scripted: ScriptedServer, storage: GcsStorage
) -> None:
    scripted.tell(refusal(400, "The bucket is of another kind."))

    with pytest.raises(StorageInvalid, match="of another kind"):
        do(storage.put_bytes("key", b""))

    assert len(scripted.requests) == 1


def test_a_lost_answer_is_not_a_lost_race(scripted: ScriptedServer, storage: GcsStorage) -> None:
    """The write arrived, its answer didn't: the second try meets what the first one wrote."""

    def mine(_request: Received) -> Reply:
        writer = re.search(rb'"writer": "(\w+)"', scripted.requests[0].body)
        assert writer
        body = {"name": "a/b/key", "metadata": {"writer": writer[1].decode()}}
        return Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    scripted.tell(Reply(cut=-1), refusal(412), mine)

    assert do(storage.create("key", b"mine"))


# --- credentials ----------------------------------------------------------------------------


def test_a_file_with_credentials_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/absent.json")

    with pytest.raises(AccessDenied, match=r"/absent\.json"):
        do(GcsStorage("bucket", env={}).get_bytes("key"))


def test_missing_credentials_are_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")

    with pytest.raises(AccessDenied, match="gs://bucket/key") as caught:
        do(GcsStorage("bucket", env={}).get_bytes("key"))

    assert "gcloud auth application-default login" in caught.value.hint


def test_a_service_account_signs_urls_with_its_own_key(
    gcs: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_bucket(gcs, "signed-by-key")
    with TokenServer(tmp_path) as tokens:
        key = tokens.service_account_file("signer@sandbox.iam.gserviceaccount.com")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
        storage = open_storage("gs://signed-by-key/x", env={**os.environ, **gcs.env})
        do(storage.put_bytes("film é.mp4", b"film"))

        url = do(storage.presigned_url("film é.mp4", expires=60))

    assert url.startswith(f"{gcs.endpoint}/signed-by-key/x/film%20%C3%A9.mp4?")
    assert "X-Goog-Expires=60" in url
    assert "X-Goog-Credential=signer%40sandbox" in url
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"film"


def test_users_learn_which_credentials_can_sign_urls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TokenServer(tmp_path) as tokens:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tokens.user_file()))
        storage = GcsStorage("bucket", env={})

        with pytest.raises(AccessDenied, match="can't sign") as caught:
            do(storage.presigned_url("key", expires=60))

    assert "--impersonate-service-account" in caught.value.hint


def test_on_google_s_machines_iam_signs_urls(tmp_path: Path) -> None:
    program = (
        "import asyncio, os; from helios.storage.gcs import GcsStorage\n"
        "storage = GcsStorage('bucket', prefix='a', env=os.environ)\n"
        "print(asyncio.run(storage.presigned_url('key', expires=60)))"
    )
    with TokenServer(tmp_path) as tokens:
        env = {**os.environ, **tokens.metadata_env(), **tokens.proxy_env()}
        for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "NO_PROXY"):
            env.pop(name, None)
        run = subprocess.run(
            [sys.executable, "-c", program],
            env={**env, "HOME": str(tmp_path), "CLOUDSDK_CONFIG": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

        assert run.returncode == 0, run.stderr
        url = run.stdout.strip()
        assert url.startswith("https://storage.googleapis.com/bucket/a/key?")
        signature = bytes.fromhex(url.partition("X-Goog-Signature=")[2].partition("&")[0])
        assert signature == tokens.signed_blobs[-1]


def test_google_s_client_is_imported_with_the_first_request(gcs: ObjectStore) -> None:
    create_bucket(gcs, "imported-late")
    program = (
        "import asyncio, sys; from helios.storage import open_storage\n"
        "storage = open_storage('gs://imported-late/x')\n"
        "before = 'google.cloud.storage' in sys.modules\n"
        "assert asyncio.run(storage.list()) == []\n"
        "print(before, 'google.cloud.storage' in sys.modules)"
    )

    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **gcs.env},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.stdout, run.returncode) == ("False True\n", 0), run.stderr


@pytest.mark.parametrize(
    ("key", "marked"),
    [
        ("jobs/1/chunks/0-abc.mp4", True),
        ("jobs/1/failures/0.json", True),
        ("jobs/1/output/video.mp4", False),
        ("jobs/1/job.json", False),
        ("assets/chunks/x", False),
    ],
)
def test_what_may_go_before_the_video_bears_the_time_that_lifecycles_count_from(
    gcs: ObjectStore, key: str, marked: bool
) -> None:
    name = f"marks-{secrets.token_hex(6)}"
    url = create_bucket(gcs, name)
    storage = open_storage(f"{url}/films", env=gcs.env)
    do(storage.put_bytes(key, b"x"))
    do(storage.close())
    path = urllib.parse.quote(f"films/{key}", safe="")
    with urllib.request.urlopen(f"{gcs.endpoint}/storage/v1/b/{name}/o/{path}") as answer:
        assert ("customTime" in json.load(answer)) is marked
