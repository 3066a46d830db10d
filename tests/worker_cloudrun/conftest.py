"""The real worker under the real gunicorn, with Google's storage and identity beside it."""

import asyncio
import http.client
import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from helios.contract.job_spec import JobSpec
from helios.storage import ArtifactStorage, open_storage
from orchestrator.adapters.cloud_run import CloudRunAdapter
from orchestrator.adapters.identity import IdentityTokens
from sandbox.containers.images import ENGINE_VARIABLE
from sandbox.google.cloud_run import SERVER, WEBHOOKS_SERVER, LocalCloudRun, local_cloud_run
from sandbox.google.identity.token_server import TokenServer
from sandbox.storage.object_stores import ObjectStore, create_bucket, gcs_server
from tests.helios.worker_setup import drawing, make_spec

_NUMBERS = itertools.count()
#: What images are started with.
SERVERS = (SERVER, WEBHOOKS_SERVER)


def slow(seconds: float, *, chunk: int = 0) -> str:
    """Return a command that says that it began, waits, and draws a chunk."""
    output = f"chunks/{chunk:05d}.mp4"
    # What it starts is known by this number of seconds.
    return f"sh -c 'echo begun; sleep {seconds}; {drawing(chunk, output)}'"


@dataclass(frozen=True)
class Reply:
    """What an HTTP request came back with."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The error's code."""
        return str(self.body["error"]["code"])


@dataclass
class CloudSite:
    """What is around the workers: buckets, identity, a folder."""

    store: ObjectStore
    tokens: TokenServer
    folder: Path
    bucket: str
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def artifacts(self) -> str:
        return f"{self.bucket}/renders"

    def storage(self) -> ArtifactStorage:
        return open_storage(self.artifacts, env=self.store.env)

    def put(self, spec: JobSpec | None = None) -> str:
        """Store a job and return its spec's URL."""
        spec = spec or make_spec()

        async def put() -> str:
            storage = self.storage()
            key = f"jobs/{next(_NUMBERS)}/job.json"
            await storage.put_bytes(key, spec.to_json().encode())
            await storage.close()
            return storage.url_of(key)

        return asyncio.run(put())

    def get(self, url: str | None) -> bytes:
        assert url is not None
        key = url.removeprefix(self.artifacts + "/")

        async def get() -> bytes:
            storage = self.storage()
            found = await storage.get_bytes(key)
            await storage.close()
            return found

        return asyncio.run(get())

    def env(self, **variables: str) -> dict[str, str]:
        """Return a worker's environment."""
        return {
            **self.store.env,
            "HELIOS_ARTIFACTS": self.artifacts,
            "HELIOS_EXECUTABLES": "helios,ffmpeg,ffprobe,sh",
            "HELIOS_CERTS_URL": self.tokens.certs_url,
            **variables,
        }

    @contextmanager
    def service(
        self, *, verify_callers: bool = False, command: tuple[str, ...] = SERVER, **variables: str
    ) -> Iterator["Service"]:
        folder = self.folder / f"service-{next(_NUMBERS)}"
        with local_cloud_run(
            folder=folder,
            variables=self.env(**variables),
            verify_callers=verify_callers,
            command=command,
            engine=os.environ.get(ENGINE_VARIABLE) if command in SERVERS else None,
        ) as running:
            yield Service(running, self.tokens if verify_callers else None)


@dataclass
class Service:
    """A running worker, and ways to ask it."""

    running: LocalCloudRun
    tokens: TokenServer | None

    @property
    def url(self) -> str:
        return self.running.url

    def identity(self) -> IdentityTokens | None:
        tokens = self.tokens
        return None if tokens is None else IdentityTokens(tokens.token)

    def adapter(self, **options: Any) -> CloudRunAdapter:
        return CloudRunAdapter(self.url, **{"tokens": self.identity(), **options})

    def connect(self, *, timeout: float = 60) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        assert parts.hostname
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)

    def ask(
        self,
        method: str,
        path: str = "/",
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        authorize: bool = True,
    ) -> Reply:
        """Send a request as a client that knows only HTTP does."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if data is not None else {}
        if authorize and self.tokens is not None:
            sent["Authorization"] = f"Bearer {self.tokens.token(self.url)}"
        connection = self.connect()
        try:
            connection.request(method, path, body=data, headers={**sent, **(headers or {})})
            response = connection.getresponse()
            return Reply(response.status, dict(response.headers), response.read().decode())
        finally:
            connection.close()

    def events(self) -> list[dict[str, Any]]:
        lines = self.running.log().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudSite]:
    folder = tmp_path_factory.mktemp("cloud")
    with gcs_server() as store, TokenServer(folder / "tokens") as tokens:
        bucket = create_bucket(store, "renders")
        yield CloudSite(store=store, tokens=tokens, folder=folder, bucket=bucket)


@pytest.fixture(scope="session")
def worker(cloud: CloudSite) -> Iterator[Service]:
    """A worker that verifies callers and renders one chunk at a time."""
    with cloud.service(verify_callers=True) as service:
        yield service


@pytest.fixture
def start(cloud: CloudSite) -> Callable[..., AbstractContextManager[Service]]:
    """Start a worker of a test's own."""
    return cloud.service
