"""Raw frames as files, and compared with pictures of other formats."""

import asyncio
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from helios.errors import EncodeFailed
from helios.media.picture_difference import is_alike, region_unlike, save_side_by_side
from helios.media.raw_picture import is_raw_picture, pack_raw_frame, unpack_raw_picture

SIZE = (128, 64)


def drawn(box: tuple[int, int, int, int] | None = None) -> Image.Image:
    picture = Image.new("RGB", SIZE, (210, 60, 20))
    if box is not None:
        ImageDraw.Draw(picture).rectangle(box, fill=(20, 90, 240))
    return picture


def raw(picture: Image.Image) -> bytes:
    """The picture's planes by ITU-R BT.709, limited range, packed."""
    pixels = np.asarray(picture).astype(np.float64) / 255
    luma = pixels @ [0.2126, 0.7152, 0.0722]
    red, _, blue = np.moveaxis(pixels, 2, 0)
    planes = [16 + 219 * luma]
    for colour, scale in ((blue, 1.8556), (red, 1.5748)):
        chroma = 128 + 224 * (colour - luma) / scale
        planes.append(chroma.reshape(SIZE[1] // 2, 2, SIZE[0] // 2, 2).mean(axis=(1, 3)))
    frame = b"".join(np.rint(plane).astype(np.uint8).tobytes() for plane in planes)
    return pack_raw_frame(frame, SIZE)


def png(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


def test_a_packed_frame_is_smaller_and_unpacks_to_a_file_with_its_size() -> None:
    packed = raw(drawn())
    assert is_raw_picture(packed)
    assert len(packed) < 1000
    assert unpack_raw_picture(packed).startswith(b"YUV4MPEG2 W128 H64 ")


def test_a_raw_frame_is_like_the_lossless_picture_of_the_same_colours() -> None:
    assert asyncio.run(is_alike(raw(drawn()), png(drawn())))
    assert not asyncio.run(is_alike(raw(drawn()), png(drawn((0, 0, 40, 40)))))


def test_where_raw_frames_differ_is_told_and_shown(tmp_path: Path) -> None:
    one, other = raw(drawn()), raw(drawn((32, 16, 63, 47)))
    x, y, width, height = asyncio.run(region_unlike(one, other)) or (0, 0, 0, 0)
    assert abs(x - 32) <= 2
    assert abs(y - 16) <= 2
    assert abs(width - 32) <= 4
    assert abs(height - 32) <= 4

    asyncio.run(save_side_by_side(one, other, tmp_path / "shown.png"))
    panels = Image.open(tmp_path / "shown.png").convert("RGB")
    found = panels.getpixel((10, 10))
    assert isinstance(found, tuple)
    assert np.abs(np.subtract(found, (210, 60, 20))).max() <= 3


@pytest.mark.parametrize("kept", [4, 60])
def test_a_damaged_picture_is_refused(kept: int) -> None:
    with pytest.raises(EncodeFailed, match="picture"):
        unpack_raw_picture(raw(drawn())[:kept] + os.urandom(40))
