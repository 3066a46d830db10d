"""Single pictures of videos: each is the one that the file shows at its time."""

import asyncio
import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from helios.errors import MediaUnsupported
from helios.renderer.media.video_pictures import open_pictures
from tests.helios.renderer.numbered_clips import BITS, CLIPS, HEIGHT, WIDTH, Clip, number_in
from tests.sampling import every_nth


def numbers_at(path: Path, times: Sequence[Fraction | float], *, transparent: bool) -> list[int]:
    """Return the numbers of the pictures at some times, as they are asked for one by one."""

    async def work() -> list[bytes]:
        async with open_pictures() as pictures:
            return [
                await pictures.picture(path, float(time), transparent=transparent) for time in times
            ]

    return [_number(data) for data in asyncio.run(work())]


def _number(data: bytes) -> int:
    picture = Image.open(io.BytesIO(data)).convert("L")
    bar = WIDTH // BITS
    row = picture.crop((0, HEIGHT // 2, WIDTH, HEIGHT // 2 + 1)).tobytes()
    return number_in([row[bar * bit + bar // 2] for bit in range(BITS)])


@every_nth(4)
@pytest.mark.parametrize("clip", CLIPS)
def test_a_picture_is_the_one_of_its_time_in_any_order(tmp_path: Path, clip: Clip) -> None:
    clip.write(tmp_path)
    last = len(clip.times) - 1
    ascending = [*range(0, last, 2), last]
    order = [*ascending, last // 2, last // 2 - 1, 0, last, last]

    found = numbers_at(tmp_path / clip.name, [clip.times[n] for n in order], transparent=False)

    assert found == order


def test_the_first_and_the_last_picture_hold(tmp_path: Path) -> None:
    clip = CLIPS[0]
    clip.write(tmp_path)
    found = numbers_at(tmp_path / clip.name, [-1, 1000], transparent=True)
    assert found == [0, len(clip.times) - 1]


def test_what_has_no_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no media")
    with pytest.raises(MediaUnsupported, match="can't be listed"):
        numbers_at(tmp_path / "a.mp4", [0], transparent=False)
