"""Small videos whose pictures carry their own numbers, in many containers and rates."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

WIDTH, HEIGHT = 160, 90
BITS = 8

_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", "-pix_fmt", "yuv420p")
_B_FRAMES = (*_H264, "-bf", "3", "-b_strategy", "0", "-g", "12")
_HEVC = ("-c:v", "libx265", "-x265-params", "log-level=none", "-preset", "ultrafast")
_VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-crf", "20", "-b:v", "0")
_VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M")


@dataclass(frozen=True)
class Clip:
    """A video file and the times in seconds at which its pictures 0, 1, 2, ... begin."""

    name: str
    times: Sequence[Fraction]
    encoding: Sequence[str]

    def shown_at(self, time: Fraction) -> int:
        """Return the number of the picture whose span holds a time."""
        begun = [number for number, start in enumerate(self.times) if start <= time]
        return begun[-1] if begun else 0

    def write(self, folder: Path) -> None:
        """Encode the clip, with pictures at whole 1/120000 s wherever their times are such."""
        pictures = b"".join(numbered_picture(number) for number in range(len(self.times)))
        # ffmpeg is given pictures one a tick, and each tick's time.
        ticks = [round(time * 120_000) for time in self.times]
        stamp = "+".join(f"eq(N,{number})*{tick}" for number, tick in enumerate(ticks))
        raw = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{WIDTH}x{HEIGHT}", "-r", "30")
        subprocess.run(
            [
                *("ffmpeg", "-y", "-loglevel", "error", *raw, "-i", "-"),
                *("-vf", f"settb=1/120000,setpts='{stamp}'", "-fps_mode", "vfr"),
                *("-enc_time_base", "1/120000", *self.encoding, str(folder / self.name)),
            ],
            input=pictures,
            check=True,
        )


def numbered_picture(number: int) -> bytes:
    """Eight bars, white for a 1 and black for a 0, lowest bit at the left."""
    bar = WIDTH // BITS
    row = b"".join(bytes([235 if number >> bit & 1 else 16]) * bar for bit in range(BITS))
    return row * HEIGHT


def number_in(pixels: Sequence[int]) -> int:
    """Return the number that the levels in the middle of each bar stand for."""
    return sum(1 << bit for bit, level in enumerate(pixels) if level > 128)


def steady(rate: Fraction | int, *, start: Fraction | int = 0) -> list[Fraction]:
    """Return the times of one second of pictures."""
    return [start + number / Fraction(rate) for number in range(round(rate))]


FILM, BROADCAST = Fraction(24_000, 1001), Fraction(30_000, 1001)
#: Spans of 1/30 and 2/30 s by turns.
UNEVEN = [Fraction(n, 30) for n in range(32) if n % 3 != 1]
#: A screen recorder's: long spans of rest, and bursts.
BURSTS = [Fraction(n, 1000) for n in (0, 300, 316, 333, 350, 720, 737, 753, 770, 990)]

CLIPS = [
    Clip("24.mp4", steady(24), _B_FRAMES),
    Clip("25-ticks-of-90000.mp4", steady(25), (*_B_FRAMES, "-video_track_timescale", "90000")),
    Clip("30-ticks-of-600.mp4", steady(30), (*_B_FRAMES, "-video_track_timescale", "600")),
    Clip("30-ticks-of-30.mp4", steady(30), (*_H264, "-video_track_timescale", "30")),
    Clip("60.mp4", steady(60), _H264),
    Clip("23976.mp4", steady(FILM), _B_FRAMES),
    Clip("2997.mov", steady(BROADCAST), _B_FRAMES),
    Clip("uneven.mp4", UNEVEN, _B_FRAMES),
    Clip("bursts.mp4", BURSTS, _H264),
    Clip("without-edit-list.mp4", steady(30), (*_H264, "-use_editlist", "0")),
    Clip("fragmented.mp4", steady(30), (*_H264, "-movflags", "frag_keyframe+empty_moov")),
    Clip("late.mp4", steady(30, start=Fraction(2, 3)), _B_FRAMES),
    Clip("bursts-b-frames.mp4", BURSTS, _B_FRAMES),
    Clip("24-hevc.mp4", steady(24), _HEVC),
    Clip("30-prores.mov", steady(30), ("-c:v", "prores_ks")),
    Clip("25-mpeg4.mp4", steady(25), ("-c:v", "mpeg4", "-q:v", "2", "-enc_time_base", "1/25")),
    Clip("24-vp8.webm", steady(24), _VP8),
    Clip("30-vp9.webm", steady(30), _VP9),
    Clip("23976-vp9.webm", steady(FILM), _VP9),
    Clip("60-vp9.webm", steady(60), _VP9),
    Clip("bursts-vp9.webm", BURSTS, _VP9),
]
