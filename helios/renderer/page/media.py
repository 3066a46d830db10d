"""Tells a page's videos when each frame of their files is shown."""

import asyncio
import json
import shlex
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from helios.errors import HeliosError, MediaUnsupported
from helios.renderer.browser.devtools import Params
from helios.renderer.composition import LOCAL_ORIGIN
from helios.renderer.media.data_url import data_of
from helios.renderer.media.frame_times import FrameTimes, SourceTimes, read_frame_times
from helios.renderer.media.playable_video import conversion_command, playable
from helios.renderer.media.seekable_video import seekable
from helios.renderer.page.blobs import read_blob
from helios.renderer.page.session import PageSession
from helios.renderer.project_root import locate

#: Name of the function by which the runtime asks; it takes it off the window at once.
BINDING = "__helios_frame_times__"


class PageMedia:
    """Answers which frames the file at an address has; reads each file once.

    Attributes:
        root: The composition's folder, if it is served from one.
    """

    def __init__(self, session: PageSession) -> None:
        self.root: Path | None = None
        self._session = session
        self._file_times = SourceTimes()
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Answer from now on."""
        self._session.on("Runtime.bindingCalled", self._on_call)
        await self._session.call("Runtime.addBinding", {"name": BINDING})

    async def frame_times(self, address: str, context: int) -> FrameTimes | None:
        """Return the frames of a file; None if they can't be listed.

        Args:
            address: The file's URL.
            context: The document that a `blob:` URL belongs to.
        """
        try:
            if address.startswith("blob:"):
                return await self._blob_times(address, context)
            if address.startswith("data:"):
                return await _content_times(data_of(address))
            return await self._file_times(await self._source(address))
        except HeliosError:
            return None

    async def check_playable(self, address: str) -> None:
        """Raise if a file that the browser can't play is one that ffmpeg can.

        Raises `MediaUnsupported`.
        """
        if not address.startswith(("http:", "https:")):
            return
        source = await self._source(address)
        try:
            found = await self._file_times(source)
        except MediaUnsupported:
            return  # no media
        if not found.codec:
            return
        name = source.name if isinstance(source, Path) else source
        command = conversion_command(source, f"{Path(urlsplit(str(source)).path).stem}-h264.mp4")
        raise MediaUnsupported(
            f"{name}: the browser can't play its video ({found.codec})",
            hint=f"Convert it: {shlex.join(['ffmpeg', *command])}",
        )

    # --- inside -----------------------------------------------------------------------------

    def _on_call(self, event: Params) -> None:
        if event["name"] != BINDING:
            return
        task = asyncio.ensure_future(self._answer(event["payload"], event["executionContextId"]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, address: str, context: int) -> None:
        found = await self.frame_times(address, context)
        value = found and {
            "stamps": found.stamps,
            "begins": found.begins,
            "slack": found.slack,
        }
        expression = f"__helios_runtime__.frameTimes({json.dumps(address)}, {json.dumps(value)})"
        params: Params = {"expression": expression, "contextId": context}
        try:
            await self._session.call("Runtime.evaluate", params)
        except HeliosError:
            return  # the document or the browser is gone, which the pending call reports

    async def _source(self, address: str) -> Path | str:
        if self.root is not None and address.startswith(f"{LOCAL_ORIGIN}/"):
            path = locate(self.root.resolve(), unquote(urlsplit(address).path))
            if path is not None:
                return await asyncio.to_thread(seekable, await playable(path))
        return address

    async def _blob_times(self, address: str, context: int) -> FrameTimes | None:
        content = await read_blob(self._session, address, context)
        return None if content is None else await _content_times(content)


async def _content_times(content: bytes) -> FrameTimes:
    with tempfile.NamedTemporaryFile(prefix="helios-media-") as file:
        file.write(content)
        file.flush()
        return await read_frame_times(Path(file.name))
