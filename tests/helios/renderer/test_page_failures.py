"""Pages that can't be rendered: each fault has its own error, and names what is at fault."""

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from helios.errors import (
    AssetMissing,
    BrowserCrashed,
    CompositionFailed,
    CompositionUnsettled,
    HeliosError,
)

from .conftest import PNG, Log, Studio

pytestmark = pytest.mark.browser


@pytest.fixture
def folder(studio: Studio) -> Iterator[Path]:
    """A folder under the served one, for pages of a single test."""
    made = studio.root / "faulty"
    made.mkdir()
    yield made
    shutil.rmtree(made)


def write(folder: Path, body: str) -> str:
    (folder / "index.html").write_text(f"<!doctype html><meta charset=utf-8><body>{body}")
    return "faulty"


def failure(studio: Studio, name: str, frames: list[int]) -> HeliosError:
    with pytest.raises(HeliosError) as caught:
        studio.shoot(name, frames, load_timeout=2, settle_timeout=2)
    return caught.value


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        ("<video src=index.html></video>", AssetMissing, "can't be played"),
        ("<iframe src=nowhere.html></iframe>", AssetMissing, "faulty/nowhere.html"),
        (
            "<iframe srcdoc=\"<script>throw new Error('inside')</script>\"></iframe>",
            CompositionFailed,
            "inside",
        ),
    ],
)
def test_a_page_at_fault_while_it_loads_is_refused(
    studio: Studio, folder: Path, body: str, error: type[HeliosError], words: str
) -> None:
    found = failure(studio, write(folder, body), [0])
    assert isinstance(found, error)
    assert words in str(found)
    assert not found.retryable


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        pytest.param("for (;;);", CompositionUnsettled, "never returns", marks=pytest.mark.long),
        ("location.reload()", CompositionFailed, "another address"),
        ("new Image().src = 'late.png'", AssetMissing, "late.png"),
        ("fetch('late.json').catch(() => {})", AssetMissing, "late.json"),
    ],
)
def test_a_page_at_fault_in_the_middle_is_refused(
    studio: Studio, folder: Path, script: str, error: type[HeliosError], words: str
) -> None:
    name = write(folder, f"<script>setTimeout(() => {{ {script} }}, 500)</script>")
    studio.shoot(name, [0, 14])
    found = failure(studio, name, [0, 15, 30])
    assert isinstance(found, error)
    assert words in str(found)


def test_a_file_that_the_last_frame_misses_is_an_error(studio: Studio, folder: Path) -> None:
    late = "document.body.style.background = 'url(late.png)'"
    name = write(folder, f"<script>setTimeout(() => {{ {late} }}, 1000)</script>")
    assert isinstance(failure(studio, name, [30]), AssetMissing)


#: A frame is ready when the worker has answered, or couldn't be started.
AWAITED = """<script>
const worker = new {kind}("{script}");
const ends = new Promise((done) => {{
  worker.onerror = (worker.port ?? worker).onmessage = done;
}});
window.helios = {{ waitUntilStable: () => ends }};
</script>"""


@pytest.mark.parametrize(
    ("kind", "script"),
    [
        ("Worker", "postMessage(1)"),
        ("SharedWorker", "onconnect = (event) => event.ports[0].postMessage(1)"),
    ],
)
def test_a_worker_from_a_file_holds_nothing_up(
    studio: Studio, folder: Path, kind: str, script: str
) -> None:
    (folder / "worker.js").write_text(script)
    name = write(folder, AWAITED.format(kind=kind, script="worker.js"))
    studio.shoot(name, [0, 1], load_timeout=5, settle_timeout=5)


def test_a_worker_whose_file_is_not_there_is_an_error(studio: Studio, folder: Path) -> None:
    found = failure(studio, write(folder, AWAITED.format(kind="Worker", script="gone.js")), [0])
    assert isinstance(found, AssetMissing)
    assert "gone.js (status 404)" in str(found)


def test_missing_files_may_be_allowed(studio: Studio, folder: Path) -> None:
    name = write(folder, "<img src=nowhere.png><video src=nowhere.mp4></video>")
    log: Log = []
    assert len(studio.shoot(name, [0, 5], allow_missing=True, log=log)) == 2
    warned = " ".join(text for _, level, text in log if level == "warning")
    assert "nowhere.png" in warned
    assert "nowhere.mp4" in warned


def test_an_error_in_the_middle_is_logged_and_the_page_goes_on(
    studio: Studio, folder: Path
) -> None:
    name = write(folder, "<script>setTimeout(() => { throw new Error('late') }, 100)</script>")
    log: Log = []
    studio.shoot(name, [0, 10], log=log)
    assert [(frame, level) for frame, level, text in log if "late" in text] == [(3, "error")]


def test_dialogs_hold_nothing_up(studio: Studio, folder: Path) -> None:
    name = write(folder, "<script>alert(1); confirm('?'); prompt('?')</script>")
    assert studio.shoot(name, [0])


def test_hidden_frames_hold_nothing_up(studio: Studio, folder: Path) -> None:
    frame = "<script>requestAnimationFrame(function f() { requestAnimationFrame(f) })</script>"
    away = 'style="position:absolute;top:9000px"'
    hidden = [
        f'<iframe srcdoc="{frame}" style="display:none"></iframe>',
        f'<iframe srcdoc="{frame}" {away}></iframe>',
        f'<iframe srcdoc="{frame}" sandbox="allow-scripts" style="display:none"></iframe>',
        f'<iframe srcdoc="{frame}" sandbox="allow-scripts" {away}></iframe>',
    ]
    assert len(studio.shoot(write(folder, "".join(hidden)), [0, 5, 6], settle_timeout=4)) == 3


def test_a_page_may_take_its_own_clocks_away(studio: Studio, folder: Path) -> None:
    script = "window.requestAnimationFrame = null; delete window.setTimeout; window.Date = null;"
    name = write(folder, f"<div>Words</div><script>{script}</script>")
    assert len(studio.shoot(name, [0, 3])) == 2


def test_a_browser_that_dies_ends_in_an_error_and_never_hangs(studio: Studio) -> None:
    async def work() -> None:
        from helios.renderer.browser.chromium import open_browser
        from helios.renderer.composition import Composition
        from helios.renderer.page import PageOptions, open_page

        async with open_browser() as browser:
            options = PageOptions(width=320, height=180, rate=PAGE_RATE)
            async with open_page(browser, options) as page:
                await page.load(Composition(url="data:text/html,<p>Words", root=None))
                await page.capture(PNG)
                os.killpg(browser.pid, signal.SIGKILL)
                for frame in range(1, 50):
                    await page.visit(frame)
                    await page.capture(PNG)

    from .conftest import RATE as PAGE_RATE

    with pytest.raises(BrowserCrashed) as caught:
        asyncio.run(asyncio.wait_for(work(), 20))
    assert caught.value.retryable
