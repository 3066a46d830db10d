"""Browsers hand over raw frames where they can; elsewhere, and to pages, JPEG stays JPEG."""

import asyncio
import base64
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from helios.contract.job_spec import JobSpec
from helios.errors import BrowserCrashed
from helios.records.boundary_frames import BoundaryFrames, BoundaryPictures
from helios.renderer.browser.chromium import Browser, open_browser
from helios.renderer.composition import Composition
from helios.renderer.encoding.codecs import CODECS, VideoEncoding
from helios.renderer.encoding.frame_sink import FrameSink
from helios.renderer.page import CompositionPage, ImageFormat, PageOptions
from helios.renderer.raw_frames import gives_raw_frames, key_pixels, memory
from helios.renderer.recorders.boundary_recorder import BoundaryRecorder
from helios.renderer.render import draw_frames, render
from helios.renderer.render_request import RenderRequest
from helios.renderer.render_session import open_render_session
from helios.stitcher.seam_proof import compare_seams

WIDTH, HEIGHT, FRAMES = 160, 90, 12
I420, PNG = ImageFormat("i420"), ImageFormat("png")
MOVING = """<!doctype html><style>
  body { margin: 0; background: linear-gradient(100deg, #204, #fa3) }
  p { font: 30px sans-serif; color: #0cf; animation: go 400ms linear }
  @keyframes go { from { translate: 0 } to { translate: 90px 30px } }
</style><p>moves</p>"""
CANVAS = """<!doctype html><style>body { margin: 0 } canvas { display: block }</style>
<canvas width="160" height="90"></canvas><script>
  const context = document.querySelector("canvas").getContext("2d");
  const draw = (time) => {
    context.fillStyle = "#082";
    context.fillRect(0, 0, 160, 90);
    context.fillStyle = "#f52";
    context.fillRect(time / 4, 20.5, 50, 40);
    requestAnimationFrame(draw);
  };
  requestAnimationFrame(draw);
</script>"""
PAGES = {"moving": MOVING, "canvas": CANVAS}

browser = pytest.mark.browser
needs_library = pytest.mark.skipif(
    not memory.LIBRARY.exists(), reason="there was no compiler to build the library with"
)


class _Kept(FrameSink):
    """Keeps pictures."""

    def __init__(self) -> None:
        self.pictures: list[bytes] = []

    async def write(self, image: bytes) -> None:
        self.pictures.append(image)

    async def finish(self) -> None:
        """Nothing waits."""


def _request(folder: Path, html: str, **changes: Any) -> RenderRequest:
    file = folder / "index.html"
    file.write_text(html, "utf-8")
    options = {"width": WIDTH, "height": HEIGHT, "rate": Fraction(30), **changes.pop("page", {})}
    values = {"output": folder / "out.mp4", "frame_count": FRAMES, **changes}
    values.setdefault("encoding", VideoEncoding(codec=CODECS["h264"]))
    composition = Composition.find(str(file))
    return RenderRequest(composition=composition, page=PageOptions(**options), **values)


async def _pictures(
    request: RenderRequest, image: ImageFormat = I420, *, pages: int = 1
) -> list[bytes]:
    sink = _Kept()
    async with open_render_session(
        request.composition, request.page, pages=pages, raw_size=request.raw_size
    ) as session:
        assert session.page.gives_raw_frames
        await draw_frames(request, session, sink, False, lambda _: None, image=image)
    return sink.pictures


@contextlib.asynccontextmanager
async def _loaded(request: RenderRequest) -> AsyncIterator[CompositionPage]:
    async with open_render_session(
        request.composition, request.page, raw_size=request.raw_size
    ) as session:
        yield session.page


@contextlib.asynccontextmanager
async def _empty_page(size: tuple[int, int]) -> AsyncIterator[tuple[Browser, Any]]:
    """A browser that gives raw frames, and a function that evaluates in an empty page of it."""
    async with open_browser(raw_size=size) as opened:
        target = await opened.devtools.send("Target.createTarget", {"url": "about:blank"})
        attached = await opened.devtools.send(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )

        async def evaluate(expression: str) -> Any:
            params = {"expression": expression, "awaitPromise": True, "returnByValue": True}
            answer = await opened.devtools.send("Runtime.evaluate", params, attached["sessionId"])
            return answer["result"]["value"]

        yield opened, evaluate


