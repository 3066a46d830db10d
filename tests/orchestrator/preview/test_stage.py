"""The open composition of a preview, with a page that draws nothing."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from helios.errors import CompositionFailed
from helios.renderer.page import Declared
from helios.renderer.render_session import RenderSession
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.display.display import SilentDisplay
from orchestrator.preview import server as server_module
from orchestrator.preview import stage as stage_module
from orchestrator.preview.audible import Audible
from orchestrator.preview.server import serve_preview
from orchestrator.preview.stage import Stage


class BlankPage:
    """A page whose pictures are empty, and which says when one is drawn and when it is closed."""

    def __init__(self) -> None:
        self.frame: int | None = None
        self.drawing = asyncio.Event()
        self.go_on = asyncio.Event()
        self.is_open = True

    async def declared(self) -> Declared:
        return Declared(duration=1.0, longest_animation=None, replay=False)

    async def picture(self, frame: int, *_: Any, **__: Any) -> bytes:
        self.drawing.set()
        await self.go_on.wait()
        assert self.is_open
        self.frame = frame
        return b""

    def check_missing(self) -> None:
        pass


@pytest.fixture
def composition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A composition that is opened in a blank page."""

    @contextlib.asynccontextmanager
    async def blank_session(*_: Any, **__: Any) -> AsyncIterator[RenderSession]:
        page = BlankPage()
        try:
            yield RenderSession(page, ())  # type: ignore[arg-type]
        finally:
            page.is_open = False

    monkeypatch.setattr(stage_module, "open_render_session", blank_session)
    monkeypatch.setattr(stage_module, "LOOK_INTERVAL", 0.01)
    folder = tmp_path / "promo"
    folder.mkdir()
    (folder / "index.html").write_text("<p>Hello")
    return folder


@contextlib.asynccontextmanager
async def previewing(source: Path, **keywords: Any) -> AsyncIterator[Any]:
    """Serve a preview; yield a function that sends requests to it."""
    settings = RenderSettings.of(keywords)
    async with (
        serve_preview(str(source), settings, display=SilentDisplay()) as url,
        aiohttp.ClientSession() as client,
    ):

        async def ask(method: str, path: str, text: str = "") -> tuple[int, str]:
            address = url.replace("/?", f"/{path}?")
            async with client.request(method, address, data=text) as answer:
                return answer.status, await answer.text()

        yield ask


async def test_props_from_the_page_never_name_a_file(composition: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"secret": 1}')
    async with previewing(composition) as ask:
        for text in (f"@@{secret}", f"@{secret}"):
            status, answer = await ask("POST", "props", text)
            assert status == 400
            assert "props: not JSON" in answer
        assert (await ask("POST", "props", '{"title": "Hi"}'))[0] == 200


async def test_a_file_of_props_is_read_as_the_page_is_loaded(
    composition: Path, tmp_path: Path
) -> None:
    file = tmp_path / "props.json"
    file.write_text('{"title": "first"}')
    async with previewing(composition, props=f"@{file}") as ask:
        assert (await ask("GET", "frame/99"))[0] == 404  # it is loaded
        file.unlink()
        status, answer = await ask("POST", "command")
        assert status == 200
        assert "first" in answer


async def test_what_renders_write_beside_the_page_is_no_change_of_it(composition: Path) -> None:
    stage = Stage(str(composition), RenderSettings())
    await stage.load()
    watching = asyncio.create_task(stage.watch())
    try:
        await asyncio.sleep(0.05)
        for name in ("v.mp4.job", ".v.mp4.1a2b.part"):
            (composition / name).mkdir()
            (composition / name / "0.mp4").touch()
        await asyncio.sleep(0.1)
        assert stage.version == 1
        changed = stage.changed
        (composition / "style.css").touch()
        await asyncio.wait_for(changed.wait(), 5)
        assert stage.version == 2
    finally:
        watching.cancel()
        await stage.close()


async def test_a_picture_is_drawn_to_its_end_before_the_browser_is_closed(
    composition: Path,
) -> None:
    stage = Stage(str(composition), RenderSettings())
    await stage.load()
    page: Any = stage._page
    drawing = asyncio.create_task(stage.picture(0))
    await page.drawing.wait()
    closing = asyncio.create_task(stage.close())
    await asyncio.sleep(0)
    page.go_on.set()
    assert (await drawing)[0] == b""
    await closing
    assert not page.is_open


async def test_a_new_version_answers_who_waits_for_audio_and_ends_what_listens(
    composition: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def listen(*_: Any) -> Audible:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    async def fail(*_: Any) -> Audible:
        raise CompositionFailed("tone.wav: no audio")

    monkeypatch.setattr(server_module, "listen", listen)
    async with asyncio.timeout(5), previewing(composition) as ask:
        assert (await ask("GET", "frame/99"))[0] == 404  # it is loaded
        waiting = [asyncio.create_task(ask("GET", "audio")) for _ in range(2)]
        await begun.wait()
        monkeypatch.setattr(server_module, "listen", fail)
        await ask("POST", "props", '{"title": "Hi"}')
        for status, answer in await asyncio.gather(*waiting):
            assert (status, json.loads(answer)["message"]) == (409, "the page was changed")
        await ended.wait()
        status, answer = await ask("GET", "audio")
        assert (status, json.loads(answer)) == (
            409,
            {"message": "tone.wav: no audio", "version": 2},
        )
