"""Boundary frames compared: what is equal, alike, unknown or differs, and what heals it."""

import asyncio
import dataclasses
import io
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from helios.contract.job_spec import JobSpec
from helios.errors import SeamDiffers
from helios.media.picture_difference import TOLERANCE
from helios.records.boundary_frames import BoundaryFrames, BoundaryPictures, boundary_beside
from helios.records.chunk_record import ChunkRecord, chunk_key
from helios.renderer.recorders.boundary_recorder import BoundaryRecorder
from helios.stitcher.seam_proof import (
    SeamProof,
    chunks_to_heal,
    compare_seams,
    is_replayed,
    with_replay,
)
from tests.helios.worker_setup import FRAMES, make_spec

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


@dataclass
class Chunks:
    """Boundary frames of chunks, with their pictures."""

    folder: Path
    frames: dict[int, BoundaryFrames] = field(default_factory=dict)

    def add(self, number: int, before: bytes | None, last: bytes, **changes: Any) -> None:
        log = BoundaryRecorder()
        log.before, log.last = before, last
        output = self.folder / "chunk.mp4"
        output.write_bytes(b"a chunk")
        start = changes.pop("start", number * FRAMES)
        frames = range(start, start + FRAMES)
        asyncio.run(log.save(self.path(number), output=output, frames=frames))
        seen = BoundaryFrames.load(self.path(number))
        assert seen is not None
        self.frames[number] = dataclasses.replace(seen, renderer=HERE, **changes)

    def path(self, number: int) -> Path:
        return self.folder / f"{number}.boundary"

    async def read(self, number: int) -> BoundaryPictures | None:
        return BoundaryPictures.parse(self.path(number).read_bytes())

    def compare(self, spec: JobSpec, *, tolerant: bool = False) -> SeamProof:
        chunks = spec.chunks_by_frame()
        return asyncio.run(compare_seams(chunks, self.frames, self.read, tolerant=tolerant))

    def explain(self, proof: SeamProof) -> SeamDiffers:
        async def save(path: Path) -> str:
            shutil.copy(path, self.folder / path.name)
            return f"there/{path.name}"

        return asyncio.run(proof.explained(self.read, save=save))


@pytest.fixture
def chunks(tmp_path: Path) -> Chunks:
    return Chunks(tmp_path)


@pytest.fixture
def plain() -> bytes:
    return encoded(image())


def test_the_same_picture_on_both_sides_proves_a_seam(chunks: Chunks, plain: bytes) -> None:
    chunks.add(0, None, plain)
    chunks.add(1, plain, encoded(image((0, 0, 9, 9))))
    proof = chunks.compare(make_spec())
    assert (proof.equal, proof.seams, list(proof.differing)) == (1, 1, [])


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_one_pixel_is_a_difference_and_its_region_is_named(chunks: Chunks, form: str) -> None:
    chunks.add(0, None, encoded(image(), form))
    chunks.add(1, encoded(image((200, 100, 200, 100)), form), encoded(image(), form))
    proof = chunks.compare(make_spec())
    (difference,) = proof.differing
    assert (difference.before, difference.after, difference.frame) == (0, 1, FRAMES - 1)
    error = chunks.explain(proof)
    assert error.code == "SEAM_DIFFERS"
    assert f"frame {FRAMES - 1}" in error.message
    # JPEG spreads it over a block.
    region = "1 x 1 pixels at (200, 100)" if form == "PNG" else "8 x 8 pixels at (200, 96)"
    assert region in error.details[0]
    assert f"there/frame-{FRAMES - 1:06d}.png" in error.details[0]


@pytest.mark.parametrize(("level", "alike"), [(40 + TOLERANCE, True), (40 + 8 * TOLERANCE, False)])
def test_machines_of_different_kinds_and_healed_chunks_may_differ_a_little(
    chunks: Chunks, plain: bytes, level: int, *, alike: bool
) -> None:
    picture = image()
    ImageDraw.Draw(picture).rectangle((0, 0, 40, 40), fill=(20, level, 60))
    chunks.add(0, None, plain)
    chunks.add(1, encoded(picture), plain)
    assert len(chunks.compare(make_spec()).differing) == 1
    proof = chunks.compare(make_spec(), tolerant=True)
    assert (proof.alike, len(proof.differing)) == ((1, 0) if alike else (0, 1))
    chunks.frames[1] = dataclasses.replace(chunks.frames[1], renderer=ELSEWHERE)
    proof = chunks.compare(make_spec())
    assert (proof.alike, len(proof.differing)) == ((1, 0) if alike else (0, 1))


