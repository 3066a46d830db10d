"""Serves the preview: the page, pictures of frames, and the state as events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from importlib import resources
from typing import Any

from aiohttp import web

from helios.contract.command import format_command
from helios.errors import HeliosError, OptionInvalid
from helios.renderer.composition import Composition
from helios.renderer.props import parse_props, read_props
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.api.targets.concurrency import chosen_concurrency
from orchestrator.display.display import Display
from orchestrator.planning.chunk_sizes import ChunkSizes
from orchestrator.preview.stage import Stage
from orchestrator.web.loopback import serve_loopback

#: Seconds after which an idle stream of events has a sign of life.
_KEEP_ALIVE = 15.0
#: The page loads nothing, from nowhere but its own server.
_POLICY = (
    "default-src 'none'; img-src 'self' blob: data:; connect-src 'self'; style-src 'unsafe-inline';"
    " script-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
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
    preview = _Preview(Stage(source, settings), display)
    async with serve_loopback(preview.routes(), port=port) as url:
        watching = asyncio.create_task(preview.stage.watch())
        loading = asyncio.create_task(preview.stage.load())
        try:
            yield url
        finally:
            for task in (watching, loading):
                task.cancel()
            preview.ended = True
            preview.stage.tell()
            await asyncio.gather(watching, loading, return_exceptions=True)
            await preview.stage.close()


class _Preview:
    def __init__(self, stage: Stage, display: Display) -> None:
        self.stage = stage
        self.ended = False
        self._display = display

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._page),
            web.get("/frame/{frame:[0-9]{1,9}}", self._frame),
            web.get("/events", self._events),
            web.post("/props", self._props),
            web.post("/command", self._command),
        ]

    async def _page(self, _: web.Request) -> web.Response:
        page = resources.files("orchestrator.preview").joinpath("preview.html")
        headers = {"Content-Security-Policy": _POLICY}
        return web.Response(text=page.read_text("utf-8"), content_type="text/html", headers=headers)

    async def _frame(self, request: web.Request) -> web.Response:
        try:
            data, seconds = await self.stage.picture(int(request.match_info["frame"]))
        except OptionInvalid as fault:
            return web.json_response({"message": fault.message}, status=404)
        except HeliosError as fault:
            return web.json_response({"message": fault.message}, status=409)
        kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
        headers = {"X-Draw-Seconds": f"{seconds:.4f}", "X-Version": str(self.stage.version)}
        return web.Response(body=data, content_type=kind, headers=headers)

    async def _props(self, request: web.Request) -> web.Response:
        try:
            props = parse_props(await request.text())
        except OptionInvalid as fault:
            return web.json_response({"message": fault.message}, status=400)
        await self.stage.set_props(props)
        return web.json_response({"version": self.stage.version})

    async def _command(self, _: web.Request) -> web.Response:
        command = self._render_command()
        self._display.note("render_command", command, command=command)
        return web.json_response({"command": command})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        with suppress(ConnectionError):
            while not self.ended:
                changed = self.stage.changed
                state = json.dumps(self._state())
                await response.write(f"data: {state}\n\n".encode())
                while not changed.is_set():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), _KEEP_ALIVE)
                        break
                    await response.write(b": alive\n\n")
        return response

    def _state(self) -> dict[str, Any]:
        stage, options = self.stage, self.stage.options
        state: dict[str, Any] = {
            "source": stage.source,
            "version": stage.version,
            "frames": stage.frames,
            "isLengthKnown": stage.is_length_known,
            "props": self._props_now(),
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
        return replace(self.stage.settings.sizes(at_once), shared=True)

    def _props_now(self) -> dict[str, Any]:
        props = self.stage.settings.props
        return read_props(props) if isinstance(props, str) else dict(props)

    def _render_command(self) -> str:
        settings, source = self.stage.settings, self.stage.source
        name = source.rstrip("/").rpartition("/")[2].partition(".")[0] or "video"
        words = ["orchestrator", "render", source, "-o", f"{name}.mp4"]
        flags = (
            "fps",
            "width",
            "height",
            "root",
            "dialect",
            "composition_id",
            "scale",
            "seed",
            "timezone",
            "locale",
        )
        more = ("duration", "frames", "chunks", "frames_per_chunk", "jpeg_quality", "timeout")
        for flag in (*flags, *more):
            if settings.given(flag):
                words += [f"--{flag.replace('_', '-')}", str(getattr(settings, flag))]
        if settings.given("replay"):
            words.append("--replay" if settings.replay else "--no-replay")
        words += [
            f"--{flag.replace('_', '-')}"
            for flag in ("transparent", "allow_missing")
            if settings.given(flag)
        ]
        props = self._props_now()
        if props:
            words += ["--props", json.dumps(props, ensure_ascii=False)]
        return format_command(words)
