"""Downloads from real servers, some of which stand in forbidden networks."""

import asyncio
import contextlib
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from helios.errors import (
    AccessDenied,
    ArtifactNotFound,
    HeliosError,
    PayloadTooLarge,
    SourceForbidden,
    StorageUnavailable,
)
from helios.network import download as module
from helios.network.download import Download
from helios.network.network_policy import NetworkPolicy

#: Names of the tests' network. What is "public" is a server of this machine.
NAMES = {
    "public.test": ["127.0.0.1"],
    "private.test": ["10.0.0.1"],
    "metadata.test": ["169.254.169.254"],
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """A web server of this machine, and what it was asked for."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=lambda: dict(NAMES))

    def url(self, path: str, *, host: str = "public.test") -> str:
        return f"http://{host}:{self.port}{path}"

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.resolved.append(host)
        if host in self.names:
            return self.names[host]
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
        return [host]

    def download(self, *, limit: int = 10_000, timeout: float = 30) -> Download:
        # Of this machine's addresses, one plays the public internet; the others stay forbidden.
        policy = _OnePublic(resolve=self.resolve)
        return Download(network=policy, check=lambda _: None, limit=limit, timeout=timeout)


class _OnePublic(NetworkPolicy):
    def allows(self, address: str) -> bool:
        return address == "127.0.0.1" or super().allows(address)


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[Server]:
    server = Server()

    async def record(request: web.Request) -> web.StreamResponse:
        server.asked.append(request.path_qs)
        return await handler(request)

    app = web.Application()
    app.router.add_get("/{path:.*}", record)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.port = runner.addresses[0][1]
        yield server
    finally:
        await runner.cleanup()


def fetch(
    handler: Handler, path: str = "/job.json", *, limit: int = 10_000, timeout: float = 30
) -> tuple[bytes, Server]:
    async def main() -> tuple[bytes, Server]:
        async with serving(handler) as server:
            url = path if path.startswith("http") else server.url(path)
            url = url.replace("PORT", str(server.port))
            try:
                return await server.download(limit=limit, timeout=timeout).get(url), server
            except HeliosError as error:
                error.add_note(f"asked {len(server.asked)} times")
                raise

    return asyncio.run(main())


async def hello(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"hello")


def redirecting(*hops: str) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        number = int(request.query.get("hop", "0"))
        if number == len(hops):
            return web.Response(body=b"arrived")
        return web.Response(status=302, headers={"Location": hops[number]})

    return answer


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.001)


def test_what_a_url_leads_to_is_fetched() -> None:
    data, server = fetch(hello, "/jobs/job.json?signature=x")
    assert data == b"hello"
    assert server.asked == ["/jobs/job.json?signature=x"]


def test_a_name_is_resolved_once() -> None:
    _, server = fetch(hello)
    assert server.resolved == ["public.test"]


@pytest.mark.parametrize(
    "host", ["private.test", "metadata.test", "127.0.0.2", "[::1]", "10.0.0.1"]
)
def test_a_forbidden_network_is_not_connected_to(host: str) -> None:
    with pytest.raises(SourceForbidden) as refused:
        fetch(hello, f"http://{host}:PORT/job.json")
    assert refused.value.__notes__ == ["asked 0 times"]


@pytest.mark.parametrize("host", ["private.test", "metadata.test", "127.0.0.2", "[::1]"])
def test_a_redirect_into_a_forbidden_network_is_not_followed(host: str) -> None:
    with pytest.raises(SourceForbidden) as refused:
        fetch(redirecting(f"http://{host}/latest/meta-data?hop=1"))
    assert refused.value.__notes__ == ["asked 1 times"]


def test_a_name_that_changes_its_meaning_gains_nothing() -> None:
    async def main() -> None:
        async with serving(redirecting("/again?hop=1")) as server:
            answers = [["127.0.0.1"], ["169.254.169.254"]]

            async def resolve(host: str, port: int) -> Sequence[str]:
                return answers.pop(0)

            policy = _OnePublic(resolve=resolve)
            download = Download(network=policy, check=lambda _: None, limit=100)
            # The first connection goes to the address that was checked; a new look-up for the
            # redirect is checked anew.
            with contextlib.suppress(SourceForbidden):
                assert await download.get(server.url("/job.json")) == b"arrived"
            assert server.asked[0] == "/job.json"
            assert all(path.startswith(("/job.json", "/again")) for path in server.asked)

    asyncio.run(main())


def test_redirects_are_followed_within_the_allowed() -> None:
    data, server = fetch(redirecting("/second?hop=1", "/third?hop=2"))
    assert data == b"arrived"
    assert server.asked == ["/job.json", "/second?hop=1", "/third?hop=2"]


def test_every_redirect_is_checked_against_the_list() -> None:
    checked: list[str] = []

    def check(url: str) -> None:
        checked.append(url)
        if "other.test" in url:
            raise SourceForbidden("not on the list")

    async def main() -> None:
        async with serving(redirecting("http://other.test/?hop=1")) as server:
            policy = _OnePublic(resolve=server.resolve)
            await Download(network=policy, check=check, limit=100).get(server.url("/job.json"))

    with pytest.raises(SourceForbidden, match="not on the list"):
        asyncio.run(main())
    assert len(checked) == 2


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://public.test/", "gopher://x/"])
def test_a_redirect_to_another_protocol_is_refused(location: str) -> None:
    with pytest.raises(SourceForbidden):
        fetch(redirecting(location))


def test_redirects_without_end_are_given_up() -> None:
    with pytest.raises(ArtifactNotFound, match="redirects"):
        fetch(redirecting(*["/round"] * 20))


def test_an_answer_beyond_the_limit_is_refused_before_it_is_read_whole() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while sent < 1 << 30:
                await response.write(b" " * 65536)
                sent += 65536
        return response

    with pytest.raises(PayloadTooLarge):
        fetch(endless, limit=100_000)
    assert sent < 1 << 26


def test_a_compressed_answer_is_refused() -> None:
    async def bomb(request: web.Request) -> web.StreamResponse:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(
            body=gzip.compress(b" " * 10_000_000), headers={"Content-Encoding": "gzip"}
        )

    with pytest.raises(StorageUnavailable, match="compressed"):
        fetch(bomb)


@pytest.mark.parametrize(
    ("status", "error", "tries"),
    [
        (404, ArtifactNotFound, 1),
        (410, ArtifactNotFound, 1),
        (401, AccessDenied, 1),
        (403, AccessDenied, 1),
        (429, StorageUnavailable, 3),
        (500, StorageUnavailable, 3),
        (503, StorageUnavailable, 3),
    ],
)
def test_statuses_are_told_apart_and_passing_ones_tried_again(
    status: int, error: type[HeliosError], tries: int
) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    with pytest.raises(error, match=str(status)) as raised:
        fetch(refuse)
    assert raised.value.__notes__ == [f"asked {tries} times"]


def test_what_heals_in_time_is_fetched() -> None:
    count = 0

    async def heal(request: web.Request) -> web.StreamResponse:
        nonlocal count
        count += 1
        return web.Response(status=200 if count == 3 else 503, body=b"healed")

    assert fetch(heal)[0] == b"healed"


def test_a_file_is_whole_however_often_it_was_begun(tmp_path: Path) -> None:
    count = 0

    async def break_off(request: web.Request) -> web.StreamResponse:
        nonlocal count
        count += 1
        response = web.StreamResponse(headers={"Content-Length": "300000"})
        await response.prepare(request)
        await response.write(bytes([count]) * (300_000 if count == 3 else 100_000))
        if count < 3 and request.transport is not None:
            request.transport.abort()
        return response

    async def main() -> None:
        async with serving(break_off) as server:
            await server.download(limit=1_000_000).save(server.url("/x"), tmp_path / "x")

    asyncio.run(main())
    assert (tmp_path / "x").read_bytes() == b"\x03" * 300_000


def test_a_server_that_does_not_answer_is_given_up() -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    with pytest.raises(StorageUnavailable, match=r"within 0\.1 s"):
        fetch(silent, timeout=0.1)


def test_messages_hold_no_signature() -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.Response(status=403)

    with pytest.raises(AccessDenied) as refused:
        fetch(refuse, "/job.json?X-Amz-Signature=deadbeef")
    assert "deadbeef" not in str(refused.value)


def test_proxies_and_credentials_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert fetch(hello)[0] == b"hello"
