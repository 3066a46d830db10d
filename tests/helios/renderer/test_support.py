"""Pages that ask for what no render has: refused, or warned of."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from helios.contract.messages.render_warning import RenderWarning
from helios.errors import DialectUnsupported

from .conftest import Studio

pytestmark = pytest.mark.browser


@pytest.fixture
def folder(studio: Studio) -> Iterator[Path]:
    """A folder under the served one, for pages of a single test."""
    made = studio.root / "supported"
    made.mkdir()
    yield made
    for file in made.iterdir():
        file.unlink()
    made.rmdir()


def warnings(studio: Studio, folder: Path, body: str) -> list[RenderWarning]:
    (folder / "index.html").write_text(f"<!doctype html><meta charset=utf-8><body>{body}")

    async def work() -> list[RenderWarning]:
        async with studio.page("supported", allow_missing=True) as page:
            return await page.warnings()

    return studio.run(work())


ROOT = "<div data-composition-id=main data-duration=6>"


@pytest.mark.parametrize(
    ("body", "attribute"),
    [
        (f"{ROOT}<div data-composition-src=intro.html></div>", "data-composition-src"),
        (f"{ROOT}<h1 class=clip data-start=2 data-duration=4>Late</h1>", "data-start"),
        (f"{ROOT}<h1 id=a data-start=0 data-duration=3>Early</h1>", "data-duration"),
        (f"{ROOT}<h1 data-start=a>After another</h1>", "data-start"),
        (f"{ROOT}<audio data-start=0 data-media-start=1></audio>", "data-media-start"),
        ("<p data-var-text=title></p>", "data-var-*"),
        (
            "<script>siteVersion = '11'; getStaticCompositions = () => []</script>",
            "getStaticCompositions",
        ),
    ],
)
def test_a_page_that_needs_another_systems_player_is_refused(
    studio: Studio, folder: Path, body: str, attribute: str
) -> None:
    with pytest.raises(DialectUnsupported) as caught:
        warnings(studio, folder, body)
    assert f"not honoured: {attribute}" in caught.value.details


@pytest.mark.parametrize(
    "body",
    [
        f"{ROOT}<h1 class=clip data-start=0 data-duration=6>Throughout</h1>",
        f"{ROOT}<h1 class=clip data-start=2>Late</h1><script>__hf = {{ seek() {{}} }}</script>",
        "<b data-start=5 data-end=100>a counter</b>",
    ],
)
def test_a_page_that_is_right_without_a_player_isnt_refused(
    studio: Studio, folder: Path, body: str
) -> None:
    assert warnings(studio, folder, body) == []


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        (
            "navigator.requestMediaKeySystemAccess('org.w3.clearkey', [{}]).catch(() => {})",
            "FEATURE_UNSUPPORTED",
            "requestMediaKeySystemAccess",
        ),
        ("new RTCPeerConnection().close()", "FEATURE_UNSUPPORTED", "RTCPeerConnection"),
        (
            "navigator.mediaDevices.getUserMedia({ video: true }).catch(() => {})",
            "FEATURE_UNSUPPORTED",
            "getUserMedia",
        ),
        ("fetch('http://other.invalid:81/x').catch(() => {})", "LIVE_DATA", "other.invalid:81"),
        ("new WebSocket('ws://socket.invalid/')", "LIVE_DATA", "socket.invalid"),
    ],
)
def test_what_no_render_has_is_warned_of(
    studio: Studio, folder: Path, script: str, code: str, words: str
) -> None:
    found = warnings(studio, folder, f"<script>{script}</script>")
    assert [warning.code for warning in found] == [code]
    assert words in found[0].message


@pytest.fixture
def elsewhere(folder: Path) -> Iterator[str]:
    """Another origin with the same files."""
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_canvas_that_another_origin_made_unreadable_is_warned_of(
    studio: Studio, folder: Path, elsewhere: str
) -> None:
    (folder / "dot.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    )
    script = f"""
    const image = new Image();
    image.onload = () => {{
      const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      try {{ context.getImageData(0, 0, 1, 1); }} catch {{}}
    }};
    image.src = "{elsewhere}/dot.svg";
    """
    found = warnings(studio, folder, f"<script>{script}</script>")
    assert [warning.code for warning in found] == ["CANVAS_TAINTED"]


def test_the_pages_own_files_arent_live_data(studio: Studio, folder: Path) -> None:
    (folder / "data.json").write_text("{}")
    assert warnings(studio, folder, "<script>fetch('data.json')</script>") == []
