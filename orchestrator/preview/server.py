"""Serves the preview: the page, pictures of frames, and the state as events."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from helios.contract.command import format_command
from helios.errors import HeliosError, OptionInvalid
from helios.network.http_server import Request
from helios.renderer.composition import Composition
from helios.renderer.dialects.variables import Variable
from helios.renderer.props import parse_props
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.api.targets.concurrency import chosen_concurrency
from orchestrator.display.display import Display
from orchestrator.model.render_fields import DEFAULTS, flags_of
from orchestrator.planning.chunk_sizes import ChunkSizes
from orchestrator.planning.render_options import RenderOptions
from orchestrator.preview.audible import Audible, listen
from orchestrator.preview.page import preview_page
from orchestrator.preview.stage import Stage
from orchestrator.web.loopback import (
    SIGN_OF_LIFE,
    Answer,
    Route,
    json_answer,
    page_answer,
    serve_loopback,
    soon,
)


@asynccontextmanager
async def serve_preview(
    source: str, settings: RenderSettings, *, port: int = 0, display: Display
) -> AsyncIterator[str]:
    """Serve the preview of a composition for a context; yield its URL.

    Args:
        port: The port; a free one by default.

    Raises:
        PortInUse: Another program has the port.
        OptionInvalid, CompositionNotFound: A setting is invalid, or there is no such composition.
    """
    settings.picture()
    Composition.find(source, root=settings.root)
    stage = Stage(source, settings)
    preview = _Preview(stage, display)
    async with AsyncExitStack() as opened:
        # Last, since a request may open a browser until the server is closed.
        opened.push_async_callback(stage.close)
        url = await opened.enter_async_context(serve_loopback(preview.routes(), port=port))
        watching = asyncio.create_task(stage.watch())
        loading = asyncio.create_task(stage.load())
        try:
            yield url
        finally:
            tasks = [watching, loading, *preview.listening()]
            for task in tasks:
                task.cancel()
            preview.ended = True
            stage.tell()
            await asyncio.gather(*tasks, return_exceptions=True)


class _Preview:
    def __init__(self, stage: Stage, display: Display) -> None:
        self.stage = stage
        self.ended = False
        self._display = display
        self._one_at_a_time = asyncio.Lock()
        #: What the page sounds like, or will, by its version; of the last one that was asked for.
        self._heard: dict[int, asyncio.Task[Audible]] = {}

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/", self._page),
            Route("GET", "/frame/(?P<frame>[0-9]{1,9})", self._frame),
            Route("GET", "/audio", self._audio),
            Route("GET", "/events", self._follow),
            Route("POST", "/props", self._props),
            Route("POST", "/command", self._command),
        ]

    def listening(self) -> Iterable[asyncio.Task[Audible]]:
        """Return what listens to the page."""
        return self._heard.values()

    async def _page(self, _: Request, __: Mapping[str, str]) -> Answer:
        page, policy = preview_page()
        return page_answer(page, {"Content-Security-Policy": policy})

    async def _frame(self, _: Request, parts: Mapping[str, str]) -> Answer:
        try:
            data, seconds = await self.stage.picture(int(parts["frame"]))
        except OptionInvalid as fault:
            return json_answer({"message": fault.message}, status=404)
        except HeliosError as fault:
            return json_answer({"message": fault.message}, status=409)
        kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
        headers = {"X-Draw-Seconds": f"{seconds:.4f}", "X-Version": str(self.stage.version)}
        return Answer(kind=kind, body=data, headers=headers)

    async def _audio(self, _: Request, __: Mapping[str, str]) -> Answer:
        stage = self.stage
        version, options = stage.version, stage.options
        if options is None or not stage.frames:
            return json_answer({"message": "the page isn't loaded"}, status=409)
        heard = self._listen(version, options)
        outdated = asyncio.create_task(stage.outdated.wait())
        try:
            await asyncio.wait((heard, outdated), return_when=asyncio.FIRST_COMPLETED)
        finally:
            outdated.cancel()
        if version != stage.version or heard.cancelled():
            heard.cancel()
            answer = {"message": "the page was changed", "version": stage.version}
            return json_answer(answer, status=409)
        try:
            found = await heard
        except HeliosError as fault:
            # Asked again, it tries again.
            self._heard.pop(version, None)
            return json_answer({"message": fault.message, "version": version}, status=409)
        return json_answer({"version": version, **dataclasses.asdict(found)})

    def _listen(self, version: int, options: RenderOptions) -> asyncio.Task[Audible]:
        """Return the task that listens to a version, and end that of an earlier one."""

        async def heard() -> Audible:
            # Each opens a browser, and one that is cancelled takes a moment to end its own.
            async with self._one_at_a_time:
                return await listen(self.stage.source, options, self.stage.frames)

        if version not in self._heard:
            for task in self._heard.values():
                task.cancel()
            self._heard = {version: asyncio.create_task(heard())}
        return self._heard[version]

    async def _props(self, request: Request, _: Mapping[str, str]) -> Answer:
        try:
            props = parse_props(request.body.decode(errors="replace"))
        except OptionInvalid as fault:
            return json_answer({"message": fault.message}, status=400)
        await self.stage.set_props(props)
        return json_answer({"version": self.stage.version})

    async def _command(self, _: Request, __: Mapping[str, str]) -> Answer:
        command = self._render_command()
        self._display.note("render_command", command, command=command)
        return json_answer({"command": command})

    async def _follow(self, _: Request, __: Mapping[str, str]) -> Answer:
        return Answer(events=self._events())

    async def _events(self) -> AsyncGenerator[bytes, None]:
        while not self.ended:
            changed = self.stage.changed
            yield f"data: {json.dumps(self._state())}\n\n".encode()
            while await soon(changed.wait()) is None:
                yield SIGN_OF_LIFE

    def _state(self) -> dict[str, Any]:
        stage, options = self.stage, self.stage.options
        state: dict[str, Any] = {
            "source": stage.source,
            "version": stage.version,
            "frames": stage.frames,
            "isLengthKnown": stage.is_length_known,
            "props": self._shown_props(),
            "variables": _documents(stage.variables),
            "error": None,
            "lines": [
                {"frame": frame, "level": level, "text": text} for frame, level, text in stage.lines
            ],
            "command": self._render_command(),
            "chunks": [],
        }
        if stage.error is not None:
            state["error"] = stage.error.model_dump(by_alias=True, exclude_none=True)
        if options is not None:
            state |= {
                "width": options.width,
                "height": options.height,
                "fps": options.fps,
                "dialect": options.dialect or "html",
            }
        if stage.frames:
            state["chunks"] = [part.start for part in self._sizes().cut(stage.frames)]
        return state

    def _sizes(self) -> ChunkSizes:
        at_once = chosen_concurrency(self.stage.settings.concurrency, remote=False)
        return dataclasses.replace(self.stage.settings.sizes(at_once), shared=True)

    def _shown_props(self) -> Mapping[str, Any]:
        options = self.stage.options
        return {} if options is None else options.props

    def _render_command(self) -> str:
        return render_command(self.stage.source, self.stage.settings, self._shown_props())


def _documents(variables: tuple[Variable, ...] | None) -> list[dict[str, Any]] | None:
    """Return the declared variables for the form; one without a default has none in it."""
    if variables is None:
        return None
    return [
        {"name": one.name, "kind": one.kind, "label": one.label, "options": list(one.options)}
        | ({} if one.is_required else {"default": one.default})
        for one in variables
    ]


def render_command(source: str, settings: RenderSettings, props: Mapping[str, Any]) -> str:
    """Return the command that renders a composition with these settings and props."""
    name = source.rstrip("/").rpartition("/")[2].partition(".")[0] or "video"
    given = {
        each: getattr(settings, each)
        for each in DEFAULTS
        if each != "props" and settings.given(each)
    }
    flags = flags_of({**given, "props": props or None})
    output = f"{name}.webm" if settings.transparent else f"{name}.mp4"
    return format_command(["orchestrator", "render", source, "-o", output, *flags])
