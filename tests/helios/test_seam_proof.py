"""Boundary frames compared: what is equal, alike, unknown or differs, and what heals it."""

import asyncio
import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from helios.boundary_frames import BoundaryFrames, BoundaryPicture, boundary_beside
from helios.chunk_record import ChunkRecord, chunk_key
from helios.job_spec import JobSpec
from helios.renderer.boundary_log import BoundaryLog
from helios.seam_proof import (
    TOLERANCE,
    SeamProof,
    chunks_to_heal,
    compare_seams,
    is_replayed,
    save_all_side_by_side,
    with_replay,
)

from .worker_site import FRAMES, make_spec

SIZE = (320, 180)
HERE = {"helios": "1", "browser": "1", "machine": "one"}
ELSEWHERE = {**HERE, "machine": "other"}


def image(box: tuple[int, int, int, int] | None = None, *, level: int = 255) -> Image.Image:
    picture = Image.new("RGB", SIZE, (20, 40, 60))
    if box is not None:
        ImageDraw.Draw(picture).rectangle(box, fill=(level, level, level))
    return picture


def encoded(picture: Image.Image, form: str = "PNG") -> bytes:
    data = io.BytesIO()
    picture.save(data, form)
    return data.getvalue()


def boundary(
    folder: Path, before: bytes | None, last: bytes, *, number: int = 0, **changes: Any
) -> BoundaryFrames:
    log = BoundaryLog()
    log.before, log.last = before, last
    output = folder / "chunk.mp4"
    output.write_bytes(b"a chunk")
    seen = asyncio.run(log.frames_for(output, start_frame=number * FRAMES, frame_count=FRAMES))
    assert seen is not None
    return dataclasses.replace(seen, renderer=HERE, **changes)


def compare(spec: JobSpec, frames: Mapping[int, BoundaryFrames]) -> SeamProof:
    return asyncio.run(compare_seams(spec.chunks_by_frame(), frames))


@pytest.fixture
def plain() -> bytes:
    return encoded(image())


def test_the_same_picture_on_both_sides_proves_a_seam(tmp_path: Path, plain: bytes) -> None:
    frames = {0: boundary(tmp_path, None, plain), 1: boundary(tmp_path, plain, plain, number=1)}
    proof = compare(make_spec(), frames)
    assert (proof.equal, proof.seams, list(proof.differing)) == (1, 1, [])


def test_one_pixel_is_a_difference_and_its_region_is_named(tmp_path: Path, plain: bytes) -> None:
    spec = make_spec()
    other = encoded(image((200, 100, 200, 100), level=21))
    frames = {0: boundary(tmp_path, None, plain), 1: boundary(tmp_path, other, plain, number=1)}
    (difference,) = compare(spec, frames).differing
    assert (difference.before, difference.after, difference.frame) == (0, 1, FRAMES - 1)
    assert difference.region == (200, 100, 10, 10)
    error = compare(spec, frames).error(pictures="there")
    assert error.code == "SEAM_DIFFERS"
    assert f"frame {FRAMES - 1}" in error.message
    assert "10 x 10 pixels at (200, 100)" in error.details[0]
    assert f"there/frame-{FRAMES - 1:06d}.png" in error.details[0]


@pytest.mark.parametrize(("level", "alike"), [(40 + TOLERANCE, True), (40 + 8 * TOLERANCE, False)])
def test_machines_of_different_kinds_may_differ_a_little(
    tmp_path: Path, plain: bytes, level: int, *, alike: bool
) -> None:
    picture = Image.new("RGB", SIZE, (20, 40, 60))
    ImageDraw.Draw(picture).rectangle((0, 0, 40, 40), fill=(20, level, 60))
    frames = {
        0: boundary(tmp_path, None, plain),
        1: boundary(tmp_path, encoded(picture), plain, number=1),
    }
    assert len(compare(make_spec(), frames).differing) == 1
    frames[1] = dataclasses.replace(frames[1], renderer=ELSEWHERE)
    proof = compare(make_spec(), frames)
    assert (proof.alike, len(proof.differing)) == ((1, 0) if alike else (0, 1))


