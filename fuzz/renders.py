"""Renders a page in every way, and compares the results with the reference."""

import asyncio
import contextlib
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from fuzz.compare import Difference, Pictures, compare
from fuzz.load import BusyCores, delays
from fuzz.pages.draw import FRAMES, HEIGHT, WIDTH
from fuzz.pages.media import make_media
from fuzz.pages.page import FuzzPage
from fuzz.samples import Sounds, compare_sounds
from fuzz.variants import REFERENCE, VARIANTS, Variant
from helios.errors import HeliosError
from helios.renderer.asset_server import serve_folder
from helios.renderer.browser.chromium import Browser, open_browser
from helios.renderer.browser.network_flags import network_flags
from helios.renderer.composition import LOCAL_ORIGIN, Composition
from helios.renderer.encoding.codecs import CODECS, VideoEncoding
from helios.renderer.encoding.frame_sink import FrameSink
from helios.renderer.page import CompositionPage, PageOptions, open_page
from helios.renderer.render import TWEEN_LOOKAHEAD, draw_frames
from helios.renderer.render_request import RenderRequest
from helios.renderer.render_session import RenderSession, raster_flags

RATE = Fraction(30)
#: Time limits that pages meet even on a busy machine.
_LIMIT = 120.0
OPTIONS = PageOptions(
    width=WIDTH, height=HEIGHT, rate=RATE, load_timeout=_LIMIT, settle_timeout=_LIMIT
)


class _Pictures(FrameSink):
    """Stores pictures by frame."""

    def __init__(self, frames: range) -> None:
        self.taken: dict[int, bytes] = {}
        self._frames = iter(frames)

    async def write(self, image: bytes) -> None:
        self.taken[next(self._frames)] = image

    async def finish(self) -> None:
        """Return immediately: nothing is pending."""


