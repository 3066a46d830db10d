"""check_chunk_outputs against real files, good and broken."""

import asyncio
import subprocess
from itertools import accumulate
from pathlib import Path

import pytest

from helios.contract.job_spec import JobSpec
from helios.errors import ChunkOutputInvalid
from helios.mp4.reader import read_movie
from helios.stitcher.chunk_check import check_chunk_outputs
from tests.sampling import every_nth

pytestmark = pytest.mark.slow


def job(*chunks: tuple[int, int, str]) -> JobSpec:
    """Return a job of 160 x 90 pixels whose chunks have these ids, frame counts and outputs."""
    starts = accumulate((count for _, count, _ in chunks), initial=0)
    total = sum(count for _, count, _ in chunks)
    return JobSpec.model_validate(
        {
            "metadata": {
                **{"totalFrames": total, "fps": 30, "width": 160, "height": 90},
                "duration": total / 30,
            },
            "chunks": [
                {
                    **{"id": id_, "startFrame": start, "frameCount": count},
                    **{"outputFile": name, "command": "true"},
                }
                for start, (id_, count, name) in zip(starts, chunks, strict=False)
            ],
            "mergeCommand": "",
        }
    )


def make_video(path: Path, *, frames: int, size: str = "160x90", options: str = "") -> Path:
    source = f"testsrc2=s={size}:r=30,trim=end_frame={frames}"
    command = ["ffmpeg", "-loglevel", "error", "-y", "-f", "lavfi", "-i", source]
    options = options or "-c:v libx264 -preset ultrafast -bf 2 -g 8 -pix_fmt yuv420p"
    subprocess.run([*command, *options.split(), f"file:{path}"], check=True)
    return path


@pytest.fixture
def spec(tmp_path: Path) -> JobSpec:
    spec = job((0, 20, "c0.mp4"), (1, 20, "c1.mp4"), (7, 5, "c 7.mp4"))
    for chunk in spec.chunks:
        make_video(tmp_path / chunk.output_file, frames=chunk.frame_count)
    return spec


def check(spec: JobSpec, folder: Path) -> None:
    asyncio.run(check_chunk_outputs(spec, folder))


def faults(spec: JobSpec, folder: Path) -> tuple[str, ...]:
    with pytest.raises(ChunkOutputInvalid) as caught:
        check(spec, folder)
    return caught.value.details


def test_good_outputs_pass(spec: JobSpec, tmp_path: Path) -> None:
    check(spec, tmp_path)


def test_every_fault_names_its_chunk_and_file(spec: JobSpec, tmp_path: Path) -> None:
    (tmp_path / "c1.mp4").unlink()
    make_video(tmp_path / "c 7.mp4", frames=4)
    first, second = faults(spec, tmp_path)
    assert "chunk 1 " in first
    assert "c1.mp4" in first
    assert "missing" in first
    assert "chunk 7 " in second
    assert "4 frames in place of 5" in second


@every_nth(2)
@pytest.mark.parametrize("keep", [0, 10, 0.3, 0.9, -1])
def test_a_file_cut_short_is_found(spec: JobSpec, tmp_path: Path, keep: float) -> None:
    path = tmp_path / "c1.mp4"
    data = path.read_bytes()
    length = int(len(data) * keep) if isinstance(keep, float) else keep
    path.write_bytes(data[:length])
    (fault,) = faults(spec, tmp_path)
    assert "chunk 1 " in fault


def test_a_file_cut_short_whose_index_comes_first_is_found(spec: JobSpec, tmp_path: Path) -> None:
    options = "-c:v libx264 -preset ultrafast -bf 2 -g 8 -pix_fmt yuv420p -movflags +faststart"
    path = make_video(tmp_path / "c1.mp4", frames=20, options=options)
    path.write_bytes(path.read_bytes()[:-100])
    (fault,) = faults(spec, tmp_path)
    assert "cut short" in fault


def test_zeros_in_the_middle_are_found(spec: JobSpec, tmp_path: Path) -> None:
    path = tmp_path / "c0.mp4"
    track = read_movie(path).track("vide")
    assert track is not None
    offset, size = list(track.samples())[11]
    data = bytearray(path.read_bytes())
    data[offset : offset + size] = bytes(size)
    path.write_bytes(data)
    (fault,) = faults(spec, tmp_path)
    assert "frame 11" in fault


@pytest.mark.parametrize("number", [0, 16])
def test_a_first_or_last_group_that_does_not_decode_is_found(
    spec: JobSpec, tmp_path: Path, number: int
) -> None:
    path = tmp_path / "c0.mp4"
    track = read_movie(path).track("vide")
    assert track is not None
    offset, size = list(track.samples())[number]
    data = bytearray(path.read_bytes())
    # The picture lies behind its unit's length and type; the structure stays whole.
    start = offset + size - size // 2
    data[start : offset + size] = b"\xa5" * (offset + size - start)
    path.write_bytes(data)
    (fault,) = faults(spec, tmp_path)
    assert "chunk 0 " in fault


def test_another_size_in_one_chunk_is_found(spec: JobSpec, tmp_path: Path) -> None:
    make_video(tmp_path / "c1.mp4", frames=20, size="320x180")
    (fault,) = faults(spec, tmp_path)
    assert "320x180 in place of 160x90" in fault


def test_all_chunks_may_be_scaled_alike(spec: JobSpec, tmp_path: Path) -> None:
    for chunk in spec.chunks:
        make_video(tmp_path / chunk.output_file, frames=chunk.frame_count, size="80x44")
    check(spec, tmp_path)


def test_another_shape_in_all_chunks_is_found(spec: JobSpec, tmp_path: Path) -> None:
    for chunk in spec.chunks:
        make_video(tmp_path / chunk.output_file, frames=chunk.frame_count, size="96x96")
    assert len(faults(spec, tmp_path)) == 3


def test_another_frame_rate_is_found(spec: JobSpec, tmp_path: Path) -> None:
    options = "-r 25 -c:v libx264 -preset ultrafast -bf 2 -g 8 -pix_fmt yuv420p"
    make_video(tmp_path / "c1.mp4", frames=24, options=options)
    assert any("runs at 25 in place of 30" in fault for fault in faults(spec, tmp_path))


def test_another_profile_is_found(spec: JobSpec, tmp_path: Path) -> None:
    options = "-c:v libx264 -preset medium -g 8 -pix_fmt yuv420p"
    make_video(tmp_path / "c1.mp4", frames=20, options=options)
    (fault,) = faults(spec, tmp_path)
    assert "parameters" in fault


def test_webm_outputs_are_checked_too(tmp_path: Path) -> None:
    chunks = ((0, 8, "a.webm"), (1, 8, "b.webm"))
    options = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p"
    for _, count, name in chunks:
        make_video(tmp_path / name, frames=count, options=options)
    check(job(*chunks), tmp_path)
    path = tmp_path / "b.webm"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "chunk 1 " in faults(job(*chunks), tmp_path)[0]


def test_folders_of_numbered_images_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "frames 0"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number:06d}.png").write_bytes(b"png")
    (folder / "notes.txt").write_bytes(b"")
    check(job((0, 4, "frames 0")), tmp_path)
    (folder / "000002.png").unlink()
    assert "3 frames in place of 4" in faults(job((0, 4, "frames 0")), tmp_path)[0]
