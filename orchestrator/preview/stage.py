"""A composition that stays open, and is drawn at any frame by the renderer."""

import asyncio
import contextlib
import os
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from helios.contract.error_record import ErrorRecord
from helios.errors import CompositionFailed, HeliosError, OptionInvalid
from helios.renderer.composition import Composition
from helios.renderer.dialects.variables import Variable
from helios.renderer.page import CompositionPage
from helios.renderer.render_session import RenderSession, open_render_session
from orchestrator.api.rendering.planning import declared_variables, picture_options
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.planning.composition_probe import given_frames, picture_format_of, picture_page_of
from orchestrator.planning.render_options import RenderOptions

#: Seconds between two looks at the composition's files.
LOOK_INTERVAL = 0.3
#: Largest share of the time that is spent looking.
_LOOK_SHARE = 0.05
#: Files that are looked at, at most.
_MOST_FILES = 20_000
_UNWATCHED = frozenset((".batch", ".git", "node_modules"))
#: Suffixes of folders that renders write to.
_WRITTEN = (".job", ".part")
#: Bytes of pictures that are kept.
_KEPT_BYTES = 128 << 20
#: Lines of the console that are kept.
_MOST_LINES = 500
#: Frames that are offered of a page that doesn't say how long it is, in seconds.
_UNKNOWN_LENGTH = 10


