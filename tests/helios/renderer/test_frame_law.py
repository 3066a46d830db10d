"""Frame n is a function of composition, props, seed and n, never of the chunk it is rendered in."""

import asyncio
import hashlib
import subprocess
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import pytest

from helios.renderer.composition import Composition
from helios.renderer.dialects import open_dialect
from helios.renderer.encoding.codecs import CODECS, VideoEncoding
from helios.renderer.page import PageOptions
from helios.renderer.render import render
from helios.renderer.render_request import RenderRequest
from tests.sampling import every_nth, sampled

from .conftest import COMPOSITIONS, FRAMES, Studio

pytestmark = pytest.mark.browser

EXAMPLES = Path(__file__).parents[3] / "examples"

#: Pages whose frames are functions of time. Animated GIFs follow the browser's own clock.
PAGES = sorted(
    page.parent.name
    for page in COMPOSITIONS.glob("*/index.html")
    if page.parent.name not in ("simulation", "localized", "time-attributes", "worklet")
)


def ranges(*lengths: int) -> list[range]:
    """Ranges of frames that follow each other."""
    found, start = [], 0
    for length in lengths:
        found.append(range(start, start + length))
        start += length
    return found


THREE = ranges(20, 20, 20)
SEVEN = ranges(3, 14, 1, 9, 17, 5, 11)
#: Two browsers side by side take turns.
TURNS = [range(0, FRAMES, 2), range(1, FRAMES, 2)]


def different(expected: dict[int, str], found: dict[int, str]) -> list[int]:
    assert expected.keys() == found.keys()
    return [frame for frame in sorted(expected) if expected[frame] != found[frame]]


def digests(
    studio: Studio, name: str, chunks: Iterable[range], *, replay: bool = False
) -> dict[int, str]:
    return {
        frame: picture.digest
        for chunk in chunks
        for frame, picture in zip(chunk, studio.shoot(name, chunk, replay=replay), strict=True)
    }


#: One of each kind; the others are marked `proof`.
SAMPLE = {"css-animations", "gsap", "web-animations"}
#: Kinds of which `make test-all` renders one as well.
FURTHER = {"helios-seek", "offscreen-canvas", "randomness", "timers"}
PROOFS = set(PAGES) - SAMPLE - FURTHER


@pytest.mark.parametrize("name", sampled(PAGES, SAMPLE, proofs=PROOFS))
def test_a_page_has_the_same_frames_however_it_is_cut(studio: Studio, name: str) -> None:
    whole = digests(studio, name, [range(FRAMES)])
    assert len(set(whole.values())) > 1 or name in ("props", "talking", "tells-time")
    for chunks in (THREE, SEVEN, TURNS):
        assert different(whole, digests(studio, name, chunks)) == []


def test_a_simulation_has_the_same_frames_when_it_is_replayed(studio: Studio) -> None:
    whole = digests(studio, "simulation", [range(FRAMES)])
    for chunks in (THREE, SEVEN):
        assert different(whole, digests(studio, "simulation", chunks, replay=True)) == []


def test_a_simulation_differs_between_chunks_without_replay(studio: Studio) -> None:
    whole = digests(studio, "simulation", [range(FRAMES)])
    assert different(whole, digests(studio, "simulation", THREE)) != []


# --- the whole way, through the encoder -----------------------------------------------------


async def render_to(
    output: Path,
    composition: Composition,
    frames: range,
    *,
    concurrency: int = 1,
    replay: bool | None = None,
) -> None:
    await render(
        RenderRequest(
            composition=composition,
            output=output,
            page=PageOptions(
                width=320,
                height=180,
                rate=Fraction(30),
                dialect=open_dialect(composition, None)[0],
            ),
            encoding=VideoEncoding(codec=CODECS["h264"], crf=0, preset="ultrafast"),
            start_frame=frames.start,
            frame_count=len(frames),
            concurrency=concurrency,
            replay=replay,
            audio_codec=None,
        )
    )


def decoded(video: Path) -> list[str]:
    """Hash of each decoded frame."""
    listing = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(video), "-map", "0:v", "-f", "framemd5", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [line for line in listing.splitlines() if not line.startswith("#")]
    return [row.rpartition(",")[2].strip() for row in rows]


def rendered(
    folder: Path,
    composition: Composition,
    chunks: list[range],
    *,
    concurrency: int = 1,
    replay: bool | None = None,
) -> list[str]:
    """Render chunks two at a time and return the hashes of all their frames."""

    async def work() -> list[Path]:
        turns = asyncio.Semaphore(2)

        async def one(number: int, frames: range) -> Path:
            output = folder / f"{len(chunks)}-{number}-{concurrency}.mp4"
            async with turns:
                await render_to(
                    output,
                    composition,
                    frames,
                    concurrency=concurrency,
                    replay=replay,
                )
            return output

        return await asyncio.gather(*(one(*item) for item in enumerate(chunks)))

    return [digest for video in asyncio.run(work()) for digest in decoded(video)]


def example_composition(name: str) -> Composition:
    return Composition.find(str(EXAMPLES / name))


@pytest.mark.proof
@pytest.mark.parametrize("name", sorted(page.parent.name for page in EXAMPLES.glob("*/index.html")))
def test_an_example_has_the_same_frames_however_it_is_cut(name: str, tmp_path: Path) -> None:
    composition = example_composition(name)
    first = 24  # past the first moments, where some stand still

    def shifted(*lengths: int) -> list[range]:
        return [range(r.start + first, r.stop + first) for r in ranges(*lengths)]

    def go(chunks: list[range], concurrency: int = 1) -> list[str]:
        return rendered(tmp_path, composition, chunks, concurrency=concurrency)

    whole = go(shifted(14))
    assert len(whole) == 14
    assert go(shifted(5, 4, 5)) == whole
    assert go(shifted(2, 3, 1, 3, 1, 2, 2)) == whole
    assert go(shifted(14), concurrency=2) == whole


def test_a_simulation_that_declares_replay_needs_no_flag(studio: Studio, tmp_path: Path) -> None:
    composition = studio.composition("simulation-declared")
    whole = rendered(tmp_path, composition, [range(30)])
    assert rendered(tmp_path, composition, ranges(7, 11, 12)) == whole
    assert rendered(tmp_path, composition, [range(30)], concurrency=2) == whole


@every_nth(3)
@pytest.mark.parametrize("name", ["timers", "css-animations", "randomness"])
def test_the_same_chunk_rendered_twice_gives_the_same_bytes(
    studio: Studio, tmp_path: Path, name: str
) -> None:
    digests = set()
    for attempt in range(2):
        output = tmp_path / f"{attempt}.mp4"
        asyncio.run(render_to(output, studio.composition(name), range(11, 26)))
        digests.add(hashlib.sha256(output.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_another_seed_gives_other_frames(studio: Studio) -> None:
    first = studio.shoot("randomness", [0, 30], seed=1)
    again = studio.shoot("randomness", [0, 30], seed=1)
    other = studio.shoot("randomness", [0, 30], seed=2)
    assert [p.digest for p in first] == [p.digest for p in again]
    assert all(a.digest != b.digest for a, b in zip(first, other, strict=True))