def test_a_chunk_that_left_no_picture_or_one_of_other_frames_is_unknown(
    chunks: Chunks, plain: bytes
) -> None:
    chunks.add(0, None, plain)
    chunks.add(1, plain, plain, start=2 * FRAMES)
    proof = chunks.compare(make_spec(chunks=3))
    assert (proof.unknown, proof.equal, list(proof.differing)) == (2, 0, [])


def test_pictures_survive_a_file_and_too_large_ones_leave_their_digests(
    chunks: Chunks, plain: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = encoded(image((0, 0, 9, 9)))
    chunks.add(0, other, plain)
    pictures = asyncio.run(chunks.read(0))
    assert pictures == BoundaryPictures(before=other, last=plain)
    chunks.path(0).write_bytes(chunks.path(0).read_bytes()[:-1])
    assert asyncio.run(chunks.read(0)) is None
    kept = chunks.frames[0]
    monkeypatch.setattr("helios.records.boundary_frames.MAX_PICTURE_BYTES", len(plain))
    chunks.add(0, other, plain)
    assert (chunks.frames[0].before, chunks.frames[0].last) == (kept.before, kept.last)
    assert asyncio.run(chunks.read(0)) == BoundaryPictures()
    chunks.add(1, other, plain)
    error = chunks.explain(chunks.compare(make_spec()))
    assert "aren't stored" in error.details[0]


def test_what_is_no_file_of_boundary_frames_is_none(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("{}\n")
    assert BoundaryFrames.load(tmp_path / "note") is None
    assert BoundaryFrames.load(tmp_path / "none") is None
    assert BoundaryPictures.parse(b"{}\n") is None


def test_all_chunks_but_the_first_are_healed_unless_they_replay_already(
    chunks: Chunks, plain: bytes
) -> None:
    def command(number: int, more: str = "") -> str:
        return f"helios render page -o {number}.mp4{more}"

    more = ["", "", " --replay", " --no-replay", ""]
    spec = make_spec(
        [command(number, flag) for number, flag in enumerate(more)],
        merge="helios merge v.mp4 0.mp4 --audio-from page",
    )
    for number in range(5):
        chunks.add(number, plain, plain, replayed=number == 4)
    assert chunks_to_heal(spec, chunks.frames) == [1]
    assert is_replayed(chunks.frames)
    healed = with_replay(spec, [1])
    assert healed.chunk(1).command == f"{command(1)} --replay"
    assert healed.chunk(0) == spec.chunk(0)
    assert healed.merge_command.endswith(" --replay")
    assert chunk_key(healed, healed.chunk(1)) != chunk_key(spec, spec.chunk(1))


def test_other_programs_chunks_are_not_healed(chunks: Chunks, plain: bytes) -> None:
    for number in range(2):
        chunks.add(number, plain, plain)
    assert chunks_to_heal(make_spec(), chunks.frames) == []


def test_pictures_are_shown_side_by_side(chunks: Chunks, plain: bytes) -> None:
    chunks.add(0, None, plain)
    chunks.add(1, encoded(image((0, 0, 160, 180))), plain)
    chunks.explain(chunks.compare(make_spec()))
    shown = Image.open(chunks.folder / f"frame-{FRAMES - 1:06d}.png").convert("L")
    third = shown.width // 3
    ended, began, difference = (shown.getpixel((third * n + 40, 40)) for n in range(3))
    assert ended == pytest.approx(37, abs=3)
    assert began == difference == 255
    assert shown.getpixel((shown.width - 20, 40)) == 0


def test_a_record_carries_boundary_frames(chunks: Chunks, plain: bytes) -> None:
    chunks.add(1, plain, plain)
    record = ChunkRecord.model_validate(
        {
            "artifact": {"url": "file:///x"},
            "startedAt": "2026-01-01T00:00:00Z",
            "chunkId": 1,
            "key": "k",
            "startFrame": FRAMES,
            "frameCount": FRAMES,
            "frames": FRAMES,
            "boundary": chunks.frames[1],
        }
    )
    again = ChunkRecord.parse(record.to_bytes())
    assert again is not None
    assert again.boundary == chunks.frames[1]
    assert len(record.to_bytes()) < 2000


def test_boundary_frames_lie_beside_the_output() -> None:
    assert boundary_beside("chunks/00001.mp4") == "chunks/00001.boundary"
