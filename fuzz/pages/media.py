"""The media files that generated pages use, made by ffmpeg."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from PIL import Image

#: Length of each video and audio file in seconds.
_SECONDS = 1.2
_SIZE = "96x64"

_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-pix_fmt", "yuv420p")
_VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-pix_fmt", "yuv420p")
_VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-pix_fmt", "yuv420p")
_AV1 = ("-c:v", "libsvtav1", "-preset", "12", "-pix_fmt", "yuv420p")

Maker = Callable[[Path], None]


def _ffmpeg(*arguments: str | Path) -> None:
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True, stderr=subprocess.DEVNULL
    )


def _film(rate: str, *encoding: str, sound: bool = False, filters: str = "") -> Maker:
    """Return ffmpeg's arguments for a video whose frames all differ."""

    def make(path: Path) -> None:
        picture = f"testsrc2=s={_SIZE}:r={rate}:d={_SECONDS}{filters}"
        tone = f"sine=f=330:r=48000:d={_SECONDS}"
        audio = ("-f", "lavfi", "-i", tone) if sound else ()
        _ffmpeg("-f", "lavfi", "-i", picture, *audio, *encoding, path)

    return make


def _tones(*encoding: str) -> Maker:
    def make(path: Path) -> None:
        sweep = f"aevalsrc=sin(400*t*t+900*t)*0.6:s=48000:d={_SECONDS}"
        _ffmpeg("-f", "lavfi", "-i", sweep, *encoding, path)

    return make


def _picture(size: str, *encoding: str) -> Maker:
    def make(path: Path) -> None:
        _ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}", "-frames:v", "1", *encoding, path)

    return make


def _noise(path: Path) -> None:
    Image.effect_noise((90, 60), 80).save(path)


def _font(path: Path) -> None:
    found = ["fc-match", "-f", "%{file}", "DejaVu Serif:bold"]
    font = subprocess.run(found, capture_output=True, text=True, check=True).stdout
    shutil.copy(font, path)


VIDEO: dict[str, Maker] = {
    "30.mp4": _film("30", *_H264, "-bf", "3", "-g", "12", "-c:a", "aac", sound=True),
    "24.mp4": _film("24", *_H264, "-bf", "2"),
    "25-one-key.mp4": _film("25", *_H264, "-g", "250"),
    "60.mp4": _film("60", *_H264, "-bf", "0"),
    "2997.mp4": _film("30000/1001", *_H264),
    "30-600.mp4": _film("30", *_H264, "-video_track_timescale", "600"),
    "30.webm": _film("30", *_VP9),
    "24.webm": _film("24", *_VP8),
    "30-av1.mp4": _film("30", *_AV1),
    "variable.mp4": _film("30", *_H264, "-fps_mode", "vfr", filters=",select='mod(n\\,3)-1'"),
    "intra.mov": _film("30", "-c:v", "libx264", "-g", "1", "-pix_fmt", "yuv420p"),
}
AUDIO: dict[str, Maker] = {
    "tones.wav": _tones(),
    "tones.m4a": _tones("-c:a", "aac"),
    "tones.mp3": _tones("-c:a", "libmp3lame"),
    "tones.ogg": _tones("-c:a", "libvorbis"),
    "tones.opus": _tones("-c:a", "libopus"),
}
#: ffmpeg's arguments by file name.
MEDIA: dict[str, Maker] = {
    **VIDEO,
    **AUDIO,
    "photo.jpg": _picture("120x80"),
    "photo.webp": _picture("120x80"),
    "small.png": _picture("16x12"),
    "noise.png": _noise,
    "serif.ttf": _font,
}


def make_media(folder: Path) -> None:
    """Create all files that the folder lacks."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in MEDIA.items():
        if not (folder / name).exists():
            make(folder / name)
