"""The server of a composition's folder: its types, its ranges and its walls."""

import asyncio
import io
import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from PIL import Image
from yarl import URL

from helios.renderer.asset_server import content_type, serve_folder
from helios.renderer.composition import LOCAL_HOST, LOCAL_ORIGIN

from .conftest import Studio, make_clip

LETTERS = b"abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def get(
    root: Path,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    video_frames: bool = False,
) -> Answer:
    """Ask for a path exactly as it is written."""

    async def work() -> Answer:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        served = serve_folder(root, listener, video_frames=video_frames)
        async with served, aiohttp.ClientSession() as client:
            url = URL(f"http://127.0.0.1:{port}{path}", encoded=True)
            named = {"Host": LOCAL_HOST, **(headers or {})}
            async with client.request(method, url, headers=named) as answer:
                return Answer(answer.status, answer.headers, await answer.read())

    return asyncio.run(work())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "composition"
    (root / "sub folder").mkdir(parents=True)
    (root / "page.html").write_text("<p>page")
    (root / "letters.mp4").write_bytes(LETTERS)
    (root / "sub folder/index.html").write_text("<p>sub")
    (root / "sub folder/größe #1.txt").write_text("text")
    (root / "empty").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "composition-2").mkdir()
    (tmp_path / "composition-2/secret.txt").write_text("secret")
    (root / "way-out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "way-out").symlink_to(tmp_path)
    (root / "loop").symlink_to(root / "loop")
    (root / "inside.html").symlink_to(root / "page.html")
    return root


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/page.html", b"<p>page"),
        ("/page.html?v=1", b"<p>page"),
        ("/inside.html", b"<p>page"),
        ("/sub%20folder/gr%C3%B6%C3%9Fe%20%231.txt", b"text"),
        ("/sub%20folder/", b"<p>sub"),
        ("/sub%20folder", b"<p>sub"),
        ("/sub%20folder/../page.html", b"<p>page"),
    ],
)
def test_files_of_the_folder_are_served(root: Path, path: str, body: bytes) -> None:
    answer = get(root, path)
    assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize(
    "path",
    [
        *("/lost.html", "/empty/", "/", "/loop", "/page.html/more", "/%00", "/page.html%00.txt"),
        *("/../secret.txt", "/%2e%2e/secret.txt", "/%2e%2e%2fsecret.txt", "/..%2fsecret.txt"),
        *("/sub%20folder/../../secret.txt", "/..\\secret.txt", "/%2e%2e%5csecret.txt"),
        *("/../composition-2/secret.txt", "/%2e%2e/composition-2/secret.txt"),
        *("/way-out.txt", "/way-out/secret.txt", "//etc/passwd", "/%2fetc/passwd"),
        *("/%252e%252e/secret.txt", "/" + "x" * 3000, "/%ff%fe"),
    ],
)
def test_nothing_else_is(root: Path, path: str) -> None:
    answer = get(root, path)
    assert answer.status == 404
    assert b"secret" not in answer.body


@pytest.mark.parametrize(
    ("asked", "told", "body"),
    [
        ("bytes=0-3", "bytes 0-3/26", LETTERS[:4]),
        ("bytes=10-", "bytes 10-25/26", LETTERS[10:]),
        ("bytes=-5", "bytes 21-25/26", LETTERS[-5:]),
        ("bytes=20-99", "bytes 20-25/26", LETTERS[20:]),
        ("bytes=25-25", "bytes 25-25/26", LETTERS[25:]),
        ("bytes=0-", "bytes 0-25/26", LETTERS),
    ],
)
def test_media_may_be_asked_for_in_ranges(root: Path, asked: str, told: str, body: bytes) -> None:
    answer = get(root, "/letters.mp4", headers={"Range": asked})
    assert (answer.status, answer.headers["Content-Range"]) == (206, told)
    assert answer.body == body
    assert answer.headers["Content-Type"] == "video/mp4"


def test_a_range_beyond_the_end_is_refused_with_the_length(root: Path) -> None:
    answer = get(root, "/letters.mp4", headers={"Range": "bytes=26-"})
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */26")


