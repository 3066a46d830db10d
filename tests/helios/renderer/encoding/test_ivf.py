"""The container that gives each frame its number."""

import json
import struct
import subprocess
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from helios.renderer.encoding import ivf


def picture(level: int, kind: str) -> bytes:
    if kind == "i420":
        return bytes([level]) * (32 * 16) + b"\x80" * (32 * 16 // 2)
    data = BytesIO()
    Image.new("RGB", (32, 16), (level, level, level)).save(data, kind)
    return data.getvalue()


def test_a_stream_begins_with_what_its_frames_are() -> None:
    head = ivf.header(size=(1920, 1080), rate=Fraction(30000, 1001), image="jpeg")
    assert len(head) == 32
    magic, version, length, code, width, height, rate, scale, count, unused = struct.unpack(
        "<4sHH4sHHIIII", head
    )
    assert (magic, version, length, code) == (b"DKIF", 0, 32, b"MJPG")
    assert (width, height, rate, scale, count, unused) == (1920, 1080, 30000, 1001, 0, 0)
    assert ivf.header(size=(2, 2), rate=Fraction(30), image="png")[8:12] == b"MPNG"


def test_a_frame_has_its_size_and_number_in_front() -> None:
    assert ivf.frame_header(b"pixels", number=7) == b"\x06\0\0\0" + b"\x07" + b"\0" * 7
    number = 1 << 33
    assert struct.unpack_from("<IQ", ivf.frame_header(b"", number=number)) == (0, number)


@pytest.mark.parametrize("image", ["jpeg", "png", "i420"])
def test_ffmpeg_reads_every_frame_at_the_time_of_its_number(tmp_path: Path, image: str) -> None:
    numbers = [0, 1, 5, 40, 41]
    stream = ivf.header(size=(32, 16), rate=Fraction(30000, 1001), image=image)
    for number in numbers:
        data = picture(number, image)
        stream += ivf.frame_header(data, number=number) + data
    path = tmp_path / "stream.ivf"
    path.write_bytes(stream)
    command = ["ffprobe", "-v", "error", "-show_streams", "-show_packets", "-of", "json"]
    done = subprocess.run([*command, str(path)], capture_output=True, check=True, text=True)
    found = json.loads(done.stdout)
    [video] = found["streams"]
    assert video["codec_name"] == {"jpeg": "mjpeg", "png": "png", "i420": "rawvideo"}[image]
    assert (video["width"], video["height"]) == (32, 16)
    times = [packet["pts"] * Fraction(video["time_base"]) for packet in found["packets"]]
    assert times == [number * Fraction(1001, 30000) for number in numbers]
