"""The trace of a chunk: where the time of its frames went, and small pictures of some of them."""

import base64
import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, TypeVar, get_args

from helios.output import whole_output, write_failure

#: Environment variable with the folder for a command's trace. An option would change the command
#: in the job spec, and with it the chunk's key.
TRACE_VARIABLE = "HELIOS_TRACE"
#: Limit of pictures of a chunk, and of the bytes of all of them.
MAX_PICTURES = 8
MAX_PICTURE_BYTES = 18 * 1024
#: Ranges of frames whose times are recorded.
MAX_SPANS = 16
#: Largest size of a stored trace in bytes: pictures in base64, and the times.
MAX_TRACE_BYTES = 30 * 1024

#: What the time of a frame is spent on: the fields of `FrameSpan`.
TimeKind = Literal["script", "waiting", "raster", "encoding"]
TIME_KINDS: tuple[TimeKind, ...] = get_args(TimeKind)

Item = TypeVar("Item")

_FACTS = "facts.json"
_PICTURE = re.compile(r"(?P<number>\d{1,9})\.jpg")
_START_OF_JPEG, _END_OF_JPEG = b"\xff\xd8\xff", b"\xff\xd9"
# A file that starts as above, in base64.
_JPEG_TEXT = re.compile(r"/9j/([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?")
_MOST = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSpan:
    """A range of frames, and the seconds that a chunk's browsers and encoder took for it.

    Attributes:
        start, frames: First frame on the timeline, and number of frames.
        script: Moving the page: scripts, styles and layout.
        waiting: Waiting for what the page loads.
        raster: Drawing and capturing pictures.
        encoding: Waiting for the encoder.
    """

    start: int
    frames: int
    script: float = 0.0
    waiting: float = 0.0
    raster: float = 0.0
    encoding: float = 0.0

    def __post_init__(self) -> None:
        """Raise `ValueError` for what no render records: a stored trace may be a stranger's."""
        _check("start", self.start, int)
        _check("frames", self.frames, int, least=1)
        for kind in TIME_KINDS:
            _check(kind, getattr(self, kind), int, float)

    @property
    def seconds(self) -> float:
        """The time of all kinds."""
        return self.script + self.waiting + self.raster + self.encoding


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePicture:
    """A small picture of a frame: its number on the timeline, and a JPEG file in base64."""

    frame: int
    jpeg: str

    def __post_init__(self) -> None:
        """Raise `ValueError` for what is no picture."""
        _check("frame", self.frame, int)
        if not (isinstance(self.jpeg, str) and _JPEG_TEXT.fullmatch(self.jpeg)):
            raise ValueError("jpeg: is no JPEG file in base64")

    @property
    def data(self) -> bytes:
        """The JPEG file."""
        return base64.b64decode(self.jpeg)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkTrace:
    """Times and pictures of a chunk's frames, and the versions of what drew them."""

    spans: Sequence[FrameSpan] = ()
    pictures: Sequence[FramePicture] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise `ValueError` for versions that aren't text."""
        if not all(isinstance(text, str) for text in self.versions.values()):
            raise ValueError("versions: are not text")

    @classmethod
    def parse(cls, data: bytes) -> "ChunkTrace | None":
        """Parse a stored trace; None if it is damaged."""
        try:
            facts = json.loads(data)
            return cls(
                spans=[FrameSpan(**span) for span in facts["spans"]],
                pictures=[FramePicture(**picture) for picture in facts["pictures"]],
                versions=dict(facts["versions"]),
            )
        except (ValueError, TypeError, LookupError, RecursionError):
            return None

    def to_bytes(self) -> bytes:
        """Return the trace as it is stored."""
        return json.dumps(dataclasses.asdict(self), separators=(",", ":")).encode() + b"\n"

    @classmethod
    def read(cls, folder: Path, *, start: int) -> "ChunkTrace":
        """Read the trace in a folder, as far as it is there, also while its command runs.

        Of pictures beyond the limits, some are left out. `start` is the chunk's first frame.
        """
        try:
            with (folder / _FACTS).open("rb") as file:
                facts = cls.parse(file.read(MAX_TRACE_BYTES))
        except OSError:
            facts = None
        found = list(_pictures_in(folder))
        while sum(len(jpeg) for _, jpeg in found) > MAX_PICTURE_BYTES:
            found = evenly(found, len(found) - 1)
        pictures = [
            FramePicture(frame=start + number, jpeg=base64.b64encode(jpeg).decode())
            for number, jpeg in found
        ]
        return dataclasses.replace(facts or cls(), pictures=pictures)

    def save_facts(self, folder: Path) -> None:
        """Write all but the pictures into a folder."""
        with whole_output(folder / _FACTS) as scratch:
            (scratch / "whole").write_bytes(dataclasses.replace(self, pictures=()).to_bytes())

    def thinned(self, pictures: int) -> "ChunkTrace":
        """Return the trace with at most so many pictures, evenly chosen."""
        return dataclasses.replace(self, pictures=evenly(self.pictures, pictures))


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """Return at most so many items, spread evenly over all."""
    count = min(most, len(items))
    return [items[number * len(items) // count] for number in range(count)]


def clear_trace(folder: Path) -> None:
    """Make a folder for a trace, without what an earlier attempt left in it.

    Raises:
        OutputUnwritable, DiskFull: It can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _FACTS).unlink(missing_ok=True)
        for path in folder.iterdir():
            if _PICTURE.fullmatch(path.name):
                path.unlink()
    except OSError as fault:
        raise write_failure(fault, output=folder) from fault


def trace_beside(output: str) -> str:
    """Return the name of the folder with the trace of an output."""
    return str(PurePosixPath(output).with_suffix(".trace"))


def _pictures_in(folder: Path) -> Iterator[tuple[int, bytes]]:
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return
    numbers = sorted(int(found["number"]) for found in map(_PICTURE.fullmatch, names) if found)
    for number in numbers[:MAX_PICTURES]:
        try:
            with (folder / f"{number}.jpg").open("rb") as file:
                data = file.read(MAX_PICTURE_BYTES)
        except OSError:
            continue
        # The encoder may be writing it, or it is longer than the limit.
        if data.startswith(_START_OF_JPEG) and data.endswith(_END_OF_JPEG):
            yield number, data


def _check(name: str, value: float, *types: type, least: int = 0) -> None:
    # Types are exact, as a bool is an int as well. A comparison with NaN is false.
    if type(value) not in types or not least <= value <= _MOST:
        raise ValueError(f"{name}: {value!r} is not a number from {least} to {_MOST}")
