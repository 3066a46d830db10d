"""Encoder settings of a merge."""

from dataclasses import dataclass
from fractions import Fraction

from helios.errors import OptionInvalid
from helios.media.ffmpeg import require_encoder

#: ffmpeg's encoders for the usual codec names.
ENCODERS = {
    "h264": "libx264",
    "avc": "libx264",
    "h265": "libx265",
    "hevc": "libx265",
    "vp9": "libvpx-vp9",
    "av1": "libsvtav1",
    "prores": "prores_ks",
    "opus": "libopus",
    "mp3": "libmp3lame",
    "pcm": "pcm_s16le",
    "vorbis": "libvorbis",
}
_PRESETS = frozenset({"libx264", "libx265", "libsvtav1"})


@dataclass(frozen=True)
class MergeEncoding:
    """What a merge encodes again; None for all fields copies the streams.

    Codecs are names (`h264`, `vp9`, ...) or ffmpeg encoders; `copy` keeps a stream. `quality` is
    the constant rate factor of the video encoder, lower is better; `preset` is its speed.
    """

    video_codec: str | None = None
    audio_codec: str | None = None
    quality: int | None = None
    preset: str | None = None

    @property
    def encodes_video(self) -> bool:
        """Whether the video is encoded again."""
        asked = (self.video_codec, self.quality, self.preset) != (None, None, None)
        return asked and self.video_codec != "copy"

    def video_options(self, *, container: str, rate: Fraction) -> list[str]:
        """Return ffmpeg's options for the video stream."""
        if not self.encodes_video:
            if container not in ("webm", "matroska"):
                return ["-c:v", "copy"]
            # WebM and Matroska count in milliseconds: round the time of frames, not of chunks.
            # In WebM, frames are shown in decoding order, unlike H.264 and H.265 in Matroska.
            return ["-c:v", "copy"] + (
                ["-bsf:v", f"setts=ts=round(N*{rate.denominator}/{rate.numerator}/TB)"]
                if container == "webm"
                else []
            )
        codec = encoder_for(self.video_codec or ("vp9" if container == "webm" else "h264"))
        options = ["-vf", f"settb={rate.denominator}/{rate.numerator},setpts=N", "-r", str(rate)]
        options += ["-c:v", codec]
        if self.quality is not None:
            prores = codec.startswith("prores")
            options += ["-qscale:v" if prores else "-crf", str(self.quality)]
            options += ["-b:v", "0"] if codec.startswith("libvpx") else []
        if self.preset is not None:
            if codec not in _PRESETS:
                raise OptionInvalid(f"preset: the encoder {codec} has no presets")
            options += ["-preset", self.preset]
        return options


def encoder_for(codec: str) -> str:
    """Return ffmpeg's encoder for a codec, which has to be installed; `copy` stays."""
    name = ENCODERS.get(codec.lower(), codec)
    return name if name == "copy" else require_encoder(name)
