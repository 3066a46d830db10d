from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.contract.command import parse_command
from helios.contract.frame_rate import frame_rate
from helios.contract.job_spec import JobSpec
from helios.errors import CommandInvalid, HeliosError, OptionInvalid
from orchestrator.model.render_fields import Quality
from orchestrator.planning.chunk_sizes import (
    MAX_CHUNK_FRAMES,
    MAX_CHUNKS,
    MAX_REMOTE_CHUNK_FRAMES,
    MAX_SHARING_BROWSERS,
    MIN_CHUNK_FRAMES,
    ChunkSizes,
)
from orchestrator.planning.planner import check_options, plan
from orchestrator.planning.render_options import RenderOptions

FRAMES = st.integers(1, 100_000)
#: Names of files as people make them; a NUL or a slash can't be in one.
NAMES = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1)


def planned(source: str = "page.html", output: str = "video.mp4", **changes: Any) -> JobSpec:
    values: dict[str, Any] = {
        "frame_count": 90,
        "options": RenderOptions(),
        "sizes": ChunkSizes(chunks=3),
        "job_dir": Path(),
        **changes,
    }
    return plan(source, output, **values)


def flag(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


@given(
    frames=FRAMES,
    sizes=st.one_of(
        st.builds(ChunkSizes, chunks=st.integers(1, MAX_CHUNKS)),
        st.builds(ChunkSizes, frames_per_chunk=st.integers(10, 100_000)),
        st.builds(ChunkSizes, concurrency=st.integers(1, 500)),
    ),
)
def test_chunks_cover_the_timeline_once_with_sizes_that_differ_by_one_at_most(
    frames: int, sizes: ChunkSizes
) -> None:
    cut = sizes.cut(frames)
    assert (cut[0].start, cut[-1].stop) == (0, frames)
    assert all(before.stop == after.start for before, after in pairwise(cut))
    lengths = {len(part) for part in cut}
    assert min(lengths) >= 1
    assert max(lengths) - min(lengths) <= 1
    if sizes.chunks is not None:
        assert len(cut) == min(sizes.chunks, frames)
    if sizes.frames_per_chunk is not None:
        assert max(lengths) <= sizes.frames_per_chunk


@given(frames=st.integers(1, 5_000), more=st.integers(1, 500), length=st.integers(10, 500))
def test_steady_cuts_stay_where_they_are_when_the_timeline_grows(
    frames: int, more: int, length: int
) -> None:
    sizes = ChunkSizes(frames_per_chunk=length, steady=True)
    before, after = sizes.cut(frames), sizes.cut(frames + more)
    assert after[-1].stop == frames + more
    assert all(one.stop == other.start for one, other in pairwise(after))
    assert before[:-1] == after[: len(before) - 1]
    assert {len(part) for part in after[:-1]} <= {length}


def incremental(page: Path, **changes: Any) -> list[str]:
    sizes = ChunkSizes(frames_per_chunk=30, steady=True)
    spec = planned(str(page), **{"sizes": sizes, "incremental": True, **changes})
    return [chunk.output_file for chunk in spec.chunks]


def test_chunks_of_an_incremental_render_are_named_by_their_recipe(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.touch()
    names = incremental(page)
    assert len(set(names)) == 3
    assert incremental(page, frame_count=120)[:3] == names
    assert incremental(page, output="other.mp4", job_dir=tmp_path / "job") == names
    for options in (
        RenderOptions(crf=30),
        RenderOptions(seed=1),
        RenderOptions(time_zone="Europe/Paris"),
        RenderOptions(locale="fr-FR"),
        RenderOptions(props={"title": "x"}),
        RenderOptions(width=640),
        RenderOptions(rate=Fraction(25)),
    ):
        assert not set(incremental(page, options=options)) & set(names)
    (tmp_path / "other.html").touch()
    assert not set(incremental(tmp_path / "other.html")) & set(names)


@given(frames=FRAMES, concurrency=st.integers(1, 64))
def test_by_default_all_workers_are_kept_busy_to_the_end(frames: int, concurrency: int) -> None:
    count = len(ChunkSizes(concurrency=concurrency).cut(frames))
    assert count % concurrency == 0 or frames // count >= MIN_CHUNK_FRAMES or count == 1


@pytest.mark.parametrize(
    "sizes",
    [
        {"chunks": 0},
        {"frames_per_chunk": 0},
        {"concurrency": 0},
        {"chunks": 2, "frames_per_chunk": 2},
    ],
)
def test_sizes_that_make_no_sense_are_refused(sizes: dict[str, Any]) -> None:
    with pytest.raises(OptionInvalid):
        ChunkSizes(**sizes)


def test_more_chunks_than_a_merge_can_name_are_refused() -> None:
    with pytest.raises(OptionInvalid, match="at most"):
        ChunkSizes(frames_per_chunk=1).cut(MAX_CHUNKS + 1)


def test_no_frames_are_refused() -> None:
    with pytest.raises(OptionInvalid, match="at least one"):
        planned(frame_count=0)


@given(source=NAMES, stem=NAMES)
def test_any_name_comes_back_from_the_commands_as_one_argument(source: str, stem: str) -> None:
    for ending in (".mp4", ".gif"):
        spec = planned(source, f"x{stem}{ending}", job_dir=Path("job"))
        words = parse_command(spec.chunks[0].command)
        assert words[:2] == ["helios", "render"]
        assert (Path("job") / words[2]).resolve() == Path(source).resolve()
        assert words[4].removeprefix("./") == spec.chunks[0].output_file
        if spec.merge_command:
            assert parse_command(spec.merge_command)[2] == f"x{stem}{ending}"


@pytest.mark.parametrize("name", ["-o.mp4", "--help.mp4"])
def test_a_name_with_a_leading_dash_is_no_flag(name: str) -> None:
    spec = planned("-page.html", name)
    assert parse_command(spec.merge_command)[2] == f"./{name}"
    assert parse_command(spec.chunks[0].command)[2] == "./-page.html"


def test_a_name_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(OptionInvalid, match="UTF-8"):
        planned("page-\udcff.html")


def test_the_composition_is_named_from_the_job_folder_even_through_a_symbolic_link(
    tmp_path: Path,
) -> None:
    (tmp_path / "real/deep/job").mkdir(parents=True)
    (tmp_path / "job").symlink_to(tmp_path / "real/deep/job")
    (tmp_path / "page.html").touch()
    spec = planned(str(tmp_path / "page.html"), job_dir=tmp_path / "job")
    where = parse_command(spec.chunks[0].command)[2]
    assert (tmp_path / "job" / where).resolve() == tmp_path / "page.html"
    by_url = planned(f"file://{tmp_path}/page.html", job_dir=tmp_path / "job")
    assert by_url == spec
    assert "https://example.org/a%20b" in planned("https://example.org/a%20b").chunks[0].command


def test_every_option_reaches_the_command_that_needs_it() -> None:
    options = RenderOptions(
        width=640,
        height=360,
        rate=frame_rate("29.97"),
        codec="h265",
        crf=20,
        preset="fast",
        jpeg_quality=80,
        scale=2,
        transparent=True,
        seed=7,
        time_zone="Europe/Paris",
        locale="fr-FR",
        props={"title": "a 'b' \"c\" ü"},
        replay=False,
        allow_missing=True,
        timeout=5,
    )
    spec = planned(options=options)
    words = parse_command(spec.chunks[1].command)
    expected = {
        "--start-frame": "30",
        "--frame-count": "30",
        "--width": "640",
        "--height": "360",
        "--video-codec": "h265",
        "--quality": "20",
        "--preset": "fast",
        "--jpeg-quality": "80",
        "--scale": "2",
        "--seed": "7",
        "--timezone": "Europe/Paris",
        "--locale": "fr-FR",
        "--props": '{"title": "a \'b\' \\"c\\" ü"}',
        "--timeout": "5",
    }
    assert {name: flag(words, name) for name in expected} == expected
    assert {"--transparent", "--no-replay", "--allow-missing", "--no-audio"} <= set(words)
    merge = parse_command(spec.merge_command)
    assert flag(merge, "--frame-count") == "90"
    assert flag(merge, "--audio-from") == words[2]
    for name in ("--props", "--timezone", "--locale"):
        assert flag(merge, name) == expected[name]
    assert (spec.metadata.width, spec.metadata.height) == (1280, 720)


@given(
    rate=st.one_of(
        st.fractions(1, 240), st.sampled_from([Fraction(n, 1001) for n in (24000, 30000, 60000)])
    )
)
def test_commands_and_metadata_carry_the_exact_frame_rate(rate: Fraction) -> None:
    rate = frame_rate(rate)
    spec = planned(options=RenderOptions(rate=rate))
    written = flag(parse_command(spec.chunks[0].command), "--fps")
    # A decimal holds a ratio such as 1/3 to sixteen digits; all others come back exactly.
    assert abs(frame_rate(written) - rate) < Fraction(1, 10**12)
    assert frame_rate(written) == spec.metadata.frame_rate
    if rate.denominator in (1, 2, 4, 5, 1001):
        assert frame_rate(written) == rate


def test_a_video_without_sound_is_merged_without_the_page() -> None:
    assert parse_command(planned(sound=False).merge_command) == [
        *("helios", "merge", "video.mp4"),
        *(f"chunks/{number:05d}.mp4" for number in range(3)),
    ]


@pytest.mark.parametrize(
    ("output", "file", "argument"),
    [
        ("anim.gif", "anim.gif", "anim.gif"),
        ("frames", "frames", "frames"),
        ("%04d.png", "images", "images/%04d.png"),
        ("a\\b.gif", "video.gif", "video.gif"),
    ],
)
def test_what_has_no_seams_is_one_chunk_whose_browsers_share_the_work(
    output: str, file: str, argument: str
) -> None:
    spec = planned(output=output, sizes=ChunkSizes(concurrency=4))
    [chunk] = spec.chunks
    words = parse_command(chunk.command)
    assert (chunk.output_file, flag(words, "-o")) == (file, argument)
    assert flag(words, "--concurrency") == "4"
    assert spec.merge_command == ""


def test_a_reference_is_one_chunk_whose_frames_are_all_visited() -> None:
    spec = planned(options=RenderOptions(reference=True), sizes=ChunkSizes(concurrency=4))
    [chunk] = spec.chunks
    assert {"--reference", "--replay"} <= set(parse_command(chunk.command))
    merge = parse_command(spec.merge_command)
    assert "--replay" in merge
    assert "--reference" not in merge


@pytest.mark.parametrize("sizes", [ChunkSizes(chunks=2), ChunkSizes(frames_per_chunk=50)])
def test_a_reference_in_several_chunks_is_refused(sizes: ChunkSizes) -> None:
    with pytest.raises(OptionInvalid, match="one chunk"):
        planned(options=RenderOptions(reference=True), sizes=sizes)


def test_a_plan_is_the_same_each_time_and_survives_its_file() -> None:
    spec = planned(job_id="job-1")
    assert spec.to_json() == planned(job_id="job-1").to_json()
    assert JobSpec.parse(spec.to_json()) == spec
    assert spec.id == "job-1"


@pytest.mark.parametrize(
    ("name", "changes", "error"),
    [
        ("video.mp4", {"width": 161}, OptionInvalid),
        ("video.mp4", {"width": 0}, OptionInvalid),
        ("video.mp4", {"transparent": True}, OptionInvalid),
        ("video.mp4", {"codec": "cinepak"}, OptionInvalid),
        ("video.txt", {}, OptionInvalid),
        ("video.mp4", {"timeout": 0.0}, OptionInvalid),
        ("video.mp4", {"crf": 52}, OptionInvalid),
        ("video.webm", {"crf": -1}, OptionInvalid),
        ("video.mp4", {"preset": "warp"}, OptionInvalid),
        ("video.mp4", {"props": {"text": "x" * 200_000}}, CommandInvalid),
    ],
)
def test_options_that_no_renderer_could_work_with_are_refused_with_a_hint(
    name: str, changes: dict[str, Any], error: type[HeliosError]
) -> None:
    with pytest.raises(error):
        check_options(name, RenderOptions(**changes))


@pytest.mark.parametrize(
    ("frames", "concurrency", "chunks", "browsers"),
    [
        (150, 2, 1, 2),
        (MAX_CHUNK_FRAMES, 4, 1, 4),
        (59, 2, 1, 1),
        (70, 4, 1, 2),
        (150, 1, 1, 1),
        (MAX_CHUNK_FRAMES + 1, 2, 2, 1),
        (150, MAX_SHARING_BROWSERS + 1, 5, 1),
    ],
)
def test_a_short_timeline_may_be_one_chunk_that_browsers_share(
    frames: int, concurrency: int, chunks: int, browsers: int
) -> None:
    sizes = ChunkSizes(concurrency=concurrency, shared=True)
    assert len(sizes.cut(frames)) == chunks
    assert sizes.sharing_browsers(frames) == browsers
    command = planned(frame_count=frames, sizes=sizes).chunks[0].command
    assert (f"--concurrency {browsers}" in command) == (browsers > 1)


def test_chunks_that_are_chosen_and_those_of_a_playlist_are_not_shared() -> None:
    for sizes in (ChunkSizes(chunks=2, concurrency=2), ChunkSizes(frames_per_chunk=75)):
        assert len(replace(sizes, shared=True).cut(150)) == 2
        assert replace(sizes, shared=True).sharing_browsers(150) == 1
    playlist = planned(
        output="v.m3u8", frame_count=150, sizes=ChunkSizes(concurrency=2, shared=True)
    )
    assert len(playlist.chunks) == 2
    long = planned(output="v.m3u8", frame_count=MAX_CHUNK_FRAMES, sizes=ChunkSizes())
    assert len(long.chunks) == MAX_CHUNK_FRAMES // MAX_REMOTE_CHUNK_FRAMES


@pytest.mark.parametrize(
    ("level", "output", "flags"),
    [
        ("standard", "v.mp4", {}),
        ("draft", "v.mp4", {"quality": "30", "preset": "ultrafast", "jpeg-quality": "80"}),
        ("high", "v.mp4", {"quality": "14", "preset": "veryfast", "jpeg-quality": "98"}),
        ("high", "v.webm", {"quality": "16", "jpeg-quality": "98"}),
        ("draft", "v.gif", {"jpeg-quality": "80"}),
        ("draft", "v.m3u8", {"quality": "30", "preset": "ultrafast", "jpeg-quality": "80"}),
    ],
)
def test_a_quality_stands_for_rate_factor_speed_and_capture(
    level: Quality, output: str, flags: dict[str, str]
) -> None:
    options = RenderOptions(quality=level)
    check_options(output, options)
    words = parse_command(planned(output=output, options=options).chunks[0].command)
    given = {name: flag(words, f"--{name}") for name in flags}
    assert given == flags
    unset = {"quality", "preset", "jpeg-quality"}.difference(flags)
    assert not {f"--{name}" for name in unset}.intersection(words)


def test_what_is_set_takes_precedence_over_the_quality() -> None:
    options = RenderOptions(quality="high", crf=0, preset="slow", jpeg_quality=50)
    words = parse_command(planned(options=options).chunks[0].command)
    assert (flag(words, "--quality"), flag(words, "--preset")) == ("0", "slow")
    assert flag(words, "--jpeg-quality") == "50"
