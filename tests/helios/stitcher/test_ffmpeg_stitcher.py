"""FfmpegStitcher against real files, read back with ffprobe and decoded."""

import asyncio
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helios.errors import (
    ChunkOutputInvalid,
    DiskFull,
    OptionInvalid,
    OutputUnwritable,
    StitchFailed,
)
from helios.media.probe import MediaInfo, probe
from helios.mp4.reader import read_movie
from helios.mp4.track import NotSpliceable
from helios.stitcher import FfmpegStitcher
from helios.stitcher.concat_list import concat_list
from helios.stitcher.merge_encoding import MergeEncoding
from tests.helios.frame_hashes import frame_hashes
from tests.sampling import every_nth

pytestmark = pytest.mark.slow

H264 = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "12")
NASTY_NAMES = (
    "-leading dash.mp4",
    'it\'s "quoted" 100%d.mp4',
    "colon: a\\b #1.mp4",
    "new\nline.mp4",
    "žluťoučký 动画.mp4",
)


def run(*args: str | Path) -> bytes:
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", *map(str, args)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def make_chunk(
    path: Path,
    *,
    start: int,
    frames: int,
    rate: str = "30",
    codec: Sequence[str] = H264,
    size: str = "160x90",
    audio: Sequence[str] = (),
) -> Path:
    """Make one chunk of a longer picture: frames `start` to `start + frames`."""
    exact = Fraction(rate)
    sound: list[str] = []
    if audio:
        first, end = (round(n * 48000 / exact) for n in (start, start + frames))
        tone = "aevalsrc=0.3*sin(n*0.05)|0.3*sin(n*0.031):s=48000"
        sound = ["-f", "lavfi", "-i", f"{tone},atrim=start_sample={first}:end_sample={end}"]
        sound[-1] += ",asetpts=N/SR/TB"
    frames_only = f"trim=start_frame={start}:end_frame={start + frames},setpts=N"
    pixels = () if "-pix_fmt" in codec else ("-pix_fmt", "yuv420p")
    run(
        *("-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate},{frames_only}", *sound),
        *("-r", rate, *codec, *pixels, *audio, f"file:{path}"),
    )
    return path


def make_chunks(folder: Path, lengths: Sequence[int], **options: object) -> list[Path]:
    suffix = options.pop("suffix", ".mp4")
    starts = [sum(lengths[:n]) for n in range(len(lengths))]
    return [
        make_chunk(folder / f"c{start}{suffix}", start=start, frames=length, **options)  # type: ignore[arg-type]
        for start, length in zip(starts, lengths, strict=True)
    ]


def stitch(inputs: Sequence[Path], output: Path, **options: object) -> MediaInfo:
    asyncio.run(FfmpegStitcher(**options).stitch(inputs, output))  # type: ignore[arg-type]
    return asyncio.run(probe(output))


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def hashes(path: Path) -> list[str]:
    return asyncio.run(frame_hashes(path))


def assert_regular(info: MediaInfo, *, rate: Fraction, frames: int) -> None:
    video = info.video
    assert video is not None
    assert video.frames == frames
    assert [pts * video.time_base for pts in video.pts] == [n / rate for n in range(frames)]
    assert video.frame_rate == rate
    assert video.duration == frames / rate


def top_level_boxes(path: Path) -> list[str]:
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        names.append(data[at + 4 : at + 8].decode("latin-1"))
        size = int.from_bytes(data[at : at + 4], "big")
        at += size or len(data)
    return names


def pcm(path: Path) -> NDArray[np.int16]:
    data = run("-i", f"file:{path}", "-map", "0:a:0", "-f", "s16le", "pipe:1")
    return np.frombuffer(data, np.int16).reshape(-1, 2)


@pytest.fixture(scope="module")
def chunks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_chunks(tmp_path_factory.mktemp("chunks"), [20, 1, 2, 17])


@every_nth(2)
@pytest.mark.parametrize("rate", ["24", "30000/1001", "30", "60"])
def test_frames_and_their_times_are_kept_exactly_over_seams(tmp_path: Path, rate: str) -> None:
    inputs = make_chunks(tmp_path, [25, 25, 7], rate=rate)
    info = stitch(inputs, tmp_path / "out.mp4")
    assert_regular(info, rate=Fraction(rate), frames=57)
    assert hashes(tmp_path / "out.mp4") == [h for path in inputs for h in hashes(path)]


