"""Video codecs, their containers, and their limits."""

import math
from dataclasses import dataclass
from pathlib import Path

from helios.errors import OptionInvalid
from helios.media.ffmpeg import require_ffmpeg

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


@dataclass(frozen=True)
class Codec:
    """A video codec that users can choose.

    Attributes:
        name: Name on the command line.
        encoder: ffmpeg's encoder.
        suffixes: File name endings of containers that hold it, the usual one first.
        alpha: Whether it can store transparency.
        images: Whether the output is a folder of numbered images.
        max_crf: Largest constant rate factor; None for codecs without one.
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
#: Codecs whose frames without transparency are yuv420p, which needs even sides.
YUV420_CODECS = ("h264", "h265", "vp9", "av1")
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

    Attributes:
        codec: One of `CODECS`.
        crf: Constant rate factor, or None for the codec's default; 0 is lossless H.264.
        preset: Encoder speed, one of `PRESETS`; None for the codec's default.
        every_frame: Encode repeated frames too.
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

    Raises:
        OptionInvalid: There is no such codec, or the container can't hold it.
        ProgramMissing: ffmpeg isn't installed. Whether it has the encoder shows when the encoder
            starts: asking for the list takes as long as encoding ten frames.
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
        require_ffmpeg()
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
    if codec.name in YUV420_CODECS and (pixels[0] % 2 or pixels[1] % 2):
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
