import io
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from helios.errors import HeliosError
from helios.media.frame_jpeg import frame_jpeg

RATE = Fraction(30000, 1001)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a video whose frames are red up to the tenth, and blue from there on, as HD is."""
    path = tmp_path_factory.mktemp("media") / "v: 1.mp4"
    colours = (f"color={name}:s=320x180:r={RATE}:d={float(10 / RATE)}" for name in ("red", "blue"))
    sources = [word for each in colours for word in ("-f", "lavfi", "-i", each)]
    made = "concat,scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"
    tags = ("-c:v", "libx264", "-bf", "2", "-color_range", "tv", "-colorspace", "bt709")
    subprocess.run(["ffmpeg", *sources, "-filter_complex", made, *tags, f"file:{path}"], check=True)
    return path


@pytest.mark.parametrize(
    ("frame", "colour"), [(0, (254, 0, 0)), (9, (254, 0, 0)), (10, (0, 0, 254))]
)
@pytest.mark.parametrize(("side", "size"), [(None, (320, 180)), (160, (160, 90))])
async def test_a_frame_has_its_own_picture_in_the_colours_of_its_video(
    video: Path, frame: int, colour: tuple[int, ...], side: int | None, size: tuple[int, int]
) -> None:
    with Image.open(io.BytesIO(await frame_jpeg(video, frame, rate=RATE, side=side))) as picture:
        assert picture.size == size
        found = picture.convert("RGB").getpixel((20, 20))
    assert isinstance(found, tuple)
    assert all(abs(a - b) <= 4 for a, b in zip(found, colour, strict=True)), found


async def test_a_frame_after_the_end_is_an_error(video: Path) -> None:
    with pytest.raises(HeliosError, match="frame 20 can't be read"):
        await frame_jpeg(video, 20, rate=RATE)
