"""The preview, driven in a real Chromium while the command runs."""

import asyncio
import contextlib
import json
import signal
import socket
import urllib.error
import urllib.request
import wave
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.orchestrator.conftest import Bench, Command
from tests.web_page import WebPage, web_page

#: Red rises by 20 a frame; green is a prop. A frame is logged in the middle.
STEPS = """<!doctype html><html data-duration="0.4"><meta charset="utf-8"><style>
body { margin: 0; animation: go 0.4s steps(12, jump-none) both }
@keyframes go { from { background: rgb(0, var(--green), 90) } to { background: rgb(220, var(--green), 90) } }
</style><body><script>
document.documentElement.style.setProperty("--green", window.__HELIOS_PROPS__.green ?? 0);
setTimeout(() => console.warn("half of it"), 200);
</script></html>"""  # noqa: E501

#: A composition that declares a variable of each kind, and plays a tone from 0.1 s on.
DECLARES = """<!doctype html><html lang="en" data-composition-variables='[
  {"id": "title", "type": "string", "label": "Title", "default": "Harbour"},
  {"id": "red", "type": "number", "default": 40},
  {"id": "shade", "type": "color", "default": "#2040AF"}, {"id": "still", "type": "boolean"},
  {"id": "loud", "type": "boolean", "default": true},
  {"id": "pace", "type": "enum", "options": ["slow", {"value": "fast", "label": "Fast"}], "default": "slow"},
  {"id": "face", "type": "font", "default": "Georgia"}, {"id": "logo", "type": "image"}
]'><meta charset="utf-8"><style>body { margin: 0 } #root { position: absolute; inset: 0 }</style>
<div id="root" data-composition-id="main" data-width="320" data-height="180" data-duration="0.4" data-fps="30">
<audio id="tone" src="tone.wav" data-start="0.1" data-track-index="1"></audio></div><script>
document.getElementById("root").style.background = `rgb(${__hyperframes.getVariables().red}, 0, 0)`;
</script></html>"""  # noqa: E501

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def previewing(bench: Bench, *flags: str) -> Iterator[tuple[Command, str]]:
    command = bench.start("preview", "page", "--width", "320", "--height", "180", "--json", *flags)
    assert command.process.stdout is not None
    try:
        yield command, json.loads(command.process.stdout.readline())["url"]
    finally:
        command.signal(signal.SIGINT)
        ended = command.end()
        assert ended.status == 130, ended.stderr
        command.wait_for_orphans()


@pytest.fixture
def page(bench: Bench) -> Bench:
    (bench.folder / "page").mkdir()
    (bench.folder / "page" / "index.html").write_text(STEPS)
    return bench


def drive(url: str, steps: Callable[[WebPage], Coroutine[Any, Any, None]]) -> None:
    async def work() -> None:
        async with web_page() as page:
            await page.theme("dark")
            await page.open(url)
            await page.until("document.body?.dataset.shown === '1:0'")
            await steps(page)

    asyncio.run(work())


async def colour(page: WebPage, image: str = "picture") -> list[int]:
    """Return the colour in the middle of a shown picture."""
    found = await page.value(
        f"(() => {{ const image = document.getElementById('{image}');"
        " const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });"
        " const context = canvas.getContext('2d');"
        " context.drawImage(image, 160, 90, 1, 1, 0, 0, 1, 1);"
        " return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)] })()"
    )
    return [int(value) for value in found]


async def shows(page: WebPage, frame: int, *, version: int = 1) -> None:
    await page.until(f"document.body.dataset.shown === '{version}:{frame}'")


def near(*values: int) -> Any:
    return pytest.approx(values, abs=4)


@pytest.mark.browser
def test_any_frame_is_shown_as_the_renderer_draws_it_also_backwards(page: Bench) -> None:
    async def steps(web: WebPage) -> None:
        assert "320 \u00d7 180" in await web.text("body")
        assert "12 frames" in await web.text("body")
        await web.press("End")
        await shows(web, 11)
        assert await colour(web) == near(220, 0, 90)
        await web.press("ArrowLeft")
        await shows(web, 10)
        assert await colour(web) == near(200, 0, 90)
        await web.press("Home")
        await shows(web, 0)
        assert await colour(web) == near(0, 0, 90)
        await web.press("b")
        await web.until("document.getElementById('next-picture').alt === 'Frame 1'")
        assert await colour(web, "next-picture") == near(20, 0, 90)
        await web.value(
            "(() => { const s = document.getElementById('scrub'); s.value = 7;"
            " s.dispatchEvent(new Event('input')) })()"
        )
        await shows(web, 7)
        assert await colour(web) == near(140, 0, 90)
        assert "half of it" in await web.text("body")
        await web.press("]")
        await shows(web, 8)
        await web.press("[")
        await shows(web, 4)
        await web.press(" ")
        await shows(web, 11)
        await web.until("document.getElementById('play').innerText.trim() === 'Play'")
        await web.press("s")
        assert await web.value("!document.querySelector('.safe').hidden")

    with previewing(page, "--chunks", "3") as (_, url):
        drive(url, steps)


