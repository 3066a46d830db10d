"""The check of seams against real videos: right ones, and ones that are wrong in every way."""

import asyncio
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pytest

from helios.contract.job_spec import JobMetadata, JobSpec, RenderChunk
from helios.errors import SeamBroken
from helios.records.chunk_record import ChunkRecord
from helios.records.encoded_ends import EncodedEnds
from helios.stitcher import FfmpegStitcher
from helios.stitcher.chunk_check import check_chunk_outputs
from helios.stitcher.merge_encoding import MergeEncoding
from helios.stitcher.seam_check import SeamReport, check_merge, check_seams

pytestmark = pytest.mark.slow

LENGTHS = (10, 1, 2, 12)
STARTS = tuple(accumulate(LENGTHS, initial=0))
H264 = "-c:v libx264 -preset ultrafast -bf 2 -g 50 -pix_fmt yuv420p"
WEBM = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p"


@dataclass(frozen=True)
class Job:
    """Chunks of one longer picture, and what was noted of them."""

    folder: Path
    spec: JobSpec
    ends: Mapping[int, EncodedEnds]

    def paths(self) -> list[Path]:
        return [self.folder / chunk.output_file for chunk in self.spec.chunks]

    def stitch(self, inputs: Sequence[Path], output: Path, **options: object) -> Path:
        asyncio.run(FfmpegStitcher(**options).stitch(inputs, output))  # type: ignore[arg-type]
        return output

    def check(self, video: Path, *, copied: bool = True) -> SeamReport:
        return asyncio.run(check_seams(video, self.spec, self.ends, copied=copied))

    def faults(self, video: Path, *, copied: bool = True) -> str:
        with pytest.raises(SeamBroken) as caught:
            self.check(video, copied=copied)
        return "\n".join(caught.value.details)


def encode(path: Path, start: int, end: int, *, coding: str = H264, then: str = "null") -> Path:
    """Encode frames `start` to `end` of a picture that moves."""
    picture = f"testsrc2=s=160x90:r=30,trim=start_frame={start}:end_frame={end},setpts=N,{then}"
    command = ["ffmpeg", "-loglevel", "error", "-y", "-f", "lavfi", "-i", picture, "-r", "30"]
    subprocess.run([*command, *coding.split(), path], check=True)
    return path


def make_job(folder: Path, *, suffix: str = ".mp4", coding: str = H264) -> Job:
    chunks = [
        RenderChunk(
            id=7 + number,
            start_frame=STARTS[number],
            frame_count=length,
            output_file=f"c{number}{suffix}",
            command="true",
        )
        for number, length in enumerate(LENGTHS)
    ]
    for chunk in chunks:
        encode(folder / chunk.output_file, chunk.start_frame, chunk.end_frame, coding=coding)
    total = STARTS[-1]
    metadata = JobMetadata(total_frames=total, fps=30, width=160, height=90, duration=total / 30)
    spec = JobSpec(metadata=metadata, chunks=chunks, merge_command="")
    return Job(folder, spec, asyncio.run(check_chunk_outputs(spec, folder)))


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    return make_job(tmp_path_factory.mktemp("job"))


def test_a_stitched_video_passes_and_all_its_boundaries_were_compared(
    job: Job, tmp_path: Path
) -> None:
    for name in ("video.mp4", "video.mov"):
        report = job.check(job.stitch(job.paths(), tmp_path / name))
        assert report == SeamReport(frames=25, seconds=25 / 30, boundaries=3, compared=3)


def test_a_webm_is_compared_by_what_ffprobe_says(tmp_path: Path) -> None:
    job = make_job(tmp_path, suffix=".webm", coding=WEBM)
    video = job.stitch(job.paths(), tmp_path / "video.webm")
    assert job.check(video).compared == 3
    first, second, *rest = job.paths()
    wrong = job.stitch([second, first, *rest], tmp_path / "wrong.webm")
    assert "boundary 1" in job.faults(wrong)


def test_what_is_noted_of_a_chunk_survives_its_record(job: Job) -> None:
    record = ChunkRecord.model_validate(
        {
            "artifact": {"url": "s3://b/c"},
            "startedAt": "2026-01-01T00:00:00Z",
            "chunkId": 7,
            "key": "k",
            "startFrame": 0,
            "frameCount": 10,
            "frames": 10,
            "ends": job.ends[7],
        }
    )
    read = ChunkRecord.parse(record.to_bytes())
    assert read is not None
    assert read.ends == job.ends[7]


