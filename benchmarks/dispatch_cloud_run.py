"""Measures the dispatch of 500 concurrent invocations by CloudRunAdapter and by aiohttp alone.

The service is another process that answers immediately, so that the client is measured.
Run `python benchmarks/dispatch_cloud_run.py`; `--json` prints the figures as JSON.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp

from helios.contract.invocation import InvocationResponse
from helios.contract.worker_job import Task, WorkerJob
from orchestrator.adapters.cloud_run import CloudRunAdapter
from orchestrator.adapters.identity import IdentityTokens
from sandbox.google.identity.token_server import TokenServer

#: Number of concurrent invocations.
AT_ONCE = 500
#: Number of bursts of a client; it opens its connections in the first one.
BURSTS = 10

_JOB_PATH = "gs://bucket/jobs/20260101-000000-abcdef01/job.json"
_ARTIFACT = {
    "url": f"{_JOB_PATH[:-8]}chunks/0-0123456789abcdef.mp4",
    "sha256": "0" * 64,
    "bytes": 1,
}


def run(*, runs: int = 5) -> list[dict[str, Any]]:
    """Measure and return a row for each client: median invocations per second.

    Args:
        runs: Number of measurements; clients alternate, so that other load affects both.
    """
    bare: list[float] = []
    ours: list[float] = []
    with (
        answering_at_once() as url,
        tempfile.TemporaryDirectory() as folder,
        TokenServer(Path(folder)) as tokens,
    ):
        for _ in range(runs):
            bare.append(asyncio.run(_bare(url, tokens.token(url))))
            ours.append(asyncio.run(_ours(url, IdentityTokens(tokens.token))))
    ratio = statistics.median(other / mine for mine, other in zip(ours, bare, strict=True))
    return [
        row(f"{AT_ONCE} invocations at once, bare aiohttp", bare),
        row(f"{AT_ONCE} invocations at once, CloudRunAdapter", ours, ratio=ratio),
    ]


async def _ours(url: str, tokens: IdentityTokens) -> float:
    async with CloudRunAdapter(url, tokens=tokens) as adapter:

        async def once(number: int) -> None:
            task = Task(job_path=_JOB_PATH, chunk_id=number)
            result = await adapter.execute(WorkerJob(command="helios", task=task))
            if result.artifact is None:
                raise SystemExit("the response of an invocation has no artifact")

        return await _timed(once)


async def _bare(url: str, token: str) -> float:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Authorization": f"Bearer {token}",
        "X-Serverless-Authorization": f"Bearer {token}",
    }
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def once(number: int) -> None:
            payload = json.dumps({"jobPath": _JOB_PATH, "chunkIndex": number}).encode()
            async with session.post(url, data=payload, headers=headers) as response:
                if "artifact" not in json.loads(await response.read()):
                    raise SystemExit("the response of an invocation has no artifact")

        return await _timed(once)


async def _timed(once: Callable[[int], Awaitable[None]]) -> float:
    """Return the seconds of one burst."""
    started = time.perf_counter()
    for _ in range(BURSTS):
        await asyncio.gather(*(once(number) for number in range(AT_ONCE)))
    return (time.perf_counter() - started) / BURSTS


@contextmanager
def answering_at_once(*, enveloped: bool = False) -> Iterator[str]:
    """Run a service that answers every request with success in a new process; yield its URL.

    Args:
        enveloped: Whether answers have the form of a Lambda function's.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, enveloped), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection, enveloped: bool) -> None:
    body = InvocationResponse.model_validate({"exitCode": 0, "artifact": _ARTIFACT}).body()
    if enveloped:
        body = {"statusCode": 200, "body": json.dumps(body)}
    data = json.dumps(body).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    answer = head % len(data) + data

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: _AtOnce(answer), "127.0.0.1", 0, backlog=2 * AT_ONCE
        )
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


class _AtOnce(asyncio.Protocol):
    """Answers every request with success, with little work, to be faster than every client."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, rest = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        # All clients write it in this form.
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        if len(rest) >= length:
            self._data = rest[length:]
            self._transport.write(self._answer)  # type: ignore[attr-defined]


def row(what: str, seconds: list[float], *, ratio: float | None = None) -> dict[str, Any]:
    """Return a client's figures from the seconds of its bursts."""
    figures: dict[str, Any] = {"what": what, "runs": len(seconds)}
    figures["median_seconds"] = round(statistics.median(seconds), 4)
    figures["per_second"] = round(AT_ONCE / statistics.median(seconds))
    if ratio is not None:
        figures["ratio_to_bare"] = round(ratio, 2)
    return figures


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--runs", type=int, default=5, help="measurements of each")
    options = parser.parse_args()
    rows = run(runs=options.runs)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        ratio = f"{row['ratio_to_bare']:.2f} x bare" if "ratio_to_bare" in row else ""
        print(f"{row['what']:<50}{row['per_second']:>8} a second  {ratio}")


if __name__ == "__main__":
    main()
