"""Digests of a chunk's first and last encoded frames, to find them again in the video."""

import hashlib
from collections.abc import Sequence

from pydantic import Field

from helios.contract.wire_model import WireModel

#: Frames that are noted at each end of a chunk.
END_FRAMES = 2
#: Cells in a row and in a column of a thumbnail; each is the mean brightness of its part.
THUMBNAIL_SIZE = (16, 9)
#: Brightness up to which a cell is black: 16 in most videos, plus what coding adds.
_BLACK = 20
#: Brightness from which a cell certainly shows something.
_LIT = 40
#: Difference of cells' mean brightness that decoders and scalers of other makes explain.
_ALIKE = 6.0
_DIGEST_LENGTH = 16


class ChunkEnd(WireModel, extra="ignore"):
    """The first or the last frames of a chunk."""

    encoded: list[str] = Field(
        description="Digest of each frame as it is encoded, in order of decoding."
    )
    thumbnails: list[str] = Field(
        default_factory=list,
        description="Each frame in 16 x 9 cells of brightness, hexadecimal, in order of showing; "
        "empty where it wasn't decoded.",
    )


class ChunkEnds(WireModel, extra="ignore"):
    """Both ends of a chunk."""

    first: ChunkEnd
    last: ChunkEnd
    sizes: str = Field(default="", description="Digest of the sizes of all encoded frames.")


def frame_digest(data: bytes) -> str:
    """Return the digest by which an encoded frame is known again."""
    return hashlib.sha256(data).hexdigest()[:_DIGEST_LENGTH]


def sizes_digest(sizes: Sequence[int]) -> str:
    """Return the digest of encoded frames' sizes: other frames have other sizes."""
    return frame_digest(",".join(map(str, sizes)).encode())


def is_black(thumbnail: str) -> bool:
    """Tell whether a frame shows nothing but black."""
    return max(bytes.fromhex(thumbnail)) <= _BLACK


def is_lit(thumbnail: str) -> bool:
    """Tell whether a frame clearly shows something."""
    return max(bytes.fromhex(thumbnail)) >= _LIT


def is_same_picture(thumbnail: str, other: str) -> bool:
    """Tell whether two thumbnails can be of the same frame."""
    cells, others = bytes.fromhex(thumbnail), bytes.fromhex(other)
    distance = sum(abs(a - b) for a, b in zip(cells, others, strict=True))
    return distance <= _ALIKE * len(cells)