class Studio:
    """Renders pages in browsers that are started once, or for each chunk.

    Each chunk has its own page, which is a process of the browser.
    """

    def __init__(
        self,
        folder: Path,
        media: Path,
        port: int,
        stack: contextlib.AsyncExitStack,
        cores: BusyCores,
    ) -> None:
        self._folder = folder
        self._media = media
        self._port = port
        self._stack = stack
        self._running: dict[str, Browser] = {}
        self._delay = delays(0)
        self._cores = cores
        stack.callback(self._cores.end)
        self._cores.start()
        self._rendered = 0

    def write(self, page: FuzzPage) -> Composition:
        """Serve a page with the media that it uses."""
        folder = self._new_folder()
        page.write(folder, media=self._media)
        return self._composition(folder)

    def copy(self, page: Path) -> Composition:
        """Serve a copy of a page's folder, with all media beside it."""
        folder = self._new_folder()
        shutil.copytree(self._media, folder)
        shutil.copytree(page, folder, dirs_exist_ok=True)
        return self._composition(folder)

    def _new_folder(self) -> Path:
        self._rendered += 1
        return self._folder / f"page{self._rendered}"

    def _composition(self, folder: Path) -> Composition:
        return Composition(url=f"{LOCAL_ORIGIN}/{folder.name}/index.html", root=self._folder)

    async def reference(self, composition: Composition) -> tuple[Pictures, Sounds]:
        """Return the pictures and the audio of the reference."""
        options = replace(OPTIONS, reference=True)
        async with self._browsers(Variant(name=REFERENCE)) as browsers:
            return await self._chunk(composition, options, browsers, range(FRAMES))

    async def differences(
        self,
        composition: Composition,
        variants: Sequence[Variant] = VARIANTS,
        *,
        expected: tuple[Pictures, Sounds] | None = None,
    ) -> list[Difference]:
        """Render a page in all ways, and return what differs from the reference.

        Raises:
            HeliosError: The reference can't be rendered.
        """
        pictures, sounds = expected or await self.reference(composition)
        found: list[Difference] = []
        for variant in variants:
            try:
                chunks = await self.render(composition, variant)
            except HeliosError as error:
                found.append(Difference(variant.name, reason=f"{error.code}: {error}"))
                continue
            taken = {frame: image for images, _ in chunks for frame, image in images.items()}
            difference = compare(variant.name, pictures, taken)
            heard = [(part, found) for part, (_, found) in zip(variant.chunks, chunks, strict=True)]
            difference = difference or await compare_sounds(
                variant.name, composition, sounds, heard
            )
            if difference is not None:
                found.append(difference)
        if found:
            again, _ = await self.reference(composition)
            own = compare(REFERENCE, pictures, again)
            found += [own] if own else []
        return found

    async def render(
        self, composition: Composition, variant: Variant
    ) -> list[tuple[Pictures, Sounds]]:
        """Render a page in one way; return pictures and audio of each chunk."""
        chunks = []
        with self._cores.busy() if variant.busy else contextlib.nullcontext():
            for frames in variant.chunks:
                async with self._browsers(variant) as browsers:
                    chunks.append(await self._chunk(composition, OPTIONS, browsers, frames))
        return chunks

    async def _chunk(
        self,
        composition: Composition,
        options: PageOptions,
        browsers: Sequence[Browser],
        frames: range,
    ) -> tuple[Pictures, Sounds]:
        request = RenderRequest(
            composition=composition,
            output=self._folder / "unused",
            page=options,
            encoding=VideoEncoding(codec=CODECS["png"]),
            start_frame=frames.start,
            frame_count=len(frames),
        )
        sink = _Pictures(frames)
        async with contextlib.AsyncExitStack() as stack:

            async def load(browser: Browser) -> CompositionPage:
                page = await stack.enter_async_context(open_page(browser, options))
                await page.load(composition)
                return page

            first = await load(browsers[0])
            # All browsers are open from the start, so that each renders some frames.
            others: list[Awaitable[CompositionPage]] = [
                _ready(await load(browser)) for browser in browsers[1:]
            ]
            replay = (await first.declared()).replay
            await draw_frames(request, RenderSession(first, others), sink, replay, lambda _: None)
            # The end of the last frame's audio is after it.
            behind = min(frames.stop + TWEEN_LOOKAHEAD, FRAMES)
            await first.seek(behind - 1, every_frame=replay)
            return sink.taken, await first.audio.sounds()

    @contextlib.asynccontextmanager
    async def _browsers(self, variant: Variant) -> AsyncIterator[list[Browser]]:
        """Start the browsers of a chunk, or yield the running ones."""
        async with contextlib.AsyncExitStack() as stack:
            found = []
            for number in range(variant.browsers):
                name = f"{'late' if variant.busy else 'prompt'} {number}"
                browser = None if variant.fresh else self._running.get(name)
                if browser is None or browser.devtools.closed.is_set():
                    browser = await self._start(
                        stack if variant.fresh else self._stack, late=variant.busy
                    )
                if not variant.fresh:
                    self._running[name] = browser
                found.append(browser)
            yield found

    async def _start(self, stack: contextlib.AsyncExitStack, *, late: bool) -> Browser:
        flags = raster_flags(OPTIONS, 1)
        network = network_flags(local_port=self._port, proxy=None)
        browser = await stack.enter_async_context(open_browser(extra_flags=flags, network=network))
        if late:
            browser.devtools.hold_back(self._delay)
        return browser


async def _ready(page: CompositionPage) -> CompositionPage:
    return page


@contextlib.asynccontextmanager
async def open_studio(media: Path, *, neighbours: int = 0) -> AsyncIterator[Studio]:
    """Serve generated pages, with media from a folder that keeps them, to browsers.

    Args:
        media: Folder for the files of `fuzz.pages.media`.
        neighbours: Number of other studios that render at the same time and keep cores busy.
    """
    await asyncio.to_thread(make_media, media)
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="helios-fuzz-")))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        await stack.enter_async_context(serve_folder(folder, listener))
        yield Studio(folder, media, listener.getsockname()[1], stack, BusyCores(neighbours))