@pytest.mark.browser
def test_props_and_files_change_what_is_shown_and_a_crash_ends_with_the_next_save(
    page: Bench,
) -> None:
    index = page.folder / "page" / "index.html"

    async def steps(web: WebPage) -> None:
        await web.value("document.getElementById('props').value = '{\"green\": 200}'")
        await web.click("#apply")
        await shows(web, 0, version=2)
        assert await colour(web) == near(0, 200, 90)
        # The text names no file, however it begins.
        (page.folder / "props.json").write_text("{}")
        text = f"@@{page.folder}/props.json"
        await web.value(f"document.getElementById('props').value = '{text}'")
        await web.click("#apply")
        await web.until("document.getElementById('props-fault').innerText.includes('not JSON')")

        index.write_text(STEPS.replace("setTimeout", "throw new Error('typo'); setTimeout"))
        await web.until("document.body.dataset.error === 'COMPOSITION_FAILED'")
        assert "Error: typo" in await web.text("body")
        index.write_text(STEPS.replace(", 90)", ", 10)"))
        await web.until("document.body.dataset.error === ''")
        await web.until("document.body.dataset.shown.startsWith(document.body.dataset.version)")
        assert await colour(web) == near(0, 200, 10)

        await web.click("#render")
        await web.until("document.getElementById('copied').innerText.startsWith('printed')")

    with previewing(page) as (command, url):
        drive(url, steps)
        assert command.process.stdout is not None
        printed = json.loads(command.process.stdout.readline())
    assert printed == {
        "event": "render_command",
        "command": "orchestrator render page -o page.mp4 --width 320 --height 180"
        """ --props '{"green": 200}'""",
    }


@pytest.mark.long
@pytest.mark.browser
def test_variables_make_a_form_audio_is_drawn_and_everyone_can_read_the_page(
    page: Bench, tmp_path: Path
) -> None:
    (page.folder / "page" / "index.html").write_text(DECLARES)
    with wave.open(str(page.folder / "page" / "tone.wav"), "wb") as tone:
        tone.setparams((1, 2, 8000, 0, "NONE", ""))
        tone.writeframes(b"\0\x30\0\xd0" * 800)  # 0.2 s

    def field(name: str, kind: str, value: str) -> str:
        return (
            f"(() => {{ const field = document.getElementById('variable-{name}');"
            f" field.{value}; field.dispatchEvent(new Event('{kind}', {{bubbles: true}})) }})()"
        )

    async def steps(web: WebPage) -> None:
        assert await colour(web) == near(40, 0, 0)
        shown = "[...document.querySelectorAll('#form .field')].map(f => [f.innerText.trim()"
        shown += ".split('\\n')[0], f.lastChild.type, f.lastChild.value])"
        assert await web.value(shown) == [
            ["Title", "text", "Harbour"],
            ["red", "number", "40"],
            ["shade", "color", "#2040af"],
            ["still", "checkbox", "on"],
            ["loud", "checkbox", "on"],
            ["pace", "select-one", "slow"],
            ["face", "text", "Georgia"],
            ["logo", "text", ""],
        ]
        await web.until("document.body.dataset.audible === '1'")
        assert await web.text("#playing") == "tone.wav"
        assert await web.text("#sounding") == "Silence"
        await web.click("#playing button")
        await shows(web, 3)
        assert await web.text("#sounding") == "Plays: tone.wav"

        await web.value(field("red", "input", "value = 200"))
        await web.value(field("loud", "input", "checked = false"))
        await web.value(field("pace", "change", "selectedIndex = 1"))
        await shows(web, 3, version=2)
        assert await colour(web) == near(200, 0, 0)
        props = json.loads(await web.value("document.getElementById('props').value"))
        assert props == {"red": 200, "loud": False, "pace": "fast"}
        await web.value("document.getElementById('props').value = '{\"red\": 90, \"own\": 1}'")
        await web.click("#apply")
        await shows(web, 3, version=3)
        assert await web.value("document.getElementById('variable-red').value") == "90"

        await web.until("document.body.dataset.audible === '3'")
        for theme, width in (("dark", 1280), ("light", 390)):
            await web.theme(theme)
            await web.resize(width, 900)
            assert await web.axe_violations(tmp_path) == []
            assert await web.value("document.documentElement.scrollWidth") <= width

    with previewing(page) as (_, url):
        drive(url, steps)


def status_of(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as fault:
        return int(fault.code)


@pytest.mark.browser
def test_only_who_knows_the_token_is_answered_and_a_taken_port_is_refused(page: Bench) -> None:
    with previewing(page) as (_, url):
        base, token = url.split("?token=")
        assert status_of(url) == 200
        assert status_of(base) == 403
        assert status_of(f"{base}?token={token}x") == 403
        assert status_of(f"{base}frame/0?token=") == 403
        assert status_of(f"{base}frame/0?token={token}") == 200
        assert status_of(f"{base}frame/12?token={token}") == 404
        assert status_of(url, Host="evil.example") == 403
        port = base.split(":")[-1].rstrip("/")
        with socket.create_connection(("127.0.0.1", int(port))):
            pass
        taken = page.run("preview", "page", "--port", port)
    assert taken.status == 2
    assert taken.stderr.startswith(f"error[PORT_IN_USE]: port {port}: can't be served (Address")


@pytest.mark.browser
def test_a_composition_that_is_gone_is_shown_again_once_it_is_back(page: Bench) -> None:
    index = page.folder / "page" / "index.html"

    async def steps(web: WebPage) -> None:
        await web.theme("light")
        await web.resize(390, 844)
        index.rename(page.folder / "away")
        await web.until("document.body.dataset.error === 'COMPOSITION_NOT_FOUND'")
        (page.folder / "away").rename(index)
        await web.until("document.body.dataset.error === ''")
        await web.until("document.body.dataset.shown.startsWith(document.body.dataset.version)")
        assert await web.value("document.documentElement.scrollWidth <= innerWidth")

    with previewing(page) as (_, url):
        drive(url, steps)
    refused = page.run("preview", "none")
    assert refused.status == 2
    assert "error[COMPOSITION_NOT_FOUND]: none" in refused.stderr
