"""Pages made for the purpose, and a browser to look at them with.

Every page shows its values as grey boxes of 40 x 40 pixels in rows of eight, so that what a frame
must look like can be computed.
"""

import asyncio
import contextlib
import hashlib
import io
import shutil
import socket
import subprocess
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PIL import Image

from helios.renderer.asset_server import serve_folder
from helios.renderer.browser.chromium import Browser, open_browser
from helios.renderer.composition import LOCAL_ORIGIN, Composition
from helios.renderer.page import CompositionPage, ImageFormat, PageOptions, open_page

COMPOSITIONS = Path(__file__).parents[2] / "data" / "compositions"
WIDTH, HEIGHT = 320, 180
BOX = 40
RATE = Fraction(30)
#: Frames of a test page: two seconds.
FRAMES = 60
PNG = ImageFormat("png")

T = TypeVar("T")
Log = list[tuple[int | None, str, str]]


@dataclass(frozen=True)
class Picture:
    """One captured frame."""

    data: bytes

    @property
    def image(self) -> Image.Image:
        return Image.open(io.BytesIO(self.data)).convert("RGB")

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        found = self.image.getpixel((x, y))
        assert isinstance(found, tuple)
        return (int(found[0]), int(found[1]), int(found[2]))

    def color(self, box: int) -> tuple[int, int, int]:
        """Colour in the middle of a box."""
        return self.pixel(BOX * (box % 8) + BOX // 2, BOX * (box // 8) + BOX // 2)

    def level(self, box: int) -> int:
        """Brightness in the middle of a box, 0 to 255."""
        return self.color(box)[1]

    @property
    def digest(self) -> str:
        """Hash of the pixels, whatever the file format."""
        return hashlib.sha256(self.image.tobytes()).hexdigest()[:16]


class Studio:
    """Loads test pages in one browser and takes pictures of them."""

    def __init__(self, runner: asyncio.Runner, root: Path) -> None:
        self._runner = runner
        self._resources = contextlib.AsyncExitStack()
        self._browsers: dict[bool | None, Browser] = {}
        self._port = 0
        self.root = root

    def run(self, work: Awaitable[T]) -> T:
        """Run to the end on the loop that the browser's connection lives on."""

        async def main() -> T:
            return await work

        return self._runner.run(main())

    def close(self) -> None:
        self.run(self._resources.aclose())

    async def browser(self, on_demand: bool | None = None) -> Browser:
        """Return a browser that reaches the served folder."""
        if not self._port:
            listener = socket.create_server(("127.0.0.1", 0))
            self._port = listener.getsockname()[1]
            await self._resources.enter_async_context(serve_folder(self.root, listener))
        if on_demand not in self._browsers:
            rule = f"--host-resolver-rules=MAP composition.localhost:80 127.0.0.1:{self._port}"
            self._browsers[on_demand] = await self._resources.enter_async_context(
                open_browser(extra_flags=[rule], on_demand=on_demand)
            )
        return self._browsers[on_demand]

    def composition(self, name: str) -> Composition:
        page = name if name.endswith(".html") else f"{name}/index.html"
        return Composition(url=f"{LOCAL_ORIGIN}/{page}", root=self.root)

    @contextlib.asynccontextmanager
    async def page(
        self,
        name: str,
        *,
        on_demand: bool | None = None,
        log: Log | None = None,
        **options: Any,
    ) -> AsyncIterator[CompositionPage]:
        """Load a page afresh; it is closed afterwards."""
        settings = replace(PageOptions(width=WIDTH, height=HEIGHT, rate=RATE), **options)
        browser = await self.browser(on_demand)
        write = None if log is None else lambda *entry: log.append(entry)
        async with open_page(browser, settings, write) as page:
            await page.load(self.composition(name))
            yield page

    def shoot(
        self, name: str, frames: Iterable[int], *, replay: bool = False, **options: Any
    ) -> list[Picture]:
        """Load a page afresh and take pictures of frames, seeking from one to the next."""

        async def work() -> list[Picture]:
            pictures = []
            async with self.page(name, **options) as page:
                every_frame = replay or (await page.declared()).replay
                for frame in frames:
                    image = await page.picture(frame, PNG, every_frame=every_frame)
                    pictures.append(Picture(image))
            return pictures

        return self.run(work())

    def check(
        self,
        name: str,
        frames: Sequence[int],
        expected: Mapping[int, Callable[[float], float]],
        *,
        tolerance: float = 2,
        **options: Any,
    ) -> None:
        """Compare boxes with functions of time in seconds."""
        wrong = []
        for frame, picture in zip(frames, self.shoot(name, frames, **options), strict=True):
            # A little past, so that what begins at this frame has begun.
            time = frame / float(RATE) + 1e-9
            for box, level in expected.items():
                want, found = level(time), picture.level(box)
                if abs(found - want) > tolerance:
                    wrong.append(f"frame {frame} box {box}: {found}, should be {want:.1f}")
        assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="session")
def compositions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test pages, with the binary files that they use made beside them."""
    folder = tmp_path_factory.mktemp("compositions") / "pages"
    shutil.copytree(COMPOSITIONS, folder)
    assets = folder / "assets"
    assets.mkdir(exist_ok=True)
    make_clip(assets / "counter.mp4")
    Image.new("RGB", (80, 80), (200, 100, 50)).save(assets / "orange.png")
    Image.new("RGB", (80, 80), (50, 100, 200)).save(assets / "blue.png")
    make_gif(assets / "counter.gif")
    make_moving(assets / "counter.png")
    make_moving(assets / "counter.webp", lossless=True)
    font = subprocess.run(
        ["fc-match", "-f", "%{file}", "DejaVu Sans:bold"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    shutil.copy(font, assets / "font.ttf")
    return folder


def make_clip(path: Path) -> None:
    """Encode 60 frames at 30 per second; frame n has brightness 20 + 3n throughout.

    One keyframe, B-frames and sound: what seeking has to cope with.
    """
    picture = "nullsrc=s=160x90:r=30:d=2,format=gray,geq=lum='20+3*N'"
    colors = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"
    subprocess.run(
        [
            *("ffmpeg", "-y", "-loglevel", "error", "-f", "lavfi", "-i", picture),
            *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=2"),
            *("-vf", colors, "-c:v", "libx264", "-crf", "8", "-g", "250", "-bf", "3"),
            *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
            *("-c:a", "aac", "-movflags", "+faststart", str(path)),
        ],
        check=True,
    )


def make_gif(path: Path) -> None:
    """Ten pictures, a tenth of a second each, brightness 25n."""
    pictures = [Image.new("L", (40, 40), 25 * n) for n in range(10)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100, loop=0)


def make_moving(path: Path, **options: Any) -> None:
    """Five pictures, 0.1, 0.2, 0.3, 0.2 and 0.1 s each, brightness 50n; three times."""
    pictures = [Image.new("RGB", (40, 40), (50 * n, 50 * n, 50 * n)) for n in range(5)]
    pictures[0].save(
        path,
        save_all=True,
        append_images=pictures[1:],
        duration=[100, 200, 300, 200, 100],
        loop=3,
        **options,
    )


@pytest.fixture(scope="session")
def studio(compositions: Path) -> Iterator[Studio]:
    with asyncio.Runner() as runner:
        studio = Studio(runner, compositions)
        try:
            yield studio
        finally:
            studio.close()
