"""Videos show exactly the picture whose span holds the frame's time."""

from fractions import Fraction
from pathlib import Path

import pytest

from .conftest import Studio
from .numbered_clips import BITS, CLIPS, HEIGHT, WIDTH, Clip, number_in

PAGE = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0 } video { position: absolute; width: 160px; height: 90px }
</style><video src="SOURCE" muted></video>"""


@pytest.fixture(scope="session")
def clips(studio: Studio) -> Path:
    folder = studio.root / "clips"
    folder.mkdir()
    for clip in CLIPS:
        clip.write(folder)
        (folder / f"{clip.name}.html").write_text(PAGE.replace("SOURCE", clip.name))
    return folder


def numbers(studio: Studio, name: str, frames: list[int], rate: Fraction) -> list[int]:
    """Return the number of the picture that each frame shows."""
    pictures = studio.shoot(name, frames, width=WIDTH, height=HEIGHT, rate=rate)
    middles = [WIDTH // BITS * bit + WIDTH // BITS // 2 for bit in range(BITS)]
    return [number_in([picture.pixel(x, HEIGHT // 2)[1] for x in middles]) for picture in pictures]


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(24), Fraction(30_000, 1001)], ids=str)
@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.name)
@pytest.mark.usefixtures("clips")
def test_a_video_shows_the_picture_whose_span_holds_the_time(
    studio: Studio, clip: Clip, rate: Fraction
) -> None:
    page = f"clips/{clip.name}.html"
    in_order = list(range(int(rate) + 1))
    expected = [clip.shown_at(frame / rate) for frame in in_order]
    assert numbers(studio, page, in_order, rate) == expected
    jumps = [7, 8, 19, 29]
    assert numbers(studio, page, jumps, rate) == [clip.shown_at(n / rate) for n in jumps]
