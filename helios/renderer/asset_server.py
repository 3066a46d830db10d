"""Serves a composition's folder over HTTP to the browser on this machine."""

import asyncio
import contextlib
import mimetypes
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from helios.errors import MediaUnsupported
from helios.network.file_server import serve_files
from helios.renderer.composition import LOCAL_HOST
from helios.renderer.media.playable_video import VIDEO_SUFFIXES, playable
from helios.renderer.media.seekable_video import seekable
from helios.renderer.media.video_pictures import open_pictures
from helios.renderer.project_root import locate
from helios.renderer.video_frame_answers import VIDEO_FRAME_PATH, VideoFrameAnswers

if TYPE_CHECKING:
    from helios.renderer.recorders.input_recorder import InputRecorder


#: Media types that browsers require and that some systems' tables lack.
_TYPES = {
    ".avif": "image/avif",
    ".cjs": "text/javascript",
    ".css": "text/css",
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".htm": "text/html",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".mjs": "text/javascript",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".otf": "font/otf",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xhtml": "application/xhtml+xml",
}


@contextlib.asynccontextmanager
async def serve_folder(
    root: Path,
    listener: socket.socket,
    *,
    inputs: "InputRecorder | None" = None,
    replacements: Mapping[str, Path] = MappingProxyType({}),
    serve_dot_files: bool = True,
    video_frames: bool = False,
) -> AsyncIterator[None]:
    """Serve a folder on a listening socket.

    Videos that the browser can't play are converted at their first request. Media elements get
    copies of those that have one.

    Args:
        listener: An open socket, so that its port is known before the server runs; early
            connections wait. It is closed with the server.
        inputs: Records the files that are requested.
        replacements: Files that are served at a path in place of the folder's own.
        serve_dot_files: Whether files are served whose names, or whose folders' names, begin with
            a dot.
        video_frames: Whether requests for single pictures of videos are answered, too.
    """
    folder = root.resolve()  # noqa: ASYNC240 - once, before anything is served

    def own_file(name: str) -> Path | None:
        path = locate(folder, name) if serve_dot_files or not _is_dot_file(name) else None
        if inputs is not None and (path is not None or name not in replacements):
            inputs.record_file(name, path)
        return path

    async def find(name: str, destination: str) -> tuple[Path, str] | None:
        path = replacements.get(name, own_file(name))
        if path is None:
            return None
        if path.suffix.lower() in VIDEO_SUFFIXES:
            with contextlib.suppress(MediaUnsupported):  # the browser reports an error
                path = await playable(path)
            # Scripts get the file itself.
            if destination in ("video", "audio"):
                path = await asyncio.to_thread(seekable, path)
        return path, content_type(path)

    async with contextlib.AsyncExitStack() as stack:
        answers = {}
        if video_frames:
            pictures = await stack.enter_async_context(open_pictures())
            answers[VIDEO_FRAME_PATH] = VideoFrameAnswers(pictures, own_file, inputs).answer
        served = serve_files(find, listener, host=LOCAL_HOST, answers=answers)
        await stack.enter_async_context(served)
        yield


def _is_dot_file(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def content_type(path: Path) -> str:
    """Return the media type that a file is served with."""
    suffix = path.suffix.lower()
    kind = _TYPES.get(suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    text = kind.startswith("text/") or kind in ("application/json", "image/svg+xml")
    return f"{kind}; charset=utf-8" if text else kind
