"""Storages of every kind, each on a real server."""

import json
import secrets
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest

from helios.storage import ArtifactStorage, open_storage
from helios.storage.gcs import GcsStorage
from helios.storage.s3 import S3Storage
from sandbox.object_stores import ObjectStore, create_bucket, gcs_server, s3_server


@pytest.fixture(scope="session")
def s3() -> Iterator[ObjectStore]:
    with s3_server() as store:
        yield store


@pytest.fixture(scope="session")
def gcs() -> Iterator[ObjectStore]:
    with gcs_server() as store:
        yield store


@dataclass(frozen=True)
class Place:
    """A kind of storage, and how to get at its objects without it.

    Attributes
    ----------
    storage:
        An empty one.
    elsewhere:
        One whose bucket or folder isn't there.
    overwrite:
        Puts an object there by other means; with the digest that is given, or without any.
    leftovers:
        Returns what is neither an object nor was there before.
    """

    kind: str
    storage: ArtifactStorage
    elsewhere: ArtifactStorage
    overwrite: Callable[[str, bytes, str | None], None]
    leftovers: Callable[[], list[str]]


@pytest.fixture(
    params=[
        "local",
        # One server for each kind is enough.
        pytest.param("s3", marks=pytest.mark.xdist_group("object_stores")),
        pytest.param("gcs", marks=pytest.mark.xdist_group("object_stores")),
    ]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        return local_place(tmp_path / "artifacts")
    store: ObjectStore = request.getfixturevalue(request.param)
    return s3_place(store) if request.param == "s3" else gcs_place(store)


@pytest.fixture
def storage(place: Place) -> ArtifactStorage:
    return place.storage


def local_place(folder: Path) -> Place:
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
    return Place("local", storage, open_storage(f"{folder}-missing"), overwrite, leftovers)


def s3_place(store: ObjectStore) -> Place:
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

    storage = open_storage(f"s3://{bucket}/a/b", env=store.env)
    missing = open_storage("s3://missing-bucket/a/b", env=store.env)
    return Place("s3", storage, missing, overwrite, leftovers)


def gcs_place(store: ObjectStore) -> Place:
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
    return Place("gcs", storage, missing, overwrite, list)


@dataclass
class Reply:
    """An answer of a server that answers what it is told to."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Bytes of the body after which the connection breaks.
    cut: int | None = None


class ScriptedServer:
    """A server that gives the answers it was told, then the last of them again and again."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.requests: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.requests.append(f"{self.command} {self.path} {self.headers.get('Range', '')}")
                replies = outer.replies
                self.answer(replies.pop(0) if len(replies) > 1 else replies[0])

            def answer(self, reply: Reply) -> None:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in reply.headers:
                    self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body[: reply.cut])
                if reply.cut is not None:
                    self.close_connection = True

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def s3(self, *, retries: int = 2) -> S3Storage:
        env = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }
        return S3Storage("bucket", prefix="a/b", env=env, retries=retries)

    def gcs(self, *, retry_seconds: float = 1.5) -> GcsStorage:
        env = {"STORAGE_EMULATOR_HOST": self.endpoint}
        return GcsStorage("bucket", prefix="a/b", env=env, retry_seconds=retry_seconds)


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()
