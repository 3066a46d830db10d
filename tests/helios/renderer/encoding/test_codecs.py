"""What a render can be encoded to."""

import itertools
from fractions import Fraction
from pathlib import Path

import pytest

from helios.errors import OptionInvalid, ProgramMissing
from helios.renderer.encoding.codecs import (
    CODECS,
    VideoEncoding,
    check_encoding,
    check_size,
    choose_codec,
)
from helios.renderer.encoding.encoder_arguments import encoding_arguments


@pytest.mark.parametrize(
    ("output", "codec"),
    [
        *(("v.mp4", "h264"), ("v.MOV", "h264"), ("v.mkv", "h264"), ("v.m4v", "h264")),
        *(("v.webm", "vp9"), ("v.gif", "gif"), ("frames", "png"), ("frames/%04d.png", "png")),
        *(("%d.jpg", "jpeg"), ("%d.jpeg", "jpeg"), ("a.b/frames", "png")),
    ],
)
def test_the_file_name_says_which_codec_is_the_usual_one(output: str, codec: str) -> None:
    assert choose_codec(Path(output), None).name == codec


@pytest.mark.parametrize(
    ("name", "output", "codec"),
    [
        *(("libx264", "v.mp4", "h264"), ("avc", "v.mp4", "h264"), ("hevc", "v.mp4", "h265")),
        *(("libx265", "v.mkv", "h265"), ("libvpx-vp9", "v.webm", "vp9"), ("vp9", "v.mp4", "vp9")),
        *(("libsvtav1", "v.mp4", "av1"), ("libaom-av1", "v.webm", "av1")),
        *(("prores_ks", "v.mov", "prores"), ("prores4444", "v.mov", "prores")),
        *(("jpg", "frames", "jpeg"), ("mjpeg", "frames", "jpeg"), ("png", "frames", "png")),
    ],
)
def test_a_codec_may_be_named_as_people_or_ffmpeg_name_it(
    name: str, output: str, codec: str
) -> None:
    assert choose_codec(Path(output), name) is CODECS[codec]


@pytest.mark.parametrize(
    ("output", "name"),
    [
        *(("v.avi", None), ("v.mp4", "divx"), ("v.mp4", "H264"), ("v", "h264"), ("v.gif", "h264")),
        *(("v.webm", "h264"), ("v.mp4", "prores"), ("v.m4v", "prores"), ("v.mp4", "gif")),
        *(("v.mp4", "png"), ("v.webm", "jpeg"), ("%d.png", "jpeg"), ("%d.jpg", "png")),
    ],
)
def test_a_codec_that_the_file_cannot_hold_is_refused_with_what_it_can(
    output: str, name: str | None
) -> None:
    with pytest.raises(OptionInvalid) as caught:
        choose_codec(Path(output), name)
    assert caught.value.hint


def test_a_codec_needs_ffmpeg_and_images_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ProgramMissing):
        choose_codec(Path("v.mp4"), None)
    assert choose_codec(Path("frames"), None).name == "png"


@pytest.mark.parametrize(
    ("width", "height", "scale", "pixels"),
    [
        (1920, 1080, 1.0, (1920, 1080)),
        (960, 540, 2.0, (1920, 1080)),
        (160, 90, 0.5, (80, 45)),
        (100, 100, 1.1, (110, 110)),  # 110.00000000000001
        (160, 90, 1.3333333, (214, 120)),
        (161, 91, 1.5, (242, 137)),
    ],
)
def test_the_size_is_that_of_the_browsers_pictures(
    width: int, height: int, scale: float, pixels: tuple[int, int]
) -> None:
    assert check_size(width, height, scale, CODECS["png"]) == pixels


@pytest.mark.parametrize("codec", ["h264", "h265", "vp9", "av1"])
def test_an_odd_size_is_refused_with_the_even_one(codec: str) -> None:
    with pytest.raises(OptionInvalid) as caught:
        check_size(161, 91, 1.0, CODECS[codec])
    assert "162x92" in caught.value.hint


@pytest.mark.parametrize("codec", ["prores", "gif", "png", "jpeg"])
def test_an_odd_size_is_fine_where_colour_is_not_halved(codec: str) -> None:
    assert check_size(161, 91, 1.0, CODECS[codec]) == (161, 91)


@pytest.mark.parametrize(
    ("width", "height", "scale"),
    [
        *((0, 90, 1.0), (160, -2, 1.0), (16386, 90, 1.0), (9000, 90, 2.0)),
        *((160, 90, 0.0), (160, 90, -1.0), (160, 90, 0.4)),
        *((160, 90, float("nan")), (160, 90, float("inf"))),
    ],
)
def test_a_size_that_no_browser_draws_is_refused(width: int, height: int, scale: float) -> None:
    with pytest.raises(OptionInvalid):
        check_size(width, height, scale, CODECS["png"])


@pytest.mark.parametrize(
    ("codec", "crf"), [("h264", 0), ("h264", 51), ("vp9", 63), ("av1", 63), ("prores", 99)]
)
def test_a_rate_factor_in_its_codecs_range_is_taken(codec: str, crf: int) -> None:
    check_encoding(VideoEncoding(codec=CODECS[codec], crf=crf))


@pytest.mark.parametrize(("codec", "crf"), [("h264", 52), ("h265", -1), ("vp9", 64), ("av1", 64)])
def test_a_rate_factor_outside_its_codecs_range_is_refused(codec: str, crf: int) -> None:
    with pytest.raises(OptionInvalid, match=f"quality {crf}"):
        check_encoding(VideoEncoding(codec=CODECS[codec], crf=crf))


def test_only_what_keeps_every_pixel_is_lossless() -> None:
    assert VideoEncoding(codec=CODECS["h264"], crf=0).lossless
    assert VideoEncoding(codec=CODECS["h265"], crf=0).lossless
    assert VideoEncoding(codec=CODECS["png"]).lossless
    assert not VideoEncoding(codec=CODECS["h264"]).lossless
    assert not VideoEncoding(codec=CODECS["h264"], crf=1).lossless
    assert not VideoEncoding(codec=CODECS["jpeg"], crf=0).lossless


@pytest.mark.parametrize(
    ("codec", "preset", "expected"),
    [
        ("h264", None, ("superfast", "mbtree=1:rc-lookahead=10")),
        ("h264", "slow", ("slow", None)),
        ("h265", None, ("veryfast", None)),
        ("h265", "slow", ("slow", None)),
    ],
)
def test_a_given_preset_replaces_the_codecs_tuned_settings(
    codec: str, preset: str | None, expected: tuple[str, str | None]
) -> None:
    encoding = VideoEncoding(codec=CODECS[codec], preset=preset)
    arguments = encoding_arguments(
        encoding, image="jpeg", alpha=False, suffix=".mp4", rate=Fraction(30)
    )
    values = dict(itertools.pairwise(arguments))
    assert (values["-preset"], values.get("-x264-params")) == expected
