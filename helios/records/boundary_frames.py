"""The pictures at both ends of a chunk, from which seams between chunks are checked.

A chunk also draws the last frame of the chunk before it, without encoding it. If both pictures of
that frame are equal, the page looks the same from either chunk's start, and the seam is proven.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Self

from helios.output import whole_output

#: Environment variable with the file for a command's boundary frames. An option would change the
#: command in the job spec, and with it the chunk's key.
BOUNDARY_VARIABLE = "HELIOS_BOUNDARY_FRAMES"
#: Largest size of both pictures in bytes; of larger ones, only digests are kept.
MAX_PICTURE_BYTES = 32 << 20
#: Largest size in bytes of the JSON header before the pictures.
_MAX_FACTS_BYTES = 16 << 10
#: Largest size in bytes of a file with boundary frames.
MAX_FILE_BYTES = MAX_PICTURE_BYTES + _MAX_FACTS_BYTES


@dataclass(frozen=True, kw_only=True)
class BoundaryFrames:
    """Digests of the frames at both ends of a chunk.

    Attributes:
        start, frames: The chunk's first frame, and its number of frames.
        before: SHA-256 of the picture of the frame before the first one; None for frame 0.
        last: SHA-256 of the last frame's picture.
        replayed: Whether every frame from 0 on was visited.
        renderer: Versions and machine, on which pixels depend. Only pictures of one renderer are
            identical.
        output: SHA-256 of the chunk's output.
        sizes: Bytes of the two stored pictures; 0 for a picture that isn't stored.
    """

    start: int
    frames: int
    last: str
    before: str | None = None
    replayed: bool = False
    renderer: Mapping[str, str] = field(default_factory=dict)
    output: str = ""
    sizes: Sequence[int] = (0, 0)

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read boundary frames from a file; None if it can't be read."""
        try:
            with path.open("rb") as file:
                return cls._facts_in(file)
        except (OSError, ValueError, TypeError):
            return None

    @classmethod
    def _facts_in(cls, file: IO[bytes]) -> Self:
        return cls(**json.loads(file.readline(_MAX_FACTS_BYTES)))

    def save(self, path: Path, pictures: "BoundaryPictures") -> None:
        """Write the boundary frames and their pictures to a file, atomically."""
        kept = pictures if pictures.size <= MAX_PICTURE_BYTES else BoundaryPictures()
        sizes = [len(picture or b"") for picture in (kept.before, kept.last)]
        facts = dataclasses.asdict(dataclasses.replace(self, sizes=sizes))
        with whole_output(path) as folder, (folder / "whole").open("wb") as file:
            file.write(json.dumps(facts).encode() + b"\n")
            file.write(kept.before or b"")
            file.write(kept.last or b"")


@dataclass(frozen=True, kw_only=True)
class BoundaryPictures:
    """The captured pictures; None for a picture that isn't stored."""

    before: bytes | None = None
    last: bytes | None = None

    @property
    def size(self) -> int:
        """Total size in bytes."""
        return len(self.before or b"") + len(self.last or b"")

    @classmethod
    def parse(cls, data: bytes) -> Self | None:
        """Return the pictures in a file with boundary frames; None if it is damaged."""
        facts, _, rest = data.partition(b"\n")
        try:
            first, second = json.loads(facts)["sizes"]
        except (ValueError, TypeError, LookupError):
            return None
        if len(rest) != first + second:
            return None
        return cls(before=rest[:first] or None, last=rest[first:] or None)


def picture_digest(picture: bytes) -> str:
    """Return the digest of a captured picture."""
    return hashlib.sha256(picture).hexdigest()


def boundary_beside(output: str) -> str:
    """Return the name of the file with the boundary frames of an output."""
    return str(PurePosixPath(output).with_suffix(".boundary"))
