"""Video codecs, their limits, and ffmpeg's arguments for each."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from helios.errors import OptionInvalid
from helios.media.ffmpeg import require_encoder

#: Default constant rate factor of H.264: visually lossless, by x264's guide.
DEFAULT_CRF = 18
#: x264's settings if no preset is given. `superfast` alone makes files almost three times as large
#: as `veryfast`; with macroblock trees and a short lookahead they are 2 to 17 % larger, at 0.1 to
#: 0.3 dB less, for 0.55 to 0.9 of the processor time (docs/benchmarks.md).
_X264_DEFAULT = ("-preset", "superfast", "-x264-params", "mbtree=1:rc-lookahead=10")
#: x265's preset if none is given.
_X265_DEFAULT = "veryfast"
#: Presets of x264 and x265, fastest first.
PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
)
#: Smallest scale, in output pixels per CSS pixel, that Chromium draws at.
MIN_SCALE = 0.5
_BT709 = ("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709")


@dataclass(frozen=True)
class Codec:
    """A video codec that users can choose.

    Attributes
    ----------
    name:
        Name on the command line.
    encoder:
        ffmpeg's encoder.
    suffixes:
        File name endings of containers that hold it, the usual one first.
    alpha:
        Whether it can store transparency.
    images:
        Whether the output is a folder of numbered images.
    max_crf:
        Largest constant rate factor; None for codecs without one.
    """

    name: str
    encoder: str
    suffixes: tuple[str, ...]
    alpha: bool = False
    images: bool = False
    max_crf: int | None = None


CODECS = {
    codec.name: codec
    for codec in (
        Codec("h264", "libx264", (".mp4", ".mov", ".mkv", ".m4v"), max_crf=51),
        Codec("h265", "libx265", (".mp4", ".mov", ".mkv", ".m4v"), max_crf=51),
        Codec("vp9", "libvpx-vp9", (".webm", ".mp4", ".mkv"), alpha=True, max_crf=63),
        Codec("av1", "libsvtav1", (".mp4", ".webm", ".mkv"), max_crf=63),
        Codec("prores", "prores_ks", (".mov", ".mkv"), alpha=True),
        Codec("gif", "gif", (".gif",)),
        Codec("png", "png", (), alpha=True, images=True),
        Codec("jpeg", "mjpeg", (), images=True),
    )
}
_ALIASES = {
    "libx264": "h264",
    "avc": "h264",
    "libx265": "h265",
    "hevc": "h265",
    "libvpx-vp9": "vp9",
    "libsvtav1": "av1",
    "libaom-av1": "av1",
    "prores_ks": "prores",
    "prores4444": "prores",
    "jpg": "jpeg",
    "mjpeg": "jpeg",
}
_BY_SUFFIX = {
    ".mp4": "h264",
    ".m4v": "h264",
    ".mov": "h264",
    ".mkv": "h264",
    ".webm": "vp9",
    ".gif": "gif",
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
}
#: ffmpeg's muxer for each file name ending.
MUXERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
    ".gif": "gif",
}


@dataclass(frozen=True, kw_only=True)
class VideoEncoding:
    """Encoder settings.

    Attributes
    ----------
    codec:
        One of `CODECS`.
    crf:
        Constant rate factor, or None for the codec's default; 0 is lossless H.264.
    preset:
        Encoder speed, one of `PRESETS`; None for the codec's default.
    every_frame:
        Encode repeated frames too.
    """

    codec: Codec
    crf: int | None = None
    preset: str | None = None
    every_frame: bool = False

    @property
    def lossless(self) -> bool:
        """Whether the encoding is lossless, so that captured frames must be lossless too."""
        return self.codec.name == "png" or (self.crf == 0 and self.codec.name in ("h264", "h265"))


def choose_codec(output: Path, name: str | None) -> Codec:
    """Return the codec of this name; without a name, the one for the output's file name.

    Raises
    ------
    OptionInvalid
        There is no such codec, or the container can't hold it.
    CodecUnavailable
        The installed ffmpeg lacks it.
    """
    suffix = output.suffix.lower()
    key = _ALIASES.get(name or "", name) or _BY_SUFFIX.get(suffix)
    if key is None and not suffix:
        key = "png"
    if key not in CODECS:
        wanted = f"video codec {name!r}" if name else f"output {output.name!r}"
        raise OptionInvalid(
            f"{wanted}: not known",
            hint=f"Codecs: {', '.join(CODECS)}. Endings: {', '.join(_BY_SUFFIX)}; "
            "a folder holds a sequence of images.",
        )
    codec = CODECS[key]
    if codec.suffixes and suffix not in codec.suffixes:
        raise OptionInvalid(
            f"output {output.name!r}: {codec.name} doesn't go into {suffix or 'a folder'}",
            hint=f"Use {' or '.join(codec.suffixes)}.",
        )
    if codec.images and _BY_SUFFIX.get(suffix, key) != key:
        raise OptionInvalid(
            f"output {output.name!r}: {codec.name} doesn't go into {suffix}",
            hint="Give a folder, or a pattern such as frames/%04d.png.",
        )
    if not codec.images:
        require_encoder(codec.encoder)
    return codec


def check_size(width: int, height: int, scale: float, codec: Codec) -> tuple[int, int]:
    """Return the output's size in pixels.

    Raises `OptionInvalid` if a side is below 1 or above 16384 pixels, or odd where the codec needs
    even sides.
    """
    if not (math.isfinite(scale) and scale >= MIN_SCALE):
        raise OptionInvalid(
            f"scale {scale:g}: must be at least {MIN_SCALE}",
            hint="For a smaller picture, make --width and --height smaller.",
        )
    # The browser rounds fractions of a pixel up, except for rounding errors.
    pixels = (math.ceil(width * scale - 1e-3), math.ceil(height * scale - 1e-3))
    if min(pixels) < 1 or max(pixels) > 16384:
        raise OptionInvalid(f"size {pixels[0]}x{pixels[1]}: each side must be 1 to 16384 pixels")
    needs_even = codec.name in ("h264", "h265", "vp9", "av1")
    if needs_even and (pixels[0] % 2 or pixels[1] % 2):
        even = "x".join(str(side + side % 2) for side in pixels)
        raise OptionInvalid(
            f"size {pixels[0]}x{pixels[1]}: {codec.name} in yuv420p needs even sides",
            hint=f"Use {even}, or a codec without this limit (prores, png).",
        )
    return pixels


def check_encoding(encoding: VideoEncoding, *, transparent: bool = False) -> None:
    """Check settings that the encoder would refuse only when it receives frames.

    Raises `OptionInvalid` if the preset isn't known, the constant rate factor is out of the codec's
    range, or the codec stores no transparency.
    """
    if encoding.preset is not None and encoding.preset not in PRESETS:
        raise OptionInvalid(
            f"preset {encoding.preset!r}: not known", hint=f"Presets: {', '.join(PRESETS)}."
        )
    codec, crf = encoding.codec, encoding.crf
    if crf is not None and codec.max_crf is not None and not 0 <= crf <= codec.max_crf:
        raise OptionInvalid(
            f"quality {crf}: {codec.name}'s constant rate factor is 0 to {codec.max_crf}",
            hint="Lower is better; leave it out for the default.",
        )
    if transparent and not codec.alpha:
        raise OptionInvalid(
            f"transparent: {codec.name} holds no transparency",
            hint="Use prores (.mov), vp9 (.webm) or png.",
        )


def input_arguments() -> list[str]:
    """Return ffmpeg's arguments for reading numbered frames from its standard input.

    With default probing, ffmpeg buffers megabytes of frames before it encodes the first, and
    capturing and encoding don't overlap. An explicit format and a small probe size avoid that.
    """
    return ["-f", "ivf", "-probesize", "32", "-analyzeduration", "0", "-i", "pipe:0"]


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

    A JPEG holds full-range YCbCr by BT.601 (JFIF 1.02); the `colorspace` filter goes from there
    to BT.709 in one step. PNG holds RGB, which `scale` converts.
    """
    if image == "jpeg" and pixel_format == "yuv420p":
        source = "ispace=smpte170m:iprimaries=bt709:itrc=bt709:irange=pc"
        return f"colorspace={source}:all=bt709:range=tv:format=yuv420p"
    return (
        "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,"
        # ProRes takes its tags from the frames, not from encoder options.
        f"format={pixel_format},"
        "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
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
