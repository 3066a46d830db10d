"""The proxy between compositions and the network, with real servers on both sides."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from helios.network.egress_proxy import egress_proxy
from helios.network.network_policy import NetworkPolicy
from tests.helios.network.test_download import Server, hello, serving


@contextlib.asynccontextmanager
async def proxied(server: Server) -> AsyncIterator[str]:
    """Run a proxy for which this machine's own address is public."""
    policy = NetworkPolicy(allow_loopback=True, resolve=server.resolve)
    async with egress_proxy(policy) as url:
        yield url


async def status(proxy: str, url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url, proxy=proxy) as response:
        await response.read()
        return response.status


def with_proxy(work: Callable[[Server, str], Awaitable[None]]) -> Server:
    async def main() -> Server:
        async with serving(hello) as server, proxied(server) as proxy:
            await work(server, proxy)
            return server

    return asyncio.run(main())


def test_a_request_reaches_an_allowed_host_under_its_own_path() -> None:
    async def work(server: Server, proxy: str) -> None:
        assert await status(proxy, server.url("/a%20b?c=d")) == 200

    assert with_proxy(work).asked == ["/a%20b?c=d"]


@pytest.mark.parametrize("host", ["private.test", "metadata.test", "169.254.169.254", "10.0.0.1"])
def test_a_forbidden_host_is_refused(host: str) -> None:
    async def work(server: Server, proxy: str) -> None:
        assert await status(proxy, f"http://{host}:{server.port}/") == 403
        assert await connect(proxy, f"{host}:443") == 403

    assert with_proxy(work).asked == []


async def connect(proxy: str, authority: str) -> int:
    reader, writer = await open_proxy(proxy)
    writer.write(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    line = await reader.readline()
    writer.close()
    return int(line.split()[1])


async def open_proxy(proxy: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(proxy.rpartition(":")[2]))


def test_a_tunnel_carries_both_directions() -> None:
    async def work(server: Server, proxy: str) -> None:
        reader, writer = await open_proxy(proxy)
        writer.write(f"CONNECT public.test:{server.port} HTTP/1.1\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET /tunnelled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"hello")
        writer.close()

    assert with_proxy(work).asked == ["/tunnelled"]


def test_a_second_request_of_a_connection_reaches_no_other_host() -> None:
    received = bytearray()

    async def take_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            received.extend(data)
            if b"/second" in received:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                writer.close()

    async def main() -> Server:
        names = Server()
        origin = await asyncio.start_server(take_all, "127.0.0.1", 0)
        port = origin.sockets[0].getsockname()[1]
        async with origin, proxied(names) as proxy:
            reader, writer = await open_proxy(proxy)
            first = f"GET http://public.test:{port}/first HTTP/1.1\r\nHost: public.test\r\n\r\n"
            second = "GET http://metadata.test/second HTTP/1.1\r\nHost: metadata.test\r\n\r\n"
            writer.write((first + second).encode())
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
            writer.close()
        return names

    # All of it went where the first request was allowed to go.
    assert asyncio.run(main()).resolved == ["public.test"]
    assert received.startswith(b"GET /first HTTP/1.1\r\n")
    assert b"Connection: close\r\n" in received


def test_a_host_that_does_not_answer_is_told_as_such() -> None:
    async def work(server: Server, proxy: str) -> None:
        assert await connect(proxy, "public.test:1") == 502

    with_proxy(work)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET https://public.test/ HTTP/1.1\r\n\r\n",
        b"GET ftp://public.test/ HTTP/1.1\r\n\r\n",
        b"CONNECT HTTP/1.1\r\n\r\n",
        b"CONNECT :443 HTTP/1.1\r\n\r\n",
        b"CONNECT public.test:99999 HTTP/1.1\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET http://[::1/ HTTP/1.1\r\n\r\n",
        b"GET http:///path HTTP/1.1\r\n\r\n",
        b"GET http://\xff/ HTTP/1.1\r\n\r\n",
        b"GET http://public.test/ HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_request_to_a_proxy_is_refused(request_: bytes) -> None:
    async def work(server: Server, proxy: str) -> None:
        reader, writer = await open_proxy(proxy)
        writer.write(request_)
        line = await reader.readline()
        assert int(line.split()[1]) in (400, 431)
        writer.close()

    assert with_proxy(work).asked == []


def test_a_client_that_goes_away_is_forgotten() -> None:
    async def work(server: Server, proxy: str) -> None:
        for data in (b"", b"GET ", b"CONNECT public.test:1 HTTP/1.1\r\n\r\n"):
            _, writer = await open_proxy(proxy)
            writer.write(data)
            writer.transport.abort()
        assert await status(proxy, server.url("/")) == 200

    with_proxy(work)


def test_the_proxy_ends_with_connections_open() -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async def main() -> None:
        async with serving(slow) as server:
            async with proxied(server) as proxy:
                asking = asyncio.ensure_future(status(proxy, server.url("/")))
                while not server.asked:  # noqa: ASYNC110 - the server has no event to wait for
                    await asyncio.sleep(0.005)
            with pytest.raises(aiohttp.ClientError):
                await asking

    asyncio.run(asyncio.wait_for(main(), 10))


@pytest.mark.parametrize(
    ("host", "fine"), [("public.test", True), ("private.test", False), ("127.0.0.2", False)]
)
def test_ffmpeg_takes_the_proxy_from_its_environment(host: str, fine: bool, tmp_path: Path) -> None:
    sound = tmp_path / "sound.wav"
    make = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "sine=duration=1"]
    subprocess.run([*make, str(sound)], check=True)

    async def send(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(sound)

    class OnlyOne(NetworkPolicy):
        def allows(self, address: str) -> bool:
            return address == "127.0.0.1"

    async def main() -> tuple[int, list[str]]:
        async with serving(send) as server:

            async def resolve(name: str, port: int) -> Sequence[str]:
                return await server.resolve(name, port)

            async with egress_proxy(OnlyOne(resolve=resolve)) as proxy:
                process = await asyncio.create_subprocess_exec(
                    *("ffprobe", "-loglevel", "error", server.url("/sound.wav", host=host)),
                    env={"PATH": "/usr/bin:/usr/local/bin:/bin", "http_proxy": proxy},
                )
                return await process.wait(), server.asked

    exit_code, asked = asyncio.run(main())
    assert (exit_code == 0) is fine
    assert bool(asked) is fine