def test_a_chunk_that_left_no_picture_or_one_of_other_frames_is_unknown(
    tmp_path: Path, plain: bytes
) -> None:
    spec = make_spec(chunks=3)
    frames = {
        0: boundary(tmp_path, None, plain),
        1: boundary(tmp_path, plain, plain, number=2),
    }
    proof = compare(spec, frames)
    assert (proof.unknown, proof.equal, list(proof.differing)) == (2, 0, [])


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_boundary_frames_survive_a_file_and_stay_small(tmp_path: Path, form: str) -> None:
    noise = Image.effect_noise((1920, 1080), 80).convert("RGB")
    last = encoded(noise, form)
    seen = boundary(tmp_path, encoded(image().resize(noise.size), form), last)
    path = tmp_path / "note.json"
    seen.save(path)
    assert BoundaryFrames.load(path) == seen
    assert path.stat().st_size < 120_000
    assert (seen.last.width, seen.last.height) == (1920, 1080)
    assert seen.before is not None
    assert seen.before != seen.last
    path.write_text("{}")
    assert BoundaryFrames.load(path) is None
    assert BoundaryFrames.load(tmp_path / "none.json") is None


def test_colours_alone_differ_in_the_whole_picture(tmp_path: Path) -> None:
    frames = boundary(tmp_path, None, encoded(image()))
    other: BoundaryPicture = dataclasses.replace(frames.last, digest="another")
    assert frames.last.region_unlike(other) == (0, 0, *SIZE)


def test_all_chunks_but_the_first_are_healed_unless_they_replay_already(
    tmp_path: Path, plain: bytes
) -> None:
    def command(number: int, more: str = "") -> str:
        return f"helios render page -o {number}.mp4{more}"

    more = ["", "", " --replay", " --no-replay", ""]
    spec = make_spec(
        [command(number, flag) for number, flag in enumerate(more)],
        merge="helios merge v.mp4 0.mp4 --audio-from page",
    )
    frames = {
        number: boundary(tmp_path, plain, plain, number=number, replayed=number == 4)
        for number in range(5)
    }
    assert chunks_to_heal(spec, frames) == [1]
    assert is_replayed(frames)
    healed = with_replay(spec, [1])
    assert healed.chunk(1).command == f"{command(1)} --replay"
    assert healed.chunk(0) == spec.chunk(0)
    assert healed.merge_command.endswith(" --replay")
    assert chunk_key(healed, healed.chunk(1)) != chunk_key(spec, spec.chunk(1))


def test_other_programs_chunks_are_not_healed(tmp_path: Path, plain: bytes) -> None:
    frames = {number: boundary(tmp_path, plain, plain, number=number) for number in range(2)}
    assert chunks_to_heal(make_spec(), frames) == []


def test_pictures_are_shown_side_by_side(tmp_path: Path, plain: bytes) -> None:
    other = encoded(image((0, 0, 160, 180)))
    frames = {0: boundary(tmp_path, None, plain), 1: boundary(tmp_path, other, plain, number=1)}
    proof = compare(make_spec(), frames)
    asyncio.run(save_all_side_by_side(proof.differing, tmp_path / "seams"))
    (path,) = (tmp_path / "seams").iterdir()
    shown = Image.open(path).convert("L")
    third = shown.width // 3
    ended, began, difference = (shown.getpixel((third * n + 40, 40)) for n in range(3))
    assert ended == pytest.approx(37, abs=3)
    assert began == difference == 255
    assert shown.getpixel((shown.width - 20, 40)) == 0


def test_a_record_carries_boundary_frames(tmp_path: Path, plain: bytes) -> None:
    seen = boundary(tmp_path, plain, plain, number=1)
    record = ChunkRecord.model_validate(
        {
            "artifact": {"url": "file:///x"},
            "startedAt": "2026-01-01T00:00:00Z",
            "chunkId": 1,
            "key": "k",
            "startFrame": FRAMES,
            "frameCount": FRAMES,
            "frames": FRAMES,
            "boundary": seen,
        }
    )
    again = ChunkRecord.parse(record.to_bytes())
    assert again is not None
    assert again.boundary == seen


def test_boundary_frames_lie_beside_the_output() -> None:
    assert boundary_beside("chunks/00001.mp4") == "chunks/00001.boundary.json"