def test_chunks_of_one_or_two_frames_fit_in(chunks: list[Path], tmp_path: Path) -> None:
    info = stitch(chunks, tmp_path / "out.mp4")
    assert_regular(info, rate=Fraction(30), frames=40)
    assert hashes(tmp_path / "out.mp4") == [h for path in chunks for h in hashes(path)]
    assert info.video is not None
    assert {0, 20, 21, 23} <= set(info.video.keyframes)


def test_the_index_lies_in_front_of_the_samples(chunks: list[Path], tmp_path: Path) -> None:
    stitch(chunks, tmp_path / "out.mp4")
    names = top_level_boxes(tmp_path / "out.mp4")
    assert names.index("moov") < names.index("mdat")


@pytest.mark.slow
@every_nth(2)
@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".mp4", ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")),
        (".mov", ("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le")),
        (".webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")),
        (".webm", ("-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "enable-overlays=0")),
        (".mp4", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")),
        (".mkv", H264),
    ],
    ids=["h265", "prores 4444", "vp9 webm", "av1 webm", "vp9 mp4", "h264 mkv"],
)
def test_other_codecs_and_containers_keep_every_frame(
    tmp_path: Path, suffix: str, codec: tuple[str, ...]
) -> None:
    inputs = make_chunks(tmp_path, [9, 8], codec=codec, suffix=suffix)
    output = tmp_path / f"out{suffix}"
    info = stitch(inputs, output)
    assert hashes(output) == [h for path in inputs for h in hashes(path)]
    assert info.video is not None
    times = [pts * info.video.time_base for pts in info.video.pts]
    tolerance = 0 if suffix in (".mp4", ".mov") else Fraction(1, 1000)
    assert len(times) == 17
    assert all(abs(time - Fraction(n, 30)) <= tolerance for n, time in enumerate(times))


def test_fragmented_inputs_go_through_ffmpeg(tmp_path: Path) -> None:
    codec = (*H264, "-movflags", "frag_keyframe+empty_moov+default_base_moof")
    inputs = make_chunks(tmp_path, [10, 10], codec=codec)
    with pytest.raises(NotSpliceable):
        read_movie(inputs[0])
    info = stitch(inputs, tmp_path / "out.mp4")
    assert_regular(info, rate=Fraction(30), frames=20)
    assert top_level_boxes(tmp_path / "out.mp4").index("moov") < 2


@every_nth(3)
@pytest.mark.parametrize("name", NASTY_NAMES)
def test_any_file_name_works(chunks: list[Path], tmp_path: Path, name: str) -> None:
    folder = tmp_path / "it's a\nfolder: 50%"
    folder.mkdir()
    inputs = [folder / f"{n}{name}" for n in range(2)]
    for path, source in zip(inputs, chunks, strict=False):
        path.write_bytes(source.read_bytes())
    for output in (folder / name, folder / name.replace(".mp4", ".mkv")):
        assert stitch(inputs, output).video is not None
        assert len(hashes(output)) == 21
    assert len(list(folder.iterdir())) == 4


@given(st.text(st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), min_size=1))
def test_a_concat_list_never_holds_a_raw_line_end(name: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        listing = concat_list([Path("/videos") / name], folder=Path(folder))
        assert len(listing.read_bytes().split(b"\n")) == 3


def test_pcm_audio_of_mov_chunks_becomes_one_gapless_aac_stream(tmp_path: Path) -> None:
    inputs = make_chunks(
        tmp_path, [31, 30, 29], rate="30000/1001", suffix=".mov", audio=("-c:a", "pcm_s16le")
    )
    output = tmp_path / "out.mp4"
    info = stitch(inputs, output)
    assert_regular(info, rate=Fraction(30000, 1001), frames=90)
    assert info.audio is not None
    assert info.audio.codec == "aac"
    assert abs(info.audio.samples - round(90 * 48000 * 1001 / 30000)) <= 3
    sound = pcm(output).astype(float)[:, 0] / 32768
    wave = 0.3 * np.sin(np.arange(len(sound)) * 0.05)
    middle = slice(4096, len(sound) - 4096)
    assert np.abs(sound - wave)[middle].max() < 0.02
    assert hashes(output) == [h for path in inputs for h in hashes(path)]


def test_pcm_audio_is_kept_bit_for_bit_in_a_mov(tmp_path: Path) -> None:
    inputs = make_chunks(tmp_path, [20, 13], suffix=".mov", audio=("-c:a", "pcm_s16le"))
    info = stitch(inputs, tmp_path / "out.mov")
    assert info.audio is not None
    assert info.audio.codec == "pcm_s16le"
    joined = np.concatenate([pcm(path) for path in inputs])
    assert np.array_equal(pcm(tmp_path / "out.mov"), joined)


def test_flac_audio_of_mp4_chunks_loses_nothing(tmp_path: Path) -> None:
    audio = ("-c:a", "flac", "-strict", "-2", "-sample_fmt", "s16")
    inputs = make_chunks(tmp_path, [20, 13], audio=audio)
    info = stitch(inputs, tmp_path / "out.mp4")
    assert info.audio is not None
    assert info.audio.codec == "flac"
    joined = np.concatenate([pcm(path) for path in inputs])
    assert np.array_equal(pcm(tmp_path / "out.mp4"), joined)


def test_chunks_without_audio_are_silent_between_those_with(tmp_path: Path) -> None:
    first = make_chunk(
        tmp_path / "a.mov", start=0, frames=15, audio=("-c:a", "pcm_s16le"), codec=H264
    )
    second = make_chunk(tmp_path / "b.mov", start=15, frames=15)
    stitch([first, second], tmp_path / "out.mov")
    sound = pcm(tmp_path / "out.mov")
    assert len(sound) == 48000
    assert np.array_equal(sound[:24000], pcm(first))
    assert not sound[24000:].any()


@pytest.mark.long
@pytest.mark.slow
def test_many_chunks_with_audio_join_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helios.stitcher.chunk_audio.INPUTS_AT_ONCE", 2)
    inputs = make_chunks(tmp_path, [5, 6, 7, 8, 9], suffix=".mov", audio=("-c:a", "pcm_s16le"))
    stitch(inputs, tmp_path / "out.mov")
    joined = np.concatenate([pcm(path) for path in inputs])
    assert np.array_equal(pcm(tmp_path / "out.mov"), joined)


@every_nth(2)
@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_audio_given_apart_is_copied(chunks: list[Path], tmp_path: Path, ending: str) -> None:
    audio = tmp_path / "mix: it's.m4a"
    run("-f", "lavfi", "-i", "sine=r=48000:d=1.3333333", "-c:a", "aac", f"file:{audio}")
    output = tmp_path / f"out{ending}"
    info = stitch(chunks, output, audio=audio)
    assert info.audio is not None
    # Matroska keeps the codec's padding.
    frames_of_padding = 2 if ending == ".mkv" else 1
    assert abs(info.duration - Fraction(40, 30)) < frames_of_padding * Fraction(1024, 48000)
    packets = ("-map", "0:a", "-c", "copy", "-f", "adts", "pipe:1")
    assert run("-i", f"file:{output}", *packets) == run("-i", f"file:{audio}", *packets)


@pytest.mark.slow
def test_audio_and_video_lie_side_by_side_in_the_file(tmp_path: Path) -> None:
    inputs = make_chunks(tmp_path, [60, 60], suffix=".mov", audio=("-c:a", "pcm_s16le"))
    stitch(inputs, tmp_path / "out.mp4")
    movie = read_movie(tmp_path / "out.mp4")
    for kind in ("vide", "soun"):
        track = movie.track(kind)
        assert track is not None
        assert len(track.chunks) >= 8


def test_an_input_of_another_size_is_named(chunks: list[Path], tmp_path: Path) -> None:
    odd = make_chunk(tmp_path / "odd.mp4", start=0, frames=5, size="128x72")
    with pytest.raises(ChunkOutputInvalid, match="128x72") as caught:
        stitch([*chunks, odd], tmp_path / "out.mp4")
    assert "odd.mp4" in caught.value.details[0]


def test_an_input_of_another_rate_is_named(chunks: list[Path], tmp_path: Path) -> None:
    odd = make_chunk(tmp_path / "odd.mp4", start=0, frames=5, rate="25")
    with pytest.raises(ChunkOutputInvalid, match="25") as caught:
        stitch([*chunks, odd], tmp_path / "out.mp4")
    assert "odd.mp4" in caught.value.details[0]


def test_an_input_cut_short_is_named(chunks: list[Path], tmp_path: Path) -> None:
    whole = chunks[0].read_bytes()
    for name, data in {"half.mp4": whole[: len(whole) // 2], "none.mp4": b""}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ChunkOutputInvalid, match=name):
            stitch([*chunks, tmp_path / name], tmp_path / "out.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["half.mp4", "none.mp4"]


def test_a_missing_input_is_named(chunks: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ChunkOutputInvalid, match=r"nowhere\.mp4"):
        stitch([*chunks, tmp_path / "nowhere.mp4"], tmp_path / "out.mp4")


def test_nothing_to_join_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StitchFailed, match="nothing to join"):
        stitch([], tmp_path / "out.mp4")


def test_an_unknown_container_is_refused(chunks: list[Path], tmp_path: Path) -> None:
    with pytest.raises(OptionInvalid, match=r"out\.txt"):
        stitch(chunks, tmp_path / "out.txt")


def test_a_missing_output_folder_is_made_unless_something_is_in_its_way(
    chunks: list[Path], tmp_path: Path
) -> None:
    stitch(chunks[:2], tmp_path / "new" / "video.mp4")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["video.mp4"]
    with pytest.raises(OutputUnwritable, match=r"other\.mp4"):
        stitch(chunks[:2], tmp_path / "new" / "video.mp4" / "other.mp4")


def test_a_full_disk_is_told_and_the_old_output_stays(
    chunks: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **options: object) -> int:
        raise OSError(28, "No space left on device")

    output = tmp_path / "out.mp4"
    output.write_bytes(b"old")
    monkeypatch.setattr("helios.mp4.sample_runs._send", full)
    with pytest.raises(DiskFull):
        stitch(chunks, output)
    assert output.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [output]


def test_a_cancelled_stitch_leaves_nothing_behind(
    chunks: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    def slow(*args: object, **options: object) -> int:
        time.sleep(0.02)
        return 1

    async def cancelled() -> None:
        task = asyncio.create_task(FfmpegStitcher().stitch(chunks, tmp_path / "out.mp4"))
        while not left_in(tmp_path):  # noqa: ASYNC110 - a thread writes it
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    monkeypatch.setattr("helios.mp4.sample_runs._send", slow)
    asyncio.run(cancelled())
    assert not left_in(tmp_path)


def test_video_is_encoded_anew_only_on_request(chunks: list[Path], tmp_path: Path) -> None:
    encode = MergeEncoding(video_codec="h265", quality=40, preset="ultrafast")
    info = stitch(chunks, tmp_path / "out.mp4", encode=encode)
    assert_regular(info, rate=Fraction(30), frames=40)
    assert info.video is not None
    assert info.video.codec == "hevc"


@pytest.mark.long
def test_a_long_video_keeps_its_times_without_drift(chunks: list[Path], tmp_path: Path) -> None:
    info = stitch(chunks * 60, tmp_path / "out.mp4")
    assert info.video is not None
    assert {b - a for a, b in pairwise(info.video.pts)} == {info.video.pts[1]}
    assert info.video.frames == 2400


@pytest.mark.slow
def test_a_file_beyond_four_gigabytes_has_wide_offsets_and_times(
    chunks: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("boxes", "splice"):
        monkeypatch.setattr(f"helios.mp4.{module}.MAX_U32", 1000)
    info = stitch(chunks, tmp_path / "out.mp4")
    assert b"co64" in (tmp_path / "out.mp4").read_bytes()
    assert_regular(info, rate=Fraction(30), frames=40)
    assert hashes(tmp_path / "out.mp4") == [h for path in chunks for h in hashes(path)]


@pytest.mark.slow
@every_nth(2)
@pytest.mark.parametrize(("before", "after"), [(".mov", ".mp4"), (".mp4", ".mov")])
@pytest.mark.parametrize("colour_range", ["tv", "pc"])
def test_colours_stay_the_same_between_mov_and_mp4(
    tmp_path: Path, before: str, after: str, colour_range: str
) -> None:
    tags = f"-color_range {colour_range} -colorspace bt709 -color_trc bt709 -color_primaries bt709"
    inputs = make_chunks(tmp_path, [5, 5], suffix=before, codec=(*H264, *tags.split()))
    info = stitch(inputs, tmp_path / f"out{after}")
    original = asyncio.run(probe(inputs[0]))
    assert info.video is not None
    assert original.video is not None
    assert info.video.color == original.video.color
    assert info.video.color.range == colour_range
    assert hashes(tmp_path / f"out{after}") == [h for path in inputs for h in hashes(path)]
