"""Reads the presentation time of each frame of a video file from its container."""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from helios.errors import MediaUnsupported
from helios.media.ffmpeg import file_url, run_ffprobe
from helios.renderer.media.file_state import OncePerFile
from helios.renderer.media.packets import Packet

#: Longest tick, in seconds, of clocks whose time stamps are treated as rounded. Coarser clocks,
#: such as those that count frames, are exact.
COARSEST_ROUNDED_TICK = Fraction(1, 500)
#: Tick, in seconds, of the clock of edit lists.
START_SLACK = Fraction(1, 1000)


#: Frame rates to try beside those that ffprobe reports.
_USUAL_RATES = tuple(
    Fraction(rate)
    for rate in ("24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60")
)
#: Least number of frames from which a steady rate is derived.
_MIN_FRAMES = 3


@dataclass(frozen=True)
class FrameTimes:
    """The frames of a file's first video stream, if it has one.

    Attributes:
        codec: ffmpeg's name of the codec; empty without a stream.
        stamps: Presentation times in microseconds from the file's start, as recorded, ascending.
        begins: The exact times before rounding: those of a steady rate, if all stamps are roundings
            of it.
        slack: Tolerance of `begins` in microseconds.
        packets: Packets that have times, in decoding order.
        shift: Seconds from these times to the file's own, which may begin before 0.
    """

    codec: str
    stamps: tuple[int, ...]
    begins: tuple[float, ...]
    slack: float
    packets: tuple[Packet, ...] = ()
    shift: float = 0.0


async def read_frame_times(source: Path | str) -> FrameTimes:
    """List the frames of a file or URL.

    Times are those of the browser's media timeline: edit lists are applied, and a file that begins
    before 0 is shifted to 0. Raises `MediaUnsupported` if ffprobe can't read the source.
    """
    entries = "format=start_time:stream=codec_name,time_base,r_frame_rate,avg_frame_rate"
    report = await run_ffprobe(
        [
            *("-select_streams", "V:0", "-of", "csv=nk=0"),
            *("-show_entries", f"{entries}:packet=pts,pts_time,dts_time,flags", file_url(source)),
        ],
        error=MediaUnsupported,
        message=f"{source}: its frames can't be listed",
    )
    return parse_frame_times(report.decode())


#: Lists the frames of a file on the disk in its present state.
file_frame_times = OncePerFile(read_frame_times)


class SourceTimes:
    """Lists the frames of a file once for each of its states, and those of a URL once."""

    def __init__(self) -> None:
        self._remote: dict[str, FrameTimes] = {}

    async def __call__(self, source: Path | str) -> FrameTimes:
        """Return the frames of a file or URL; errors are those of `read_frame_times`."""
        if isinstance(source, Path):
            return await file_frame_times(source)
        if source not in self._remote:
            self._remote[source] = await read_frame_times(source)
        return self._remote[source]


def parse_frame_times(report: str) -> FrameTimes:
    """Parse ffprobe's output, whose rows consist of a kind and `name=value` pairs."""
    stream: dict[str, str] = {}
    start = Fraction(0)
    ticks = set()
    packets = []
    for row in report.splitlines():
        kind, *pairs = row.split(",")
        entry = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        if kind == "packet":
            # Packets without a time stamp are second fields of a frame; discarded ones are cut by
            # an edit list.
            if entry.get("pts", "N/A") != "N/A" and "D" not in entry.get("flags", ""):
                ticks.add(int(entry["pts"]))
            shown, decoded = (entry.get(name, "N/A") for name in ("pts_time", "dts_time"))
            if "N/A" not in (shown, decoded):
                is_key = entry.get("flags", "").startswith("K")
                packets.append(Packet(float(shown), float(decoded), is_key))
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
        packets=tuple(packets),
        shift=float(start),
    )


def _steady_times(times: list[Fraction], rate: Fraction, slack: Fraction) -> list[Fraction]:
    """Return the times of a steady rate of which these are roundings; empty if there are none.

    Frames may be missing.
    """
    if len(times) < _MIN_FRAMES:
        return []
    steady = []
    for time in times:
        number = round((time - times[0]) * rate)
        steady.append(times[0] + number / rate)
        # The first time is rounded too.
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
