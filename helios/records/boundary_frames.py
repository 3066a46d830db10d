"""The pictures at both ends of a chunk, by which a seam between two chunks is proven.

A chunk draws the last frame of the chunk before it as well, without encoding it. The seam is proven
if that picture is the one that the other chunk ended with: the page looks the same, whether it was
brought to the frame from the beginning of one chunk or of the other.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Self

from helios.output import whole_output

#: Environment variable that names the file for a command's boundary frames. Commands stay as they
#: are in the job spec, and so do the keys of their chunks.
BOUNDARY_VARIABLE = "HELIOS_BOUNDARY_FRAMES"
#: Bytes of pictures beyond which only their digests are kept.
MAX_PICTURE_BYTES = 32 << 20
#: Bytes of the facts in front of the pictures at most.
_MAX_FACTS_BYTES = 16 << 10
#: Bytes of a file with boundary frames at most.
MAX_FILE_BYTES = MAX_PICTURE_BYTES + _MAX_FACTS_BYTES


@dataclass(frozen=True, kw_only=True)
class BoundaryFrames:
    """Digests of the frames at both ends of a chunk.

    Attributes
    ----------
    start, frames:
        The chunk's first frame, and how many it has.
    before:
        SHA-256 of the picture of the frame before the first one, as this chunk's browser drew it;
        None for frame 0.
    last:
        SHA-256 of the last frame's picture.
    replayed:
        Whether every frame from 0 on was visited.
    renderer:
        What else decides pixels: versions and machine. Only pictures of one renderer are equal
        to the bit.
    output:
        SHA-256 of the file that holds the chunk.
    sizes:
        Bytes of the two pictures that are kept; 0 for one that isn't.
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
        """Read what a file says of boundary frames; None where it can't be read."""
        try:
            with path.open("rb") as file:
                return cls._facts_in(file)
        except (OSError, ValueError, TypeError):
            return None

    @classmethod
    def _facts_in(cls, file: IO[bytes]) -> Self:
        return cls(**json.loads(file.readline(_MAX_FACTS_BYTES)))

    def save(self, path: Path, pictures: "BoundaryPictures") -> None:
        """Write the boundary frames and their pictures to a file, which appears when it is whole.

        Raises
        ------
        OutputUnwritable, DiskFull
        """
        kept = pictures if pictures.size <= MAX_PICTURE_BYTES else BoundaryPictures()
        sizes = [len(picture or b"") for picture in (kept.before, kept.last)]
        facts = dataclasses.asdict(dataclasses.replace(self, sizes=sizes))
        with whole_output(path) as folder, (folder / "whole").open("wb") as file:
            file.write(json.dumps(facts).encode() + b"\n")
            file.write(kept.before or b"")
            file.write(kept.last or b"")


@dataclass(frozen=True, kw_only=True)
class BoundaryPictures:
    """The pictures themselves, as the browser gave them; None for one that isn't kept."""

    before: bytes | None = None
    last: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes of both."""
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
    """Return the digest by which a captured picture is compared with others."""
    return hashlib.sha256(picture).hexdigest()


def boundary_beside(output: str) -> str:
    """Return the name of the file with the boundary frames of an output."""
    return str(PurePosixPath(output).with_suffix(".boundary"))
