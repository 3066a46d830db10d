"""Single pictures of videos: each is the one that the file shows at its time."""

import asyncio
import io
import json
import subprocess
from asyncio.subprocess import Process
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helios.errors import MediaUnsupported
from helios.renderer.media import video_pictures
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


@pytest.fixture
def decoders(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """Return a list that each decoder is added to as it is started."""
    started: list[Process] = []
    start = video_pictures._decoder

    async def decoder(*args: Any) -> Process:
        started.append(await start(*args))
        return started[-1]

    monkeypatch.setattr(video_pictures, "_decoder", decoder)
    return started


def test_a_decoder_that_fails_is_replaced_and_all_end(
    tmp_path: Path, decoders: list[Process]
) -> None:
    clip = CLIPS[0]
    clip.write(tmp_path)
    last = len(clip.times) - 1

    async def work() -> list[bytes]:
        async with open_pictures() as pictures:

            async def picture(number: int) -> bytes:
                return await pictures.picture(tmp_path / clip.name, float(clip.times[number]))

            before = [await picture(number) for number in (0, 8, 0)]
            for process in decoders:
                process.kill()
            return [*before, *[await picture(number) for number in (last, last - 2, last)]]

    assert [_number(data) for data in asyncio.run(work())] == [0, 8, 0, last, last - 2, last]
    assert len(decoders) > 2
    assert all(process.returncode is not None for process in decoders)


def without_packets(path: Path, start: int) -> None:
    """Overwrite packets from a number on, so that they yield no picture."""
    command = ["ffprobe", "-v", "error", "-show_entries", "packet=pos,size", "-of", "json"]
    found = subprocess.run([*command, path], check=True, capture_output=True).stdout
    with path.open("r+b") as file:
        for packet in json.loads(found)["packets"][start:]:
            file.seek(int(packet["pos"]))
            file.write(bytes(int(packet["size"])))


@pytest.mark.parametrize("numbers", [[27, 28, 29, 29], [29, 29]])
def test_the_picture_before_a_last_packet_without_one_holds(
    tmp_path: Path, numbers: list[int], decoders: list[Process]
) -> None:
    clip = next(each for each in CLIPS if each.name == "30-prores.mov")
    clip.write(tmp_path)
    without_packets(tmp_path / clip.name, -1)
    times = [clip.times[number] for number in numbers]
    found = numbers_at(tmp_path / clip.name, times, transparent=False)
    assert found == [min(number, 28) for number in numbers]
    # It is found once.
    assert len(decoders) <= 2


def test_a_picture_that_cannot_be_decoded_is_named_with_the_decoders_log(tmp_path: Path) -> None:
    clip = next(each for each in CLIPS if each.name == "30-prores.mov")
    clip.write(tmp_path)
    without_packets(tmp_path / clip.name, 20)
    with pytest.raises(MediaUnsupported, match=r"30-prores\.mov: picture 25 can't") as error:
        numbers_at(tmp_path / clip.name, [clip.times[25]], transparent=False)
    assert "prores" in "".join(error.value.details)
