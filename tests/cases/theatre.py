"""Rendering a case without loss, cut into chunks."""

import asyncio
import io
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from helios.renderer.composition import Composition
from helios.renderer.dialects import PageDefaults, open_dialect
from helios.renderer.encoding.codecs import CODECS, VideoEncoding
from helios.renderer.encoding.frame_sink import FrameSink
from helios.renderer.page import CompositionPage, ImageFormat, PageOptions
from helios.renderer.render import draw_frames
from helios.renderer.render_request import RenderRequest
from helios.renderer.render_session import RenderSession, open_render_session
from helios.renderer.soundtrack import mix_composition
from tests.cases.case import Case
from tests.cases.libraries import Libraries
from tests.cases.media import MediaFolder
from tests.cases.shown import HEIGHT, WIDTH, Shown
from tests.helios.renderer.conftest import Studio

_PNG = ImageFormat("png")


class _Pictures(FrameSink):
    """Keeps pictures."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def write(self, image: bytes) -> None:
        self.taken.append(image)

    async def finish(self) -> None:
        """Nothing waits."""


class Theatre:
    """Renders cases: each chunk is a page of its own, in a browser that is started once."""

    def __init__(self, studio: Studio, media: MediaFolder, libraries: Libraries) -> None:
        self._studio = studio
        self._media = media
        self._libraries = libraries
        self._sounds: dict[tuple[str, str, bool], bytes] = {}

    def show(self, case: Case, *, chunks: int, zone: str = "UTC", reference: bool = False) -> Shown:
        """Render a case."""
        self.write(case)
        options = self._options(case, reference=reference)
        edges = [case.frame_count * part // chunks for part in range(chunks + 1)]
        pictures: list[bytes] = []
        # What is no page is served by its render's own server.
        fresh = case.fresh or bool(case.source) or zone != "UTC"
        with _time_zone(zone):
            for start, stop in pairwise(edges):
                pictures += self._studio.run(self._chunk(case, range(start, stop), options, fresh))
            # Its sound is that of the whole composition, however it is cut.
            heard = (case.name, zone, reference)
            if case.sounds and heard not in self._sounds:
                self._sounds[heard] = self._studio.run(self._sound(case, options))
        sound = self._sounds.get(heard, b"")
        return Shown(np.stack([_pixels(picture) for picture in pictures]), _samples(sound))

    def show_in_two_browsers(self, case: Case) -> Shown:
        """Render a case in one chunk whose frames two browsers take by turns."""
        self.write(case)
        pictures = self._studio.run(self._shared_chunk(case, self._options(case)))
        return Shown(np.stack([_pixels(picture) for picture in pictures]), _samples(b""))

    def _folder(self, case: Case) -> Path:
        return self._studio.root / (case.folder or case.name)

    def write(self, case: Case) -> Path:
        """Write a case's files; return their folder."""
        folder = self._folder(case)
        for name, content in case.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        for name, source in case.media.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self._media.get(source), folder / name)
        for name, source in case.libraries.items():
            self._libraries.copy(source, folder / name)
        return folder

    def _composition(self, case: Case) -> Composition:
        return Composition.find(str(self._folder(case) / case.source))

    def _options(self, case: Case, *, reference: bool = False) -> PageOptions:
        """Return the options of a case: the size of a plain page is that of all cases."""
        dialect, declared = open_dialect(self._composition(case), None, case.composition_id)
        if dialect.name in ("html", "helios", "remotion"):
            declared = PageDefaults(width=WIDTH, height=HEIGHT, rate=case.rate)
        width, height = case.size or (declared.width, declared.height)
        return PageOptions(
            width=width,
            height=height,
            rate=case.rate if case.source else declared.rate,
            dialect=dialect,
            composition_id=case.composition_id,
            canvas_alone=case.canvas_alone,
            props=case.props,
            transparent=case.transparent,
            reference=reference,
        )

    async def _chunk(
        self, case: Case, frames: range, options: PageOptions, fresh: bool
    ) -> list[bytes]:
        if not fresh:
            name = self._folder(case).name
            changes: dict[str, Any] = {
                key: getattr(options, key)
                for key in (
                    *("width", "height", "rate", "transparent", "reference"),
                    *("dialect", "props", "canvas_alone"),
                )
            }
            async with self._studio.page(name, **changes) as page:
                every_frame = case.replay or (await page.declared()).replay
                return [
                    await page.picture(frame, _PNG, every_frame=every_frame) for frame in frames
                ]
        async with open_render_session(self._composition(case), options) as session:
            return [
                await session.page.picture(frame, _PNG, every_frame=case.replay) for frame in frames
            ]

    async def _shared_chunk(self, case: Case, options: PageOptions) -> list[bytes]:
        composition = self._composition(case)
        request = RenderRequest(
            composition=composition,
            output=self._studio.root / "unused",
            page=options,
            encoding=VideoEncoding(codec=CODECS["png"]),
            frame_count=case.frame_count,
        )
        sink = _Pictures()
        async with open_render_session(composition, options, pages=2) as session:
            # Else the first may have taken all frames before the other is there.
            second = _ready(await session.joining[0])
            replay = case.replay or (await session.page.declared()).replay
            await draw_frames(
                request, RenderSession(session.page, [second]), sink, replay, lambda _: None
            )
        return sink.taken

    async def _sound(self, case: Case, options: PageOptions) -> bytes:
        output = self._folder(case) / "mixed.wav"
        found = await mix_composition(
            self._composition(case),
            options,
            frame_count=case.frame_count,
            output=output,
            codec="pcm_f32le",
            replay=case.replay or None,
        )
        return await asyncio.to_thread(output.read_bytes) if found else b""


async def _ready(page: CompositionPage) -> CompositionPage:
    return page


@contextmanager
def _time_zone(zone: str) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


def _pixels(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def _samples(wav: bytes) -> NDArray[np.float64]:
    """Return both channels of a WAV file of 32-bit numbers as one, at the same power."""
    if not wav:
        return np.zeros(SAMPLES_OF_SILENCE)
    data = wav[wav.index(b"data") + 8 :]
    both: NDArray[np.float64] = np.frombuffer(data, "<f4").reshape(-1, 2).astype(np.float64)
    return np.asarray(both.sum(axis=1) / np.sqrt(2))


#: What stands for a composition without sound.
SAMPLES_OF_SILENCE = 10 * 48_000