def _planes(frame: bytes, width: int = WIDTH, height: int = HEIGHT) -> list[NDArray[np.int_]]:
    values = np.frombuffer(frame, np.uint8).astype(np.int_)
    y, u, v = np.split(values, [width * height, width * height * 5 // 4])
    half = (height // 2, width // 2)
    return [y.reshape(height, width), u.reshape(half), v.reshape(half)]


def _planes_of_png(data: bytes) -> list[NDArray[np.float64]]:
    """The planes that a picture has by ITU-R BT.709, unrounded."""
    pixels = np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(np.float64)
    height, width, _ = pixels.shape
    means = pixels.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    weights = np.array([0.2126, 0.7152, 0.0722])
    luma = pixels @ weights / 255
    mean = means @ weights / 255
    u = (means[..., 2] / 255 - mean) / 1.8556
    v = (means[..., 0] / 255 - mean) / 1.5748
    return [16 + 219 * luma, 128 + 224 * u, 128 + 224 * v]


# --- the frames -----------------------------------------------------------------------------------


@browser
@needs_library
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("scale", [1, 2.5])
def test_a_raw_frame_has_the_colours_of_the_lossless_picture(
    tmp_path: Path, page: str, scale: float
) -> None:
    request = _request(tmp_path, PAGES[page], page={"scale": scale, "height": 88})

    async def work() -> tuple[bytes, bytes]:
        async with _loaded(request) as shown:
            lossless = await shown.picture(5, PNG, every_frame=False)
            return lossless, await shown.capture(I420)

    lossless, raw = asyncio.run(work())
    assert request.raw_size is not None
    for exact, found in zip(_planes_of_png(lossless), _planes(raw, *request.raw_size), strict=True):
        assert np.abs(exact - found).max() <= 0.51


@browser
@needs_library
def test_a_canvas_that_is_read_looks_as_its_screenshot_does(tmp_path: Path) -> None:
    read = asyncio.run(_pictures(_request(tmp_path, CANVAS)))
    photographed = asyncio.run(_pictures(_request(tmp_path, CANVAS, page={"direct": False})))
    assert read == photographed
    assert len(set(read)) == FRAMES


@browser
@needs_library
@pytest.mark.parametrize("page", PAGES)
def test_a_frame_is_the_same_in_every_chunk_and_browser(tmp_path: Path, page: str) -> None:
    whole = asyncio.run(_pictures(_request(tmp_path, PAGES[page])))
    chunks = [
        picture
        for start, count in ((0, 5), (5, 1), (6, 6))
        for picture in asyncio.run(
            _pictures(_request(tmp_path, PAGES[page], start_frame=start, frame_count=count))
        )
    ]
    shared = asyncio.run(_pictures(_request(tmp_path, PAGES[page]), pages=2))
    assert chunks == whole
    assert shared == whole


@browser
@pytest.mark.parametrize("page", PAGES)
def test_a_browser_that_gives_none_is_an_error_once_the_encoder_expects_raw_frames(
    tmp_path: Path, page: str
) -> None:
    request = _request(tmp_path, PAGES[page])

    async def work() -> None:
        async with open_render_session(request.composition, request.page) as session:
            await session.page.picture(0, I420, every_frame=False)

    with pytest.raises(BrowserCrashed, match="no raw frame 0") as caught:
        asyncio.run(work())
    assert "HELIOS_RAW_FRAMES=0" in caught.value.hint


# --- a page's own pictures ------------------------------------------------------------------------

#: JPEG files of a page of its own: at every quality, of a canvas of the page's size, and of one of
#: the key's size with any colours, also by a worker.
_OWN_PICTURES = """(async (width, height) => {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").fillRect(0, 0, 40, 40);
  const small = Object.assign(document.createElement("canvas"), { width: 8, height: 1 });
  small.getContext("2d").fillRect(0, 0, 4, 1);
  const found = [];
  for (let quality = 0; quality <= 100; quality++) {
    small.toDataURL("image/jpeg", quality / 100);
    found.push(canvas.toDataURL("image/jpeg", quality / 100).split(",")[1]);
  }
  const source = `onmessage = async ({ data: [width, height] }) => {
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d").fillRect(0, 0, 40, 40);
    const blob = await canvas.convertToBlob({ type: "image/jpeg" });
    postMessage(btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer()))));
  }`;
  const worker = new Worker(URL.createObjectURL(new Blob([source])));
  found.push(await new Promise((done) => {
    worker.onmessage = ({ data }) => done(data);
    worker.postMessage([width, height]);
  }));
  return found;
})"""


@browser
@needs_library
def test_jpeg_files_that_a_page_makes_are_jpeg_files_also_while_a_frame_is_requested() -> None:
    async def work() -> list[str]:
        async with _empty_page((WIDTH, HEIGHT)) as (opened, evaluate):
            assert opened.frame_memory is not None
            assert await gives_raw_frames(opened.frame_memory, evaluate)
            opened.frame_memory.request()
            found: list[str] = await evaluate(f"{_OWN_PICTURES}({WIDTH}, {HEIGHT})")
            return found

    files = [base64.b64decode(file) for file in asyncio.run(work())]
    assert len(files) == 102
    for file in files:
        image = Image.open(BytesIO(file))
        image.load()
        assert (image.format, image.size) == ("JPEG", (WIDTH, HEIGHT))


@browser
@needs_library
def test_the_key_of_one_request_opens_no_other() -> None:
    keyed = """((key, width, height) => {
      const small = Object.assign(document.createElement("canvas"), { width: 8, height: 1 });
      const pixels = new ImageData(new Uint8ClampedArray(key), 8, 1);
      small.getContext("2d", { alpha: false }).putImageData(pixels, 0, 0);
      small.toDataURL("image/jpeg");
      const canvas = Object.assign(document.createElement("canvas"), { width, height });
      return canvas.toDataURL("image/jpeg").split(",")[1];
    })"""

    async def work() -> list[bytes | None]:
        async with _empty_page((WIDTH, HEIGHT)) as (opened, evaluate):
            shared = opened.frame_memory
            assert shared is not None

            async def ask(key: bytes) -> bytes:
                arguments = json.dumps([key_pixels(key), WIDTH, HEIGHT])
                return base64.b64decode(await evaluate(f"{keyed}(...{arguments})"))

            key = shared.request()
            token = await ask(key)
            again = await ask(key)
            frame = shared.take(token)
            late = await ask(key)
            shared.request()
            other = await ask(key)
            return [frame, shared.take(token), *map(shared.take, (again, late, other))]

    frame, *refused = asyncio.run(work())
    assert frame is not None
    assert refused == [None] * 4


@browser
@needs_library
def test_a_page_that_replaces_what_reads_its_canvas_can_not_pass_for_a_raw_frame(
    tmp_path: Path,
) -> None:
    hostile = CANVAS.replace(
        "<script>",
        "<script>HTMLCanvasElement.prototype.toDataURL = () => 'data:image/jpeg;base64,AAAA';"
        "String.prototype.split = () => ['', 'AAAA'];"
        "try { __helios_canvas__.picture = () => 'AAAA' } catch {}",
    )
    honest = asyncio.run(_pictures(_request(tmp_path, CANVAS)))
    assert asyncio.run(_pictures(_request(tmp_path, hostile))) == honest


# --- where there are none -------------------------------------------------------------------------


def _render(request: RenderRequest) -> list[str]:
    """Render, and return what the log says of how pictures are captured."""
    lines: list[str] = []
    asyncio.run(render(request, log=lambda _, __, text: lines.append(text)))
    return [line for line in lines if "captured" in line]


def _is_video(path: Path) -> bool:
    command = ["ffprobe", "-v", "error", "-count_frames", "-of", "csv=p=0", "-show_entries"]
    wanted = "stream=color_range,color_space,chroma_location,nb_read_frames"
    done = subprocess.run([*command, wanted, str(path)], capture_output=True, text=True, check=True)
    return done.stdout.strip() == f"tv,bt709,center,{FRAMES}"


@browser
@needs_library
@pytest.mark.parametrize("browsers", [1, 2])
def test_a_video_is_made_of_raw_frames(tmp_path: Path, browsers: int) -> None:
    request = _request(tmp_path, MOVING, concurrency=browsers)
    assert _render(request) == ["pictures are captured as raw frames"]
    assert _is_video(request.output)


@browser
@pytest.mark.parametrize("why", ["off", "no library", "another library", "no space"])
def test_a_video_is_made_of_jpeg_files_where_there_are_no_raw_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.delenv("HELIOS_RAW_FRAMES", raising=False)
    match why:
        case "off":
            monkeypatch.setenv("HELIOS_RAW_FRAMES", "0")
        case "no library":
            monkeypatch.setattr(memory, "LIBRARY", tmp_path / "raw_frames.so")
        case "another library":
            [library] = list(Path("/").glob("lib/*-linux-gnu/libm.so.6"))[:1]
            shutil.copy(library, tmp_path / "raw_frames.so")
            monkeypatch.setattr(memory, "LIBRARY", tmp_path / "raw_frames.so")
        case "no space":

            def full(*_: object) -> None:
                raise OSError

            monkeypatch.setattr("os.posix_fallocate", full)
    request = _request(tmp_path, MOVING)
    [line] = _render(request)
    assert line.startswith("pictures are captured as JPEG: ")
    assert _is_video(request.output)


@browser
@needs_library
def test_videos_of_raw_frames_and_of_jpeg_files_have_the_same_headers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def headers(name: str) -> bytes:
        request = _request(tmp_path, MOVING, output=tmp_path / name)
        asyncio.run(render(request))
        command = ["ffprobe", "-v", "error", "-show_entries", "stream=extradata", "-show_data"]
        return subprocess.run(
            [*command, str(request.output)], capture_output=True, check=True
        ).stdout

    raw = headers("raw.mp4")
    monkeypatch.setenv("HELIOS_RAW_FRAMES", "0")
    assert headers("jpeg.mp4") == raw


@browser
@needs_library
def test_a_seam_between_raw_frames_and_jpeg_files_is_compared_with_a_tolerance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = JobSpec.model_validate(
        {
            "metadata": {
                "totalFrames": 12,
                "fps": 30,
                "width": 1280,
                "height": 720,
                "duration": 0.4,
            },
            "chunks": [
                {
                    "id": n,
                    "startFrame": 6 * n,
                    "frameCount": 6,
                    "outputFile": f"{n}.mp4",
                    "command": f"helios render index.html -o {n}.mp4",
                }
                for n in (0, 1)
            ],
            "mergeCommand": "helios merge out.mp4 0.mp4 1.mp4",
        }
    )

    def boundary(number: int) -> BoundaryFrames:
        recorder = BoundaryRecorder()
        output = tmp_path / f"{number}.mp4"
        request = _request(
            tmp_path,
            MOVING,
            page={"width": 1280, "height": 720},
            output=output,
            start_frame=6 * number,
            frame_count=6,
            boundary=recorder,
        )
        asyncio.run(render(request))
        path = tmp_path / f"{number}.boundary"
        asyncio.run(recorder.save(path, output=output, frames=request.frames))
        found = BoundaryFrames.load(path)
        assert found is not None
        return found

    async def read(number: int) -> BoundaryPictures | None:
        return BoundaryPictures.parse((tmp_path / f"{number}.boundary").read_bytes())

    frames = {0: boundary(0), 1: boundary(1)}
    chunks = spec.chunks_by_frame()
    assert asyncio.run(compare_seams(chunks, frames, read)).equal == 1
    monkeypatch.setenv("HELIOS_RAW_FRAMES", "0")
    frames[1] = boundary(1)
    assert asyncio.run(compare_seams(chunks, frames, read)).alike == 1


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({}, (WIDTH, HEIGHT)),
        ({"page": {"scale": 2}}, (2 * WIDTH, 2 * HEIGHT)),
        ({"encoding": VideoEncoding(codec=CODECS["h264"], crf=0)}, None),
        ({"encoding": VideoEncoding(codec=CODECS["vp9"])}, (WIDTH, HEIGHT)),
        ({"encoding": VideoEncoding(codec=CODECS["vp9"]), "page": {"transparent": True}}, None),
        ({"encoding": VideoEncoding(codec=CODECS["prores"])}, None),
        ({"encoding": VideoEncoding(codec=CODECS["gif"]), "page": {"width": 161}}, None),
        ({"encoding": VideoEncoding(codec=CODECS["jpeg"])}, None),
        ({"page": {"reference": True}}, None),
    ],
)
def test_only_videos_of_even_sides_that_lose_pixels_are_made_of_raw_frames(
    tmp_path: Path, changes: dict[str, Any], size: tuple[int, int] | None
) -> None:
    assert _request(tmp_path, MOVING, **changes).raw_size == size


def test_a_path_that_can_not_be_preloaded_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HELIOS_RAW_FRAMES", raising=False)
    library = tmp_path / "raw frames.so"
    library.touch()
    monkeypatch.setattr(memory, "LIBRARY", library)
    assert "a colon or a space" in (memory.why_unavailable() or "")
