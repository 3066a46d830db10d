"""ffmpeg's arguments for each video codec."""

import os
from collections.abc import Sequence
from fractions import Fraction

from helios.renderer.encoding.codecs import MUXERS, VideoEncoding

#: Default constant rate factor of H.264: visually lossless, by x264's guide.
DEFAULT_CRF = 18
#: x264's settings if no preset is given. `superfast` alone makes files almost three times as large
#: as `veryfast`; with macroblock trees and a short lookahead they are 2 to 17 % larger, at 0.1 to
#: 0.3 dB less, for 0.55 to 0.9 of the processor time (docs/benchmarks.md).
_X264_DEFAULT = ("-preset", "superfast", "-x264-params", "mbtree=1:rc-lookahead=10")
#: x265's preset if none is given.
_X265_DEFAULT = "veryfast"
#: The filter that tags frames with their colours.
_TAGS = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
_BT709 = ("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709")


def input_arguments(image: str) -> list[str]:
    """Return ffmpeg's arguments for reading numbered frames from its standard input.

    With default probing, ffmpeg buffers megabytes of frames before it encodes the first, and
    capturing and encoding don't overlap. An explicit format and a small probe size avoid that.
    """
    # A JPEG's decoder says this by itself.
    raw = ("-chroma_sample_location", "center", "-colorspace", "bt709") if image == "i420" else ()
    return ["-f", "ivf", "-probesize", "32", "-analyzeduration", "0", *raw, "-i", "pipe:0"]


def encoding_arguments(
    encoding: VideoEncoding, *, image: str, alpha: bool, suffix: str, rate: Fraction
) -> list[str]:
    """Return ffmpeg's arguments between its input and the name of its output.

    Repeated frames may be missing from the input. ffmpeg fills them in; where `leaves_gaps` is
    true they stay missing, and a keyframe follows.
    """
    codec = encoding.codec
    build = {
        "h264": _h264,
        "h265": _h265,
        "vp9": _vp9,
        "av1": _av1,
        "prores": _prores,
        "gif": _gif,
    }[codec.name]
    colours, *arguments = build(encoding, image, alpha)
    filters = [colours]
    gaps: Sequence[str] = ()
    if leaves_gaps(encoding, suffix):
        # Not with -r, which ffmpeg refuses from version 6 on where frames may be missing.
        gaps = ("-force_key_frames", _after_gaps(rate), "-forced-idr", "1")
    else:
        # After the colour conversion, a repeated frame costs only the encoder's work. But the
        # palette filter of GIFs drops the last frame's duration, which `fps` depends on.
        filled = f"fps={rate}:start_time=0:round=near:eof_action=pass"
        filters.insert(0 if codec.name == "gif" else 1, filled)
    # The file contains nothing that differs between two runs.
    clean = ("-map_metadata", "-1", "-fflags", "+bitexact", "-fps_mode", "passthrough")
    # Browsers use the other cores: with more threads x264 takes up to two thirds more processor
    # time.
    threads = ("-threads", str(max(1, (os.cpu_count() or 1) // 2)))
    chain = ("-vf", ",".join(filters))
    return [*chain, *gaps, *arguments, *threads, *clean, "-an", "-f", MUXERS[suffix.lower()]]


def leaves_gaps(encoding: VideoEncoding, suffix: str) -> bool:
    """Return whether repeated frames may be missing from the encoded video."""
    if encoding.every_frame:
        return False
    return encoding.codec.name == "h264" and suffix.lower() in (".mp4", ".m4v", ".mov")


def _after_gaps(rate: Fraction) -> str:
    """Return an ffmpeg expression that is true for a frame after a gap.

    After a gap the difference between a frame's time, in frames, and its number (`n`) is larger.
    Variable 0 holds the difference of the frame before.
    """
    ahead = f"t*{rate}-n"
    return f"expr:st(1,gt({ahead},ld(0)+0.5));st(0,{ahead});ld(1)"


def _to_bt709(image: str, pixel_format: str) -> str:
    """Return the filter that converts the browser's colours to BT.709, limited range.

    Raw frames have these colours, and are only tagged.
    A JPEG holds full-range YCbCr by BT.601 (JFIF 1.02); the `colorspace` filter goes from there
    to BT.709 in one step. PNG holds RGB, which `scale` converts.
    """
    if image == "i420":
        return f"setsar=1,{_TAGS}"
    if image == "jpeg" and pixel_format == "yuv420p":
        source = "ispace=smpte170m:iprimaries=bt709:itrc=bt709:irange=pc"
        return f"colorspace={source}:all=bt709:range=tv:format=yuv420p"
    return (
        "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,"
        # ProRes takes its tags from the frames, not from encoder options.
        f"format={pixel_format},{_TAGS}"
    )


def _h264(encoding: VideoEncoding, image: str, alpha: bool) -> list[str]:  # noqa: ARG001
    crf = DEFAULT_CRF if encoding.crf is None else encoding.crf
    preset = _X264_DEFAULT if encoding.preset is None else ("-preset", encoding.preset)
    return [
        _to_bt709(image, "yuv420p"),
        *("-c:v", "libx264", *preset),
        *("-crf", str(crf), "-flags", "+cgop"),
        *_tags(),
    ]


def _h265(encoding: VideoEncoding, image: str, alpha: bool) -> list[str]:  # noqa: ARG001
    crf = 22 if encoding.crf is None else encoding.crf
    parameters = "open-gop=0:log-level=error:info=0" + (":lossless=1" if crf == 0 else "")
    return [
        _to_bt709(image, "yuv420p"),
        *("-c:v", "libx265", "-tag:v", "hvc1"),
        *("-preset", encoding.preset or _X265_DEFAULT, "-crf", str(crf)),
        *("-x265-params", parameters),
        *_tags(),
    ]


def _vp9(encoding: VideoEncoding, image: str, alpha: bool) -> list[str]:
    crf = 24 if encoding.crf is None else encoding.crf
    pixel_format = "yuva420p" if alpha else "yuv420p"
    return [
        _to_bt709(image, pixel_format),
        *("-c:v", "libvpx-vp9", "-b:v", "0"),
        *("-crf", str(crf), "-row-mt", "1", "-deadline", "good", "-cpu-used", "5"),
        *(("-auto-alt-ref", "0") if alpha else ()),
        *_tags(),
    ]


def _av1(encoding: VideoEncoding, image: str, alpha: bool) -> list[str]:  # noqa: ARG001
    crf = 28 if encoding.crf is None else encoding.crf
    return [
        _to_bt709(image, "yuv420p"),
        *("-c:v", "libsvtav1"),
        *("-preset", "8", "-crf", str(crf)),
        *_tags(),
    ]


def _prores(encoding: VideoEncoding, image: str, alpha: bool) -> list[str]:  # noqa: ARG001
    pixel_format = "yuva444p10le" if alpha else "yuv444p10le"
    return [
        _to_bt709(image, pixel_format),
        *("-c:v", "prores_ks", "-profile:v", "4444"),
        *("-vendor", "apl0", "-alpha_bits", "16" if alpha else "0"),
        *_tags(),
    ]


def _gif(encoding: VideoEncoding, image: str, alpha: bool) -> list[str]:  # noqa: ARG001
    # `stats_mode=diff` counts the colours that a change removes, so that the last ones are lost.
    return ["split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=bayer"]


def _tags() -> Sequence[str]:
    return (*_BT709, "-color_range", "tv")
