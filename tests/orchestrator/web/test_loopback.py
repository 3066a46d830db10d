"""Requests to a server on loopback, as bytes."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from helios.network.http_server import Request
from orchestrator.web.loopback import Answer, Route, json_answer, serve_loopback


async def echo(request: Request, parts: Mapping[str, str]) -> Answer:
    return json_answer({"body": request.body.decode(), **parts})


async def broken(_: Request, __: Mapping[str, str]) -> Answer:
    raise ValueError("no")


async def slow(_: Request, __: Mapping[str, str]) -> Answer:
    await asyncio.sleep(0.1)
    return Answer(body=b"late")


async def events(_: Request, __: Mapping[str, str]) -> Answer:
    async def two() -> AsyncGenerator[bytes, None]:
        yield b"data: 1\n\n"
        yield b"data: " + b"2" * 500_000 + b"\n\n"

    return Answer(events=two())


ROUTES = [
    Route("GET", "/echo/(?P<name>[a-z]+)", echo),
    Route("POST", "/echo", echo),
    Route("GET", "/in/(?P<token>[^/]+)/(?P<name>.+)", echo),
    Route("GET", "/broken", broken),
    Route("GET", "/slow", slow),
    Route("GET", "/events", events),
]


class Client:
    """A connection to a server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.token = parts.netloc, parts.query.removeprefix("token=")
        self._port = parts.port
        # A writer that is collected closes its connection.
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self, text: str, *, body: bytes = b"") -> asyncio.StreamReader:
        """Send a request with `HOST` and `TOKEN` in it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers.append(writer)
        sent = text.replace("TOKEN", self.token).replace("HOST", self.host)
        writer.write(f"{sent}\r\nConnection: close\r\n\r\n".encode() + body)
        return reader

    async def ask(self, text: str, *, body: bytes = b"") -> tuple[int, bytes]:
        """Return status and body of an answer."""
        data = await (await self.start(text, body=body)).read()
        head, _, rest = data.partition(b"\r\n\r\n")
        return int(head.split()[1]), rest


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("GET /echo/a?token=TOKEN HTTP/1.1\r\nHost: HOST", 200),
        ("GET /in/TOKEN/a/b HTTP/1.1\r\nHost: HOST", 200),
        ("GET /echo/a HTTP/1.1\r\nHost: HOST", 403),
        ("GET /echo/a?token= HTTP/1.1\r\nHost: HOST", 403),
        ("GET /echo/a?token=TOKENx HTTP/1.1\r\nHost: HOST", 403),
        ("GET /echo/a?token=%ff HTTP/1.1\r\nHost: HOST", 403),
        ("GET /in/x/a HTTP/1.1\r\nHost: HOST", 403),
        ("GET /in/x/a?token=x&token=TOKEN HTTP/1.1\r\nHost: HOST", 403),
        ("GET /none HTTP/1.1\r\nHost: HOST", 403),
        ("GET /echo/a?token=TOKEN HTTP/1.1\r\nHost: elsewhere.example", 403),
        ("GET /echo/a?token=TOKEN HTTP/1.1", 403),
        ("POST /echo/a?token=TOKEN HTTP/1.1\r\nHost: HOST", 404),
        ("GET /echo/%ff?token=TOKEN HTTP/1.1\r\nHost: HOST", 404),
        ("GET /echo/a/../b?token=TOKEN HTTP/1.1\r\nHost: HOST", 404),
    ],
)
async def test_only_requests_with_token_and_host_are_answered(text: str, status: int) -> None:
    async with serve_loopback(ROUTES) as url:
        assert (await Client(url).ask(text))[0] == status


async def test_a_body_is_read_and_one_that_is_too_long_is_refused() -> None:
    post = "POST /echo?token=TOKEN HTTP/1.1\r\nHost: HOST\r\nContent-Length: "
    async with serve_loopback(ROUTES) as url:
        client = Client(url)
        assert await client.ask(f"{post}5", body=b"hello") == (200, b'{"body": "hello"}')
        assert (await client.ask(f"{post}{2 << 20}", body=bytes(2 << 20)))[0] == 413


async def test_a_handler_that_breaks_is_an_error_of_the_server() -> None:
    async with serve_loopback(ROUTES) as url:
        text = "GET /broken?token=TOKEN HTTP/1.1\r\nHost: HOST"
        assert (await Client(url).ask(text))[0] == 500


async def test_answers_that_have_begun_are_sent_before_the_server_ends() -> None:
    async with serve_loopback(ROUTES) as url:
        client = Client(url)
        late = await client.start("GET /slow?token=TOKEN HTTP/1.1\r\nHost: HOST")
        stream = await client.start("GET /events?token=TOKEN HTTP/1.1\r\nHost: HOST")
        await stream.readuntil(b"data: 1\n\n")
    assert (await late.read()).endswith(b"late")
    assert len(await stream.read()) == 500_008


async def test_a_part_of_a_file_is_sent(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"0123456789")

    async def video(_: Request, __: Mapping[str, str]) -> Answer:
        return Answer(file=tmp_path / "v.mp4")

    async with serve_loopback([Route("GET", "/v", video)]) as url:
        text = "GET /v?token=TOKEN HTTP/1.1\r\nHost: HOST\r\nRange: bytes=2-4"
        client = Client(url)
        data = await (await client.start(text)).read()
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 206 ")
    assert b"Content-Type: video/mp4" in head
    assert b"Cache-Control: no-store" in head
    assert b"X-Content-Type-Options: nosniff" in head
    assert body == b"234"