class Stage:
    """Draws frames of a composition as its video would have them.

    A page is driven forward only, so an earlier frame is drawn in a new page of the same browser;
    pictures are kept. Each change of a file or of the props begins a new version.

    Attributes:
        version: Counts the changes.
        changed: Set with each change of the state.
        outdated: Set once there is another version.
        options: What the page is drawn with; None until it was loaded.
        variables: The props that the page declares; None if it declares none.
        frames: Length of the timeline; 0 until the page was loaded.
        is_length_known: Whether the page, or a setting, says how long it is.
        error: Why this version can't be shown; None if it can.
        lines: What the page logged: frame (None while it loads), level and text.
    """

    def __init__(self, source: str, settings: RenderSettings) -> None:
        self.source = source
        self.settings = settings
        self.version = 1
        self.changed = asyncio.Event()
        self.outdated = asyncio.Event()
        self.options: RenderOptions | None = None
        self.variables: tuple[Variable, ...] | None = None
        self.frames = 0
        self.is_length_known = True
        self.error: ErrorRecord | None = None
        self.lines: list[tuple[int | None, str, str]] = []
        self._lock = asyncio.Lock()
        self._open = AsyncExitStack()
        self._session: RenderSession | None = None
        self._page: CompositionPage | None = None
        self._page_stack = AsyncExitStack()
        self._replay = False
        self._opened = 0
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    async def load(self) -> None:
        """Load the page as it is now, unless it is; errors are in `error`."""
        async with self._lock:
            with contextlib.suppress(HeliosError):
                await self._load()

    async def picture(self, frame: int) -> tuple[bytes, float]:
        """Return the picture of a frame, and the seconds that it took; 0 for one that was kept.

        Raises:
            OptionInvalid: There is no such frame.
            HeliosError: The page can't be loaded or drawn.
        """
        async with self._lock:
            began = time.monotonic()
            await self._load()
            if not 0 <= frame < self.frames:
                raise OptionInvalid(f"frame {frame}: the page has {self.frames}")
            kept = self._kept.get(frame)
            if kept is not None:
                self._kept.move_to_end(frame)
                return kept, 0.0
            try:
                data = await self._draw(frame)
            except HeliosError as fault:
                await self._fail(fault)
                raise
            self._keep(frame, data)
            return data, time.monotonic() - began

    async def set_props(self, props: Mapping[str, Any]) -> None:
        """Show the page with other props."""
        async with self._lock:
            self.settings = replace(self.settings, props=dict(props))
            if self.options is not None:
                self.options = replace(self.options, props=dict(props))
            await self._begin_version()
        await self.load()

    async def watch(self) -> None:
        """Begin a new version whenever a file of the composition changes, until cancelled."""
        pause, seen = LOOK_INTERVAL, await asyncio.to_thread(self._files)
        while True:
            await asyncio.sleep(pause)
            began = time.monotonic()
            now = await asyncio.to_thread(self._files)
            pause = max(LOOK_INTERVAL, (time.monotonic() - began) / _LOOK_SHARE)
            if now == seen:
                continue
            seen = now
            async with self._lock:
                await self._begin_version()
            await self.load()

    async def close(self) -> None:
        """End the browser, once no picture is being drawn."""
        async with self._lock:
            await self._close()

    def tell(self) -> None:
        """Wake what waits for a change."""
        self.changed.set()
        self.changed = asyncio.Event()

    async def _begin_version(self) -> None:
        await self._close()
        self.version += 1
        self.outdated.set()
        self.outdated = asyncio.Event()
        self.error = None
        self.lines.clear()
        self._kept.clear()

    async def _load(self) -> None:
        if self.error is not None:
            raise CompositionFailed(self.error.message)
        if self._opened == self.version:
            return
        try:
            await self._open_page()
        except HeliosError as fault:
            await self._fail(fault)
            raise
        self._opened = self.version
        self.tell()

    async def _open_page(self) -> None:
        settings = self.settings
        options = self.options = await picture_options(self.source, settings)
        self.variables = await declared_variables(self.source, settings)
        composition = Composition.find(self.source, root=options.root)
        shown = picture_page_of(options)
        opening = open_render_session(composition, shown, log=self._log)
        self._session = await self._open.enter_async_context(opening)
        page = self._page = self._session.page
        says = await page.declared()
        self._replay = says.replay if options.replay is None else options.replay
        seconds = says.duration or says.longest_animation
        self.is_length_known = True
        given = given_frames(settings.duration, settings.frames, options.rate)
        if given is not None:
            self.frames = given
        elif seconds:
            self.frames = shown.dialect.frame_count(Fraction(str(seconds)), options.rate)
        else:
            self.is_length_known = False
            self.frames = round(_UNKNOWN_LENGTH * options.rate)

    async def _draw(self, frame: int) -> bytes:
        assert self._page is not None  # noqa: S101 - it was loaded
        assert self._session is not None  # noqa: S101
        assert self.options is not None  # noqa: S101
        if self._page.frame is not None and frame < self._page.frame:
            await self._page_stack.aclose()
            assert self._session.another is not None  # noqa: S101 - it was opened by URL or path
            self._page = await self._page_stack.enter_async_context(self._session.another())
        image = picture_format_of(self.options)
        data = await self._page.picture(frame, image, every_frame=self._replay)
        self._page.check_missing()
        return data

    def _keep(self, frame: int, data: bytes) -> None:
        self._kept[frame] = data
        size = sum(map(len, self._kept.values()))
        while size > _KEPT_BYTES and len(self._kept) > 1:
            size -= len(self._kept.popitem(last=False)[1])

    async def _fail(self, fault: HeliosError) -> None:
        self.error = ErrorRecord.of(fault)
        await self._close()
        self.tell()

    async def _close(self) -> None:
        self._opened = 0
        self._page = self._session = None
        await self._page_stack.aclose()
        await self._open.aclose()
        self._page_stack, self._open = AsyncExitStack(), AsyncExitStack()

    def _log(self, frame: int | None, level: str, text: str) -> None:
        line = (frame, level, text)
        if line not in self.lines and len(self.lines) < _MOST_LINES:
            self.lines.append(line)
            self.tell()

    def _files(self) -> dict[str, tuple[int, int]]:
        """Return size and time of each of the composition's files."""
        try:
            root = Composition.find(self.source, root=self.settings.root).root
        except HeliosError:
            return {}
        found: dict[str, tuple[int, int]] = {}
        if root is None:
            return found
        for path in _walk(root):
            with contextlib.suppress(OSError):
                facts = path.stat()
                found[str(path)] = (facts.st_size, facts.st_mtime_ns)
            if len(found) >= _MOST_FILES:
                break
        return found


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [
            name for name in folders if name not in _UNWATCHED and not name.endswith(_WRITTEN)
        ]
        yield from (Path(parent, name) for name in names)