def test_chunks_in_another_order_are_found_at_each_boundary(job: Job, tmp_path: Path) -> None:
    first, second, third, fourth = job.paths()
    faults = job.faults(job.stitch([first, third, second, fourth], tmp_path / "video.mp4"))
    assert "boundary 1 (frame 10, between chunks 7 and 8)" in faults


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ((12, 24), "boundary 3 (frame 13, between chunks 9 and 10)"),
        ((14, 26), "boundary 3 (frame 13, between chunks 9 and 10)"),
        ((13, 22), "its last frames aren't those of chunk 10"),
    ],
)
def test_a_chunk_that_is_a_frame_early_late_or_short_is_named(
    job: Job, tmp_path: Path, frames: tuple[int, int], said: str
) -> None:
    other = encode(tmp_path / "other.mp4", *frames)
    assert said in job.faults(job.stitch([*job.paths()[:-1], other], tmp_path / "video.mp4"))


def test_a_frame_too_many_before_a_boundary_is_told_from_foreign_frames(
    job: Job, tmp_path: Path
) -> None:
    longer = encode(tmp_path / "longer.mp4", 0, 11)
    faults = job.faults(job.stitch([longer, *job.paths()[1:]], tmp_path / "video.mp4"))
    assert "it has 26 frames in place of 25" in faults
    assert "boundary 1 (frame 10, between chunks 7 and 8): 1 frame is repeated or foreign" in faults
    assert "boundary 2" not in faults


def test_a_missing_frame_before_a_boundary_is_told_from_foreign_frames(
    job: Job, tmp_path: Path
) -> None:
    shorter = encode(tmp_path / "shorter.mp4", 0, 9)
    faults = job.faults(job.stitch([shorter, *job.paths()[1:]], tmp_path / "video.mp4"))
    assert "boundary 1 (frame 10, between chunks 7 and 8): 1 frame is missing before it" in faults
    assert "boundary 2" not in faults


@pytest.mark.parametrize(
    ("number", "frame", "said"),
    [(3, 0, "boundary 3"), (0, 9, "boundary 1")],
)
def test_a_black_frame_at_a_boundary_is_found_though_the_chunk_is_whole(
    job: Job, tmp_path: Path, number: int, frame: int, said: str
) -> None:
    for path in job.paths():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    black = f"drawbox=t=fill:c=black:enable='eq(n,{frame})'"
    chunk = job.spec.chunks[number]
    encode(tmp_path / chunk.output_file, chunk.start_frame, chunk.end_frame, then=black)
    ends = asyncio.run(check_chunk_outputs(job.spec, tmp_path, only_groups=True))
    inputs = [tmp_path / chunk.output_file for chunk in job.spec.chunks]
    faults = Job(tmp_path, job.spec, ends).faults(job.stitch(inputs, tmp_path / "video.mp4"))
    assert said in faults
    assert "is black, its neighbours aren't" in faults


def test_a_video_whose_frames_are_late_is_found(job: Job, tmp_path: Path) -> None:
    video = job.stitch(job.paths(), tmp_path / "video.mp4")
    late = tmp_path / "late.mp4"
    slower = ["-c", "copy", "-bsf:v", "setts=pts=PTS+gte(N\\,13)*100:dts=DTS+gte(N\\,13)*100"]
    source = ["ffmpeg", "-loglevel", "error", "-i", str(video)]
    subprocess.run([*source, *slower, late], check=True)
    assert "after boundary 3" in job.faults(late)


def test_a_video_encoded_anew_is_compared_by_its_pictures(job: Job, tmp_path: Path) -> None:
    anew = MergeEncoding(video_codec="h264", quality=30)
    video = job.stitch(job.paths(), tmp_path / "video.mp4", encode=anew)
    assert job.check(video, copied=False).frames == 25
    inputs = [*job.paths()[:-1], encode(tmp_path / "other.mp4", 100, 112)]
    wrong = job.stitch(inputs, tmp_path / "wrong.mp4", encode=anew)
    assert "boundary 3" in job.faults(wrong, copied=False)


def test_other_commands_than_a_merge_may_make_what_they_like(job: Job, tmp_path: Path) -> None:
    spec = job.spec.model_copy(update={"merge_command": "ffmpeg -i c0.mp4 -r 60 video.mp4"})
    assert asyncio.run(check_merge(tmp_path / "video.mp4", spec, job.ends)) is None


@pytest.mark.parametrize(
    ("sound", "said"), [("0.4", "its audio lasts"), ("2", "its audio lasts"), ("gap", "a gap at")]
)
def test_sound_that_is_short_or_long_or_has_a_gap_is_found(
    job: Job, tmp_path: Path, sound: str, said: str
) -> None:
    seconds = "0.8333" if sound == "gap" else sound
    shift = "setts=ts=TS+gte(N\\,20)*20000" if sound == "gap" else "null"
    tone = tmp_path / "tone.m4a"
    source = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", f"sine=r=48000:d={seconds}"]
    subprocess.run([*source, "-c:a", "aac", "-bsf:a", shift, tone], check=True)
    video = job.stitch(job.paths(), tmp_path / "video.mp4", audio=tone)
    assert said in job.faults(video)
