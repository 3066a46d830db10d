"""Media for cases: films whose pictures carry their numbers, and tones."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.cases.shown import HEIGHT, SAMPLE_RATE, WIDTH

_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "14", "-pix_fmt", "yuv420p")
#: With what makes seeking hard: frames out of order, keyframes a second apart.
_FILM = (*_H264, "-bf", "3", "-g", "30")
_VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-pix_fmt", "yuv420p")

Maker = Callable[[Path], None]


class MediaFolder:
    """A folder whose files are made when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> Path:
        """Return a file of `MEDIA`."""
        path = self._folder / name
        if not path.exists():
            MEDIA[name](path)
        return path


def _ffmpeg(*arguments: str | Path, data: bytes | None = None) -> None:
    command = ["ffmpeg", "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, input=data, check=True)


def _pictures(numbers: Sequence[int]) -> bytes:
    """Draw eight bars for each number: its bits from the lowest, at the left, as white and black."""
    bits = (np.array(numbers)[:, None] >> np.arange(8)) & 1
    rows = np.repeat(np.where(bits, 235, 16).astype(np.uint8), WIDTH // 8, axis=1)
    frames = np.repeat(rows[:, None, :], HEIGHT, axis=1)
    frames[:, HEIGHT // 2 :] = 120
    return frames.tobytes()


def _film(numbers: Sequence[int], rate: str, *encoding: str) -> Maker:
    raw = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{WIDTH}x{HEIGHT}", "-r", rate, "-i", "-")
    return lambda path: _ffmpeg(*raw, *encoding, path, data=_pictures(numbers))


def _tones(*parts: tuple[int, float], peak: float = 0.5) -> Maker:
    """Return what makes sines one after the other, each given as Hz and seconds."""

    def make(path: Path) -> None:
        waves = [
            peak * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)
            for hertz, seconds in parts
        ]
        raw = ("-f", "f32le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "-")
        _ffmpeg(*raw, path, data=np.concatenate(waves).astype("<f4").tobytes())

    return make


def _coloured(colour: str, hertz: int) -> Maker:
    """Return what makes one second of a colour, with a tone whose peak is an eighth."""
    picture = f"color={colour}:s={WIDTH}x{HEIGHT}:r=30:d=1"
    tone = f"sine=f={hertz}:r={SAMPLE_RATE}:d=1"
    inputs = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone)
    return lambda path: _ffmpeg(*inputs, *_H264, "-c:a", "aac", "-shortest", path)


def _standing(path: Path) -> None:
    """Make a film that is stored lying: red at the left, blue at the right, which belongs on top."""
    sides = [f"color={colour}:s={WIDTH // 2}x{HEIGHT}:r=30:d=1" for colour in ("red", "blue")]
    inputs = [word for side in sides for word in ("-f", "lavfi", "-i", side)]
    _ffmpeg(*inputs, "-filter_complex", "hstack", *_H264, path)
    # The track header's matrix, 40 bytes behind its name, turns pictures (ISO 14496-12, 8.3.2).
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    one, last = 1 << 16, 1 << 30
    matrix = (0, -one, 0, one, 0, 0, 0, WIDTH * one, last)
    data[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(data)


def _half_clear(path: Path) -> None:
    """Make a film whose left half is green at half opacity and whose right half is clear."""
    picture = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    picture[:, : WIDTH // 2] = (0, 255, 0, 128)
    raw = ("-f", "rawvideo", "-pix_fmt", "rgba", "-s", f"{WIDTH}x{HEIGHT}", "-r", "30", "-i", "-")
    alpha = ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-auto-alt-ref", "0", "-b:v", "1M")
    _ffmpeg(*raw, *alpha, path, data=picture.tobytes() * 30)


def _late(path: Path) -> None:
    """Make a film whose pictures begin half a second after its sound: an edit list says so."""
    on_time = path.with_name("on-time.mp4")
    _film(range(60), "30", *_FILM)(on_time)
    tone = ("-f", "lavfi", "-i", f"sine=f=440:r={SAMPLE_RATE}:d=2")
    inputs = ("-itsoffset", "0.5", "-i", on_time, *tone, "-map", "0:v", "-map", "1:a")
    _ffmpeg(*inputs, "-c:v", "copy", "-c:a", "aac", path)


def _uneven(path: Path) -> None:
    """Make a film that lacks frames 1, 4, 7, ...; those before them last twice as long."""
    raw = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{WIDTH}x{HEIGHT}", "-r", "30", "-i", "-")
    thinned = ("-vf", "select='mod(n,3)-1'", "-fps_mode", "vfr")
    _ffmpeg(*raw, *thinned, *_H264, path, data=_pictures(range(60)))


def _moving(*seconds: float, **options: Any) -> Maker:
    """Return what makes an animated image: a red box on a clear ground, at 5 px times its number."""

    def make(path: Path) -> None:
        pictures = []
        for number in range(len(seconds)):
            picture = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
            picture.paste((204, 0, 0, 255), (5 * number, 20, 5 * number + 40, 60))
            pictures.append(picture)
        exact = [1000 * length for length in seconds]
        lengths = exact if path.suffix == ".png" else [round(length) for length in exact]
        pictures[0].save(
            path, save_all=True, append_images=pictures[1:], duration=lengths, **options
        )

    return make


#: File name to what makes it.
MEDIA: dict[str, Maker] = {
    "film.mp4": _film(range(95), "30", *_FILM),
    "film-600.mp4": _film(range(65), "30", *_FILM, "-video_track_timescale", "600"),
    "film-2997.mp4": _film(range(65), "30000/1001", *_FILM),
    "film-24.mp4": _film(range(50), "24", *_FILM),
    "short.mp4": _film(range(30), "30", *_FILM),
    "fragments.mp4": _film(
        range(40),
        "30",
        *_H264,
        "-profile:v",
        "high",
        "-movflags",
        "frag_keyframe+empty_moov+default_base_moof",
    ),
    "film.webm": _film(range(65), "30", *_VP9),
    "film-23976.webm": _film(range(65), "24000/1001", *_VP9),
    "still-start.mp4": _film([0] * 15 + list(range(15, 45)), "30", *_FILM),
    "standing.mp4": _standing,
    "half-clear.webm": _half_clear,
    "late.mp4": _late,
    "uneven.mp4": _uneven,
    "red.mp4": _coloured("red", 440),
    "blue.mp4": _coloured("blue", 880),
    "440.wav": _tones((440, 3)),
    "880.wav": _tones((880, 3)),
    "two-tones.wav": _tones((440, 0.4), (880, 0.4)),
    "440-1s.wav": _tones((440, 1)),
    "880-1s.wav": _tones((880, 1)),
    "880.m4a": _tones((880, 3)),
    "steps.wav": _tones((440, 1), (880, 1), (1320, 1), (1760, 1)),
    "uneven.gif": _moving(0.1, 0.05, 0.05, 0.2, 0.1, loop=0, disposal=2),
    "thirds.gif": _moving(*(0.03, 0.03, 0.04) * 4, loop=0, disposal=2),
    "hurried.gif": _moving(0.01, 0.01, 0.01, loop=0, disposal=2),
    "once.gif": _moving(0.1, 0.1, 0.1, disposal=2),
    "sixtieths.png": _moving(*[1 / 60] * 20, loop=0),
    "thirds.webp": _moving(*(0.033, 0.033, 0.034) * 4, loop=0, lossless=True),
    "eighths.webp": _moving(*[0.125] * 4, loop=0, lossless=True),
    "tenths.avif": _moving(*[0.1] * 4, quality=100),
    "1000.wav": _tones((1000, 1), peak=10 ** (-6 / 20)),
}
