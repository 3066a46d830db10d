"""Frames that show the one before again, filled into a video that was encoded without them."""

import asyncio
import io
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from helios.mp4.reader import read_movie
from helios.mp4.track import Track
from helios.renderer.encoding.codecs import CODECS, VideoEncoding
from helios.renderer.encoding.frame_sink import video_sink

WIDTH, HEIGHT = 96, 64
#: Stills of all kinds: too short to be held, just long enough, longer than is held in a row.
STILLS = (1, 40, 22, 23, 24, 1, 1, 300, 2, 9, 60)


@cache
def picture(number: int) -> bytes:
    shade = np.add.outer(np.arange(HEIGHT) * 3, np.arange(WIDTH) * 2) + number * 29
    image, file = Image.fromarray((shade % 256).astype(np.uint8)), io.BytesIO()
    image.convert("RGB").save(file, "png")
    return file.getvalue()


def encode(
    output: Path, stills: Sequence[int], *, preset: str = "veryfast", rate: Fraction = Fraction(30)
) -> None:
    """Encode a different picture for each still, without loss."""

    async def work() -> None:
        async with video_sink(
            output,
            VideoEncoding(codec=CODECS["h264"], crf=0, preset=preset),
            name=output.name,
            suffix=output.suffix,
            size=(WIDTH, HEIGHT),
            rate=rate,
            image="png",
        ) as sink:
            for number, length in enumerate(stills):
                for _ in range(length):
                    await sink.write(picture(number))
            await sink.finish()

    asyncio.run(work())


def decoded(video: Path) -> list[str]:
    done = subprocess.run(
        ["ffmpeg", "-v", "warning", "-xerror", "-i", str(video), "-f", "framemd5", "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    rows = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    return [row.rpartition(",")[2].strip() for row in rows]


def video_track(video: Path) -> Track:
    track = read_movie(video).track("vide")
    assert track is not None
    return track


def lengths(digests: Sequence[str]) -> list[int]:
    """How many frames in a row are alike."""
    found: list[int] = []
    for number, digest in enumerate(digests):
        if number and digest == digests[number - 1]:
            found[-1] += 1
        else:
            found.append(1)
    return found


@pytest.mark.parametrize("preset", ["ultrafast", "superfast", "veryfast", "medium", "veryslow"])
def test_held_frames_show_what_all_frames_encoded_would(tmp_path: Path, preset: str) -> None:
    held, whole = tmp_path / "held.mp4", tmp_path / "whole.mkv"
    encode(held, STILLS, preset=preset)
    encode(whole, STILLS, preset=preset)  # a container in which nothing is held
    assert decoded(held) == decoded(whole)


@settings(max_examples=8)
@given(st.lists(st.sampled_from([1, 1, 2, 5, 9, 22, 23, 24, 25, 40, 80]), min_size=1, max_size=8))
def test_every_still_lasts_as_long_as_it_was_given(
    tmp_path_factory: pytest.TempPathFactory, stills: list[int]
) -> None:
    video = tmp_path_factory.mktemp("stills") / "v.mp4"
    encode(video, stills)
    assert lengths(decoded(video)) == stills


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(30000, 1001), Fraction(25, 2)])
def test_every_frame_lasts_as_long_as_every_other(tmp_path: Path, rate: Fraction) -> None:
    video = tmp_path / "v.mov"
    encode(video, [1, 1, 60, 1, 30], rate=rate)
    track = video_track(video)
    assert track.frame_rate == rate
    assert len({ticks for _, ticks in track.durations}) == 1
    assert sorted(track.presentation_order()) == list(range(93))


def test_a_frame_that_is_held_takes_next_to_no_bytes(tmp_path: Path) -> None:
    video = tmp_path / "v.mp4"
    encode(video, [200])
    track = video_track(video)
    assert [track.sample_size(n) < 40 for n in range(9, 200)] == [True] * 191


def test_keyframes_come_often_enough_to_seek_in_a_still(tmp_path: Path) -> None:
    video = tmp_path / "v.mp4"
    encode(video, [1000])
    keyframes = [*(video_track(video).keyframes or ()), 1000]
    assert max(b - a for a, b in pairwise(keyframes)) <= 250


def test_a_short_still_costs_no_keyframe(tmp_path: Path) -> None:
    video = tmp_path / "v.mp4"
    encode(video, [1, 23, 1])
    assert list(video_track(video).keyframes or ()) == [0]
