"""Reads the presentation time of each frame of a video file from its container."""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from helios.errors import MediaUnsupported
from helios.media.ffmpeg import file_url, run_ffprobe

#: Seconds between two ticks of the coarsest clock whose time stamps count as rounded. A coarser
#: one, such as that of a file that counts in frames, says exactly what it means.
COARSEST_ROUNDED_TICK = Fraction(1, 500)
#: A tick, in seconds, of the clock by which an edit list says when a file begins.
START_SLACK = Fraction(1, 1000)


#: Frames per second that files are tried for, beside what ffprobe takes for theirs.
_USUAL_RATES = tuple(
    Fraction(rate)
    for rate in ("24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60")
)
#: Frames that a steady rate is told from, at least.
_LEAST_FRAMES = 3


@dataclass(frozen=True)
class FrameTimes:
    """The frames of a file's first video stream; none for a file without one.

    Attributes
    ----------
    codec:
        Name of the stream's codec as ffmpeg has it; empty without a stream.
    stamps:
        Microseconds from the file's start at which each frame is shown, as the file has them,
        ascending.
    begins:
        The same before the container rounded them: those of a steady rate, if all stamps are
        such times rounded.
    slack:
        Microseconds by which `begins` may be off.
    """

    codec: str
    stamps: tuple[int, ...]
    begins: tuple[float, ...]
    slack: float


async def read_frame_times(source: Path | str) -> FrameTimes:
    """List the frames of a file.

    Times are those of the browser's own media timeline: edit lists are applied, and a file that
    begins before 0 is shifted to begin at 0.

    Parameters
    ----------
    source:
        A file, or an http(s) URL.

    Raises
    ------
    MediaUnsupported
        ffprobe can't read the source.
    """
    entries = "format=start_time:stream=codec_name,time_base,r_frame_rate,avg_frame_rate"
    report = await run_ffprobe(
        [
            *("-select_streams", "V:0", "-of", "csv=nk=0"),
            *("-show_entries", f"{entries}:packet=pts,flags", file_url(source)),
        ],
        error=MediaUnsupported,
        message=f"{source}: its frames can't be listed",
    )
    return parse_frame_times(report.decode())


def parse_frame_times(report: str) -> FrameTimes:
    """Read ffprobe's listing, of which each row is a kind and `name=value` pairs."""
    stream: dict[str, str] = {}
    start = Fraction(0)
    ticks = set()
    for row in report.splitlines():
        kind, *pairs = row.split(",")
        entry = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        if kind == "packet":
            # Without a time stamp it is the second field of a frame; discarded is what an edit
            # list leaves out.
            if entry.get("pts", "N/A") != "N/A" and "D" not in entry.get("flags", ""):
                ticks.add(int(entry["pts"]))
        elif kind == "stream":
            stream = entry
        elif kind == "format" and entry.get("start_time", "N/A") != "N/A":
            start = min(Fraction(entry["start_time"]), Fraction(0))
    if not stream or not ticks:
        return FrameTimes(stream.get("codec_name", ""), (), (), 0.0)
    tick = Fraction(stream["time_base"])
    times = [stamp * tick - start for stamp in sorted(ticks)]
    slack = tick / 2 if tick <= COARSEST_ROUNDED_TICK else Fraction(0)
    named = [_rate(stream.get(name)) for name in ("r_frame_rate", "avg_frame_rate")]
    begins = next(
        (
            steady
            for rate in (*named, *_USUAL_RATES)
            if rate and (steady := _steady_times(times, rate, slack))
        ),
        None,
    )
    slack_left = Fraction(0) if begins else slack
    if times[0] > 0:
        slack_left = max(slack_left, START_SLACK)
    return FrameTimes(
        codec=stream["codec_name"],
        stamps=tuple(_microseconds(time) for time in times),
        begins=tuple(float(time * 1_000_000) for time in begins or times),
        slack=float(slack_left * 1_000_000),
    )


def _steady_times(times: list[Fraction], rate: Fraction, slack: Fraction) -> list[Fraction]:
    """Return the times of a steady rate that were rounded to these; empty if there are none.

    Some may be left out.
    """
    if len(times) < _LEAST_FRAMES:
        return []
    steady = []
    for time in times:
        number = round((time - times[0]) * rate)
        steady.append(times[0] + number / rate)
        # The first one was rounded as well.
        if abs(steady[-1] - time) > 2 * slack:
            return []
    return steady if len(set(steady)) == len(times) else []


def _rate(text: str | None) -> Fraction | None:
    try:
        return Fraction(text or "") or None
    except (ValueError, ZeroDivisionError):
        return None


def _microseconds(time: Fraction) -> int:
    """Round as the browser does: half away from zero."""
    return math.floor(time * 1_000_000 + Fraction(1, 2))
