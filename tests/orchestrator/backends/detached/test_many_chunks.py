"""What looking at a render of 10,000 chunks takes, by a server that answers as S3 does."""

import hashlib
import time
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from helios.contract.job_spec import JobSpec
from helios.network.network_policy import NetworkPolicy
from helios.records.chunk_index import INDEX
from helios.records.chunk_record import chunk_key
from helios.records.spec_slices import slices_of
from helios.storage import open_storage
from helios.worker.sources.allowed_urls import AllowedUrls
from helios.worker.sources.job_source import JobSource
from orchestrator.backends.detached.base import Execution
from orchestrator.backends.detached.renders import DetachedRenders
from orchestrator.delivery.stores import Stores
from orchestrator.model.job_state import JobState
from sandbox.scripted_server import Received, Reply, ScriptedServer
from tests.helios.worker_setup import make_spec
from tests.orchestrator.backends.detached.test_renders import STARTED, Notebook

CHUNKS = 10_000
#: Keys that an answer of S3 lists.
PAGE = 1000
FOLDER = "jobs/film/"


class Bucket:
    """Objects of a bucket, and the requests for them."""

    def __init__(self, server: ScriptedServer) -> None:
        self.objects: dict[str, bytes] = {}
        self.requests = 0
        server.tell(self._answer)

    def _answer(self, request: Received) -> Reply:
        self.requests += 1
        parts = urlsplit(request.path)
        _, _, key = unquote(parts.path).lstrip("/").partition("/")
        if "list-type" in parts.query:
            return self._page(parse_qs(parts.query))
        data = self.objects.get(key)
        if data is None:
            code = "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>"
            return Reply(404, code.encode(), {"Content-Type": "application/xml"})
        headers = {
            "ETag": '"1"',
            "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
            "x-amz-meta-sha256": hashlib.sha256(data).hexdigest(),
        }
        return Reply(200, data, headers)

    def _page(self, query: dict[str, list[str]]) -> Reply:
        prefix = query.get("prefix", [""])[0]
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        page = keys[:PAGE]
        items = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key])}</Size>"
            '<ETag>"1"</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>'
            for key in page
        )
        more = f"<NextContinuationToken>{page[-1]}</NextContinuationToken>" if keys[PAGE:] else ""
        body = (
            f"<ListBucketResult><IsTruncated>{'true' if more else 'false'}</IsTruncated>"
            f"{more}{items}</ListBucketResult>"
        )
        return Reply(200, body.encode(), {"Content-Type": "application/xml"})


@pytest.fixture(scope="module")
def spec() -> JobSpec:
    return make_spec(chunks=CHUNKS, id="film")


@pytest.fixture
def bucket(receiver: ScriptedServer, spec: JobSpec, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name, value in {
        "AWS_ENDPOINT_URL": receiver.endpoint,
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    made = Bucket(receiver)
    made.objects[f"{FOLDER}job.json"] = spec.to_json().encode()
    return made


def entry(spec: JobSpec, chunk_id: int) -> str:
    """Return the key of a chunk's entry in the index, a second after that of the one before."""
    moment = 1_767_225_600_000 + 1000 * chunk_id
    return f"{FOLDER}{INDEX}{moment:013d}-{chunk_id}-{chunk_key(spec, spec.chunk(chunk_id))}"


async def test_a_status_takes_few_requests_and_a_look_at_what_is_new_fewer(
    bucket: Bucket, spec: JobSpec
) -> None:
    for chunk_id in range(CHUNKS - 1):
        bucket.objects[entry(spec, chunk_id)] = b""
        # What else workers leave of a chunk.
        for ending in ("mp4", "json", "boundary"):
            bucket.objects[f"{FOLDER}chunks/{chunk_id}-key.{ending}"] = b""
    backend = Notebook("s3://bucket")
    backend.known["film"] = Execution(
        job_id="film", name="run:film", state=JobState.RUNNING, started_at=STARTED
    )
    async with Stores() as stores:
        renders = DetachedRenders(backend, stores)
        began = time.perf_counter()
        status = await renders.status("film")
        print(f"status: {time.perf_counter() - began:.2f} s, {bucket.requests} requests")
        assert len(status.done) == CHUNKS - 1
        assert bucket.requests <= 20

        looks = []
        async for found in renders.watch("film", interval=0.01):
            looks.append((bucket.requests, len(found.done)))
            if len(looks) == 2:
                bucket.objects[entry(spec, CHUNKS - 1)] = b""
            if len(looks) == 4:
                break
        assert [done for _, done in looks[1:]] == [CHUNKS - 1, CHUNKS, CHUNKS]
        # One page of the index, and the outcome that isn't there.
        assert looks[3][0] - looks[2][0] <= 3


async def test_a_cold_worker_reads_little_of_a_large_spec(bucket: Bucket, spec: JobSpec) -> None:
    data = bucket.objects[f"{FOLDER}job.json"]
    for key, part in slices_of(spec, data).items():
        bucket.objects[FOLDER + key] = part
        assert len(part) < len(data) / 50
    job = f"s3://bucket/{FOLDER}job.json"
    loads = {}
    for chunk_id in (None, 7777):
        source = JobSource(
            allowed=AllowedUrls(["s3://bucket"]),
            network=NetworkPolicy(),
            storage_opener=open_storage,
        )
        began = time.process_time()
        loads[chunk_id] = await source.load(job, chunk_id=chunk_id)
        print(f"chunk {chunk_id}: {(time.process_time() - began) * 1000:.0f} ms of CPU")
    assert loads[7777].chunk(7777) == loads[None].chunk(7777)