def test_a_whole_file_says_that_ranges_work(root: Path) -> None:
    answer = get(root, "/letters.mp4")
    assert (answer.status, answer.body) == (200, LETTERS)
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Length"] == "26"


def test_a_range_of_another_version_of_a_file_is_answered_with_the_whole_file(root: Path) -> None:
    tag = get(root, "/letters.mp4").headers["ETag"]
    same = get(root, "/letters.mp4", headers={"Range": "bytes=0-3", "If-Range": tag})
    (root / "letters.mp4").write_bytes(LETTERS.upper() * 2)
    other = get(root, "/letters.mp4", headers={"Range": "bytes=0-3", "If-Range": tag})
    assert (same.status, same.body) == (206, LETTERS[:4])
    assert (other.status, other.body) == (200, LETTERS.upper() * 2)


@pytest.mark.parametrize("asked", ["bytes=a-b", "bytes=-", "bytes=0-1,3-4", "lines=1-2"])
def test_a_range_that_is_not_one_part_of_bytes_is_ignored(root: Path, asked: str) -> None:
    answer = get(root, "/letters.mp4", headers={"Range": asked})
    assert (answer.status, answer.body) == (200, LETTERS)


def test_a_file_that_the_browser_has_is_not_sent_again(root: Path) -> None:
    whole = get(root, "/letters.mp4")
    again = get(root, "/letters.mp4", headers={"If-None-Match": whole.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    os.utime(root / "letters.mp4", (1, 1))
    assert get(root, "/letters.mp4", headers={"If-None-Match": whole.headers["ETag"]}).status == 200


@pytest.mark.browser
@pytest.mark.parametrize("host", ["127.0.0.1", "attacker.example", "localhost:80"])
def test_a_request_for_another_host_gets_no_file(root: Path, host: str) -> None:
    assert get(root, "/letters.mp4", headers={"Host": host}).status == 421


def test_media_elements_get_the_copy_for_seeking_and_scripts_the_file(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(b"copy")
    monkeypatch.setattr("helios.renderer.asset_server.seekable", lambda _: copy)
    for destination, body in (("video", b"copy"), ("empty", LETTERS), ("", LETTERS)):
        answer = get(root, "/letters.mp4", headers={"Sec-Fetch-Dest": destination})
        assert answer.body == body


def test_a_browser_reads_a_changed_file_anew(
    studio: Studio,
) -> None:
    page = studio.root / "changing.html"
    colors = []
    for age, color in ((40, "#fa0000"), (20, "#00fa00")):
        page.write_text(f"<!doctype html><body style='background: {color}'>")
        old = time.time() - age * 86_400
        os.utime(page, (old, old))
        colors.append(studio.shoot("changing.html", [0])[0].pixel(5, 5))

    assert colors == [(250, 0, 0), (0, 250, 0)]


def test_a_large_file_is_sent_whole_to_a_slow_reader(root: Path) -> None:
    content = os.urandom(5 << 20)
    (root / "large.bin").write_bytes(content)
    assert get(root, "/large.bin").body == content


def test_the_end_of_the_server_ends_its_connections(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> bytes:
        (root / "large.bin").write_bytes(bytes(64 << 20))
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        async with serve_folder(root, listener):
            idle, _ = await asyncio.open_connection("127.0.0.1", port)
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET /large.bin HTTP/1.1\r\nHost: {LOCAL_HOST}\r\n\r\n".encode())
            await writer.drain()
        return await idle.read()

    assert asyncio.run(work()) == b""
    assert caplog.text == ""


def speak(root: Path, sent: bytes) -> bytes:
    """Send bytes as they are, and return everything that is answered."""

    async def work() -> bytes:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        async with serve_folder(root, listener):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            writer.write_eof()
            return await reader.read()

    return asyncio.run(work())


def test_a_connection_serves_one_request_after_another(root: Path) -> None:
    host = f"Host: {LOCAL_HOST}\r\n".encode()
    request = b"GET /page.html HTTP/1.1\r\n" + host + b"\r\n"
    posted = b"POST / HTTP/1.1\r\nContent-Length: 20\r\n" + host + b"\r\n"
    posted += b"GET / HTTP/1.1\r\n\r\n\r\n"
    missing = b"HEAD /lost HTTP/1.1\r\n" + host + b"\r\n"
    answers = speak(root, request + posted + missing + request)
    heads = [line for line in answers.split(b"\r\n") if b"HTTP/1.1 " in line]
    assert [head.partition(b"HTTP/1.1 ")[2][:3] for head in heads] == [
        *(b"200", b"405", b"404", b"200")
    ]
    assert answers.count(b"<p>page") == 2
    assert b"404: " not in answers


@pytest.mark.parametrize(
    "sent", [b"\r\n\r\n", b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nx: " + b"y" * 100_000]
)
def test_what_is_no_request_ends_the_connection(root: Path, sent: bytes) -> None:
    assert speak(root, sent).startswith(b"HTTP/1.1 400 ")


def test_an_unknown_end_of_a_body_ends_the_connection(root: Path) -> None:
    body = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert speak(root, body + b"GET /page.html HTTP/1.1\r\n\r\n") == b""


def test_a_compressed_neighbour_is_not_served_in_a_files_place(root: Path) -> None:
    (root / "page.html.gz").write_bytes(b"not gzip at all")
    answer = get(root, "/page.html", headers={"Accept-Encoding": "gzip"})
    assert answer.body == b"<p>page"


def test_nothing_can_be_written(root: Path) -> None:
    assert get(root, "/page.html", method="PUT").status == 405
    assert get(root, "/page.html", method="DELETE").status == 405
    assert get(root, "/page.html", method="HEAD").status == 200


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.JS", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.json", "application/json; charset=utf-8"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.wasm", "application/wasm"),
        ("a.woff2", "font/woff2"),
        ("a.ttf", "font/ttf"),
        ("a.png", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("a.webp", "image/webp"),
        ("a.avif", "image/avif"),
        ("a.mp4", "video/mp4"),
        ("a.webm", "video/webm"),
        ("a.mp3", "audio/mpeg"),
        ("a.m4a", "audio/mp4"),
        ("a.wav", "audio/wav"),
        ("a.glb", "model/gltf-binary"),
        ("a.unheard-of", "application/octet-stream"),
        ("LICENSE", "application/octet-stream"),
    ],
)
def test_files_have_the_types_that_browsers_insist_on(name: str, kind: str) -> None:
    assert content_type(Path(name)) == kind


def test_a_folder_that_is_itself_a_link_is_served(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    assert get(link, "/page.html").body == b"<p>page"


def test_a_picture_of_a_video_is_served_where_pages_ask_for_such(root: Path) -> None:
    make_clip(root / "film.mp4")
    path = f"/__helios_video_frame__?src={quote(LOCAL_ORIGIN)}/film.mp4&time=1.5&transparent=true"
    answer = get(root, path, video_frames=True)
    picture = Image.open(io.BytesIO(answer.body)).convert("L")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/png")
    assert picture.size == (160, 90)
    assert picture.getpixel((80, 45)) == pytest.approx(20 + 3 * 45, abs=2)
    assert get(root, path).status == 404
    assert get(root, path, video_frames=True, headers={"Host": "elsewhere"}).status == 421


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (f"src={quote(LOCAL_ORIGIN)}/../secret.txt&time=0", "/../secret.txt: no such file"),
        (f"src={quote(LOCAL_ORIGIN)}/way-out.txt&time=0", "/way-out.txt: no such file"),
        (f"src={quote(LOCAL_ORIGIN)}/page.html&time=0", "its frames can't be listed"),
        (f"src={quote(LOCAL_ORIGIN)}/page.html&time=soon", "time 'soon'"),
        ("src=file:///etc/passwd&time=0", "file:///etc/passwd: its pictures can't be read"),
        ("src=concat:a&time=0", "concat:a: its pictures can't be read"),
        ("", ": its pictures can't be read"),
    ],
)
def test_a_picture_that_cannot_be_had_is_an_error_with_its_reason(
    root: Path, query: str, reason: str
) -> None:
    answer = get(root, f"/__helios_video_frame__?{query}", video_frames=True)
    assert answer.status == 500
    assert reason in json.loads(answer.body)["error"]
